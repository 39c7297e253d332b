"""Do the lattice fringes fit the crystals that the network knows: another magnification or another specimen does not.

Fringes are peaks in the local spectra of an image. Where the strongest lie at no distance of lattice planes of the
materials of the training, the pixel size is wrong or the specimen is another one. Seen at the pixel size of the
recording, which may be finer than that of the network: a length that is too small by a factor of two moves fringes
there.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import rfft2

from passband.checks.check import Check
from passband.checks.grain import squared_modulus
from passband.checks.subject import Array, Subject
from passband.patches.resampling import resample_to_pixel
from passband.segmentation.card import ModelCard
from passband.specimen.sampling import SceneDistribution
from passband.specimen.spacings import plane_spacings

TILE = 25.6  # Å, of a local spectrum
FINEST = 0.4  # Å; finer pixels are binned first
TILES, FEWER = 800, 200  # at most, of an image and for the level of its noise
LARGEST, SHORTEST = 6.7, 1.4  # Å, of fringes that are looked for, and that crystals are expected to show
TOLERANCE = 1.3 / TILE  # Å⁻¹, half the width of a peak
HIGHEST = 0.48  # of the pixel frequency
EMPTY = 0.01  # of the median over rings: a ring with less power holds nothing that was recorded


def known_spacings(card: ModelCard) -> tuple[float, ...]:
    """Distances of lattice planes, Å, of the materials of a training; none where the card does not name them."""
    scene = card.simulation.get("scene")
    if not isinstance(scene, dict):
        return ()
    known = SceneDistribution.model_validate(scene)
    return tuple(d for name in known.materials for d in plane_spacings(known.crystal(name), SHORTEST))


def highest_power(image: NDArray[np.floating], tile: int) -> tuple[Array, int, Array]:
    """Highest power among local spectra of an image (y, x) at each frequency, (y, x), noise being 1 on every ring.

    And how many spectra there are, and the frequencies (y, x) per pixel.
    """
    step = max(tile // 2, round(np.sqrt(image.size / TILES)))
    window = np.hanning(tile + 2)[1:-1]
    tiles = sliding_window_view(image, (tile, tile))[::step, ::step]
    count, sparse = tiles.shape[0] * tiles.shape[1], max(1, tiles.shape[0] * tiles.shape[1] // FEWER)
    highest, some = np.zeros((tile, tile // 2 + 1)), []
    for number, row in enumerate(tiles):  # the spectra of all would leave the caches of a CPU
        grey = row.astype(np.float64)
        windowed = (grey - grey.mean(axis=(1, 2), keepdims=True)) * (window[:, None] * window)
        power = squared_modulus(np.asarray(rfft2(windowed, overwrite_x=True)))
        np.maximum(highest, power.max(axis=0), out=highest)
        some.append(power[-number * len(row) % sparse :: sparse])
    q = np.hypot(np.fft.fftfreq(tile)[:, None], np.fft.rfftfreq(tile)[None, :])
    ring = np.round(q * tile).astype(int)
    sampled = np.concatenate(some)
    noise = np.array([np.median(sampled[:, ring == k]) for k in range(ring.max() + 1)]) / np.log(2.0)
    recorded = noise > EMPTY * np.median(noise)
    level = np.where(recorded, np.maximum(noise, 1e-300), np.inf)
    return highest / level[ring], count, q


def strangeness(image: NDArray[np.floating], pixel_size: float, spacings: tuple[float, ...]) -> float | None:
    """Logarithm of how much stronger the strongest strange fringes are than the strongest that fit the spacings.

    Both are in units of what noise has among as many frequencies. None where an image is too small.
    """
    tile = 2 * round(0.5 * TILE / pixel_size)
    if min(image.shape) < tile:
        return None
    highest, count, q = highest_power(image, tile)
    fits = np.any([np.abs(q / pixel_size - 1.0 / d) < TOLERANCE for d in spacings], axis=0)
    looked = (q / pixel_size > 1.0 / LARGEST) & (q < HIGHEST)
    strange, known = highest[looked & ~fits], highest[looked & fits]
    if not strange.size:
        return None
    return float(np.log(_height(strange, count) / _height(known, count)))


def _height(highest: Array, count: int) -> float:
    """Highest peak in units of the highest that noise is expected to have in so many spectra; none is lower."""
    powers = highest.size * count
    return max(float(highest.max()) / float(np.log(powers)), 1.0) if powers > 1 else 1.0


def _strange_fringes(subject: Subject) -> float | None:
    spacings = known_spacings(subject.model.card)
    if not spacings:
        return None
    pixel_size = max(FINEST, *subject.pixel_size)  # an enlarged image would have rings without any noise
    return strangeness(resample_to_pixel(subject.recorded, subject.pixel_size, pixel_size), pixel_size, spacings)


STRANGE_FRINGES = Check(
    name="strange_fringes",
    word="lattice",
    text="the strongest lattice fringes fit none of the crystals that the network knows: check the pixel size, which "
    "may be wrong by a factor of two, and the specimen",
    level=2,
    measure=_strange_fringes,
)

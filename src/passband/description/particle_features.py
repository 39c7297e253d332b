"""Numbers of a segmented particle that tell whether it has fringes and faults: its spectrum in rings, its grey values.

After Groschner, Choi & Scott (Microsc. Microanal. 27, 2021): mean, standard deviation and centre of mass of the power
spectrum averaged over annuli, mean and standard deviation of the image. Two are added here: how far the strongest
reflection stands out, and how long the longest of the three strongest is; a fault draws some out along its normal.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import distance_transform_edt
from skimage.measure import regionprops

from passband.pixels import pixel_pair
from passband.recipe import PassbandError

Array = NDArray[np.float64]
FEATURES = ("spectrum_mean", "spectrum_deviation", "spectrum_centre", "grey_mean", "grey_deviation", "peak", "streak")
COARSEST = 1.5  # Å: of pixels; fringes of 3.5 Å have two and a third of them
SMALLEST = 300.0  # Å²: of particles; 20 Å across
_BAND = (0.15, 0.6)  # Å⁻¹: where fringes are looked for
_STEP = 0.02  # Å⁻¹: width of an annulus
_TAPER = 5.0  # Å: over which a particle fades out at its outline
_FINE = 0.01  # Å⁻¹: bins of the spectrum are no wider
_AROUND = 0.08  # Å⁻¹: of a reflection, whose length is measured there
_REFLECTIONS, _STRONG = 3, 0.1  # that are looked at, at most; of the height of the strongest, at least


class ParticleFeatures(NamedTuple):
    """Labels (n,) of the particles that are large enough, and their features (n, 7) in the order of `FEATURES`."""

    label: NDArray[np.intp]
    values: Array


def particle_features(
    image: ArrayLike, labels: NDArray[np.integer], pixel_size: float | tuple[float, float]
) -> ParticleFeatures:
    """Describe each particle of an image.

    Parameters
    ----------
    image
        (y, x), any unit; grey values count in deviations of the background from its mean.
    labels
        (y, x): 0 for the background, a number for each particle.
    pixel_size
        Å, one number or (y, x).

    Raises
    ------
    PassbandError
        Shapes differ, a pixel is not finite, or pixels are coarser than 1.5 Å.
    """
    grey, step = np.asarray(image, dtype=np.float64), pixel_pair(pixel_size)
    if grey.shape != labels.shape or grey.ndim != 2:
        raise PassbandError(f"image {grey.shape} and labels {labels.shape} must be of one shape (y, x)")
    if not np.isfinite(grey).all():
        raise PassbandError("the image holds NaN or infinity; mend it before its particles are described")
    if max(step) > COARSEST:
        raise PassbandError(
            f"pixels of {max(step):g} Å show no fringes of 3.5 Å; record pixels of {COARSEST} Å or finer"
        )
    outside = grey[labels == 0] if (labels == 0).any() else grey
    level, spread = float(outside.mean()), float(outside.std()) or 1.0
    grey = (grey - level) / spread
    found = [
        (region.label, _of_particle(grey[region.slice], region.image, step))
        for region in regionprops(labels)  # type: ignore[no-untyped-call]
        if region.area * step[0] * step[1] >= SMALLEST
    ]
    numbers = np.array([number for number, _ in found], dtype=np.intp)
    return ParticleFeatures(numbers, np.array([values for _, values in found]).reshape(-1, len(FEATURES)))


def _of_particle(grey: Array, inside: NDArray[np.bool_], step: tuple[float, float]) -> list[float]:
    """Features of the pixels `inside` one box."""
    away = distance_transform_edt(np.pad(inside, 1), sampling=step)[1:-1, 1:-1]
    weight = 0.5 - 0.5 * np.cos(np.pi * np.minimum(away / _TAPER, 1.0))
    mean = float((grey * weight).sum() / weight.sum())
    shape = [max(side, int(np.ceil(1.0 / (_FINE * one)))) for side, one in zip(grey.shape, step, strict=True)]
    power = np.abs(np.fft.fft2((grey - mean) * weight, s=shape)) ** 2 / float((weight**2).sum())
    q_y, q_x = (np.fft.fftfreq(side, one).astype(np.float64) for side, one in zip(shape, step, strict=True))
    q = np.hypot(q_y[:, None], q_x)
    highest = min(_BAND[1], 0.5 / max(step))
    ring = np.floor((q - _BAND[0]) / _STEP).astype(np.intp)
    rings = int((highest - _BAND[0]) / _STEP)
    band = (ring >= 0) & (ring < rings)
    profile = np.bincount(ring[band], power[band], minlength=rings) / np.bincount(ring[band], minlength=rings)
    middles = _BAND[0] + _STEP * (np.arange(rings) + 0.5)
    medians = np.array([np.median(power[ring == number]) for number in range(rings)])
    usual = np.maximum(medians[np.clip(ring, 0, rings - 1)], 1e-12)
    height = np.where(band, power / usual, 0.0)
    amplitude = np.sqrt(height.max())
    return [
        float(profile.mean()),
        float(profile.std()),
        float((profile * middles).sum() / max(float(profile.sum()), 1e-12)),
        mean,
        float(grey[inside].std()),
        float(amplitude),
        _longest(np.maximum(power - usual / np.log(2.0), 0.0), height, (q_y, q_x)),
    ]


def _longest(power: Array, height: Array, q: tuple[Array, Array]) -> float:
    """Length over width of the longest of the strongest reflections; a fault leaves some of them as they are."""
    q_y, q_x = q
    left, lengths = height.copy(), list[float]()
    for _ in range(_REFLECTIONS):
        top = np.unravel_index(int(left.argmax()), left.shape)
        if lengths and left[top] < _STRONG * height.max():
            break
        lengths.append(_length(power, q_y, q_x, (int(top[0]), int(top[1]))))
        for sign in (1.0, -1.0):  # the spectrum of an image has each reflection twice
            left[np.hypot(q_y[:, None] - sign * q_y[top[0]], q_x - sign * q_x[top[1]]) < _AROUND] = 0.0
    return max(lengths)


def _length(power: Array, q_y: Array, q_x: Array, top: tuple[int, int]) -> float:
    """Length over width of the reflection at a place of the spectrum: √ of the ratio of the second moments of `power`.

    That is the power above the mean of noise, which is its median over ln 2.
    """
    along_y, along_x = q_y[:, None] - q_y[top[0]], q_x - q_x[top[1]]
    near = np.hypot(along_y, along_x) < _AROUND
    weight = power[near]
    y, x = np.broadcast_to(along_y, power.shape)[near], np.broadcast_to(along_x, power.shape)[near]
    moments = np.array(
        [[np.sum(weight * y * y), np.sum(weight * x * y)], [np.sum(weight * x * y), np.sum(weight * x * x)]]
    )
    small, large = np.linalg.eigvalsh(moments)
    return float(np.sqrt(large / max(small, 1e-12 * large))) if large > 0.0 else 1.0

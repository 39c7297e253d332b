"""How alike neighbouring textures are: the measure that sorts images into easy, medium and hard ones.

Two materials are modelled as stationary Gaussian textures, each with the mean power spectrum of windows of 12 Å that
lie in it, noise included, and the distribution of these windows' means. Their Bhattacharyya distance, for one window,

    D = ¼ Δμ²/(v₁ + v₂) + ½ ln((v₁ + v₂)/(2 √(v₁v₂)))  +  Σ_q ln((S₁ + S₂)/(2 √(S₁S₂))) / 2.25,

bounds the error of whoever sees one window and must say which of the two it shows: at most ½ exp(−D) (Kailath, IEEE
Trans. Commun. Technol. 15 (1967) 52). q runs over half the plane up to 0.8 Å⁻¹; 2.25 is the number of frequencies that
a Hann window joins. No embedding of textures is asked, and no threshold of a method depends on it.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from studies.zero_shot.benchmark import LabelledImage

WINDOW = 12.0  # Å
HIGHEST = 0.8  # Å⁻¹: beyond that an annular dark field shows noise
WHOLE = 0.95  # of a window in one material, for the window to be of it
FEWEST = 12  # windows of a material; where there are not as many whole ones, those that are most of it
JOINED = 2.25  # frequencies
TOUCHING = 0.05  # of the shorter border: less common border than that makes no neighbours
#: Distances below the first are hard and above the second easy. Round numbers, chosen by the distances of the set for
#: tuning and of a quarter of the benchmark, after a look at an early table of scores by class.
HARD, EASY = 6.0, 40.0

Array = NDArray[np.float64]


def difficulty(distance: float) -> str:
    """Class of an image, "easy", "medium" or "hard", by the distance of its nearest neighbours."""
    return "hard" if distance < HARD else "medium" if distance < EASY else "easy"


def nearest_neighbours(shown: LabelledImage) -> tuple[float, tuple[str, str]]:
    """Smallest distance D of two materials that touch in an image, and their names."""
    textures = [_texture(shown, number) for number in range(len(shown.materials))]
    return min(
        (distance(textures[one], textures[other]), (shown.materials[one], shown.materials[other]))
        for one, other in _neighbours(shown.labels, len(shown.materials))
    )


def distance(one: tuple[Array, Array], other: tuple[Array, Array]) -> float:
    """Bhattacharyya distance of two textures, each the means (n,) and the spectrum (q,) of its windows."""
    first, second = (float(means.var()) + 1e-12 for means, _ in (one, other))
    shift = float(one[0].mean() - other[0].mean())
    of_means = 0.25 * shift**2 / (first + second) + 0.5 * np.log((first + second) / (2.0 * np.sqrt(first * second)))
    of_spectra = np.log((one[1] + other[1]) / (2.0 * np.sqrt(one[1] * other[1]))).sum() / JOINED
    return float(of_means + of_spectra)


def _texture(shown: LabelledImage, number: int) -> tuple[Array, Array]:
    """Means and mean spectrum of the windows of a material."""
    side = round(WINDOW / shown.pixel_size)
    step = max(side // 3, 1)
    windows = np.lib.stride_tricks.sliding_window_view(shown.image, (side, side))[::step, ::step]
    inside = (shown.labels == number).astype(np.float32)
    share = np.lib.stride_tricks.sliding_window_view(inside, (side, side))[::step, ::step].mean((2, 3))
    least = min(WHOLE, float(np.sort(share, axis=None)[-min(FEWEST, share.size)]))
    chosen = windows[share >= max(least, 1e-9)].astype(np.float64)
    means = chosen.mean((1, 2))
    hann = np.hanning(side + 2)[1:-1]
    spectra = np.abs(np.fft.rfft2((chosen - means[:, None, None]) * hann[:, None] * hann)) ** 2
    y, x = np.fft.fftfreq(side, shown.pixel_size)[:, None], np.fft.rfftfreq(side, shown.pixel_size)[None]
    radius = np.hypot(y, x)
    used = (radius > 0.5 / WINDOW) & (radius < HIGHEST)
    return means, spectra.mean(0)[used] + 1e-12


def _neighbours(labels: NDArray[np.int64], count: int) -> Iterator[tuple[int, int]]:
    """Pairs of materials with a common border; the shares of borders that are theirs say which touch."""
    pairs = np.zeros((count, count))
    for here, there in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        np.add.at(pairs, (here[here != there], there[here != there]), 1.0)
    pairs += pairs.T
    for one, other in combinations(range(count), 2):
        if pairs[one, other] > TOUCHING * min(pairs[one].sum(), pairs[other].sum()):
            yield one, other

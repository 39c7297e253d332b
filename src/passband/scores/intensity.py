"""How alike the grey levels of two sets of images are: divergences of their histograms, and the earth mover's distance.

Histograms are over the whole range of both sets but for one pixel in ten thousand at either end, which counts in the
outermost bins.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Crops = NDArray[np.float32]

BINS = 64  # for divergences
PRIOR = 0.5  # of a pixel in each bin, so that an empty one gives no infinity (Jeffreys)
_FINE = 16  # bins for the earth mover's distance in each of those
_TAIL = 1e-4
_SOME = 1 << 20  # pixels, of which the range follows
_FEW_LEVELS = 8  # pixels for each grey level, or more, in an image that is stored in so few that they show


class IntensityScores(NamedTuple):
    """Divergences in nats and a distance.

    Attributes
    ----------
    kl_real_generated, kl_generated_real
        Kullback–Leibler divergence of the generated distribution from the real one, ⟨ln p/g⟩ over real pixels: large
        where real grey levels are missing; and the other way round: large where generated ones are foreign.
    js
        Jensen–Shannon divergence, from 0 to ln 2.
    wasserstein
        Wasserstein-1 distance, in the unit of the images.
    """

    kl_real_generated: float
    kl_generated_real: float
    js: float
    wasserstein: float


def level_spacing(image: NDArray[np.generic]) -> float:
    """Distance of the grey levels of an image in its unit, where there are so few that they show; else 0."""
    levels = np.unique(image)
    if len(levels) < 2 or len(levels) * _FEW_LEVELS > image.size:
        return 0.0
    return float(np.diff(levels.astype(np.float64)).min())


def looks_inverted(real: Crops, generated: Crops) -> bool:
    """Whether the negative of generated images has grey levels that are nearer, by half, than their own.

    Both sets have mean 0; of grey levels that lie symmetrically about it nothing can be said, and it is not.
    """
    at = np.linspace(0.005, 0.995, 200)
    one, other = (np.quantile(crops.ravel()[:: max(1, crops.size // _SOME)], at) for crops in (real, generated))
    return bool(np.abs(one + other[::-1]).mean() < 0.5 * np.abs(one - other).mean())


def common_range(real: Crops, generated: Crops) -> tuple[float, float]:
    """Lowest and highest intensity of the histograms of two sets."""
    some = [crops.ravel()[:: max(1, crops.size // _SOME)] for crops in (real, generated)]
    ends = np.array([np.quantile(one, (_TAIL, 1.0 - _TAIL)) for one in some])
    low, high = float(ends[:, 0].min()), float(ends[:, 1].max())
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def histograms(
    crops: Crops, spacing: Array, limits: tuple[float, float], *, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Count the pixels (n, bins) of each crop (n, y, x) in fine bins between two limits.

    Parameters
    ----------
    crops
        Images.
    spacing
        (n,): distance of their grey levels. A pixel stands for all intensities around its level, so that images of 8
        bits have no comb in their histogram and are not unlike ones of 16 for that alone.
    limits
        Lowest and highest intensity.
    rng
        Draws where about its level each pixel counts.
    """
    low, high = limits
    bins = BINS * _FINE
    counts = np.empty((len(crops), bins), dtype=np.float32)
    for number, (crop, step) in enumerate(zip(crops, spacing, strict=True)):
        values = crop.ravel()
        if step > 0:
            values = values + step * (rng.random(values.size, dtype=np.float32) - np.float32(0.5))
        place = ((values - low) * (bins / (high - low))).astype(np.int64)
        counts[number] = np.bincount(np.clip(place, 0, bins - 1), minlength=bins)
    return counts


def intensity_scores(real: Array, generated: Array, limits: tuple[float, float]) -> IntensityScores:
    """Compare two sets by their counts (bins,), each the sum of `histograms` between the same limits."""
    p, q = _shares(real), _shares(generated)
    middle = 0.5 * (p + q)
    apart = np.cumsum(real / real.sum() - generated / generated.sum())
    return IntensityScores(
        kl_real_generated=_divergence(p, q),
        kl_generated_real=_divergence(q, p),
        js=0.5 * (_divergence(p, middle) + _divergence(q, middle)),
        wasserstein=float(np.abs(apart).sum() * (limits[1] - limits[0]) / len(apart)),
    )


def _shares(counts: Array) -> Array:
    coarse = counts.reshape(BINS, _FINE).sum(1) + PRIOR
    shares: Array = coarse / coarse.sum()
    return shares


def _divergence(one: Array, other: Array) -> float:
    return float(np.sum(one * np.log(one / other)))

"""How far a score would be off with other images of the same two sources: intervals by resampling images."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

Array = NDArray[np.float64]
Interval = tuple[float, float]

LEVEL = 0.95


def resamplings(image: NDArray[np.int64], replicates: int, rng: np.random.Generator) -> Array:
    """Return how often (replicates, n) each of n crops counts where images are drawn with replacement.

    Crops of one image come and go together, for they resemble one another.

    Parameters
    ----------
    image
        (n,): number of the image that each crop is of.
    replicates
        How many draws; in each at least two images differ where there are two.
    rng
        Random generator.
    """
    _, number = np.unique(image, return_inverse=True)
    count = int(number.max()) + 1
    drawn = rng.multinomial(count, np.full(count, 1.0 / count), size=replicates)
    while count > 1 and (single := (drawn == count).any(1)).any():
        drawn[single] = rng.multinomial(count, np.full(count, 1.0 / count), size=int(single.sum()))
    return drawn[:, number].astype(np.float64)


def interval(value: float, resampled: Array, images: int, *, least: float = -np.inf, most: float = np.inf) -> Interval:
    """Interval of a score at the level `LEVEL`: value ± t·s, s being the deviation of the resampled scores.

    s is widened by √(g/(g − 1)) and t has g − 1 degrees of freedom, so that few images give a wide interval. What a
    score is off because a set is small (its bias) is not in it.

    Parameters
    ----------
    value
        The score.
    resampled
        (r,): the same of resampled images.
    images
        g, of the smaller set; two at least.
    least, most
        What the score can be.
    """
    spread = float(resampled.std(ddof=1)) * np.sqrt(images / (images - 1.0))
    half = float(student.ppf(0.5 * (1.0 + LEVEL), images - 1)) * spread
    return float(max(least, value - half)), float(min(most, value + half))

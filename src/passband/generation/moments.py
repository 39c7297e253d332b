"""Whether drawn points are as they should be: mean and covariance, and which modes of a mixture were missed."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.recipe import PassbandError

Points = NDArray[np.float64]
WITHIN = 5.0  # standard deviations of a mode: in two dimensions 4e-6 of its points lie further out
FEWEST = 0.25  # of the points that a mode should have; with fewer it was missed


class PointMoments(NamedTuple):
    """Mean (2,) and covariance (2, 2) of points."""

    mean: Points
    covariance: Points

    @property
    def text(self) -> str:
        """All digits, of which the same points have the same."""
        return ",".join(value.hex() for value in (*self.mean, *self.covariance.ravel()))


class MomentErrors(NamedTuple):
    """Distance of means in units of the true standard deviation, √tr Σ, and ‖Σ′ − Σ‖ / ‖Σ‖ (Frobenius)."""

    mean: float
    covariance: float


def moments(points: Points) -> PointMoments:
    """Return mean and covariance of points (n, 2)."""
    return PointMoments(points.mean(0), np.cov(points.T))


def moment_errors(found: PointMoments, true: PointMoments) -> MomentErrors:
    """Return how far moments are from the true ones."""
    mean = float(np.linalg.norm(found.mean - true.mean) / np.sqrt(np.trace(true.covariance)))
    difference = np.linalg.norm(found.covariance - true.covariance)
    return MomentErrors(mean, float(difference / np.linalg.norm(true.covariance)))


@dataclass(frozen=True)
class Modes:
    """Where the points of a generator lie that should draw a mixture of equal, round Gaussians.

    Attributes
    ----------
    shares
        (modes,) of the points that are nearer to each mode than half the way to the next one.
    sharp
        Share of the points within five standard deviations of a mode; nearly all true points are.
    """

    shares: Points
    sharp: float

    @property
    def missed(self) -> tuple[int, ...]:
        """Modes, from 0, with less than a quarter of the points that they should have."""
        return tuple(np.flatnonzero(self.shares < FEWEST / len(self.shares)).tolist())

    @property
    def text(self) -> str:
        """What is to be said, in one line."""
        count, sharp = len(self.shares), f"{self.sharp:.0%} of the points are on a mode"
        if not self.missed:
            return f"no mode collapse: all {count} modes are drawn; {sharp}"
        names = ", ".join(map(str, self.missed))
        return f"mode collapse: {len(self.missed)} of {count} modes are missed ({names}); {sharp}"


def count_modes(points: ArrayLike, centres: ArrayLike, deviation: float) -> Modes:
    """Tell which modes of a mixture a generator draws.

    Parameters
    ----------
    points
        (n, 2), drawn.
    centres
        (modes, 2), with an equal share of the true points.
    deviation
        Of each mode along x and along y.

    Raises
    ------
    PassbandError
        Modes overlap, so that points cannot be told apart, or there are fewer than 20 points for each.
    """
    drawn, middles = np.asarray(points, dtype=np.float64), np.asarray(centres, dtype=np.float64)
    apart = np.linalg.norm(middles[:, None] - middles[None], axis=2)[~np.eye(len(middles), dtype=bool)].min()
    if apart < 2.0 * WITHIN * deviation:
        raise PassbandError(
            f"modes {apart:g} apart overlap; they must be {2 * WITHIN:g} deviations of {deviation:g} apart"
        )
    if len(drawn) < 20 * len(middles):
        raise PassbandError(f"{len(drawn)} points are too few for {len(middles)} modes; draw {20 * len(middles)}")
    distance = np.linalg.norm(drawn[:, None] - middles[None], axis=2)
    nearest = distance.min(1)
    counts = np.bincount(distance.argmin(1)[nearest < 0.5 * apart], minlength=len(middles))
    return Modes(counts / len(drawn), float(np.mean(nearest <= WITHIN * deviation)))

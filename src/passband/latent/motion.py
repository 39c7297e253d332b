"""Against time: how a latent is distributed in each frame of a movie, the paths of atoms, and the rings of a sheet."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.description.bonds import find_bonds
from passband.description.rings import RingFaces, find_rings
from passband.latent.movie_table import Array, Whole, by_frame, by_track, columns_of
from passband.recipe import PassbandError

_AT_ONCE = 2**22  # numbers of a table of differences


@dataclass(frozen=True, eq=False)
class Course:
    """Median and quartiles of a latent in each of f frames, and of how many atoms: (f,) each."""

    frames: Whole
    atoms: Whole
    low: Array
    median: Array
    high: Array


@dataclass(frozen=True, eq=False)
class DensityCourse:
    """Density of a latent in each of f frames.

    Attributes
    ----------
    frames
        (f,).
    grid
        (g,): values of the latent, equally far from one another.
    density
        (f, g): its integral over the latent is 1 in every frame.
    bandwidth
        Standard deviation of the kernel, the same in all frames.
    """

    frames: Whole
    grid: Array
    density: Array
    bandwidth: float


@dataclass(frozen=True, eq=False)
class AtomPath:
    """One atom through the space of d latents: its frames (m,) and its latents (m, d), in the order of time."""

    track: int
    frames: Whole
    latents: Array


@dataclass(frozen=True, eq=False)
class RingCourse:
    """Rings of a sheet in each of f frames.

    Attributes
    ----------
    frames
        (f,).
    counts
        (f,) for each size of ring, by size; 5, 6 and 7 are always there.
    holes
        (f,).
    membership
        (n,): the sizes of the rings of each row's atom, as in `RingFaces.membership`.
    """

    frames: Whole
    counts: dict[int, Whole]
    holes: Whole
    membership: NDArray[Any]


def latent_course(frame: ArrayLike, values: ArrayLike) -> Course:
    """Return median and quartiles of a latent (n,) in each frame."""
    frames, latent = columns_of(frame, values)
    numbers, groups = by_frame(frames)
    low, median, high = np.array([np.quantile(latent[rows], (0.25, 0.5, 0.75)) for rows in groups]).T
    return Course(numbers, np.array([len(rows) for rows in groups], dtype=np.intp), low, median, high)


def density_course(
    frame: ArrayLike,
    values: ArrayLike,
    *,
    grid: ArrayLike | None = None,
    period: float | None = None,
    bandwidth: float | None = None,
) -> DensityCourse:
    """Estimate the density of a latent in each frame by normal kernels.

    Parameters
    ----------
    frame, values
        (n,).
    grid
        Values at which it is told; None: 200, from one to the other end, or over one period.
    period
        Of an angle, rad: the kernel is wrapped.
    bandwidth
        Of the kernel, in units of the latent. None: Scott's rule, σ m^(−1/5), for the median number m of atoms in a
        frame and the mean variance σ² within frames (Scott, Multivariate Density Estimation, 1992); one for all
        frames, so that it does not feign a change.
    """
    frames, latent = columns_of(frame, np.asarray(values, dtype=np.float64))
    numbers, groups = by_frame(frames)
    latent = latent if period is None else np.mod(latent, period)
    if bandwidth is None:
        inner = float(np.sqrt(np.mean([np.var(latent[rows]) for rows in groups])))
        bandwidth = inner * float(np.median([len(rows) for rows in groups])) ** -0.2
    if not bandwidth > 0.0:
        raise PassbandError(f"bandwidth={bandwidth:g} must be above 0; a latent that is one number has no density")
    if grid is not None:
        places = np.asarray(grid, dtype=np.float64)
    elif period is not None:
        places = np.linspace(0.0, period, 200, endpoint=False, dtype=np.float64)
    else:
        ends = latent.min() - 3.0 * bandwidth, latent.max() + 3.0 * bandwidth
        places = np.linspace(*ends, 200, dtype=np.float64)
    density = np.array([_kernels(places, latent[rows], bandwidth, period) for rows in groups])
    return DensityCourse(numbers, places, density, bandwidth)


def _kernels(places: Array, values: Array, bandwidth: float, period: float | None) -> Array:
    """Mean of normal densities around values, at places (g,)."""
    turns = (0.0,) if period is None else (-period, 0.0, period)
    total = np.zeros(len(places))
    step = max(1, _AT_ONCE // len(places))
    for start in range(0, len(values), step):
        apart = places - values[start : start + step, None]
        for turn in turns:
            total += np.exp(-0.5 * ((apart + turn) / bandwidth) ** 2).sum(0)
    return np.asarray(total / (len(values) * bandwidth * np.sqrt(2.0 * np.pi)))


def atom_paths(frame: ArrayLike, track: ArrayLike, latents: ArrayLike, *, least: int = 2) -> list[AtomPath]:
    """Return the paths of atoms that are seen in at least so many frames, in the order of their numbers.

    `latents` is (n, d), or (n,) for one.
    """
    frames, tracks, values = columns_of(frame, track, latents)
    values = values[:, None] if values.ndim == 1 else values
    return [
        AtomPath(number, frames[rows], values[rows].astype(np.float64))
        for number, rows in by_track(frames, tracks)
        if len(rows) >= least
    ]


def ring_course(frame: ArrayLike, positions: ArrayLike, *, longest: float | None = None) -> RingCourse:
    """Find the rings of every frame of a sheet: `positions` (n, 2) x, y in Å, `longest` as in `find_bonds`."""
    frames, places = columns_of(frame, positions)
    if places.ndim != 2 or places.shape[1] != 2:
        raise PassbandError(f"positions of shape {places.shape} must be (n, 2): x and y in Å")
    found: list[RingFaces] = []
    membership = np.full(len(frames), "", dtype=object)
    numbers, groups = by_frame(frames)
    for rows in groups:
        rings = find_rings(places[rows], find_bonds(places[rows], longest=longest))
        membership[rows] = rings.membership(len(rows))
        found.append(rings)
    sizes = sorted({5, 6, 7}.union(*(rings.counts() for rings in found)))
    return RingCourse(
        numbers,
        {size: np.array([rings.counts().get(size, 0) for rings in found], dtype=np.intp) for size in sizes},
        np.array([len(rings.holes) for rings in found], dtype=np.intp),
        membership.astype(np.str_),
    )

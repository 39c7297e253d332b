"""Angles of patches folded by their symmetry: the histogram of each frame, and how flat it has become."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from passband.latent.movie_table import Array, Whole, by_frame, columns_of
from passband.recipe import PassbandError


@dataclass(frozen=True, eq=False)
class AngleCourse:
    """Angles, folded to one n-th of a turn, in each of f frames.

    Attributes
    ----------
    frames
        (f,).
    edges
        (bins + 1,) rad, from 0 to 2π/n.
    counts
        (f, bins).
    entropy
        (f,): of the histogram as a part of that of a flat one, with the correction of Miller & Madow for few atoms;
        1 is flat.
    kuiper
        (f,): Kuiper's statistic V against a flat distribution, 0 to 1; large is not flat. It does not depend on where
        angles are counted from.
    chance
        (f,): of as large a V if the angles were flat and independent.
    """

    frames: Whole
    edges: Array
    counts: Whole
    entropy: Array
    kuiper: Array
    chance: Array


def angle_course(frame: ArrayLike, angle: ArrayLike, *, symmetry: int, bins: int = 36) -> AngleCourse:
    """Return histograms of angles (n,) in rad, modulo 2π/`symmetry`, and their flatness, in each frame.

    Raises
    ------
    PassbandError
        The symmetry is below 1, or there are fewer than 2 bins.
    """
    if symmetry < 1 or bins < 2:
        raise PassbandError(f"symmetry={symmetry}, bins={bins} must be at least 1 and 2; graphene's atoms have 3")
    frames, angles = columns_of(frame, np.asarray(angle, dtype=np.float64))
    part = np.mod(angles * symmetry / (2.0 * np.pi), 1.0)  # of a period
    numbers, groups = by_frame(frames)
    place = np.minimum((part * bins).astype(np.intp), bins - 1)
    counts = np.array([np.bincount(place[rows], minlength=bins) for rows in groups], dtype=np.intp)
    kuiper = np.array([kuiper_statistic(part[rows]) for rows in groups])
    chance = [kuiper_chance(value, len(rows)) for value, rows in zip(kuiper, groups, strict=True)]
    edges = np.linspace(0.0, 2.0 * np.pi / symmetry, bins + 1)
    return AngleCourse(numbers, edges, counts, flatness(counts), kuiper, np.array(chance))


def flatness(counts: Whole) -> Array:
    """Return the entropy of histograms (f, bins), corrected for few atoms, as a part of ln(bins): (f,).

    Entropy of few counts is too small by (occupied bins − 1) / 2m nats for m atoms (Miller 1955).
    """
    atoms = counts.sum(axis=1, keepdims=True)
    share = counts / np.maximum(atoms, 1)
    entropy = -(share * np.log(np.where(share > 0, share, 1.0))).sum(axis=1)
    corrected = entropy + ((counts > 0).sum(axis=1) - 1) / (2.0 * np.maximum(atoms[:, 0], 1))
    return np.asarray(np.minimum(corrected / np.log(counts.shape[1]), 1.0))


def kuiper_statistic(part: ArrayLike) -> float:
    """Return Kuiper's V of parts of a period, 0 to 1, against the uniform distribution (Kuiper 1960)."""
    ordered = np.sort(np.asarray(part, dtype=np.float64))
    steps = np.arange(len(ordered) + 1) / len(ordered)
    return float(np.max(steps[1:] - ordered) + np.max(ordered - steps[:-1]))


def kuiper_chance(statistic: float, atoms: int) -> float:
    """Return the probability of as large a V of independent uniform angles (Stephens, J. R. Stat. Soc. B 1970)."""
    root = np.sqrt(atoms)
    size = statistic * (root + 0.155 + 0.24 / root)
    if size < 0.4:  # 1 to seven digits; the series converges slowly
        return 1.0
    j = np.arange(1, 101)
    squared = (j * size) ** 2
    return float(np.clip(2.0 * np.sum((4.0 * squared - 1.0) * np.exp(-2.0 * squared)), 0.0, 1.0))

"""Cheap drawn cross-sections of known materials: lattices of columns in noise, no simulation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from passband.zero_shot.proposals import Proposals


@dataclass(frozen=True)
class Drawn:
    """A lattice: periods in pixels along y and x, turn in rad, brightness of the columns and between them, shift."""

    periods: tuple[float, float] | None = (8.0, 8.0)
    turn: float = 0.0
    height: float = 1.0
    base: float = 0.0
    shift: float = 0.0

    def at(self, y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Brightness at pixels; without periods there is no lattice."""
        if self.periods is None:
            return np.full(np.broadcast(y, x).shape, self.base)
        along = np.cos(self.turn) * y + np.sin(self.turn) * x
        across = np.cos(self.turn) * x - np.sin(self.turn) * y
        waves = np.cos(2 * np.pi * (along / self.periods[0] + self.shift)) + np.cos(
            2 * np.pi * across / self.periods[1]
        )
        return self.base + self.height * np.exp(2.0 * (waves - 2.0))


SQUARE = Drawn((8.0, 8.0))
OBLONG = Drawn((11.0, 7.0))
TURNED = Drawn((8.0, 8.0), turn=0.6)
VACUUM = Drawn(None, base=-0.2)


def draw(
    labels: NDArray[np.int64], materials: Sequence[Drawn], *, noise: float = 0.3, seed: int = 0
) -> NDArray[np.float32]:
    """Image of materials whose numbers, from 0, are given for each pixel (y, x)."""
    y, x = (np.arange(side, dtype=np.float64) for side in labels.shape)
    image = np.choose(labels, [one.at(y[:, None], x[None]) for one in materials])
    return (image + noise * np.random.default_rng(seed).standard_normal(labels.shape)).astype(np.float32)


def bands(shape: tuple[int, int], edges: Sequence[int]) -> NDArray[np.int64]:
    """Numbers of bands across the image, each from one edge (row) to the next."""
    rows = np.searchsorted(np.array(edges), np.arange(shape[0]), side="right")
    return np.broadcast_to(rows[:, None], shape).astype(np.int64)


def pieces(labels: NDArray[np.int64], columns: int) -> Proposals:
    """One mask for each label in each of some equal stripes of columns, as a proposer that splits films makes them."""
    stripe = np.arange(labels.shape[1]) * columns // labels.shape[1]
    masks = [
        (labels == number) & (stripe == one)[None] for number in range(int(labels.max()) + 1) for one in range(columns)
    ]
    return Proposals.of_masks(np.array([mask for mask in masks if mask.any()]))

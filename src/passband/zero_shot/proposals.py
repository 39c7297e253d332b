"""Masks that somebody proposes for an image, before anyone has said which of them are one material."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.recipe import PassbandError

#: Longest side of the grid of masks; finer ones would say more than a window of texture can.
FINEST_GRID = 1024


@dataclass(frozen=True, eq=False)
class Proposals:
    """Masks of one image, which may overlap, be nested or be the same.

    Attributes
    ----------
    masks
        (n, rows, columns), boolean: on a grid that divides the image evenly, no finer than the image itself.
    quality
        (n,), 0 to 1: how sure the proposer is of each (of SAM its predicted IoU).
    stability
        (n,), 0 to 1: IoU of each with itself under a looser and a stricter threshold.
    source
        (n,): name of the proposer of each.
    shape
        (y, x) of the image in pixels.
    """

    masks: NDArray[np.bool_]
    quality: NDArray[np.float64]
    stability: NDArray[np.float64]
    source: tuple[str, ...]
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        count = len(self.masks)
        if self.masks.ndim != 3 or self.masks.dtype != np.bool_:
            raise PassbandError(
                f"masks of shape {self.masks.shape} and type {self.masks.dtype} must be (n, y, x) of booleans; "
                "write masks > 0"
            )
        if any(grid > side or grid < 1 for grid, side in zip(self.masks.shape[1:], self.shape, strict=True)):
            raise PassbandError(
                f"masks of {self.masks.shape[1:]} (y, x) are no grid of an image of {self.shape}; they may be as "
                "large as the image or smaller"
            )
        if not (self.quality.shape == self.stability.shape == (count,) == (len(self.source),)):
            raise PassbandError(
                f"{count} masks have {self.quality.shape} qualities, {self.stability.shape} stabilities and "
                f"{len(self.source)} sources; give one of each for each mask"
            )

    def __len__(self) -> int:
        return len(self.masks)

    @classmethod
    def of_masks(
        cls,
        masks: ArrayLike,
        *,
        quality: ArrayLike | None = None,
        source: str = "given",
        shape: tuple[int, int] | None = None,
    ) -> Self:
        """Return anybody's masks, (n, y, x), booleans or numbers above 0.

        Qualities are 1 where not known; the shape of the image is that of the masks where it is not given.
        """
        array = np.asarray(masks) > 0
        if array.ndim != 3:
            raise PassbandError(f"masks of shape {array.shape} must be (n, y, x); write masks[None] for a single one")
        count = len(array)
        known = np.ones(count) if quality is None else np.asarray(quality, dtype=np.float64)
        return cls(array, known, np.ones(count), (source,) * count, shape or (array.shape[1], array.shape[2]))

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the masks."""
        return self.masks.shape[1], self.masks.shape[2]

    @property
    def areas(self) -> NDArray[np.float64]:
        """(n,): fraction of the image that each covers."""
        return np.asarray(np.count_nonzero(self.masks, axis=(1, 2)) / float(np.prod(self.grid)), dtype=np.float64)

    def chosen(self, which: Sequence[int] | NDArray[np.int64] | NDArray[np.bool_]) -> Self:
        """Return some of them, by their numbers in the order wanted, or by a flag each."""
        index = np.arange(len(self))[np.asarray(which, dtype=None if len(which) else np.int64)]
        return type(self)(
            self.masks[index],
            self.quality[index],
            self.stability[index],
            tuple(self.source[number] for number in index),
            self.shape,
        )

    def beside(self, other: Self) -> Self:
        """Return these and those of another proposer for the same image, on the finer of both grids."""
        if self.shape != other.shape:
            raise PassbandError(
                f"proposals for an image of {self.shape} and of {other.shape} (y, x) are not of one image; "
                "propose for the same array"
            )
        grid = max(self.grid, other.grid, key=lambda sides: sides[0] * sides[1])
        both = [one.on_grid(grid) for one in (self, other)]
        return type(self)(
            np.concatenate([one.masks for one in both]),
            np.concatenate([one.quality for one in both]),
            np.concatenate([one.stability for one in both]),
            both[0].source + both[1].source,
            self.shape,
        )

    def on_grid(self, grid: tuple[int, int]) -> Self:
        """Return the same masks on another grid: each place takes the value of the old cell that its middle is in."""
        if grid == self.grid:
            return self
        rows, columns = (
            np.minimum(((np.arange(new) + 0.5) * old / new).astype(np.int64), old - 1)
            for new, old in zip(grid, self.grid, strict=True)
        )
        return type(self)(
            self.masks[:, rows[:, None], columns[None, :]], self.quality, self.stability, self.source, self.shape
        )

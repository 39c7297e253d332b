"""Where in its masks an image is looked at: square crops that lie in one mask, as nearly as there are such."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from passband.recipe import PassbandError


@dataclass(frozen=True, eq=False)
class Crops:
    """Places of crops of one side.

    Attributes
    ----------
    corners
        (n, 2): first pixel (y, x) of each; all lie in the image.
    mask
        (n,): number of the mask that each is of.
    inside
        (n,): the fraction of each that lies in its mask, 0 to 1.
    side
        Pixels.
    """

    corners: NDArray[np.int64]
    mask: NDArray[np.int64]
    inside: NDArray[np.float64]
    side: int

    def chosen(self, which: NDArray[np.bool_]) -> "Crops":
        """Return those with a flag (n,)."""
        return Crops(self.corners[which], self.mask[which], self.inside[which], self.side)

    @property
    def independent(self) -> float:
        """About how many of them show pixels that no other shows, beyond the first of each mask."""
        count = 0.0
        for mask in np.unique(self.mask):
            corners = self.corners[self.mask == mask]
            count += min(len(corners), float(np.prod(1.0 + np.ptp(corners, axis=0) / self.side))) - 1.0
        return count

    def cut(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the crops (n, side, side) of an image (y, x)."""
        return cut_crops(image, self.corners, self.side)


def cut_crops(image: NDArray[np.float32], corners: NDArray[np.int64], side: int) -> NDArray[np.float32]:
    """Crops (n, side, side) of an image (y, x) whose first pixels (n, 2) are given, as a copy."""
    crops: NDArray[np.float32] = sliding_window_view(image, (side, side))[corners[:, 0], corners[:, 1]]
    return crops


def sample_crops(
    labels: NDArray[np.int64],
    shape: tuple[int, int],
    *,
    side: int,
    count: int,
    whole: float,
    generator: np.random.Generator,
) -> Crops:
    """Choose crops of each mask at random: complete ones, else whole ones, else the one that holds most of the mask.

    Parameters
    ----------
    labels
        (rows, columns): number of the mask of each cell, from 1; 0 belongs to none. So a parent is looked at where no
        child lies in it.
    shape
        (y, x) of the image.
    side
        Of crops, pixels.
    count
        Crops of each mask, at most.
    whole
        A crop is whole if this fraction of it lies in its mask.
    generator
        Of the random choice.

    Returns
    -------
    Crops
        Of every mask that has a cell, numbered from 0.

    Raises
    ------
    PassbandError
        The image is smaller than a crop.
    """
    if min(shape) < side:
        raise PassbandError(f"an image of {shape[0]} × {shape[1]} pixels holds no crop of {side}; choose smaller crops")
    scale = np.array(shape) / np.array(labels.shape)
    places, numbers, fractions = [], [], []
    for number in range(1, int(labels.max(initial=0)) + 1):
        mask = labels == number
        if mask.any():
            inside = _inside(mask, np.maximum(1, np.rint(side / scale)).astype(int))
            cells = _chosen(inside, mask, count=count, whole=whole, generator=generator)
            places.append(cells)
            numbers.append(np.full(len(cells), number - 1))
            fractions.append(inside[cells[:, 0], cells[:, 1]])
    if not places:
        return Crops(np.zeros((0, 2), np.int64), np.zeros(0, np.int64), np.zeros(0), side)
    cells = np.concatenate(places)
    middle = (cells + generator.random(cells.shape)) * scale
    corners = np.clip(np.rint(middle - side / 2), 0, np.array(shape) - side).astype(np.int64)
    return Crops(corners, np.concatenate(numbers), np.concatenate(fractions), side)


def _inside(mask: NDArray[np.bool_], window: NDArray[np.int64]) -> NDArray[np.float64]:
    """How much of a window about each cell lies in a mask; windows that leave the image are moved into it."""
    fraction: NDArray[np.float64] = uniform_filter(mask.astype(np.float64), window.tolist(), mode="constant")
    rows, columns = (
        np.clip(np.arange(length), size // 2, length - 1 - (size - 1) // 2)
        for length, size in zip(mask.shape, window, strict=True)
    )
    moved: NDArray[np.float64] = fraction[rows[:, None], columns]
    return np.clip(moved, 0.0, 1.0)


def _chosen(
    inside: NDArray[np.float64],
    mask: NDArray[np.bool_],
    *,
    count: int,
    whole: float,
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    """Cells (n, 2) of a mask that crops are centred on."""
    cells = np.argwhere(mask)
    fraction = inside[cells[:, 0], cells[:, 1]]
    good = np.flatnonzero(fraction >= (1.0 if fraction.max() > 1.0 - 1e-9 else whole) - 1e-9)
    chosen = generator.permutation(good)[:count] if len(good) else np.argsort(-fraction, kind="stable")[:1]
    places: NDArray[np.int64] = cells[chosen]
    return places

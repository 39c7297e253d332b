"""Where in its masks an image is looked at: square crops that lie in one mask, as nearly as there are such."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import find_objects, uniform_filter

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

    def cut(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the crops (n, side, side) of an image (y, x)."""
        return cut_crops(image, self.corners, self.side)


def cut_crops(image: NDArray[np.float32], corners: NDArray[np.int64], side: int) -> NDArray[np.float32]:
    """Crops (n, side, side) of an image (y, x) whose first pixels (n, 2) are given, as a copy."""
    crops: NDArray[np.float32] = sliding_window_view(image, (side, side))[corners[:, 0], corners[:, 1]]
    return crops


def normalised(image: NDArray[Any]) -> NDArray[np.float32]:
    """Return an image (y, x) in units of its standard deviation about its mean, as textures want it."""
    deviation = max(float(image.std(dtype=np.float64)), 1e-12)
    found: NDArray[np.float32] = ((image - image.mean(dtype=np.float64)) / deviation).astype(np.float32)
    return found


@dataclass(frozen=True, eq=False)
class CropPlaces:
    """Where crops of each mask may lie: complete ones, else whole ones, else the one that holds most of the mask.

    Attributes
    ----------
    cells
        (n, 2): middles, on the grid of the labels, in the order of the masks.
    mask
        (n,): number of the mask of each, from 0.
    inside
        (n,): fraction of a crop there that lies in its mask.
    side
        Of crops, pixels.
    shape, grid
        (y, x) of the image and of the labels.
    """

    cells: NDArray[np.int64]
    mask: NDArray[np.int64]
    inside: NDArray[np.float64]
    side: int
    shape: tuple[int, int]
    grid: tuple[int, int]

    @classmethod
    def of(cls, labels: NDArray[np.int64], shape: tuple[int, int], *, side: int, whole: float) -> Self:
        """Find the places.

        Parameters
        ----------
        labels
            (rows, columns): number of the mask of each cell, from 1; 0 belongs to none. So a parent is looked at where
            no child lies in it.
        shape
            (y, x) of the image.
        side
            Of crops, pixels.
        whole
            A crop is whole if this fraction of it lies in its mask.

        Raises
        ------
        PassbandError
            The image is smaller than a crop.
        """
        if min(shape) < side:
            raise PassbandError(
                f"an image of {shape[0]} × {shape[1]} pixels holds no crop of {side}; choose smaller crops"
            )
        window = np.maximum(1, np.rint(side * np.array(labels.shape) / np.array(shape))).astype(int)
        found = [(np.zeros((0, 2), np.int64), np.zeros(0, np.int64), np.zeros(0))]
        boxes = find_objects(labels)
        for number in np.unique(labels[labels > 0]):
            rows, columns = boxes[number - 1]
            corner, inside, mask = _inside_box(labels, number, (rows, columns), window)
            least = whole if inside.max() >= whole else inside.max()
            good = np.flatnonzero(inside >= (1.0 if inside.max() > 1.0 - 1e-9 else least) - 1e-9)
            good = good if inside.max() >= whole else good[:1]
            found.append((np.argwhere(mask)[good] + corner, np.full(len(good), number - 1), inside[good]))
        cells, mask_of, fraction = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return cls(cells, mask_of, fraction, side, shape, (labels.shape[0], labels.shape[1]))

    def crops(self, which: NDArray[np.int64], *, generator: np.random.Generator) -> Crops:
        """Return the crops at some places (m,), anywhere in their cells."""
        scale = np.array(self.shape) / np.array(self.grid)
        middle = (self.cells[which] + generator.random((len(which), 2))) * scale
        corners = np.clip(np.rint(middle - self.side / 2), 0, np.array(self.shape) - self.side).astype(np.int64)
        return Crops(corners, self.mask[which], self.inside[which], self.side)

    def sample(self, count: int, *, generator: np.random.Generator) -> Crops:
        """Choose at most `count` crops of each mask at random, half a side apart or more.

        Nearer ones would show the same pixels, and so agree with one another whatever the material.
        """
        apart = self.side / 2 * np.array(self.grid) / np.array(self.shape)
        chosen = [np.zeros(0, np.int64)]
        for number in np.unique(self.mask):
            left = generator.permutation(np.flatnonzero(self.mask == number))
            for _ in range(count):
                chosen.append(left[:1])
                far = np.abs(self.cells[left] - self.cells[left[:1]]) >= apart
                left = left[far.any(1)]
                if not len(left):
                    break
        return self.crops(np.concatenate(chosen), generator=generator)


def _inside_box(
    labels: NDArray[np.int64], number: int, box: tuple[slice, slice], window: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Look at a mask in its box and a window around: first cell (2,), how much is inside (cells,), the mask there."""
    low = [max(0, side.start - size) for side, size in zip(box, window.tolist(), strict=True)]
    high = [min(n, side.stop + size) for n, side, size in zip(labels.shape, box, window.tolist(), strict=True)]
    mask = labels[low[0] : high[0], low[1] : high[1]] == number
    fraction: NDArray[np.float64] = uniform_filter(mask.astype(np.float64), window.tolist(), mode="constant")
    rows, columns = (
        np.clip(np.arange(first, last), size // 2, length - 1 - (size - 1) // 2) - first
        for first, last, length, size in zip(low, high, labels.shape, window.tolist(), strict=True)
    )
    moved: NDArray[np.float64] = fraction[rows[:, None], columns]
    return np.array(low), np.clip(moved, 0.0, 1.0)[mask], mask

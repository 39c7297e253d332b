"""The eight symmetries of the square, for augmentation and for averaging over them."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from passband.recipe import PassbandError


def dihedral(images: Tensor, element: int) -> Tensor:
    """Apply one of the eight symmetries of the square to (…, y, x): `element` % 4 quarter turns, then 4–7 mirror x.

    Raises
    ------
    PassbandError
        `element` is not 0 to 7.
    """
    if not 0 <= element < 8:
        raise PassbandError(
            f"element={element} is none of the square's symmetries; use 0 to 7, 0 leaves the image alone"
        )
    turned = torch.rot90(images, element % 4, dims=(-2, -1))
    return turned.flip(-1) if element >= 4 else turned


def dihedral_inverse(element: int) -> int:
    """Return the element that undoes `element`: mirrors undo themselves, turns the other way round."""
    return element if element >= 4 else -element % 4


def turned(image: NDArray[Any], element: int) -> NDArray[Any]:
    """Apply one of the eight symmetries to an array (…, y, x), as `dihedral` does to a tensor; a contiguous copy."""
    return np.ascontiguousarray(_seen_turned(image, element))


def _seen_turned(image: NDArray[Any], element: int) -> NDArray[Any]:
    """As `turned`, without a copy."""
    out = np.rot90(image, element % 4, axes=(-2, -1))
    return out[..., ::-1] if element >= 4 else out


def turned_pair(pair: tuple[float, float], element: int) -> tuple[float, float]:
    """Return what belongs to the axes (y, x) of an image, such as its pixel size, after one of the symmetries."""
    return (pair[1], pair[0]) if element % 2 else pair


def upright(image: NDArray[Any]) -> int:
    """Symmetry that brings an image (…, y, x) into the one of its eight orientations that stands for all of them.

    It is the one whose pixels, read row by row, are larger where two of the eight first differ (of an oblong image the
    one that lies down). So an image and its mirror image are the same array once they are upright, bit for bit, and
    whatever is computed of that does not depend on how the image lay (Kaba et al., arXiv 2211.06489, call this
    canonicalisation). A constant image stays as it is.
    """
    best, found = image, 0
    for element in range(1, 8):
        other = _seen_turned(image, element)  # most differ in the first row: no copy is worth its time
        if _comes_before(other, best):
            best, found = other, element
    return found


def _comes_before(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether one orientation is read before another: wider, or larger at the first pixel in which they differ."""
    if one.shape != other.shape:
        return bool(one.shape[-1] > other.shape[-1])
    for row, against in zip(np.moveaxis(one, -2, 0), np.moveaxis(other, -2, 0), strict=True):
        differ = np.flatnonzero((row != against).ravel())
        if len(differ):
            first = int(differ[0])
            return bool(row.ravel()[first] > against.ravel()[first])
    return False


def augment_dihedral(images: Tensor, masks: Tensor, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Turn and mirror every square image (n, c, y, x) and its mask (n, y, x) by a symmetry of its own.

    `generator` lives on the CPU, so that every device sees the same symmetries.

    Raises
    ------
    PassbandError
        The images are not square, so quarter turns do not fit in one batch.
    """
    if images.shape[-1] != images.shape[-2]:
        raise PassbandError(
            f"images of {tuple(images.shape[-2:])} pixels are not square; cut square patches to augment them"
        )
    elements = torch.randint(8, (len(images),), generator=generator).tolist()
    turned_images = torch.stack([dihedral(image, element) for image, element in zip(images, elements, strict=True)])
    turned_masks = torch.stack([dihedral(mask, element) for mask, element in zip(masks, elements, strict=True)])
    return turned_images, turned_masks

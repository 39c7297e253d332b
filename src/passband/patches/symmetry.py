"""The eight symmetries of the square, for augmentation and for averaging over them."""

import torch
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

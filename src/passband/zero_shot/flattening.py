"""One mask for each pixel out of masks that overlap: the cure for nested and double masks, whoever made them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.recipe import PassbandError
from passband.zero_shot.proposals import Proposals
from passband.zero_shot.removal import Removal, remove


def flattened(proposals: Proposals) -> NDArray[np.int64]:
    """Return the number, from 1, of the mask that each cell (rows, columns) of the grid belongs to; 0: to none.

    Where masks overlap the smaller one has the cell, so a mask inside a parent leaves the parent the rest.
    """
    labels: NDArray[np.int64] = np.zeros(proposals.grid, dtype=np.int64)
    for number in np.lexsort((-proposals.quality, proposals.areas))[::-1]:
        labels[proposals.masks[number]] = number + 1
    return labels


def dedupe(
    masks: ArrayLike | Sequence[Mapping[str, Any]],
    *,
    quality: ArrayLike | None = None,
    rules: Removal | None = None,
) -> NDArray[np.int64]:
    """Return one label image from masks that are nested, overlap or occur twice.

    Parameters
    ----------
    masks
        (n, y, x), booleans or numbers above 0; or the list of an automatic mask generator, whose items have
        "segmentation" and "predicted_iou". They may be of any size.
    quality
        (n,), 0 to 1: of two masks that are alike the better one stays. Default: "predicted_iou", or all the same.
    rules
        What is removed before overlaps are resolved; default `Removal()`.

    Returns
    -------
    labels
        (y, x): 1 + the number of the mask in `masks` that the pixel belongs to, 0 for none. Of masks that still
        overlap the smallest has the pixel.

    Raises
    ------
    PassbandError
        The masks are no (n, y, x), or not as many as the qualities.

    Examples
    --------
    >>> masks = np.zeros((3, 4, 8), dtype=bool)
    >>> masks[0, :, :5] = masks[1, :, :5] = masks[2, :, 5:] = True
    >>> dedupe(masks)[0].tolist()
    [1, 1, 1, 1, 1, 3, 3, 3]
    """
    proposals = _proposals(masks, quality)
    kept = remove(proposals, rules).kept
    numbers: NDArray[np.int64] = np.concatenate([[0], kept + 1])
    return numbers[flattened(proposals.chosen(kept))]


def _proposals(masks: ArrayLike | Sequence[Mapping[str, Any]], quality: ArrayLike | None) -> Proposals:
    records = [one for one in masks if isinstance(one, Mapping)] if isinstance(masks, Sequence) else []
    if not records:
        return Proposals.of_masks(np.asarray(masks), quality=quality)
    for record in records:
        if not isinstance(record.get("segmentation"), np.ndarray):
            raise PassbandError(
                f"a mask with the keys {', '.join(record)} has no array under 'segmentation'; "
                "ask the mask generator for output_mode='binary_mask'"
            )
    known = [float(record.get("predicted_iou", 1.0)) for record in records] if quality is None else quality
    return Proposals.of_masks(np.array([record["segmentation"] for record in records]), quality=known)

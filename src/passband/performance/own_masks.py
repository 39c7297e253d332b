"""Whether a laboratory's images and masks can tell how right a network is: no image twice, and masks that are truths.

Three mistakes are easily made and silently spoil all later predictions: masks that nobody corrected, so that a network
agrees with itself; masks whose background and particles are exchanged; and copies of one image, which count as many.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from passband.patches.symmetry import turned, upright
from passband.recipe import PassbandError
from passband.segmentation.model import Model
from passband.segmentation.segmenter import Segmentation
from passband.segmentation.specks import without_specks

#: Correlation of network and mask at or below which the mask looks exchanged. Right masks of 2372 simulated images, in
#: the training's conditions and far beyond, had −0.18 and more (docs/trust.md); exchanged ones have minus that.
EXCHANGED = -0.3
CLOSE = 0.1  # wrong pixels over those of the mask, above which no averaging over symmetries would explain them
NAMED = 3  # files that a message names


class MaskLikeness(NamedTuple):
    """How a mask relates to what the network finds in its image.

    Attributes
    ----------
    name
        Of the image.
    uncorrected
        Whether it is what `passband segment` writes, to the pixel; None of a mask with nothing in it, which is often
        right as it is.
    correlation
        Of both masks, −1 to 1; None where one of them is of one class alone, or the network knows more than two.
    """

    name: str
    uncorrected: bool | None
    correlation: float | None


class SeenImages:
    """Images seen so far, so that none counts twice: by their files and by their pixels, turned or mirrored too."""

    def __init__(self) -> None:
        self._seen: dict[str, Path] = {}

    def add(self, path: Path, array: NDArray[Any]) -> str:
        """Return the SHA-256 of the file of an image (y, x).

        Raises
        ------
        PassbandError
            The same image was added before.
        """
        file = hashlib.sha256(path.read_bytes()).hexdigest()
        lying = turned(array, upright(array)).astype(np.float64)
        pixels = hashlib.sha256(f"{lying.shape}".encode() + lying.tobytes()).hexdigest()
        for key in (file, pixels):
            if key in self._seen:
                raise PassbandError(
                    f"{path} is the same image as {self._seen[key].name}, and each must be another one, because they "
                    "tell how much images differ; leave all but one of them out"
                )
        self._seen |= {file: path, pixels: path}
        return file


def likeness(
    model: Model, image: NDArray[Any], found: Segmentation, truth: NDArray[np.int64], name: str
) -> MaskLikeness:
    """Compare the mask `truth` (y, x) of an image with what the network `found` in it."""
    two = len(model.card.classes) == 2
    return MaskLikeness(
        name,
        _uncorrected(model, image, found, truth) if truth.any() else None,
        _correlation(found.labels > 0, truth > 0) if two else None,
    )


def check_likenesses(found: Sequence[MaskLikeness]) -> list[str]:
    """Return warnings about masks of which a few may be no truths.

    Raises
    ------
    PassbandError
        Background and particles are exchanged in most; or nobody corrected any that has something in it.
    """
    known = [one.correlation for one in found if one.correlation is not None]
    if known and (middle := float(np.median(known))) <= EXCHANGED:
        raise PassbandError(
            f"the masks look exchanged: their correlation with what the network finds is {middle:.2g} (median of "
            f"{len(known)}), and of right masks it is above {EXCHANGED:g}; 0 is background and all else is found, so "
            "exchange them; if they are right, this network is of no use for these images"
        )
    drawn = [one for one in found if one.uncorrected is not None]
    same = [one for one in drawn if one.uncorrected]
    if same and len(same) == len(drawn):
        raise PassbandError(
            f"every mask with something in it ({_names(same)}) is the network's own to the pixel, which tells nothing "
            "of its errors; correct the masks by hand first"
        )
    exchanged = [one for one in found if one.correlation is not None and one.correlation <= EXCHANGED]
    warnings = []
    if same:
        warnings.append(
            f"{len(same)} of {len(found)} masks are the network's own to the pixel ({_names(same)}) and count as "
            "without error; correct them, or leave out what nobody looked at"
        )
    if exchanged:
        warnings.append(
            f"{len(exchanged)} of {len(found)} masks look exchanged ({_names(exchanged)}); 0 must be background"
        )
    return warnings


def _names(some: Sequence[MaskLikeness]) -> str:
    """Names of a few images, and of how many more."""
    more = f" and {len(some) - NAMED} more" if len(some) > NAMED else ""
    return ", ".join(one.name for one in some[:NAMED]) + more


def _uncorrected(model: Model, image: NDArray[Any], found: Segmentation, truth: NDArray[np.int64]) -> bool:
    """Whether a mask with something in it is the network's, with or without specks, averaged over symmetries or not."""

    def same(one: Segmentation) -> bool:
        return any(np.array_equal(labels, truth) for labels in (one.labels, without_specks(one).labels))

    if same(found):
        return True
    if np.count_nonzero(found.labels != truth) > CLOSE * np.count_nonzero(truth):
        return False
    return same(model.segment(image, found.pixel_size, symmetries=8))


def _correlation(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float | None:
    """Matthews' coefficient (Biochim. Biophys. Acta 405 (1975) 442): the correlation of two binary masks."""
    if any(mask.all() or not mask.any() for mask in (one, other)):
        return None
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])

"""Patches on their way to an autoencoder: checked, standardised as a whole, given in batches; a memory map will do."""

import hashlib
from collections.abc import Iterator
from math import sqrt
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from passband.recipe import PassbandError

AT_ONCE = 500  # patches that are looked at together
LARGEST_SIDE = 256  # pixels of a patch


class PatchBatch(NamedTuple):
    """Patches (n, h, w) and their known classes (n,); none where the network is told none."""

    images: Tensor
    classes: Tensor | None


class Scaling(NamedTuple):
    """A patch is (value − offset) / gain to a network."""

    offset: float = 0.0
    gain: float = 1.0


UNSCALED = Scaling()


class Patches:
    """Batches of patches in a random order, which `seed` and the epoch give; a training asks for them by step.

    Parameters
    ----------
    images
        (n, h, w), float32; may be a memory map, of which only the batch is read.
    classes
        (n,) whole numbers, or None.
    scaling
        Of their values.
    seed
        Of the order.
    """

    def __init__(
        self,
        images: NDArray[np.float32],
        classes: NDArray[np.int64] | None = None,
        *,
        scaling: Scaling = UNSCALED,
        seed: int = 0,
    ) -> None:
        if classes is not None and len(classes) != len(images):
            raise PassbandError(f"{len(classes)} classes of {len(images)} patches; give the class of each")
        self.images, self.classes, self.scaling, self.seed = images, classes, scaling, seed
        self._order: tuple[int, NDArray[np.int64]] = (-1, np.zeros(0, dtype=np.int64))

    def steps(self, size: int) -> int:
        """Return the steps after which every patch was seen once, but for a rest."""
        return max(1, len(self.images) // size)

    def __call__(self, step: int, size: int) -> PatchBatch:
        """Return the batch of a step."""
        count = min(size, len(self.images))
        epoch, place = divmod(step, self.steps(size))
        if self._order[0] != epoch:
            self._order = (epoch, np.random.default_rng([self.seed, epoch]).permutation(len(self.images)))
        return self.of(np.sort(self._order[1][place * count : (place + 1) * count]))

    def of(self, numbers: NDArray[np.int64] | slice) -> PatchBatch:
        """Return some of the patches."""
        images = torch.from_numpy(np.array(self.images[numbers], dtype=np.float32))
        classes = None if self.classes is None else torch.from_numpy(np.array(self.classes[numbers]))
        return PatchBatch((images - self.scaling.offset) / self.scaling.gain, classes)

    def in_turn(self, size: int = AT_ONCE) -> Iterator[PatchBatch]:
        """Yield all of them, in their order."""
        return (self.of(slice(start, start + size)) for start in range(0, len(self.images), size))


def checked(images: ArrayLike, shape: tuple[int, int] | None = None) -> NDArray[np.float32]:
    """Return patches as (n, h, w), float32; (n, 1, h, w) and (n, h, w, 1) of other tools are understood.

    Raises
    ------
    PassbandError
        They have another shape, hold NaN or infinity, or are larger than 256 pixels.
    """
    array = np.asanyarray(images)
    if array.ndim == 4 and 1 in (array.shape[1], array.shape[3]):
        array = array[:, 0] if array.shape[1] == 1 else array[..., 0]
    if array.ndim != 3 or 0 in array.shape or (shape is not None and array.shape[1:] != tuple(shape)):
        wanted = "(n, h, w)" if shape is None else f"(n, {shape[0]}, {shape[1]})"
        raise PassbandError(f"patches of shape {np.shape(images)} must be {wanted}; cut them of one size")
    if max(array.shape[1:]) > LARGEST_SIDE or min(array.shape[1:]) < 4:
        raise PassbandError(
            f"patches of {array.shape[1:]} pixels must have sides of 4 to {LARGEST_SIDE}; resample them"
        )
    for start in range(0, len(array), AT_ONCE):
        bad = np.flatnonzero(~np.isfinite(array[start : start + AT_ONCE]).all((1, 2)))
        if bad.size:
            raise PassbandError(f"patch {start + bad[0]} holds NaN or infinity; mend the image, or leave it out")
    return array if array.dtype == np.float32 else array.astype(np.float32)


def scaling_of(patches: NDArray[np.float32], *, probabilities: bool) -> Scaling:
    """Return the scaling to mean 0 and deviation 1 over all patches; none for maps of probability.

    Raises
    ------
    PassbandError
        There are fewer than two, all values are the same, or probabilities are not from 0 to 1.
    """
    if len(patches) < 2:
        raise PassbandError(f"{len(patches)} patches are too few to learn from; give 100 or more")
    sums = np.zeros(2)
    low, high = np.inf, -np.inf
    for start in range(0, len(patches), AT_ONCE):
        part = patches[start : start + AT_ONCE].astype(np.float64)
        low, high = min(low, float(part.min())), max(high, float(part.max()))
        sums += (part.sum(), (part**2).sum())
    if probabilities and (low < 0.0 or high > 1.0):
        raise PassbandError(
            f"values from {low:g} to {high:g} are no probabilities; scale them to 0 to 1, or use kind='gaussian'"
        )
    mean, square = sums / patches.size
    if high - low < 1e-6 * max(abs(low), abs(high)) or high == low:
        raise PassbandError(f"all patches have the value {mean:g}; nothing varies that could be learnt")
    return UNSCALED if probabilities else Scaling(float(mean), sqrt(square - mean**2))


def fingerprint(patches: NDArray[np.float32]) -> str:
    """Return 16 hexadecimal digits that other patches do not have."""
    digest = hashlib.sha256(str(patches.shape).encode())
    for start in range(0, len(patches), AT_ONCE):
        digest.update(np.ascontiguousarray(patches[start : start + AT_ONCE]).tobytes())
    return digest.hexdigest()[:16]

"""Crops on their way to a generator: checked, on one scale, and each shown as often as the others."""

import hashlib

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from passband.recipe import PassbandError

PROBED = 2**24  # pixels that the range of values is read from


class ImageBatches:
    """Batches of crops, each of which is shown as often as the others, in an order that the seed gives."""

    def __init__(self, images: NDArray[np.float32], seed: int) -> None:
        self.images, self.seed = images, seed

    def __call__(self, step: int, size: int) -> Tensor:
        """Return the batch of a step, (size, 1, side, side)."""
        rounds, places = np.divmod(np.arange(step * size, (step + 1) * size), len(self.images))
        numbers = np.empty(size, dtype=np.int64)
        for one in np.unique(rounds):
            here = rounds == one
            numbers[here] = np.random.default_rng([self.seed, one]).permutation(len(self.images))[places[here]]
        return torch.from_numpy(self.images[numbers][:, None])


def checked_crops(images: ArrayLike, size: int) -> NDArray[np.float32]:
    """Return crops as (n, size, size), float32.

    Raises
    ------
    PassbandError
        They are of another shape, fewer than two, or hold NaN.
    """
    array = np.asarray(images)
    if array.ndim == 4 and 1 in (array.shape[1], array.shape[3]):
        array = array[:, 0] if array.shape[1] == 1 else array[..., 0]
    if array.ndim != 3 or array.shape[1:] != (size, size):
        raise PassbandError(
            f"crops of shape {np.shape(images)} must be (n, {size}, {size}) of one channel; cut them of that size"
        )
    if len(array) < 2:
        raise PassbandError(f"{len(array)} crops are too few to learn from; give 2, better 200 or more")
    array = array.astype(np.float32)
    if (bad := np.flatnonzero(~np.isfinite(array).all((1, 2)))).size:
        raise PassbandError(f"crop {bad[0]} holds NaN or infinity; mend the image, or leave it out")
    return array


def value_range(crops: NDArray[np.float32]) -> tuple[float, float]:
    """Return middle and half of the range of 99.8 % of the values, so that images are about −1 to 1 for the networks.

    Raises
    ------
    PassbandError
        All values are the same.
    """
    every = max(1, crops.size // PROBED)
    low, high = map(float, np.quantile(crops.reshape(-1)[::every].astype(np.float64), (0.001, 0.999)))
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        low, high = float(crops.min()), float(crops.max())
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        raise PassbandError(f"all crops have the value {low:g}; nothing varies that could be learnt")
    return 0.5 * (low + high), 0.5 * (high - low)


def fingerprint_of(crops: NDArray[np.float32]) -> str:
    """Return 16 hexadecimal digits that other crops do not have."""
    return hashlib.sha256(np.ascontiguousarray(crops).tobytes()).hexdigest()[:16]

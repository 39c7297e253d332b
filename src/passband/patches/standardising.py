"""What a network may look at, and in what numbers: finite images, each channel of mean 0 and standard deviation 1."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.recipe import PassbandError

if TYPE_CHECKING:
    from torch import Tensor

HIGHEST = 1e15  # of any pixel: the variance of a larger image has no place in single precision


def check_image(image: ArrayLike, *, channels: int = 1) -> NDArray[np.generic]:
    """Return `image` as an array if a network can look at it: (y, x), or (channels, y, x) where there are several.

    Raises
    ------
    PassbandError
        Of another shape, empty, complex, or with pixels that are NaN, infinite or beyond ±1e15.
    """
    array = np.asarray(image)
    if channels > 1 and (array.ndim != 3 or array.shape[0] != channels):
        raise PassbandError(
            f"image of shape {array.shape} is not (channels, y, x) of {channels} channels; stack them in front"
        )
    if channels == 1 and array.ndim != 2:
        raise PassbandError(f"image of shape {array.shape} is not 2-D (y, x); pass one grey frame or channel at a time")
    if array.size == 0:
        raise PassbandError(f"image of shape {array.shape} holds no pixels; pass a micrograph")
    if not (np.issubdtype(array.dtype, np.number) or array.dtype == np.bool_) or np.iscomplexobj(array):
        raise PassbandError(f"image of type {array.dtype} is not real numbers; pass an intensity")
    bad = int(array.size - np.count_nonzero(np.isfinite(array)))
    if bad:
        raise PassbandError(
            f"{bad} of {array.size} pixels are NaN or infinite; every pixel must be finite, so mend or crop"
        )
    if max(abs(float(array.min())), abs(float(array.max()))) > HIGHEST:
        raise PassbandError(f"pixels from {array.min():g} to {array.max():g} are outside ±{HIGHEST:g}; rescale them")
    return array


def standardised(array: NDArray[Any]) -> NDArray[np.float32]:
    """Return `array` as float32 with mean 0 and standard deviation 1; a constant image gives zeros.

    Raises
    ------
    PassbandError
        Some values are NaN or infinite.
    """
    values = np.asarray(array, dtype=np.float64)
    mean, spread = float(values.mean()), float(values.std())
    if not np.isfinite(mean) or not np.isfinite(spread):
        bad = int(np.count_nonzero(~np.isfinite(values)))
        raise PassbandError(
            f"{bad} of {values.size} pixels are NaN or infinite; replace them by their neighbours' median"
        )
    # a constant image leaves only rounding in its spread, which must not be blown up
    if spread <= 1e-12 * max(abs(mean), 1e-300):
        return np.zeros(values.shape, np.float32)
    return ((values - mean) / spread).astype(np.float32)


def standardised_channels(array: NDArray[Any]) -> NDArray[np.float32]:
    """Standardise an image (y, x), or each channel of (channels, y, x) on its own."""
    return standardised(array) if array.ndim == 2 else np.stack([standardised(channel) for channel in array])


def standardised_tensor(image: "Tensor") -> "Tensor":
    """Return a finite image as `standardised` does, on its device; an even image becomes 0.

    PyTorch and NumPy sum in another order, so that the two differ by a rounding of float32. Simulated images are
    standardised here and files there, and both keep their bytes.
    """
    exact = image.double()
    deviation = exact.std(correction=0)
    centred = exact - exact.mean()
    return (centred / deviation if float(deviation) > 0 else centred * 0.0).float()

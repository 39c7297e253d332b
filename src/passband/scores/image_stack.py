"""Stacks of images brought onto one scale of intensities before they are compared."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from passband.patches.standardising import standardised
from passband.recipe import PassbandError

if TYPE_CHECKING:
    from torch import Tensor

Crops = NDArray[np.float32]

#: How intensities are normalised. "each": every image has mean 0 and standard deviation 1, whatever its bit depth and
#: unit. "real": mean and deviation of all real images are 0 and 1, and generated ones are on the same scale. "none":
#: left as they are.
Normalisation = Literal["each", "real", "none"]


def as_crops(images: "NDArray[np.generic] | Sequence[NDArray[np.generic]] | Tensor", name: str = "images") -> Crops:
    """Return images (n, y, x) or (n, 1, y, x), of NumPy or torch, as float32 (n, y, x).

    Raises
    ------
    PassbandError
        They have no such shape, there are none, or some pixels are not finite real numbers.
    """
    values = images.detach().cpu().numpy() if hasattr(images, "detach") else images
    try:
        stack = np.asarray(values)
    except ValueError as error:
        raise PassbandError(f"{name} do not form one stack (n, y, x); cut them to one shape") from error
    if stack.ndim == 4 and stack.shape[1] == 1:
        stack = stack[:, 0]
    if stack.ndim != 3 or 0 in stack.shape or stack.dtype.kind not in "biuf":
        raise PassbandError(f"{name} of shape {stack.shape} and type {stack.dtype} must be real (n, y, x), not empty")
    crops = stack.astype(np.float32)
    if not np.isfinite(crops).all():
        raise PassbandError(f"{name} hold pixels that are NaN or infinite; mend or leave out those images")
    return crops


def normalised(crops: Crops, how: Normalisation, real: Crops) -> Crops:
    """Return crops (n, y, x) on the scale that `how` says, given the real ones."""
    if how == "none":
        return crops
    if how == "each":
        return np.stack([standardised(crop) for crop in crops])
    mean, spread = float(real.mean(dtype=np.float64)), float(real.std(dtype=np.float64))
    return ((crops - mean) / (spread or 1.0)).astype(np.float32)

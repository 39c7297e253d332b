"""The camera of one image beside that of a training: what estimators say of both.

`camera.estimates` tells of a recording what can be told of any. Here it is compared, so that each number is taken where
the network would meet it: the noise at the network's pixel size, the slow variation over a square as wide as an image
of the training, and how a file was saved at its own pixels. The distribution of the training is that of the same
numbers on images that are drawn as it drew them, so that what an estimator gets wrong is in both.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from passband.camera.artefacts import block_artefacts, saturated_share
from passband.camera.burned_in import bar_share
from passband.camera.estimates import MOST_LEVELS, grey_levels, slow_variation
from passband.camera.image_area import image_area
from passband.camera.noise import hot_pixel_share, middle, noise_spectrum
from passband.patches.standardising import check_image
from passband.recipe import Recipe

DRIFT = "drift"  # not estimated of the images that are drawn: what they were drawn with


@dataclass(frozen=True)
class CameraQuantity:
    """A number of a camera or of how an image was saved: its name in JSON, and in words with the unit."""

    name: str
    words: str


#: In the order that they are told.
CAMERA_QUANTITIES = (
    CameraQuantity("correlation", "noise correlated over (pixels of the network)"),
    CameraQuantity("noise_share", "noise over contrast, at most"),
    CameraQuantity("nyquist_power", "power at the Nyquist frequency over that at half of it"),
    CameraQuantity("empty_band", "empty share of the frequencies"),
    CameraQuantity("hot_pixels", "hot pixels per 10⁴"),
    CameraQuantity("slow_variation", "slow variation (standard deviations)"),
    CameraQuantity(DRIFT, "drift, fitted to the rings (Å)"),
    CameraQuantity("grey_levels", "grey levels"),
    CameraQuantity("saturated", "share of pixels at the ends of the range"),
    CameraQuantity("border_share", "share of a border and corners of one level"),
    CameraQuantity("scale_bar", "share of a burned-in scale bar"),
    CameraQuantity("blocks", "steps at 8 × 8 blocks, as of a JPEG"),
)


class TrainedSpread(NamedTuple):
    """Of a quantity over the images of a training: least, quantiles of 5, 50 and 95 %, largest."""

    least: float
    low: float
    median: float
    high: float
    largest: float


class CameraReference(Recipe):
    """What estimators say of images that were drawn as a training draws them.

    Attributes
    ----------
    images
        How many.
    quantities
        `TrainedSpread` of each, by name; those that some image tells.
    """

    images: int = Field(ge=1)
    quantities: dict[str, TrainedSpread]


def camera_values(recorded: NDArray[Any], ready: NDArray[np.float32], *, side: int) -> dict[str, float]:
    """Estimate the camera of an image; quantities by name, without those that it tells nothing of.

    Parameters
    ----------
    recorded
        As it was read, (y, x).
    ready
        The same at the network's pixel size, (y, x), from `Model.at_network`.
    side
        Of the images of the training, pixels of the network.

    Raises
    ------
    PassbandError
        The image is not finite.
    """
    pixels = check_image(recorded)
    noise = noise_spectrum(ready)
    levels = grey_levels(pixels)
    found = {
        **({} if noise is None else noise._asdict()),
        "hot_pixels": 1e4 * hot_pixel_share(ready),
        "slow_variation": slow_variation(middle(ready, side)),
        "grey_levels": MOST_LEVELS + 1 if levels is None else levels,
        "saturated": saturated_share(pixels),
        "border_share": image_area(pixels).share(pixels.shape),
        "scale_bar": bar_share(pixels),
        "blocks": block_artefacts(pixels),
    }
    told = {one.name: found.get(one.name) for one in CAMERA_QUANTITIES}
    return {name: float(value) for name, value in told.items() if value is not None}

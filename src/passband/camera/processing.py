"""What people do to a micrograph after it was recorded: contrast, filters, 8 bits, JPEG, a scale bar.

The order is that of a session at the microscope's computer: filters, contrast, scale bar, 8 bits, file. The result is
in the units of the image, so that a black of the saved file is the value that the image had there.
"""

import io
from math import floor
from typing import Annotated

import numpy as np
import torch
from pydantic import Field, ValidationInfo, field_validator
from torch import Tensor

from passband.camera.filters import gaussian_filtered, locally_normalised, median_filtered, sharpened
from passband.camera.scale_bar import Corner, ScaleBar, with_scale_bar
from passband.distribution import Scalar, Uniform, limits, sample
from passband.recipe import PassbandError, Recipe

CORNERS: tuple[Corner, ...] = ("bottom left", "bottom right", "top left", "top right")
LABELS = ("", "2 nm", "5 nm", "10 nm", "20 nm")
BLOCK = 8  # pixels, along each side of what JPEG transforms
WHITE = 255
#: Smallest and largest strength of each step.
BOUNDS = {
    "clipped_dark": (0.0, 0.4),
    "clipped_bright": (0.0, 0.4),
    "gamma": (0.1, 10.0),
    "gaussian": (0.0, 20.0),
    "sharpening": (0.0, 10.0),
    "local_contrast": (0.0, 1.0),
    "jpeg_quality": (1.0, 100.0),
    "scale_bar_length": (0.01, 0.9),
    "scale_bar_thickness": (0.001, 0.2),
}

FILTERS_OFF = {"median": False, "gaussian": 0.0, "sharpening": 0.0, "local_contrast": 0.0}

Share = Annotated[float, Field(ge=0.0, le=1.0)]


def _check(name: str | None, value: float) -> None:
    low, high = BOUNDS[str(name)]
    if not low <= value <= high:
        raise PassbandError(f"{name}={value:g} is outside {low:g} to {high:g}; choose a value in this range")


class Processing(Recipe):
    """What is done to one image after it was recorded; nothing by default.

    Attributes
    ----------
    median
        Each pixel is replaced by the median of the 3 × 3 around it.
    gaussian
        Standard deviation of the Gaussian that smooths the image, pixels.
    sharpening
        Amount of an unsharp mask of 1 pixel.
    local_contrast
        How far mean and contrast are evened out over the image, 0 to 1.
    clipped_dark, clipped_bright
        Fraction of the pixels that become black, and white.
    gamma
        Exponent of the grey values, black = 0 and white = 1.
    eight_bit
        The grey values are rounded to 256 levels.
    scale_bar
        What is burned in, or none.
    jpeg_quality
        Of the JPEG file that the image is saved in (which has 8 bits); None is a file without loss.
    jpeg_grid
        Pixels (y, x) by which the first 8 × 8 block begins before the image, as in a piece of a larger picture.

    Examples
    --------
    >>> Processing(gamma=-1.0)
    Traceback (most recent call last):
        ...
    pydantic_core._pydantic_core.ValidationError: 1 validation error for Processing
    gamma
      Value error, gamma=-1 is outside 0.1 to 10; choose a value in this range ...
    """

    median: bool = False
    gaussian: float = 0.0
    sharpening: float = 0.0
    local_contrast: float = 0.0
    clipped_dark: float = 0.0
    clipped_bright: float = 0.0
    gamma: float = 1.0
    eight_bit: bool = False
    scale_bar: ScaleBar | None = None
    jpeg_quality: int | None = None
    jpeg_grid: tuple[Annotated[int, Field(ge=0, lt=BLOCK)], Annotated[int, Field(ge=0, lt=BLOCK)]] = (0, 0)

    @field_validator(*(set(BOUNDS) - {"scale_bar_length", "scale_bar_thickness"}))
    @classmethod
    def _in_bounds(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is not None:
            _check(info.field_name, value)
        return value


class ProcessingDistribution(Recipe):
    """What is done to images after they were recorded: of each step, to which share of them, and how strongly.

    Attributes
    ----------
    median_share
        Fraction of the images that a 3 × 3 median is run over.
    gaussian_share
        Fraction that is smoothed.
    gaussian
        Standard deviation of that Gaussian, pixels.
    sharpening_share
        Fraction that is sharpened.
    sharpening
        Amount of an unsharp mask of 1 pixel.
    local_contrast_share
        Fraction whose local contrast is evened out.
    local_contrast
        How far it is, 0 to 1.
    clipping_share
        Fraction whose contrast is stretched until some pixels are black or white.
    clipped_dark, clipped_bright
        Fraction of the pixels of such an image that become black, and white.
    gamma_share
        Fraction with a gamma other than 1.
    gamma
        Exponent of the grey values, black = 0 and white = 1.
    eight_bit_share
        Fraction that is rounded to 256 grey levels.
    jpeg_share
        Fraction that is saved as JPEG (with 8 bits).
    jpeg_quality
        Of that file, 1 to 100.
    scale_bar_share
        Fraction with a scale bar burned in: in a corner, black or white, half of them on a box, most with a label.
    scale_bar_length
        Fraction of the image's width.
    scale_bar_thickness
        Fraction of the image's height.

    Examples
    --------
    >>> often = ProcessingDistribution(jpeg_share=1.0, jpeg_quality={"uniform": [60, 90]})
    >>> often.sample(np.random.default_rng(0)).jpeg_quality
    68
    """

    median_share: Share = 0.0
    gaussian_share: Share = 0.0
    gaussian: Scalar = Uniform(uniform=(0.4, 1.2))
    sharpening_share: Share = 0.0
    sharpening: Scalar = Uniform(uniform=(0.3, 1.5))
    local_contrast_share: Share = 0.0
    local_contrast: Scalar = Uniform(uniform=(0.2, 0.8))
    clipping_share: Share = 0.0
    clipped_dark: Scalar = Uniform(uniform=(0.0, 0.02))
    clipped_bright: Scalar = Uniform(uniform=(0.0, 0.02))
    gamma_share: Share = 0.0
    gamma: Scalar = Uniform(uniform=(0.7, 1.4))
    eight_bit_share: Share = 0.0
    jpeg_share: Share = 0.0
    jpeg_quality: Scalar = Uniform(uniform=(60.0, 95.0))
    scale_bar_share: Share = 0.0
    scale_bar_length: Scalar = Uniform(uniform=(0.1, 0.4))
    scale_bar_thickness: Scalar = Uniform(uniform=(0.01, 0.05))

    @field_validator(*BOUNDS)
    @classmethod
    def _in_bounds(cls, scalar: Scalar, info: ValidationInfo) -> Scalar:
        for value in limits(scalar):
            _check(info.field_name, value)
        return scalar

    def sample(self, rng: np.random.Generator) -> Processing:
        """Draw what is done to one image.

        Every step draws its strength whether it happens or not, so that another share of one moves none of the others.
        The tail of a normal distribution beyond what is possible is drawn as the bound.
        """

        def happens(share: float) -> bool:
            return bool(rng.random() < share)

        def drawn(name: str, scalar: Scalar) -> float:
            low, high = BOUNDS[name]
            return min(max(sample(scalar, rng), low), high)

        def strength(name: str, scalar: Scalar, share: float, *, otherwise: float = 0.0) -> float:
            value = drawn(name, scalar)
            return value if happens(share) else otherwise

        clipping = float(happens(self.clipping_share))
        quality = round(drawn("jpeg_quality", self.jpeg_quality))
        row, column = (int(place) for place in rng.integers(BLOCK, size=2))
        length = drawn("scale_bar_length", self.scale_bar_length)
        thickness = drawn("scale_bar_thickness", self.scale_bar_thickness)
        bar = ScaleBar(
            corner=CORNERS[int(rng.integers(len(CORNERS)))],
            length=length,
            thickness=thickness,
            bright=happens(0.5),
            boxed=happens(0.5),
            label=LABELS[int(rng.integers(len(LABELS)))],
        )
        saved_as_jpeg = happens(self.jpeg_share)
        return Processing(
            median=happens(self.median_share),
            gaussian=strength("gaussian", self.gaussian, self.gaussian_share),
            sharpening=strength("sharpening", self.sharpening, self.sharpening_share),
            local_contrast=strength("local_contrast", self.local_contrast, self.local_contrast_share),
            clipped_dark=strength("clipped_dark", self.clipped_dark, clipping),
            clipped_bright=strength("clipped_bright", self.clipped_bright, clipping),
            gamma=strength("gamma", self.gamma, self.gamma_share, otherwise=1.0),
            eight_bit=happens(self.eight_bit_share),
            scale_bar=bar if happens(self.scale_bar_share) else None,
            jpeg_quality=quality if saved_as_jpeg else None,
            jpeg_grid=(row, column) if saved_as_jpeg else (0, 0),
        )


def processed(image: Tensor, processing: Processing) -> Tensor:
    """Return an image as it is after what people did to it.

    Parameters
    ----------
    image
        (y, x), finite. Grey values reach from its smallest to its largest value where no pixels are clipped, as in any
        program that saves 8 bits, so that one x-ray hit leaves few levels to the rest.
    processing
        What is done. Equal arguments give equal values; those of a JPEG depend on the version of the codec (libjpeg).

    Returns
    -------
    Tensor
        float32 (y, x) on the device of the image, in its units. An even image has no contrast to change and is
        returned as the filters leave it.

    Raises
    ------
    PassbandError
        The image is not (y, x).
    """
    if image.ndim != 2:
        raise PassbandError(f"an image of shape {tuple(image.shape)} is not (y, x); process one image at a time")
    filtered = _filtered(image.float(), processing)
    if processing.model_copy(update=FILTERS_OFF) == Processing():
        return filtered
    low, high = _grey_range(filtered, processing)
    if not bool(high > low):
        return filtered
    grey = ((filtered - low) / (high - low)).clamp(0.0, 1.0)
    if processing.gamma != 1.0:
        grey = grey**processing.gamma
    if processing.scale_bar is not None:
        grey = with_scale_bar(grey, processing.scale_bar)
    if processing.eight_bit or processing.jpeg_quality is not None:
        grey = (grey * WHITE).round()
        if processing.jpeg_quality is not None:
            grey = _as_jpeg(grey, processing.jpeg_quality, processing.jpeg_grid)
        grey = grey / WHITE
    return torch.lerp(low, high, grey)


def _filtered(image: Tensor, processing: Processing) -> Tensor:
    if processing.median:
        image = median_filtered(image)
    if processing.gaussian > 0.0:
        image = gaussian_filtered(image, processing.gaussian)
    if processing.sharpening > 0.0:
        image = sharpened(image, processing.sharpening)
    if processing.local_contrast > 0.0:
        image = locally_normalised(image, processing.local_contrast)
    return image


def _grey_range(image: Tensor, processing: Processing) -> tuple[Tensor, Tensor]:
    """Values that become black and white: of the last pixel that is clipped on each side."""
    values = image.flatten()
    dark, bright = (floor(share * len(values)) for share in (processing.clipped_dark, processing.clipped_bright))
    return values.kthvalue(dark + 1).values, values.kthvalue(len(values) - bright).values


def _as_jpeg(levels: Tensor, quality: int, grid: tuple[int, int]) -> Tensor:
    """Grey levels 0 to 255 (y, x) after a JPEG file, whose blocks begin `grid` pixels (y, x) before the image."""
    from PIL import Image

    pixels = np.pad(levels.to(torch.uint8).cpu().numpy(), ((grid[0], 0), (grid[1], 0)), mode="edge")
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    read = np.asarray(Image.open(file), dtype=np.float32)[grid[0] :, grid[1] :]
    return torch.from_numpy(read.copy()).to(levels.device)

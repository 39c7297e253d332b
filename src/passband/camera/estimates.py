"""Estimates of the camera and of the later processing from one image, to be compared with those of a training."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.camera.artefacts import block_artefacts, saturated_share
from passband.camera.border import Border
from passband.camera.burned_in import Box, scale_bar
from passband.camera.image_area import image_area
from passband.camera.noise import gain, hot_pixel_share, middle, noise_spectrum
from passband.patches.standardising import check_image

MOST_LEVELS = 1024  # that are counted
SAMPLE = 2**16  # pixels that tell whether there may be so few
PLACES = 16  # medians along each side, for the slow variation
FEWEST_PIXELS = 4  # along each side of one of them
ROBUST = 5  # weighted fits
HUBER = 1.345  # standard deviations beyond which a place counts less


@dataclass(frozen=True)
class CameraEstimate:
    """What one image says of its camera and of what was done to it. Where it says nothing, None.

    Bias and spread of each over images of known truth: `benchmarks/bench_camera_estimates.py`.

    Attributes
    ----------
    correlation
        Standard deviation of the Gaussian that blurred the counted electrons, pixels of the image; 0 is white noise.
    noise_share
        Upper bound of the standard deviation of the noise over that of the image, 0 to 1: film that scatters to the end
        of the band is not told from noise.
    nyquist_power
        Power near the Nyquist frequency over that near half of it; 1 for white noise, less after a blur or an
        enlargement, more after sharpening.
    empty_band
        Fraction of the frequencies up to Nyquist, from its end, that hold nothing, as after an enlargement.
    gain
        Grey values per electron, from how the noise grows with the mean; None too where its correlation leaves too
        little of it to tell, or does not explain most of its power.
    grey_levels
        Different values, where they are at most 1024; an image of 8 bits has no more than 256.
    saturated
        Fraction of the pixels that are black or white because the range ended there.
    border
        Rows and columns of one level at the borders.
    border_share
        Fraction of the image that they are.
    corner_share
        Fraction that is in corners that a turn or a shear left empty.
    scale_bar
        Rows and columns of a bar that is burned in.
    blocks
        Excess of steps at the edges of 8 × 8 blocks over the mean step, as JPEG leaves it.
    hot_pixels
        Single bright pixels per 10⁴ pixels.
    slow_variation
        Range of the best polynomial of second degree, in standard deviations of the image: illumination, thickness.
    """

    correlation: float | None
    noise_share: float | None
    nyquist_power: float | None
    empty_band: float | None
    gain: float | None
    grey_levels: int | None
    saturated: float
    border: Border
    border_share: float
    corner_share: float
    scale_bar: Box | None
    blocks: float
    hot_pixels: float
    slow_variation: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return the estimates as plain JSON values; `border` and `scale_bar` by the names of their sides."""
        return {
            **vars(self),
            "border": self.border._asdict(),
            "scale_bar": None if self.scale_bar is None else self.scale_bar._asdict(),
        }


def estimate_camera(image: ArrayLike) -> CameraEstimate:
    """Estimate the camera of one image (y, x), of any pixel size and in any unit.

    Of large images the middle tells of the noise: 0.2 s for 2048². A border of one level and empty corners are left out
    of everything but `border` and their shares, and a scale bar out of the noise.

    Raises
    ------
    PassbandError
        The image is not (y, x), holds no pixels, or some are NaN, infinite or beyond ±1e15.
    """
    pixels = check_image(image)
    area, bar = image_area(pixels), scale_bar(pixels)
    border, inside = area.border, area.inside(pixels)
    ready = inside if bar is None else _without(inside, bar.moved(-border.top, -border.left))
    spectrum = noise_spectrum(ready)
    return CameraEstimate(
        correlation=None if spectrum is None else spectrum.correlation,
        noise_share=None if spectrum is None else spectrum.noise_share,
        nyquist_power=None if spectrum is None else spectrum.nyquist_power,
        empty_band=None if spectrum is None else spectrum.empty_band,
        gain=None if spectrum is None else gain(ready, spectrum),
        grey_levels=grey_levels(pixels),
        saturated=saturated_share(pixels),
        border=border,
        border_share=border.share(pixels.shape),
        corner_share=area.share(pixels.shape) - border.share(pixels.shape),
        scale_bar=bar,
        blocks=block_artefacts(pixels),
        hot_pixels=1e4 * hot_pixel_share(ready),
        slow_variation=slow_variation(ready),
    )


def _without(image: NDArray[Any], bar: Box) -> NDArray[Any]:
    """Image with the rows beside a bar in its place, those further inside."""
    height = bar.bottom - bar.top
    source = bar.bottom + 2 if bar.top < image.shape[0] // 2 else bar.top - height - 2
    result = image.copy()
    place = slice(max(0, bar.left - 1), bar.right + 1)
    result[bar.top : bar.bottom, place] = image[source : source + height, place]
    return result


def grey_levels(image: ArrayLike) -> int | None:
    """Count the different values of an image (y, x), where they are at most 1024."""
    pixels = check_image(image)
    if np.unique(pixels.ravel()[:: max(1, pixels.size // SAMPLE)]).size > MOST_LEVELS:
        return None
    levels = np.unique(pixels).size
    return levels if levels <= MOST_LEVELS else None


def slow_variation(image: NDArray[Any]) -> float | None:
    """Range of a polynomial of second degree over a finite image (y, x), in standard deviations; None if it is even.

    It is fitted to the medians of 16 × 16 places, of which those that are off (particles) count less (Huber).
    """
    places = [min(PLACES, side // FEWEST_PIXELS) for side in image.shape]
    low, high = float(image.min()), float(image.max())
    if min(places) < 3 or not low < high:
        return None
    size = [side // count for side, count in zip(image.shape, places, strict=True)]
    every = [max(1, one // 32) for one in size]
    cut = image[: places[0] * size[0], : places[1] * size[1]].reshape(places[0], size[0], places[1], size[1])
    few = (cut[:, :: every[0], :, :: every[1]].astype(np.float64) - low) / (high - low)
    medians = np.median(few, axis=(1, 3))
    centres = [(2.0 * np.arange(count) + 1.0) / count - 1.0 for count in places]
    fit = _robust_fit(_second_degree(*centres), medians.ravel())
    everywhere = _second_degree(*(np.linspace(-1.0, 1.0, count + 1) for count in places)) @ fit
    spread = float(np.std(middle(image).astype(np.float64) / (high - low)))
    return float(np.ptp(everywhere)) / spread if spread > 0.0 else None


def _second_degree(y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Terms of a polynomial of second degree at each place of a grid, (places, 6)."""
    rows, columns = (one.ravel() for one in np.meshgrid(y, x, indexing="ij"))
    return np.stack([np.ones_like(rows), rows, columns, rows**2, rows * columns, columns**2], axis=1)


def _robust_fit(design: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients of a fit that places far off move little."""
    weight = np.ones(len(values))
    for _ in range(ROBUST):
        root = np.sqrt(weight)
        coefficients = np.linalg.lstsq(design * root[:, None], values * root, rcond=None)[0]
        off = np.abs(values - design @ coefficients)
        spread = max(1.4826 * float(np.median(off)), 1e-12)
        weight = np.minimum(1.0, HUBER * spread / np.maximum(off, 1e-12))
    return np.asarray(coefficients)

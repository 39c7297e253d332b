"""One micrograph as the checks see it: turned to one orientation, sampled for the network, and segmented in part."""

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import product

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.fft import dct, idct
from scipy.ndimage import median_filter

from passband.camera.image_area import image_area
from passband.checks.column_fit import ColumnEvidence, fit_columns
from passband.patches.preparing import NORMAL
from passband.patches.standardising import check_image
from passband.patches.symmetry import turned, turned_pair, upright
from passband.pixels import pixel_pair
from passband.segmentation.catalogue import finds_defects
from passband.segmentation.model import Model

Array = NDArray[np.float64]
Image = NDArray[np.float32]

ALONG = 2  # squares along each side of an image, where it is large enough
SLOW = 16.0  # pixels; a Gaussian of this standard deviation holds what varies slowly
OUTLIER = 6.0  # robust standard deviations, beyond which a pixel is no noise


class Subject:
    """A micrograph without its border and empty corners, and the network that is to segment it.

    Checks look at the `upright` image, so that they say the same of all its eight orientations.

    Parameters
    ----------
    model
        The network.
    recorded
        Grey values as recorded, (y, x).
    pixel_size
        Å, one number or (y, x).
    side
        Of the squares that are segmented, in pixels of the network: that of the images that the network was measured
        on. Those that an image is too small for have its own side.
    """

    def __init__(
        self, model: Model, recorded: ArrayLike, pixel_size: float | tuple[float, float], *, side: int
    ) -> None:
        whole = check_image(recorded)
        area = image_area(whole)
        self.border_share = area.share(whole.shape)
        array = area.inside(whole)
        element = upright(array)
        self.model, self.side = model, side
        self.recorded = turned(array, element)
        self.pixel_size = turned_pair(pixel_pair(pixel_size), element)

    @cached_property
    def image(self) -> Image:
        """The whole image at the pixel size of the network, standardised, (y, x)."""
        return self.model.at_network(self.recorded, self.pixel_size)

    @cached_property
    def squares(self) -> Image:
        """Squares (n, side, side) of `image` around the middles of its halves, at most four."""
        stride = self.model.card.architecture.stride
        side = min(self.side, *self.image.shape)
        side = max(side // stride * stride, min(side, stride))
        corners = [_corners(length, side) for length in self.image.shape]
        return np.stack([self.image[y : y + side, x : x + side] for y, x in product(*corners)])

    @cached_property
    def foreground(self) -> Array:
        """Probability of a particle in `squares`."""
        return self.segmented(self.squares)

    @cached_property
    def negative(self) -> Array:
        """Probability of a particle in the negatives of `squares`."""
        return self.segmented(-self.squares)

    @cached_property
    def columns(self) -> tuple[ColumnEvidence, ...]:
        """How well columns explain each of the `squares`: those that the network sees.

        Of a network that sees defects, those that the image shows: defects are few of its columns.
        """
        return self._fitted(self.squares, lambda: self.foreground)

    @cached_property
    def columns_of_negative(self) -> tuple[ColumnEvidence, ...]:
        """The same of their negatives."""
        return self._fitted(-self.squares, lambda: self.negative)

    def _fitted(self, squares: Image, seen: Callable[[], Array]) -> tuple[ColumnEvidence, ...]:
        probabilities = [None] * len(squares) if finds_defects(self.model.card) else seen()
        pairs = zip(squares.astype(np.float64), probabilities, strict=True)
        return tuple(fit_columns(square, probability) for square, probability in pairs)

    @cached_property
    def texture(self) -> Array:
        """`image` without what varies slowly and without outliers."""
        return texture(self.image)

    @cached_property
    def binned_texture(self) -> Array:
        """Texture of the image in bins of whole pixels, as large as fit into a pixel of the network.

        White noise stays so: between other pixels its variance would change from place to place.
        """
        return texture(binned(self.recorded, max(1, int(self.model.card.pixel_size / max(self.pixel_size) + 0.1))))

    @torch.inference_mode()
    def segmented(self, images: Image) -> Array:
        """Probability of anything but the background in standardised images (n, y, x), each on its own."""
        stride = self.model.card.architecture.stride
        height, width = images.shape[1:]
        padded = np.pad(images, ((0, 0), (0, -height % stride), (0, -width % stride)), mode="symmetric")
        stack = torch.from_numpy(padded)[:, None].to(self.model.device)
        logits = self.model.network(stack.contiguous(memory_format=torch.channels_last)).float()
        found: NDArray[np.float32] = (1.0 - logits.softmax(dim=1)[:, 0]).cpu().numpy()
        return found[:, :height, :width].astype(np.float64)


def _corners(length: int, side: int) -> Sequence[int]:
    """Where squares begin along one axis: one in the middle, or one in the middle of each half."""
    count = min(ALONG, max(1, length // side))
    return [round((k + 0.5) * length / count - 0.5 * side) for k in range(count)]


def binned(image: NDArray[np.generic], width: int) -> Array:
    """Means over squares of `width` pixels of an image (y, x); what is left over at two borders is not used."""
    rows, columns = (length // width for length in image.shape)
    if min(rows, columns) < 1:
        return np.asarray(image, dtype=np.float64)
    means = np.zeros((rows, columns))
    for y, x in product(range(width), repeat=2):
        means += image[y : rows * width : width, x : columns * width : width]
    return means / width**2


def texture(image: ArrayLike) -> Array:
    """Image (y, x) without what varies over more than `SLOW` pixels, mean 0; outliers are medians of 3 × 3 pixels."""
    grey = np.asarray(image, dtype=np.float64)
    fast = grey - smoothed(grey, SLOW)
    beyond = np.abs(fast) > OUTLIER * NORMAL * np.median(np.abs(fast))
    if beyond.any():
        fast = np.where(beyond, median_filter(fast, 3), fast)
    centred: Array = fast - fast.mean()
    return centred


def smoothed(image: Array, deviation: float) -> Array:
    """Gaussian average of an image (y, x), mirrored at its borders, as `scipy.ndimage.gaussian_filter`, but faster.

    A mirrored image is a sum of cosines, and a symmetric kernel multiplies each by its own sum of cosines.
    """
    averaged, reach = image, int(4.0 * deviation + 0.5)
    place = np.arange(1, reach + 1)
    kernel = np.exp(-0.5 * (place / deviation) ** 2)
    for axis, side in enumerate(image.shape):
        passed = 1.0 + 2.0 * kernel @ np.cos(np.pi / side * place[:, None] * np.arange(side))
        passed /= 1.0 + 2.0 * kernel.sum()
        averaged = idct(dct(averaged, axis=axis) * (passed[:, None] if axis == 0 else passed), axis=axis)
    return averaged


def surface_terms(shape: tuple[int, int]) -> Array:
    """Terms (y · x, 6) of a polynomial of second degree at each place of a grid (y, x), which goes from −1 to 1."""
    y, x = (line.ravel() for line in np.meshgrid(*(np.linspace(-1.0, 1.0, side) for side in shape), indexing="ij"))
    return np.stack([np.ones_like(x), x, y, x * y, x**2, y**2], axis=1)


def fitted_surface(image: ArrayLike) -> Array:
    """Polynomial of second degree that is nearest to an image (y, x)."""
    values = np.asarray(image, dtype=np.float64)
    terms, mean = surface_terms((values.shape[0], values.shape[1])), values.mean()
    coefficients = np.linalg.lstsq(terms.T @ terms, terms.T @ (values - mean).ravel(), rcond=None)[0]
    fitted: Array = (terms @ coefficients).reshape(values.shape) + mean
    return fitted

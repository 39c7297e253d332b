"""Filters that people run over a recorded image before they save it: smooth, take the median, sharpen, even out.

Each takes and returns an image (y, x) on its device; beyond the border the border pixels are repeated.
"""

from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor

SHARPENED_AROUND = 1.0  # pixels, standard deviation of the Gaussian of the unsharp mask
LOCAL = 8  # windows of the local contrast along a side, as in common adaptive equalisation
MOST_GAIN = 4.0  # of the local contrast, so that an even area does not become noise alone


def gaussian_filtered(image: Tensor, sigma: float) -> Tensor:
    """Image smoothed by a Gaussian of standard deviation `sigma` pixels, cut off at 4 sigma or the image's side."""
    reach = min(ceil(4.0 * sigma), *image.shape)
    place = torch.arange(-reach, reach + 1, dtype=image.dtype, device=image.device)
    kernel = torch.exp(-0.5 * (place / max(sigma, 1e-3)) ** 2)
    kernel = (kernel / kernel.sum())[None, None, None]
    padded = F.pad(image[None, None], (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel), kernel.mT)[0, 0]


def median_filtered(image: Tensor) -> Tensor:
    """Each pixel replaced by the median of the 3 × 3 around it.

    Of three sorted columns it is the median of the largest minimum, the median of the medians and the smallest maximum
    (Smith, Xilinx XCell 23 (1996) 16), which takes few operations on whole images.
    """
    padded = F.pad(image[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
    low, middle, high = _sorted(padded[:-2], padded[1:-1], padded[2:])
    largest_low = torch.maximum(torch.maximum(low[:, :-2], low[:, 1:-1]), low[:, 2:])
    smallest_high = torch.minimum(torch.minimum(high[:, :-2], high[:, 1:-1]), high[:, 2:])
    median_middle = _sorted(middle[:, :-2], middle[:, 1:-1], middle[:, 2:])[1]
    return _sorted(largest_low, median_middle, smallest_high)[1]


def _sorted(a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Smallest, middle and largest of three, pixel by pixel."""
    low, high = torch.minimum(a, b), torch.maximum(a, b)
    middle = torch.maximum(low, torch.minimum(high, c))
    return torch.minimum(low, c), middle, torch.maximum(high, c)


def sharpened(image: Tensor, amount: float) -> Tensor:
    """Unsharp mask: the image and `amount` times what a Gaussian of 1 pixel takes from it."""
    return image + amount * (image - gaussian_filtered(image, SHARPENED_AROUND))


def locally_normalised(image: Tensor, strength: float) -> Tensor:
    """Mean and contrast evened out: each pixel against the mean and the standard deviation in a window around it.

    The window is an eighth of the image's side. The result is mixed with the image, `strength` 0 to 1, which keeps mean
    and standard deviation of the whole (Wallis filter; Pratt, Digital Image Processing, 3rd ed. (2001) sec. 10.1.4).
    """
    exact = image.double()
    overall, spread = exact.mean(), exact.std(correction=0)
    centred = exact - overall
    level, square = _windowed_means(torch.stack([centred, centred**2]))
    gain = spread / (square - level**2).clamp(min=0.0).sqrt().clamp(min=float(spread) / MOST_GAIN + 1e-30)
    return torch.lerp(exact, overall + gain * (centred - level), strength).to(image.dtype)


def _windowed_means(images: Tensor) -> Tensor:
    """Means (n, y, x) in a window around each pixel, as far as it lies in the image, from running sums."""
    for axis in (-2, -1):
        length = images.shape[axis]
        reach = max(1, length // (2 * LOCAL))
        place = torch.arange(length, device=images.device)
        first, last = (place - reach).clamp(min=0), (place + reach + 1).clamp(max=length)
        running = torch.cat([torch.zeros_like(images.narrow(axis, 0, 1)), images.cumsum(axis)], dim=axis)
        count = (last - first)[:, None] if axis == -2 else last - first
        images = (running.index_select(axis, last) - running.index_select(axis, first)) / count
    return images

"""What a fixed bank of rotation-invariant filters sees at every pixel: local means, and local energy in radial bands.

The channels of a channelised observer (Barrett & Myers, Foundations of Image Science, Wiley 2004, section 14.3) for
random textures: whether a pixel lies on a particle is written in how bright its surroundings are, at several scales,
and in how much of each spatial frequency they hold. Frequencies and widths are counted in pixels, as a network sees
them, so two cameras with different pixels are compared as they would be shown to it.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from passband.recipe import PassbandError, Recipe

FLOOR = 1e-4  # of the variance of a standardised image: energy below it is nothing; keeps the logarithm finite


class ChannelRecipe(Recipe):
    """The bank of filters.

    Attributes
    ----------
    means
        Standard deviations in pixels of the Gaussians that the image itself is averaged with.
    bands
        Number of radial bands, Gaussian in |q|, equally spaced from `lowest` to `highest`.
    lowest, highest
        Centres of the first and the last band, as fractions of Nyquist.
    windows
        Standard deviations in pixels of the Gaussians that the energy of each band is averaged with.
    sign
        What becomes of the sign of the local means: "kept" tells bright from dark, "rectified" tells grey from not
        grey, "dropped" leaves the means out. Under the last two an image and its negative are the same.
    border
        Pixels by which the image is reflected at its rim before it is filtered.
    """

    means: tuple[float, ...] = (1.5, 3.0, 6.0, 12.0)
    bands: int = Field(default=8, ge=1, le=64)
    lowest: float = Field(default=0.06, gt=0.0, lt=1.0)
    highest: float = Field(default=0.94, gt=0.0, lt=1.5)
    windows: tuple[float, ...] = Field(default=(4.0, 10.0), min_length=1)
    sign: Literal["kept", "rectified", "dropped"] = "kept"
    border: int = Field(default=16, ge=0)

    @property
    def count(self) -> int:
        """Number of channels."""
        return self.bands * len(self.windows) + (0 if self.sign == "dropped" else len(self.means))


def channel_images(images: Tensor, recipe: ChannelRecipe) -> Tensor:
    """Response of every channel at every pixel.

    Parameters
    ----------
    images
        (n, 1, y, x), standardised one by one.
    recipe
        The bank.

    Returns
    -------
    Tensor
        float32 (n, channels, y, x): the logarithm of each band's local energy, then the local means. Turning or
        mirroring an image turns or mirrors its channels.

    Raises
    ------
    PassbandError
        The images have another shape, or are too small to be reflected at their rim.
    """
    if images.ndim != 4 or images.shape[1] != 1 or min(images.shape[-2:]) <= recipe.border:
        raise PassbandError(
            f"images of shape {tuple(images.shape)}; give (n, 1, y, x) with sides above border={recipe.border} pixels"
        )
    rim = recipe.border
    padded = F.pad(images.float(), (rim, rim, rim, rim), mode="reflect")[:, 0]
    shape = (padded.shape[-2], padded.shape[-1])
    q = _frequencies(shape, padded.device)
    spectrum = torch.fft.rfft2(padded)[:, None]
    bands = torch.fft.irfft2(spectrum * _bands(q, recipe), s=shape)
    energy = torch.fft.rfft2(bands.square())
    smoothed = [torch.fft.irfft2(energy * _gaussian(q, width), s=shape) for width in recipe.windows]
    parts = [torch.log(torch.cat(smoothed, dim=1).clamp(min=0.0) + FLOOR)]
    if recipe.sign != "dropped" and recipe.means:
        blurs = torch.stack([_gaussian(q, width) for width in recipe.means])
        means = torch.fft.irfft2(spectrum * blurs, s=shape)
        parts.append(means.abs() if recipe.sign == "rectified" else means)
    return torch.cat(parts, dim=1)[..., rim : shape[0] - rim, rim : shape[1] - rim]


def _frequencies(shape: tuple[int, int], device: torch.device) -> Tensor:
    """|q| in cycles per pixel, on the half-plane of `rfft2`."""
    rows = torch.fft.fftfreq(shape[0], device=device)[:, None]
    columns = torch.fft.rfftfreq(shape[1], device=device)[None, :]
    return torch.hypot(rows, columns)


def _bands(q: Tensor, recipe: ChannelRecipe) -> Tensor:
    """(bands, y, x): Gaussians in |q| whose standard deviation is half their distance."""
    centres = torch.linspace(recipe.lowest, recipe.highest, recipe.bands, device=q.device) * 0.5
    spacing = 0.5 * (recipe.highest - recipe.lowest) / max(1, recipe.bands - 1)
    bands = torch.exp(-0.5 * ((q[None] - centres[:, None, None]) / (0.5 * spacing)).square())
    return bands * (q > 0)


def _gaussian(q: Tensor, width: float) -> Tensor:
    """Transform of a Gaussian of standard deviation `width` pixels and unit sum."""
    return torch.exp(-2.0 * (torch.pi * width * q).square())

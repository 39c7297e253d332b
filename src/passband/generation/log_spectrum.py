"""The power spectrum of an image as a discriminator sees it: logarithmic, standardised, wherever the image lies.

Khan et al. (npj Comput. Mater. 9, 85, 2023) show discriminators log10 |FFT|² of whole crops. That says nothing of where
power comes from, and generators found out: one black pixel in the middle has a white spectrum as noise has, and is
cheaper. So the discriminator sees, together, nine segments of half the side (as in Welch, IEEE Trans. Audio 15, 70,
1967, but not averaged), at places that each step draws anew; at fixed ones, points stood in the middle of each. A Hann
window takes the cross of their borders away, the transform is orthonormal, so that white noise of variance σ² has the
power ⅜²·σ² at any size, and every frequency is standardised with its mean and standard deviation over the domain.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

SEGMENTS = 9
#: Power on the scale −1 to 1 that is added before the logarithm: noise of a standard deviation below 0.01 is not told.
FLOOR = 1e-5
LEAST = 0.05  # nats: standard deviation of a frequency that is the same in every image


def spectrum_shape(side: int) -> tuple[int, int]:
    """Return the shape of the spectrum of a crop of `side` pixels."""
    return side // 2, side // 4 + 1


def drawn_segments(side: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Draw the corners (y, x) of segments of a crop of `side` pixels."""
    return [(int(y), int(x)) for y, x in rng.integers(side - side // 2 + 1, size=(SEGMENTS, 2))]


def windowed_power(images: Tensor, segments: Sequence[tuple[int, int]]) -> Tensor:
    """Return |rfft2|² (orthonormal) of segments of images (n, 1, s, s) under a Hann window.

    `segments` are their corners (y, x), pixels. The result is (n, segments, s/2, s//4 + 1), kx = 0 at the left and
    ky = 0 in the middle row. The mean, which would fill the lowest frequencies, is taken off.
    """
    with torch.autocast(images.device.type, enabled=False):
        exact = images.float()
        half = exact.shape[-1] // 2
        cut = torch.cat([exact[..., y : y + half, x : x + half] for y, x in segments], dim=1)
        window = torch.hann_window(half, dtype=exact.dtype, device=exact.device)
        level = cut.mean(dim=(-2, -1), keepdim=True)
        spectrum = torch.fft.rfft2((cut - level) * window[:, None] * window, norm="ortho")
        power: Tensor = torch.fft.fftshift(spectrum.real.square() + spectrum.imag.square(), dim=-2)
        return power


class LogSpectrum(nn.Module):
    """Standardised logarithm of the power of images of `side` pixels.

    The statistics are buffers; before `measure` they are 0 and 1.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, side: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(spectrum_shape(side)))
        self.register_buffer("deviation", torch.ones(spectrum_shape(side)))

    @torch.no_grad()
    def measure(self, images: Tensor, segments: Sequence[tuple[int, int]]) -> None:
        """Take the statistics of real images (n, 1, side, side)."""
        values = torch.log(FLOOR + windowed_power(images, segments)).flatten(0, 1)
        self.mean.copy_(values.mean(0))
        self.deviation.copy_(values.std(0, correction=0).clamp_min(LEAST))

    def forward(self, images: Tensor, segments: Sequence[tuple[int, int]]) -> Tensor:
        """(n, 1, side, side) → (n, segments, side/2, side//4 + 1)."""
        return (torch.log(FLOOR + windowed_power(images, segments)) - self.mean) / self.deviation

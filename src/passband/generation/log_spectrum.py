"""The power spectrum of an image as a discriminator sees it: logarithmic, standardised, wherever the image lies.

Khan et al. (npj Comput. Mater. 9, 85, 2023) show discriminators log10 |FFT|². Here a Hann window takes the cross of the
borders away, the transform is orthonormal, so that white noise of variance σ² has the power ⅜²·σ² at any size, and
every frequency is standardised with its mean and standard deviation over the images of the domain.
"""

import torch
from torch import Tensor, nn

#: Power on the scale −1 to 1 that is added before the logarithm: noise of a standard deviation below 0.01 is not told.
FLOOR = 1e-5
LEAST = 0.05  # nats: standard deviation of a frequency that is the same in every image


def windowed_power(images: Tensor) -> Tensor:
    """Return |rfft2|² (orthonormal) of images (n, 1, s, s) under a Hann window, (n, 1, s, s//2 + 1).

    kx = 0 is at the left and ky = 0 in the middle row. The mean, which would fill the lowest frequencies, is taken off.
    """
    with torch.autocast(images.device.type, enabled=False):
        exact = images.float()
        y, x = (torch.hann_window(side, dtype=exact.dtype, device=exact.device) for side in exact.shape[-2:])
        level = exact.mean(dim=(-2, -1), keepdim=True)
        spectrum = torch.fft.rfft2((exact - level) * y[:, None] * x, norm="ortho")
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
        self.register_buffer("mean", torch.zeros(side, side // 2 + 1))
        self.register_buffer("deviation", torch.ones(side, side // 2 + 1))

    @torch.no_grad()
    def measure(self, images: Tensor) -> None:
        """Take the statistics of real images (n, 1, side, side)."""
        values = torch.log(FLOOR + windowed_power(images))[:, 0]
        self.mean.copy_(values.mean(0))
        self.deviation.copy_(values.std(0, correction=0).clamp_min(LEAST))

    def forward(self, images: Tensor) -> Tensor:
        """(n, 1, side, side) → (n, 1, side, side//2 + 1)."""
        return (torch.log(FLOOR + windowed_power(images)) - self.mean) / self.deviation

"""Fourier transforms of band-limited waves, without the columns that are zero anyway.

A wave limited to 2/3 of the Nyquist frequency has a third of its columns kx empty. Skipping them in the transform along
y, and never reading rows that lie a power of two apart, takes a 512 × 512 transform from 1.1 to 0.7 ms on one core.
Spectra are kept transposed, (..., kept kx, y): the order in which the two passes leave and take them.
"""

import torch
from torch import Tensor

_PADDING = 8  # elements beyond each row of the work space: rows a power of two apart fall on the same cache lines


class ColumnBand:
    """The columns |kx| ≤ `highest` of spectra of a grid (y, x); all columns when that is half of them or more.

    Exact for spectra that vanish beyond; `forward` drops what is beyond. Holds one work space, so not for two threads.
    """

    def __init__(self, shape: tuple[int, int], highest: int) -> None:
        self.shape = (shape[0], shape[1])
        self.highest = highest
        self.negative = highest if 2 * highest + 1 < shape[1] else 0
        self.positive = highest + 1 if self.negative or highest == 0 else shape[1]
        self._space: Tensor | None = None

    def select(self, spectra: Tensor) -> Tensor:
        """Columns of the band (..., kept, y) out of full transposed spectra (..., x, y); a view if all are kept."""
        if self.positive == self.shape[1]:
            return spectra
        last = spectra[..., self.shape[1] - self.negative :, :]
        return torch.cat((spectra[..., : self.positive, :], last), dim=-2)

    def forward(self, waves: Tensor) -> Tensor:
        """Spectra (..., kept, y) of waves (..., y, x)."""
        rows = torch.fft.fft(waves, dim=-1)
        columns = self.select(rows.transpose(-1, -2)).transpose(-1, -2)
        spectra: Tensor = torch.fft.fft(columns, dim=-2).transpose(-1, -2)
        return spectra

    def inverse(self, spectra: Tensor) -> Tensor:
        """Waves (..., y, x) from spectra (..., kept, y)."""
        columns = torch.fft.ifft(spectra, dim=-1)
        space = self._empty(columns)
        space[..., : self.positive, :] = columns[..., : self.positive, :]
        if self.negative:
            space[..., self.shape[1] - self.negative :, :] = columns[..., self.positive :, :]
        waves: Tensor = torch.fft.ifft(space, dim=-2).transpose(-1, -2)
        return waves

    def _empty(self, like: Tensor) -> Tensor:
        """Work space (..., x, y) that is zero outside the band."""
        wanted = (*like.shape[:-2], self.shape[1], self.shape[0] + _PADDING)
        space = self._space
        if space is None or space.shape != wanted or space.dtype != like.dtype or space.device != like.device:
            space = self._space = torch.zeros(wanted, dtype=like.dtype, device=like.device)
        return space[..., : self.shape[0]]


def highest_column(spectra: Tensor) -> int:
    """Largest |kx| of full transposed spectra (..., x, y) that holds more than rounding noise.

    What is beyond has less than (10 ε)² of the power, ε the machine precision: dropping it changes an intensity by less
    than 20 ε of the mean.
    """
    size = spectra.shape[-2]
    parts = torch.view_as_real(spectra.resolve_conj())
    power = parts.square().sum(dim=(-1, -2)).reshape(-1, size).sum(dim=0, dtype=torch.float64)
    folded = power[: size // 2 + 1].clone()
    folded[1 : (size + 1) // 2] += power[size // 2 + 1 :].flip(0)
    beyond = folded.flip(0).cumsum(0).flip(0)  # power at and above each |kx|
    noise = (10.0 * torch.finfo(parts.dtype).eps) ** 2 * float(beyond[0])
    return max(int((beyond > noise).sum()) - 1, 0)

"""Fourier transforms of band-limited waves, without the rows and columns that are zero anyway, and between grids.

A wave limited to 2/3 of the Nyquist frequency has a third of its columns kx empty. Skipping them in the transform along
y, and never reading rows that lie a power of two apart, takes a 512 × 512 transform from 1.1 to 0.7 ms on one core.
Spectra are kept transposed, (..., kept kx, kept ky): the order in which the two passes leave and take them.

The square |ψ|² of a wave that reaches to the frequency h reaches to 2h, and on a grid of n points what is beyond n/2
comes back at lower frequencies. `exact_grid` is a grid on which it does not reach those that are kept.
"""

from typing import NamedTuple

import numpy as np
import torch
from scipy.fft import next_fast_len
from torch import Tensor

_PADDING = 8  # elements beyond each row of the work space: rows a power of two apart fall on the same cache lines


class _Kept(NamedTuple):
    """Kept frequencies of an axis: `positive` from 0 upwards, and the last `negative`; Nyquist's counts as negative."""

    positive: int
    negative: int

    @classmethod
    def of(cls, size: int, highest: int) -> "_Kept":
        return cls(min(highest, (size - 1) // 2) + 1, min(highest, size // 2))

    @property
    def size(self) -> int:
        return self.positive + self.negative

    def put(self, source: Tensor, factor: Tensor | None, target: Tensor, dim: int) -> Tensor:
        """Put the kept part of `source`, times `factor`, into that of `target`, which is zero elsewhere; return it."""
        for part in (self._first, self._last) if self.negative else (self._first,):
            if factor is None:
                part(target, dim).copy_(part(source, dim))
            else:
                torch.mul(part(source, dim), part(factor, dim), out=part(target, dim))
        return target

    def _first(self, whole: Tensor, dim: int) -> Tensor:
        return whole.narrow(dim, 0, self.positive)

    def _last(self, whole: Tensor, dim: int) -> Tensor:
        return whole.narrow(dim, whole.shape[dim] - self.negative, self.negative)

    def take(self, source: Tensor, dim: int) -> Tensor:
        """Copy the kept part of `source` along `dim`; returns `source` itself if that is all."""
        if self.size == source.shape[dim]:
            return source
        shape = list(source.shape)
        shape[dim] = self.size
        return self.put(source, None, source.new_empty(shape), dim)


class Band:
    """The frequencies |ky| ≤ `highest[0]` and |kx| ≤ `highest[1]` of spectra of a grid `shape` (y, x).

    Exact for spectra that vanish beyond; `forward` drops what is beyond. `inverse` gives the waves on `grid`, which is
    `shape` unless told otherwise and must hold the band. Holds its work space, so not for two threads.
    """

    def __init__(
        self, shape: tuple[int, int], highest: tuple[int, int], *, grid: tuple[int, int] | None = None
    ) -> None:
        self.shape = (shape[0], shape[1])
        self.grid = (grid[0], grid[1]) if grid else self.shape
        self.highest = highest
        self._rows, self._columns = (_Kept.of(*axis) for axis in zip(shape, highest, strict=True))
        self._spaces: dict[str, Tensor] = {}

    @property
    def scale(self) -> float:
        """Factor by which spectra of `shape` must be multiplied before `inverse`, which divides by the new pixels."""
        return self.grid[0] * self.grid[1] / (self.shape[0] * self.shape[1])

    def frequencies(self, pixel_size: float) -> tuple[Tensor, Tensor]:
        """Kept frequencies along y and along x in Å⁻¹, double precision."""
        y, x = (torch.fft.fftfreq(size, d=pixel_size, dtype=torch.float64) for size in self.shape)
        return self._rows.take(y, 0), self._columns.take(x, 0)

    def select(self, spectra: Tensor) -> Tensor:
        """Cut the band (..., kept kx, kept ky) out of transposed spectra (..., x, y), or out of a wider band."""
        return self._rows.take(self._columns.take(spectra, -2), -1)

    def forward(self, waves: Tensor) -> Tensor:
        """Spectra (..., kept kx, kept ky) of waves (..., y, x) on the grid `shape`."""
        rows = torch.fft.fft(waves, dim=-1)
        space = self._space("forward", (*waves.shape[:-1], self._columns.size), waves)
        columns = torch.fft.fft(self._columns.put(rows, None, space, -1), dim=-2)
        return self._rows.take(columns.transpose(-1, -2), -1)

    def inverse(self, spectra: Tensor, along: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """Waves (..., y, x) on `grid` from spectra (..., kept kx, kept ky).

        The spectra are multiplied by two factors `along` (kept ky) and (kept kx), where they are given.
        """
        if along is not None or self._rows.size < self.grid[0]:
            space = self._space("rows", (*spectra.shape[:-1], self.grid[0]), spectra)
            spectra = self._rows.put(spectra, along[0] if along else None, space, -1)
        columns = torch.fft.ifft(spectra, dim=-1)
        space = self._space("inverse", (*spectra.shape[:-2], self.grid[1], self.grid[0]), spectra)
        columns = self._columns.put(columns, along[1][:, None] if along else None, space, -2)
        waves: Tensor = torch.fft.ifft(columns, dim=-2).transpose(-1, -2)
        return waves

    def _space(self, name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Work space of one shape that is zero outside the band; rows are some elements apart."""
        space = self._spaces.get(name)
        padded = (*shape[:-1], shape[-1] + _PADDING)
        if space is None or space.shape != padded or space.dtype != like.dtype or space.device != like.device:
            space = self._spaces[name] = torch.zeros(padded, dtype=like.dtype, device=like.device)
        return space[..., : shape[-1]]


def exact_grid(highest: tuple[int, int], kept: tuple[int, int]) -> tuple[int, int]:
    """Fast grid (y, x) on which |ψ|² is exact up to the frequencies `kept`, of a wave that reaches to `highest`.

    A frequency f ≤ 2·highest comes back at f − size, below −kept if the size exceeds 2·highest + kept.

    Examples
    --------
    >>> exact_grid((170, 170), (256, 256))
    (600, 600)
    """
    rows, columns = (_even_fast_size(2 * reach + wanted + 1) for reach, wanted in zip(highest, kept, strict=True))
    return rows, columns


def _even_fast_size(smallest: int) -> int:
    """Real transforms of odd sizes take three times as long."""
    return 2 * int(next_fast_len((smallest + 1) // 2, real=True))


def spectral_power(spectra: Tensor) -> Tensor:
    """Power (y, x) of complex spectra (n, y, x), summed over n."""
    power = torch.zeros(spectra.shape[-2:], dtype=spectra.real.dtype, device=spectra.device)
    for parts in torch.view_as_real(spectra.resolve_conj()):
        squares = parts.square()
        power.add_(squares[..., 0]).add_(squares[..., 1])
    return power


def noise_power(power: Tensor) -> float:
    """Power that is rounding noise: (10 ε)² of all, ε the machine precision.

    Dropping it changes an intensity by less than 20 ε of the mean.
    """
    return (10.0 * torch.finfo(power.dtype).eps) ** 2 * float(power.sum(dtype=torch.float64))


def highest_indices(power: Tensor) -> tuple[int, int]:
    """Largest |ky| and |kx| beyond which a power (y, x), corner origin, is noise."""
    noise = noise_power(power)
    rows, columns = (_highest_index(power.sum(dim=dim, dtype=torch.float64), noise) for dim in (1, 0))
    return rows, columns


def _highest_index(power: Tensor, noise: float) -> int:
    size = len(power)
    folded = power[: size // 2 + 1].clone()
    folded[1 : (size + 1) // 2] += power[size // 2 + 1 :].flip(0)
    beyond = folded.flip(0).cumsum(0).flip(0)  # power at and above each |k|
    return max(int((beyond > noise).sum()) - 1, 0)


def highest_frequency(power: Tensor, pixel_size: float) -> float:
    """Largest |q| in Å⁻¹ beyond which a power (y, x), corner origin, is noise."""
    q_y, q_x = (torch.fft.fftfreq(size, d=pixel_size, dtype=torch.float64).numpy() for size in power.shape)
    q, values = np.hypot(q_y[:, None], q_x), power.double().cpu().numpy()
    ring = (q * (pixel_size * max(power.shape))).astype(np.int64)
    beyond = np.append(np.bincount(ring.ravel(), values.ravel())[::-1].cumsum()[::-1], 0.0)
    noise = noise_power(power)
    last = max(int(np.count_nonzero(beyond > noise)) - 1, 0)
    inside = ring == last
    order = np.argsort(-q[inside], kind="stable")
    outwards = beyond[last + 1] + values[inside][order].cumsum()
    return float(q[inside][order][min(int(np.count_nonzero(outwards <= noise)), len(order) - 1)])

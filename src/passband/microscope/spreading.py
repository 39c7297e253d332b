"""Points between the pixels of a grid: a sum over atoms as a non-uniform Fourier transform.

Every point is spread over a few pixels with the kernel exp(β(√(1 − z²) − 1)); the transform of that is divided by the
kernel's (Barnett, Magland & af Klinteberg, SIAM J. Sci. Comput. 41 (2019) C479). Up to 2/3 of the Nyquist frequency the
largest error is 4e-5 of the peak with the 6 pixels of single precision, and below 1e-9 with the 12 of double.
"""

from functools import lru_cache
from math import pi
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from passband.pixels import pixel_pair

OVERSAMPLING = 1.5  # Nyquist frequency over the highest one at which the error is that above
WIDTH = {torch.float32: 6, torch.float64: 12}  # pixels that one point is spread over, each axis


def _shape_parameter(width: int) -> float:
    """β of the kernel (Barnett et al. 2019, eq. 4.4 with safety factor 0.976)."""
    return 0.976 * pi * width * (1.0 - 0.5 / OVERSAMPLING)


class Spread(NamedTuple):
    """The pixels (width, n) and kernel values (width, n) of every atom along y and x; atoms last, the longest axis."""

    rows: Tensor
    columns: Tensor
    weight_y: Tensor
    weight_x: Tensor

    @classmethod
    def of(
        cls,
        positions: NDArray[np.float64],
        shape: tuple[int, int],
        pixel_size: float | tuple[float, float],
        *,
        dtype: torch.dtype,
        device: torch.device | str | None,
    ) -> "Spread":
        """Spread atoms at `positions` (n, ≥ 2), x, y, … in Å; both are periodic with the grid `shape` (y, x)."""
        width = WIDTH[dtype]
        sides = np.array(pixel_pair(pixel_size))[:, None]
        place = torch.as_tensor(np.ascontiguousarray(positions[:, 1::-1].T) / sides).to(device)
        first = torch.ceil(place - 0.5 * width)
        offset = torch.arange(width, device=device, dtype=torch.int32)[:, None]
        z = ((first - place) * (2.0 / width)).to(dtype)[:, None] + offset.to(dtype) * (2.0 / width)
        weight = z.square_().neg_().add_(1.0).clamp_(min=0.0).sqrt_().sub_(1.0).mul_(_shape_parameter(width)).exp_()
        rows, columns = (
            (one.remainder(side).to(torch.int32) + offset).remainder_(side)
            for one, side in zip(first, shape, strict=True)
        )
        return cls(rows.mul_(shape[1]), columns, *weight)

    def add_to(self, image: Tensor, start: int, stop: int, *, weights: Tensor | None = None) -> None:
        """Add the atoms start … stop−1, times their `weights` (n,), to `image` (y, x), contiguous, in place."""
        atoms = slice(start, stop)
        index = self.rows[:, None, atoms] + self.columns[None, :, atoms]
        along_y = self.weight_y[:, atoms] if weights is None else self.weight_y[:, atoms] * weights[atoms]
        weight = along_y[:, None] * self.weight_x[None, :, atoms]
        image.view(-1).index_add_(0, index.reshape(-1), weight.reshape(-1))


@lru_cache(maxsize=64)
def kernel_transform(size: int, width: int) -> NDArray[np.float64]:
    """Fourier transform (size,) of the spreading kernel at the frequencies of an axis, by Gauss–Legendre quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(128)
    values = weights * 0.5 * width * np.exp(_shape_parameter(width) * (np.sqrt(1.0 - nodes**2) - 1.0))
    phase = 2.0 * pi * np.fft.fftfreq(size)[:, None] * (0.5 * width * nodes)
    transform: NDArray[np.float64] = np.cos(phase) @ values
    transform.setflags(write=False)
    return transform

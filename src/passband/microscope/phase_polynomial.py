"""The phase χ of a lens as a polynomial in the two angles, which a grid evaluates as a product of two thin matrices.

With x + iy = λ(q_x + iq_y), each term of χ (`aberrations`) is a polynomial of degree 6 at most:

    α^(n+1) cos m(φ − φ_nm) = (x² + y²)^((n+1−m)/2) · Re{(x + iy)^m exp(−imφ_nm)}.

Nothing is approximated, and no sine or power is taken at each pixel: a lens with every coefficient on 512 × 512 pixels
takes 0.9 ms, its polar form 25 ms, on one core. `phasor` makes exp(iχ) of it.
"""

from collections.abc import Mapping
from math import pi

import numpy as np
import torch
from numpy.polynomial.polynomial import polyder
from numpy.typing import NDArray
from torch import Tensor

from passband.microscope.aberrations import TERMS, Term

_SIZE = 7  # powers 0 … 6 of each angle: aberrations to fifth order


def phase_coefficients(coefficients: Mapping[str, float], wavelength: float) -> NDArray[np.float64]:
    """Coefficients (7, 7) in rad of the powers [of x, of y] of χ, from symbols → values in Å and rad."""
    total = np.zeros((_SIZE, _SIZE))
    for term in TERMS:
        value = coefficients.get(term.symbol, 0.0)
        if value:
            total += value / (term.order + 1) * _harmonic(term, coefficients.get(term.angle, 0.0))
    return total * (2.0 * pi / wavelength)


def _harmonic(term: Term, angle: float) -> NDArray[np.float64]:
    """α^(n+1) cos m(φ − angle) as powers [of x, of y]."""
    polynomial = np.zeros((_SIZE, _SIZE), dtype=np.complex128)
    polynomial[0, 0] = np.exp(-1j * term.fold * angle)
    for _ in range(term.fold):
        polynomial = np.roll(polynomial, 1, axis=0) + 1j * np.roll(polynomial, 1, axis=1)
    for _ in range((term.order + 1 - term.fold) // 2):
        polynomial = np.roll(polynomial, 2, axis=0) + np.roll(polynomial, 2, axis=1)
    return np.ascontiguousarray(polynomial.real)


def evaluate(polynomial: NDArray[np.float64], x: Tensor, y: Tensor) -> Tensor:
    """Polynomial (7, 7) at every pair of the angles x (nx,) and y (ny,): (nx, ny), in the precision of `x`."""
    matrix = torch.as_tensor(polynomial, dtype=x.dtype, device=x.device)
    powers_x, powers_y = (torch.stack([one**power for power in range(_SIZE)], dim=-1) for one in (x, y))
    return powers_x @ matrix @ powers_y.T


def gradient(polynomial: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Polynomials (7, 7) of the derivatives with respect to x and to y."""
    along_x, along_y = (np.zeros((_SIZE, _SIZE)) for _ in range(2))
    along_x[:-1], along_y[:, :-1] = polyder(polynomial, axis=0), polyder(polynomial, axis=1)
    return along_x, along_y


def gradient_squared(polynomial: NDArray[np.float64], x: Tensor, y: Tensor) -> Tensor:
    """|∇χ|² with respect to the angle, (nx, ny): what `aberrations.phase_gradient_squared` gives in polar form."""
    along_x, along_y = gradient(polynomial)
    return evaluate(along_x, x, y).square_() + evaluate(along_y, x, y).square_()


def phasor(phase: Tensor) -> Tensor:
    """exp(i·phase), complex and of the precision of `phase` in rad.

    On the CPU by NumPy, whose sine and cosine of single precision take 0.4 of the time of torch's on one thread.
    """
    if phase.device.type != "cpu":
        return torch.complex(torch.cos(phase), torch.sin(phase))
    values = phase.numpy()
    with np.errstate(invalid="ignore"):  # infinite phases are NaN, as in torch
        return torch.complex(torch.from_numpy(np.cos(values)), torch.from_numpy(np.sin(values)))

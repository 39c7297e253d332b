"""What a specimen that moves during the exposure does to its power spectrum.

Drift by **d** at a constant speed multiplies the amplitude by sinc(**q**·**d**) (Frank, Optik 30 (1969) 171), which is
even in **d**. So the fit has the two numbers v = d² (cos 2δ, sin 2δ), as smooth at no drift as astigmatism is, and

    (**q**·**d**)² = ½ [|v| q² + v₁ (q_x² − q_y²) + v₂ 2 q_x q_y].
"""

from math import pi

import torch
from torch import Tensor

ROUNDED = 1e-3  # Å⁴ under the root of |v|, so that it has a derivative at 0
SMALL = 1e-5  # below it two terms of a series are exact to 1e-9


def drift_squared(v: tuple[Tensor, Tensor], squared: Tensor, along: Tensor, across: Tensor) -> Tensor:
    """(**q**·**d**)², (n,), of v in Å² and of q², q_x² − q_y², 2 q_x q_y in Å⁻²."""
    return 0.5 * (_length_squared(v) * squared + v[0] * along + v[1] * across).clamp(min=0.0)


def drift_power(cycles_squared: Tensor) -> Tensor:
    """sinc² of the root, (n,): what drift leaves of the power."""
    return sinc(cycles_squared.clamp(min=1e-12).sqrt()).square()


def drift_derivatives(
    v: tuple[Tensor, Tensor], squared: Tensor, along: Tensor, across: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return `drift_power` and its derivatives by v₁ and v₂, (n,) each."""
    length = _length_squared(v)
    cycles_squared = drift_squared(v, squared, along, across)
    least = cycles_squared.clamp(min=1e-12)
    cycles = least.sqrt()
    left = sinc(cycles)
    slope = (torch.cos(pi * cycles) - left) / least
    series = -(pi**2) / 3.0 + pi**4 / 30.0 * cycles_squared
    by_square = left * torch.where(cycles_squared < SMALL, series, slope) * 0.5
    by_v = (v[0] / length * squared + along, v[1] / length * squared + across)
    return left.square(), by_square * by_v[0], by_square * by_v[1]


def sinc(cycles: Tensor) -> Tensor:
    """Return sin πx/πx of x ≥ 0; `torch.sinc` does the same without the vector units of a CPU."""
    argument = pi * cycles.clamp(min=1e-12)
    return torch.sin(argument) / argument


def _length_squared(v: tuple[Tensor, Tensor]) -> Tensor:
    return (v[0].square() + v[1].square() + ROUNDED).sqrt()

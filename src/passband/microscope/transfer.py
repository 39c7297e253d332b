"""What contrast reaches the image at each spatial frequency: coherence envelopes, aperture, CTF of a weak object.

Both spreads are **standard deviations** (focal spread in Å, angular spread in rad). abTEM's are 1/e widths: give it
√2 times the values used here.
"""

from collections.abc import Mapping, Sequence
from math import pi

import torch
from torch import Tensor

from passband.electron import wavelength
from passband.microscope.aberrations import (
    TERMS,
    phase_aberration,
    phase_gradient_squared,
)
from passband.microscope.conditions import Conditions
from passband.microscope.information.metric import OddTreatment


def _per_lens(value: Tensor | float, q: Tensor) -> Tensor:
    """Give a number or (n,) tensor the shape that broadcasts over `q`."""
    tensor = torch.as_tensor(value, dtype=q.dtype, device=q.device)
    return tensor.reshape(*tensor.shape, *(1,) * q.ndim)


def temporal_envelope(q: Tensor, focal_spread: Tensor | float, wavelength: float) -> Tensor:
    """Damping by the focal spread Δ (standard deviation, Å): exp[−½ (π λ Δ q²)²].

    It belongs to the CTF of a weak object and to the metrics; images of thick particles are incoherent sums over focal
    nodes instead. Source: Kirkland, Advanced Computing in Electron Microscopy (2010), section 3.2, with Δ as a standard
    deviation. Returns `q.shape`, or `(n, *q.shape)` for spreads of shape (n,).
    """
    return torch.exp(-0.5 * (pi * wavelength * _per_lens(focal_spread, q) * q.square()).square())


def spatial_envelope(
    q: Tensor,
    azimuth: Tensor,
    coefficients: Mapping[str, Tensor | float],
    angular_spread: Tensor | float,
    wavelength: float,
) -> Tensor:
    """Damping by the angular spread β (standard deviation, rad): exp[−½ β² |∇χ|²], the gradient over the angle α.

    Returns `q.shape`, or `(n, *q.shape)` when the coefficients or the spread have shape (n,).
    """
    gradient = phase_gradient_squared(q, azimuth, coefficients, wavelength)
    return torch.exp(-0.5 * _per_lens(angular_spread, q).square() * gradient)


def aperture_function(q: Tensor, aperture: float | None, wavelength: float) -> Tensor:
    """1 where the angle α = λq is within the aperture (half-angle in rad; None is open), 0 outside."""
    return torch.ones_like(q) if aperture is None else (wavelength * q <= aperture).to(q.dtype)


def parity_parts(coefficients: Mapping[str, Tensor | float]) -> tuple[dict[str, Tensor | float], ...]:
    """Coefficients of the even part of χ (C1x, C3x, C5x) and of its odd part (C2x, C4x: coma, trefoil …)."""
    parts: tuple[dict[str, Tensor | float], ...] = ({}, {})
    for term in TERMS:
        for name in (term.symbol, term.angle):
            if name in coefficients:
                parts[1 - term.order % 2][name] = coefficients[name]
    return parts


def contrast_transfer(
    q: Tensor,
    azimuth: Tensor,
    conditions: Conditions | Sequence[Conditions],
    *,
    odd: OddTreatment = "exact",
) -> Tensor:
    """Contrast transfer T = sin χ · E_t · E_s · aperture of a weak phase object, in [−1, 1].

    Parameters
    ----------
    q, azimuth
        Å⁻¹ and rad, of one shape.
    conditions
        One setting, or n of them.
    odd
        What to do with odd aberrations (coma, trefoil …). "exact": sin of the even part of χ; the transfer of a weak
        phase object is this times the phase factor exp(−iχ_odd), which displaces contrast but does not remove it.
        "naive": sin of the whole χ, as is often plotted; it was 50 % off in a Fourier check at C21 = 200 nm and
        C23 = 150 nm.
        Without odd aberrations the two are the same.

    Returns
    -------
    Tensor
        Real, `q.shape` for one setting, `(n, *q.shape)` for n; dtype and device of `q`.

    Notes
    -----
    With odd aberrations *and* an angular spread the envelope of q and −q differ; that of q is used for both.
    """
    if isinstance(conditions, Conditions):
        return _transfer(q, azimuth, conditions, odd)
    if not conditions:
        return q.new_zeros((0, *q.shape))
    return torch.stack([_transfer(q, azimuth, one, odd) for one in conditions])


def _transfer(q: Tensor, azimuth: Tensor, conditions: Conditions, odd: OddTreatment) -> Tensor:
    length = wavelength(conditions.energy)
    coefficients: Mapping[str, Tensor | float] = conditions.aberrations.nonzero()
    kept = parity_parts(coefficients)[0] if odd == "exact" else coefficients
    transfer = torch.sin(phase_aberration(q, azimuth, kept, length))
    transfer = transfer * temporal_envelope(q, conditions.focal_spread, length)
    if conditions.angular_spread > 0.0:
        transfer = transfer * spatial_envelope(q, azimuth, coefficients, conditions.angular_spread, length)
    return transfer * aperture_function(q, conditions.aperture, length)

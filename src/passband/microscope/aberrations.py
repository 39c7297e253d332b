"""Lens aberrations to fifth order: their names and aliases, the phase χ they give a wave, and its gradient.

Convention (the one of abTEM and of Krivanek's C_nm notation in polar form): with α = λq and φ the azimuth of **q**,

    χ(q, φ) = (2π/λ) Σ_nm α^(n+1)/(n+1) · C_nm · cos m(φ − φ_nm),

and the wave transfer is exp(−iχ). Underfocus is positive: `defocus = −C10`; `Cs = C30`. Coefficients are in Å,
azimuths in rad.
"""

import difflib
from collections.abc import Mapping, Sequence
from math import pi
from typing import Any, NamedTuple, Self

import torch
from pydantic import field_validator
from torch import Tensor

from passband.recipe import PassbandError, Recipe


class Term(NamedTuple):
    """One aberration: its symbol, that of its azimuth ("" when round), radial order n and multiplicity m."""

    symbol: str
    angle: str
    order: int
    fold: int


def _term(order: int, fold: int) -> Term:
    return Term(f"C{order}{fold}", f"phi{order}{fold}" if fold else "", order, fold)


TERMS = tuple(_term(n, m) for n in range(1, 6) for m in range((n + 1) % 2, n + 2, 2))
COEFFICIENTS = tuple(name for term in TERMS for name in (term.symbol, term.angle) if name)

ALIASES: dict[str, tuple[str, float]] = {
    "defocus": ("C10", -1.0),
    "astigmatism": ("C12", 1.0),
    "astigmatism_angle": ("phi12", 1.0),
    "coma": ("C21", 1.0),
    "coma_angle": ("phi21", 1.0),
    "trefoil": ("C23", 1.0),
    "trefoil_angle": ("phi23", 1.0),
    "Cs": ("C30", 1.0),
    "astigmatism3": ("C32", 1.0),
    "astigmatism3_angle": ("phi32", 1.0),
    "quadrafoil": ("C34", 1.0),
    "quadrafoil_angle": ("phi34", 1.0),
    "coma4": ("C41", 1.0),
    "coma4_angle": ("phi41", 1.0),
    "trefoil4": ("C43", 1.0),
    "trefoil4_angle": ("phi43", 1.0),
    "pentafoil": ("C45", 1.0),
    "pentafoil_angle": ("phi45", 1.0),
    "C5": ("C50", 1.0),
    "astigmatism5": ("C52", 1.0),
    "astigmatism5_angle": ("phi52", 1.0),
    "quadrafoil5": ("C54", 1.0),
    "quadrafoil5_angle": ("phi54", 1.0),
    "hexafoil": ("C56", 1.0),
    "hexafoil_angle": ("phi56", 1.0),
}
"""Everyday names and abTEM's: alias → (symbol, sign)."""

LARGEST = {1: 1e6, 2: 1e7, 3: 1e9, 4: 1e9, 5: 1e10}
"""Largest magnitude in Å accepted for each radial order: 0.1 mm, 1 mm, 100 mm, 100 mm, 1 m."""

_KNOWN = {name.lower(): (name, 1.0) for name in COEFFICIENTS} | {name.lower(): to for name, to in ALIASES.items()}


def _likeness(name: str, known: str) -> tuple[float, bool]:
    """How alike two names are; of equally alike ones, the one that begins alike (C33 is nearer to C30 than to C43)."""
    one, other = name.lower(), known.lower()
    return difflib.SequenceMatcher(None, one, other).ratio(), one[:2] == other[:2]


def resolve_name(name: str) -> tuple[str, float]:
    """Symbol and sign that a coefficient's name stands for; capitals do not matter.

    Raises
    ------
    PassbandError
        Not a coefficient to fifth order nor an alias; a near name is suggested.

    Examples
    --------
    >>> resolve_name("defocus"), resolve_name("c30")
    (('C10', -1.0), ('C30', 1.0))
    """
    found = _KNOWN.get(name.lower())
    if found is not None:
        return found
    likeness = {known: _likeness(name, known) for known in (*COEFFICIENTS, *ALIASES)}
    near = max(likeness, key=lambda known: likeness[known])
    cure = f"did you mean {near!r}?" if likeness[near][0] >= 0.4 else f"write one of {', '.join(COEFFICIENTS)}"
    raise PassbandError(f"{name!r} is not an aberration known here (to fifth order); {cure}")


def check_coefficient(name: str, value: float) -> float:
    """Return `value` if the coefficient `name` (a symbol) can have it.

    Raises
    ------
    PassbandError
        The magnitude is beyond `LARGEST`, or an azimuth is beyond one turn (most often degrees).
    """
    if name.startswith("phi"):
        if abs(value) > 2.0 * pi:
            cure = f"write {value:g} degrees as {name}={value * pi / 180.0:.4g}"
            raise PassbandError(f"{name}={value:g} rad is more than one turn; azimuths are in radians, so {cure}")
        return value
    largest = LARGEST[int(name[1])]
    if abs(value) > largest:
        cure = "coefficients are in Å: 1 nm = 10, 1 µm = 1e4, 1 mm = 1e7"
        raise PassbandError(f"{name}={value:g} Å is beyond ±{largest:g} Å; {cure}")
    return value


def cs_text(cs: float) -> str:
    """Spherical aberration C30 of so many Å in a sentence, in mm.

    Examples
    --------
    >>> cs_text(1.2e7), cs_text(-1.5e5)
    ('1.2 mm', '-0.015 mm')
    """
    return f"{cs / 1e7:.3g} mm"


class Aberrations(Recipe):
    """Coefficients of a lens to fifth order: C_nm in Å, their azimuths phi_nm in rad; all zero by default.

    Examples
    --------
    >>> Aberrations(C10=-80.0, C30=2.5e5) == Aberrations.with_aliases(defocus=80.0, Cs=2.5e5)
    True
    """

    C10: float = 0.0
    C12: float = 0.0
    phi12: float = 0.0
    C21: float = 0.0
    phi21: float = 0.0
    C23: float = 0.0
    phi23: float = 0.0
    C30: float = 0.0
    C32: float = 0.0
    phi32: float = 0.0
    C34: float = 0.0
    phi34: float = 0.0
    C41: float = 0.0
    phi41: float = 0.0
    C43: float = 0.0
    phi43: float = 0.0
    C45: float = 0.0
    phi45: float = 0.0
    C50: float = 0.0
    C52: float = 0.0
    phi52: float = 0.0
    C54: float = 0.0
    phi54: float = 0.0
    C56: float = 0.0
    phi56: float = 0.0

    @field_validator("*")
    @classmethod
    def _within_limits(cls, value: float, info: Any) -> float:
        return check_coefficient(info.field_name, value)

    @classmethod
    def with_aliases(cls, **values: float) -> Self:
        """Aberrations from symbols and everyday names together (`defocus`, `Cs`, `astigmatism`, `coma_angle` …).

        Raises
        ------
        PassbandError
            A name is unknown, or two names give the same coefficient.
        """
        return cls(**resolve_values(values))

    def nonzero(self) -> dict[str, float]:
        """Coefficients that are not zero, with the azimuths of those that are there."""
        kept = [term for term in TERMS if getattr(self, term.symbol) != 0.0]
        names = [name for term in kept for name in (term.symbol, term.angle) if name]
        return {name: getattr(self, name) for name in names if getattr(self, name) != 0.0}

    @property
    def round(self) -> bool:
        """Whether the lens is rotationally symmetric: nothing but C10, C30, C50."""
        return all(getattr(self, term.symbol) == 0.0 for term in TERMS if term.fold)


def resolve_values(values: Mapping[str, float]) -> dict[str, float]:
    """Symbol → value from any mixture of symbols and aliases.

    Raises
    ------
    PassbandError
        A name is unknown, or two names give the same coefficient.
    """
    resolved: dict[str, float] = {}
    for name, value in values.items():
        symbol, sign = resolve_name(name)
        if symbol in resolved:
            raise PassbandError(f"{name}={value:g} gives {symbol} a second time; write {symbol} or its alias, not both")
        resolved[symbol] = sign * value if value != 0.0 else 0.0
    return resolved


def stack_aberrations(
    aberrations: Sequence[Aberrations],
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> dict[str, Tensor]:
    """Coefficients of n lenses as tensors of shape (n,), for the functions of this module.

    Names that are zero in every one of them are left out (a missing name means 0); C10 is always there.
    """
    found = {name for one in aberrations for name in one.nonzero()} | {"C10"}
    return {
        name: torch.tensor([getattr(one, name) for one in aberrations], dtype=dtype, device=device)
        for name in COEFFICIENTS
        if name in found
    }


def _components(term: Term, coefficients: Mapping[str, Tensor | float], q: Tensor) -> tuple[Tensor, Tensor] | None:
    """C cos(m φ_nm) and C sin(m φ_nm), shaped to broadcast over `q`; None when the term is absent."""
    value = coefficients.get(term.symbol)
    if value is None:
        return None
    magnitude = torch.as_tensor(value, dtype=q.dtype, device=q.device)
    angle = torch.as_tensor(coefficients.get(term.angle, 0.0), dtype=q.dtype, device=q.device) * float(term.fold)
    along, across = magnitude * torch.cos(angle), magnitude * torch.sin(angle)
    return along.reshape(*along.shape, *(1,) * q.ndim), across.reshape(*across.shape, *(1,) * q.ndim)


def phase_aberration(
    q: Tensor, azimuth: Tensor, coefficients: Mapping[str, Tensor | float], wavelength: float
) -> Tensor:
    """Phase χ in rad that the lens gives each spatial frequency; the wave is multiplied by exp(−iχ).

    Parameters
    ----------
    q, azimuth
        Å⁻¹ and rad, of one shape.
    coefficients
        Symbol → value in Å or rad; numbers, or tensors of shape (n,) for n lenses at once. Missing names are 0.
    wavelength
        Å.

    Returns
    -------
    Tensor
        `q.shape`, or `(n, *q.shape)`; dtype and device of `q`. Each lens is computed element by element, so the result
        for one lens does not depend on the others in the batch.

    Notes
    -----
    Krivanek et al., Ultramicroscopy 78 (1999) 1; the polar form is that of abTEM.
    """
    alpha = wavelength * q
    chi = torch.zeros_like(q)
    for term in TERMS:
        components = _components(term, coefficients, q)
        if components is None:
            continue
        radial = (2.0 * pi / wavelength) / (term.order + 1) * alpha ** (term.order + 1)
        chi = chi + components[0] * (radial * torch.cos(term.fold * azimuth) if term.fold else radial)
        if term.fold:
            chi = chi + components[1] * (radial * torch.sin(term.fold * azimuth))
    return chi


def phase_gradient_squared(
    q: Tensor, azimuth: Tensor, coefficients: Mapping[str, Tensor | float], wavelength: float
) -> Tensor:
    """|∇χ|² with respect to the angle α: (∂χ/∂α)² + (α⁻¹ ∂χ/∂φ)², in rad² per rad².

    Arguments and shape as in `phase_aberration`. An angular spread of standard deviation β in rad damps the transfer
    by exp(−½ β² |∇χ|²).
    """
    alpha = wavelength * q
    radially, around = torch.zeros_like(q), torch.zeros_like(q)
    for term in TERMS:
        components = _components(term, coefficients, q)
        if components is None:
            continue
        power = (2.0 * pi / wavelength) * alpha**term.order
        if not term.fold:
            radially = radially + components[0] * power
            continue
        cosine, sine = power * torch.cos(term.fold * azimuth), power * torch.sin(term.fold * azimuth)
        radially = radially + components[0] * cosine + components[1] * sine
        share = term.fold / (term.order + 1)
        around = around + share * (components[1] * cosine - components[0] * sine)
    return radially.square() + around.square()

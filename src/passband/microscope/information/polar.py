"""The CTF of many conditions on one polar grid of spatial frequencies, a slice of azimuth at a time.

On a polar grid χ separates: at one azimuth it is a polynomial in q whose coefficients hold the lens. So the phases of
all conditions along one azimuth are one small matrix product, and memory is bounded by conditions × radial points.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, pi

import torch
from torch import Tensor

from passband.electron import wavelength
from passband.microscope.aberrations import TERMS, Term
from passband.microscope.information.condition_set import ConditionSet
from passband.microscope.information.metric import OddTreatment

RADIAL_STEP = 0.55  # rad: largest change of χ between radial points where the envelope still passes contrast
AZIMUTHAL_STEP = 2.5  # rad: likewise between azimuths
RADIAL_LIMITS = (4_000, 40_000)
AZIMUTH_LIMITS = (72, 360)
NEGLIGIBLE = 1e-2  # temporal envelope below which the phase need not be followed


@dataclass(frozen=True)
class PolarGrid:
    """Midpoints of equal radial steps up to qmax (Å⁻¹), and equally spaced azimuths (rad)."""

    q: Tensor  # (r,)
    azimuths: Tensor  # (a,)


@dataclass(frozen=True)
class Transfer:
    """The CTF along one azimuth: T (signed when single, rms for condition sets) and its envelope; both (n, r)."""

    amplitude: Tensor
    envelope: Tensor


def _column(values: Sequence[float], dtype: torch.dtype) -> Tensor:
    return torch.tensor(values, dtype=dtype)[:, None]


class PolarLenses:
    """Condition sets ready to be evaluated along any azimuth of a polar grid.

    Parameters
    ----------
    sets
        n condition sets; their conditions together are the rows that are computed.
    odd
        Treatment of odd aberrations, see `passband.microscope.transfer.contrast_transfer`.
    dtype
        Of the computation.
    """

    def __init__(self, sets: Sequence[ConditionSet], *, odd: OddTreatment, dtype: torch.dtype = torch.float64) -> None:
        rows = [(index, one, data.defocus_jitter) for index, data in enumerate(sets) for one in data.conditions]
        conditions = [one for _, one, _ in rows]
        self.count = len(sets)
        self.dtype = dtype
        self.single = len(rows) == len(sets)
        self.wavelengths = _column([wavelength(one.energy) for one in conditions], dtype)
        self.focal_spread = _column([one.focal_spread for one in conditions], dtype)
        self.angular_spread = _column([one.angular_spread for one in conditions], dtype)
        self.jitter = _column([jitter for *_, jitter in rows], dtype)
        largest = [float("inf") if one.aperture is None else one.aperture for one in conditions]
        self.aperture = _column(largest, dtype)
        self._set_of = torch.tensor([index for index, *_ in rows])
        self._members = torch.bincount(self._set_of, minlength=self.count).to(dtype)[:, None]
        self._terms = [term for term in TERMS if any(getattr(one.aberrations, term.symbol) for one in conditions)]
        self._values = {
            name: torch.tensor([getattr(one.aberrations, name) for one in conditions], dtype=dtype)
            for term in self._terms
            for name in (term.symbol, term.angle)
            if name
        }
        self._transferred = [term for term in self._terms if odd == "naive" or term.order % 2]
        powers = torch.arange(6, dtype=dtype)
        self._scale = [2.0 * pi * self.wavelengths**one for one in (powers[:5], powers[1:])]  # of a gradient, of χ

    @property
    def coherent_illumination(self) -> bool:
        """Whether no condition has an angular spread."""
        return not bool((self.angular_spread > 0).any())

    @property
    def is_round(self) -> bool:
        """Whether neither T nor its envelope depends on the azimuth."""
        used = self._transferred if self.coherent_illumination else self._terms
        return not any(term.fold for term in used)

    @property
    def is_even(self) -> bool:
        """Whether T and its envelope are the same at q and −q, so that half a turn of azimuths is enough."""
        used = self._transferred if self.coherent_illumination else self._terms
        return all(term.order % 2 for term in used)

    def _polynomial(self, terms: Sequence[Term], azimuth: float, kind: str) -> Tensor:
        """Coefficients (rows, 5) of q², q³ … for χ, or of q, q² … for its gradient along or around the azimuth."""
        columns = self.wavelengths.new_zeros((len(self.wavelengths), 5))
        for term in terms:
            turned = term.fold * (azimuth - self._values[term.angle]) if term.fold else torch.zeros(1, dtype=self.dtype)
            if kind == "around":
                part = -term.fold / (term.order + 1) * torch.sin(turned)
            else:
                part = torch.cos(turned) / (term.order + 1 if kind == "phase" else 1)
            columns[:, term.order - 1] += self._values[term.symbol] * part
        return self._scale[kind == "phase"] * columns

    def phase(self, q: Tensor, azimuth: float) -> Tensor:
        """Χ (rows, r) as the CTF uses it: its even part when odd aberrations are treated exactly."""
        return self._polynomial(self._transferred, azimuth, "phase") @ _powers(q, 2)

    def gradients(self, q: Tensor, azimuth: float) -> tuple[Tensor, Tensor]:
        """∂χ/∂α and α⁻¹∂χ/∂φ (rows, r) of the whole χ, in rad per rad."""
        powers = _powers(q, 1)
        along, around = (self._polynomial(self._terms, azimuth, kind) @ powers for kind in ("along", "around"))
        return along, around

    def steady_envelope(self, q: Tensor) -> Tensor:
        """Temporal envelope and aperture (rows, r): the part of the envelope that no azimuth changes."""
        damped = torch.exp(-0.5 * (pi * self.wavelengths * self.focal_spread * q.square()).square())
        return damped * (self.wavelengths * q <= self.aperture)

    def along(self, q: Tensor, azimuth: float, steady: Tensor) -> Transfer:
        """T and envelope of every condition set along one azimuth; `steady` is `steady_envelope(q)`."""
        envelope = steady
        if not self.coherent_illumination:
            radial, around = self.gradients(q, azimuth)
            envelope = steady * torch.exp(-0.5 * self.angular_spread.square() * (radial.square() + around.square()))
        chi = self.phase(q, azimuth)
        if self.single and not bool((self.jitter > 0).any()):
            return Transfer(chi.sin_().mul_(envelope), envelope)
        blur = torch.exp(-2.0 * (pi * self.wavelengths * self.jitter * q.square()).square())
        squared = 0.5 * (1.0 - torch.cos(2.0 * chi) * blur) * envelope.square()
        return Transfer(self._root_mean(squared), self._root_mean(envelope.square()))

    def _root_mean(self, squared: Tensor) -> Tensor:
        total = squared.new_zeros((self.count, squared.shape[1])).index_add_(0, self._set_of, squared)
        return (total / self._members).sqrt_()


def _powers(q: Tensor, first: int) -> Tensor:
    return torch.stack([q ** (first + k) for k in range(5)])


def polar_grid(
    lenses: Sequence[PolarLenses], *, qmax: float, radial_points: int | None, azimuths: int | None
) -> PolarGrid:
    """Grid fine enough for all `lenses`; each number that is None is chosen from the steepest phase they have.

    At least 4,000 radial points and, where a lens is not round, 72 azimuths. When T is even in **q** for all of them,
    the azimuths of half a turn stand for the whole.
    """
    radial_slope, azimuthal_slope = 0.0, 0.0
    for one in lenses:
        slopes = _steepest(one, qmax)
        radial_slope, azimuthal_slope = max(radial_slope, slopes[0]), max(azimuthal_slope, slopes[1])
    if radial_points is None:
        radial_points = _clamped(qmax * radial_slope / RADIAL_STEP, RADIAL_LIMITS)
    if azimuths is None:
        azimuths = 2 * _clamped(pi * azimuthal_slope / AZIMUTHAL_STEP, (AZIMUTH_LIMITS[0] // 2, AZIMUTH_LIMITS[1] // 2))
    if all(one.is_round for one in lenses):
        azimuths = 1
    dtype = lenses[0].dtype
    q = (torch.arange(radial_points, dtype=torch.float64) + 0.5) * (qmax / radial_points)
    turn = torch.arange(azimuths, dtype=torch.float64) * (2.0 * pi / azimuths)
    if azimuths % 2 == 0 and all(one.is_even for one in lenses):
        turn = turn[: azimuths // 2]
    return PolarGrid(q.to(dtype), turn)


def _clamped(number: float, bounds: tuple[int, int]) -> int:
    return min(max(ceil(number), bounds[0]), bounds[1])


def _steepest(lenses: PolarLenses, qmax: float) -> tuple[float, float]:
    """Largest |dχ/dq| in rad Å and |dχ/dφ| in rad per rad, where the temporal envelope still passes contrast."""
    q = torch.linspace(qmax / 64, qmax, 64, dtype=lenses.dtype)
    passed = lenses.steady_envelope(q) > NEGLIGIBLE
    radial, around = 0.0, 0.0
    for azimuth in torch.linspace(0.0, 2.0 * pi, 25)[:-1].tolist():
        along, across = lenses.gradients(q, azimuth)
        radial = max(radial, float((along.abs() * lenses.wavelengths * passed).max()))
        around = max(around, float((across.abs() * lenses.wavelengths * q * passed).max()))
    return radial, around

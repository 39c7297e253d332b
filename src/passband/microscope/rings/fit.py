"""Thon rings found and refined in one power spectrum: search, maximum likelihood, spots left out, and again.

The first pass finds Bragg spots against the local median and searches every focus; the second finds them against the
fitted rings, which are strong where the median is low, and starts from what the first found.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from passband.microscope.power_spectrum import (
    Cells,
    FloatArray,
    Periodogram,
    as_cells,
    gather,
    spot_bins,
    strong_bins,
    usable_bins,
)
from passband.microscope.rings.model import (
    C30,
    C30_UNIT,
    DEPTH,
    LENS,
    PHASE,
    THICKNESS,
    Refined,
    RingModel,
    RingSetting,
    deviance,
    noise_power,
    refine,
    ring_model,
    with_derivatives,
)
from passband.microscope.rings.starts import Start, find_starts, usual_fit

LOWEST_CS = -1e6  # Å, that a corrector is set to: some −15 µm
FEW = 12  # steps that bring a start near its optimum
WORTHWHILE = 0.5  # of the best evidence
SECTORS, BANDS = 12, 10  # blocks of the spectrum that are taken to be independent
RADII = 24  # steps of |q| over which a fit is compared with the data


class Pattern(NamedTuple):
    """Refined rings, and what is needed to judge them.

    `gains` is how much each of `SECTORS` sectors of azimuth prefers the rings over the smooth spectrum of `null`
    (twice the difference of log likelihoods, (SECTORS,)); `scale` is the dispersion of the data about the fit, 1 for an
    amorphous film; `covariance` allows for it.
    """

    refined: Refined
    null: Refined
    gains: FloatArray
    scale: float
    covariance: FloatArray

    @property
    def lens(self) -> FloatArray:
        """C10, C12 cos 2φ12, C12 sin 2φ12 in Å."""
        return self.refined.parameters[:LENS].numpy()

    @property
    def evidence(self) -> float:
        """How much likelier the rings are than a smooth spectrum: twice the log of the ratio, over the dispersion."""
        return (self.null.deviance - self.refined.deviance) / self.scale


class RingFit(NamedTuple):
    """Patterns of rings that a spectrum may hold, best first, and the cells and model that they were fitted to.

    `step` is the distance of the spectrum's bins, Å⁻¹, the larger of the two.
    """

    patterns: list[Pattern]
    model: RingModel
    cells: Cells
    usable: NDArray[np.bool_]
    step: float


def fit_rings(periodogram: Periodogram, setting: RingSetting, *, largest: tuple[float, float]) -> RingFit:
    """Fit rings with |C10| and C12 up to the `largest` Å; of C10 < 0 only where rings cannot tell the sign."""
    band = usable_bins(periodogram, setting.band)
    usable = band & ~spot_bins(periodogram)
    cells = gather(periodogram, usable)
    model = ring_model(cells, setting)
    usual = usual_fit(model)
    starts = find_starts(cells, model, usual, setting, largest)
    first = [from_start(model, one, usual) for one in starts]
    refined = _worthwhile(_distinct(first, setting), usual.deviance)
    usable = band & ~_spots_in_rings(periodogram, band, setting, refined[0])
    cells = gather(periodogram, usable)
    model = ring_model(cells, setting)
    null = smooth_fit(model, usual.parameters)
    again = [refine(model, one.parameters) for one in refined]
    distinct = _distinct(_with_mirrored(again, model, setting), setting)
    patterns = [judged(model, cells, one, null) for one in distinct]
    return RingFit(patterns, model, cells, usable, max(periodogram.step))


def from_start(model: RingModel, start: Start, usual: Refined) -> Refined:
    """Bring rings near their optimum: how strong they are first, which a smooth spectrum does not know."""
    strength = torch.ones(len(model.centre), dtype=torch.bool)
    strength[: THICKNESS + 1] = False
    placed = refine(model, start.parameters(usual), free=strength, steps=FEW // 2)
    return refine(model, placed.parameters, steps=FEW)


def smooth_fit(model: RingModel, start: Tensor) -> Refined:
    """Fit the spectrum without rings, from a `usual_fit`."""
    free = torch.ones(len(model.centre), dtype=torch.bool)
    free[:PHASE] = False
    free[[THICKNESS, DEPTH]] = False
    return refine(model, start, free=free, rings=False)


def _distinct(fits: list[Refined], setting: RingSetting) -> list[Refined]:
    """Best first, without those that came to the same lens."""
    kept: list[Refined] = []
    for fit in sorted((_possible(one, setting) for one in fits), key=lambda one: one.deviance):
        if all(float(torch.dist(fit.parameters[:LENS], one.parameters[:LENS])) > _reach(one) for one in kept):
            kept.append(fit)
    return kept


def _with_mirrored(fits: list[Refined], model: RingModel, setting: RingSetting) -> list[Refined]:
    """Add the rings of −χ where Cs is not known and a lens may have either: a search may miss one of the two."""
    found = list(fits)
    for fit in fits if setting.cs is None else []:
        if abs(float(fit.parameters[C30])) * C30_UNIT < -LOWEST_CS:
            sign = torch.ones_like(fit.parameters)
            sign[:PHASE] = -1.0
            opposite = fit.parameters * sign
            found.append(Refined(opposite, sign[:, None] * fit.covariance * sign, deviance(model, opposite)))
    return found


def _worthwhile(fits: list[Refined], smooth: float) -> list[Refined]:
    """Those that come to half the evidence of the best: no other can be a rival of it."""
    return [one for one in fits if smooth - one.deviance >= WORTHWHILE * (smooth - fits[0].deviance)] or fits[:1]


def _possible(fit: Refined, setting: RingSetting) -> Refined:
    """Return the same rings of −χ where χ is none to report: overfocus without a sign, or a Cs that no lens has."""
    lens = fit.parameters[0], fit.parameters[C30] * C30_UNIT
    impossible = lens[1] < LOWEST_CS if setting.cs is None else lens[0] > 0.0 and not setting.tells_sign
    sign = torch.ones_like(fit.parameters)
    sign[:PHASE] = -1.0 if bool(impossible) else 1.0
    return fit._replace(parameters=fit.parameters * sign)


def _reach(fit: Refined) -> float:
    """Å within which another fit is the same one: ten standard deviations."""
    return 10.0 * float(fit.covariance.diagonal()[:LENS].sum().sqrt())


def _spots_in_rings(
    periodogram: Periodogram, band: NDArray[np.bool_], setting: RingSetting, best: Refined
) -> NDArray[np.bool_]:
    """Bins of spots against fitted rings, which are looked at where a bin would be one against the noise alone."""
    noise = np.asarray(noise_power(torch.as_tensor(periodogram.q**2 / setting.band[1] ** 2), best.parameters))
    expected = np.full(periodogram.power.shape, np.inf)
    expected[band] = 0.99 * noise[band]  # a rounding below what follows
    strong = strong_bins(periodogram, expected)
    if strong.any():
        expected[strong] = expected_power(periodogram, strong, setting, best.parameters)
    return spot_bins(periodogram, expected)


def expected_power(
    periodogram: Periodogram, bins: NDArray[np.bool_], setting: RingSetting, parameters: Tensor
) -> FloatArray:
    """Power that the rings give each of the `bins`, in the order of the array."""
    model = ring_model(as_cells(periodogram, bins), setting)
    return np.asarray(torch.exp(model.expected(parameters)).numpy(), dtype=np.float64)


def judged(model: RingModel, cells: Cells, fit: Refined, null: Refined) -> Pattern:
    """Covariance by blocks of the spectrum, and the gain of each sector."""
    parameters = fit.parameters

    logarithm, jacobian = with_derivatives(model, parameters)
    smooth = model.expected(null.parameters, rings=False)
    residual = model.power * torch.exp(-logarithm) - 1.0
    sector = np.minimum((cells.azimuth * (SECTORS / np.pi)).astype(np.int64), SECTORS - 1)
    edges = np.quantile(cells.squared, np.linspace(0.0, 1.0, BANDS + 1)[1:-1])
    block = sector * BANDS + np.searchsorted(edges, cells.squared)
    scores = torch.zeros((SECTORS * BANDS, len(parameters)), dtype=torch.float64)
    scores.index_add_(0, torch.as_tensor(block), jacobian * (model.weight * residual)[:, None])
    spread = scores.T @ scores + torch.diag(model.precision)
    robust = (fit.covariance @ spread @ fit.covariance).numpy()
    gain = model.power * (torch.exp(-smooth) - torch.exp(-logarithm)) + smooth - logarithm
    gains: FloatArray = np.asarray(np.bincount(sector, (2.0 * model.weight * gain).numpy(), SECTORS), dtype=np.float64)
    scale = float((model.weight * residual.square()).sum()) / max(len(residual) - len(parameters), 1)
    return Pattern(fit, null, gains, max(scale, 1.0), _wider(fit.covariance.numpy(), robust))


def radial_misfit(fitted: RingFit) -> float:
    """Rms relative error of the best fit over 24 even steps of |q|, less what noise would give."""
    q, weight = fitted.cells.q, fitted.cells.weight
    expected = torch.exp(fitted.model.expected(fitted.patterns[0].refined.parameters)).numpy()
    step = np.minimum((q - q.min()) / (np.ptp(q) + 1e-12) * RADII, RADII - 1).astype(np.int64)
    total = np.bincount(step, weight, RADII)
    seen = total > 0.0
    error = np.bincount(step, weight * (fitted.cells.power / expected - 1.0), RADII)[seen] / total[seen]
    return float(np.sqrt(np.mean(error**2 - 1.0 / total[seen]).clip(min=0.0)))


def _wider(one: FloatArray, other: FloatArray) -> FloatArray:
    """Of two covariances, parameter by parameter, the larger variance; those of the phase go together."""
    chosen = np.where(np.diag(other) > np.diag(one), np.diag(other), np.diag(one))
    wider = np.diag(chosen)
    phase, lens = slice(0, PHASE), slice(0, LENS)
    larger = other if np.trace(other[lens, lens]) > np.trace(one[lens, lens]) else one
    wider[phase, phase] = larger[phase, phase]
    return wider

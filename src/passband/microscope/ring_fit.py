"""Thon rings found and refined in one power spectrum: search, maximum likelihood, spots left out, and again.

The first pass finds Bragg spots against the local median and searches every focus; the second finds them against the
fitted rings, which are strong where the median is low, and starts from what the first found.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from passband.microscope.power_spectrum import Cells, FloatArray, Periodogram, as_cells, gather, spot_bins, usable_bins
from passband.microscope.ring_model import (
    DEPTH,
    LENS,
    THICKNESS,
    Refined,
    RingModel,
    RingSetting,
    refine,
    ring_model,
    with_derivatives,
)
from passband.microscope.ring_search import Candidate, Residual, focus_period, search_rings

THICKNESSES = (30.0, 90.0)  # Å of the films that are searched for: rings to 1.3 and to 0.75 Å⁻¹ at 300 kV
KEPT = 3  # patterns that are refined for each sign and thickness
WORTH = 0.5  # of the best score: patterns below it came to a tenth of the evidence of the right one
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
    """Patterns of rings that a spectrum may hold, best first, and the cells and model that they were fitted to."""

    patterns: list[Pattern]
    model: RingModel
    cells: Cells
    usable: NDArray[np.bool_]


def fit_rings(
    periodogram: Periodogram, setting: RingSetting, *, largest: tuple[float, float], both_signs: bool
) -> RingFit:
    """Fit rings with |C10| and C12 up to the `largest` Å; of C10 < 0 only, unless `both_signs`."""
    band = usable_bins(periodogram, setting.band)
    usable = band & ~spot_bins(periodogram)
    cells = gather(periodogram, usable)
    model = ring_model(cells, setting)
    null = smooth_fit(model)
    starts = _starts(cells, model, null, largest, both_signs)
    refined = _distinct(_refine_all(model, null, starts), both_signs)
    usable = band & ~_spots_in_rings(periodogram, band, setting, refined[0])
    cells = gather(periodogram, usable)
    model = ring_model(cells, setting)
    null = smooth_fit(model)
    again = _distinct([refine(model, one.parameters) for one in refined], both_signs)
    return RingFit([_judged(model, cells, one, null) for one in again], model, cells, usable)


def smooth_fit(model: RingModel) -> Refined:
    """Fit the spectrum without rings."""
    free = torch.ones(len(model.centre), dtype=torch.bool)
    free[:LENS] = False
    free[[THICKNESS, DEPTH]] = False
    return refine(model, model.centre, free=free, rings=False)


def _starts(
    cells: Cells, model: RingModel, null: Refined, largest: tuple[float, float], both_signs: bool
) -> list[tuple[Candidate, float]]:
    """Candidates and the film thickness that each was found with."""
    scattering, noise = (part.numpy() for part in model.parts(null.parameters))
    excess = model.power.numpy() / (scattering + noise) - 1.0
    ranges = [(-largest[0], 0.0)] + ([(0.0, largest[0])] if both_signs else [])
    starts: list[tuple[Candidate, float]] = []
    for thickness in THICKNESSES:
        node = np.sinc(model.wavelength * thickness * cells.squared)
        residual = Residual(excess, scattering / (scattering + noise) * node, model.known_phase.numpy())
        for c10 in ranges:
            found = search_rings(
                cells, residual, wavelength=model.wavelength, c10=c10, largest_c12=largest[1], keep=KEPT
            )
            starts += [(candidate, thickness) for candidate in found]
    starts.sort(key=lambda start: -start[0].score)
    apart = focus_period(cells, scattering / (scattering + noise), model.wavelength)
    kept: list[tuple[Candidate, float]] = []
    for start in starts:  # the same lens is found with either thickness
        lens = np.array(start[0][:LENS])
        new = all(float(np.linalg.norm(lens - np.array(other[:LENS]))) > apart for other, _ in kept)
        if new and start[0].score >= WORTH * starts[0][0].score:
            kept.append(start)
    return kept


def _refine_all(model: RingModel, null: Refined, starts: list[tuple[Candidate, float]]) -> list[Refined]:
    refined = []
    for candidate, thickness in starts:
        start = null.parameters.clone()
        start[:LENS] = torch.tensor([candidate.c10, candidate.c12_cos, candidate.c12_sin], dtype=start.dtype)
        start[THICKNESS] = float(np.log(thickness))
        refined.append(refine(model, start))
    return refined


def _distinct(fits: list[Refined], both_signs: bool) -> list[Refined]:
    """Best first, without those that came to the same lens."""
    kept: list[Refined] = []
    for fit in sorted(fits if both_signs else map(_underfocused, fits), key=lambda one: one.deviance):
        if all(float(torch.dist(fit.parameters[:LENS], one.parameters[:LENS])) > _reach(one) for one in kept):
            kept.append(fit)
    return kept


def _underfocused(fit: Refined) -> Refined:
    """Return the same rings with C10 ≤ 0, where χ and −χ give the same."""
    sign = torch.ones_like(fit.parameters)
    sign[:LENS] = -1.0 if float(fit.parameters[0]) > 0.0 else 1.0
    return fit._replace(parameters=fit.parameters * sign)


def _reach(fit: Refined) -> float:
    """Å within which another fit is the same one: ten standard deviations."""
    return 10.0 * float(fit.covariance.diagonal()[:LENS].sum().sqrt())


def _spots_in_rings(
    periodogram: Periodogram, band: NDArray[np.bool_], setting: RingSetting, best: Refined
) -> NDArray[np.bool_]:
    expected = np.full(periodogram.power.shape, np.inf)
    expected[band] = expected_power(periodogram, band, setting, best.parameters)
    return spot_bins(periodogram, expected)


def expected_power(
    periodogram: Periodogram, bins: NDArray[np.bool_], setting: RingSetting, parameters: Tensor
) -> FloatArray:
    """Power that the rings give each of the `bins`, in the order of the array."""
    model = ring_model(as_cells(periodogram, bins), setting)
    return np.asarray(torch.exp(model.expected(parameters)).numpy(), dtype=np.float64)


def _judged(model: RingModel, cells: Cells, fit: Refined, null: Refined) -> Pattern:
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
    """Of two covariances, parameter by parameter, the larger variance; the lens's three parameters go together."""
    lens = slice(0, LENS)
    chosen = np.where(np.diag(other) > np.diag(one), np.diag(other), np.diag(one))
    wider = np.diag(chosen)
    wider[lens, lens] = (
        other[lens, lens] if np.trace(other[lens, lens]) > np.trace(one[lens, lens]) else one[lens, lens]
    )
    return wider

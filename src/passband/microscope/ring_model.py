"""What Thon rings look like: the expected power spectrum of a thin amorphous film, and its fit by maximum likelihood.

The expected power at **q** is

    P = N(q) + ½ S(q) E_t²(q) [1 − m · sinc(λ t q²) · cos 2(χ(**q**) − w)],

with N = exp(n₀ + n₁q²) the noise, S the scattering of the film (the square of its element's form factor times a smooth
factor), E_t the envelope of the focal spread, w = arcsin of the amplitude contrast and m ≤ 1 how deep the rings
are. The film's atoms lie at depths that spread over its thickness t and scatter independently; each sees the focus at
its own depth, so the mean over depth is a sinc, and the rings vanish at q² = 1/(λt) and come back inverted (the node of
Elferich et al., J. Struct. Biol. X (2024), doi:10.1101/2024.02.19.580961). **C10 is that of the film's mid-plane.**

The likelihood is Whittle's: every bin is exponentially distributed about P, so a cell of w bins adds
−w [P̂/P + ln P]. It is maximised by Fisher scoring with derivatives from torch.
"""

from math import pi
from typing import NamedTuple

import numpy as np
import torch
from scipy.interpolate import BSpline
from torch import Tensor

from passband.microscope.form_factors import scattering_factor
from passband.microscope.power_spectrum import Cells, FloatArray

SPLINES = 7
LENS = 3  # the first parameters: C10, C12 cos 2φ12, C12 sin 2φ12, in Å
NAMED = ("C10", "C12_cos", "C12_sin", "log_spread", "log_thickness", "depth", "log_scattering", "log_noise", "slope")
SPREAD, THICKNESS, DEPTH, SCATTERING, NOISE = 3, 4, 5, 6, 7
LEAST, MOST = -30.0, 30.0  # logarithms stay within


class RingModel(NamedTuple):
    """Everything but the parameters: cells, optics that are known, and what is thought of the rest beforehand."""

    power: Tensor
    weight: Tensor
    squared: Tensor
    along: Tensor
    across: Tensor
    known_phase: Tensor  # χ of the known aberrations less w, rad
    log_form: Tensor  # ln f²/f²(0)
    splines: Tensor  # (n, SPLINES)
    wavelength: float
    highest: float  # Å⁻², largest q²
    centre: Tensor  # (parameters,) prior mean
    precision: Tensor  # (parameters,) prior 1/variance

    def expected(self, parameters: Tensor, *, rings: bool = True) -> Tensor:
        """Log of the expected power, (n,); without `rings` cos 2χ is replaced by its mean, 0."""
        scattering, noise = self.parts(parameters)
        if not rings:
            return torch.log(noise + scattering)
        return torch.log(noise + scattering * (1.0 - self.oscillation(parameters)))

    def parts(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """½ S E_t², N, each (n,)."""
        spread = torch.exp(parameters[..., SPREAD])
        envelope = -((pi * self.wavelength * spread * self.squared) ** 2)
        shape = self.log_form + (self.splines * parameters[..., len(NAMED) :]).sum(dim=-1)
        scattering = torch.exp((parameters[..., SCATTERING] + shape + envelope).clamp(LEAST, MOST))
        noise = torch.exp(parameters[..., NOISE] + parameters[..., NOISE + 1] * (self.squared / self.highest))
        return scattering, noise

    def oscillation(self, parameters: Tensor) -> Tensor:
        """Relative depth of the rings, m · sinc(λtq²) · cos 2(χ − w), (n,)."""
        thickness = torch.exp(parameters[..., THICKNESS])
        depth = torch.sigmoid(parameters[..., DEPTH])
        return depth * torch.sinc(self.wavelength * thickness * self.squared) * torch.cos(2.0 * self.phase(parameters))

    def phase(self, parameters: Tensor) -> Tensor:
        """χ − w in rad, (n,)."""
        fitted = parameters[..., 0] * self.squared + parameters[..., 1] * self.along + parameters[..., 2] * self.across
        return self.known_phase + pi * self.wavelength * fitted


class Refined(NamedTuple):
    """Parameters of largest posterior density, their covariance, and minus twice the log of that density."""

    parameters: Tensor
    covariance: Tensor
    deviance: float


class RingSetting(NamedTuple):
    """What is known before the fit: Å for lengths, Å⁻¹ for the band, the atomic number of the film's element."""

    wavelength: float
    cs: float
    amplitude_contrast: float
    element: int
    band: tuple[float, float]
    focal_spread: float | None = None


def ring_model(cells: Cells, setting: RingSetting) -> RingModel:
    """Model of the cells' power."""
    wavelength = setting.wavelength
    squared = torch.as_tensor(cells.squared)
    known = 0.5 * pi * wavelength**3 * setting.cs * squared.square() - float(np.arcsin(setting.amplitude_contrast))
    form = scattering_factor(setting.element, cells.q) / scattering_factor(setting.element, np.zeros(1))
    level = float(np.average(cells.power, weights=cells.weight))
    known_spread = setting.focal_spread is not None
    log_spread = np.log(max(setting.focal_spread, 0.1)) if setting.focal_spread is not None else np.log(12.0)
    centre = [0.0, 0.0, 0.0, log_spread, np.log(50.0), 2.0, np.log(level), np.log(level), 0.0] + [0.0] * SPLINES
    width = [1e6, 1e6, 1e6, 1e-3 if known_spread else 1.0, 0.7, 1.5, 20.0, 20.0, 2.0] + [0.5] * SPLINES
    return RingModel(
        power=torch.as_tensor(cells.power),
        weight=torch.as_tensor(cells.weight),
        squared=squared,
        along=torch.as_tensor(cells.along),
        across=torch.as_tensor(cells.across),
        known_phase=known,
        log_form=torch.as_tensor(2.0 * np.log(form)),
        splines=torch.as_tensor(_splines(cells.q, setting.band)),
        wavelength=wavelength,
        highest=setting.band[1] ** 2,
        centre=torch.tensor(centre, dtype=torch.float64),
        precision=torch.tensor(width, dtype=torch.float64) ** -2,
    )


def _splines(q: FloatArray, band: tuple[float, float]) -> FloatArray:
    """Cubic B-splines over the band, (n, SPLINES): smoother than any ring."""
    low, high = 0.99 * band[0], 1.01 * band[1]  # the mean q² of a cell may round beyond the band
    inner = np.linspace(low, high, SPLINES - 2)
    knots = np.concatenate([[low] * 3, inner, [high] * 3])
    return np.asarray(BSpline.design_matrix(q, knots, 3).toarray(), dtype=np.float64)


def refine(
    model: RingModel, start: Tensor, *, free: Tensor | None = None, rings: bool = True, steps: int = 40
) -> Refined:
    """Maximise the posterior from `start` by damped Fisher scoring; `free` marks the parameters that move."""
    chosen = torch.ones(len(start), dtype=torch.bool) if free is None else free
    parameters, damping = start.clone(), 1e-3
    value, gradient, information = _expand(model, parameters, rings)
    for _ in range(steps):
        inside = information[chosen][:, chosen]
        damped = inside + damping * torch.diag(inside.diagonal())
        step = torch.zeros_like(parameters)
        step[chosen] = torch.linalg.solve(damped, gradient[chosen])
        trial = parameters + step.clamp(-50.0, 50.0)
        proposed = deviance(model, trial, rings=rings)
        if not proposed < value:
            damping *= 8.0
            if damping > 1e8:
                break
            continue
        converged = value - proposed < 1e-2
        parameters, damping = trial, max(damping / 8.0, 1e-9)
        value, gradient, information = _expand(model, parameters, rings)
        if converged:
            break
    covariance = torch.zeros_like(information)
    index = torch.nonzero(chosen)[:, 0]
    covariance[index[:, None], index[None, :]] = torch.linalg.pinv(information[chosen][:, chosen], hermitian=True)
    return Refined(parameters, covariance, value)


def deviance(model: RingModel, parameters: Tensor, *, rings: bool = True) -> float:
    """Minus twice the log posterior density, up to a constant; infinite where it is not defined."""
    return _deviance(model, parameters, model.expected(parameters, rings=rings))


def _deviance(model: RingModel, parameters: Tensor, log_expected: Tensor) -> float:
    likelihood = (model.weight * (model.power * torch.exp(-log_expected) + log_expected)).sum()
    prior = (model.precision * (parameters - model.centre) ** 2).sum()
    value = float(2.0 * likelihood + prior)
    return value if np.isfinite(value) else float("inf")


def _expand(model: RingModel, parameters: Tensor, rings: bool) -> tuple[float, Tensor, Tensor]:
    """Deviance, half its downhill gradient, and the Fisher information with the prior's."""
    logarithm, jacobian = with_derivatives(model, parameters, rings=rings)
    residual = model.weight * (model.power * torch.exp(-logarithm) - 1.0)
    gradient = jacobian.T @ residual - model.precision * (parameters - model.centre)
    information = jacobian.T @ (jacobian * model.weight[:, None]) + torch.diag(model.precision)
    return _deviance(model, parameters, logarithm), gradient, information


def with_derivatives(model: RingModel, parameters: Tensor, *, rings: bool = True) -> tuple[Tensor, Tensor]:
    """Log of the expected power, (n,), and its derivatives, (n, parameters)."""
    scattering, noise = model.parts(parameters)
    oscillation = model.oscillation(parameters) if rings else torch.zeros_like(noise)
    seen = scattering * (1.0 - oscillation)
    power = noise + seen
    envelope = -2.0 * (pi * model.wavelength * torch.exp(parameters[SPREAD]) * model.squared) ** 2
    # of the part that the parameters of the scattering move, which is held between two bounds
    level = seen / power * ((scattering > np.exp(LEAST)) & (scattering < np.exp(MOST)))
    columns = torch.zeros((len(power), len(parameters)), dtype=power.dtype)
    if rings:
        columns[:, : DEPTH + 1] = _ring_derivatives(model, parameters, scattering / power)
    columns[:, SPREAD] = level * envelope
    columns[:, SCATTERING] = level
    columns[:, NOISE] = noise / power
    columns[:, NOISE + 1] = noise / power * (model.squared / model.highest)
    columns[:, len(NAMED) :] = level[:, None] * model.splines
    return torch.log(power), columns


def _ring_derivatives(model: RingModel, parameters: Tensor, share: Tensor) -> Tensor:
    """Return the derivatives of ln P by lens, thickness and depth, in their places among the first parameters.

    `share` is ½ S E_t²/P, (n,); the result is (n, DEPTH + 1), 0 for the focal spread, which moves the envelope alone.
    """
    cycles = model.wavelength * torch.exp(parameters[THICKNESS]) * model.squared
    depth, node = torch.sigmoid(parameters[DEPTH]), torch.sinc(cycles)
    phase = 2.0 * model.phase(parameters)
    cosine = torch.cos(phase)
    columns = torch.zeros((len(share), DEPTH + 1), dtype=share.dtype)
    by_phase = share * depth * node * torch.sin(phase) * (2.0 * pi * model.wavelength)
    for column, factor in enumerate((model.squared, model.along, model.across)):
        columns[:, column] = by_phase * factor
    columns[:, THICKNESS] = (
        -share * depth * (torch.cos(pi * cycles) - node) * cosine
    )  # sinc by the logarithm of its argument
    columns[:, DEPTH] = -share * depth * (1.0 - depth) * node * cosine
    return columns

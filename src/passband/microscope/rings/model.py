"""What Thon rings look like: the expected power spectrum of a thin amorphous film, and its fit by maximum likelihood.

The expected power at **q** is

    P = N(q) + ½ S(q) E_t²(q) D²(**q**) [1 − m · R · sinc(λ t q²) · cos 2(χ(**q**) − w)],

with N = exp(n₀ + n₁q²) the noise, S the scattering of the film (the square of its element's form factor, the camera's
exp(−b₁q − b₂q²) and a smooth factor), E_t the envelope of the focal spread, D that of drift (`drift`), w = arcsin of
the amplitude contrast, m ≤ 1 how deep the rings are and R what the spectrum resolves of them (`resolution`). Every
number but the known ones is fitted, Cs and w with what is thought of them beforehand. E_t takes what no other factor
does: angular spread, vibration, the rest of the camera. The film's atoms lie at depths that spread over its thickness t
and scatter independently; each sees the focus at its own depth, so the mean over depth is a sinc, and the rings vanish
at q² = 1/(λt) and come back inverted (the node of Elferich et al., J. Struct. Biol. X (2024),
doi:10.1101/2024.02.19.580961). A small tilt of the film spreads the focus in the same way, and t takes it. **C10 is
that of the film's mid-plane.**

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
from passband.microscope.rings.drift import drift_derivatives, drift_power, drift_squared, sinc
from passband.microscope.rings.resolution import resolved

SPLINES = 7
LENS = 3  # the first parameters: C10, C12 cos 2φ12, C12 sin 2φ12, in Å
NAMED = (
    *("C10", "C12_cos", "C12_sin", "C30", "absorption", "log_spread", "log_thickness", "depth", "log_scattering"),
    *("log_noise", "slope", "drift_cos", "drift_sin", "camera", "camera_slope"),
)
C30, ABSORPTION, SPREAD, THICKNESS, DEPTH, SCATTERING, NOISE, SLOPE, DRIFT, _, CAMERA, _ = range(LENS, len(NAMED))
PHASE = ABSORPTION + 1  # so many parameters move the phase
C30_UNIT = 1e5  # Å of Cs in one of its parameter: steps of all parameters are then of one size
LEAST, MOST = -30.0, 30.0  # logarithms stay within
# What is thought of a number that nobody gave, mean and standard deviation:
UNKNOWN_CS = (1e7, 1e7)  # Å; lenses have 0 to 3 mm
UNKNOWN_ABSORPTION = 0.05  # rad; films of light elements have 0.02 to 0.1
LARGE_DRIFT = 2.0  # Å, in one exposure
KNOWN = 1e-3  # standard deviation of a number that was given


class RingModel(NamedTuple):
    """Everything but the parameters: cells, optics that are known, and what is thought of the rest beforehand."""

    power: Tensor
    weight: Tensor
    squared: Tensor
    along: Tensor
    across: Tensor
    spherical: Tensor  # χ of one `C30_UNIT`, rad
    log_form: Tensor  # ln f²/f²(0)
    lag: Tensor  # 2/q in sides of the spectrum's tile
    splines: Tensor  # (n, SPLINES), each in one piece
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
        """½ S E_t² D², N, each (n,)."""
        still, noise = self.undrifted(parameters)
        return still * self.drifted(parameters), noise

    def undrifted(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """½ S E_t², N, each (n,)."""
        spread = torch.exp(parameters[SPREAD])
        envelope = -((pi * self.wavelength * spread * self.squared) ** 2)
        relative = self.squared / self.highest
        camera = parameters[CAMERA] * relative.sqrt() + parameters[CAMERA + 1] * relative
        shape = self.log_form + self.splines @ parameters[len(NAMED) :] - camera
        scattering = torch.exp((parameters[SCATTERING] + shape + envelope).clamp(LEAST, MOST))
        return scattering, noise_power(relative, parameters)

    def drifted(self, parameters: Tensor) -> Tensor:
        """D², what drift leaves of the power, (n,)."""
        v = (parameters[DRIFT], parameters[DRIFT + 1])
        return drift_power(drift_squared(v, self.squared, self.along, self.across))

    def oscillation(self, parameters: Tensor) -> Tensor:
        """Relative depth of the rings, m · R · sinc(λtq²) · cos 2(χ − w), (n,)."""
        thickness = torch.exp(parameters[THICKNESS])
        depth = torch.sigmoid(parameters[DEPTH]) * resolved(self.shift(parameters))[0]
        return depth * sinc(self.wavelength * thickness * self.squared) * torch.cos(2.0 * self.phase(parameters))

    def phase(self, parameters: Tensor) -> Tensor:
        """χ − w in rad, (n,)."""
        known = parameters[C30] * self.spherical - parameters[ABSORPTION]
        return known + pi * self.wavelength * self.focus(parameters)

    def focus(self, parameters: Tensor) -> Tensor:
        """Focus in each direction times q², Å⁻¹, (n,)."""
        return parameters[0] * self.squared + parameters[1] * self.along + parameters[2] * self.across

    def shift(self, parameters: Tensor) -> Tensor:
        """How far the rings are from being resolved, their frequency along q over that of the bins, (n,); signed.

        As a distance it is that by which the lens shifts what has a frequency q, in sides of the tile.
        """
        spherical = (2.0 / pi) * parameters[C30] * self.spherical
        return self.lag * (self.wavelength * self.focus(parameters) + spherical)

    def phase_at(self, parameters: Tensor, q: FloatArray, azimuth: FloatArray) -> FloatArray:
        """χ − w in rad at frequencies of |q| in Å⁻¹ and azimuths that broadcast."""
        squared, twice = torch.as_tensor(q * q), torch.as_tensor(2.0 * azimuth)
        there = self._replace(
            squared=squared,
            along=squared * torch.cos(twice),
            across=squared * torch.sin(twice),
            spherical=spherical_phase(self.wavelength, squared),
        )
        return np.asarray(there.phase(parameters).numpy(), dtype=np.float64)


class Refined(NamedTuple):
    """Parameters of largest posterior density, their covariance, and minus twice the log of that density."""

    parameters: Tensor
    covariance: Tensor
    deviance: float


class RingSetting(NamedTuple):
    """What is known before the fit: Å for lengths, Å⁻¹ for the band, the atomic number of the film's element.

    None is fitted: of Cs, `amplitude_contrast` and `focal_spread`. `step` is the distance of the spectrum's bins, Å⁻¹;
    with 0 it resolves every ring.
    """

    wavelength: float
    cs: float | None
    amplitude_contrast: float | None
    element: int
    band: tuple[float, float]
    focal_spread: float | None = None
    step: float = 0.0

    @property
    def tells_sign(self) -> bool:
        """Whether rings of C10 and −C10 may differ; χ and −χ give the same, so Cs or a known absorption must."""
        return self.cs != 0.0 or self.amplitude_contrast not in (None, 0.0)


def noise_power(relative: Tensor, parameters: Tensor) -> Tensor:
    """N, of the shape of `relative`, q² in units of the largest."""
    return torch.exp(parameters[NOISE] + parameters[SLOPE] * relative)


def spherical_phase(wavelength: float, squared: Tensor) -> Tensor:
    """χ of one `C30_UNIT` in rad, of the shape of q² in Å⁻²."""
    return 0.5 * pi * wavelength**3 * C30_UNIT * squared.square()


def ring_model(cells: Cells, setting: RingSetting) -> RingModel:
    """Model of the cells' power."""
    wavelength = setting.wavelength
    squared = torch.as_tensor(cells.squared)
    form = scattering_factor(setting.element, cells.q) / scattering_factor(setting.element, np.zeros(1))
    centre, width = _priors(setting, float(np.average(cells.power, weights=cells.weight)))
    return RingModel(
        power=torch.as_tensor(cells.power),
        weight=torch.as_tensor(cells.weight),
        squared=squared,
        along=torch.as_tensor(cells.along),
        across=torch.as_tensor(cells.across),
        spherical=spherical_phase(wavelength, squared),
        log_form=torch.as_tensor(2.0 * np.log(form)),
        lag=2.0 * setting.step / squared.sqrt(),
        splines=torch.as_tensor(_splines(cells.q, setting.band)),
        wavelength=wavelength,
        highest=setting.band[1] ** 2,
        centre=centre,
        precision=width**-2,
    )


def _priors(setting: RingSetting, level: float) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of every parameter before the fit, (parameters,); `level` is the mean power."""
    drift = max(LARGE_DRIFT, 1.5 / setting.band[1]) ** 2
    named = dict.fromkeys(NAMED[:LENS], (0.0, 1e6)) | {
        "C30": (UNKNOWN_CS[0] / C30_UNIT, UNKNOWN_CS[1] / C30_UNIT),
        "absorption": (0.0, UNKNOWN_ABSORPTION),
        "log_spread": (float(np.log(12.0)), 1.0),
        "log_thickness": (float(np.log(50.0)), 0.7),
        "depth": (2.0, 1.5),
        "log_scattering": (float(np.log(level)), 20.0),
        "log_noise": (float(np.log(level)), 20.0),
        "slope": (0.0, 2.0),
        "drift_cos": (0.0, drift),
        "drift_sin": (0.0, drift),
        "camera": (0.0, 2.0),
        "camera_slope": (0.0, 2.0),
    }
    if setting.cs is not None:
        named["C30"] = (setting.cs / C30_UNIT, KNOWN)
    if setting.amplitude_contrast is not None:
        named["absorption"] = (float(np.arcsin(setting.amplitude_contrast)), KNOWN)
    if setting.focal_spread is not None:
        named["log_spread"] = (float(np.log(max(setting.focal_spread, 0.1))), KNOWN)
    both = torch.tensor([*(named[name] for name in NAMED), *[(0.0, 0.5)] * SPLINES], dtype=torch.float64)
    return both[:, 0], both[:, 1]


def _splines(q: FloatArray, band: tuple[float, float]) -> FloatArray:
    """Cubic B-splines over the band, (n, SPLINES): smoother than any ring. Each is in one piece in memory."""
    low, high = 0.99 * band[0], 1.01 * band[1]  # the mean q² of a cell may round beyond the band
    inner = np.linspace(low, high, SPLINES - 2)
    knots = np.concatenate([[low] * 3, inner, [high] * 3])
    return np.asfortranarray(BSpline.design_matrix(q, knots, 3).toarray(), dtype=np.float64)


def refine(
    model: RingModel, start: Tensor, *, free: Tensor | None = None, rings: bool = True, steps: int = 40
) -> Refined:
    """Maximise the posterior from `start` by damped Fisher scoring; `free` marks the parameters that move."""
    chosen = torch.ones(len(start), dtype=torch.bool) if free is None else free
    parameters, damping = start.clone(), 1e-3
    index = torch.nonzero(chosen)[:, 0]
    value, gradient, information = _expand(model, parameters, index, rings)
    for _ in range(steps):
        damped = information + damping * torch.diag(information.diagonal())
        step = torch.zeros_like(parameters)
        step[chosen] = torch.linalg.solve(damped, gradient)
        trial = parameters + step.clamp(-50.0, 50.0)
        proposed = deviance(model, trial, rings=rings)
        if not proposed < value:
            damping *= 8.0
            if damping > 1e8:
                break
            continue
        converged = value - proposed < 1e-2
        parameters, damping = trial, max(damping / 8.0, 1e-9)
        value, gradient, information = _expand(model, parameters, index, rings)
        if converged:
            break
    covariance = torch.zeros((len(start), len(start)), dtype=start.dtype)
    covariance[index[:, None], index[None, :]] = torch.linalg.pinv(information, hermitian=True)
    return Refined(parameters, covariance, value)


def deviance(model: RingModel, parameters: Tensor, *, rings: bool = True) -> float:
    """Minus twice the log posterior density, up to a constant; infinite where it is not defined."""
    return _deviance(model, parameters, model.expected(parameters, rings=rings))


def _deviance(model: RingModel, parameters: Tensor, log_expected: Tensor) -> float:
    likelihood = (model.weight * (model.power * torch.exp(-log_expected) + log_expected)).sum()
    prior = (model.precision * (parameters - model.centre) ** 2).sum()
    value = float(2.0 * likelihood + prior)
    return value if np.isfinite(value) else float("inf")


def _expand(model: RingModel, parameters: Tensor, index: Tensor, rings: bool) -> tuple[float, Tensor, Tensor]:
    """Deviance, half its downhill gradient and the Fisher information with the prior, by parameters of an `index`."""
    logarithm, jacobian = with_derivatives(model, parameters, rings=rings)
    rows = jacobian.T if len(index) == len(parameters) else jacobian.T[index]
    residual = model.weight * (model.power * torch.exp(-logarithm) - 1.0)
    gradient = rows @ residual - (model.precision * (parameters - model.centre))[index]
    information = rows @ (rows * model.weight).T + torch.diag(model.precision[index])
    return _deviance(model, parameters, logarithm), gradient, information


def with_derivatives(model: RingModel, parameters: Tensor, *, rings: bool = True) -> tuple[Tensor, Tensor]:
    """Log of the expected power, (n,), and its derivatives, (n, parameters)."""
    still, noise = model.undrifted(parameters)
    v = (parameters[DRIFT], parameters[DRIFT + 1])
    drifted, *by_drift = drift_derivatives(v, model.squared, model.along, model.across)
    scattering = still * drifted
    columns = torch.zeros((len(parameters), len(noise)), dtype=noise.dtype).T  # each column in one piece
    oscillation = _ring_derivatives(model, parameters, columns) if rings else torch.zeros_like(noise)
    seen = scattering * (1.0 - oscillation)
    power = noise + seen
    columns[:, : DEPTH + 1] *= (scattering / power)[:, None]
    envelope = -2.0 * (pi * model.wavelength * torch.exp(parameters[SPREAD]) * model.squared) ** 2
    # of the part that the parameters of the scattering move, which is held between two bounds
    level = seen / power * ((still > np.exp(LEAST)) & (still < np.exp(MOST)))
    relative = model.squared / model.highest
    columns[:, DRIFT] = still * (1.0 - oscillation) / power * by_drift[0]
    columns[:, DRIFT + 1] = still * (1.0 - oscillation) / power * by_drift[1]
    columns[:, SPREAD] = level * envelope
    columns[:, SCATTERING] = level
    columns[:, NOISE] = noise / power
    columns[:, SLOPE] = noise / power * relative
    columns[:, CAMERA] = -level * relative.sqrt()
    columns[:, CAMERA + 1] = -level * relative
    columns[:, len(NAMED) :] = level[:, None] * model.splines
    return torch.log(power), columns


def _ring_derivatives(model: RingModel, parameters: Tensor, columns: Tensor) -> Tensor:
    """Return the oscillation, (n,), and write what −1 times it has for derivatives into their columns.

    They are by all that moves the phase, by thickness and depth.
    """
    cycles = model.wavelength * torch.exp(parameters[THICKNESS]) * model.squared
    depth, node = torch.sigmoid(parameters[DEPTH]), sinc(cycles)
    phase = 2.0 * model.phase(parameters)
    seen, by_lag = resolved(model.shift(parameters))
    cosine = torch.cos(phase)
    by_phase = 2.0 * depth * node * seen * torch.sin(phase)
    by_shift = -depth * node * cosine * by_lag * model.lag
    by_focus = (pi * by_phase + by_shift) * model.wavelength
    for column, factor in enumerate((model.squared, model.along, model.across)):
        columns[:, column] = by_focus * factor
    columns[:, C30] = (by_phase + (2.0 / pi) * by_shift) * model.spherical
    columns[:, ABSORPTION] = -by_phase
    cosine *= seen
    columns[:, THICKNESS] = -depth * (torch.cos(pi * cycles) - node) * cosine  # by the logarithm of its argument
    columns[:, DEPTH] = -depth * (1.0 - depth) * node * cosine
    return depth * node * cosine

"""Rings against a sum over the atoms' depths and the complex wave of one atom; their derivatives; their likelihood."""

from math import pi

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import jacrev

from passband.electron import wavelength
from passband.microscope.aberrations import phase_aberration
from passband.microscope.form_factors import scattering_factor
from passband.microscope.power_spectrum import Cells, averaged_periodogram, gather, usable_bins
from passband.microscope.rings.model import (
    ABSORPTION,
    C30,
    C30_UNIT,
    CAMERA,
    DEPTH,
    DRIFT,
    LENS,
    NOISE,
    SCATTERING,
    SPLINES,
    SPREAD,
    THICKNESS,
    RingModel,
    RingSetting,
    _splines,
    deviance,
    refine,
    ring_model,
)
from passband.microscope.rings.model import with_derivatives as found_derivatives
from passband.microscope.transfer import temporal_envelope

LENGTH = wavelength(300e3)
CELLS = 400
RADIUS = np.linspace(0.15, 0.95, CELLS)
AZIMUTH = np.linspace(0.0, 9.0 * pi, CELLS) % pi
C10, C12, PHI12, CS = -320.0, 45.0, 0.6, 2.5e5


def cells(power: np.ndarray | None = None) -> Cells:
    squared = RADIUS**2
    return Cells(
        power=np.ones(CELLS) if power is None else power,
        squared=squared,
        along=squared * np.cos(2.0 * AZIMUTH),
        across=squared * np.sin(2.0 * AZIMUTH),
        weight=np.full(CELLS, 25.0),
        azimuth=AZIMUTH,
    )


def modelled(power: np.ndarray | None = None, **known: float | None) -> RingModel:
    setting = RingSetting(LENGTH, **{"cs": CS, "amplitude_contrast": 0.0, "element": 6, "band": (0.1, 1.0), **known})
    return ring_model(cells(power), setting)


def placed(*, spread: float = 8.0, thickness: float = 60.0, depth: float = 40.0, absorption: float = 0.0) -> Tensor:
    """Those of the lens above; at a depth of 40 the rings reach down to the noise."""
    values = torch.zeros(len(modelled().centre), dtype=torch.float64)
    values[:LENS] = torch.tensor([C10, C12 * np.cos(2.0 * PHI12), C12 * np.sin(2.0 * PHI12)])
    values[C30], values[ABSORPTION] = CS / C30_UNIT, np.arcsin(absorption)
    values[SPREAD], values[THICKNESS], values[DEPTH] = np.log(spread), np.log(thickness), depth
    values[SCATTERING], values[NOISE], values[NOISE + 1] = 0.4, -1.2, 0.7
    return values


def seen(w: float, *, depth: float = 0.0) -> np.ndarray:
    """Contrast of one atom that lies `depth` Å above the film's middle: of phase cos w and absorption sin w.

    In units of the vacuum the wave is 1 + (i cos w − sin w)·ε behind the atom, and the lens multiplies by exp(−iχ); the
    intensity changes by twice the real part.
    """
    q, azimuth = torch.as_tensor(RADIUS), torch.as_tensor(AZIMUTH)
    lens = {"C10": C10 + depth, "C12": C12, "phi12": PHI12, "C30": CS}
    chi = phase_aberration(q, azimuth, lens, LENGTH).numpy()
    return np.asarray(((1j * np.cos(w) - np.sin(w)) * np.exp(-1j * chi)).real)


@pytest.mark.parametrize("contrast", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("thickness", [1.0, 60.0, 200.0])
def test_rings_are_those_of_atoms_at_every_depth(contrast: float, thickness: float) -> None:
    found = modelled(amplitude_contrast=contrast)
    values = placed(thickness=thickness, absorption=contrast)
    scattering, noise = (part.numpy() for part in found.parts(values))
    depths = thickness * ((np.arange(2000) + 0.5) / 2000 - 0.5)
    contrasts = np.mean([seen(float(np.arcsin(contrast)), depth=depth) ** 2 for depth in depths], axis=0)
    power = torch.exp(found.expected(values)).numpy()
    np.testing.assert_allclose(power, noise + 2.0 * scattering * contrasts, rtol=1e-4)
    assert 1.0 / (LENGTH * 200.0) < 0.95**2  # the thickest film has its node within the band


def test_shallow_rings_are_as_deep_as_said() -> None:
    full, half = (modelled().oscillation(placed(depth=depth)) for depth in (40.0, 0.0))
    torch.testing.assert_close(half, 0.5 * full)


def test_the_envelope_is_that_of_the_focal_spread_and_the_element() -> None:
    q = torch.as_tensor(RADIUS)
    sharp, blurred = (modelled().parts(placed(spread=spread)) for spread in (1e-6, 20.0))
    torch.testing.assert_close(blurred[0] / sharp[0], temporal_envelope(q, 20.0, LENGTH) ** 2)
    form = scattering_factor(6, RADIUS) / scattering_factor(6, np.zeros(1))
    still, _ = modelled().undrifted(placed(spread=1e-6))
    np.testing.assert_allclose(still.numpy(), np.exp(0.4) * form**2)
    np.testing.assert_allclose(sharp[1].numpy(), np.exp(-1.2 + 0.7 * RADIUS**2))  # the band ends at 1 Å⁻¹


def test_without_rings_is_the_mean_over_the_phase() -> None:
    found, values = modelled(), placed()
    scattering, noise = found.parts(values)
    torch.testing.assert_close(torch.exp(found.expected(values, rings=False)), scattering + noise)


def test_deviance_is_that_of_exponential_bins_and_normal_priors() -> None:
    found, values = modelled(np.linspace(0.5, 2.0, CELLS)), placed()
    expected = torch.exp(found.expected(values)).numpy()
    # −2 Σ w ln [exp(−P̂/P)/P], w bins to a cell
    likelihood = 2.0 * 25.0 * (found.power.numpy() / expected + np.log(expected)).sum()
    prior = ((values - found.centre).square() * found.precision).sum()
    assert deviance(found, values) == pytest.approx(likelihood + float(prior), rel=1e-9)


@pytest.mark.parametrize(("length", "azimuth"), [(1.5, 0.4), (0.8, 2.5)])
def test_drift_is_the_mean_over_positions_during_the_exposure(length: float, azimuth: float) -> None:
    # rejects a drift with the power of the amplitude, across its direction or as long again
    values = placed()
    values[DRIFT], values[DRIFT + 1] = length**2 * np.cos(2.0 * azimuth), length**2 * np.sin(2.0 * azimuth)
    along = RADIUS * np.cos(AZIMUTH - azimuth)
    positions = length * ((np.arange(4000) + 0.5) / 4000 - 0.5)
    amplitude = np.abs(np.mean(np.exp(2j * pi * along[:, None] * positions), axis=1))
    np.testing.assert_allclose(modelled().drifted(values).numpy(), amplitude**2, atol=4e-3)  # |v| is rounded at 0


def test_a_camera_damps_what_was_scattered_and_not_the_noise() -> None:
    found, values = modelled(), placed()
    values[CAMERA], values[CAMERA + 1] = 1.2, 0.7
    damped, plain = found.parts(values), found.parts(placed())
    np.testing.assert_allclose((damped[0] / plain[0]).numpy(), np.exp(-1.2 * RADIUS - 0.7 * RADIUS**2))
    torch.testing.assert_close(damped[1], plain[1])


@pytest.mark.parametrize("name", ["cs", "amplitude_contrast"])
def test_what_is_given_is_held_and_what_is_not_is_found(name: str) -> None:
    truth = placed(depth=2.0, absorption=0.06)
    power = torch.exp(modelled().expected(truth)).numpy()
    unknown, given = modelled(power, cs=None, amplitude_contrast=None), modelled(power, cs=0.9 * CS)
    free = refine(unknown._replace(weight=1e3 * unknown.weight), truth).parameters  # what is thought beforehand is less
    held = refine(given, truth).parameters
    index = {"cs": C30, "amplitude_contrast": ABSORPTION}[name]
    assert float(free[index]) == pytest.approx(float(truth[index]), rel=0.1)
    assert float(held[index]) == pytest.approx({C30: 0.9 * CS / C30_UNIT, ABSORPTION: 0.0}[index], abs=2e-3)


def test_refining_exact_rings_finds_the_lens() -> None:
    truth = placed(depth=2.0, absorption=0.2)
    power = torch.exp(modelled(amplitude_contrast=0.2).expected(truth)).numpy()
    found = modelled(power, amplitude_contrast=0.2)
    start = truth.clone()
    start[:LENS] += torch.tensor([15.0, -8.0, 8.0])
    fitted = refine(found, start)
    torch.testing.assert_close(fitted.parameters[:LENS], truth[:LENS], rtol=0.0, atol=0.3)
    assert fitted.deviance < deviance(found, start)


@pytest.mark.parametrize("azimuth", [PHI12, PHI12 + 0.5 * pi])
def test_rings_shift_by_as_much_as_their_phase_runs_on_from_bin_to_bin(azimuth: float) -> None:
    """Rejects a shift by focus alone or by Cs alone, and that of χ for that of cos 2χ."""
    step, found = 0.004, modelled(step=0.004)
    direction = np.full(CELLS, azimuth)
    along = torch.as_tensor(RADIUS**2 * np.cos(2.0 * direction)), torch.as_tensor(RADIUS**2 * np.sin(2.0 * direction))
    model = found._replace(along=along[0], across=along[1])
    turns = [2.0 * model.phase_at(placed(), RADIUS + near, direction) / (2.0 * pi) for near in (-5e-6, 5e-6)]
    expected = (turns[1] - turns[0]) / 1e-5 * step
    np.testing.assert_allclose(model.shift(placed()).numpy(), expected, rtol=1e-5, atol=1e-7)


def test_rings_that_are_not_resolved_are_shallow() -> None:
    near, far = (modelled(step=step).oscillation(placed()).abs().max() for step in (1e-5, 0.5))
    assert float(near) == pytest.approx(float(modelled().oscillation(placed()).abs().max()), rel=1e-3)
    assert float(far) < 0.2 * float(near)


# --- derivatives

BAND = (0.1, 0.9)


@pytest.fixture(scope="module")
def model() -> RingModel:
    noise = np.random.default_rng(0).normal(size=(128, 128))
    periodogram = averaged_periodogram(noise, pixel_size=(0.5, 0.4))
    cells = gather(periodogram, usable_bins(periodogram, BAND))
    return ring_model(cells, RingSetting(0.0197, 3e5, 0.07, 6, BAND, step=max(periodogram.step)))


def test_splines_sum_to_one_also_at_both_ends_of_the_band() -> None:
    """Rejects knots that end with the band, beyond which the mean q² of a cell may round."""
    found = _splines(np.linspace(0.2 * (1.0 - 1e-9), 1.5 * (1.0 + 1e-9), 501), (0.2, 1.5))
    assert found.shape == (501, SPLINES)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-14)
    assert found.flags.f_contiguous


def parameters(model: RingModel, *, scattering: float = 0.0) -> Tensor:
    """Parameters away from every symmetry: a lens, a film and a background."""
    values = model.centre + 0.3 * torch.randn(len(model.centre), generator=torch.Generator().manual_seed(1))
    values[:LENS] = torch.tensor([-400.0, 50.0, -30.0])
    values[SCATTERING] += scattering
    values[DRIFT : DRIFT + 2] = torch.tensor([0.5, -1.8])
    return values.double()


@pytest.mark.parametrize("rings", [True, False])
@pytest.mark.parametrize("scattering", [0.0, 40.0, -40.0], ids=["usual", "held at the most", "held at the least"])
def test_derivatives_are_those_of_automatic_differentiation(model: RingModel, rings: bool, scattering: float) -> None:
    here = parameters(model, scattering=scattering)
    logarithm = model.expected(here, rings=rings)
    expected = jacrev(lambda one: model.expected(one, rings=rings), chunk_size=128)(here)
    value, jacobian = found_derivatives(model, here, rings=rings)
    torch.testing.assert_close(value, logarithm, rtol=1e-12, atol=1e-12)
    scale = expected.abs().amax(dim=0).clamp(min=1e-9)
    torch.testing.assert_close(jacobian / scale, expected / scale, rtol=0.0, atol=1e-9)
    moves = jacobian.abs().amax(dim=0) > 0
    assert bool(moves[[DRIFT, DRIFT + 1]].all())
    assert bool(moves[[0, 1, 2, C30, ABSORPTION, THICKNESS, DEPTH]].all()) == rings

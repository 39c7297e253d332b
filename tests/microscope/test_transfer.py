import math

import numpy as np
import pytest
import torch

from passband.electron import wavelength
from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import Conditions
from passband.microscope.frequencies import spatial_frequencies
from passband.microscope.transfer import (
    aperture_function,
    contrast_transfer,
    parity_parts,
    spatial_envelope,
    temporal_envelope,
)

LENGTH = wavelength(300e3)
LENS = Aberrations(
    C10=-80.0, C12=20.0, phi12=0.3, C21=2000.0, phi21=1.0, C23=1500.0, phi23=0.2, C30=2.5e5, C32=1e5, phi32=0.5
)
EVEN = Aberrations(C10=-80.0, C12=20.0, phi12=0.3, C30=2.5e5, C34=1e5, phi34=0.4)


@pytest.fixture(scope="module")
def grid() -> tuple[torch.Tensor, torch.Tensor]:
    return spatial_frequencies((48, 50), 0.2, dtype=torch.float64)


@pytest.mark.parametrize("lens", [EVEN, LENS])
@pytest.mark.parametrize(("focal_spread", "angular_spread"), [(10.0, 0.0), (0.0, 2e-4), (7.0, 1e-4)])
def test_naive_ctf_agrees_with_abtem_whose_spreads_are_wider_by_root_two(
    lens: Aberrations, focal_spread: float, angular_spread: float, grid: tuple[torch.Tensor, torch.Tensor]
) -> None:
    abtem = pytest.importorskip("abtem")
    q, azimuth = grid
    here = Conditions(aberrations=lens, focal_spread=focal_spread, angular_spread=angular_spread)
    with abtem.config.set({"precision": "float64"}):
        oracle = abtem.transfer.CTF(
            energy=300e3,
            focal_spread=math.sqrt(2) * focal_spread,
            angular_spread=math.sqrt(2) * angular_spread * 1e3,
            aberration_coefficients=lens.model_dump(),
        )
        wave_transfer = oracle._evaluate_from_angular_grid((q * LENGTH).numpy(), azimuth.numpy())
    found = contrast_transfer(q, azimuth, here, odd="naive")
    assert found.abs().max() > 0.5
    np.testing.assert_allclose(found.numpy(), -wave_transfer.imag, atol=1e-6)


def weak_object_spectrum(phase: torch.Tensor, lens: Aberrations) -> torch.Tensor:
    """Spectrum of the contrast of a weak phase object, by imaging its wave: no transfer theory in it."""
    from passband.microscope.aberrations import phase_aberration

    q, azimuth = spatial_frequencies((48, 48), 0.5, dtype=torch.float64)
    chi = phase_aberration(q, azimuth, lens.nonzero(), LENGTH)
    wave = torch.fft.ifft2(torch.fft.fft2(torch.exp(1j * phase)) * torch.exp(-1j * chi))
    return torch.fft.fft2(wave.abs().square() - 1.0)


def test_exact_ctf_is_that_of_an_imaged_weak_phase_object_and_the_naive_one_is_not() -> None:
    strong = Aberrations(C10=-80.0, C21=2e4, phi21=0.4, C23=1.5e4, C30=2.5e5)
    generator = torch.Generator().manual_seed(3)
    spectrum = torch.fft.fft2(torch.randn((48, 48), dtype=torch.float64, generator=generator))
    q, azimuth = spatial_frequencies((48, 48), 0.5, dtype=torch.float64)
    spectrum = spectrum * (q < 0.9) * (q > 0)
    phase = torch.fft.ifft2(spectrum).real
    phase = phase / phase.std() * 1e-5
    inside = (q < 0.9) & (q > 0)
    measured = (weak_object_spectrum(phase, strong).abs() / torch.fft.fft2(phase).abs().clamp_min(1e-30) / 2.0)[inside]
    exact = contrast_transfer(q, azimuth, Conditions(aberrations=strong))[inside].abs()
    naive = contrast_transfer(q, azimuth, Conditions(aberrations=strong), odd="naive")[inside].abs()
    torch.testing.assert_close(measured, exact, atol=2e-3, rtol=0)  # the object is weak to 1e-5 of a smallest 1e-2
    assert (measured - naive).abs().max() > 0.5


def test_both_treatments_agree_without_odd_aberrations(grid: tuple[torch.Tensor, torch.Tensor]) -> None:
    here = Conditions(aberrations=EVEN, focal_spread=10.0, angular_spread=1e-4)
    assert torch.equal(contrast_transfer(*grid, here), contrast_transfer(*grid, here, odd="naive"))


def test_temporal_envelope_falls_to_its_standard_deviation() -> None:
    q = torch.tensor([0.0, math.sqrt(1.0 / (math.pi * LENGTH * 10.0))], dtype=torch.float64)
    torch.testing.assert_close(
        temporal_envelope(q, 10.0, LENGTH), torch.tensor([1.0, math.exp(-0.5)], dtype=torch.float64)
    )
    assert temporal_envelope(q, torch.tensor([0.0, 10.0, 20.0]), LENGTH).shape == (3, 2)


def test_spatial_envelope_of_pure_defocus_has_its_closed_form() -> None:
    q = torch.linspace(0.0, 1.0, 11, dtype=torch.float64)
    envelope = spatial_envelope(q, torch.zeros_like(q), {"C10": 500.0}, 3e-4, LENGTH)
    torch.testing.assert_close(envelope, torch.exp(-2.0 * (math.pi * 500.0 * 3e-4 * q) ** 2))


def test_aperture_passes_its_own_edge_and_nothing_beyond() -> None:
    q = torch.tensor([0.0, 0.5, 0.5000001, 2.0], dtype=torch.float64)
    assert aperture_function(q, 0.5 * LENGTH, LENGTH).tolist() == [1.0, 1.0, 0.0, 0.0]
    assert aperture_function(q, None, LENGTH).tolist() == [1.0] * 4


def test_a_batch_may_mix_energies_and_keeps_dtype_and_inputs(grid: tuple[torch.Tensor, torch.Tensor]) -> None:
    q, azimuth = (part.float() for part in grid)
    before = q.clone()
    several = [Conditions(energy=energy, aberrations=LENS, focal_spread=5.0, aperture=0.03) for energy in (80e3, 300e3)]
    together = contrast_transfer(q, azimuth, several)
    assert together.shape == (2, *q.shape)
    assert together.dtype == torch.float32
    for one, conditions in zip(together, several, strict=True):
        assert torch.equal(one, contrast_transfer(q, azimuth, conditions))
    assert torch.equal(q, before)
    assert contrast_transfer(q, azimuth, []).shape == (0, *q.shape)


def test_parity_parts_share_the_coefficients_by_radial_order() -> None:
    even, odd = parity_parts(LENS.nonzero())
    assert set(odd) == {"C21", "phi21", "C23", "phi23"}
    assert even | odd == LENS.nonzero()
    assert not set(even) & set(odd)

"""The probe: its size, its focus, its spread, and agreement with abTEM."""

from math import pi

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from passband.electron import wavelength
from passband.microscope.aberrations import Aberrations
from passband.microscope.scanning.probe import (
    Beams,
    Probe,
    beam_amplitudes,
    check_probe_fits,
    coherence,
    probe_intensity,
    probe_wave,
    source_transfer,
)
from passband.recipe import PassbandError

LENS = Aberrations(C10=-40.0, C12=15.0, phi12=0.4, C21=800.0, phi21=1.1, C23=300.0, phi23=0.2, C30=5e4)
SHAPE, SIDES = (96, 128), (15.0, 20.0)


def probe(**values):
    return Probe(**{"energy": 200e3, "semi_angle": 20e-3} | values)


@pytest.mark.parametrize("lens", [Aberrations(), LENS])
def test_intensity_adds_up_to_one(lens):
    density = probe_intensity(probe(aberrations=lens, focal_spread=40.0), SHAPE, SIDES)
    assert float(density.mean()) * SIDES[0] * SIDES[1] == pytest.approx(1.0, rel=1e-12)


def test_peak_and_first_zero_are_those_of_an_airy_disc():
    # |P(0)|² = πq_c², first zero at 0.61/q_c: rejects a wrong norm and a radius that is a diameter
    beam = probe()
    density = probe_intensity(beam, (800, 800), (80.0, 80.0))
    assert float(density[0, 0]) == pytest.approx(pi * beam.highest_frequency**2, rel=1e-2)  # pixels of a circle
    line = density[0, :40]
    first = int((line[1:] > line[:-1]).nonzero()[0])
    assert first * 0.1 == pytest.approx(0.61 / beam.highest_frequency, abs=0.06)


def test_probe_with_negative_c10_is_focused_below_the_entrance_face():
    focused = probe_intensity(probe(), SHAPE, SIDES)
    deep = probe_intensity(probe(aberrations=Aberrations(C10=-70.0)), SHAPE, SIDES, depth=70.0)
    torch.testing.assert_close(deep, focused)
    assert float(probe_intensity(probe(), SHAPE, SIDES, depth=70.0)[0, 0]) < 0.9 * float(focused[0, 0])


def test_focal_spread_is_a_standard_deviation():
    beam = probe(aberrations=LENS, focal_spread=30.0)
    offsets = np.linspace(-5.0, 5.0, 201) * 30.0
    weights = np.exp(-0.5 * (offsets / 30.0) ** 2)
    expected = sum(
        weight * probe_wave(beam, SHAPE, SIDES, defocus=offset).abs().square()
        for weight, offset in zip(weights / weights.sum(), offsets, strict=True)
    )
    torch.testing.assert_close(
        probe_intensity(beam, SHAPE, SIDES), expected, rtol=0.0, atol=2e-3 * float(expected.max())
    )
    one, other = torch.tensor(0.2, dtype=torch.float64), torch.tensor(0.5, dtype=torch.float64)
    phases = pi * wavelength(200e3) * offsets * float(one - other)
    assert float(coherence(beam, one, other)) == pytest.approx(np.average(np.cos(phases), weights=weights), rel=1e-4)


def test_beams_add_up_to_the_wave():
    beam = probe(aberrations=LENS)
    beams = Beams.of(beam, SIDES)
    spectrum = torch.zeros(SHAPE, dtype=torch.complex128)
    spectrum[beams.rows, beams.columns] = beam_amplitudes(beam, beams)
    wave = torch.fft.ifft2(spectrum, norm="forward") / (SIDES[0] * SIDES[1]) ** 0.5
    torch.testing.assert_close(wave, probe_wave(beam, SHAPE, SIDES))


def test_source_is_given_by_its_full_width_at_half_maximum():
    q = torch.linspace(0.0, 3.0, 400, dtype=torch.float64)
    transfer = source_transfer(probe(source_size=0.8), q.square())
    distance = torch.tensor([0.0, 0.4], dtype=torch.float64)  # half a width from the centre
    centre, half = (torch.trapezoid(transfer * torch.cos(2.0 * pi * q * d), q) for d in distance)
    assert float(half / centre) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(
    ("angle", "message"),
    [
        (20.0, r"semi_angle=20 rad is outside .* write 20 mrad as semi_angle=20e-3"),
        (0.0, r"semi_angle=0 rad is outside"),
        (20e-6, r"semi_angle=2e-05 rad is outside .* angles are in rad"),
    ],
)
def test_semi_angles_in_another_unit_are_refused(angle, message):
    with pytest.raises(ValidationError, match=message):
        probe(semi_angle=angle)


def test_probe_that_is_wider_than_the_cell_is_refused():
    check_probe_fits(probe(), SIDES)
    with pytest.raises(PassbandError, match=r"% of the probe lies beyond 7\.5 Å, half the cell of 20 × 15 Å"):
        check_probe_fits(probe(aberrations=Aberrations(C10=-800.0)), SIDES)
    with pytest.raises(PassbandError, match=r"beyond 0\.5 Å"):
        check_probe_fits(probe(), (1.0, 20.0))
    check_probe_fits(probe(aberrations=Aberrations(C10=-800.0)), (60.0, 60.0))


def test_pixels_that_do_not_hold_the_aperture_are_refused():
    with pytest.raises(PassbandError, match="do not hold a probe"):
        probe_wave(probe(), (20, 20), (20.0, 20.0))


@pytest.mark.parametrize("energy", [80e3, 300e3])
def test_wave_is_that_of_abtem(abtem, energy):
    beam = probe(energy=energy, aberrations=LENS)
    theirs = abtem.Probe(
        energy=energy, semiangle_cutoff=20.0, extent=SIDES[::-1], gpts=SHAPE[::-1], aberrations=LENS.nonzero()
    )
    wave = theirs.build(scan=abtem.CustomScan(np.zeros((1, 2)))).array[0].T.copy()
    expected = torch.from_numpy(wave / np.sqrt((np.abs(wave) ** 2).mean() * SIDES[0] * SIDES[1]))
    ours = probe_wave(beam, SHAPE, SIDES)
    assert float((ours - expected).abs().max() / expected.abs().max()) < 1e-5  # 4e-7 here: the constants' last digits

"""Projected potentials: the fast transform against the direct sum, positions, thermal smearing, bad input."""

from math import pi

import numpy as np
import pytest
import torch

from passband.microscope.form_factors import POTENTIAL_PER_SCATTERING, scattering_factor
from passband.microscope.frequencies import spatial_frequencies
from passband.microscope.potential import (
    antialias_aperture,
    displaced,
    even_slices,
    projected_potential,
)
from passband.recipe import PassbandError

SHAPE, PIXEL = (48, 64), 0.2
FIELD = np.array([SHAPE[1] * PIXEL, SHAPE[0] * PIXEL, 4.0])
EDGES = [0.0, 2.0, 4.0]


def some_atoms(count=40, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(0.0, 1.0, (count, 3)) * FIELD, rng.choice([6, 34, 48, 79], count)


def direct_sum(positions, numbers, low, high):
    """Each atom's phase factor at each spatial frequency: slow, and exact."""
    q, _ = spatial_frequencies(SHAPE, PIXEL, dtype=torch.float64)
    qy, qx = np.fft.fftfreq(SHAPE[0], PIXEL)[:, None], np.fft.fftfreq(SHAPE[1], PIXEL)[None]
    total = np.zeros(SHAPE, dtype=complex)
    for (x, y, z), number in zip(positions, numbers, strict=True):
        if low <= z < high:
            total += scattering_factor(int(number), q.numpy()) * np.exp(-2j * pi * (qy * y + qx * x))
    return in_band(torch.from_numpy(np.fft.ifft2(total).real * POTENTIAL_PER_SCATTERING / PIXEL**2))


def in_band(potential):
    """Frequencies up to 2/3 of Nyquist, for which the stated accuracy holds."""
    aperture = antialias_aperture(SHAPE, PIXEL, dtype=torch.float64)
    return torch.fft.ifft2(torch.fft.fft2(potential.double()) * aperture).real


# the tolerances are the kernel's: 6 and 12 pixels at an oversampling of 3/2 (stated in the module)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 4e-5), (torch.float64, 1e-9)])
def test_potential_is_the_direct_sum_over_atoms(dtype, tolerance):
    positions, numbers = some_atoms()
    potential = projected_potential(positions, numbers, shape=SHAPE, pixel_size=PIXEL, slice_edges=EDGES, dtype=dtype)
    assert potential.shape == (2, *SHAPE)
    assert potential.dtype == dtype
    for layer, (low, high) in enumerate([(0.0, 2.0), (2.0, 4.0)]):
        expected = direct_sum(positions, numbers, low, high)
        assert float((in_band(potential[layer]) - expected).abs().max()) <= tolerance * float(expected.max())


@pytest.mark.parametrize("shape", [(45, 64), (48, 63), (33, 41)])
def test_odd_grids_work_too(shape):
    positions = np.array([[2.03, 3.11, 1.0]])
    potential = projected_potential(
        positions, [79], shape=shape, pixel_size=PIXEL, slice_edges=[0, 2], dtype=torch.float64
    )
    row, column = divmod(int(potential[0].argmax()), shape[1])
    assert (row, column) == (16, 10)  # 3.11 Å and 2.03 Å in pixels of 0.2 Å, rounded
    assert float(potential.mean()) == pytest.approx(
        POTENTIAL_PER_SCATTERING * scattering_factor(79, np.zeros(1))[0] / (shape[0] * shape[1] * PIXEL**2), rel=1e-9
    )


def test_integral_is_the_form_factor_at_zero():
    # ∫V dx dy = (2πħ²/m₀e) f(0), with 47.878 V·Å² (Kirkland 2010, eq. 5.9: 2πe·a₀ = 47.878)
    assert pytest.approx(47.878, rel=1e-5) == POTENTIAL_PER_SCATTERING
    for dtype, tolerance in [(torch.float32, 4e-5), (torch.float64, 1e-9)]:
        potential = projected_potential(
            [[1.7, 2.9, 1.0]], [6], shape=SHAPE, pixel_size=PIXEL, slice_edges=[0, 2], dtype=dtype
        )
        expected = POTENTIAL_PER_SCATTERING * scattering_factor(6, np.zeros(1))[0]
        assert float(potential.double().sum()) * PIXEL**2 == pytest.approx(expected, rel=tolerance)


def test_one_pixel_is_a_roll():
    positions, numbers = some_atoms()
    arguments = {"shape": SHAPE, "pixel_size": PIXEL, "slice_edges": EDGES, "dtype": torch.float64}
    there = projected_potential(positions + np.array([PIXEL, -2 * PIXEL, 0.0]), numbers, **arguments)
    here = projected_potential(positions, numbers, **arguments)
    torch.testing.assert_close(there, here.roll((-2, 1), (-2, -1)), rtol=0.0, atol=1e-9 * float(here.max()))


def test_part_of_a_pixel_is_a_fourier_shift():
    arguments = {"shape": SHAPE, "pixel_size": PIXEL, "slice_edges": [0, 2], "dtype": torch.float64}
    shift = 0.37 * PIXEL
    here = in_band(projected_potential([[3.0, 5.0, 1.0]], [48], **arguments)[0])
    there = in_band(projected_potential([[3.0 + shift, 5.0, 1.0]], [48], **arguments)[0])
    phase = torch.exp(-2j * pi * shift * torch.fft.fftfreq(SHAPE[1], PIXEL, dtype=torch.float64))
    expected = torch.fft.ifft(torch.fft.fft(here, dim=-1) * phase, dim=-1).real
    torch.testing.assert_close(there, expected, rtol=0.0, atol=2e-9 * float(here.max()))


def test_an_atom_on_an_edge_belongs_to_the_next_slice_and_the_last_edge_to_the_last():
    potential = projected_potential(
        [[1.0, 1.0, 2.0], [5.0, 5.0, 4.0]], [6, 6], shape=SHAPE, pixel_size=PIXEL, slice_edges=EDGES
    )
    assert float(potential[0].abs().max()) == 0.0
    assert float(potential[1].sum()) * PIXEL**2 == pytest.approx(
        2.0 * POTENTIAL_PER_SCATTERING * scattering_factor(6, np.zeros(1))[0], rel=4e-5
    )


def test_atoms_across_the_border_come_back_on_the_other_side():
    arguments = {"shape": SHAPE, "pixel_size": PIXEL, "slice_edges": [0, 2]}
    inside = projected_potential([[0.05, 0.07, 1.0]], [79], **arguments)
    outside = projected_potential([[0.05 - FIELD[0], 0.07 + 2 * FIELD[1], 1.0]], [79], **arguments)
    torch.testing.assert_close(outside, inside, rtol=0.0, atol=1e-4 * float(inside.max()))


def test_mean_over_frozen_phonons_is_debye_waller():
    # the mean of n phonon configurations is off by std/√n; std ≤ peak, so 400 give at most 5 % of the peak
    spread, rng = 0.12, np.random.default_rng(1)
    position, number = np.array([[4.0, 4.0, 1.0]]), np.array([48])
    arguments = {"shape": SHAPE, "pixel_size": PIXEL, "slice_edges": [-10, 10]}
    mean = torch.zeros(SHAPE)
    for _ in range(400):
        moved = displaced(position, number, {"Cd": spread}, rng=rng)
        mean += projected_potential(moved, number, **arguments)[0] / 400
    smeared = projected_potential(position, number, debye_waller=spread, **arguments)[0]
    static = projected_potential(position, number, **arguments)[0]
    error = float((mean - smeared).abs().max() / smeared.max())
    assert error < 0.05
    assert float((static - smeared).abs().max() / smeared.max()) > 5.0 * error  # so that the test can fail


def test_displacements_have_the_stated_rms_along_each_axis():
    numbers = np.array([6, 79] * 20000)
    moved = displaced(np.zeros((40000, 3)), numbers, {"C": 0.1, "Au": 0.05}, rng=np.random.default_rng(0))
    # the relative error of a standard deviation of 20,000 samples is 0.5 %
    np.testing.assert_allclose(moved[::2].std(axis=0), 0.1, rtol=0.025)
    np.testing.assert_allclose(moved[1::2].std(axis=0), 0.05, rtol=0.025)


def test_inputs_are_untouched():
    positions, numbers = some_atoms()
    before = positions.copy(), numbers.copy()
    projected_potential(positions, numbers, shape=SHAPE, pixel_size=PIXEL, slice_edges=EDGES)
    displaced(positions, numbers, 0.1, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(positions, before[0])
    np.testing.assert_array_equal(numbers, before[1])


def test_no_atoms_is_no_potential():
    empty = projected_potential(np.zeros((0, 3)), [], shape=(8, 8), pixel_size=0.5, slice_edges=[0, 2])
    assert empty.shape == (1, 8, 8)
    assert not empty.any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"numbers": [6, 200]}, "atomic number 200 has no form factor"),
        ({"numbers": [6]}, "2 positions and 1 atomic numbers"),
        ({"positions": [[1, 1, 1], [1, 1, 9]]}, "1 atoms, one at z=9 Å, lie outside"),
        ({"positions": [[1, 1, 1], [1, np.nan, 1]]}, "NaN or Inf"),
        ({"slice_edges": [2.0, 0.0]}, "two increasing heights"),
        ({"debye_waller": -0.1}, "displacement=-0.1 Å is outside 0 to 2 Å"),
        ({"debye_waller": {"C": 0.1, "Xx": 0.1}}, "'Xx': no such element"),
        ({"debye_waller": {"C": 0.1}}, "no value for Au"),
    ],
)
def test_bad_input_is_one_clear_line(change, message):
    arguments = {"positions": [[1, 1, 1], [2, 2, 1]], "numbers": [6, 79], "slice_edges": [0.0, 2.0]} | change
    positions, numbers = arguments.pop("positions"), arguments.pop("numbers")
    with pytest.raises(PassbandError, match=message):
        projected_potential(positions, numbers, shape=(16, 16), pixel_size=0.5, **arguments)


def test_slices_need_a_height():
    with pytest.raises(PassbandError, match="must be positive; give the atoms a cell"):
        even_slices(0.0, 2.0)
    assert len(even_slices(90.0, 2.0)) == 46  # 90/2 is 45 slices, not 46 by rounding

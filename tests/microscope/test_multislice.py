"""Exit waves: conservation laws, batches, phonons and agreement with abTEM."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from passband.electron import interaction_constant
from passband.microscope.multislice import exit_waves, fresnel_propagator, multislice, propagate
from passband.microscope.potential import antialias_aperture, even_slices, projected_potential
from passband.recipe import PassbandError

ENERGY = 300e3


def particle_on_carbon(side=25.6, height=24.0, film=10.0):
    """A CdSe sphere 11 Å across above an amorphous film (random places suffice for a comparison of codes)."""
    rng = np.random.default_rng(3)
    carbon = rng.uniform(0.0, 1.0, (int(0.09 * side**2 * film), 3)) * [side, side, film]
    crystal = bulk("CdSe", "wurtzite", a=4.2985, c=7.0152).repeat((7, 7, 5))
    crystal.positions -= crystal.positions.mean(axis=0)
    crystal = crystal[(crystal.positions**2).sum(axis=1) < 5.5**2]
    crystal.rotate(17, "x")
    crystal.positions += [side / 2 + 1.0, side / 2, film + 6.5]
    numbers = np.concatenate((np.full(len(carbon), 6), crystal.numbers))
    return Atoms(numbers, np.concatenate((carbon, crystal.positions)), cell=[side, side, height], pbc=(1, 1, 0))


@pytest.fixture(scope="module")
def specimen():
    return particle_on_carbon()


def small_wave(shape=(40, 48), seed=0, dtype=torch.complex128):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=dtype)


def difference(one, other):
    return float(torch.linalg.vector_norm(one - other) / torch.linalg.vector_norm(other))


# --- laws


@pytest.mark.parametrize("distance", [-300.0, 0.7, 1e4])
def test_free_propagation_conserves_intensity_and_can_be_undone(distance):
    wave = small_wave()
    moved = propagate(wave, distance, energy=ENERGY, pixel_size=0.2)
    assert float(moved.abs().square().sum()) == pytest.approx(float(wave.abs().square().sum()), rel=1e-12)
    assert difference(propagate(moved, -distance, energy=ENERGY, pixel_size=0.2), wave) < 1e-12
    assert difference(moved, wave) > 1e-3


def test_propagator_has_the_sign_of_underfocus():
    # exp(−iπλΔz q²): going forward is C10 > 0 in exp(−iχ), χ = πλC10q²
    kernel = fresnel_propagator((8, 8), 0.5, 100.0, ENERGY, dtype=torch.complex128)
    assert float(kernel[0, 1].angle()) == pytest.approx(-np.pi * 0.019687489 * 100.0 * 0.25**2, rel=1e-6)


def test_vacuum_leaves_a_plane_wave():
    wave = exit_waves(
        Atoms(cell=[8.0, 6.0, 10.0]), energy=ENERGY, shape=(24, 32), pixel_size=0.25, dtype=torch.complex128
    )
    torch.testing.assert_close(wave, torch.ones((1, 24, 32), dtype=torch.complex128))


def test_thin_phase_object_is_transmission_times_aperture(specimen):
    # one slice without thickness to speak of: ψ = band-limited exp(iσV)
    shape, pixel_size = (64, 64), 0.4
    potential = projected_potential(
        specimen.positions,
        specimen.numbers,
        shape=shape,
        pixel_size=pixel_size,
        slice_edges=[0, 24],
        dtype=torch.float64,
    )
    plane = torch.ones(shape, dtype=torch.complex128)
    wave = multislice(plane, potential, slice_thickness=1e-9, energy=ENERGY, pixel_size=pixel_size)
    phase = potential[0] * interaction_constant(ENERGY)
    aperture = antialias_aperture(shape, pixel_size, dtype=torch.float64)
    expected = torch.fft.ifft2(torch.fft.fft2(torch.polar(torch.ones_like(phase), phase)) * aperture.square())
    assert difference(wave, expected) < 1e-8


def test_empty_slices_crossed_at_once_are_the_single_steps():
    atoms = Atoms("CAuC", [[2, 3, 0.5], [4, 3, 9.0], [5, 5, 10.5]], cell=[8.0, 8.0, 20.0])
    arguments = {"energy": ENERGY, "shape": (40, 40), "pixel_size": 0.2, "dtype": torch.complex128}
    skipped = exit_waves(atoms, slice_thickness=1.0, limit_transmission=True, **arguments)[0]
    potential = projected_potential(
        atoms.positions, atoms.numbers, shape=(40, 40), pixel_size=0.2,
        slice_edges=even_slices(20.0, 1.0), dtype=torch.float64,
    )  # fmt: skip
    plane = torch.ones((40, 40), dtype=torch.complex128)
    every = multislice(plane, potential, slice_thickness=1.0, energy=ENERGY, pixel_size=0.2)
    assert difference(skipped, every) < 1e-12


def test_shift_by_one_pixel_is_a_roll(specimen):
    arguments = {"energy": ENERGY, "shape": (128, 128), "pixel_size": 0.2, "dtype": torch.complex128, "phonons": 0}
    moved = specimen.copy()
    moved.positions += [0.2, -0.4, 0.0]
    here, there = exit_waves(specimen, **arguments), exit_waves(moved, **arguments)
    assert difference(there, here.roll((-2, 1), (-2, -1))) < 1e-8


def test_unlimited_transmission_stays_within_its_stated_error(specimen):
    arguments = {"energy": ENERGY, "shape": (128, 128), "pixel_size": 0.2, "phonons": 0}
    limited = exit_waves(specimen, limit_transmission=True, **arguments)
    free = exit_waves(specimen, **arguments)
    assert 1e-6 < difference(free, limited) < 1e-3


# --- contracts


def test_batch_equals_loop():
    potential = torch.rand((2, 3, 20, 24), dtype=torch.float64) * 200.0
    waves = small_wave((2, 20, 24))
    arguments = {"slice_thickness": 1.5, "energy": ENERGY, "pixel_size": 0.3}
    batch = multislice(waves, potential, **arguments)
    for index in range(2):
        torch.testing.assert_close(batch[index], multislice(waves[index], potential[index], **arguments))
    shared = multislice(waves, potential[0], **arguments)
    torch.testing.assert_close(shared[1], multislice(waves[1], potential[0], **arguments))


def test_multislice_leaves_its_inputs():
    waves, potential = small_wave((20, 24)), torch.rand((3, 20, 24), dtype=torch.float64)
    kept = waves.clone(), potential.clone()
    multislice(waves, potential, slice_thickness=1.5, energy=ENERGY, pixel_size=0.3)
    assert torch.equal(waves, kept[0])
    assert torch.equal(potential, kept[1])


def test_phonons_come_from_the_generator_alone(specimen):
    arguments = {"energy": ENERGY, "shape": (64, 64), "pixel_size": 0.4, "phonons": 2, "displacement": 0.1}
    before = specimen.positions.copy()
    first = exit_waves(specimen, rng=np.random.default_rng(5), **arguments)
    again = exit_waves(specimen, rng=np.random.default_rng(5), **arguments)
    assert first.shape == (2, 64, 64)
    assert first.dtype == torch.complex64
    assert torch.equal(first, again)
    assert difference(first[0], first[1]) > 1e-3
    np.testing.assert_array_equal(specimen.positions, before)


def test_no_phonons_is_the_static_lattice(specimen):
    arguments = {"energy": ENERGY, "shape": (64, 64), "pixel_size": 0.4}
    static = exit_waves(specimen, phonons=0, displacement=0.1, **arguments)
    assert torch.equal(static, exit_waves(specimen, phonons=1, displacement=0.0, **arguments))


def test_single_precision_agrees_with_double(specimen):
    arguments = {"energy": ENERGY, "shape": (128, 128), "pixel_size": 0.2, "phonons": 0}
    single, double = (exit_waves(specimen, dtype=dtype, **arguments) for dtype in (torch.complex64, torch.complex128))
    assert double.dtype == torch.complex128
    assert difference(single.to(torch.complex128), double) < 2e-4  # the 6-pixel kernel of single precision


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": (64, 32)}, "the grid covers 12.8 × 25.6 Å but the cell is"),
        ({"displacement": 0.1}, "displacement needs rng"),
        ({"dtype": torch.float32}, "is not complex"),
        ({"energy": 300.0}, "energies are in eV"),
        ({"slice_thickness": 0.0}, "must be positive"),
    ],
)
def test_bad_input_is_one_clear_line(specimen, change, message):
    arguments = {"energy": ENERGY, "shape": (64, 64), "pixel_size": 0.4} | change
    with pytest.raises(PassbandError, match=message):
        exit_waves(specimen, **arguments)


def test_grids_and_cells_that_do_not_fit_are_refused():
    skew = Atoms("C", cell=[[5, 0, 0], [1, 5, 0], [0, 0, 5]])
    with pytest.raises(PassbandError, match="is not a box"):
        exit_waves(skew, energy=ENERGY, shape=(10, 10), pixel_size=0.5)
    with pytest.raises(PassbandError, match="do not fit"):
        multislice(small_wave((4, 4)), torch.zeros(1, 4, 5), slice_thickness=1.0, energy=ENERGY, pixel_size=1.0)


# --- oracle


def test_identical_potentials_give_the_wave_of_abtem(abtem, specimen):
    shape, pixel_size = (128, 128), 0.2
    edges = even_slices(24.0, 2.0)
    potential = projected_potential(
        specimen.positions, specimen.numbers, shape=shape, pixel_size=pixel_size, slice_edges=edges, dtype=torch.float64
    )
    theirs = abtem.PotentialArray(potential.numpy().transpose(0, 2, 1).copy(), slice_thickness=2.0, sampling=pixel_size)
    expected = torch.from_numpy(abtem.PlaneWave(energy=ENERGY).multislice(theirs).array.T.copy())
    plane = torch.ones(shape, dtype=torch.complex128)
    ours = multislice(plane, potential, slice_thickness=2.0, energy=ENERGY, pixel_size=pixel_size)
    assert difference(ours, expected) < 1e-6  # 1e-4 asked for; what is left is the constants' last digits
    assert difference(ours, plane) > 0.1
    single = multislice(
        plane.to(torch.complex64), potential.float(), slice_thickness=2.0, energy=ENERGY, pixel_size=pixel_size
    )
    assert difference(single.to(torch.complex128), expected) < 1e-5


def test_particle_on_carbon_gives_the_wave_of_abtem(abtem):
    # Atoms stand on pixels: between them abTEM interpolates linearly, a blur that it does not undo and that alone is
    # 3 % of the phase on this grid; ours is the direct sum there too (test_potential).
    shape, pixel_size = (128, 128), 0.1
    atoms = particle_on_carbon(side=12.8)
    atoms.positions[:, :2] = (atoms.positions[:, :2] / pixel_size).round() * pixel_size
    theirs = abtem.Potential(atoms, gpts=shape, slice_thickness=2.0, projection="infinite", parametrization="lobato")
    expected = torch.from_numpy(abtem.PlaneWave(energy=ENERGY).multislice(theirs).array.T.copy())
    ours = exit_waves(atoms, energy=ENERGY, shape=shape, pixel_size=pixel_size, phonons=0)[0].to(torch.complex128)
    assert difference(ours.abs(), expected.abs()) < 0.02
    assert difference(ours.angle(), expected.angle()) < 0.02

"""Masks are tight and whole for every element and thickness; labels, points and focus mean what they say."""

from math import pi

import ase
import numpy as np
import pytest
import torch
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import label
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from passband.dataset.truth import (
    atom_columns,
    minimum_contrast_defocus,
    particle_labels,
    particle_mask,
    resample_mask,
)
from passband.electron import interaction_constant, wavelength
from passband.microscope.potential import projected_potential
from passband.recipe import PassbandError
from passband.specimen.crystal import unit_cell
from passband.specimen.materials import crystal

FIELD, PIXELS = 100.0, 400
PIXEL = FIELD / PIXELS
CENTRE = np.array([FIELD / 2, FIELD / 2, 45.0])


def sphere(material: str, diameter: float, turn: int | None) -> ase.Atoms:
    cell = unit_cell(crystal(material))
    copies = int(np.ceil(1.4 * diameter / min(cell.cell.lengths()))) + 2
    atoms = cell.repeat((copies, copies, copies))
    atoms.positions -= atoms.positions.mean(axis=0)
    atoms = atoms[np.linalg.norm(atoms.positions, axis=1) < diameter / 2]
    if turn is not None:
        atoms.positions = atoms.positions @ Rotation.random(random_state=turn).as_matrix().T
    atoms.positions += CENTRE
    return atoms


def phase_of(atoms: ase.Atoms) -> np.ndarray:
    potential = projected_potential(
        atoms.positions, atoms.numbers, shape=(PIXELS, PIXELS), pixel_size=PIXEL, slice_edges=np.array([0.0, 90.0])
    )
    return interaction_constant(300e3) * potential[0].double().numpy()


# Distance in Å of the mask's equivalent radius from the outermost atom's. A blur before the threshold leaves 3.4 Å of
# the CdSe sphere off; a mask of the exit wave's wrapped phase has holes in the 80 Å of gold.
@pytest.mark.parametrize(
    ("material", "diameter", "turn", "slack"),
    [
        ("Au", 30.0, 1, 1.0),
        ("Au", 80.0, 1, 0.6),
        ("Au", 80.0, None, 0.6),
        ("CdSe", 40.0, 3, 1.6),
        ("CdSe", 40.0, None, 1.6),
    ],
)
def test_a_mask_is_one_region_without_holes_that_ends_at_the_outermost_atoms(
    material: str, diameter: float, turn: int | None, slack: float
) -> None:
    atoms = sphere(material, diameter, turn)
    mask = particle_mask(phase_of(atoms), pixel_size=PIXEL)
    assert label(mask)[1] == 1
    assert label(~mask)[1] == 1
    outermost = np.linalg.norm((atoms.positions - CENTRE)[:, :2], axis=1).max()
    radius = np.sqrt(mask.sum() * PIXEL**2 / pi)
    assert outermost - slack < radius < outermost + 0.5
    boundary = mask & ~np.all([np.roll(mask, step, axis) for step in (-1, 1) for axis in (0, 1)], axis=0)
    rim = np.argwhere(boundary)[:, ::-1] * PIXEL
    beyond = cKDTree(atoms.positions[:, :2]).query(rim)[0]
    assert beyond.max() < 1.8
    assert beyond.mean() < 1.0


def test_the_threshold_is_on_the_phase_and_the_blur_smooths_after_it() -> None:
    y, x = np.mgrid[:64, :64] * 0.25
    thick = np.where(np.hypot(y - 8, x - 8) < 5.0, 1.0, 0.0)
    for height, expected in ((1.02 * pi / 16, True), (0.98 * pi / 16, False)):
        assert particle_mask(height * thick, pixel_size=0.25).any() == expected
    thin, heavy = (particle_mask(height * thick, pixel_size=0.25).sum() for height in (0.4, 40.0))
    assert heavy * 0.25**2 < pi * 6.2**2  # the blur does not carry a heavy particle 2 Å outwards
    assert thin > 0.85 * pi * (5.0 / 0.25) ** 2


def test_a_mask_does_not_care_where_the_periodic_field_starts() -> None:
    phase = phase_of(sphere("Au", 30.0, 1))
    shift = (-PIXELS // 2 + 7, PIXELS // 2)
    moved = particle_mask(np.roll(phase, shift, (0, 1)), pixel_size=PIXEL)
    np.testing.assert_array_equal(moved, np.roll(particle_mask(phase, pixel_size=PIXEL), shift, (0, 1)))


def test_a_phase_that_is_not_finite_or_too_coarse_is_refused() -> None:
    phase = np.zeros((8, 8))
    assert not particle_mask(phase, pixel_size=0.2).any()
    with pytest.raises(PassbandError, match=r"pixel_size=0\.8 Å is outside"):
        particle_mask(phase, pixel_size=0.8)
    phase[2, 2] = np.nan
    with pytest.raises(PassbandError, match="NaN"):
        particle_mask(phase, pixel_size=0.2)


def test_labels_cover_the_mask_and_name_the_particle_of_the_nearest_atom() -> None:
    positions = np.array([[10.0, 10.0, 0.0], [20.0, 10.0, 0.0], [39.9, 30.0, 0.0]])
    y, x = np.mgrid[:80, :80] * 0.5
    centres = [(10, 10), (20, 10), (39.9, 30), (-0.1, 30)]
    mask = np.any([np.hypot(x - a, y - b) < 6 for a, b in centres], axis=0)
    labels = particle_labels(mask, positions, np.array([0, 1, 2]), pixel_size=0.5)
    np.testing.assert_array_equal(labels > 0, mask)
    assert labels[20, 20] == labels[20, 29] == 1
    assert labels[20, 31] == 2
    assert labels[60, 2] == labels[60, 78] == 3  # across the border
    assert labels.dtype == np.uint16
    assert not particle_labels(mask & False, positions, np.array([0, 1, 2]), pixel_size=0.5).any()


def test_where_particles_overlap_the_one_nearest_the_exit_plane_counts() -> None:
    positions = np.array([[5.0, 5.0, 9.0], [5.0, 5.0, 1.0]])
    labels = particle_labels(np.ones((20, 20), dtype=bool), positions, np.array([0, 1]), pixel_size=0.5)
    assert (labels == 1).all()


def test_atoms_above_each_other_are_one_column() -> None:
    gold = bulk("Au", cubic=True).repeat((3, 3, 4))
    columns = atom_columns(gold.positions)
    assert len(columns) == 9 * 4  # [001] of fcc: four columns per cell, each of one atom per cell of height
    assert set(columns[:, 2]) == {4.0}
    assert len(atom_columns(np.zeros((0, 3)))) == 0


@settings(max_examples=25, deadline=None)
@given(old=st.integers(8, 60), new=st.integers(8, 60))
def test_resampling_a_mask_keeps_full_and_empty_ones_and_their_complement(old: int, new: int) -> None:
    assert resample_mask(np.ones((old, old)), (new, new)).all()
    assert not resample_mask(np.zeros((old, old)), (new, new)).any()


@pytest.mark.parametrize(("rows", "found"), [(4, False), (5, False), (6, True), (9, True)])
def test_a_coarse_pixel_is_set_if_more_than_half_of_it_was(rows: int, found: bool) -> None:
    # pixel 2 of 5 covers 15/50 … 25/50 of the field, and pixel i of 50 is centred on i/50
    mask = np.zeros((50, 50), dtype=bool)
    mask[15 : 15 + rows] = True
    half = np.zeros(5)
    half[2] = (rows - 0.5) / 10  # the first of the rows has one half in pixel 1
    expected = half[2] > 0.5
    assert expected == found
    assert resample_mask(mask, (5, 5))[2].tolist() == [found] * 5
    assert resample_mask(mask.T, (5, 5))[:, 2].tolist() == [found] * 5


def test_resampled_masks_stay_where_the_images_are() -> None:
    y, x = np.mgrid[:120, :120]
    disc = np.hypot(y - 60, x - 48) < 30
    coarse = resample_mask(disc, (40, 40))
    assert abs(coarse.sum() * 9 / disc.sum() - 1) < 0.03
    np.testing.assert_allclose(np.argwhere(coarse).mean(axis=0), [20, 16], atol=0.1)  # pixel 0 stays at coordinate 0
    np.testing.assert_array_equal(resample_mask(disc, (120, 120)), disc)


@pytest.mark.parametrize("distance", [0.0, 37.4])
def test_minimum_contrast_is_in_the_plane_of_a_weak_object(distance: float) -> None:
    rng = np.random.default_rng(0)
    n, pixel = 96, 0.4
    q = np.fft.fftfreq(n, pixel)
    squared = q[:, None] ** 2 + q[None, :] ** 2
    phase = np.fft.ifft2(np.fft.fft2(rng.normal(size=(n, n))) * (squared < 0.7)).real
    wave = np.exp(0.05j * phase / phase.std())
    wave = np.fft.ifft2(np.fft.fft2(wave) * np.exp(-1j * pi * wavelength(300e3) * distance * squared))
    found = minimum_contrast_defocus(
        torch.from_numpy(wave), pixel_size=pixel, energy=300e3, search=(-distance - 30, -distance + 41)
    )
    assert found == pytest.approx(-distance, abs=0.11)  # C10 = −distance undoes free propagation by it


@pytest.mark.parametrize(("shape", "seed"), [((40, 30), 6), ((31, 48), 5)])
def test_contrast_is_that_of_the_intensity_and_not_of_its_aliases(shape: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    pixel, defoci = 0.2, np.linspace(-20.0, 20.0, 401)
    places = [np.fft.fftfreq(n, 1 / n).round().astype(int) for n in shape]
    q = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n, pixel) for n in shape), indexing="ij"))
    spectrum = 0.05 * (rng.normal(size=shape) + 1j * rng.normal(size=shape)) * (q < 1.0 / (3.0 * pixel))
    spectrum[0, 0] = 1.0

    def best(factor: int) -> float:
        contrasts = []
        for c10 in defoci:
            wide = np.zeros([factor * n for n in shape], dtype=complex)
            wide[np.ix_(*places)] = spectrum * np.exp(-1j * pi * wavelength(300e3) * c10 * q**2)
            contrasts.append((np.abs(np.fft.ifft2(wide, norm="forward")) ** 2).var())
        return float(defoci[np.argmin(contrasts)])

    wave = torch.from_numpy(np.fft.ifft2(spectrum, norm="forward"))
    found = minimum_contrast_defocus(wave, pixel_size=pixel, energy=300e3, search=(-20, 20), coarse=0.5)
    assert found == pytest.approx(best(4), abs=0.051)
    assert abs(best(1) - best(4)) > 0.2


def test_a_search_range_that_runs_backwards_is_refused() -> None:
    with pytest.raises(PassbandError, match="backwards"):
        minimum_contrast_defocus(torch.ones(8, 8, dtype=torch.complex64), pixel_size=1.0, energy=3e5, search=(1, 0))

"""Lattices, sites and strain of positions with known vectors."""

import numpy as np
import pytest
from tests.description.sheets import flake, lattice_points

from passband.description.lattice import fit_lattice, nearest_distances, reduced
from passband.description.sites import find_sites, height_groups
from passband.description.strain import displacements, strain
from passband.recipe import PassbandError

A = 3.905
SEED = np.random.default_rng


def rotated(places, degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return places @ np.array([[c, s], [-s, c]])


def test_an_oblique_lattice_comes_out_exactly():
    lattice = fit_lattice(lattice_points((3.1, 0.4), (-1.2, 4.0), 9))
    assert lattice is not None
    assert lattice.vectors == pytest.approx(np.array([(3.1, 0.4), (-1.2, 4.0)]), abs=1e-9)
    assert lattice.angle == pytest.approx(99.35, abs=0.01)  # atan2(4, −1.2) − atan2(0.4, 3.1)
    assert lattice.share == 1.0
    assert lattice.rms < 1e-9


def test_honeycombs_have_the_lattice_of_one_sub_lattice():
    """Rejects bonds as vectors: they lead from A to B and from B to nowhere."""
    places = rotated(flake(14, 14), 17.0) + SEED(0).normal(0.0, 0.08, (392, 2))
    lattice = fit_lattice(places)
    assert lattice is not None
    assert lattice.lengths == pytest.approx((2.4595, 2.4595), abs=0.01)
    assert lattice.angle == pytest.approx(120.0, abs=0.3)
    sites = find_sites(places, lattice)
    step = sites.fractions[1] @ lattice.vectors
    assert min(
        np.hypot(*(step + i * lattice.vectors[0] + j * lattice.vectors[1])) for i in (-1, 0) for j in (-1, 0)
    ) == (pytest.approx(1.42, abs=0.02))
    assert np.bincount(sites.index[sites.index >= 0]).min() > 180


def test_errors_of_vectors_are_those_of_repeated_lattices():
    ideal = lattice_points((A, 0.0), (0.0, A), 12)
    fits = [fit_lattice(ideal + SEED(k).normal(0.0, 0.1, ideal.shape)) for k in range(40)]
    lengths = np.abs([fit.vectors[:, 0] for fit in fits]).max(axis=1)  # of the one along x, a or b
    assert lengths.std() == pytest.approx(np.mean([fit.error[0, 0] for fit in fits]), rel=0.35)  # 40 give 11 % at 1σ
    assert lengths.mean() == pytest.approx(A, abs=5e-4)


def test_kinds_tell_a_perovskite_from_its_half():
    places = lattice_points((A, 0.0), (0.0, A), 10, basis=((0.0, 0.0), (A / 2, A / 2)))
    places += SEED(1).normal(0.0, 0.05, places.shape)
    blind, seeing = fit_lattice(places), fit_lattice(places, np.repeat([0, 1], 100))
    assert blind.lengths == pytest.approx((A / np.sqrt(2), A / np.sqrt(2)), rel=0.003)
    assert seeing.lengths == pytest.approx((A, A), rel=0.003)
    sites = find_sites(places, seeing)
    assert np.mod(sites.fractions[1], 1.0) == pytest.approx([0.5, 0.5], abs=0.01)
    assert (sites.index[:100] != sites.index[100:]).all()
    assert np.unique(np.column_stack([sites.cells, sites.index]), axis=0).shape[0] == 200  # each in a place of its own


def test_substitutes_stay_on_the_lattice():
    """A fifth of the columns of one site are of another kind, as dopants are."""
    places = lattice_points((A, 0.0), (0.0, A), 10, basis=((0.0, 0.0), (A / 2, A / 2)))
    kinds = np.repeat([0, 1], 100)
    kinds[:100:5] = 2
    lattice = fit_lattice(places, kinds)
    assert lattice is not None
    assert lattice.lengths == pytest.approx((A, A))
    assert len(lattice.members) == 100
    assert lattice.share == 1.0


def test_vacancies_and_strangers_do_no_harm():
    rng = SEED(2)
    places = lattice_points((2.5, 0.0), (-1.25, 2.165), 20)[rng.random(400) > 0.2]
    strangers = rng.uniform(0.0, 45.0, (40, 2))
    lattice = fit_lattice(np.concatenate([places + rng.normal(0.0, 0.05, places.shape), strangers]))
    assert lattice.lengths == pytest.approx((2.5, 2.5), abs=0.01)
    assert lattice.angle == pytest.approx(120.0, abs=0.3)
    whole = lattice.vectors @ np.linalg.inv([(2.5, 0.0), (-1.25, 2.165)])
    assert whole == pytest.approx(np.rint(whole), abs=0.01)


def test_of_two_grains_the_larger_has_the_lattice():
    """Rejects means of both, vectors of one from each, and their coincidence lattice."""
    grain = lattice_points((2.5, 0.0), (-1.25, 2.165), 80) - (60.0, 40.0)
    other = rotated(grain, 23.0)
    left = grain[(grain[:, 0] < 4.0) & (grain[:, 0] > -30.0) & (np.abs(grain[:, 1] - 20.0) < 20.0)]
    right = other[(other[:, 0] > 5.0) & (other[:, 0] < 27.0) & (np.abs(other[:, 1] - 20.0) < 20.0)]
    lattice = fit_lattice(np.concatenate([left, right]) + SEED(3).normal(0.0, 0.05, (len(left) + len(right), 2)))
    assert lattice.lengths == pytest.approx((2.5, 2.5), rel=0.005)
    assert np.mean(lattice.members < len(left)) > 0.99
    assert len(lattice.members) > 0.95 * len(left)


def test_a_grain_of_a_tenth_of_the_columns_is_found_among_disorder():
    """Rejects a least share of all columns: a small particle in an image full of others that are not resolved."""
    for seed in range(3):
        rng = SEED(20 + seed)
        field = lattice_points((3.1, 0.0), (-1.5, 2.7), 90) - (60.0, 120.0)
        field = field[(np.abs(field) < 60.0).all(axis=1)]
        disorder = field[np.hypot(*field.T) > 20.0]
        disorder = disorder + rng.normal(0.0, 0.9, disorder.shape)
        grain = rotated(lattice_points((2.9, 0.0), (-0.9, 2.8), 40) - (40.0, 55.0), 11.0)
        grain = grain[np.hypot(*grain.T) < 19.0]
        lattice = fit_lattice(np.concatenate([disorder, grain + rng.normal(0.0, 0.1, grain.shape)]))
        assert lattice.lengths == pytest.approx((2.9, 2.941), rel=0.01)
        assert np.mean(lattice.members >= len(disorder)) > 0.95


def test_false_columns_between_noisy_ones_do_not_double_the_cell():
    """Columns off their places by a tenth of the cell, and one false one for every two between them.

    Rejects a tolerance by the nearest distance alone, which the false ones make too small.
    """
    for seed in range(3):
        rng = SEED(30 + seed)
        places = lattice_points((6.3, 0.0), (0.0, 6.3), 30)
        false = rng.uniform(0.0, 190.0, (2000, 2))
        apart = np.hypot(*(false[:, None] - places).transpose(2, 0, 1)).min(axis=1) > 3.6
        places = places + rng.normal(0.0, 0.55, places.shape)
        lattice = fit_lattice(np.concatenate([places, false[apart][:450]]))
        assert lattice.lengths == pytest.approx((6.3, 6.3), rel=0.01)
        assert lattice.share > 0.3


def test_a_slow_distortion_is_followed_over_the_whole_image():
    """The far corner is 3 Å off the lattice of the near one, more than half a cell: numbers must come step by step."""
    ideal = lattice_points((A, 0.0), (0.0, A), 20)
    bent = ideal + np.stack([5e-4 * ideal[:, 1] ** 2, np.zeros(400)], axis=1)
    lattice = fit_lattice(bent)
    assert len(lattice.members) == 400
    assert np.ptp(lattice.cells, axis=0).tolist() == [19, 19]


@pytest.mark.parametrize("hard_core", [False, True])
def test_places_at_random_have_no_lattice(hard_core):
    for seed in range(4):
        rng = SEED(10 + seed)
        places = rng.uniform(0.0, 60.0, (400, 2))
        if hard_core:
            kept = [0]
            for number in range(1, 400):
                if np.hypot(*(places[kept] - places[number]).T).min() > 1.8:
                    kept.append(number)
            places = places[kept]
        assert fit_lattice(places) is None


@pytest.mark.parametrize(
    "places", [np.empty((0, 2)), np.zeros((1, 2)), np.zeros((30, 2)), np.arange(60.0).reshape(30, 2)]
)
def test_few_equal_or_aligned_places_have_none(places):
    assert fit_lattice(places) is None


def test_wrong_positions_are_refused():
    with pytest.raises(PassbandError, match=r"must be \(n, 2\), finite"):
        fit_lattice(np.zeros((5, 3)))
    with pytest.raises(PassbandError, match=r"must be \(n, 2\), finite"):
        nearest_distances([[0.0, np.nan]])
    with pytest.raises(PassbandError, match="one for each of 10 positions"):
        fit_lattice(np.zeros((10, 2)), np.zeros(9))


@pytest.mark.parametrize("turn", range(0, 360, 35))
def test_reduced_vectors_are_the_same_whatever_cell_they_are_given_as(turn):
    vectors = rotated(np.array([(3.0, 0.0), (-1.0, 3.5)]), turn)
    given = np.array([(2, 1), (5, 3)]) @ vectors
    assert reduced(given) == pytest.approx(reduced(vectors))
    a, b = reduced(vectors)
    assert np.hypot(*a) == pytest.approx(3.0)
    assert a @ b == pytest.approx(-3.0)


def test_heights_are_grouped_where_there_is_a_gap_only():
    rng = SEED(5)
    two = np.concatenate([rng.normal(10.0, 0.5, 60), rng.normal(5.0, 0.5, 40)])
    assert height_groups(two).tolist() == [0] * 60 + [1] * 40
    assert not height_groups(rng.normal(10.0, 1.0, 200)).any()
    assert not height_groups(rng.exponential(1.0, 200)).any()  # skew, and one
    assert height_groups(np.ones(30)).tolist() == [0] * 30
    assert height_groups([]).tolist() == []


def test_strain_is_that_which_was_put_in():
    ideal = lattice_points((A, 0.0), (0.0, A), 12)
    F = np.array([(1.02, 0.004), (0.010, 0.99)])
    lattice = fit_lattice(ideal @ F.T)
    sites = find_sites(ideal @ F.T, lattice)
    found = strain(ideal @ F.T, lattice, sites, reference=[(A, 0.0), (0.0, A)])
    assert found == pytest.approx(np.tile([0.02, -0.01, 0.007, 0.003], (144, 1)), abs=1e-6)
    assert strain(ideal @ F.T, lattice, sites) == pytest.approx(np.zeros((144, 4)), abs=1e-6)  # the mean of the grain


def test_displacements_show_one_atom_that_is_off_and_a_shifted_sub_lattice_does_not():
    places = lattice_points((A, 0.0), (0.0, A), 10, basis=((0.0, 0.0), (A / 2, A / 2 + 0.2)))
    places[44] += (0.3, -0.1)
    lattice = fit_lattice(places, np.repeat([0, 1], 100))
    moved = displacements(places, lattice, find_sites(places, lattice))
    assert moved[44] == pytest.approx([0.3, -0.1], abs=0.01)
    assert np.abs(lattice.vectors).max(axis=1) == pytest.approx([A, A], abs=1e-6)  # rejects a fit that it moves
    assert np.abs(np.delete(moved, 44, axis=0)).max() < 0.02

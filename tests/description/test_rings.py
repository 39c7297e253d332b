"""Rings of flakes: perfect, with holes, with turned bonds."""

import numpy as np
import pytest
from tests.description.sheets import BOND, flake, stone_wales

from passband.description.bonds import find_bonds
from passband.description.rings import find_rings
from passband.recipe import PassbandError

SEED = np.random.default_rng


def inner_atom(places):
    return int(np.argmin(np.hypot(*(places - places.mean(axis=0)).T)))


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_a_perfect_flake_has_sixfold_rings_alone(noise):
    """8 × 8 of each sub-lattice: 128 atoms; by Euler's relation bonds − atoms + 1 rings."""
    places = flake(8, 8) + SEED(0).normal(0.0, noise, (128, 2))
    bonds = find_bonds(places)
    rings = find_rings(places, bonds)
    assert rings.counts() == {6: len(bonds) - 128 + 1}
    assert len(rings.holes) == 0
    assert np.hypot(*(rings.centres[:, None] - places[None]).transpose(2, 0, 1)).min() > 0.6 * BOND


def test_a_turned_bond_makes_two_fives_and_two_sevens():
    places, bonds = stone_wales(10, 10)
    found = find_bonds(places)
    assert found.tolist() == sorted(bonds.tolist())
    rings = find_rings(places, found)
    counts = rings.counts()
    assert (counts[5], counts[7]) == (2, 2)
    assert set(counts) == {5, 6, 7}
    assert sum((6 - size) * number for size, number in counts.items()) == 0  # Euler's relation in a sheet


def test_holes_are_told_from_rings():
    """One atom less: a face of 12, which is a hole; two neighbours less: one of 14."""
    places = flake(9, 9)
    middle = inner_atom(places)
    one = np.delete(places, middle, axis=0)
    rings = find_rings(one, find_bonds(one))
    assert [len(hole) for hole in rings.holes] == [12]
    assert set(rings.counts()) == {6}
    beside = int(np.argsort(np.hypot(*(places - places[middle]).T))[1])
    two = np.delete(places, [middle, beside], axis=0)
    assert [len(hole) for hole in find_rings(two, find_bonds(two)).holes] == [14]
    assert find_rings(one, find_bonds(one), largest=12).counts()[12] == 1


def test_an_island_in_a_hole_makes_no_ring_of_it():
    """A ring of eight with a triangle in it: by its size it would be one."""
    angle = np.arange(8) * np.pi / 4
    outside = 4.0 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    inside = 0.8 * np.stack([np.cos(angle[:3] * 8 / 3), np.sin(angle[:3] * 8 / 3)], axis=1)
    places = np.concatenate([outside, inside])
    bonds = np.array([*[(k, (k + 1) % 8) for k in range(8)], (8, 9), (9, 10), (8, 10)])
    rings = find_rings(places, bonds)
    assert rings.counts() == {3: 1}
    assert [sorted(hole) for hole in rings.holes] == [list(range(8))]
    assert find_rings(outside, bonds[:8]).counts() == {8: 1}


def test_chains_that_end_and_bridges_are_in_no_ring():
    places = np.concatenate([flake(1, 1), [[0.0, 3.0]]])
    assert find_rings(places, np.array([(0, 1), (1, 2)])).counts() == {}
    hexagon = [(np.cos(a), np.sin(a)) for a in np.arange(6) * np.pi / 3]
    tail = np.array([*hexagon, (2.0, 0.0), (3.0, 0.0)])
    bonds = np.array([*[(k, (k + 1) % 6) for k in range(6)], (0, 6), (6, 7)])
    assert find_rings(tail, bonds).counts() == {6: 1}
    inward = np.array([*[(3 * x, 3 * y) for x, y in hexagon], (1.0, 0.0)])
    assert find_rings(inward, bonds[:7]).counts() == {6: 1}


def test_atoms_go_round_their_ring_in_order():
    places = flake(4, 4)
    for ring in find_rings(places, find_bonds(places)).atoms:
        step = np.hypot(*(places[list(ring)] - places[np.roll(ring, 1)]).T)
        assert step == pytest.approx(np.full(6, BOND))


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_atoms_and_atoms_on_a_line(count):
    places = np.stack([1.42 * np.arange(count), np.zeros(count)], axis=1)
    bonds = find_bonds(places)
    assert bonds.tolist() == [[k, k + 1] for k in range(count - 1)]
    assert find_rings(places, bonds).counts() == {}


def test_bonds_end_at_the_limit():
    places = np.array([[0.0, 0.0], [1.4, 0.0], [3.2, 0.0], [0.0, 5.0]])
    assert find_bonds(places, longest=1.5).tolist() == [[0, 1]]
    assert find_bonds(places, longest=1.9).tolist() == [[0, 1], [1, 2]]
    with pytest.raises(PassbandError, match=r"longest=0.0 Å must be above 0; a bond of graphene is 1\.42 Å"):
        find_bonds(places, longest=0.0)

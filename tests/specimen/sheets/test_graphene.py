"""Sheets of graphene: rings, defects, grains, holes and labels are those that were asked for."""

import json

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.spatial import cKDTree

from passband.distribution import Uniform
from passband.specimen.sheets.defects import PointDefects
from passband.specimen.sheets.graphene import Graphene, graphene
from passband.specimen.sheets.sheet import GRAPHENE_LABELS, BondedAtoms

DENSITY = 4.0 / (3.0 * np.sqrt(3.0) * 1.42**2)  # atoms per Å²


def sheet(seed=0, **recipe):
    return graphene(Graphene(**{"field": 50.0} | recipe), rng=np.random.default_rng(seed))


def one(kind, count=1, **recipe):
    return sheet(defects=PointDefects(**{kind: count}), **recipe)


def odd_rings(found):
    return sorted(n for n in found.ring_sizes.tolist() if n != 6)


def labels(found):
    return {GRAPHENE_LABELS[k]: int(n) for k, n in enumerate(np.bincount(found.label)) if n}


def euler(found: BondedAtoms) -> int:
    degree = np.bincount(found.bonds.ravel(), minlength=len(found.atoms))
    return int((6 - found.ring_sizes).sum() + 2 * (3 - degree).sum())


def bond_lengths(found):
    cell = found.atoms.cell.lengths()[:2]
    offset = np.diff(found.atoms.positions[found.bonds, :2], axis=1)[:, 0]
    return np.linalg.norm(offset - cell * np.round(offset / cell), axis=1)


def same(a, b):
    arrays = ("identity", "label", "bonds", "ring_sizes", "ring_atoms", "edge_distance")
    return a.atoms.positions.tobytes() == b.atoms.positions.tobytes() and all(
        getattr(a, name).tobytes() == getattr(b, name).tobytes() for name in arrays
    )


def test_perfect_sheet():
    found = sheet()
    assert odd_rings(found) == []
    assert labels(found) == {"lattice": len(found.atoms)}
    assert bond_lengths(found) == pytest.approx(1.42, abs=1e-6)
    assert len(found.atoms) / np.prod(found.atoms.cell.lengths()[:2]) == pytest.approx(DENSITY, rel=1e-9)
    assert np.abs(found.atoms.cell.lengths()[:2] - 50.0).max() <= 4.26 / 2.0
    assert found.atoms.pbc.tolist() == [True, True, False]
    assert np.isinf(found.edge_distance).all()


@pytest.mark.parametrize(
    ("kind", "rings", "atoms"),
    [
        ("stone_wales", [5, 5, 7, 7], 0),
        ("vacancies", [5, 9], -1),
        ("divacancies", [5, 5, 8], -2),
        ("silicon_3", [], 0),
        ("silicon_4", [5, 5], -1),
    ],
)
def test_point_defects(kind, rings, atoms):
    found = one(kind)
    assert odd_rings(found) == rings
    assert len(found.atoms) == len(sheet().atoms) + atoms
    assert euler(found) == 0
    assert labels(found).get(kind, 0) == (1 if kind.startswith("silicon") else 0)
    silicon = np.flatnonzero(found.atoms.numbers == 14)
    assert len(silicon) == (1 if kind.startswith("silicon") else 0)
    if len(silicon):
        assert np.isin(found.bonds, silicon).sum() == int(kind[-1])


def test_silicon_beside_a_vacancy_always_takes_four_bonds():
    """Silicon binds before two carbon atoms do, whichever is nearer."""
    found = one("silicon_4", 12, field=80.0)
    assert labels(found)["silicon_4"] == 12
    assert odd_rings(found) == [5] * 24


def test_silicon_with_three_bonds_stands_out_of_the_plane():
    found = one("silicon_3", 8, field=80.0)
    heights = found.atoms.positions[found.label == 3, 2] - 3.0
    assert len(heights) == 8
    assert np.abs(heights).min() > 0.4
    assert len(np.unique(np.sign(heights))) == 2
    assert (found.atoms.positions[found.label != 3, 2] == 3.0).all()
    flat = one("silicon_4", 3)
    assert (flat.atoms.positions[:, 2] == 3.0).all()


def test_defects_keep_apart_and_there_are_fewer_where_there_is_no_room():
    found = one("silicon_3", 500, field=40.0)
    silicon = found.atoms[found.atoms.numbers == 14].positions[:, :2]
    assert 5 < len(silicon) < 40
    apart = cKDTree(silicon, boxsize=found.atoms.cell.lengths()[:2]).query(silicon, 2)[0][:, 1]
    assert apart.min() > 8.0 - 0.5  # they move a little as they come to rest


@pytest.mark.parametrize("periodic", [False, True])
def test_grain_boundaries_are_fives_and_sevens(periodic):
    found = sheet(field=80.0, grains=3, orientation=Uniform(uniform=(0.0, np.pi / 3.0)), periodic=periodic, seed=2)
    rings = np.bincount(found.ring_sizes[found.ring_sizes < 10], minlength=10)
    assert rings[5] >= 8
    assert rings[5] + rings[7] >= 0.9 * (rings.sum() - rings[6])
    if periodic:
        assert set(found.parameters["rings"]) == {"5", "6", "7"}
    assert euler(found) == (0 if periodic else 12)
    assert 1.15 < bond_lengths(found).min() <= bond_lengths(found).max() < 1.75
    density = len(found.atoms) * 1.5 / found.bonds.shape[0]
    assert density == pytest.approx(1.0, abs=1e-9 if periodic else 0.05)  # three bonds at each atom but at the border


def test_two_orientations_are_in_two_grains():
    found = sheet(field=80.0, grains=2, orientation=Uniform(uniform=(0.0, np.pi / 3.0)), seed=1)
    offset = np.diff(found.atoms.positions[found.bonds, :2], axis=1)[:, 0]
    offset = offset[np.linalg.norm(offset, axis=1) < 2.0]
    order = np.exp(6j * np.arctan2(offset[:, 1], offset[:, 0]))  # one angle for all bonds of one crystal
    phases, counts = np.unique(np.round(np.angle(order) / 0.2), return_counts=True)
    assert counts.max() < 0.85 * counts.sum()
    assert np.sort(counts)[-3:].sum() > 0.5 * counts.sum(), phases


def test_open_sheet_is_turned_and_ends():
    found = sheet(periodic=False, orientation=0.2)
    offset = np.diff(found.atoms.positions[found.bonds, :2], axis=1)[:, 0]
    assert np.linalg.norm(offset, axis=1).max() < 1.6  # no bond goes around
    bulk = np.linalg.norm(offset, axis=1) > 1.419
    angles = np.arctan2(offset[bulk, 1], offset[bulk, 0]) % (np.pi / 3.0)
    assert np.median(angles) == pytest.approx(0.2 + np.pi / 6.0, abs=0.01)  # bonds are across the rows of zigzag
    assert euler(found) == 12
    assert labels(found)["edge"] > 40
    assert (
        18.0 < found.edge_distance.max() < 23.0
    )  # from the middle to the border, less the width of the outermost rings
    assert ((found.atoms.positions[:, :2] > 1.0) & (found.atoms.positions[:, :2] < 49.0)).all()
    assert (found.edge_distance[found.label == 2] == 0.0).all()


def test_hole_has_its_area_and_no_loose_atoms():
    areas = []
    for seed in range(6):
        found = sheet(field=80.0, holes=1, hole_diameter=30.0, seed=seed)
        areas.append(found.parameters["open_area"])
        assert found.parameters["holes"] == 1
        degree = np.bincount(found.bonds.ravel())
        assert degree.min() == 2
        starts = np.cumsum(found.ring_sizes) - found.ring_sizes
        rings = [found.ring_atoms[a : a + n] for a, n in zip(starts, found.ring_sizes, strict=True) if n < 10]
        assert len(np.unique(np.concatenate(rings))) == len(found.atoms)  # every atom is on a ring
    # the open area reaches to the middle of the edge atoms, about half of a ring beyond the outline
    assert np.mean(areas) == pytest.approx(np.pi * 16.0**2, rel=0.15)


def test_amorphous_border_is_at_the_hole_only():
    found = sheet(field=80.0, holes=1, hole_diameter=30.0, amorphous=8.0, seed=3)
    odd = found.label == 1
    inner = found.edge_distance > 12.0
    assert inner.sum() > 500
    assert odd[inner].mean() < 0.01
    assert odd[(found.edge_distance > 0) & (found.edge_distance < 6.0)].mean() > 0.5


def test_truth_is_consistent():
    found = sheet(field=60.0, holes=1, hole_diameter=20.0, defects=PointDefects(silicon_3=4, silicon_4=2, vacancies=2))
    n = len(found.atoms)
    assert (np.diff(found.identity) > 0).all()
    assert found.ring_sizes.sum() == len(found.ring_atoms) == 2 * len(found.bonds)
    assert set(found.ring_atoms.tolist()) == set(found.bonds.ravel().tolist()) == set(range(n))
    pairs = set(map(tuple, np.sort(found.bonds, axis=1).tolist()))
    assert len(pairs) == len(found.bonds)
    first = found.ring_atoms[: found.ring_sizes[0]].tolist()
    assert all(tuple(sorted(pair)) in pairs for pair in zip(first, first[1:] + first[:1], strict=True))
    inside = found.atoms.get_scaled_positions(wrap=False)
    assert (inside >= 0).all()
    assert (inside < 1).all()
    assert json.loads(json.dumps(found.parameters)) == found.parameters
    assert Graphene.model_validate(found.parameters["recipe"]).field == 60.0
    assert found.parameters["atoms"] == n


def test_same_seed_same_bytes():
    recipe = {"grains": 2, "orientation": Uniform(uniform=(0.0, 1.0)), "holes": 1, "amorphous": 5.0}
    recipe |= {"defects": PointDefects(silicon_3=3, stone_wales=2)}
    assert same(sheet(5, **recipe), sheet(5, **recipe))
    assert not same(sheet(5, **recipe), sheet(6, **recipe))


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"orientation": 0.1}, "orientation=0.1 does not fit a periodic crystal"),
        ({"holes": -1.0}, "holes runs from -1 to -1"),
        ({"hole_diameter": 70.0}, "hole_diameter runs from 70 to 70; it must stay within 0 and 50"),
        ({"defects": {"vacancies": -2.0}}, "vacancies runs from -2 to -2"),
        ({"field": 10.0}, "greater than or equal to 24"),
    ],
)
def test_impossible_recipes_are_refused(recipe, message):
    with pytest.raises(ValidationError, match=message):
        Graphene(**{"field": 50.0} | recipe)


def test_holes_that_leave_nothing_are_refused():
    with pytest.raises(ValueError, match="holes leave no sheet in a field of"):
        sheet(field=40.0, holes=40, hole_diameter=40.0)

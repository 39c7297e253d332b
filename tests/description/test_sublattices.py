"""Grains of known places, and the classes of their columns."""

import numpy as np
import pytest
from tests.description.column_scenes import draw
from tests.description.sheets import columns_at, lattice_points

from passband.description.atom_files import lattice_of
from passband.description.atoms import find_columns
from passband.description.sublattices import find_grains, name_sublattices, superstructure

A = 3.905
PEROVSKITE = ((0.0, 0.0), (A / 2.0, A / 2.0))


def rotated(places, degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return places @ np.array([[c, s], [-s, c]])


def bicrystal(rng):
    """Places of two grains of a perovskite on both sides of x = 0, their heights, and which are of the A site."""
    points = lattice_points((A, 0.0), (0.0, A), 24, basis=PEROVSKITE) - 12.0 * A
    site = np.repeat([True, False], len(points) // 2)
    other = rotated(points, 17.0)
    left, right = (points[:, 0] < -1.0) & (np.abs(points[:, 1]) < 30.0), (other[:, 0] > 1.0) & (other[:, 0] < 25.0)
    right &= np.abs(other[:, 1]) < 30.0
    places = np.concatenate([points[left], other[right]])
    is_a = np.concatenate([site[left], site[right]])
    heights = np.where(is_a, 8.0, 4.0) + rng.normal(0.0, 0.3, len(places))
    return places + rng.normal(0.0, 0.06, places.shape), heights, is_a, np.count_nonzero(left)


def test_both_grains_of_a_bicrystal_have_their_lattice_and_classes():
    """Rejects classes from the dominant grain's lattice alone."""
    for seed in range(3):
        places, heights, is_a, left = bicrystal(np.random.default_rng(seed))
        grains = find_grains(columns_at(places, height=heights))
        assert len(grains) == 2
        assert [one.lattice.lengths for one in grains] == [pytest.approx((A, A), rel=0.01)] * 2
        assert sorted(np.mean(one.lattice.members < left) > 0.5 for one in grains) == [False, True]
        named = name_sublattices(columns_at(places, height=heights))
        assert named.classes[:2] == ("A", "B")
        assert np.mean(np.array(named.names) == np.where(is_a, "A", "B")) > 0.98


def test_columns_of_one_site_on_none_or_with_classes_keep_theirs():
    places = lattice_points((2.5, 0.0), (-1.25, 2.165), 12)
    assert name_sublattices(columns_at(places)).classes == ("column",)
    assert name_sublattices(columns_at(np.empty((0, 2)))).classes == ("column",)
    perovskite = lattice_points((A, 0.0), (0.0, A), 10, basis=PEROVSKITE)
    stranger = np.concatenate([perovskite, [[A * 4.0, A * 4.4]]])
    named = name_sublattices(columns_at(stranger, height=[*[8.0] * 100, *[5.0] * 100, 3.0]))
    assert named.classes == ("A", "B", "column")
    assert named.names == [*"A" * 100, *"B" * 100, "column"]
    known = columns_at(perovskite, classes=("Ti", "Sr"), label=np.repeat([1, 0], 100))
    assert name_sublattices(known) is known


def test_heights_that_overlap_tell_the_cell_and_the_classes_by_the_lattice():
    """At a low dose the kinds of a perovskite make no groups; rejects half of its cell, which all columns lie on."""
    places = lattice_points((A, 0.0), (0.0, A), 12, basis=PEROVSKITE)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        heights = np.repeat([8.0, 5.0], 144) + rng.normal(0.0, 2.0, 288)
        columns = columns_at(places + rng.normal(0.0, 0.1, places.shape), height=heights)
        named = name_sublattices(columns)
        assert lattice_of(columns).lengths == pytest.approx((A, A), rel=0.01)
        assert lattice_of(named).lengths == pytest.approx((A, A), rel=0.01)
        assert np.mean(np.array(named.names) == np.repeat(["A", "B"], 144)) > 0.99


def test_heights_of_one_kind_are_no_superstructure():
    """Rejects a test that a slope, or chance among seven parts, passes."""
    cells = np.stack(np.meshgrid(np.arange(20), np.arange(20)), axis=-1).reshape(-1, 2)
    for seed in range(20):
        heights = 5.0 + 0.1 * cells[:, 0] + np.random.default_rng(seed).normal(0.0, 1.0, 400)
        assert superstructure(cells, heights) is None
    third = superstructure(cells, heights + 3.0 * (cells.sum(axis=1) % 3 == 0))
    assert third is not None
    assert sorted({(int(a), int(b)) for a, b in zip(cells.sum(axis=1) % 3, third, strict=True)}) == [
        (0, 0),
        (1, 1),
        (2, 2),
    ]


def test_columns_of_an_image_are_of_sub_lattices():
    places = lattice_points((18.0, 0.0), (0.0, 18.0), 8, basis=((0.0, 0.0), (9.0, 9.0))) + 5.0
    image = draw((146, 146), places, np.repeat([60.0, 25.0], 64), 2.4, background=10.0)
    columns = find_columns(np.random.default_rng(0).poisson(image).astype(float), 0.2)
    truth = np.hypot(*(columns.positions[:, None] / 0.2 - places).transpose(2, 0, 1)).argmin(axis=1) < 64
    assert columns.names == np.where(truth, "A", "B").tolist()

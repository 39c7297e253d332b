"""Cells of plane lattices: their kind, the distance of their columns, and the points that they fill a square with."""

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.spatial import cKDTree

from passband.specimen.planes.cell import PlaneCells, plane_cell

KINDS = ("square", "hexagonal", "rectangular", "centred", "oblique")


def cells(count=40, **recipe):
    recipe = PlaneCells(**recipe)
    return [plane_cell(recipe, rng=np.random.default_rng(seed)) for seed in range(count)]


def metric(cell):
    """Lengths of the vectors, and the angle between them in degrees."""
    (ax, ay), (bx, by) = cell.vectors
    return np.hypot(ax, ay), np.hypot(bx, by), np.degrees(np.arctan2(ax * by - ay * bx, ax * bx + ay * by))


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_symmetry(kind):
    for cell in cells(10, kinds={kind: 1.0}, dumbbell=0.0, ratio=1.5, angle=1.9):
        a, b, angle = metric(cell)
        assert cell.kind == kind
        if kind in ("square", "hexagonal"):
            assert b == pytest.approx(a)
            assert angle == pytest.approx({"square": 90.0, "hexagonal": 120.0}[kind])
        elif kind == "centred":  # the second vector ends above the middle of the first, half a conventional cell up
            assert cell.vectors[1] == pytest.approx(a * np.array([0.5, 0.75]))
        else:
            assert b == pytest.approx(1.5 * a)
            assert angle == pytest.approx({"rectangular": 90.0, "oblique": np.degrees(1.9)}[kind])


def test_the_nearest_columns_are_as_far_apart_as_asked():
    for cell in cells(spacing=2.5, dumbbell=0.0):
        points, site = cell.points(25.0, 0.4)
        inner = (np.abs(points) < 15.0).all(axis=1)
        nearest = cKDTree(points).query(points[inner], 2)[0][:, 1]
        assert nearest.min() == pytest.approx(2.5)
        assert nearest == pytest.approx(cell.rooms[site[inner]])


def test_dumbbells_have_their_length_and_lie_apart():
    for cell in cells(sites=1, dumbbell=1.0, dumbbell_length=1.36, spacing=1.2):
        assert len(cell.sites) == 2
        assert cell.rooms == pytest.approx(1.36)
        assert metric(cell)[0] >= 2.2 * 1.36 - 1e-9


def test_points_fill_the_square_whatever_the_rotation():
    cell = cells(1, kinds={"oblique": 1.0}, sites=3)[0]
    area = abs(np.linalg.det(cell.vectors)) / len(cell.sites)
    for rotation in (0.0, 0.7, 2.0, -1.3):
        points, site = cell.points(40.0, rotation)
        assert len(points) == pytest.approx(80.0**2 / area, rel=0.03)
        assert np.bincount(site) == pytest.approx(len(points) / 3.0, rel=0.05)
        # turned back, every point is a whole number of vectors from its column of the cell
        back = points @ np.array([[np.cos(rotation), -np.sin(rotation)], [np.sin(rotation), np.cos(rotation)]])
        steps = (back - cell.sites[site]) @ np.linalg.inv(cell.vectors)
        assert steps == pytest.approx(np.rint(steps), abs=1e-9)


def test_honeycombs_come_of_thirds():
    found = cells(60, kinds={"hexagonal": 1.0}, sites=2, special=1.0, dumbbell=0.0, spacing=1.42)
    bonds = [int((np.abs(_distances(cell)) < 1.43).sum()) for cell in found]
    assert bonds.count(3) > 20  # neighbours of the first column in a honeycomb


def _distances(cell):
    points, _ = cell.points(6.0, 0.0)
    return np.sort(np.hypot(*(points - cell.sites[0]).T))[1:]


def test_elements_are_alike_or_not():
    assert all(len(set(cell.numbers)) == 1 for cell in cells(10, sites=4, elemental=1.0, dumbbell=0.0))
    mixed = [len(set(cell.numbers)) for cell in cells(10, sites=4, elemental=0.0, dumbbell=0.0, special=0.0)]
    assert np.mean(mixed) > 3.5
    numbers = np.concatenate([cell.numbers for cell in cells(200)])
    assert numbers.min() >= 6
    assert numbers.max() <= 83


@pytest.mark.parametrize(
    ("recipe", "text"),
    [
        ({"spacing": 0.0}, "spacing runs from 0 to 0; it must stay within 1 and 20"),
        ({"kinds": {"square": -1.0}}, "kinds={'square': -1.0} has no or a negative weight"),
        ({"kinds": {"cubic": 1.0}}, "square"),
        ({"numbers": 92}, "numbers runs from 92 to 92"),
    ],
)
def test_what_cannot_be_used_is_said(recipe, text):
    with pytest.raises(ValidationError, match=text):
        PlaneCells(**recipe)

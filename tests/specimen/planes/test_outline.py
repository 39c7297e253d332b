"""Outlines of lattices: how deep a place lies in them, and how thick the lattice is there."""

import numpy as np
import pytest
from pydantic import ValidationError

from passband.specimen.planes.outline import PlaneOutline, plane_outline

FIELD = 60.0
PLACES = np.random.default_rng(0).random((3000, 2)) * FIELD


def outline(seed=0, **recipe):
    return plane_outline(PlaneOutline(**recipe), field=FIELD, rng=np.random.default_rng(seed))


def images(centre):
    steps = FIELD * np.array([-1.0, 0.0, 1.0])
    return centre + np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)


def test_several_round_particles_are_united_and_repeat_with_the_field():
    found = outline(kinds={"particles": 1.0}, count=3, size=0.2, corners=0)
    centres = np.concatenate([images(centre) for centre in found.centres])
    nearest = np.linalg.norm(PLACES[:, None] - centres, axis=2).min(axis=1)
    assert found.depth(PLACES) == pytest.approx(12.0 - nearest)


def test_holes_are_what_particles_leave():
    particles, holes = (outline(kinds={kind: 1.0}, count=2) for kind in ("particles", "holes"))
    assert holes.depth(PLACES) == pytest.approx(-particles.depth(PLACES))


@pytest.mark.parametrize("corners", [4, 6, 8])
def test_a_polygon_lies_within_all_of_its_edges(corners):
    found = outline(1, kinds={"particles": 1.0}, count=1, size=0.25, corners=corners)
    assert found.normals == pytest.approx(found.normals / np.linalg.norm(found.normals, axis=1, keepdims=True))
    depth, middle = found.depth(PLACES), found.centres[0]
    assert found.depth(middle[None])[0] == pytest.approx(found.distances.min())
    for normal, distance in zip(found.normals, found.distances[0], strict=True):
        for beyond in (0.9, 1.1):
            place = (middle + beyond * distance * normal) % FIELD
            assert (found.depth(place[None])[0] < 0.0) or beyond == 0.9
    # between the circles that touch the nearest edge from within and the corners of the farthest from without
    share = float((depth >= 0).mean())
    assert np.pi * found.distances.min() ** 2 < share * FIELD**2 < 4.5 * found.distances.max() ** 2


def test_a_straight_edge_lies_near_the_middle():
    for seed in range(20):
        found = outline(seed, kinds={"half": 1.0}, size=0.2)
        middle = found.depth(np.full((1, 2), 0.5 * FIELD))[0]
        assert abs(middle) <= 0.2 * FIELD
        slope = found.depth(PLACES) - middle
        assert slope == pytest.approx((PLACES - 0.5 * FIELD) @ found.normals[0])


def test_thickness_rises_as_the_square_root_of_the_depth():
    found = outline(kinds={"half": 1.0}, taper=16.0)
    assert found.thickness(np.array([0.0, 1.0, 4.0, 16.0, 30.0])) == pytest.approx([0.0, 0.25, 0.5, 1.0, 1.0])
    blunt = outline(kinds={"half": 1.0}, taper=0.0)
    assert blunt.thickness(np.array([0.0, 5.0])) == pytest.approx([1.0, 1.0])
    assert outline(kinds={"whole": 1.0}).thickness(np.array([np.inf])) == pytest.approx([1.0])


def test_what_cannot_be_used_is_said():
    with pytest.raises(ValidationError, match=r"size runs from 0.6 to 0.6; it must stay within 0 and 0.5"):
        PlaneOutline(size=0.6)
    with pytest.raises(ValidationError, match=r"kinds=.* has no or a negative weight"):
        PlaneOutline(kinds={})

"""Faces between layers: the roughness that was asked for, on the lattice and without one."""

import numpy as np
import pytest

from passband.specimen.stacks.face import Face, Grid, rough_face
from passband.specimen.stacks.stack import Roughness

ROOM = (200.0, 120.0)


def faces(rough, grid, count=20):
    return [rough_face(rough, 50.0, grid=grid, room=ROOM, rng=np.random.default_rng(seed)) for seed in range(count)]


@pytest.mark.parametrize("step", [0.0, 3.0])
def test_roughness_has_its_rms_and_correlation_length_along_both_axes(step):
    # rejects lengths or sides that are exchanged between x and the beam, and a rounding that eats height
    found = faces(Roughness(rms=5.0, correlation_length=16.0), Grid((2.0, 4.0), (0.5, 1.0), step))
    values = np.array([one.heights for one in found]) - 50.0
    assert values.shape == (20, 100, 32)
    assert values.mean() == pytest.approx(0.0, abs=0.4)
    # 20 fields of some 90 patches; a height rounded to steps has a variance of c²/12 to c²/6 more
    assert values.std() == pytest.approx(np.sqrt(25.0 + step**2 / 8.0), rel=0.05)
    centred = values - values.mean(axis=(1, 2), keepdims=True)
    for axis, lag in ((1, 8), (2, 4)):
        first = np.take(centred, np.arange(values.shape[axis] - lag), axis=axis)
        second = np.take(centred, np.arange(lag, values.shape[axis]), axis=axis)
        assert (first * second).mean() / (centred**2).mean() == pytest.approx(np.exp(-1.0), abs=0.08)


def test_heights_on_a_lattice_are_whole_steps_and_islands_come_below_a_step_of_rms():
    found = faces(Roughness(rms=0.6, correlation_length=30.0), Grid((3.9, 3.9), (0.0, 0.0), 3.9))
    parts = np.array([one.heights for one in found]) - 50.0
    np.testing.assert_allclose(parts / 3.9, np.rint(parts / 3.9), atol=1e-12)
    assert 0.05 < (parts != 0).mean() < 0.4  # rejects a rounding to nothing
    assert abs(parts.mean()) < 0.6


def test_flat_faces_are_flat_and_steps_run_along_the_beam():
    grid = Grid((4.0, 4.0), (1.0, 1.0), 4.0)
    assert (faces(Roughness(), grid, 1)[0].heights == 50.0).all()
    for one in faces(Roughness(steps=4), grid, 5):
        assert (one.heights == one.heights[:, :1]).all()
        assert set(np.unique(one.heights)) == {50.0, 54.0}
        assert np.count_nonzero(np.diff(np.append(one.heights[:, 0], one.heights[0, 0]))) in (2, 4)
        assert one.heights[0, 0] == one.heights[-1, 0]


def test_heights_are_read_from_their_rectangle_periodic_along_x():
    face = Face(np.array([[1.0, 2.0], [3.0, 5.0]]), (10.0, 4.0), (2.0, -1.0))
    x, z = np.array([3.0, 13.0, 1.0, 23.0, 3.0, 3.0]), np.array([0.0, 0.0, 3.5, 3.5, -9.0, 99.0])
    assert face.at(x, z).tolist() == [1.0, 3.0, 5.0, 2.0, 1.0, 2.0]
    assert face.profile(np.array([3.0, 13.0])).tolist() == [1.5, 4.0]


def test_walls_of_steps_are_near_the_face():
    # rejects a search about the height at a place alone, which misses the middle of a high step
    heights = np.where(np.arange(10)[:, None] < 5, 20.0, 40.0) * np.ones((10, 4))
    face = Face(heights, (4.0, 4.0), (0.0, 0.0))
    assert face.near(np.array([[19.0, 30.0, 5.0], [21.0, 30.0, 5.0], [10.0, 30.0, 5.0]]), 2.6).tolist() == [1, 1, 0]
    assert face.near(np.array([[10.0, 21.0, 5.0], [30.0, 38.0, 5.0], [30.0, 30.0, 5.0]]), 2.6).tolist() == [1, 1, 0]

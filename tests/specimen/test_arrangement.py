import numpy as np
import pytest

from passband.specimen.arrangement import FieldOfView, Footprint, divide, place_apart, place_together
from passband.specimen.particle import sphere


def footprint(*radii):
    return Footprint(np.array(radii, float), np.array(radii, float))


@pytest.mark.parametrize("border", ["inside", "wrap"])
def test_overlapping_balls_divide_along_the_circle_where_they_meet(border):
    centres = np.array([[2.0, 50.0, 0.0], [24.0, 50.0, 0.0]])
    if border == "wrap":
        centres[0, 0], centres[1, 0] = 91.0, 13.0  # the same pair across the border of a field of 100
    large, small = divide([sphere(40.0), sphere(20.0)], centres, field=FieldOfView(100.0, border))
    across = (22.0**2 + 20.0**2 - 10.0**2) / 44.0  # where the two surfaces meet, from the large one's centre
    meeting = np.array([across, np.sqrt(400.0 - across**2), 0.0])
    for step, kept in ((-1e-3, [True, False]), (1e-3, [False, True])):
        point = meeting * [1, 0.99, 1] + [step, 0, 0]
        assert [bool(large.contains(point[None])[0]), bool(small.contains((point - [22.0, 0, 0])[None])[0])] == kept


def test_a_ball_alone_is_left_whole():
    (alone,) = divide([sphere(40.0)], np.array([[50.0, 50.0, 0.0]]), field=FieldOfView(100.0, "wrap"))
    assert len(alone.normals) == 0


def test_large_particles_find_room_in_a_crowded_field():
    # the largest is placed first: in drawn order the small ones would often leave no room for it
    for seed in range(10):
        _, kept = place_apart(
            footprint(8, 8, 8, 30), field=FieldOfView(100.0, "inside"), gap=5.0, rng=np.random.default_rng(seed)
        )
        assert kept.tolist() == [0, 1, 2, 3]


def test_neighbours_in_a_cluster_touch_exactly():
    for seed in range(10):
        centres, kept = place_together(
            footprint(15, 10, 12), field=FieldOfView(200.0, "wrap"), spacing=1.0, rng=np.random.default_rng(seed)
        )
        radii = np.array([15.0, 10.0, 12.0])[kept]
        offsets = FieldOfView(200.0, "wrap").nearest_image(centres[:, None] - centres[None])
        ratio = np.linalg.norm(offsets, axis=-1) / (radii[:, None] + radii[None])
        pairs = ratio[np.triu_indices(3, 1)]
        assert np.sort(pairs)[:2] == pytest.approx([1.0, 1.0])
        assert (centres[:, 2] >= radii - 1e-9).all()  # none sinks below the film's surface


def test_clusters_inside_the_field_do_not_cross_its_border():
    for seed in range(10):
        centres, kept = place_together(
            footprint(15, 15, 15), field=FieldOfView(80.0, "inside"), spacing=1.0, rng=np.random.default_rng(seed)
        )
        assert len(kept) >= 2
        assert centres[:, :2].min() >= 15.0
        assert centres[:, :2].max() <= 65.0


def test_inputs_are_left_alone():
    offsets = np.array([[90.0, -70.0, 90.0]])
    assert FieldOfView(100.0, "wrap").nearest_image(offsets).tolist() == [[-10.0, 30.0, 90.0]]
    assert offsets.tolist() == [[90.0, -70.0, 90.0]]

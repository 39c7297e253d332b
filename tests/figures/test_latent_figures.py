"""Figures of latents show what they are given where it is, with units; those of one frame are drawn too."""

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from passband.figures.latent import bic_figure, components_figure, latent_maps_figure, manifold_figure, scree_figure
from passband.figures.motion import (
    angles_figure,
    births_figure,
    course_figure,
    density_figure,
    paths_figure,
    ring_course_figure,
    transitions_figure,
)
from passband.figures.style import to_png
from passband.latent.angles import angle_course
from passband.latent.motion import RingCourse, atom_paths, density_course, latent_course
from passband.latent.transitions import Birth, transitions


def drawn(figure: Figure) -> Figure:
    assert len(to_png(figure)) > 1000
    return figure


def test_a_manifold_has_z1_to_the_right() -> None:
    sheet = np.zeros((3, 3, 4, 5))
    sheet[0, 2] = 7.0  # least z2, most z1
    axes = drawn(manifold_figure(sheet, first=(0.0, 4.0), second=(-1.0, 1.0))).axes[0]
    whole = axes.images[0].get_array()
    assert (whole[:4, 10:] == 7.0).all()
    assert whole.sum() == 7.0 * 20
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "2", "4"]
    assert_allclose(axes.get_xticks(), [2.0, 7.0, 12.0])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["−1", "0", "1"]


def test_corners_that_nobody_saw_do_not_decide_on_the_grey_values() -> None:
    sheet = np.zeros((2, 2, 8, 8))
    sheet[:, :, 3, 3], sheet[:, :, 0, 0] = 1.0, -50.0
    assert manifold_figure(sheet).axes[0].images[0].get_clim() == (0.0, 1.0)


def test_kinds_have_a_colour_each() -> None:
    # rejects a scale from 0.0 to 2.0 with halves of kinds
    places = np.array([[1.0, 9.0], [3.0, 2.0], [5.0, 5.0]])
    axes = drawn(latent_maps_figure(np.eye(20), places, {"kind": np.array([0, 2, 1])}, (1.0, 1.0))).axes[0]
    assert axes.collections[0].get_clim() == (-0.5, 2.5)
    assert axes.collections[0].cmap.N == 3
    assert tuple(axes.collections[0].cmap(1)) == tuple(colormaps["tab10"](1))  # orange beside blue, not a second blue


def test_latents_lie_on_the_frame_and_angles_have_a_circle_of_colours() -> None:
    # rejects y before x, pixel corners for centres, and a spare panel that is left
    places = np.array([[1.0, 9.0], [3.0, 2.0]])
    latents = {"angle (°)": np.array([-10.0, 130.0]), "z1 (no unit)": np.array([1.0, 2.0])}
    figure = drawn(latent_maps_figure(np.eye(20), places, latents, (2.0, 1.0), periods={"angle (°)": 120.0}))
    angle, z1 = figure.axes[:2]
    assert_allclose(angle.collections[0].get_offsets(), [[0.95, 0.3], [0.25, 0.7]])
    assert_allclose(angle.collections[0].get_array(), [110.0, 10.0])
    assert angle.collections[0].get_clim() == (0.0, 120.0)
    assert_allclose(z1.collections[0].get_array(), [1.0, 2.0])
    four = latent_maps_figure(np.eye(20), places, {str(k): latents["z1 (no unit)"] for k in range(4)}, (1.0, 1.0))
    assert [axes.axison for axes in four.axes[:6]] == [True] * 4 + [False] * 2


def test_kinds_have_their_share_and_size() -> None:
    means = np.arange(9.0)[:, None, None] * np.ones((9, 4, 6))
    figure = drawn(components_figure(means, np.linspace(0.2, 0.02, 9), 0.5))
    assert figure.axes[0].get_title(loc="left") == "0: 20 %"
    assert figure.axes[8].images[0].get_extent() == [-1.5, 1.5, 1.0, -1.0]
    assert {axes.images[0].get_clim() for axes in figure.axes[:9]} == {(0.0, 8.0)}
    assert not figure.axes[9].axison


def test_a_scree_adds_up_and_the_least_bic_is_marked() -> None:
    axes = drawn(scree_figure(np.array([0.5, 0.2]))).axes[0]
    assert_allclose([bar.get_height() for bar in axes.patches], [50.0, 20.0])
    assert_allclose(axes.lines[0].get_ydata(), [50.0, 70.0])
    axes = drawn(bic_figure({2: -10.0, 4: -50.0, 8: 0.0})).axes[0]
    assert_allclose(axes.lines[0].get_ydata(), [40.0, 0.0, 50.0])
    assert axes.texts[0].get_text() == "4 components"


@pytest.mark.parametrize("frames", [1, 5])
def test_courses_of_one_frame_and_of_several(frames: int) -> None:
    rng = np.random.default_rng(0)
    frame, value = np.repeat(np.arange(frames), 20), rng.normal(size=20 * frames)
    course = density_course(frame, value)
    axes = drawn(density_figure(course, "z1 (no unit)")).axes[0]
    if frames == 1:
        assert_allclose(axes.lines[0].get_ydata(), course.density[0])
        assert axes.get_xlabel() == "z1 (no unit)"
    else:
        assert_allclose(axes.collections[0].get_array(), course.density.T)
        assert axes.get_xlim() == (-0.5, 4.5)
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("frame", "z1 (no unit)")
    assert drawn(density_figure(density_course(frame, value, period=120.0), "angle (°)")).axes[-1] is not None
    median = drawn(course_figure(latent_course(frame, value), "z1 (no unit)")).axes[0].lines[0]
    assert_allclose(median.get_ydata(), np.median(value.reshape(frames, 20), axis=1))
    angles = drawn(angles_figure(angle_course(frame, value, symmetry=3, bins=6)))
    assert len(angles.axes) == (1 if frames == 1 else 4)
    assert angles.axes[0].patches[0].get_data().values.mean() == pytest.approx(1.0)  # over a flat one


def test_rings_other_than_six_are_below() -> None:
    counts = {5: np.array([0, 2]), 6: np.array([90, 80]), 7: np.array([0, 1]), 8: np.array([0, 1])}
    course = RingCourse(np.array([0, 1]), counts, np.array([0, 3]), np.array([""]))
    above, below = drawn(ring_course_figure(course)).axes
    assert_allclose(above.lines[0].get_ydata(), [90, 80])
    assert [line.get_label() for line in below.lines] == ["5-fold", "7-fold", "8-fold", "holes"]
    assert_allclose(below.lines[-1].get_ydata(), [0, 3])


def test_changes_are_written_with_interval_and_count() -> None:
    found = transitions([0, 1, 0, 1], [0, 0, 1, 1], [0, 1, 0, 0], 3)
    axes = drawn(transitions_figure(found, ["a", "b", "c"])).axes[0]
    assert len(axes.texts) == 3
    low, high = found.low[0, 1], found.high[0, 1]
    assert axes.texts[1].get_text() == f"0.50\n{low:.2f} to {high:.2f}\nn = 1"
    assert axes.get_title(loc="left") == "2 atoms seen in a frame and the next; grey: no atoms (2)"
    many = drawn(transitions_figure(transitions([0, 1], [0, 0], [0, 1], 12), [str(k) for k in range(12)]))
    assert len(many.axes[0].texts) == 0


def test_paths_are_the_longest_and_births_lie_on_the_frame() -> None:
    frame, track = np.array([0, 1, 2, 0, 1]), np.array([5, 5, 5, 6, 6])
    paths = atom_paths(frame, track, np.arange(10.0).reshape(5, 2))
    axes = drawn(paths_figure(paths, most=1)).axes[0]
    assert_allclose(axes.collections[0].get_offsets(), [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    assert axes.collections[0].get_clim() == (0, 2)
    births = [Birth(5, 3, 9.5, 19.5, "6-6-6", "5-6-7")]
    axes = drawn(births_figure(np.eye(30), births, (2.0, 1.0))).axes[0]
    assert_allclose(axes.collections[0].get_offsets(), [[2.0, 2.0]])
    assert axes.get_title(loc="left") == "1 atom changed for good"
    assert len(drawn(births_figure(np.eye(30), [], (2.0, 1.0))).axes) == 1

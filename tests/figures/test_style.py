"""One style: axes say their units, pictures are passband's own and the same each time."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from passband.figures.generalisation import loss_matrix_figure, score_figure
from passband.figures.segmentation import examples_figure, overlay_figure
from passband.figures.style import INK, LABEL, TICK, draw_colourbar, label_axes, to_png
from passband.figures.training import learning_figure
from passband.figures.transfer import ctf_figure, mean_transfer_figure
from passband.files.own_files import is_marked
from passband.microscope.conditions import Conditions
from passband.microscope.information.curves import transfer_curve

RNG = np.random.default_rng(0)
IMAGE = RNG.normal(size=(12, 16))
MASK = np.zeros((12, 16), dtype=np.uint8)
MASK[3:8, 4:9] = 1
Q = np.linspace(0.0, 1.0, 20)
ROWS = [{"condition": f"c{k}", "sigma": 1.0 - 0.1 * k, "delta_epsilon": 0.1 * k, "dice": 0.9} for k in range(3)]
FIGURES = {
    "overlay": lambda: overlay_figure(IMAGE, MASK, (0.5, 0.8), truth=MASK),
    "examples": lambda: examples_figure([IMAGE] * 5, [MASK] * 5, list("abcde"), 0.5),
    "learning": lambda: learning_figure([1, 2], {"training": [0.5, 0.2]}, {"as trained": [0.4, 0.8]}),
    "mean transfer": lambda: mean_transfer_figure(Q, {"a": Q, "b": Q}, Q),
    "ctf": lambda: ctf_figure(Q, {"a": transfer_curve(Q, Conditions(focal_spread=10.0))}),
    "score": lambda: score_figure(ROWS),
    "losses": lambda: loss_matrix_figure(["a", "b"], ["c"], np.ones((2, 1)), "a title"),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_returned_with_labels_and_drawn_alike_each_time(name: str, tmp_path: Path) -> None:
    # rejects bytes instead of a figure, axes without a label, a picture with a date, one that `segment` would take up
    figure = FIGURES[name]()
    assert isinstance(figure, Figure)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert any(axes.get_xlabel() for axes in shown)
    assert any(axes.get_ylabel() for axes in shown) or name == "examples"
    png = to_png(figure)
    assert png == to_png(FIGURES[name]())
    (tmp_path / "a.png").write_bytes(png)
    assert is_marked(tmp_path / "a.png")


def test_what_is_empty_stays_and_the_rest_has_the_sizes_of_the_style() -> None:
    # rejects a label that is erased by a second call, and sizes of matplotlib's own
    figure = Figure()
    axes = figure.subplots()
    label_axes(axes, "q (Å⁻¹)", "T", "a title")
    label_axes(axes, y="E")
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title(loc="left")) == ("q (Å⁻¹)", "E", "a title")
    assert {axes.xaxis.label.get_size(), axes.yaxis.label.get_size()} == {LABEL}
    assert {tick.label1.get_size() for tick in axes.xaxis.get_major_ticks()} == {TICK}
    assert axes.xaxis.get_major_ticks()[0].label1.get_color() == INK
    scale = draw_colourbar(figure, axes.imshow(IMAGE), axes, "loss")
    assert (scale.get_ylabel(), scale.yaxis.label.get_size()) == ("loss", LABEL)


def test_the_axes_of_a_micrograph_are_in_nanometres() -> None:
    # rejects pixels, Å, and the two pixel sizes the wrong way round
    figure = overlay_figure(IMAGE, MASK, (0.5, 0.8))
    left, right = figure.axes
    for axes in (left, right):
        assert axes.get_xlim() == pytest.approx((0.0, 16 * 0.08))
        assert axes.get_ylim() == pytest.approx((12 * 0.05, 0.0))
    assert (left.get_xlabel(), left.get_ylabel()) == ("x (nm)", "y (nm)")
    assert len(left.collections) == 0
    assert len(right.collections) >= 1

"""Figure of point defects: marked on the micrograph, each kind in its colour and shape."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from passband.description.defects import Defects
from passband.figures.segmentation import draw_micrograph, side_by_side
from passband.figures.style import COLOURS, LEGEND, label_axes, to_png

_SHAPES = "osD^vhpP"
_ACROSS = 2.6  # Å: about the diameter of a mark, a column and its surroundings
_PANEL = 320.0  # points: about the side of the panel with the marks
_LEAST, _MOST = 3.0, 14.0  # points, of a mark
_DPI = 160


def defects_figure(image: NDArray[Any], defects: Defects) -> Figure:
    """Draw the micrograph (y, x), and beside it with a mark at each defect; the legend names and counts the kinds."""
    figure, left, right = side_by_side(image.shape, defects.pixel_size)
    for axes in (left, right):
        draw_micrograph(axes, image, defects.pixel_size)
        label_axes(axes, x="x (nm)")
    label_axes(left, y="y (nm)", title="micrograph")
    step_y, step_x = defects.pixel_size
    longest = max(side * step for side, step in zip(defects.shape, defects.pixel_size, strict=True))
    size = min(max(_PANEL * _ACROSS / longest, _LEAST), _MOST)
    for number, (name, count) in enumerate(defects.counts().items()):
        x, y = (defects.positions[defects.label == number] + 0.5 * np.array([step_x, step_y])).T / 10.0
        right.plot(
            x,
            y,
            _SHAPES[number % len(_SHAPES)],
            markersize=size,
            markerfacecolor="none",
            markeredgecolor=COLOURS[number % len(COLOURS)],
            markeredgewidth=1.1,
            label=f"{name.replace('_', ' ')} ({count})",
        )
    handles, labels = right.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=3, fontsize=LEGEND, frameon=False)
    return figure


def defects_picture(image: NDArray[Any], defects: Defects) -> bytes:
    """Return `defects_figure` as PNG."""
    return to_png(defects_figure(image, defects), dpi=_DPI)

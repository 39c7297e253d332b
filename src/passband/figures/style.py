"""The one style of every figure: colours, sizes of text, labelled axes, and the picture as PNG."""

import io
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from passband.files.own_files import SOFTWARE

Array = NDArray[np.float64]

#: Text and what stands out without a colour; a second line; the line of zero; the grid.
INK, GREY, ZERO, GRID = "#1f2a37", "#64748b", "#9ca3af", "#e5e7eb"
#: Area of what is compared with; a line over that area.
SHADE, FAINT = "#cbd5e1", "#94a3b8"
BLUE, GREEN, ORANGE, PURPLE = "#2563eb", "#19a974", "#ff7a00", "#9333ea"
#: Of curves, one after the other.
COLOURS = (BLUE, GREEN, ORANGE, PURPLE, "#dc2626", "#0891b2", "#ca8a04", GREY)
TRUTH, PREDICTED = GREEN, ORANGE

#: Points.
LABEL, TICK, LEGEND = 9, 8, 7


def label_axes(
    axes: Axes, x: str = "", y: str = "", title: str = "", *, loc: Literal["left", "center"] = "left"
) -> None:
    """Write what the axes show, each with its unit: "defocus (nm)"; what is empty stays as it is."""
    if x:
        axes.set_xlabel(x, fontsize=LABEL)
    if y:
        axes.set_ylabel(y, fontsize=LABEL)
    if title:
        axes.set_title(title, fontsize=LABEL, loc=loc, color=INK)
    axes.tick_params(labelsize=TICK, colors=INK)


def draw_grid(axes: Axes) -> None:
    """Draw faint lines at the ticks."""
    axes.grid(color=GRID, linewidth=0.6)


def draw_legend(axes: Axes, **options: Any) -> None:
    """Name the curves, without a frame."""
    axes.legend(fontsize=LEGEND, frameon=False, **options)


def draw_colourbar(figure: Figure, shown: Any, axes: Axes | Iterable[Axes], label: str = "", **options: Any) -> Axes:
    """Draw the scale of the colours beside the axes and return its own."""
    colourbar = figure.colorbar(shown, ax=axes, **options)
    if label:
        colourbar.set_label(label, fontsize=LABEL)
    colourbar.ax.tick_params(labelsize=TICK, which="both")
    drawn: Axes = colourbar.ax
    return drawn


def signed(text: str) -> str:
    """Write a minus sign instead of a hyphen."""
    return text.replace("-", "\u2212")


def to_png(figure: Figure, *, dpi: int = 110) -> bytes:
    """Return a figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, facecolor="white", metadata={"Software": SOFTWARE})
    return buffer.getvalue()

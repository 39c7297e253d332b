"""Figures of atom columns: marked on the micrograph by class, with the lattice's vectors; and the rings of a sheet."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from passband.description.columns import AtomColumns
from passband.description.lattice import FittedLattice
from passband.description.rings import RingFaces
from passband.description.tracks import FrameCounts
from passband.figures.segmentation import draw_micrograph, side_by_side
from passband.figures.style import (
    BLUE,
    COLOURS,
    GREEN,
    INK,
    ORANGE,
    PREDICTED,
    draw_grid,
    draw_legend,
    label_axes,
    to_png,
)

_RING_COLOURS = {5: "#2563eb", 6: "#cbd5e1", 7: "#ff7a00"}
_OTHER = "#9333ea"  # rings of other sizes
_MARK = 0.35  # of the mean distance between columns: the radius of a mark
_WIDEST = 3.0  # σ: the same at most
_PANEL = 320.0  # points: about the side of the panel with the marks
_LINE = 0.08  # of the mean distance between columns: the width of the line
_APART, _DPI = 14.0, (110, 300)  # dots between columns, and per inch at least and at most


def columns_figure(image: NDArray[Any], columns: AtomColumns, *, lattice: FittedLattice | None = None) -> Figure:
    """Draw the micrograph (y, x), and beside it with a circle around each column, in the colour of its class."""
    figure, left, right = side_by_side(image.shape, columns.pixel_size)
    for axes in (left, right):
        draw_micrograph(axes, image, columns.pixel_size)
        label_axes(axes, x="x (nm)")
    label_axes(left, y="y (nm)", title=f"micrograph{_lattice_text(lattice)}")
    draw_columns(right, columns)
    several = len(columns.classes) > 1  # whose names stand there
    label_axes(right, title="" if several else f"{len(columns)} column{'s' * (len(columns) != 1)}")
    if lattice is not None:
        _draw_vectors(right, lattice, columns)
    return figure


def columns_picture(image: NDArray[Any], columns: AtomColumns, *, lattice: FittedLattice | None = None) -> bytes:
    """Return `columns_figure` as PNG, so fine that the marks of many columns are told apart."""
    wanted = _APART * 72.0 * np.sqrt(max(len(columns), 1)) / _PANEL
    return to_png(columns_figure(image, columns, lattice=lattice), dpi=int(min(max(wanted, _DPI[0]), _DPI[1])))


def draw_columns(axes: Axes, columns: AtomColumns) -> None:
    """Draw a circle around each column on axes in nm; pixel centres are half a pixel from the edge of the image."""
    centres = _nanometres(columns, columns.positions)
    area = float(np.prod(columns.shape) * np.prod(columns.pixel_size)) / 100.0  # nm²
    widest = _WIDEST * float(np.median(columns.sigma)) / 10.0 if len(columns) else 0.0
    radius = min(_MARK * float(np.sqrt(area / max(len(columns), 1))), widest)
    width = min(0.9, max(0.3, _LINE * _PANEL / np.sqrt(max(len(columns), 1))))
    turn = np.linspace(0.0, 2.0 * np.pi, 25)
    circle = radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    for number, name in enumerate(columns.classes):
        chosen = centres[columns.label == number]
        colour = PREDICTED if len(columns.classes) == 1 else COLOURS[number % len(COLOURS)]
        rings = [centre + circle for centre in chosen]
        marks = PolyCollection(rings, facecolors="none", edgecolors=colour, linewidths=width, label=name)
        axes.add_collection(marks, autolim=False)
    if len(columns.classes) > 1:
        draw_legend(axes, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(columns.classes))


def counts_figure(frames: Sequence[FrameCounts]) -> Figure:
    """Draw how many columns each frame of a movie shows, and how many atoms have come and gone, border aside."""
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    read = [one for one in frames if one.columns is not None]
    number = [one.frame for one in read]
    above.plot(number, [one.columns for one in read], ".-", color=BLUE, markersize=3, linewidth=0.9)
    born = np.cumsum([one.born - one.born_at_border for one in read])
    gone = np.cumsum([one.gone - one.gone_at_border for one in read])
    for values, colour, name in ((born, GREEN, "born"), (gone, ORANGE, "gone")):
        below.step(number, values, where="post", color=colour, linewidth=1.2, label=name)
    for axes in (above, below):
        draw_grid(axes)
        axes.set_ylim(0.0, 1.08 * max(1.0, axes.dataLim.y1))
    label_axes(above, y="columns")
    label_axes(below, x="frame", y="atoms since the first frame", title="further than a spacing from the border")
    draw_legend(below, loc="upper left")
    return figure


def rings_figure(positions: NDArray[np.float64], rings: RingFaces) -> Figure:
    """Draw the rings of a sheet of atoms (n, 2) in Å, five- and sevenfold ones in colour, and holes as they are."""
    figure = Figure(figsize=(5.2, 5.0), layout="constrained")
    axes = figure.subplots()
    corners = [positions[list(ring)] / 10.0 for ring in rings.atoms]
    colours = [_RING_COLOURS.get(len(ring), _OTHER) for ring in rings.atoms]
    axes.add_collection(PolyCollection(corners, facecolors=colours, edgecolors=INK, linewidths=0.6))
    axes.plot(*(positions.T / 10.0), ".", color=INK, markersize=2.5)
    axes.set_aspect("equal")
    axes.invert_yaxis()
    counts = ", ".join(f"{number} of {size}" for size, number in rings.counts().items())
    label_axes(axes, x="x (nm)", y="y (nm)", title=f"rings: {counts}" if counts else "no rings")
    return figure


def _nanometres(columns: AtomColumns, positions: NDArray[np.float64]) -> NDArray[np.float64]:
    step_y, step_x = columns.pixel_size
    return (positions + 0.5 * np.array([step_x, step_y])) / 10.0


def _draw_vectors(axes: Axes, lattice: FittedLattice, columns: AtomColumns) -> None:
    """Draw a and b from the member nearest to the middle of the image."""
    away = np.hypot(*(columns.positions - columns.positions.mean(axis=0)).T)
    start = columns.positions[lattice.members[np.argmin(away[lattice.members])]]
    for vector in lattice.vectors:
        ends = _nanometres(columns, np.array([start, start + vector]))
        axes.annotate("", ends[1], ends[0], arrowprops={"arrowstyle": "->", "color": COLOURS[0], "linewidth": 1.8})


def _lattice_text(lattice: FittedLattice | None) -> str:
    """Return lengths and angle of a lattice, as they stand above the micrograph."""
    if lattice is None:
        return ""
    a, b = lattice.lengths
    return f"; a {a:.3f}, b {b:.3f} Å, {lattice.angle:.1f}°"

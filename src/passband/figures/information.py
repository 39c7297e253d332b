"""Figures of the information transfer ε, the overlap σ and the difference Δε over the coefficients of a lens."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from passband.figures.style import (
    INK,
    LEGEND,
    ORANGE,
    SHADE,
    Array,
    draw_colourbar,
    label_axes,
)

_MARKERS = ("o", "s", "^", "D")


def information_map_figure(
    c10: Array, c30: Array, epsilon: Array, *, title: str, marks: Mapping[str, tuple[float, float]] | None = None
) -> Figure:
    """ε over C10 and C30 (Å; drawn in nm and mm), rows of `epsilon` being C30; `marks` are named (C10, C30)."""
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    axes = figure.subplots()
    darkest = float(np.nanpercentile(epsilon, 0.5))  # the lens without phase, ε = 0, would take half the scale
    mesh = axes.pcolormesh(
        c10 / 10.0, c30 / 1e7, epsilon, cmap="viridis", vmin=darkest, shading="nearest", rasterized=True
    )
    for marker, colour, (name, (x, y)) in zip(_MARKERS, ("white", ORANGE), (marks or {}).items(), strict=False):
        inside = c10.min() <= x <= c10.max() and c30.min() <= y <= c30.max()
        if inside:
            (point,) = axes.plot(x / 10.0, y / 1e7, marker=marker, color=colour, markersize=7, label=name)
            point.set_linestyle("none")
            point.set_markeredgecolor(INK)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=LEGEND, loc="lower left", facecolor=SHADE, framealpha=0.9)
    label_axes(axes, "C10 = −defocus (nm)", "C30 = Cs (mm)", title)
    draw_colourbar(figure, mesh, axes, "information transfer ε", extend="min")
    return figure

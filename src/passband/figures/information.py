"""Figures of the information transfer ε, the overlap σ and the difference Δε over the coefficients of a lens."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from passband.figures.style import (
    BLUE,
    GREEN,
    INK,
    LEGEND,
    ORANGE,
    PURPLE,
    SHADE,
    ZERO,
    Array,
    draw_colourbar,
    draw_legend,
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


def information_line_figure(
    c10: Array, curves: Mapping[str, Array], *, title: str, marks: Sequence[float] = ()
) -> Figure:
    """ε against C10 (Å; drawn in nm), one curve per variant; `marks` are C10 to point out."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for colour, (name, epsilon) in zip((BLUE, ORANGE, GREEN, PURPLE), curves.items(), strict=False):
        axes.plot(c10 / 10.0, epsilon, color=colour, linewidth=1.2, label=name)
    for index, mark in enumerate(marks):
        label = "maxima and minima" if index == 0 else None
        axes.axvline(mark / 10.0, color=ZERO, linewidth=0.6, linestyle=":", label=label)
    draw_legend(axes)
    axes.set_xlim(float(c10[0]) / 10.0, float(c10[-1]) / 10.0)
    label_axes(axes, "C10 = −defocus (nm)", "information transfer ε", title)
    return figure


def overlap_figure(c10: Array, panels: Sequence[tuple[str, Array, Array]]) -> Figure:
    """σ and Δε between every two C10 (Å; drawn in nm), a row for each (title, σ, Δε); rows of the maps: evaluation."""
    figure = Figure(figsize=(8.6, 0.3 + 3.5 * len(panels)), layout="constrained")
    grid = figure.subplots(len(panels), 2, squeeze=False)
    extreme = max(float(np.nanpercentile(np.abs(delta), 99)) for *_, delta in panels) or 1.0
    lowest = min(float(np.nanmin(sigma)) for _, sigma, _ in panels)
    for (left, right), (title, sigma, delta) in zip(grid, panels, strict=True):
        edges = c10 / 10.0
        shown = left.pcolormesh(
            edges, edges, sigma, cmap="magma", shading="nearest", vmin=lowest, vmax=1.0, rasterized=True
        )
        draw_colourbar(figure, shown, left, "overlap σ", shrink=0.9, extend="neither")
        shown = right.pcolormesh(
            edges, edges, delta, cmap="RdBu_r", shading="nearest", vmin=-extreme, vmax=extreme, rasterized=True
        )
        draw_colourbar(figure, shown, right, "Δε = ε′ − ε", shrink=0.9, extend="both")
        for axes, quantity in ((left, "σ"), (right, "Δε")):
            axes.set_facecolor(ZERO)  # where the CTF vanishes σ has no value
            axes.set_aspect("equal")
            label_axes(axes, "training C10 (nm)", "evaluation C10′ (nm)", f"{quantity}, {title}")
    return figure

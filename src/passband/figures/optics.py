"""Figures of what a microscope transfers: CTF curves, maps of ε, σ and Δε. Arrays in, a Figure out."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from numpy.typing import NDArray

Array = NDArray[np.float64]

INK = "#1f2a37"
COLOURS = ("#2563eb", "#ff7a00", "#19a974", "#9333ea")
MARKERS = ("o", "s", "^", "D")


class Curve(NamedTuple):
    """One CTF: T at each q, its envelope, and the extremes of T over the azimuth (equal to T when round)."""

    transfer: Array
    envelope: Array
    lowest: Array
    highest: Array


def _dress(axes: Axes, xlabel: str, ylabel: str, title: str = "") -> None:
    axes.set_xlabel(xlabel, fontsize=9)
    axes.set_ylabel(ylabel, fontsize=9)
    if title:
        axes.set_title(title, fontsize=9, loc="left", color=INK)
    axes.tick_params(labelsize=8, colors=INK)


def ctf_figure(q: Array, curves: Mapping[str, Curve]) -> Figure:
    """T(q) along azimuth 0 of one or more conditions, in its envelope; the band is the range over all azimuths."""
    figure = Figure(figsize=(7.2, 0.5 + 2.2 * len(curves)), layout="constrained")
    panels = figure.subplots(len(curves), 1, sharex=True, squeeze=False)[:, 0]
    for axes, colour, (name, curve) in zip(panels, COLOURS * 4, curves.items(), strict=False):
        axes.plot(q, curve.envelope, color="#64748b", linewidth=0.8, linestyle="--", label="envelope")
        axes.plot(q, -curve.envelope, color="#64748b", linewidth=0.8, linestyle="--")
        if not np.allclose(curve.lowest, curve.highest, atol=1e-6):
            axes.fill_between(
                q, curve.lowest, curve.highest, color=colour, alpha=0.2, linewidth=0, label="all azimuths"
            )
        axes.plot(q, curve.transfer, color=colour, linewidth=1.0, label="T, azimuth 0")
        axes.axhline(0.0, color="#9ca3af", linewidth=0.6)
        axes.set_ylim(-1.05, 1.05)
        axes.set_xlim(0.0, float(q[-1]))
        _dress(axes, "", "contrast transfer T", name)
        axes.legend(fontsize=7, frameon=False, loc="upper right", ncols=3)
    panels[-1].set_xlabel("spatial frequency q (Å⁻¹)", fontsize=9)
    return figure


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
    for marker, colour, (name, (x, y)) in zip(MARKERS, ("white", "#ff7a00"), (marks or {}).items(), strict=False):
        inside = c10.min() <= x <= c10.max() and c30.min() <= y <= c30.max()
        if inside:
            (point,) = axes.plot(x / 10.0, y / 1e7, marker=marker, color=colour, markersize=7, label=name)
            point.set_linestyle("none")
            point.set_markeredgecolor(INK)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7, loc="lower left", facecolor="#cbd5e1", framealpha=0.9)
    _dress(axes, "C10 = −defocus (nm)", "C30 = Cs (mm)", title)
    colourbar = figure.colorbar(mesh, ax=axes, extend="min")
    colourbar.set_label("information transfer ε", fontsize=9)
    colourbar.ax.tick_params(labelsize=8)
    return figure


def information_line_figure(
    c10: Array, curves: Mapping[str, Array], *, title: str, marks: Sequence[float] = ()
) -> Figure:
    """ε against C10 (Å; drawn in nm), one curve per variant; `marks` are C10 to point out."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for colour, (name, epsilon) in zip(COLOURS, curves.items(), strict=False):
        axes.plot(c10 / 10.0, epsilon, color=colour, linewidth=1.2, label=name)
    for index, mark in enumerate(marks):
        label = "maxima and minima" if index == 0 else None
        axes.axvline(mark / 10.0, color="#9ca3af", linewidth=0.6, linestyle=":", label=label)
    axes.legend(fontsize=7, frameon=False)
    axes.set_xlim(float(c10[0]) / 10.0, float(c10[-1]) / 10.0)
    _dress(axes, "C10 = −defocus (nm)", "information transfer ε", title)
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
        _colour(figure, left, shown, "overlap σ", "neither")
        shown = right.pcolormesh(
            edges, edges, delta, cmap="RdBu_r", shading="nearest", vmin=-extreme, vmax=extreme, rasterized=True
        )
        _colour(figure, right, shown, "Δε = ε′ − ε", "both")
        for axes, quantity in ((left, "σ"), (right, "Δε")):
            axes.set_facecolor("#9ca3af")  # where the CTF vanishes σ has no value
            axes.set_aspect("equal")
            _dress(axes, "training C10 (nm)", "evaluation C10′ (nm)", f"{quantity}, {title}")
    return figure


def _colour(figure: Figure, axes: Axes, shown: QuadMesh, label: str, extend: Literal["neither", "both"]) -> None:
    colourbar = figure.colorbar(shown, ax=axes, shrink=0.9, extend=extend)
    colourbar.set_label(label, fontsize=9)
    colourbar.ax.tick_params(labelsize=8)

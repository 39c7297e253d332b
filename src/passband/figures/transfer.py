"""Figures of what a microscope transfers: the contrast transfer of settings, and of the conditions of a plan."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from passband.figures.style import (
    BLUE,
    COLOURS,
    GREEN,
    GREY,
    INK,
    LABEL,
    ORANGE,
    PURPLE,
    SHADE,
    TICK,
    ZERO,
    draw_legend,
    label_axes,
)
from passband.microscope.information.curves import Array, TransferCurve


def ctf_figure(q: Array, curves: Mapping[str, TransferCurve]) -> Figure:
    """T(q) along azimuth 0 of one or more conditions, in its envelope; the band is the range over all azimuths."""
    figure = Figure(figsize=(7.2, 0.5 + 2.2 * len(curves)), layout="constrained")
    panels = figure.subplots(len(curves), 1, sharex=True, squeeze=False)[:, 0]
    for axes, colour, (name, curve) in zip(panels, (BLUE, ORANGE, GREEN, PURPLE) * 4, curves.items(), strict=False):
        axes.plot(q, curve.envelope, color=GREY, linewidth=0.8, linestyle="--", label="envelope")
        axes.plot(q, -curve.envelope, color=GREY, linewidth=0.8, linestyle="--")
        if not np.allclose(curve.lowest, curve.highest, atol=1e-6):
            axes.fill_between(
                q, curve.lowest, curve.highest, color=colour, alpha=0.2, linewidth=0, label="all azimuths"
            )
        axes.plot(q, curve.transfer, color=colour, linewidth=1.0, label="T, azimuth 0")
        axes.axhline(0.0, color=ZERO, linewidth=0.6)
        axes.set_ylim(-1.05, 1.05)
        axes.set_xlim(0.0, float(q[-1]))
        label_axes(axes, "", "contrast transfer T", name)
        draw_legend(axes, loc="upper right", ncols=3)
    panels[-1].set_xlabel("spatial frequency q (Å⁻¹)", fontsize=LABEL)
    return figure


def mean_transfer_figure(q: NDArray[Any], curves: Mapping[str, NDArray[Any]], trained: NDArray[Any]) -> Figure:
    """Root-mean-square contrast transfer of each named condition over the one that was trained through."""
    columns = min(3, len(curves))
    rows = -(-len(curves) // columns)
    figure = Figure(figsize=(9.6, 1.9 * rows + 0.4), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(curves) :]:
        axes.set_visible(False)
    for axes, colour, (name, curve) in zip(grid.flat, COLOURS * 4, curves.items(), strict=False):
        axes.fill_between(q, trained, color=SHADE, linewidth=0, label="training")
        axes.plot(q, curve, color=colour, linewidth=1.2, label=name)
        axes.set_title(name, fontsize=LABEL)
        axes.tick_params(labelsize=TICK, colors=INK)
    for axes in grid[-1]:
        axes.set_xlabel("spatial frequency q (Å⁻¹)", fontsize=8)
    for axes in grid[:, 0]:
        axes.set_ylabel("rms |T(q)|", fontsize=8)
    return figure

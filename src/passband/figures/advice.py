"""Figure of advice: predicted loss over the conditions that a microscope can reach."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from passband.figures.style import GRID, INK, LABEL, ORANGE, Array, draw_colourbar, label_axes
from passband.verdict.evidence import LossThresholds
from passband.verdict.loss_map import LossMap


def loss_maps_figure(maps: Sequence[tuple[str, LossMap]], *, thresholds: LossThresholds) -> Figure:
    """Predicted loss over reachable conditions, the mean of images taken so.

    The white line bounds where it is below that of 90 % of the data sets inside the training, the dashed one where even
    the lower end of the interval is above that of 99 %.
    """
    figure = Figure(figsize=(5.4 * len(maps), 4.2), layout="constrained")
    panels = figure.subplots(1, len(maps), squeeze=False)[0]
    everything = np.concatenate([one.loss.value.ravel() for _, one in maps])
    bounds = float(np.nanmin(everything)), float(max(np.nanmax(everything), thresholds.usual * 1.2))
    for axes, (title, one) in zip(panels, maps, strict=True):
        lines = {"solid": (one.loss.value, thresholds.usual), "dashed": (one.loss.low, thresholds.worst)}
        mesh = _draw_map(axes, one, bounds, lines)
        axes.set_title(title, fontsize=LABEL, loc="left", color=INK)
    scale = draw_colourbar(figure, mesh, list(panels), "predicted loss (paper scale)").yaxis
    scale.set_major_formatter("{x:.2g}")
    scale.set_minor_formatter("{x:.2g}")
    note = f"star: least loss; white: as usual inside the training, below {thresholds.usual:.2g}; dashed: even the low "
    note += f"end of the interval is above the worst inside, {thresholds.worst:.2g}; grey: not calibrated"
    figure.supxlabel(note, fontsize=8, color=INK)
    return figure


def _draw_map(
    axes: Axes, one: LossMap, bounds: tuple[float, float], lines: Mapping[str, tuple[Array, float]]
) -> QuadMesh:
    """Draw one map, a white line of each style where its values pass its limit, and a star where the loss is least."""
    x, y = (axis.values / axis.divisor for axis in (one.first, one.second))
    options: dict[str, Any] = {"cmap": "viridis_r", "norm": "log", "vmin": bounds[0], "vmax": bounds[1]}
    mesh = axes.pcolormesh(x, y, one.loss.value, shading="nearest", rasterized=True, **options)
    for style, (values, limit) in lines.items():
        if float(np.nanmin(values)) < limit < float(np.nanmax(values)):
            axes.contour(x, y, values, levels=[limit], colors="white", linewidths=1.4, linestyles=style)
    axes.set_facecolor(GRID)  # beyond what was calibrated
    j, i = divmod(int(np.nanargmin(one.loss.value)), len(x))
    axes.plot(x[i], y[j], marker="*", markersize=11, color=ORANGE, markeredgecolor=INK, clip_on=False)
    if one.first.logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if x[-1] < 30.0 * x[0] else (1.0,)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    label_axes(axes, one.first.label, one.second.label)
    return mesh

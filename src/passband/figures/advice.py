"""Figure of advice: predicted loss over the conditions that a microscope can reach."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from passband.figures.style import GRID, INK, LABEL, ORANGE, Array, draw_colourbar, label_axes
from passband.verdict.advice import LossMap


def loss_maps_figure(maps: Sequence[tuple[str, LossMap]], *, usual: float, worst: float) -> Figure:
    """Predicted loss over reachable conditions; the lines bound where the network holds and where it is outside.

    `usual` and `worst` are the losses that `verdict.verdict` measures with: the white line bounds where the predicted
    loss is usual, the dashed one where the lower end of the interval passes the worst inside the training.
    """
    figure = Figure(figsize=(5.4 * len(maps), 4.2), layout="constrained")
    panels = figure.subplots(1, len(maps), squeeze=False)[0]
    everything = np.concatenate([one.loss.value.ravel() for _, one in maps])
    bounds = float(np.nanmin(everything)), float(max(np.nanmax(everything), usual * 1.2))
    for axes, (title, one) in zip(panels, maps, strict=True):
        mesh = _draw_map(axes, one, bounds, {"solid": (one.loss.value, usual), "dashed": (one.loss.low, worst)})
        axes.set_title(title, fontsize=LABEL, loc="left", color=INK)
    scale = draw_colourbar(figure, mesh, list(panels), "predicted loss (paper scale)").yaxis
    scale.set_major_formatter("{x:.2g}")
    scale.set_minor_formatter("{x:.2g}")
    note = (
        f"star: least loss; white: holds where the loss is below {usual:.2g}; dashed: outside, where even the low end "
    )
    note += f"of the interval exceeds {worst:.2g}; grey: not calibrated"
    figure.supxlabel(note, fontsize=8, color=INK)
    return figure


def _draw_map(
    axes: Axes, one: LossMap, bounds: tuple[float, float], lines: Mapping[str, tuple[Array, float]]
) -> QuadMesh:
    """Draw one map, a white line of each style where its values pass its limit, and a star where the loss is least."""
    (x, x_name), (y, y_name) = _shown(one.first.name, one.first.values), _shown(one.second.name, one.second.values)
    options: dict[str, Any] = {"cmap": "viridis_r", "norm": "log", "vmin": bounds[0], "vmax": bounds[1]}
    mesh = axes.pcolormesh(x, y, one.loss.value, shading="nearest", rasterized=True, **options)
    for style, (values, limit) in lines.items():
        if float(np.nanmin(values)) < limit < float(np.nanmax(values)):
            axes.contour(x, y, values, levels=[limit], colors="white", linewidths=1.4, linestyles=style)
    axes.set_facecolor(GRID)  # beyond what was calibrated
    j, i = divmod(int(np.nanargmin(one.loss.value)), len(x))
    axes.plot(x[i], y[j], marker="*", markersize=11, color=ORANGE, markeredgecolor=INK, clip_on=False)
    label_axes(axes, x_name, y_name)
    return mesh


def _shown(name: str, values: Array) -> tuple[Array, str]:
    """Values in the unit that people use, and the label."""
    if name.startswith("phi"):
        return values, f"{name} (rad)"
    factor, unit = (1e4, "µm") if name in ("C30", "C32", "C34") else (10.0, "nm")
    words = {"C10": "C10 = −defocus", "C30": "C30 = Cs", "C12": "C12, two-fold astigmatism"}
    return values / factor, f"{words.get(name, name)} ({unit})"

"""Figures of the pairs: loss over (σ, Δε), a forecast against the loss, which measure ranks best."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from passband.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    TICK,
    ZERO,
    Array,
    draw_colourbar,
    draw_grid,
    draw_legend,
    label_axes,
)

_OWN, _OTHER = ORANGE, BLUE


def _dress(axes: Axes, x: str, y: str, title: str) -> None:
    label_axes(axes, x, y, title)
    draw_grid(axes)
    axes.set_axisbelow(True)


def transfer_loss_figure(sigma: Array, delta_epsilon: Array, loss: Array, induced: Array) -> Figure:
    """Fig. 5 of arXiv 2512.09067: loss, and induced loss, of every pair over σ (reversed) and Δε."""
    figure = Figure(figsize=(9.6, 4.0), layout="constrained")
    extreme = float(np.nanpercentile(np.abs(induced), 98)) or 1.0
    panels = (
        ("(a) loss (paper scale)", loss, "viridis", *np.nanpercentile(loss, (2, 98))),
        ("(b) induced loss", induced, "RdBu_r", -extreme, extreme),
    )
    for axes, (title, values, colours, low, high) in zip(figure.subplots(1, 2, sharey=True), panels, strict=True):
        order = np.argsort(np.abs(values - np.nanmedian(values)))  # the unusual on top
        points = axes.scatter(
            sigma[order], delta_epsilon[order], c=values[order], cmap=colours, vmin=low, vmax=high, s=14, linewidths=0
        )
        axes.invert_xaxis()
        axes.axhline(0.0, color=ZERO, linewidth=0.6)
        _dress(axes, "overlap σ with the training", "Δε = ε′ − ε", title)
        draw_colourbar(figure, points, axes, extend="both")
    return figure


def forecast_figure(panels: Sequence[tuple[str, Array, str, Array]], own: NDArray[np.bool_]) -> Figure:
    """Losses against forecasts, a panel for each (title, forecast, label of the loss, loss); `own` pairs stand out."""
    figure = Figure(figsize=(4.6 * len(panels), 3.9), layout="constrained")
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, forecast, label, loss) in zip(grid, panels, strict=True):
        axes.scatter(forecast[~own], loss[~own], s=9, color=_OTHER, alpha=0.45, linewidths=0, label="other data sets")
        axes.scatter(forecast[own], loss[own], s=14, color=_OWN, linewidths=0, label="the training's own")
        _dress(axes, "forecast before training", label, title)
        draw_legend(axes)
    return figure


def ranking_figure(
    estimates: Mapping[str, Mapping[str, tuple[float, float, float]]], ceiling: Mapping[str, float]
) -> Figure:
    """Spearman's ρ of each measure with its 95 % interval, a panel per target; dashed: what another seed achieves."""
    names = list(next(iter(estimates.values())))
    figure = Figure(figsize=(4.9 * len(estimates), 0.9 + 0.24 * len(names)), layout="constrained")
    grid = figure.subplots(1, len(estimates), sharey=True, squeeze=False)[0]
    place = np.arange(len(names))[::-1]
    for axes, (target, found) in zip(grid, estimates.items(), strict=True):
        value, low, high = np.array([found[name] for name in names]).T
        axes.hlines(place, low, high, color=GREY, linewidth=1.4)
        axes.scatter(value, place, s=22, color=[_OWN if "observer" in name else _OTHER for name in names], zorder=3)
        axes.axvline(0.0, color=ZERO, linewidth=0.6)
        if np.isfinite(ceiling.get(target, np.nan)):
            axes.axvline(ceiling[target], color=INK, linewidth=0.8, linestyle="--", label="another seed")
            draw_legend(axes, loc="lower left")
        axes.set_yticks(place, names, fontsize=TICK)
        _dress(axes, "Spearman's ρ", "", target)
    return figure

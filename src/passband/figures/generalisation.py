"""Figures of how networks generalise: losses and scores over (σ, Δε), matrices of losses, forecasts and rankings."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from passband.figures.style import (
    BLUE,
    GREY,
    INK,
    LABEL,
    LEGEND,
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
_MOST_LABELS = 45  # along an axis of a matrix; more cannot be read


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


def score_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """σ (reversed, as the paper draws it) and Δε of each named condition, coloured by the Dice of a network there."""
    figure = Figure(figsize=(5.6, 3.4), layout="constrained")
    axes = figure.subplots()
    points = axes.scatter(
        [row["sigma"] for row in rows],
        [row["delta_epsilon"] for row in rows],
        c=[row["dice"] for row in rows],
        cmap="viridis",
        vmin=0.0,
        vmax=1.0,
        s=70,
        edgecolors=INK,
        linewidths=0.6,
    )
    for row in rows:
        place = (row["sigma"], row["delta_epsilon"])
        axes.annotate(str(row["condition"]), place, (5, 5), textcoords="offset points", fontsize=LEGEND)
    axes.invert_xaxis()
    axes.margins(0.15)
    axes.axhline(0.0, color=ZERO, linewidth=0.6)
    label_axes(axes, "overlap with the training conditions, σ", "difference of information, Δε")
    figure.colorbar(points, ax=axes, label="Dice")
    return figure


def loss_matrix_figure(trainings: Sequence[str], evaluations: Sequence[str], losses: Array, title: str) -> Figure:
    """Mean losses (training, evaluation) as a heat map; white where there is none."""
    height, width = (min(9.0, 2.2 + 0.24 * len(names)) for names in (trainings, evaluations))
    figure = Figure(figsize=(max(4.8, width + 1.6), max(3.2, height)), layout="constrained")
    axes = figure.subplots()
    shown = axes.imshow(losses, cmap="viridis", aspect="auto", interpolation="nearest")
    axes.set_yticks(*_labelled(trainings), fontsize=LEGEND)
    axes.set_xticks(*_labelled(evaluations), fontsize=LEGEND, rotation=90)
    axes.set_ylabel("trained on", fontsize=LABEL)
    axes.set_xlabel("evaluated on", fontsize=LABEL)
    axes.set_title(title, fontsize=LABEL)
    figure.colorbar(shown, ax=axes, label="mean loss (scale of arXiv 2512.09067)")
    return figure


def _labelled(names: Sequence[str]) -> tuple[range, Sequence[str]]:
    every = -(-len(names) // _MOST_LABELS)
    return range(0, len(names), every), names[::every]

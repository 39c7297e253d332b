"""Figures of how networks generalise: scores over (σ, Δε), and matrices of losses."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from passband.figures.style import (
    INK,
    LABEL,
    LEGEND,
    ZERO,
    Array,
    draw_colourbar,
    label_axes,
)

_MOST_LABELS = 45  # along an axis of a matrix; more cannot be read


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
    draw_colourbar(figure, shown, axes, "mean loss (paper scale)")
    return figure


def _labelled(names: Sequence[str]) -> tuple[range, Sequence[str]]:
    every = -(-len(names) // _MOST_LABELS)
    return range(0, len(names), every), names[::every]

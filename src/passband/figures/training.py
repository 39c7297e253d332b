"""Figure of how a network learned: losses and scores after every epoch."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from passband.figures.style import COLOURS, draw_grid, draw_legend, label_axes


def learning_figure(
    epochs: Sequence[float], losses: Mapping[str, Sequence[float]], scores: Mapping[str, Sequence[float]]
) -> Figure:
    """Losses (logarithmic) and the Dice of each named condition against the epoch."""
    figure = Figure(figsize=(9.6, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, curves in ((left, losses), (right, scores)):
        for colour, (name, values) in zip(COLOURS * 4, curves.items(), strict=False):
            axes.plot(epochs, values, color=colour, linewidth=1.5, label=name, marker="o", markersize=2.5)
        draw_grid(axes)
        if curves:
            draw_legend(axes)
    label_axes(left, "epoch", "loss (nats per pixel)")
    label_axes(right, "epoch", "Dice on validation structures")
    if any(value > 0 for values in losses.values() for value in values):
        left.set_yscale("log")
    right.set_ylim(0.0, 1.02)
    return figure

"""Figure of how a translation was learned: parts of the loss, and what became of columns and contrast."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from passband.durable import write_atomically
from passband.figures.style import COLOURS, GREY, draw_grid, draw_legend, label_axes, to_png
from passband.training.history import read_history

CURVES = "curves.png"
_PARTS = ("adversarial", "cycle", "contrast", "identity", "loss_discriminators")
_KEPT = {
    "column_shift_px": "shift of all columns (px)",
    "column_displacement_px": "displacement of each (px)",
    "inverted": "share of inverted images",
}


def translation_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the rows of the history of a translation against the step."""
    figure = Figure(figsize=(9.6, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = [row["step"] for row in rows]
    parts = {name: name.removeprefix("loss_").replace("_", " ") for name in _PARTS if name in rows[0]}
    for axes, curves in ((left, parts), (right, _KEPT)):
        for colour, (name, label) in zip(COLOURS, curves.items(), strict=False):
            values = [row[name] for row in rows]
            axes.plot(steps, values, color=colour, linewidth=1.5, marker="o", markersize=2.5, label=label)
        draw_grid(axes)
    right.axhline(0.3, color=GREY, linestyle="--", linewidth=0.8, label="alarm of displacements")
    right.set_ylim(bottom=0.0)
    for axes in (left, right):
        draw_legend(axes)
    left.set_yscale("log")
    label_axes(left, "step", "mean since the last validation", "parts of the loss")
    label_axes(right, "step", "at least, beyond noise", "what became of the columns")
    return figure


def draw_curves(folder: Path) -> None:
    """Write `curves.png` from the history in a folder, as far as there is one."""
    path = folder / "history.parquet"
    if path.exists():
        write_atomically(folder / CURVES, to_png(translation_figure(read_history(path))))

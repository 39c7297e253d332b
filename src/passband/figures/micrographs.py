"""Figures of the report and of the overlays, drawn by matplotlib without a window and returned as PNG bytes."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from passband.files.writing import SOFTWARE

TRUTH = "#19a974"
PREDICTED = "#ff7a00"
INK = "#1f2a37"
COLOURS = ("#2563eb", "#19a974", "#ff7a00", "#9333ea", "#dc2626", "#0891b2", "#ca8a04", "#64748b")


def to_png(figure: Figure, *, dpi: int = 110) -> bytes:
    """Return a figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, facecolor="white", metadata={"Software": SOFTWARE})
    return buffer.getvalue()


def draw_micrograph(
    axes: Axes, image: NDArray[Any], pixel_size: tuple[float, float], *, masks: Mapping[str, NDArray[Any]] | None = None
) -> None:
    """Grey image with axes in nm, a scale bar, and the outline of each mask in its colour (colour → mask)."""
    height, width = (side * step / 10.0 for side, step in zip(image.shape, pixel_size, strict=True))  # nm
    low, high = np.percentile(image, (0.5, 99.5))
    extent = (0.0, width, height, 0.0)
    axes.imshow(image, cmap="gray", vmin=low, vmax=max(high, low + 1e-9), extent=extent, interpolation="nearest")
    for colour, mask in (masks or {}).items():
        if 0 < np.count_nonzero(mask) < mask.size:
            y = (np.arange(mask.shape[0]) + 0.5) * height / mask.shape[0]
            x = (np.arange(mask.shape[1]) + 0.5) * width / mask.shape[1]
            axes.contour(x, y, np.asarray(mask, dtype=float), levels=[0.5], colors=[colour], linewidths=1.2)
    axes.tick_params(labelsize=8, colors=INK)


def overlay(
    image: NDArray[Any], mask: NDArray[Any], pixel_size: tuple[float, float], *, truth: NDArray[Any] | None = None
) -> bytes:
    """Return the micrograph and its segmentation side by side; the truth's outline too where it is known."""
    aspect = min(2.0, max(0.5, image.shape[0] * pixel_size[0] / (image.shape[1] * pixel_size[1])))
    figure = Figure(figsize=(9.6, 4.6 * aspect + 0.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_micrograph(left, image, pixel_size)
    outlines = {PREDICTED: mask > 0} if truth is None else {TRUTH: truth > 0, PREDICTED: mask > 0}
    draw_micrograph(right, image, pixel_size, masks=outlines)
    for axes in (left, right):
        axes.set_xlabel("x (nm)", fontsize=9)
    left.set_ylabel("y (nm)", fontsize=9)
    left.set_title("micrograph", fontsize=10)
    right.set_title("network (orange)" if truth is None else "network (orange), truth (green)", fontsize=10)
    return to_png(figure)


def gallery(
    images: Sequence[NDArray[Any]], masks: Sequence[NDArray[Any]], titles: Sequence[str], pixel_size: float
) -> bytes:
    """Return example micrographs with the outline of the truth, four in a row."""
    columns = min(4, len(images))
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(2.5 * columns, 2.75 * rows), layout="constrained")
    for axes, image, mask, title in zip(
        figure.subplots(rows, columns, squeeze=False).flat, images, masks, titles, strict=False
    ):
        draw_micrograph(axes, image, (pixel_size, pixel_size), masks={TRUTH: mask > 0})
        axes.set_title(title, fontsize=8)
        axes.set_xlabel("nm", fontsize=8)
    return to_png(figure)


def learning_curves(
    epochs: Sequence[float], losses: Mapping[str, Sequence[float]], scores: Mapping[str, Sequence[float]]
) -> bytes:
    """Return the losses (logarithmic) and the Dice of each named condition against the epoch."""
    figure = Figure(figsize=(9.6, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, curves in ((left, losses), (right, scores)):
        for colour, (name, values) in zip(COLOURS * 4, curves.items(), strict=False):
            axes.plot(epochs, values, color=colour, linewidth=1.5, label=name, marker="o", markersize=2.5)
        axes.set_xlabel("epoch", fontsize=9)
        axes.grid(color="#e5e7eb", linewidth=0.6)
        axes.tick_params(labelsize=8, colors=INK)
        if curves:
            axes.legend(fontsize=7, frameon=False)
    left.set_ylabel("loss (nats per pixel)", fontsize=9)
    right.set_ylabel("Dice on validation structures", fontsize=9)
    if any(value > 0 for values in losses.values() for value in values):
        left.set_yscale("log")
    right.set_ylim(0.0, 1.02)
    return to_png(figure)


def transfer_curves(q: NDArray[Any], curves: Mapping[str, NDArray[Any]], trained: NDArray[Any]) -> bytes:
    """Return the rms contrast transfer of each named condition over the one that was trained through."""
    columns = min(3, len(curves))
    rows = -(-len(curves) // columns)
    figure = Figure(figsize=(9.6, 1.9 * rows + 0.4), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(curves) :]:
        axes.set_visible(False)
    for axes, colour, (name, curve) in zip(grid.flat, COLOURS * 4, curves.items(), strict=False):
        axes.fill_between(q, trained, color="#cbd5e1", linewidth=0, label="training")
        axes.plot(q, curve, color=colour, linewidth=1.2, label=name)
        axes.set_title(name, fontsize=9)
        axes.tick_params(labelsize=8, colors=INK)
    for axes in grid[-1]:
        axes.set_xlabel("spatial frequency q (Å⁻¹)", fontsize=8)
    for axes in grid[:, 0]:
        axes.set_ylabel("rms |T(q)|", fontsize=8)
    return to_png(figure)


def transfer_against_score(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return σ (reversed, as the paper draws it) and Δε of each condition, coloured by its Dice."""
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
        axes.annotate(
            str(row["condition"]), (row["sigma"], row["delta_epsilon"]), (5, 5), textcoords="offset points", fontsize=7
        )
    axes.invert_xaxis()
    axes.margins(0.15)
    axes.axhline(0.0, color="#9ca3af", linewidth=0.6)
    axes.set_xlabel("overlap with the training conditions, σ", fontsize=9)
    axes.set_ylabel("difference of information, Δε", fontsize=9)
    axes.tick_params(labelsize=8, colors=INK)
    figure.colorbar(points, ax=axes, label="Dice")
    return to_png(figure)

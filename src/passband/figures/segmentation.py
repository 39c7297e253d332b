"""Figures of micrographs and their masks: outlines beside the image, and a sheet of training examples."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from passband.figures.style import INK, LABEL, PREDICTED, TICK, TRUTH


def draw_micrograph(
    axes: Axes, image: NDArray[Any], pixel_size: tuple[float, float], *, masks: Mapping[str, NDArray[Any]] | None = None
) -> None:
    """Grey image with axes in nm and the outline of each mask in its colour (colour → mask)."""
    height, width = (side * step / 10.0 for side, step in zip(image.shape, pixel_size, strict=True))  # nm
    low, high = np.percentile(image, (0.5, 99.5))
    extent = (0.0, width, height, 0.0)
    axes.imshow(image, cmap="gray", vmin=low, vmax=max(high, low + 1e-9), extent=extent, interpolation="nearest")
    for colour, mask in (masks or {}).items():
        if 0 < np.count_nonzero(mask) < mask.size:
            y = (np.arange(mask.shape[0]) + 0.5) * height / mask.shape[0]
            x = (np.arange(mask.shape[1]) + 0.5) * width / mask.shape[1]
            axes.contour(x, y, np.asarray(mask, dtype=float), levels=[0.5], colors=[colour], linewidths=1.2)
    axes.tick_params(labelsize=TICK, colors=INK)


def side_by_side(shape: tuple[int, ...], pixel_size: tuple[float, float]) -> tuple[Figure, Axes, Axes]:
    """Return a figure with two panels for images of `shape` (y, x), as high as they are."""
    aspect = min(2.0, max(0.5, shape[0] * pixel_size[0] / (shape[1] * pixel_size[1])))
    figure = Figure(figsize=(9.6, 4.6 * aspect + 0.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    return figure, left, right


def overlay_figure(
    image: NDArray[Any], mask: NDArray[Any], pixel_size: tuple[float, float], *, truth: NDArray[Any] | None = None
) -> Figure:
    """Micrograph (y, x) and its segmentation side by side; the truth's outline too where it is known."""
    figure, left, right = side_by_side(image.shape, pixel_size)
    draw_micrograph(left, image, pixel_size)
    outlines = {PREDICTED: mask > 0} if truth is None else {TRUTH: truth > 0, PREDICTED: mask > 0}
    draw_micrograph(right, image, pixel_size, masks=outlines)
    for axes in (left, right):
        axes.set_xlabel("x (nm)", fontsize=LABEL)
    left.set_ylabel("y (nm)", fontsize=LABEL)
    left.set_title("micrograph", fontsize=10)
    right.set_title("network (orange)" if truth is None else "network (orange), truth (green)", fontsize=10)
    return figure


def examples_figure(
    images: Sequence[NDArray[Any]], masks: Sequence[NDArray[Any]], titles: Sequence[str], pixel_size: float
) -> Figure:
    """Micrographs (y, x) of one pixel size (Å) with the outline of the truth, four in a row."""
    columns = min(4, len(images))
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(2.5 * columns, 2.75 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for axes, image, mask, title in zip(panels, images, masks, titles, strict=False):
        draw_micrograph(axes, image, (pixel_size, pixel_size), masks={TRUTH: mask > 0})
        axes.set_title(title, fontsize=8)
        axes.set_xlabel("nm", fontsize=8)
    return figure

"""Figures of what varies from atom to atom: manifold, latents on the frame, kinds of patches, principal components."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from passband.figures.segmentation import draw_micrograph
from passband.figures.style import (
    BLUE,
    GREY,
    LEGEND,
    ORANGE,
    Array,
    draw_colourbar,
    draw_grid,
    draw_legend,
    label_axes,
    signed,
)

_MANY = 400  # atoms, from which on panels are larger
_MARK = 0.6  # of the mean distance between atoms: the diameter of a mark


def manifold_figure(
    sheet: NDArray[Any], *, first: tuple[float, float] = (-1.65, 1.65), second: tuple[float, float] = (-1.65, 1.65)
) -> Figure:
    """Draw images of a grid of latents (side, side, h, w), z1 to the right and z2 down, from end to end of each.

    Grey values are those within the circle that fits into a patch: corners of turned patches were seen by nobody.
    """
    side, _, height, width = sheet.shape
    y, x = ((np.arange(length) - 0.5 * (length - 1)) / (0.5 * length) for length in (height, width))
    seen = sheet[:, :, np.hypot(*np.meshgrid(y, x, indexing="ij")) <= 1.0]
    figure = Figure(figsize=(5.4, 5.2 * height / width + 0.3), layout="constrained")
    axes = figure.subplots()
    whole = sheet.transpose(0, 2, 1, 3).reshape(side * height, side * width)
    shown = axes.imshow(whole, cmap="gray", interpolation="nearest", vmin=seen.min(), vmax=seen.max())
    for place in range(1, side):  # between patches
        axes.axhline(place * height - 0.5, color="white", linewidth=0.6)
        axes.axvline(place * width - 0.5, color="white", linewidth=0.6)
    every = max(1, (side - 1) // 4)
    ticks = np.arange(0, side, every)
    for (low, high), length, write in ((first, width, axes.set_xticks), (second, height, axes.set_yticks)):
        values = low + (high - low) * ticks / max(1, side - 1)
        write((ticks + 0.5) * length - 0.5, [signed(f"{value:.3g}") for value in values])
    label_axes(axes, "z1 (no unit)", "z2 (no unit)", "patches of the manifold")
    draw_colourbar(figure, shown, axes, "intensity (units of the image)", shrink=0.8)
    return figure


def latent_maps_figure(
    image: NDArray[Any],
    places: Array,
    latents: Mapping[str, NDArray[Any]],
    pixel_size: tuple[float, float],
    *,
    periods: Mapping[str, float] | None = None,
    across: int | None = None,
) -> Figure:
    """Draw each latent of atoms on the frame that they are in.

    Parameters
    ----------
    image
        (y, x).
    places
        (n, 2): y, x in pixels.
    latents
        Values (n,) by what they are called, with the unit: "angle (°)". Whole numbers are kinds, with a colour each.
    pixel_size
        (y, x) in Å.
    periods
        Of those that are angles, by the same names and in the same unit; their colours are a circle.
    across
        Panels in a row; None: three, or two where there are many atoms.
    """
    usual, panel = (3, 3.4) if len(places) < _MANY else (2, 5.2)  # inches
    across = min(across or usual, len(latents))
    down = -(-len(latents) // across)
    aspect = min(2.0, max(0.5, image.shape[0] * pixel_size[0] / (image.shape[1] * pixel_size[1])))
    figure = Figure(figsize=((panel + 0.7) * across, (panel * aspect + 0.5) * down), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for (name, values), axes in zip(latents.items(), panels, strict=False):
        draw_micrograph(axes, image, pixel_size)
        y, x = (places + 0.5).T * np.array(pixel_size)[:, None] / 10.0
        per_atom = panel * 72.0 / np.sqrt(max(len(places), 1) * image.shape[1] / image.shape[0])
        area = min(60.0, max(1.0, (_MARK * per_atom) ** 2))
        colours, ticks = _colours(values, (periods or {}).get(name))
        shown = axes.scatter(x, y, s=area, linewidths=0.0, **colours)
        label_axes(axes, "x (nm)", "y (nm)")
        draw_colourbar(figure, shown, axes, name, shrink=0.8, ticks=ticks)
    for axes in panels[len(latents) :]:
        axes.set_axis_off()
    return figure


def _colours(values: NDArray[Any], period: float | None) -> tuple[dict[str, Any], NDArray[Any] | None]:
    """Values and their scale as `scatter` takes them, and the ticks of it; None: any."""
    if period is not None:
        return {"c": np.mod(values, period), "cmap": "twilight", "vmin": 0.0, "vmax": period}, None
    if values.dtype.kind in "iu":
        count = 1 + int(values.max(initial=0))
        few = ListedColormap([colormaps["tab10"](number) for number in range(max(count, 2))])
        table = few if count <= 10 else colormaps["tab20"].resampled(count)
        every = max(1, -(-count // 20))
        return {"c": values, "cmap": table, "vmin": -0.5, "vmax": max(count, 2) - 0.5}, np.arange(0, count, every)
    low, high = np.percentile(values, (1.0, 99.0)) if len(values) else (0.0, 1.0)
    return {"c": values, "cmap": "viridis", "vmin": low, "vmax": max(high, low + 1e-9)}, None


def components_figure(means: NDArray[Any], weights: Array, pixel_size: float) -> Figure:
    """Draw the mean image (m, h, w) of each kind of patch, most common first, with its share; `pixel_size` in Å."""
    across = min(8, len(means))
    down = -(-len(means) // across)
    figure = Figure(figsize=(1.35 * across + 0.9, 1.55 * down + 0.5), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False)
    height, width = (0.5 * side * pixel_size for side in means.shape[1:])
    shown = None
    for number, axes in enumerate(panels.flat):
        if number >= len(means):
            axes.set_axis_off()
            continue
        shown = axes.imshow(
            means[number],
            cmap="gray",
            vmin=means.min(),
            vmax=means.max(),
            extent=(-width, width, height, -height),
            interpolation="nearest",
        )
        leftmost, lowest = number % across == 0, number + across >= len(means)
        axes.tick_params(labelleft=leftmost, labelbottom=lowest)
        title = f"{number}: {100.0 * weights[number]:.3g} %"
        label_axes(axes, "x (Å)" if lowest else "", "y (Å)" if leftmost else "", title)
    draw_colourbar(figure, shown, panels, "intensity (units of the image)", shrink=0.9)
    return figure


def scree_figure(explained: Array) -> Figure:
    """Draw the part of the variance that each principal component explains, and that of the first of them together."""
    figure = Figure(figsize=(5.6, 3.2), layout="constrained")
    axes = figure.subplots()
    number = np.arange(1, len(explained) + 1)
    axes.bar(number, 100.0 * explained, color=BLUE, width=0.7, label="of each")
    axes.plot(number, 100.0 * np.cumsum(explained), "o-", color=ORANGE, markersize=3, linewidth=1.2, label="together")
    draw_grid(axes)
    axes.set_axisbelow(True)
    axes.set_ylim(0.0, 118.0)  # room for the legend
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    label_axes(axes, "principal component", "variance explained (%)")
    draw_legend(axes, loc="upper left", ncols=2)
    return figure


def bic_figure(bic: Mapping[int, float]) -> Figure:
    """Draw by how much the Bayesian information criterion exceeds its least, for each number of components."""
    figure = Figure(figsize=(5.6, 3.2), layout="constrained")
    axes = figure.subplots()
    number = sorted(bic)
    least = min(number, key=bic.__getitem__)
    axes.plot(number, [bic[one] - bic[least] for one in number], "o-", color=BLUE, markersize=4, linewidth=1.2)
    axes.axvline(least, color=GREY, linewidth=0.8, linestyle="--")
    axes.annotate(
        f"{least} components",
        (least, 0.95),
        xycoords=("data", "axes fraction"),
        fontsize=LEGEND,
        color=GREY,
        xytext=(4, 0),
        textcoords="offset points",
    )
    draw_grid(axes)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    label_axes(axes, "components of the mixture", "BIC above its least (nats × 2)")
    return figure

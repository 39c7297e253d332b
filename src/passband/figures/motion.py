"""Figures of a movie: latents, angles and rings against the frame, changes of class, paths and births of defects."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from passband.figures.segmentation import draw_micrograph
from passband.figures.style import (
    BLUE,
    COLOURS,
    FAINT,
    GREY,
    INK,
    LEGEND,
    ORANGE,
    SHADE,
    Array,
    draw_colourbar,
    draw_grid,
    draw_legend,
    label_axes,
)
from passband.latent.angles import AngleCourse
from passband.latent.motion import AtomPath, Course, DensityCourse, RingCourse
from passband.latent.transitions import Birth, Transitions

_RINGS = {5: BLUE, 6: GREY, 7: ORANGE}
_WRITTEN = 8  # classes: of more, probabilities are not written into the matrix


def course_figure(course: Course, name: str) -> Figure:
    """Draw median and quartiles of a latent, called `name` with its unit, against the frame."""
    figure = Figure(figsize=(6.4, 3.0), layout="constrained")
    axes = figure.subplots()
    axes.fill_between(course.frames, course.low, course.high, color=SHADE, linewidth=0.0, label="quartiles")
    axes.plot(course.frames, course.median, ".-", color=BLUE, markersize=4, linewidth=1.2, label="median")
    draw_grid(axes)
    _draw_frames(axes, course.frames)
    label_axes(axes, y=name)
    draw_legend(axes)
    return figure


def density_figure(course: DensityCourse, name: str) -> Figure:
    """Draw the density of a latent, called `name` with its unit: colours against the frame, of one frame a curve."""
    figure = Figure(figsize=(6.4, 3.2), layout="constrained")
    axes = figure.subplots()
    unit = name[name.index("(") + 1 : name.rindex(")")] if "(" in name else "no unit"
    density = "density" if unit == "no unit" else f"density (per {unit})"
    if len(course.frames) == 1:
        axes.plot(course.grid, course.density[0], color=BLUE, linewidth=1.4)
        axes.set_ylim(bottom=0.0)
        draw_grid(axes)
        label_axes(axes, name, density, f"frame {course.frames[0]}")
        return figure
    cells = _edges(course.frames), _edges(course.grid)
    shown = axes.pcolormesh(*cells, course.density.T, cmap="viridis", vmin=0.0, rasterized=True)
    _draw_frames(axes, course.frames)
    label_axes(axes, y=name)
    draw_colourbar(figure, shown, axes, density)
    return figure


def _draw_frames(axes: Axes, frames: NDArray[Any]) -> None:
    """Make the axis one of whole frames, from the first to the last."""
    axes.set_xlim(frames[0] - 0.5, frames[-1] + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    label_axes(axes, "frame")


def _edges(middles: NDArray[Any]) -> Array:
    """Edges of cells around two or more rising values (n,): halfway between them."""
    half = 0.5 * np.diff(middles)
    return np.concatenate([[middles[0] - half[0]], middles[:-1] + half, [middles[-1] + half[-1]]])


def angles_figure(course: AngleCourse) -> Figure:
    """Draw the folded histogram of angles in the first and the last frame, and of several all, and how flat each is."""
    several = len(course.frames) > 1
    figure = Figure(figsize=(10.6, 3.2) if several else (4.4, 3.2), layout="constrained")
    panels = figure.subplots(1, 3 if several else 1, squeeze=False)[0]
    edges = np.degrees(course.edges)
    flat = course.counts / course.counts.sum(axis=1, keepdims=True) * course.counts.shape[1]
    for number, colour in ((0, BLUE), (len(flat) - 1, ORANGE))[: 1 + several]:
        panels[0].stairs(flat[number], edges, color=colour, linewidth=1.4, label=f"frame {course.frames[number]}")
    panels[0].axhline(1.0, color=GREY, linewidth=0.8, linestyle="--", label="flat")
    panels[0].set_ylim(0.0, 1.3 * flat[[0, -1]].max())
    draw_grid(panels[0])
    draw_legend(panels[0], ncols=3, loc="upper center")
    label_axes(panels[0], "angle, folded (°)", "atoms over a flat distribution")
    if several:
        shown = panels[1].pcolormesh(_edges(course.frames), edges, flat.T, cmap="viridis", vmin=0.0, rasterized=True)
        _draw_frames(panels[1], course.frames)
        label_axes(panels[1], y="angle, folded (°)")
        draw_colourbar(figure, shown, panels[1], "atoms over a flat distribution")
        _draw_flatness(panels[2], course)
    return figure


def _draw_flatness(axes: Axes, course: AngleCourse) -> None:
    """Draw entropy and Kuiper's statistic against the frame."""
    for values, colour, name in (
        (course.entropy, BLUE, "entropy (flat: 1)"),
        (course.kuiper, ORANGE, "Kuiper V (flat: 0)"),
    ):
        axes.plot(course.frames, values, ".-", color=colour, markersize=4, linewidth=1.2, label=name)
    axes.set_ylim(0.0, 1.05)
    _draw_frames(axes, course.frames)
    label_axes(axes, y="flatness (no unit)")
    draw_grid(axes)
    draw_legend(axes)


def ring_course_figure(course: RingCourse) -> Figure:
    """Draw how many six-fold rings there are in each frame, and below how many others and holes."""
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    for number, (size, counts) in enumerate(course.counts.items()):
        colour = _RINGS.get(size, COLOURS[(3 + number) % len(COLOURS)])
        axes, width = (above if size == 6 else below), (3.0 if size == 5 else 1.2)  # seven-fold ones often are as many
        axes.plot(course.frames, counts, ".-", color=colour, markersize=5, linewidth=width, label=f"{size}-fold")
    below.plot(course.frames, course.holes, "--", color=INK, linewidth=1.0, label="holes")
    for axes in (above, below):
        draw_grid(axes)
        axes.set_ylim(0.0, 1.08 * max(1.0, axes.dataLim.y1))
    label_axes(above, y="6-fold rings")
    _draw_frames(below, course.frames)
    label_axes(below, y="other rings and holes")
    below.yaxis.set_major_locator(MaxNLocator(integer=True))
    draw_legend(below, ncols=3)
    return figure


def transitions_figure(found: Transitions, names: Sequence[str]) -> Figure:
    """Draw the probability of each change of class from a frame to the next, with its interval and count."""
    k = len(names)
    side = 2.4 + (0.85 if k <= _WRITTEN else 0.32) * k
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.subplots()
    axes.set_facecolor(SHADE)  # rows without atoms
    shown = axes.imshow(found.probability, cmap="Blues", vmin=0.0, vmax=1.0)
    for row, column in np.ndindex(k, k) if k <= _WRITTEN else ():
        if np.isfinite(found.probability[row, column]):
            axes.text(
                column,
                row,
                f"{found.probability[row, column]:.2f}\n{found.low[row, column]:.2f} to {found.high[row, column]:.2f}\n"
                f"n = {found.counts[row, column]}",
                ha="center",
                va="center",
                fontsize=LEGEND,
                color="white" if found.probability[row, column] > 0.55 else INK,
            )
    axes.set_xticks(range(k), names)
    axes.set_yticks(range(k), names)
    empty = int(np.isnan(found.probability[:, 0]).sum())
    title = f"{int(found.counts.sum())} atoms seen in a frame and the next" + (
        f"; grey: no atoms ({empty})" if empty else ""
    )
    label_axes(axes, "class in the next frame", "class in a frame", title)
    draw_colourbar(figure, shown, axes, "probability (no unit)", shrink=0.8)
    return figure


def paths_figure(paths: Sequence[AtomPath], *, most: int = 8) -> Figure:
    """Draw the longest paths of atoms through the first two latents, coloured by the frame, over all that was seen."""
    figure = Figure(figsize=(5.8, 4.6), layout="constrained")
    axes = figure.subplots()
    every = np.concatenate([path.latents[:, :2] for path in paths])
    ends = {"vmin": min(path.frames[0] for path in paths), "vmax": max(path.frames[-1] for path in paths)}
    axes.plot(*every.T, ".", color=SHADE, markersize=2.0, zorder=0)
    longest = sorted(paths, key=lambda path: -len(path.frames))[:most]
    for path in longest:
        z1, z2 = path.latents[:, :2].T
        axes.plot(z1, z2, color=FAINT, linewidth=0.8, zorder=1)
        shown = axes.scatter(z1, z2, c=path.frames, s=10, cmap="plasma", zorder=2, **ends)
    label_axes(axes, "z1 (no unit)", "z2 (no unit)", f"{len(longest)} of {len(paths)} atoms, those seen longest")
    draw_colourbar(figure, shown, axes, "frame")
    return figure


def births_figure(image: NDArray[Any], found: Sequence[Birth], pixel_size: tuple[float, float]) -> Figure:
    """Draw where atoms changed their state for good on a frame (y, x), coloured by when; `pixel_size` (y, x) in Å."""
    figure = Figure(figsize=(5.8, 4.8), layout="constrained")
    axes = figure.subplots()
    draw_micrograph(axes, image, pixel_size)
    places = np.array([(one.y_px, one.x_px) for one in found]).reshape(-1, 2)
    y, x = ((places + 0.5) * np.array(pixel_size) / 10.0).T
    label_axes(axes, "x (nm)", "y (nm)", f"{len(found)} atom{'s' * (len(found) != 1)} changed for good")
    if found:
        frames = [one.frame for one in found]
        shown = axes.scatter(x, y, c=frames, s=26, cmap="plasma", edgecolors="white", linewidths=0.6)
        draw_colourbar(figure, shown, axes, "frame of the change")
    return figure

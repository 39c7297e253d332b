"""σ and Δε between every two defoci, and the figures of ε along C10 and of those maps (the paper's Figs. 1b and 2)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from passband.figures.style import BLUE, GREEN, ORANGE, PURPLE, ZERO, Array, draw_colourbar, draw_legend, label_axes
from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import Conditions
from passband.microscope.information.information import compare_information
from passband.microscope.information.metric import Metric

_DEFAULT = Metric()


class OverlapMap(NamedTuple):
    """σ and Δε between every two defoci; rows are the evaluation, columns the training."""

    sigma: NDArray[np.float64]
    delta_epsilon: NDArray[np.float64]


def overlap_map(
    c10: NDArray[np.float64], c30: float, *, conditions: Conditions, metric: Metric = _DEFAULT
) -> OverlapMap:
    """Return σ and Δε between every two C10 (Å) at one C30 (Å); NaN in σ where the CTF vanishes."""
    lenses = [Aberrations(C10=float(x), C30=c30) for x in c10]
    settings = [conditions.model_copy(update={"aberrations": one}) for one in lenses]
    compared = compare_information(settings, settings, metric=metric)
    return OverlapMap(compared.sigma.T.numpy(), compared.delta_epsilon.T.numpy())


def information_line_figure(
    c10: Array, curves: Mapping[str, Array], *, title: str, marks: Sequence[float] = ()
) -> Figure:
    """ε against C10 (Å; drawn in nm), one curve per variant; `marks` are C10 to point out."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for colour, (name, epsilon) in zip((BLUE, ORANGE, GREEN, PURPLE), curves.items(), strict=False):
        axes.plot(c10 / 10.0, epsilon, color=colour, linewidth=1.2, label=name)
    for index, mark in enumerate(marks):
        label = "maxima and minima" if index == 0 else None
        axes.axvline(mark / 10.0, color=ZERO, linewidth=0.6, linestyle=":", label=label)
    draw_legend(axes)
    axes.set_xlim(float(c10[0]) / 10.0, float(c10[-1]) / 10.0)
    label_axes(axes, "C10 = −defocus (nm)", "information transfer ε", title)
    return figure


def overlap_figure(c10: Array, panels: Sequence[tuple[str, Array, Array]]) -> Figure:
    """σ and Δε between every two C10 (Å; drawn in nm), a row for each (title, σ, Δε); rows of the maps: evaluation."""
    figure = Figure(figsize=(8.6, 0.3 + 3.5 * len(panels)), layout="constrained")
    grid = figure.subplots(len(panels), 2, squeeze=False)
    extreme = max(float(np.nanpercentile(np.abs(delta), 99)) for *_, delta in panels) or 1.0
    lowest = min(float(np.nanmin(sigma)) for _, sigma, _ in panels)
    for (left, right), (title, sigma, delta) in zip(grid, panels, strict=True):
        edges = c10 / 10.0
        shown = left.pcolormesh(
            edges, edges, sigma, cmap="magma", shading="nearest", vmin=lowest, vmax=1.0, rasterized=True
        )
        draw_colourbar(figure, shown, left, "overlap σ", shrink=0.9, extend="neither")
        shown = right.pcolormesh(
            edges, edges, delta, cmap="RdBu_r", shading="nearest", vmin=-extreme, vmax=extreme, rasterized=True
        )
        draw_colourbar(figure, shown, right, "Δε = ε′ − ε", shrink=0.9, extend="both")
        for axes, quantity in ((left, "σ"), (right, "Δε")):
            axes.set_facecolor(ZERO)  # where the CTF vanishes σ has no value
            axes.set_aspect("equal")
            label_axes(axes, "training C10 (nm)", "evaluation C10′ (nm)", f"{quantity}, {title}")
    return figure

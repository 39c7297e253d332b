"""Figures of a verdict and of advice: both transfer functions, the signals, maps of predicted loss."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from passband.microscope.conditions import AnyConditions, Conditions
from passband.microscope.polar import DataSet, PolarLenses
from passband.verdict.advice import LossMap
from passband.verdict.verdict import Verdict

Array = NDArray[np.float64]

INK, GREY, BLUE, ORANGE, GREEN = "#1f2a37", "#94a3b8", "#2563eb", "#ff7a00", "#19a974"
SHORT = {
    "entropy": "doubt (entropy)",
    "unsure_area": "unsure area",
    "expected_loss": "loss it expects",
    "symmetry_disagreement": "turned image differs",
    "ensemble_disagreement": "networks differ",
    "feature_distance": "features differ",
    "spectrum_distance": "spectrum differs",
    "spectrum_residual": "spectrum unexplained",
}


class RadialTransfer(NamedTuple):
    """Root-mean-square |T| and envelope over settings and azimuths, at each frequency."""

    transfer: Array
    envelope: Array


def radial_transfer(q: Array, settings: Sequence[Conditions]) -> RadialTransfer:
    """Root-mean-square |T| and envelope of settings at frequencies q (Å⁻¹), over 24 azimuths of half a turn."""
    lenses = PolarLenses([DataSet(conditions=tuple(settings))], odd="exact")
    grid = torch.as_tensor(q, dtype=torch.float64)
    steady = lenses.steady_envelope(grid)
    slices = [lenses.along(grid, float(azimuth), steady) for azimuth in np.arange(24) * (np.pi / 24)]
    parts = ([one.amplitude for one in slices], [one.envelope for one in slices])
    return RadialTransfer(*(torch.cat(part).square().mean(dim=0).sqrt().numpy() for part in parts))


def verdict_figure(
    verdict: Verdict,
    trained: AnyConditions,
    groups: Sequence[Sequence[Conditions]],
    usual: Mapping[str, Array],
    *,
    nyquist: float,
    title: str,
) -> Figure:
    """Transfer of the training and of this micrograph (left), and its signals among the usual ones (right).

    `groups` are the settings that the micrograph may have been taken under, one group for each alternative; none where
    they are not known. `usual` are the signals of calibration micrographs inside, ascending.
    """
    figure = Figure(figsize=(10.6, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1.0))
    q = np.linspace(0.0, nyquist, 400)
    _draw_transfer(left, q, trained, groups)
    _draw_signals(right, verdict, usual)
    figure.suptitle(title, fontsize=10, color=INK, x=0.01, ha="left")
    return figure


def _draw_transfer(axes: Axes, q: Array, trained: AnyConditions, groups: Sequence[Sequence[Conditions]]) -> None:
    training = radial_transfer(q, trained.sample(64, np.random.default_rng(0)))
    axes.fill_between(q, training.transfer, color="#cbd5e1", linewidth=0, label="training, rms over its conditions")
    axes.plot(q, training.envelope, color=GREY, linewidth=1.0, linestyle="--", label="its envelope")
    for colour, group, name in zip((ORANGE, BLUE, GREEN), groups, ("this micrograph", "or", "or"), strict=False):
        here = radial_transfer(q, group)
        c10 = f"C10 = {group[0].aberrations.C10 / 10.0:.3g} nm".replace("-", "\u2212")
        axes.plot(q, here.transfer, color=colour, linewidth=1.2, label=f"{name}, {c10}")
        axes.plot(q, here.envelope, color=colour, linewidth=0.8, linestyle="--")
    axes.set_xlim(0.0, float(q[-1]))
    axes.set_ylim(0.0, 1.35)
    if not groups:
        axes.text(
            0.97, 0.04, "conditions of this micrograph: not known", transform=axes.transAxes, fontsize=8, ha="right"
        )
    axes.legend(fontsize=7, frameon=False, loc="upper right", ncols=2)
    _dress(axes, "spatial frequency q (Å⁻¹)", "contrast transfer |T(q)|", "What the microscope transfers")


def _draw_signals(axes: Axes, verdict: Verdict, usual: Mapping[str, Array]) -> None:
    names = [name for name in verdict.signals if name in usual]
    for place, name in enumerate(reversed(names)):
        scale = float(np.quantile(usual[name], 0.95)) or 1.0
        spread = np.quantile(usual[name], (0.05, 0.5, 0.95)) / scale
        value = verdict.signals[name].value / scale
        axes.plot(spread[[0, 2]], (place, place), color="#cbd5e1", linewidth=9, solid_capstyle="butt")
        axes.plot(spread[1], place, marker="|", color=GREY, markersize=10)
        alarming = value > float(usual[name][-1]) / scale
        axes.plot(
            min(value, 3.1), place, marker=">" if value > 3.1 else "o", color=ORANGE if alarming else INK, markersize=7
        )
        if value > 3.1:
            axes.text(3.0, place + 0.22, f"{value:.1f}", fontsize=7, ha="right", color=ORANGE)
    axes.set_yticks(range(len(names)), [SHORT.get(name, name) for name in reversed(names)])
    axes.set_xlim(0.0, 3.3)
    axes.set_ylim(-0.6, len(names) - 0.3)
    axes.axvline(1.0, color=GREY, linewidth=0.6, linestyle=":")
    said = "grey: 5 to 95 % of calibration\nmicrographs inside the training\norange: beyond all of them"
    axes.text(0.98, 0.03, said, transform=axes.transAxes, fontsize=7, ha="right", color=INK)
    _dress(axes, "signal ÷ its 95 % quantile on calibration micrographs", "", "What network and image say")


def _dress(axes: Axes, xlabel: str, ylabel: str, title: str) -> None:
    axes.set_xlabel(xlabel, fontsize=9)
    axes.set_ylabel(ylabel, fontsize=9)
    axes.set_title(title, fontsize=9, loc="left", color=INK)
    axes.tick_params(labelsize=8, colors=INK)


def loss_maps_figure(maps: Sequence[tuple[str, LossMap]], *, usual: float, worst: float) -> Figure:
    """Predicted loss over reachable conditions; the lines bound where the network holds and where it is outside.

    `usual` and `worst` are the losses that `verdict.verdict` measures with: the white line bounds where the predicted
    loss is usual, the dashed one where the lower end of the interval passes the worst inside the training.
    """
    figure = Figure(figsize=(5.4 * len(maps), 4.2), layout="constrained")
    panels = figure.subplots(1, len(maps), squeeze=False)[0]
    everything = np.concatenate([one.loss.value.ravel() for _, one in maps])
    bounds = float(np.nanmin(everything)), float(max(np.nanmax(everything), usual * 1.2))
    for axes, (title, one) in zip(panels, maps, strict=True):
        (x, x_name), (y, y_name) = _shown(one.first.name, one.first.values), _shown(one.second.name, one.second.values)
        mesh = axes.pcolormesh(
            x,
            y,
            one.loss.value,
            cmap="viridis_r",
            norm="log",
            vmin=bounds[0],
            vmax=bounds[1],
            shading="nearest",
            rasterized=True,
        )
        for values, limit, style in ((one.loss.value, usual, "solid"), (one.loss.low, worst, "dashed")):
            if float(np.nanmin(values)) < limit < float(np.nanmax(values)):
                axes.contour(x, y, values, levels=[limit], colors="white", linewidths=1.4, linestyles=style)
        axes.set_facecolor("#e5e7eb")  # beyond what was calibrated
        j, i = divmod(int(np.nanargmin(one.loss.value)), len(x))
        axes.plot(x[i], y[j], marker="*", markersize=11, color=ORANGE, markeredgecolor=INK, clip_on=False)
        _dress(axes, x_name, y_name, title)
    bar = figure.colorbar(mesh, ax=list(panels))
    bar.set_label("predicted loss (paper scale)", fontsize=9)
    bar.ax.tick_params(labelsize=8, which="both")
    for ticks in (bar.ax.yaxis.set_major_formatter, bar.ax.yaxis.set_minor_formatter):
        ticks("{x:.2g}")
    note = (
        f"star: least loss; white: holds where the loss is below {usual:.2g}; dashed: outside, where even the low end "
    )
    note += f"of the interval exceeds {worst:.2g}; grey: not calibrated"
    figure.supxlabel(note, fontsize=8, color=INK)
    return figure


def _shown(name: str, values: Array) -> tuple[Array, str]:
    """Values in the unit that people use, and the label."""
    if name.startswith("phi"):
        return values, f"{name} (rad)"
    factor, unit = (1e4, "µm") if name in ("C30", "C32", "C34") else (10.0, "nm")
    words = {"C10": "C10 = −defocus", "C30": "C30 = Cs", "C12": "C12, two-fold astigmatism"}
    return values / factor, f"{words.get(name, name)} ({unit})"

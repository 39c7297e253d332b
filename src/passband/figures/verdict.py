"""Figure of a verdict: the contrast transfer of training and micrograph, and the signals among the usual ones."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from passband.figures.style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    LEGEND,
    ORANGE,
    SHADE,
    Array,
    draw_legend,
    label_axes,
    signed,
)
from passband.microscope.conditions import AnyConditions, Conditions
from passband.microscope.curves import radial_transfer
from passband.verdict.verdict import Verdict

#: Names of the signals on the axis.
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
    axes.fill_between(q, training.transfer, color=SHADE, linewidth=0, label="training, rms over its conditions")
    axes.plot(q, training.envelope, color=FAINT, linewidth=1.0, linestyle="--", label="its envelope")
    for colour, group, name in zip((ORANGE, BLUE, GREEN), groups, ("this micrograph", "or", "or"), strict=False):
        here = radial_transfer(q, group)
        c10 = signed(f"C10 = {group[0].aberrations.C10 / 10.0:.3g} nm")
        axes.plot(q, here.transfer, color=colour, linewidth=1.2, label=f"{name}, {c10}")
        axes.plot(q, here.envelope, color=colour, linewidth=0.8, linestyle="--")
    axes.set_xlim(0.0, float(q[-1]))
    axes.set_ylim(0.0, 1.35)
    if not groups:
        axes.text(
            0.97, 0.04, "conditions of this micrograph: not known", transform=axes.transAxes, fontsize=8, ha="right"
        )
    draw_legend(axes, loc="upper right", ncols=2)
    label_axes(axes, "spatial frequency q (Å⁻¹)", "contrast transfer |T(q)|", "What the microscope transfers")


def _draw_signals(axes: Axes, verdict: Verdict, usual: Mapping[str, Array]) -> None:
    names = [name for name in verdict.signals if name in usual]
    for place, name in enumerate(reversed(names)):
        scale = float(np.quantile(usual[name], 0.95)) or 1.0
        spread = np.quantile(usual[name], (0.05, 0.5, 0.95)) / scale
        value = verdict.signals[name].value / scale
        axes.plot(spread[[0, 2]], (place, place), color=SHADE, linewidth=9, solid_capstyle="butt")
        axes.plot(spread[1], place, marker="|", color=FAINT, markersize=10)
        alarming = value > float(usual[name][-1]) / scale
        axes.plot(
            min(value, 3.1), place, marker=">" if value > 3.1 else "o", color=ORANGE if alarming else INK, markersize=7
        )
        if value > 3.1:
            axes.text(3.0, place + 0.22, f"{value:.1f}", fontsize=LEGEND, ha="right", color=ORANGE)
    axes.set_yticks(range(len(names)), [SHORT.get(name, name) for name in reversed(names)])
    axes.set_xlim(0.0, 3.3)
    axes.set_ylim(-0.6, len(names) - 0.3)
    axes.axvline(1.0, color=FAINT, linewidth=0.6, linestyle=":")
    said = "grey: 5 to 95 % of calibration\nmicrographs inside the training\norange: beyond all of them"
    axes.text(0.98, 0.03, said, transform=axes.transAxes, fontsize=LEGEND, ha="right", color=INK)
    label_axes(axes, "signal ÷ its 95 % quantile on calibration micrographs", "", "What network and image say")

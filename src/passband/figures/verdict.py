"""Figure of a verdict: contrast transfer of training and micrograph, and the signals among those in distribution."""

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
)
from passband.microscope.instrument import Setting, SettingDistribution
from passband.microscope.instruments import instrument_of
from passband.performance.signals import SIGNALS
from passband.verdict.verdict import Verdict


def verdict_figure(
    verdict: Verdict,
    trained: SettingDistribution,
    groups: Sequence[Sequence[Setting]],
    in_distribution: Mapping[str, Array],
    *,
    nyquist: float,
    title: str,
) -> Figure:
    """Transfer of the training and of this micrograph (left), and its signals among those in distribution (right).

    `groups` are the settings that the micrograph may have been taken under, one group for each alternative; none where
    they are not known. `in_distribution` are the signals of calibration micrographs inside, ascending.
    """
    figure = Figure(figsize=(10.6, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1.0))
    q = np.linspace(0.0, nyquist, 400)
    _draw_transfer(left, q, trained, groups)
    _draw_signals(right, verdict, in_distribution)
    figure.suptitle(title, fontsize=10, color=INK, x=0.01, ha="left")
    return figure


def _draw_transfer(axes: Axes, q: Array, trained: SettingDistribution, groups: Sequence[Sequence[Setting]]) -> None:
    """Draw the contrast transfer; nothing for an instrument that has none."""
    instrument = instrument_of(trained)
    training = instrument.transfer(q, trained.sample(64, np.random.default_rng(0)))
    if training is None:
        axes.set_axis_off()
        return
    axes.fill_between(q, training.transfer, color=SHADE, linewidth=0, label="training, rms over its conditions")
    axes.plot(q, training.envelope, color=FAINT, linewidth=1.0, linestyle="--", label="its envelope")
    for colour, group, name in zip((ORANGE, BLUE, GREEN), groups, ("this micrograph", "or", "or"), strict=False):
        here = instrument.transfer(q, group)
        if here is not None:
            axes.plot(q, here.transfer, color=colour, linewidth=1.2, label=f"{name}, {instrument.said(group[0])}")
            axes.plot(q, here.envelope, color=colour, linewidth=0.8, linestyle="--")
    axes.set_xlim(0.0, float(q[-1]))
    axes.set_ylim(0.0, 1.35)
    if not groups:
        axes.text(
            0.97, 0.04, "conditions of this micrograph: not known", transform=axes.transAxes, fontsize=8, ha="right"
        )
    draw_legend(axes, loc="upper right", ncols=2)
    label_axes(axes, "spatial frequency q (Å⁻¹)", "contrast transfer |T(q)|", "What the microscope transfers")


def _draw_signals(axes: Axes, verdict: Verdict, in_distribution: Mapping[str, Array]) -> None:
    names = [name for name in verdict.signals if name in in_distribution]
    for place, name in enumerate(reversed(names)):
        scale = float(np.quantile(in_distribution[name], 0.95)) or 1.0
        spread = np.quantile(in_distribution[name], (0.05, 0.5, 0.95)) / scale
        value = verdict.signals[name].value / scale
        axes.plot(spread[[0, 2]], (place, place), color=SHADE, linewidth=9, solid_capstyle="butt")
        axes.plot(spread[1], place, marker="|", color=FAINT, markersize=10)
        alarming = value > float(in_distribution[name][-1]) / scale
        axes.plot(
            min(value, 3.1), place, marker=">" if value > 3.1 else "o", color=ORANGE if alarming else INK, markersize=7
        )
        if value > 3.1:
            axes.text(3.0, place + 0.22, f"{value:.1f}", fontsize=LEGEND, ha="right", color=ORANGE)
    axes.set_yticks(range(len(names)), [SIGNALS[name].label for name in reversed(names)])
    axes.set_xlim(0.0, 3.3)
    axes.set_ylim(-0.6, len(names) - 0.3)
    axes.axvline(1.0, color=FAINT, linewidth=0.6, linestyle=":")
    said = "grey: 5 to 95 % of calibration\nmicrographs inside the training\norange: beyond all of them"
    axes.text(0.98, 0.03, said, transform=axes.transAxes, fontsize=LEGEND, ha="right", color=INK)
    label_axes(axes, "signal ÷ its 95 % quantile on calibration micrographs", "", "What network and image say")

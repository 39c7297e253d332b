"""Figure of a verdict: where the mask is doubtful, what the microscope transferred, and the signals."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from passband.figures.segmentation import draw_micrograph, side_by_side
from passband.figures.style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    LEGEND,
    ORANGE,
    PREDICTED,
    SHADE,
    Array,
    draw_legend,
    label_axes,
)
from passband.files.micrograph import Micrograph
from passband.files.writing import MOST_DOUBT, doubt_opacity
from passband.microscope.instruments.choice import instrument_of
from passband.microscope.instruments.instrument import Setting, SettingDistribution
from passband.performance.error_model import ErrorModel
from passband.performance.signals import SIGNALS
from passband.verdict.verdict import Verdict


def verdict_figure(
    verdict: Verdict,
    micrograph: Micrograph,
    error_model: ErrorModel,
    groups: Sequence[Sequence[Setting]],
    *,
    nyquist: float,
    title: str,
) -> Figure:
    """Mask and doubt (left), transfer of the training and of this micrograph, its signals among those inside (right).

    Of an instrument without a contrast transfer the middle is left out.

    `groups` are the settings that the micrograph may have been taken under, one group for each alternative; none where
    they are not known.
    """
    has_transfer = instrument_of(error_model.trained).has_transfer
    figure = Figure(figsize=(14.6 if has_transfer else 9.6, 3.9), layout="constrained")
    if has_transfer:
        picture, left, right = figure.subplots(1, 3, width_ratios=(0.9, 1.15, 1.0))
        _draw_transfer(left, np.linspace(0.0, nyquist, 400), error_model.trained, groups)
    else:
        picture, right = figure.subplots(1, 2, width_ratios=(0.9, 1.0))
    draw_doubt(picture, verdict, micrograph)
    _draw_signals(right, verdict, error_model.table.in_distribution_signals())
    figure.suptitle(title, fontsize=10, color=INK, x=0.01, ha="left")
    return figure


def doubt_figure(verdict: Verdict, micrograph: Micrograph) -> Figure:
    """Micrograph alone, and with the outline of the mask and the places where it is doubtful."""
    figure, left, right = side_by_side(micrograph.array.shape, micrograph.known_pixel_size)
    draw_micrograph(left, micrograph.array, micrograph.known_pixel_size)
    label_axes(left, "x (nm)", "y (nm)", "Micrograph")
    draw_doubt(right, verdict, micrograph)
    return figure


def draw_doubt(axes: Axes, verdict: Verdict, micrograph: Micrograph) -> None:
    """Micrograph with the outline of the mask, reddened where the class of a pixel may be wrong."""
    draw_micrograph(axes, micrograph.array, micrograph.known_pixel_size, masks={PREDICTED: _mask(verdict, micrograph)})
    doubt = verdict.error_probability
    if doubt is not None:
        extent = axes.images[0].get_extent()
        axes.imshow(doubt, cmap="Reds", vmin=0.0, vmax=MOST_DOUBT, alpha=doubt_opacity(doubt), extent=extent)
    label_axes(axes, "x (nm)", "y (nm)", "Mask (outline), and where it is doubtful (red)")


def _mask(verdict: Verdict, micrograph: Micrograph) -> NDArray[np.bool_]:
    found = verdict.segmentation
    return np.zeros(micrograph.array.shape, dtype=bool) if found is None else found.labels > 0


def _draw_transfer(axes: Axes, q: Array, trained: SettingDistribution, groups: Sequence[Sequence[Setting]]) -> None:
    """Draw the contrast transfer; nothing for an instrument that has none."""
    instrument = instrument_of(trained)
    training = instrument.transfer(q, trained.sample(64, np.random.default_rng(0)))
    if training is None:
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

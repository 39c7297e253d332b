"""Figure of two sets of images, real and generated: grey levels, spectra, examples, and the most alike pairs."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from passband.figures.style import BLUE, INK, LABEL, ORANGE, draw_grid, draw_legend, label_axes
from passband.scores.intensity import BINS, common_range, histograms
from passband.scores.realism import Realism
from passband.scores.spectrum_distance import power_spectra

REAL, GENERATED = BLUE, ORANGE
_SHOWN = 6  # crops in a row


def realism_figure(found: Realism) -> Figure:
    """Draw histograms and spectra, crops of both sets, and below generated ones the real ones that are nearest.

    Which crops are shown follows from the seed of the recipe.
    """
    figure = Figure(figsize=(9.6, 8.0), layout="constrained")
    places = figure.add_gridspec(2, 1, height_ratios=(1.0, 1.9))
    above, below = figure.add_subfigure(places[0]), figure.add_subfigure(places[1])
    grey, radial, lines = above.subplots(1, 3)
    _draw_grey_levels(grey, found)
    _draw_spectra(radial, lines, found)
    rng = np.random.default_rng(found.recipe.seed)
    real, generated = (np.sort(rng.permutation(len(one.crops))[:_SHOWN]) for one in (found.real, found.generated))
    rows = [
        ("real", REAL, found.real.crops[real]),
        ("generated", GENERATED, found.generated.crops[generated]),
    ]
    if len(found.nearest):
        title = f"nearest real\n({found.extractors[0].name})"
        rows.append((title, REAL, found.real.crops[found.nearest[generated]]))
    panels = below.subplots(len(rows), _SHOWN, squeeze=False)
    limits = common_range(found.real.crops, found.generated.crops)
    for axes_of_row, (title, colour, crops) in zip(panels, rows, strict=True):
        _draw_crops(list(axes_of_row), crops, limits, title=title, colour=colour)
    return figure


def _draw_grey_levels(axes: Axes, found: Realism) -> None:
    limits = common_range(found.real.crops, found.generated.crops)
    for name, colour, one in (("real", REAL, found.real), ("generated", GENERATED, found.generated)):
        counts = histograms(one.crops, one.spacing, limits, rng=np.random.default_rng(found.recipe.seed))
        shares = counts.sum(0, dtype=np.float64).reshape(BINS, -1).sum(1)
        edges = np.linspace(*limits, BINS + 1)
        label = f"{name}, {len(one.crops)} crops"
        axes.stairs(shares / shares.sum() / (edges[1] - edges[0]), edges, color=colour, label=label, linewidth=1.2)
    unit = {"each": "σ of the image", "real": "σ of the real images", "none": "as given"}[found.recipe.normalisation]
    draw_grid(axes)
    draw_legend(axes)
    label_axes(axes, x=f"intensity ({unit})", y="density")


def _draw_spectra(radial: Axes, lines: Axes, found: Realism) -> None:
    side = found.real.crops.shape[1]
    step, unit = (1.0, "1/pixel") if found.pixel_size is None else (found.pixel_size, "1/Å")
    for colour, name, one in ((REAL, "real", found.real), (GENERATED, "generated", found.generated)):
        spectra = power_spectra(one.crops).mean(np.ones(len(one.crops)))
        frequency = np.arange(1, len(spectra.radial) + 1) / (side * step)
        radial.semilogy(frequency, spectra.radial, color=colour, linewidth=1.2)
        lines.semilogy(frequency, spectra.row, color=colour, linewidth=1.2, label=f"{name}, along rows")
        lines.semilogy(frequency, spectra.column, "--", color=colour, linewidth=1.2, label=f"{name}, down columns")
    for axes in (radial, lines):
        draw_grid(axes)
    label_axes(radial, x=f"frequency ({unit})", y="power (white noise: 1)", title="mean over rings")
    label_axes(lines, x=f"frequency ({unit})")
    draw_legend(lines)


def _draw_crops(
    panels: list[Axes], crops: NDArray[np.float32], limits: tuple[float, float], *, title: str, colour: str
) -> None:
    for axes in panels:
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_color(colour)
    for axes, crop in zip(panels, crops, strict=False):
        axes.imshow(crop, cmap="gray", vmin=limits[0], vmax=limits[1], interpolation="nearest")
    for axes in panels[len(crops) :]:
        axes.set_axis_off()
    panels[0].set_ylabel(title, fontsize=LABEL, color=INK)

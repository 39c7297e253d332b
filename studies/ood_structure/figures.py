"""Figures of the structure study: losses, rankings, reliability, and examples of what goes wrong."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray
from PIL import Image

from passband.figures.segmentation import draw_micrograph
from passband.figures.style import COLOURS, INK, PREDICTED, TRUTH, to_png
from studies.ood_structure.ranking import POOLS, Table, mean_sd, set_means

Array = NDArray[np.float64]
POOL_NAMES = {"structure": "structure changed", "optics": "optics changed", "both": "either or both changed"}
LOSS = "loss (scale of the paper)"
FEWEST = 1e-4  # of all pixels: a bin of confidence with fewer is not drawn


class Example(NamedTuple):
    """A micrograph (y, x) with its masks."""

    title: str
    image: NDArray[Any]
    truth: NDArray[Any]
    predicted: NDArray[Any]


def loss_maps(table: Table, structures: Sequence[str]) -> bytes:
    """Mean loss over images and seeds, structure set × defocus, one panel for each training defocus."""
    test = {name: column[table["part"] == "test"] for name, column in table.items()}
    trained, defoci = np.unique(test["trained_nm"]), np.unique(test["defocus_nm"])
    maps = [_loss_map(test, structures, defoci, here) for here in trained]
    norm = LogNorm(min(one.min() for one in maps), max(one.max() for one in maps))
    columns = min(2, len(trained))
    lines = -(-len(trained) // columns)
    figure = Figure(
        figsize=(5.1 * columns + 0.7, 0.36 * len(structures) * lines + 1.0 * lines + 0.3), layout="constrained"
    )
    grid = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
    for axes, here, values in zip(grid.flat, trained, maps, strict=False):
        drawn = axes.imshow(values, norm=norm, cmap="viridis", aspect="auto")
        _annotate(axes, values, norm)
        axes.add_patch(_frame(int(np.flatnonzero(defoci == here)[0]), structures))
        axes.set_title(f"trained at {here:+g} nm", fontsize=10)
        axes.set_xticks(range(len(defoci)), [f"{value:+g}" if value else "0" for value in defoci], fontsize=8)
        axes.set_yticks(range(len(structures)), structures, fontsize=8)
    for axes in grid[-1]:
        axes.set_xlabel("evaluation defocus (nm)", fontsize=9)
    bar = figure.colorbar(drawn, ax=grid, label=LOSS, shrink=0.7)
    _plain_ticks(bar.ax.yaxis)
    return to_png(figure, dpi=110)


def _loss_map(test: Table, structures: Sequence[str], defoci: Array, here: float) -> Array:
    means = set_means({name: test[name][test["trained_nm"] == here] for name in test}, ("loss",))
    by_key = dict(zip(zip(means["structures"], means["defocus_nm"], strict=True), means["loss"], strict=True))
    return np.array([[by_key[name, defocus] for defocus in defoci] for name in structures])


def _annotate(axes: Axes, values: Array, norm: LogNorm) -> None:
    for (y, x), value in np.ndenumerate(values):
        dark = norm(value) < 0.6
        axes.text(x, y, f"{value:.3f}", ha="center", va="center", fontsize=7, color="white" if dark else INK)


def _frame(column: int, structures: Sequence[str]) -> Rectangle:
    """Mark the set in distribution."""
    corner = (column - 0.5, list(structures).index("own") - 0.5)
    return Rectangle(corner, 1, 1, fill=False, edgecolor="#dc2626", linewidth=2.0, zorder=3)


def ranking_chart(rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> bytes:
    """AUROC, rank correlation over images and over sets: one line per signal, one marker per pool, bars over seeds."""
    measures = {
        "auroc": "AUROC, degraded images",
        "rho_images": "Spearman ρ over images",
        "rho_sets": "Spearman ρ over data sets",
    }
    figure = Figure(figsize=(12.4, 0.36 * len(names) + 1.3), layout="constrained")
    grid = figure.subplots(1, 3, sharey=True)
    for axes, (measure, title) in zip(grid, measures.items(), strict=True):
        for k, name in enumerate(POOLS):
            _dots(axes, rows, names, measure, name, k)
        axes.axvline(0.5 if measure == "auroc" else 0.0, color=INK, linewidth=0.8, linestyle=":")
        axes.set_title(title, fontsize=10)
        axes.grid(axis="x", color="#e5e7eb", linewidth=0.6)
        axes.set_xlim(right=1.03)
    grid[0].set_yticks(range(len(names)), list(names.values()), fontsize=9)
    grid[0].set_ylim(len(names) - 0.5, -0.5)
    marks = [
        Line2D([], [], color=COLOURS[k], marker="osD"[k], linestyle="", markersize=5, label=POOL_NAMES[name])
        for k, name in enumerate(POOLS)
    ]
    figure.legend(handles=marks, fontsize=9, loc="outside lower center", ncols=3, frameon=False)
    return to_png(figure, dpi=110)


def _dots(
    axes: Axes, rows: Sequence[Mapping[str, Any]], names: Mapping[str, str], measure: str, pool: str, k: int
) -> None:
    for line, signal in enumerate(names):
        values = [row[measure] for row in rows if row["signal"] == signal and row["pool"] == pool]
        if not values or np.isnan(values).any():
            continue
        mean, sd = mean_sd(values)
        place = line + 0.22 * (k - 1)
        axes.errorbar(mean, place, xerr=sd, fmt="osD"[k], color=COLOURS[k], markersize=4.5, capsize=2)


def signal_scatter(table: Table, signals: Mapping[str, str], structures: Sequence[str]) -> bytes:
    """Mean loss against mean signal of every (network, data set); colour is the structure set."""
    lines = -(-len(signals) // 2)
    figure = Figure(figsize=(9.8, 3.6 * lines), layout="constrained")
    panels = figure.subplots(lines, 2, sharey=True, squeeze=False)
    grid = list(panels.flat)[: len(signals)]
    test = {name: column[table["part"] == "test"] for name, column in table.items()}
    palette = dict(zip(structures, (INK, *COLOURS * len(structures)), strict=False))
    for axes, (signal, title) in zip(grid, signals.items(), strict=True):
        for trained, seed in sorted({*zip(test["trained_nm"].tolist(), test["seed"].tolist(), strict=True)}):
            mine = (test["trained_nm"] == trained) & (test["seed"] == seed)
            means = set_means({name: column[mine] for name, column in test.items()}, ("loss", signal))
            for name in structures:
                _cloud(axes, means, name, signal, trained, palette[name])
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel(title, fontsize=9)
        axes.grid(color="#e5e7eb", linewidth=0.5)
        _plain_ticks(axes.xaxis)
        _plain_ticks(axes.yaxis)
    for axes in panels[:, 0]:
        axes.set_ylabel(LOSS, fontsize=9)
    marks = [
        Line2D([], [], color=palette[name], marker="o", linestyle="", markersize=5, label=name) for name in palette
    ]
    figure.legend(handles=marks, fontsize=9, loc="outside right center", frameon=False)
    return to_png(figure, dpi=88)


def _cloud(axes: Axes, means: Table, name: str, signal: str, trained: float, colour: str) -> None:
    """Draw filled marks where the optics are the training's, open ones elsewhere."""
    for same, filled in ((True, colour), (False, "none")):
        chosen = (means["structures"] == name) & ((means["defocus_nm"] == trained) == same)
        axes.scatter(
            means[signal][chosen], means["loss"][chosen], s=16, facecolors=filled, edgecolors=colour, linewidths=0.7
        )


def _plain_ticks(axis: Axis) -> None:
    """Label a logarithmic axis at 1, 2 and 5 in every decade, without powers."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
    axis.set_tick_params(labelsize=8)


def reliability_chart(counts: Mapping[str, Mapping[str, Array]]) -> bytes:
    """Share that is right against confidence, before and after temperature scaling, one panel per pool."""
    figure = Figure(figsize=(3.2 * len(counts), 3.3), layout="constrained")
    grid = figure.subplots(1, len(counts), sharex=True, sharey=True, squeeze=False)[0]
    styles = {"plain": ("as trained", COLOURS[2], "o"), "scaled": ("temperature-scaled", COLOURS[0], "s")}
    for axes, (title, kinds) in zip(grid, counts.items(), strict=True):
        axes.plot([0.5, 1.0], [0.5, 1.0], color=INK, linewidth=0.8, linestyle=":")
        for kind, (label, colour, marker) in styles.items():
            pixels, sure, right = kinds[kind]
            seen = pixels > FEWEST * pixels.sum()
            axes.plot(
                sure[seen] / pixels[seen],
                right[seen] / pixels[seen],
                color=colour,
                marker=marker,
                markersize=4,
                linewidth=1.2,
                label=label,
            )
        axes.set_title(POOL_NAMES.get(title, title), fontsize=10)
        axes.set_xlabel("confidence", fontsize=9)
        axes.grid(color="#e5e7eb", linewidth=0.5)
    grid[0].set_ylabel("share of pixels that is right", fontsize=9)
    grid[0].legend(fontsize=8)
    return to_png(figure, dpi=110)


def example_sheet(examples: Sequence[Example], pixel_size: float) -> bytes:
    """Micrographs with the outline of the truth (green) and of what the network found (orange)."""
    columns = min(5, len(examples))
    lines = -(-len(examples) // columns)
    figure = Figure(figsize=(2.1 * columns, 2.35 * lines), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes, one in zip(grid.flat, examples, strict=False):
        draw_micrograph(axes, one.image, (pixel_size, pixel_size), masks={TRUTH: one.truth, PREDICTED: one.predicted})
        axes.set_title(one.title, fontsize=8)
        axes.set_xticks([])
        axes.set_yticks([])
    for axes in grid.flat[len(examples) :]:
        axes.set_axis_off()
    return _fewer_colours(to_png(figure, dpi=90))


def _fewer_colours(png: bytes, greys: int = 24) -> bytes:
    """Reduce a PNG to greys and the two outlines' colours: noise in true colour does not compress."""
    palette = [(level, level, level) for level in np.linspace(0, 255, greys).round().astype(int).tolist()]
    for colour in (TRUTH, PREDICTED):
        exact = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)])
        palette += [tuple((exact * (1.0 - mix) + 128.0 * mix).astype(int).tolist()) for mix in (0.0, 0.25, 0.5)]
    table = Image.new("P", (1, 1))
    table.putpalette([value for colour in palette for value in colour])
    buffer = BytesIO()
    reduced = Image.open(BytesIO(png)).convert("RGB").quantize(palette=table, dither=Image.Dither.NONE)
    reduced.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()

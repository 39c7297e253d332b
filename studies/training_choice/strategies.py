"""What the losses of a study of training conditions say: which strategy wins, and whether a forecast had the order."""

import csv
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator
from scipy.stats import spearmanr

from passband.campaign.grid import OWN

Array = NDArray[np.float64]

AXES = ("C10", "C30")
BASELINES = ("spaced", "single")
WORST = 0.1  # share of the held-out conditions that the worst decile is
RESAMPLED = 4000


class Difference(NamedTuple):
    """Loss of one strategy minus that of another: its mean, one value per seed, and a 95 % interval."""

    mean: float
    seeds: Array
    low: float
    high: float

    @property
    def certain(self) -> bool:
        """Whether the interval leaves out 0 and all seeds agree in sign."""
        return self.low * self.high > 0 and bool((np.sign(self.seeds) == np.sign(self.mean)).all())


def losses(rows: Sequence[Mapping[str, Any]], strategy: str, measure: str = "loss") -> Array:
    """One value per seed and held-out condition, (seeds, conditions), in the order of their names."""
    mine = [row for row in rows if row["strategy"] == strategy and row["evaluation"] != OWN]
    seeds, names = sorted({row["seed"] for row in mine}), sorted({row["evaluation"] for row in mine})
    table = np.full((len(seeds), len(names)), np.nan)
    for row in mine:
        table[seeds.index(row["seed"]), names.index(row["evaluation"])] = row[measure]
    return table


def worst_decile(table: Array) -> Array:
    """Mean over the worst tenth of the conditions, rounded up, for each seed."""
    count = ceil(WORST * table.shape[1])
    worst: Array = np.sort(table, axis=1)[:, -count:].mean(axis=1)
    return worst


def difference(first: Array, second: Array, *, seed: int = 0) -> Difference:
    """Mean of first − second, paired by seed and condition, with a percentile bootstrap over both.

    Few seeds make the interval too narrow; hence `Difference.certain` asks more.
    """
    paired = first - second
    rng = np.random.default_rng(seed)
    seeds = rng.integers(paired.shape[0], size=(RESAMPLED, paired.shape[0]))
    conditions = rng.integers(paired.shape[1], size=(RESAMPLED, paired.shape[1]))
    means = paired[seeds[:, :, None], conditions[:, None, :]].mean(axis=(1, 2))
    low, high = np.quantile(means, (0.025, 0.975))
    return Difference(float(paired.mean()), paired.mean(axis=1), float(low), float(high))


def verdict(rows: Sequence[Mapping[str, Any]], strategy: str) -> str:
    """Say whether a strategy beats both baselines in mean loss."""
    if any(not losses(rows, name).size for name in BASELINES):
        return "open: a baseline is not measured"
    words = [against(rows, strategy, name) for name in BASELINES]
    if all(word.startswith("beats") for word in words):
        return f"wins: {' and '.join(words)}"
    return f"does not win: {', '.join(words)}"


def against(rows: Sequence[Mapping[str, Any]], strategy: str, other: str) -> str:
    """Say how a strategy does against another in mean loss."""
    found = difference(losses(rows, strategy), losses(rows, other))
    if not found.certain:
        return f"not told apart from {other}"
    return f"beats {other}" if found.mean < 0 else f"loses to {other}"


def read_forecast(path: Path) -> tuple[list[tuple[float, ...]], dict[str, Array]]:
    """Return the candidates (C10, C30) in Å, and σ and the observer's loss between every two of them, (n, n)."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    points = list(dict.fromkeys(tuple(row[f"train_{axis}_A"] for axis in AXES) for row in rows))
    shape = len(points), len(points)
    return points, {name: np.array([row[name] for row in rows]).reshape(shape) for name in ("sigma", "observer_loss")}


def between(points: Sequence[tuple[float, ...]], values: Array, places: Array) -> Array:
    """Interpolate values at a grid of candidates linearly to places (m, 2), a little beyond its rim too."""
    axes = [np.unique([point[k] for point in points]) for k in range(len(AXES))]
    grid = np.full([len(axis) for axis in axes], np.nan)
    for point, value in zip(points, values, strict=True):
        grid[tuple(int(np.searchsorted(axis, place)) for axis, place in zip(axes, point, strict=True))] = value
    found: Array = RegularGridInterpolator(axes, grid, bounds_error=False, fill_value=None)(places)
    return found


def ranking(
    rows: Sequence[Mapping[str, Any]],
    chosen: Mapping[str, Sequence[tuple[float, ...]]],
    points: Sequence[tuple[float, ...]],
    tables: Mapping[str, Array],
) -> list[dict[str, Any]]:
    """Spearman correlation over held-out conditions of the mean loss with what was known before, for each strategy.

    Of several chosen conditions the one counts that is best for the held-out condition. Each is signed so that +1 is
    the right order: the observer's loss, −σ, and the distance in C10.
    """
    lines = []
    for name in [name for name in chosen if chosen[name] and losses(rows, name).size]:
        mine = {row["evaluation"]: row for row in rows if row["strategy"] == name and row["evaluation"] != OWN}
        places = np.array([[mine[key][f"{axis}_A"] for axis in AXES] for key in sorted(mine)])
        indices = [points.index(point) for point in chosen[name]]
        forecasts = {
            "observer": between(points, tables["observer_loss"][indices].min(axis=0), places),
            "sigma": -between(points, tables["sigma"][indices].max(axis=0), places),
            "delta_c10": np.min([np.abs(places[:, 0] - point[0]) for point in chosen[name]], axis=0),
        }
        measured = losses(rows, name).mean(axis=0)
        found = {key: float(spearmanr(values, measured)[0]) for key, values in forecasts.items()}
        lines.append({"strategy": name, **found})
    return lines

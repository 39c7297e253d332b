"""The registered comparison of one campaign: ρ of each measure, its difference to |ΔC10|, and which pairs count.

`plan.md` says what is done here, and was written first; the numbers in brackets are those of its section *Statistics*.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from passband.campaign.folder import read_campaign as read_record
from passband.distribution import limits
from passband.experiment.experiment import Evaluation, Experiment
from passband.forecast.pairs import ForecastRecipe
from passband.forecast.tables import MEASURES
from studies.ood_aberrations.pairs import make_pairs, read_campaign, seed_ceiling
from studies.ranking import spearman

Array = NDArray[np.float64]
Columns = Mapping[str, NDArray[Any]]
Interval = tuple[float, float, float]  # a value, and between what it is

BASE = "delta_c10_A"
TESTED = (
    *("observer_loss", "observer_auc", "texture_separation", "texture_error"),
    *("sigma", "sigma_area", "delta_epsilon", "delta_epsilon_area"),
)
UNSIGNED = "unsigned_delta_c10_A"
DRAWS, DRAWS_OF_PARTS = 4999, 999
FOCUS_ROW = 25.0  # Å of |C10|, below which a condition is in focus
LEARNT = 0.5  # Dice of a network on its own conditions, below which it has not learned
MOST_LEFT_OUT = 0.2  # share of the networks, above which a campaign is void


class Campaign(NamedTuple):
    """Pairs of networks and data sets of a campaign, a column each, and what was left out."""

    kind: str
    pixel_size: float
    pairs: Columns
    networks: int
    planned: int
    not_learned: int


class Estimate(NamedTuple):
    """ρ with the interval of 95 %, and the difference to |ΔC10| with its own and its p-value."""

    rho: Interval
    difference: Interval
    p: float


def read(directory: Path, recipe: ForecastRecipe | None = None) -> Campaign:
    """Read a campaign, forecast its pairs, and leave out networks that have not learned."""
    experiments, _ = read_campaign(directory)
    rows = make_pairs(directory, recipe).rows
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    for one in MEASURES.values():
        columns[one.name] = columns[one.name] * one.direction
    met = {f"{one.structures} {one.name}".strip(): one for each in experiments for one in each.evaluations}
    trained = {one.trained_on: _c10(one.imaging.conditions) for one in experiments}
    columns["model_c10"] = np.array([trained[name] for name in columns["model"]])
    columns["data_c10"] = np.array([_c10(met[name].conditions) for name in columns["dataset"]])
    columns["condition"] = np.array([met[name].name for name in columns["dataset"]])
    columns["side"] = np.array([met[name].structures for name in columns["dataset"]])
    columns[UNSIGNED] = np.abs(np.abs(columns["data_c10"]) - np.abs(columns["model_c10"]))
    kept = learned(columns)
    return Campaign(
        _kind(experiments, met.values()),
        limits(experiments[0].imaging.pixel_size)[0],
        {name: column[kept] for name, column in columns.items()},
        networks=len(set(columns["run"])),
        planned=len(read_record(directory)["runs"]),
        not_learned=len(set(columns["run"]) - set(columns["run"][kept])),
    )


def _c10(conditions: Any) -> float:
    """Middle of the defocus of a setting, Å of C10."""
    return float(sum(limits(conditions.aberrations.get("C10", 0.0))) / 2.0)


def _kind(experiments: Sequence[Experiment], met: Iterable[Evaluation]) -> str:
    every = [*(one.imaging.conditions for one in experiments), *(one.conditions for one in met)]
    alone = all(set(member.aberrations) <= {"C10"} for one in every for member in one.members)
    return "defocus" if alone else "aberrations"


def learned(pairs: Columns) -> NDArray[np.bool_]:
    """Whether the network of each pair has learned: its Dice on its own conditions and side is not below ½."""
    own = pairs["own"] == 1
    poor = set(pairs["run"][own & ~(pairs["dice"] >= LEARNT)])
    return np.array([run not in poor for run in pairs["run"]], dtype=bool)


def parts(pairs: Columns) -> dict[str, NDArray[np.bool_]]:
    """Pairs of each part by its name; the networks' own conditions are in none."""
    apart = pairs["own"] == 0
    away = (np.abs(pairs["model_c10"]) >= FOCUS_ROW) & (np.abs(pairs["data_c10"]) >= FOCUS_ROW)
    same_sign = np.sign(pairs["model_c10"]) == np.sign(pairs["data_c10"])
    return {
        "all pairs": apart,
        "without the focus row": apart & away,
        "same sign of C10": apart & away & same_sign,
        "other sign of C10": apart & away & ~same_sign,
        "same side of the film": apart & (pairs["side"] == ""),
        "other side of the film": apart & (pairs["side"] != ""),
    }


def mean_rhos(pairs: Columns, names: Sequence[str], target: str, times: NDArray[np.int64]) -> Array:
    """Spearman's ρ of each measure with the target, pairs taken so many times, mean over seeds (1)."""
    chosen = np.repeat(np.arange(len(times)), times)
    seeds = pairs["seed"][chosen]
    found = [_rhos(pairs, names, target, chosen[seeds == seed]) for seed in np.unique(seeds)]
    known = np.array(found).reshape(-1, len(names))
    counts = np.isfinite(known).sum(axis=0)
    return np.where(counts > 0, np.nansum(known, axis=0) / np.maximum(counts, 1), np.nan)


def _rhos(pairs: Columns, names: Sequence[str], target: str, chosen: NDArray[np.intp]) -> Array:
    """ρ of each measure over some pairs; all at once where they are finite."""
    values = np.array([pairs[name][chosen] for name in (target, *names)], dtype=float)
    if len(chosen) < 3 or not np.isfinite(values).all():
        return np.array([spearman(one, values[0]) for one in values[1:]])
    ranks = rankdata(values, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    spread = np.sqrt((ranks**2).sum(axis=1))
    product = spread[1:] * spread[0]
    found: Array = np.divide(ranks[1:] @ ranks[0], product, out=np.full(len(names), np.nan), where=product > 0)
    return found


def compare(
    pairs: Columns,
    part: NDArray[np.bool_],
    names: Sequence[str],
    *,
    target: str = "loss",
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Estimates of some measures on a part of the pairs: (1), (2) and (3)."""
    names = [BASE, *(name for name in names if name != BASE)]
    rng = np.random.default_rng(seed)
    clusters = [np.unique(pairs[name], return_inverse=True) for name in ("model", "condition")]
    values = [mean_rhos(pairs, names, target, part.astype(np.int64))]
    for _ in range(draws):
        times = part.astype(np.int64)
        for labels, places in clusters:
            times = times * np.bincount(rng.integers(len(labels), size=len(labels)), minlength=len(labels))[places]
        values.append(mean_rhos(pairs, names, target, times))
    table = np.array(values)
    return {name: _estimate(table[:, place], table[:, 0]) for place, name in enumerate(names)}


def _estimate(rhos: Array, base: Array) -> Estimate:
    differences = rhos - base
    drawn = differences[1:][np.isfinite(differences[1:])]
    fewer = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    p = min(1.0, 2.0 * (1 + fewer) / (1 + len(drawn))) if np.isfinite(differences[0]) else 1.0
    return Estimate(_interval(rhos), _interval(differences), p)


def _interval(values: Array) -> Interval:
    drawn = values[1:][np.isfinite(values[1:])]
    low, high = np.percentile(drawn, (2.5, 97.5)) if drawn.size else (np.nan, np.nan)
    return float(values[0]), float(low), float(high)


def holm(p: Sequence[float]) -> list[float]:
    """Corrected p-values of Holm's step-down (Scand. J. Statist. 6 (1979) 65) (4).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    steps = np.minimum(1.0, np.asarray(p)[order] * np.arange(len(p), 0, -1))
    corrected = np.empty(len(p))
    corrected[order] = np.maximum.accumulate(steps)
    return [float(value) for value in corrected]


def ceiling(pairs: Columns, part: NDArray[np.bool_], *, target: str = "loss") -> float:
    """Spearman's ρ between losses of two seeds on the same pairs of a part, mean over pairs of seeds (6)."""
    return seed_ceiling({name: column[part] for name, column in pairs.items()})[target]


def void(planned: int, networks: int, not_learned: int) -> bool:
    """Whether too many networks of a campaign have not learned, or are not there."""
    return planned - networks + not_learned > MOST_LEFT_OUT * planned


def won(difference: float, without_focus: float, corrected: float) -> int:
    """Whether a measure wins (+1), loses (−1) or is not told apart from |ΔC10| (5), by differences in ρ and by p."""
    sign = np.sign(difference)
    same = sign == np.sign(without_focus)
    return int(sign) if corrected < 0.05 and same and np.isfinite(sign) else 0

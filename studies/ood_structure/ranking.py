"""How well a signal ranks the true loss: Spearman correlation, AUROC, false reassurance, and calibration of confidence.

A table is a dictionary of columns of equal length. A larger signal must mean more to doubt.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from passband.forecast.observer import area_under_curve
from studies.ranking import spearman

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Table = dict[str, NDArray[Any]]

OWN = "own"
FACTOR = 2.0  # a micrograph is degraded where its loss exceeds this many times the mean in distribution
LOW_DICE = 0.8
KEPT = 0.95  # share of validation micrographs that a threshold lets pass
POOLS = ("structure", "optics", "both")


def table_of(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Columns of rows that all have the same keys."""
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def select(table: Table, where: Mask) -> Table:
    """Return the rows of a table where `where` holds."""
    return {name: column[where] for name, column in table.items()}


def networks(table: Table) -> list[tuple[float, int]]:
    """Every (training defocus, seed), ordered."""
    return sorted({(float(a), int(b)) for a, b in zip(table["trained_nm"], table["seed"], strict=True)})


def of_network(table: Table, network: tuple[float, int]) -> Table:
    """Rows of one network."""
    return select(table, (table["trained_nm"] == network[0]) & (table["seed"] == network[1]))


def pool(table: Table, name: str) -> Table:
    """Test rows where the structure alone may differ from the training's, the optics alone, or both.

    The rows in distribution are in all of them.
    """
    test = table["part"] == "test"
    same_optics = table["defocus_nm"] == table["trained_nm"]
    same_structure = table["structures"] == OWN
    return select(table, test & {"structure": same_optics, "optics": same_structure, "both": test}[name])


def in_distribution(table: Table) -> Table:
    """Test rows of the training's own structures and optics."""
    return select(
        table,
        (table["part"] == "test") & (table["structures"] == OWN) & (table["defocus_nm"] == table["trained_nm"]),
    )


def set_means(table: Table, names: Iterable[str]) -> Table:
    """Mean of columns over the images of each (structures, defocus), with both keys."""
    pairs = list(zip(table["structures"].tolist(), table["defocus_nm"].tolist(), strict=True))
    keys = sorted(set(pairs))
    number = {key: place for place, key in enumerate(keys)}
    place = np.array([number[pair] for pair in pairs])
    count = np.bincount(place)
    found: Table = {"structures": np.array([key[0] for key in keys]), "defocus_nm": np.array([key[1] for key in keys])}
    for name in names:
        found[name] = np.bincount(place, weights=table[name]) / count
    return found


def ranking(table: Table, signal: str, pool_name: str) -> dict[str, float]:
    """How well a signal ranks the images of one network in one pool.

    Returns
    -------
    dict
        `rho_images`, `rho_sets`: Spearman with the loss. `auroc`: chance that a degraded image has the larger signal
        than one that is not; `auroc_dice`: likewise for Dice below 0.8. `false_reassurance`: share of the degraded
        images that a threshold lets pass which lets 95 % of the validation images pass; `false_alarm`: share of the
        others that it does not. NaN where not defined.
    """
    chosen = pool(table, pool_name)
    bad = degraded(table, chosen)
    poor = chosen["dice"] < LOW_DICE  # NaN is not: nothing to find, nothing found
    means = set_means(chosen, ("loss", signal))
    values = chosen[signal]
    usual = table[signal][table["part"] == "validation"]
    limit = np.quantile(usual, KEPT) if len(usual) and not np.isnan(usual).any() else np.nan
    return {
        "rho_images": spearman(values, chosen["loss"]),
        "rho_sets": spearman(means[signal], means["loss"]),
        "auroc": area_under_curve(values, bad),
        "auroc_dice": area_under_curve(values, poor),
        "false_reassurance": _share(values <= limit, bad) if np.isfinite(limit) else float("nan"),
        "false_alarm": _share(values > limit, ~bad) if np.isfinite(limit) else float("nan"),
    }


def degraded(table: Table, chosen: Table) -> Mask:
    """Which rows have a loss above `FACTOR` times the network's mean in distribution."""
    bad: Mask = chosen["loss"] > FACTOR * in_distribution(table)["loss"].mean()
    return bad


def _share(what: Mask, among: Mask) -> float:
    return float(what[among].mean()) if among.any() else float("nan")


def rankings(table: Table, signals: Sequence[str]) -> list[dict[str, Any]]:
    """Ranking of every signal in every pool, per seed: mean over the training conditions that define it."""
    rows = []
    for seed in sorted(set(table["seed"].tolist())):
        mine = [of_network(table, network) for network in networks(table) if network[1] == seed]
        for name in POOLS:
            for signal in signals:
                found = [ranking(one, signal, name) for one in mine]
                means = {key: nan_mean([one[key] for one in found]) for key in found[0]}
                rows.append({"seed": seed, "pool": name, "signal": signal, **means})
    return rows


def nan_mean(values: Sequence[float]) -> float:
    """Mean of what is a number; NaN where nothing is."""
    known = np.array([value for value in values if not np.isnan(value)])
    return float(known.mean()) if len(known) else float("nan")


def mean_sd(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation (n − 1) over seeds; 0 for a single one."""
    known = np.asarray(values, dtype=float)
    return float(known.mean()), float(known.std(ddof=1)) if len(known) > 1 else 0.0


def largest_exceedance(table: Table, signals: Sequence[str]) -> Array:
    """Return the largest of several signals, each on the scale of its ranks among the network's validation images.

    0 is the median of the validation images and 1 their 95 % quantile, so it needs no image that is degraded. (n,), in
    the order of the table.
    """
    combined = np.full(len(table["loss"]), -np.inf)
    for trained, seed in networks(table):
        mine = (table["trained_nm"] == trained) & (table["seed"] == seed)
        usual = mine & (table["part"] == "validation")
        for signal in signals:
            middle, limit = np.quantile(table[signal][usual], (0.5, KEPT))
            scaled = (table[signal][mine] - middle) / max(limit - middle, 1e-12)
            combined[mine] = np.maximum(combined[mine], scaled)
    return combined


def other_networks_loss(table: Table) -> Array:
    """Mean true loss of the other seeds' networks on the same image, which nobody knows. NaN if alone."""
    names = ("trained_nm", "part", "structures", "defocus_nm", "image")
    keys = list(zip(*(table[name].tolist() for name in names), strict=True))
    number = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    place = np.array([number[key] for key in keys])
    sums, counts = np.bincount(place, weights=table["loss"]), np.bincount(place)
    with np.errstate(invalid="ignore"):
        others: Array = (sums[place] - table["loss"]) / (counts[place] - 1)
    return others


def mean_rank(groups: NDArray[Any], measures: Sequence[Array]) -> Array:
    """Mean of the ranks, from 0 to 1, that several measures give each row within its group; (n,)."""
    found = np.zeros(len(groups))
    for group in np.unique(groups):
        mine = groups == group
        count = max(int(mine.sum()) - 1, 1)
        found[mine] = np.mean([(rankdata(measure[mine]) - 1.0) / count for measure in measures], axis=0)
    return found


def expected_calibration_error(counts: Array) -> float:
    """Mean |confidence − share that is right| over bins, weighted by their pixels; `counts` (3, bins).

    Rows: pixels, summed confidence, pixels that are right. Source: Guo et al., arXiv 1706.04599.
    """
    pixels, sure, right = counts
    return float(np.abs(sure - right).sum() / pixels.sum())

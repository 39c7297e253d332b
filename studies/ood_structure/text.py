"""The words and tables of the structure study's report, each number from the tables that were measured."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from studies.ood_structure.ranking import (
    FACTOR,
    KEPT,
    LOW_DICE,
    OWN,
    POOLS,
    Table,
    degraded,
    expected_calibration_error,
    in_distribution,
    mean_sd,
    nan_mean,
    networks,
    of_network,
    pool,
    select,
)

Rankings = Sequence[Mapping[str, Any]]

LABEL_FREE = {
    "entropy": "doubt of the network (entropy)",
    "unsure_area": "area below 90 % probability",
    "expected_loss": "loss that the network expects",
    "symmetry_disagreement": "disagreement under symmetries",
    "ensemble_disagreement": "disagreement of the ensemble",
    "feature_distance": "feature distance",
    "spectrum_distance": "power spectrum: distance",
    "spectrum_residual": "power spectrum: unexplained part",
    "combined": "largest of the above",
}
BEFORE = {
    "delta_c10_A": "distance in defocus",
    "sigma": "σ of the paper",
    "delta_epsilon": "Δε of the paper",
    "channel_distance": "channel statistics (simulated)",
    "observer_loss": "L̂ of passband's observer (simulated)",
    "observer_auc": "AUC of passband's observer (simulated)",
    "observer_rank": "mean rank of both (simulated)",
}
WITH_TRUTH = {"other_networks": "true loss of the other networks"}
NAMES = {**LABEL_FREE, **BEFORE, **WITH_TRUTH}
QUIET, LOUD = 1.5, 2.0  # times the loss in distribution: below is generalising, above is failing


def pm(values: Sequence[float], digits: int = 2) -> str:
    """Mean ± standard deviation over seeds; a dash where it is not defined."""
    if not len(values) or np.isnan(values).any():
        return "–"
    mean, sd = mean_sd(values)
    return f"{mean:.{digits}f} ± {sd:.{digits}f}"


def by_seed(table: Table, measure: Any) -> list[float]:
    """Mean over the training conditions of `measure(rows of one network)`, per seed."""
    seeds = sorted(set(table["seed"].tolist()))
    return [
        nan_mean([measure(of_network(table, network)) for network in networks(table) if network[1] == seed])
        for seed in seeds
    ]


def of(rows: Rankings, signal: str, pool_name: str, measure: str) -> list[float]:
    """Per seed."""
    return [row[measure] for row in rows if row["signal"] == signal and row["pool"] == pool_name]


def structure_summary(table: Table, structures: Sequence[str]) -> dict[str, dict[str, list[float]]]:
    """Return what became of the loss under the training's own optics, per structure set and seed."""
    found = {network: _network_summary(of_network(table, network), structures) for network in networks(table)}
    seeds = sorted({network[1] for network in found})
    return {
        name: {
            key: [nan_mean([one[name][key] for network, one in found.items() if network[1] == seed]) for seed in seeds]
            for key in next(iter(found.values()))[name]
        }
        for name in structures
    }


def _network_summary(table: Table, structures: Sequence[str]) -> dict[str, dict[str, float]]:
    chosen, own = pool(table, "structure"), in_distribution(table)["loss"].mean()
    bad = degraded(table, chosen)
    signals = [signal for signal in LABEL_FREE if signal in table]
    usual = select(table, table["part"] == "validation")
    limits = {signal: np.quantile(usual[signal], KEPT) for signal in signals}
    summary = {}
    for name in structures:
        here = chosen["structures"] == name
        loss = float(chosen["loss"][here].mean())
        summary[name] = {
            "ratio": loss / own,
            "loss": loss,
            "dice": nan_mean(chosen["dice"][here]),
            "degraded": float(bad[here].mean()),
            **{f"flagged_{signal}": float((chosen[signal][here] > limits[signal]).mean()) for signal in signals},
        }
    return summary


def verdict(ratios: Sequence[float]) -> str:
    """Whether a structure set is one that the networks generalise to; only if every seed says so."""
    if max(ratios) < QUIET:
        return "generalises"
    return "fails" if min(ratios) > LOUD else "in between"


def structure_table(summary: Mapping[str, Mapping[str, Sequence[float]]], shown: Sequence[str]) -> list[str]:
    """Loss, Dice, degraded and flagged images of every structure set at the training's defocus."""
    heads = [
        "structures",
        "loss",
        "over in-distribution",
        "Dice",
        "degraded",
        *(f"flagged: {NAMES[s]}" for s in shown),
        "",
    ]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for name, found in summary.items():
        flagged = [pm(found[f"flagged_{signal}"]) for signal in shown]
        cells = [name, pm(found["loss"], 3), pm(found["ratio"], 1), pm(found["dice"]), pm(found["degraded"]), *flagged]
        lines.append("| " + " | ".join([*cells, "" if name == OWN else verdict(found["ratio"])]) + " |")
    return lines


def ranking_table(rows: Rankings, signals: Sequence[str], measure: str) -> list[str]:
    """One line per signal, one column per pool."""
    lines = ["| | structure | optics | both |", "|---|---|---|---|"]
    for signal in signals:
        lines.append(f"| {NAMES[signal]} | " + " | ".join(pm(of(rows, signal, name, measure)) for name in POOLS) + " |")
    return lines


def reassurance_table(rows: Rankings, signals: Sequence[str]) -> list[str]:
    """Return false reassurance and false alarms of the label-free signals."""
    heads = [f"{kind}, {name}" for name in POOLS for kind in ("missed", "false alarms")]
    lines = ["| | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for signal in signals:
        cells = [pm(of(rows, signal, name, key)) for name in POOLS for key in ("false_reassurance", "false_alarm")]
        lines.append(f"| {NAMES[signal]} | " + " | ".join(cells) + " |")
    return lines


def reliability_counts(reliability: Table, pool_name: str, seed: int | None = None) -> dict[str, np.ndarray]:
    """Return summed confidence histograms (3, bins) of a pool, or of the sets in distribution ("in distribution")."""
    chosen = reliability if seed is None else select(reliability, reliability["seed"] == seed)
    chosen = in_distribution(chosen) if pool_name not in POOLS else _without_own(pool(chosen, pool_name))
    return {kind: chosen[kind].sum(axis=0).reshape(3, -1) for kind in ("plain", "scaled")}


def _without_own(table: Table) -> Table:
    return select(table, (table["structures"] != OWN) | (table["defocus_nm"] != table["trained_nm"]))


def reliability_table(reliability: Table) -> list[str]:
    """Return the expected calibration error before and after temperature scaling, in distribution and out of it."""
    lines = ["| | as trained | temperature-scaled |", "|---|---|---|"]
    seeds = sorted(set(reliability["seed"].tolist()))
    for name in ("in distribution", *POOLS):
        counts = [reliability_counts(reliability, name, seed) for seed in seeds]
        cells = [pm([expected_calibration_error(one[kind]) for one in counts], 3) for kind in ("plain", "scaled")]
        title = name if name == "in distribution" else f"{name} changed" if name != "both" else "either or both changed"
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return lines


def best(rows: Rankings, pool_name: str, measure: str, signals: Sequence[str]) -> str:
    """Signal of the largest mean over seeds, with its value, in words."""
    means = {signal: float(np.mean(of(rows, signal, pool_name, measure))) for signal in signals}
    known = [signal for signal in signals if not np.isnan(means[signal])]
    if not known:
        return "nothing (not defined)"
    first = max(known, key=lambda signal: means[signal])
    return f"*{NAMES[first]}* ({pm(of(rows, first, pool_name, measure))})"


def findings(
    rows: Rankings, summary: Mapping[str, Mapping[str, Sequence[float]]], signals: Sequence[str], before: Sequence[str]
) -> list[str]:
    """Return the conclusions, one line each."""
    sets = {kind: [n for n, f in summary.items() if n != OWN and verdict(f["ratio"]) == kind] for kind in VERDICTS}
    lines = [f"* {text}: {_listed(sets[kind], summary)}." for kind, text in VERDICTS.items() if sets[kind]]
    lines += [
        f"* {POOL_TITLES[name]}: degraded micrographs are told best by {best(rows, name, 'auroc', signals)} (AUROC), "
        f"images are ranked best by {best(rows, name, 'rho_images', signals)} (ρ), data sets by "
        f"{best(rows, name, 'rho_sets', signals)} (ρ)."
        for name in POOLS
    ]
    return [
        *lines,
        *_optics_lines(rows, before),
        *_reassurance_lines(rows, signals),
        *_silence_lines(summary, signals),
        *_backward_lines(rows, signals),
    ]


VERDICTS = {
    "generalises": f"The networks generalise (loss below {QUIET:g} times that in distribution for every seed) to",
    "in between": "In between are",
    "fails": f"They fail (above {LOUD:g} times for every seed) on",
}
POOL_TITLES = {
    "structure": "Structure changed, optics the training's",
    "optics": "Optics changed, structures the training's",
    "both": "Everything together",
}


def _listed(names: Sequence[str], summary: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    return ", ".join(
        f"{name} ({pm(summary[name]['ratio'], 1)} times, Dice {pm(summary[name]['dice'])})" for name in names
    )


def _optics_lines(rows: Rankings, before: Sequence[str]) -> list[str]:
    lines = [
        "* Where the structure alone changes, σ, Δε and the distance in defocus are one number for all data sets: "
        f"their AUROC is {pm(of(rows, 'sigma', 'structure', 'auroc'))}, their rank correlation is not defined. Where "
        f"the optics alone change, their ρ over data sets is {pm(of(rows, 'sigma', 'optics', 'rho_sets'))} (σ), "
        f"{pm(of(rows, 'delta_epsilon', 'optics', 'rho_sets'))} (Δε) and "
        f"{pm(of(rows, 'delta_c10_A', 'optics', 'rho_sets'))} (distance in defocus); over everything, "
        f"{pm(of(rows, 'sigma', 'both', 'rho_sets'))}, {pm(of(rows, 'delta_epsilon', 'both', 'rho_sets'))} and "
        f"{pm(of(rows, 'delta_c10_A', 'both', 'rho_sets'))}."
    ]
    said = [
        f"{', '.join(pm(of(rows, measure, name, 'rho_sets')) for name in POOLS)} by its {text}"
        for measure, text in (
            ("observer_loss", "loss"),
            ("observer_auc", "AUC"),
            ("observer_rank", "mean rank of both"),
        )
        if measure in before
    ]
    if said:
        lines.append(
            "* passband's observer, which needs no network but a simulation of the other structures with its truth, "
            f"ranks data sets with ρ (structure, optics, everything) {'; '.join(said)}."
        )
    return lines


def _reassurance_lines(rows: Rankings, signals: Sequence[str]) -> list[str]:
    missed = {signal: of(rows, signal, "structure", "false_reassurance") for signal in signals}
    known = {signal: values for signal, values in missed.items() if not np.isnan(values).any()}
    if not known:
        return []
    least = min(known, key=lambda signal: float(np.mean(known[signal])))
    most = max(known, key=lambda signal: float(np.mean(known[signal])))
    return [
        f"* At a threshold that {KEPT:.0%} of the validation micrographs pass, between {pm(known[least])} "
        f"(*{NAMES[least]}*) and {pm(known[most])} (*{NAMES[most]}*) of those degraded by structure pass too; "
        f"the false alarms are {pm(of(rows, least, 'structure', 'false_alarm'))} and "
        f"{pm(of(rows, most, 'structure', 'false_alarm'))}."
    ]


def _silence_lines(summary: Mapping[str, Mapping[str, Sequence[float]]], signals: Sequence[str]) -> list[str]:
    """Which sets the networks fail on without a sign, and which alarm without need."""
    lines = []
    for kind, text in (
        ("fails", "Of the sets that the networks fail on"),
        ("generalises", "Of those they generalise to"),
    ):
        parts = []
        for name, found in summary.items():
            if name == OWN or verdict(found["ratio"]) != kind:
                continue
            flagged = [float(np.mean(found[f"flagged_{signal}"])) for signal in signals]
            loudest = signals[flagged.index(max(flagged))]
            parts.append(f"{name} {pm(found[f'flagged_{loudest}'])} (*{NAMES[loudest]}*)")
        if parts:
            lines.append(f"* {text}, the signal that flags the most micrographs flags: {', '.join(parts)}.")
    return lines


def training_lines(table: Table) -> list[str]:
    """Return how well each training defocus prepares for all data sets together."""
    seeds = sorted(set(table["seed"].tolist()))
    found = {}
    for trained in sorted(set(table["trained_nm"].tolist())):
        mine = [of_network(table, (trained, seed)) for seed in seeds if (trained, seed) in networks(table)]
        found[trained] = [float(pool(one, "both")["loss"].mean()) for one in mine]
    ordered = sorted(found, key=lambda trained: float(np.mean(found[trained])))
    listed = ", ".join(f"{pm(found[trained], 3)} ({trained:+g} nm)" for trained in ordered)
    return [f"* Mean loss over all structures and defoci, by training defocus: {listed}."]


def _backward_lines(rows: Rankings, signals: Sequence[str]) -> list[str]:
    """Name the signals that are larger where the loss is smaller, for every seed."""
    against = [signal for signal in signals if max(of(rows, signal, "structure", "rho_sets")) < 0.0]
    if not against:
        return []
    listed = ", ".join(f"*{NAMES[signal]}* ({pm(of(rows, signal, 'structure', 'rho_sets'))})" for signal in against)
    return [
        "* Different is not worse: over the data sets of changed structure these run against the loss (ρ, for every "
        f"seed): {listed}. They find what is unlike the training, be it easier or harder."
    ]


def base_rates(table: Table) -> str:
    """Share of the images of each pool that are degraded by either definition."""
    parts = []
    for name in POOLS:
        bad = by_seed(table, lambda one, name=name: degraded(one, pool(one, name)).mean())
        poor = by_seed(table, lambda one, name=name: (pool(one, name)["dice"] < LOW_DICE).mean())
        parts.append(f"{name}: {pm(bad)} (Dice: {pm(poor)})")
    own = by_seed(table, lambda one: degraded(one, in_distribution(one)).mean())
    return (
        f"A micrograph is *degraded* where its loss exceeds {FACTOR:g} times the network's mean in distribution; "
        f"their share (and that of Dice below {LOW_DICE:g}) by pool: {'; '.join(parts)}; in distribution {pm(own)}."
    )

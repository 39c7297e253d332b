"""Which strategy chose the better training conditions, from a finished campaign.

    passband campaign run studies/training_choice/plan_small.toml -o out/training_choice
    python -m studies.training_choice.report out/training_choice --plan studies/training_choice/plan_small.toml

Reads results/choices.csv and results/forecast.csv of choose.py; writes results/losses.csv, results/summary.csv,
results/ranking.csv, coverage.png and report.md.
Runs that are not finished are left out, and the report says so.
"""

import csv
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import spearmanr

from passband.campaign.folder import METRICS, finished, run_folder
from passband.campaign.grid import OWN, CampaignPlan
from passband.campaign.tables import read_scores
from passband.distribution import Normal, limits
from passband.figures.style import to_png
from passband.microscope.conditions import ConditionDistribution, validate_conditions
from passband.tabular import write_csv
from studies.reporting import provenance, report_command
from studies.training_choice.strategies import (
    AXES,
    BASELINES,
    against,
    difference,
    losses,
    ranking,
    read_forecast,
    verdict,
    worst_decile,
)

Array = NDArray[np.float64]

PART = "strategies"
INFORMED = ("sigma", "observer")
SAYS = {
    "spaced": "evenly spaced, the largest distance to a candidate smallest",
    "random": "drawn at random",
    "single": "the one that the observer calls best",
    "sigma": "greedy cover by σ of arXiv 2512.09067",
    "observer": "greedy cover by the loss of the observer",
    "region": "no choice: every setting within reach",
}


def read_rows(plan: CampaignPlan, directory: Path) -> list[dict[str, Any]]:
    """Rows of the finished runs with the held-out condition in Å; those on the training's own mixture have none."""
    rows = []
    for experiment in plan.part_experiments(PART):
        folder = run_folder(experiment, directory)
        places = {one.name: _place(one.conditions) for one in experiment.evaluations if one.name != OWN}
        for row in read_scores(folder / METRICS) if finished(folder) else []:
            named = {"strategy": row["trained_on"], "loss": row["paper_loss"]}  # as the published tables call it
            rows.append(row | named | places.get(row["evaluation"], {}))
    return rows


def _place(conditions: Any) -> dict[str, float]:
    aberrations = conditions.aberrations
    return {f"{name}_A": float(np.mean(limits(aberrations.get(name, 0.0)))) for name in AXES}


def read_choices(path: Path) -> dict[str, list[dict[str, float]]]:
    """Return the chosen conditions in Å, and what was forecast, by strategy."""
    chosen: dict[str, list[dict[str, float]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            numbers = {name: float(value) for name, value in row.items() if name != "strategy"}
            chosen.setdefault(row["strategy"], []).append(numbers)
    return chosen


def planned_choices(plan: CampaignPlan) -> dict[str, list[tuple[float, ...]]]:
    """Return C10 and C30 in Å of what each strategy trains on by the plan; none where it is a region."""
    points = {}
    for named in plan.families["chosen"].conditions():
        fixed = [one for one in validate_conditions(named.conditions).members if _is_fixed(one)]
        points[named.name] = [tuple(_place(one).values()) for one in fixed]
    return points


def _is_fixed(conditions: ConditionDistribution) -> bool:
    return all(isinstance(conditions.aberrations.get(name, 0.0), float | Normal) for name in AXES)


def check_choices(plan: CampaignPlan, chosen: Mapping[str, Sequence[Mapping[str, float]]]) -> None:
    """Refuse choices that are not those of the plan.

    Raises
    ------
    ValueError
        A strategy of the plan was chosen otherwise.
    """
    for name, points in planned_choices(plan).items():
        given = sorted(tuple(round(row[f"{axis}_A"], 3) for axis in AXES) for row in chosen.get(name, []))
        if points and given != sorted(tuple(round(value, 3) for value in point) for point in points):
            raise ValueError(f"{name} is {points} in the plan and {given} in choices.csv; copy what choose.py prints")


def coverage(rows: Sequence[Mapping[str, Any]], points: Mapping[str, Sequence[tuple[float, ...]]]) -> bytes:
    """Draw the region within reach for each strategy: what it chose (stars), and the loss where it was measured."""
    names = [name for name in points if losses(rows, name).size]
    columns = min(3, len(names))
    figure = Figure(figsize=(3.6 * columns + 0.9, 3.3 * ceil(len(names) / columns)), layout="constrained")
    grid = figure.subplots(ceil(len(names) / columns), columns, sharex=True, sharey=True, squeeze=False)
    shown = {name: losses(rows, name).mean(axis=0) for name in names}
    low, high = (pick(np.concatenate(list(shown.values()))) for pick in (np.min, np.max))
    for axes, name in zip(grid.flat, names, strict=False):
        mine = {row["evaluation"]: row for row in rows if row["strategy"] == name and row["evaluation"] != OWN}
        places = np.array([[mine[key]["C10_A"] / 10, mine[key]["C30_A"] / 1e7] for key in sorted(mine)])
        dots = axes.scatter(*places.T, c=shown[name], vmin=low, vmax=high, cmap="viridis", s=90, edgecolors="none")
        if chosen := points[name]:
            stars = np.array(chosen) / [10.0, 1e7]
            axes.plot(*stars.T, "*", color="tab:red", markersize=15, markeredgecolor="white")
        axes.set_title(f"{name}: mean loss {shown[name].mean():.3f}", fontsize=10)
    for axes in list(grid.flat)[len(names) :]:
        axes.set_visible(False)
    for axes in grid[-1]:
        axes.set_xlabel("C10 (nm)")
    for axes in grid[:, 0]:
        axes.set_ylabel("C30 (mm)")
    figure.colorbar(dots, ax=grid, shrink=0.8, label="loss (scale of the paper), mean over seeds")
    return to_png(figure, dpi=120)


def summary(
    rows: Sequence[Mapping[str, Any]], chosen: Mapping[str, Sequence[Mapping[str, float]]]
) -> list[dict[str, Any]]:
    """One row per strategy, the best first: means and standard deviations over seeds, and paired differences."""
    table = []
    for name in {row["strategy"] for row in rows}:
        measured = losses(rows, name)
        mean, worst, dice = measured.mean(axis=1), worst_decile(measured), losses(rows, name, "dice").mean(axis=1)
        own = [row["loss"] for row in rows if row["strategy"] == name and row["evaluation"] == OWN]
        line: dict[str, Any] = {
            "strategy": name,
            "forecast_loss": chosen[name][0]["observer_loss"] if name in chosen else None,
            "own_loss": float(np.mean(own)) if own else None,
            "loss": float(mean.mean()),
            "loss_sd": _sd(mean),
            "worst_decile": float(worst.mean()),
            "worst_decile_sd": _sd(worst),
            "dice": float(dice.mean()),
        }
        for other in BASELINES:
            known = other != name and losses(rows, other).size
            found = difference(measured, losses(rows, other)) if known else None
            tail = worst - worst_decile(losses(rows, other)) if known else None
            line |= {
                f"worst_minus_{other}": None if tail is None else float(tail.mean()),
                f"worst_minus_{other}_sd": None if tail is None else _sd(tail),
                f"minus_{other}": found.mean if found else None,
                f"minus_{other}_low": found.low if found else None,
                f"minus_{other}_high": found.high if found else None,
                f"minus_{other}_sd": _sd(found.seeds) if found else None,
            }
        table.append(line)
    return sorted(table, key=lambda line: line["loss"])


def _sd(values: Array) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def report(plan: CampaignPlan, plan_file: Path, directory: Path, output: Path) -> None:
    """Write everything; see the module."""
    chosen = read_choices(output / "results" / "choices.csv")
    check_choices(plan, chosen)
    rows = read_rows(plan, directory)
    keep = ("strategy", "seed", "evaluation", "C10_A", "C30_A", "loss", "dice")
    held_out = [{name: row[name] for name in keep} for row in rows if row["evaluation"] != OWN]
    write_csv(output / "results" / "losses.csv", held_out)
    table = summary(rows, chosen)
    write_csv(output / "results" / "summary.csv", table)
    (output / "coverage.png").write_bytes(coverage(rows, planned_choices(plan)))
    ranked = ranking(rows, planned_choices(plan), *read_forecast(output / "results" / "forecast.csv"))
    write_csv(output / "results" / "ranking.csv", ranked)
    opening = [*provenance(plan, plan_file, directory), *_left_out(plan, directory)]
    lines = [*_text(plan, rows, table, opening), *_ranking_text(ranked)]
    (output / "report.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _left_out(plan: CampaignPlan, directory: Path) -> list[str]:
    missing = [one.trained_on for one in plan.part_experiments(PART) if not finished(run_folder(one, directory))]
    return [f"**Not finished and left out: {', '.join(missing)}.**", ""] if missing else []


def _text(
    plan: CampaignPlan,
    rows: Sequence[Mapping[str, Any]],
    table: Sequence[Mapping[str, Any]],
    opening: Sequence[str],
) -> list[str]:
    measured = {line["strategy"] for line in table}
    some = losses(rows, table[0]["strategy"])
    training = plan.training
    images = training.epochs * training.steps_per_epoch * training.batch_size
    points = planned_choices(plan)
    wins = any(verdict(rows, name).startswith("wins") for name in INFORMED if name in measured)
    shared = any(part.together and len(part.seeds) > 1 for part in plan.parts)
    return [
        "# Which conditions to train on, when there is a budget for a few",
        "",
        *opening,
        f"The budget is three of {len(plan.families['candidates'].conditions())} candidates over C10 × C30. Every "
        f"network is trained on {images} micrographs, however many conditions they are of, and measured on "
        f"{some.shape[1]} random held-out conditions, {plan.images} micrographs of unseen structures each; "
        f"{some.shape[0]} seeds.",
        "",
        "## Verdict",
        "",
        f"Information-guided choice **{'wins' if wins else 'does not win'}** on this plan.",
        "",
        *(f"* {name}: **{verdict(rows, name)}**" for name in (*INFORMED, "random", "region") if name in measured),
        *([f"* spaced: **{against(rows, 'spaced', 'single')}**"] if {"spaced", "single"} <= measured else []),
        "",
        "A strategy wins when its mean loss over the held-out conditions is below that of `spaced` and of `single`, "
        "paired by seed and condition: the 95 % bootstrap interval leaves out 0 and all seeds agree."
        + (" The seeds of a run share one stream of micrographs, whose own chance they do not show." if shared else ""),
        "",
        "## Losses on held-out conditions",
        "",
        "| strategy | forecast | mean loss | − spaced | − single | worst tenth | − spaced | − single | Dice |",
        "|---|---|---|---|---|---|---|---|---|",
        *(_line(line) for line in table),
        "",
        f"Mean ± standard deviation over {some.shape[0]} seeds; differences of the mean with their 95 % intervals over "
        "seeds and conditions, of the worst tenth ± standard deviation over seeds. The worst tenth is of the "
        "conditions, for each seed. `forecast` is the mean loss over the candidates of one observer that learned at "
        "the whole choice (`choose.py`), before any training; its scale is that of an observer, not of a network, so "
        "only its "
        f"order counts: {_forecast_order(table)}",
        "",
        *(f"* `{name}` ({SAYS[name]}): {_spelled(points[name])}" for name in points if name in measured),
        "",
        "![Coverage](coverage.png)",
        "",
        "Loss on each held-out condition (dots) of networks trained on the chosen ones (stars); "
        "`results/losses.csv`, `results/choices.csv`, `results/forecast.csv`.",
    ]


def _forecast_order(table: Sequence[Mapping[str, Any]]) -> str:
    known = [(line["forecast_loss"], line["loss"]) for line in table if line["forecast_loss"] is not None]
    if len(known) < 3:
        return "there are too few strategies to check it."
    forecast, measured = zip(*known, strict=True)
    return f"over {len(known)} strategies it has a Spearman correlation of {spearmanr(forecast, measured)[0]:+.2f}."


def _ranking_text(ranked: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        "",
        "## Where a network fails, as known before its training",
        "",
        "Spearman correlation over the held-out conditions of the measured loss (mean over seeds) with the observer's "
        "loss, with −σ and with the distance in C10, each to the best of the chosen conditions; +1 is the right order.",
        "",
        "| strategy | observer | −σ | ΔC10 |",
        "|---|---|---|---|",
        *(
            f"| {line['strategy']} | "
            + " | ".join(f"{line[key]:+.2f}" for key in ("observer", "sigma", "delta_c10"))
            + " |"
            for line in ranked
        ),
    ]


def _line(line: Mapping[str, Any]) -> str:
    forecast = "" if line["forecast_loss"] is None else f"{line['forecast_loss']:.3f}"
    cells = [
        f"{line['loss']:.4f} ± {line['loss_sd']:.4f}",
        *(_interval(line, f"minus_{other}") for other in BASELINES),
        f"{line['worst_decile']:.4f} ± {line['worst_decile_sd']:.4f}",
        *(_spread(line, f"worst_minus_{other}") for other in BASELINES),
        f"{line['dice']:.3f}",
    ]
    return f"| {line['strategy']} | {forecast} | " + " | ".join(cells) + " |"


def _interval(line: Mapping[str, Any], name: str) -> str:
    if line[name] is None:
        return ""
    return f"{line[name]:+.4f} [{line[f'{name}_low']:+.4f}, {line[f'{name}_high']:+.4f}]"


def _spread(line: Mapping[str, Any], name: str) -> str:
    return "" if line[name] is None else f"{line[name]:+.4f} ± {line[f'{name}_sd']:.4f}"


def _spelled(points: Sequence[tuple[float, ...]]) -> str:
    return "; ".join(f"C10 {c10 / 10:+g} nm, C30 {c30 / 1e7:+g} mm" for c10, c30 in points) or "all of it"


if __name__ == "__main__":
    report_command(report, doc=__doc__ or "", script=Path(__file__))

"""Figure 5 of the paper, and which measure forecasts it best: every (network, data set) pair of a campaign.

`analyse` writes results/pairs.csv, results/ranking.csv, results/regressions.csv, fig5.png, forecasts.png and
ranking.png; `report.py` calls it. The measures use training structures (of other stores, those
that no network is measured on); networks are tested on others.
"""

import hashlib
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from passband.campaign.experiment_run import store_path
from passband.campaign.folder import CONFIG, METRICS
from passband.campaign.tables import read_scores
from passband.dataset.beam_path import SimulationRecipe
from passband.dataset.memory import Memory
from passband.dataset.store import WaveStore
from passband.experiment.experiment import Evaluation, Experiment
from passband.figures.style import to_png
from passband.forecast.pairs import ForecastRecipe, MicrographSet
from passband.forecast.tables import MEASURES, forecast_tables
from passband.tabular import write_csv
from studies.ood_aberrations.figures import forecast_figure, ranking_figure, transfer_loss_figure
from studies.ranking import (
    BootstrapEstimate,
    Clusters,
    explained_variance,
    held_out_predictions,
    rank_correlations,
    spearman,
    within_groups,
)

Array = NDArray[np.float64]
Row = dict[str, Any]

TARGETS = ("loss", "induced_loss")
BOTH, ROBUST = "observer and texture", "observer loss and AUC"
NAMES = {
    "delta_c10_A": "plain |ΔC10|",
    "sigma": "σ (radial)",
    "delta_epsilon": "−Δε (radial, p = 1)",
    "sigma_area": "σ (area)",
    "delta_epsilon_area": "−Δε (area, p = 2)",
    "sigma_specimen": "σ, weighted by the specimen",
    "delta_epsilon_specimen": "−Δε, weighted by the specimen",
    "texture_error": "texture error",
    "texture_separation": "texture separation d′",
    "texture_difficulty": "texture difficulty at χ′ alone",
    "image_correlation": "correlation of images",
    "energy_correlation": "correlation of energy maps",
    "channel_distance": "Fréchet distance of channels",
    "observer_loss": "mismatched observer, loss",
    "observer_auc": "mismatched observer, AUC",
    "observer_induced": "mismatched observer, induced loss",
    "observer_difficulty": "observer's difficulty at χ′ alone",
    ROBUST: "mismatched observer, loss and AUC, mean rank",
    BOTH: "mismatched observer and texture d′, mean rank",
}
NAMES |= {one.name: one.says for one in MEASURES.values() if one.name not in NAMES}
REGRESSIONS = {
    "|ΔC10|": ("delta_c10_A",),
    "σ": ("sigma",),
    "σ, Δε (radial, p = 1)": ("sigma", "delta_epsilon"),
    "σ, Δε (area, p = 2)": ("sigma_area", "delta_epsilon_area"),
    "σ, Δε, |ΔC10|": ("sigma", "delta_epsilon", "delta_c10_A"),
    "observer": ("observer_loss", "observer_induced"),
    "observer, texture": ("observer_loss", "observer_induced", "texture_separation"),
    "observer, texture, σ, Δε": (
        "observer_loss",
        "observer_induced",
        "texture_separation",
        "sigma_area",
        "delta_epsilon_area",
    ),
}


class Pairs(NamedTuple):
    """Rows of pairs.csv, and the seconds of processor time that the forecasts took when they were made."""

    rows: list[Row]
    seconds: float


def read_campaign(campaign: Path, runs: Collection[str] | None = None) -> tuple[list[Experiment], list[Row]]:
    """Return finished experiments of a campaign, all or some, and the last measurement of each of their networks."""
    experiments, rows = [], []
    for path in sorted(campaign.glob(f"runs/*/{METRICS}")):
        if runs is not None and path.parent.name not in runs:
            continue
        experiments.append(Experiment.model_validate_json((path.parent / CONFIG).read_text()))
        measured = read_scores(path)
        last = max(row["epoch"] for row in measured)
        rows += [row for row in measured if row["epoch"] == last]
    if not rows:
        raise SystemExit(f"{campaign} has no finished run; run the campaign first")
    return experiments, rows


def make_pairs(campaign: Path, recipe: ForecastRecipe | None = None, *, runs: Collection[str] | None = None) -> Pairs:
    """Forecast every pair of a campaign, or of some of its runs; forecasts that were made before are read."""
    experiments, measured = read_campaign(campaign, runs)
    trainings = {one.trained_on: one for one in experiments}
    evaluations = {(one.structures, one.name): one for each in experiments for one in each.evaluations}
    tables, seconds = _forecasts(campaign, trainings, evaluations, recipe or ForecastRecipe())
    rows_of, columns_of = list(trainings), list(evaluations)
    own = {(row["run"], row["seed"]): row["paper_loss"] for row in measured if _is_own(row)}
    rows = []
    for row in measured:
        place = rows_of.index(row["trained_on"]), columns_of.index((row["structures"], row["evaluation"]))
        name = f"{row['structures']} {row['evaluation']}".strip()
        known = {"model": row["trained_on"], "dataset": name, "seed": row["seed"], "own": int(_is_own(row))}
        measures = {measure: float(table[place]) for measure, table in tables.items()}
        own_loss = own.get((row["run"], row["seed"]), np.nan)
        loss = {"loss": row["paper_loss"], "induced_loss": row["paper_loss"] - own_loss}
        rows.append(known | {"run": row["run"], "series": _series(row)} | measures | loss | {"dice": row["dice"]})
    return Pairs(rows, seconds)


def _series(row: Row) -> str:
    return f"{row['optimiser']} {row['learning_rate']:g} {row['batch_size']}"


def _is_own(row: Mapping[str, Any]) -> bool:
    return not row["structures"] and row["evaluation"] == row["trained_on"]


def _forecasts(
    campaign: Path,
    trainings: Mapping[str, Experiment],
    evaluations: Mapping[tuple[str, str], Evaluation],
    recipe: ForecastRecipe,
) -> tuple[dict[str, Array], float]:
    experiment = next(iter(trainings.values()))
    wanted = [recipe.to_json(), *(one.imaging.to_json() for one in trainings.values())]
    wanted += [one.to_json() for one in evaluations.values()] + [experiment.simulation.to_json()]
    path = campaign / "forecasts" / f"{hashlib.sha256(' '.join(wanted).encode()).hexdigest()[:16]}.npz"
    if path.exists():
        with np.load(path) as kept:
            if set(MEASURES) <= set(kept):
                return {name: kept[name] for name in MEASURES}, float(kept["seconds"])
    started = time.process_time()
    stores = next((one for one in (campaign / "stores", campaign.parent / "stores") if one.is_dir()), campaign)
    memory = Memory()
    opened = {"": WaveStore.open(store_path(experiment.simulation, stores), memory=memory)}
    for name in dict.fromkeys(one.structures for one in evaluations.values() if one.structures):
        opened[name] = WaveStore.open(store_path(_other(trainings, name), stores), memory=memory)
    indices = {name: untested(len(store), experiment.images) for name, store in opened.items()}
    split = experiment.split
    parts = opened[""].splits(validation=split.validation, test=split.test)
    indices[""] = tuple(int(index) for index in parts["train"])
    first = [MicrographSet(opened[""], one.imaging, indices[""]) for one in trainings.values()]
    second = [
        MicrographSet(
            opened[one.structures],
            experiment.imaging.model_copy(update={"conditions": one.conditions}),
            indices[one.structures],
        )
        for one in evaluations.values()
    ]
    tables = forecast_tables(first, second, recipe)
    path.parent.mkdir(exist_ok=True)
    seconds = time.process_time() - started
    np.savez(path, seconds=np.array(seconds), **tables)  # type: ignore[arg-type]
    return tables, seconds


def untested(structures: int, images: int) -> tuple[int, ...]:
    """Structures of another store that no network is measured on; all where fewer than four are left."""
    left = tuple(range(images, structures))
    return left if len(left) >= 4 else tuple(range(structures))


def _other(trainings: Mapping[str, Experiment], name: str) -> SimulationRecipe:
    return next(one.others[name] for one in trainings.values() if name in one.others)


def columns(rows: Sequence[Row]) -> dict[str, NDArray[Any]]:
    """Return rows as columns, all measures turned so that a larger one forecasts a larger loss."""
    table = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    turned: dict[str, NDArray[Any]] = {one.name: table[one.name] * one.direction for one in MEASURES.values()}
    turned[ROBUST] = rankdata(turned["observer_loss"]) + rankdata(turned["observer_auc"])
    turned[BOTH] = rankdata(turned["observer_loss"]) + rankdata(turned["texture_separation"])
    return table | turned


def rank_measures(table: Mapping[str, NDArray[Any]], *, draws: int = 300) -> list[Row]:
    """Spearman's ρ of every measure with loss and induced loss, off the training sets, and its gain over baselines."""
    apart = table["own"] == 0
    measures = {name: table[name][apart] for name in NAMES}
    clusters = Clusters(list(table["model"][apart]), list(table["dataset"][apart]))
    networks = [f"{model} {seed} {run}" for model, seed, run in
                zip(*(table[name][apart] for name in ("model", "seed", "run")), strict=True)]  # fmt: skip
    rows = []
    for target in TARGETS:
        values = table[target][apart]
        found = rank_correlations(measures, values, clusters, draws=draws)
        gains = {
            base: rank_correlations(measures, values, clusters, draws=draws, against=base)
            for base in ("delta_c10_A", "sigma", "delta_epsilon_area")
        }
        for name, estimate in found.items():
            row: Row = {"target": target, "measure": name} | _spread("rho", estimate)
            for base, gain in gains.items():
                row |= _spread(f"gain_over_{base}", gain[name])
            row["rho_within_networks"] = within_groups(measures[name], values, networks)
            row["rho_within_datasets"] = within_groups(measures[name], values, clusters.evaluation)
            rows.append(row)
    return rows


def _spread(name: str, estimate: BootstrapEstimate) -> Row:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def regress(table: Mapping[str, NDArray[Any]]) -> list[Row]:
    """Linear regressions, each pair predicted by a fit that knew neither its training nor its evaluation."""
    apart = table["own"] == 0
    clusters = Clusters(list(table["model"][apart]), list(table["dataset"][apart]))
    rows = []
    for target in TARGETS:
        values = table[target][apart]
        for name, chosen in REGRESSIONS.items():
            predicted = held_out_predictions([table[one][apart] for one in chosen], values, clusters)
            explained = explained_variance(predicted, values)
            rows.append({"target": target, "measures": name, "r2": explained, "rho": spearman(predicted, values)})
    return rows


def seed_ceiling(table: Mapping[str, NDArray[Any]]) -> dict[str, float]:
    """ρ between the losses of two seeds of one training, mean over pairs of seeds: about what a measure can reach.

    Seeds are paired by condition and series, whether they shared a run, and so a stream of micrographs, or not.
    """
    found: dict[str, float] = {}
    apart = table["own"] == 0
    named = zip(*(table[name][apart] for name in ("model", "series", "dataset")), strict=True)
    keys = [", ".join(one) for one in named]
    seeds = table["seed"][apart]
    for target in TARGETS:
        by_seed = {
            seed: dict(zip(np.array(keys)[seeds == seed], table[target][apart][seeds == seed], strict=True))
            for seed in np.unique(seeds)
        }
        rhos = []
        for first in by_seed:
            for second in by_seed:
                shared = sorted(set(by_seed[first]) & set(by_seed[second])) if first < second else []
                rhos.append(spearman([by_seed[first][k] for k in shared], [by_seed[second][k] for k in shared]))
        finite = [rho for rho in rhos if np.isfinite(rho)]
        found[target] = float(np.mean(finite)) if finite else float("nan")
    return found


def draw(table: Mapping[str, NDArray[Any]], ranking: Sequence[Row], ceiling: Mapping[str, float], folder: Path) -> None:
    """Write the figures."""
    figure = transfer_loss_figure(table["sigma"] * MEASURES["sigma"].direction,
                                  table["delta_epsilon"] * MEASURES["delta_epsilon"].direction,
                                  table["loss"], table["induced_loss"])  # fmt: skip
    (folder / "fig5.png").write_bytes(to_png(figure))
    panels = [
        ("(a) observer's loss", table["observer_loss"], "loss (paper scale)", table["loss"]),
        ("(b) observer's induced loss", table["observer_induced"], "induced loss", table["induced_loss"]),
    ]
    (folder / "forecasts.png").write_bytes(to_png(forecast_figure(panels, table["own"] == 1)))
    estimates = {
        target.replace("_", " "): {
            NAMES[row["measure"]]: (row["rho"], row["rho_low"], row["rho_high"])
            for row in ranking
            if row["target"] == target
        }
        for target in TARGETS
    }
    (folder / "ranking.png").write_bytes(
        to_png(ranking_figure(estimates, {target.replace("_", " "): rho for target, rho in ceiling.items()}))
    )


def analyse(
    campaign: Path,
    results: Path,
    *,
    runs: Collection[str] | None = None,
    recipe: ForecastRecipe | None = None,
    draws: int = 300,
) -> dict[str, Any]:
    """Forecast and rank the pairs of a campaign, or of some of its runs.

    Tables go to `results`, figures to the folder above it.
    """
    results.mkdir(parents=True, exist_ok=True)
    pairs = make_pairs(campaign, recipe, runs=runs)
    table = columns(pairs.rows)
    ranking, regressions, ceiling = rank_measures(table, draws=draws), regress(table), seed_ceiling(table)
    write_csv(results / "pairs.csv", pairs.rows)
    write_csv(results / "ranking.csv", ranking)
    write_csv(results / "regressions.csv", regressions)
    draw(table, ranking, ceiling, results.parent)
    networks = {(row["run"], row["seed"]) for row in pairs.rows}
    return {
        "pairs": len(pairs.rows),
        "networks": len(networks),
        "trainings": len(set(table["model"])),
        "datasets": len(set(table["dataset"])),
        "own_loss": float(table["loss"][table["own"] == 1].mean()),
        "other_loss": float(table["loss"][table["own"] == 0].mean()),
        "largest_loss": float(table["loss"].max()),
        "improved": float((table["induced_loss"][table["own"] == 0] < 0).mean()),
        "ceiling": ceiling,
        "ranking": ranking,
        "regressions": regressions,
        "forecast_seconds": pairs.seconds,
    }


def report_lines(numbers: Mapping[str, Any]) -> list[str]:
    """Return the section of the report: what was measured, the tables, and where the measures win and where not."""
    ceiling = numbers["ceiling"]
    lines = [
        f"{numbers['networks']} networks of {numbers['trainings']} training conditions on {numbers['datasets']} data "
        f"sets: {numbers['pairs']} pairs. Mean loss {numbers['own_loss']:.4f} on the training's own conditions, "
        f"{numbers['other_loss']:.4f} on others, {numbers['largest_loss']:.3f} at worst; "
        f"{100 * numbers['improved']:.0f} % of the pairs have a negative induced loss: the network does better there.",
        "",
        "![Fig. 5](fig5.png)",
        "",
        "## Which measure ranks the pairs",
        "",
        "Spearman's ρ over all pairs off the training's own conditions, turned so that a larger measure forecasts a "
        "larger loss; in brackets 95 % of bootstrap draws of whole training conditions and whole evaluation "
        f"conditions. Another seed of the same training ranks the loss with ρ = {ceiling['loss']:.2f} and the induced "
        f"loss with {ceiling['induced_loss']:.2f}: more cannot be expected. No measure is fitted to these losses. All "
        f"measures of all pairs took {numbers['forecast_seconds']:.0f} s of one core.",
        "",
        "| measure, before training | loss | induced loss | loss, within a network | loss, within a data set |",
        "|---|---|---|---|---|",
    ]
    found = {(row["target"], row["measure"]): row for row in numbers["ranking"]}
    for name, label in NAMES.items():
        loss, induced = found["loss", name], found["induced_loss", name]
        cells = [_cell(loss, "rho"), _cell(induced, "rho")]
        cells += [f"{loss[f'rho_within_{what}']:.2f}" for what in ("networks", "datasets")]
        lines.append(f"| {_escaped(label)} | {' | '.join(cell.replace('nan', '–') for cell in cells)} |")
    lines += ["", "![ρ of every measure](ranking.png)", "", "![forecasts](forecasts.png)", "", *_verdict(found), ""]
    lines += [
        "## Regressions",
        "",
        "Linear, ordinary least squares; each pair is predicted by a fit without its training condition and without "
        "its evaluation condition, on either side (five folds of conditions).",
        "",
        "| measures | R², loss | ρ, loss | R², induced loss | ρ, induced loss |",
        "|---|---|---|---|---|",
    ]
    fits = {(row["target"], row["measures"]): row for row in numbers["regressions"]}
    for name in REGRESSIONS:
        cells = [f"{fits[target, name][what]:.2f}" for target in TARGETS for what in ("r2", "rho")]
        lines.append(f"| {_escaped(name)} | {' | '.join(cells)} |")
    return [*lines, ""]


def _escaped(text: str) -> str:
    """Text that does not end a cell of a table."""
    return text.replace("|", "\\|")


def _cell(row: Row, name: str) -> str:
    return f"{row[name]:.2f} ({row[f'{name}_low']:.2f} to {row[f'{name}_high']:.2f})"


def _verdict(found: Mapping[tuple[str, str], Row]) -> list[str]:
    """Where the observer wins and where it does not, from the resampled differences."""
    lines = []
    for target, measure in (("loss", "observer_loss"), ("induced_loss", "observer_induced")):
        row = found[target, measure]
        for base in ("delta_c10_A", "sigma", "delta_epsilon_area"):
            low, high = (row[f"gain_over_{base}_{side}"] for side in ("low", "high"))
            word = "ranks better" if low > 0 else "ranks worse" if high < 0 else "cannot be told"
            lines.append(
                f"* {target.replace('_', ' ')}: {NAMES[measure]} {word} {'from' if 'told' in word else 'than'} "
                f"{NAMES[base]}; ρ differs by {_cell(row, f'gain_over_{base}')}."
            )
    best = np.nanmax([found["loss", name]["rho_within_datasets"] for name in NAMES])
    lines.append(
        "* Which network to take for a given data set is harder to say than which data sets are hard for a network: "
        f"within a data set no measure is above ρ = {best:.2f}."
    )
    return lines

"""Structures that the training did not have: what happens to networks, and which signals tell it.

    passband campaign run studies/ood_structure/plan_small.toml -o out/ood_structure
    python -m studies.ood_structure.report out/ood_structure --plan studies/ood_structure/plan_small.toml

Writes results/signals.csv (per network and data set), results/images.csv (per network and image where structure or
optics alone changed), results/ranking.csv, results/forecasts.csv, figures and report.md, into which reading.md of the
same folder is copied. The first time every network looks at every micrograph again (about seven minutes of one core for
the small plan); what it showed is kept in the folder of the campaign.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from passband.campaign.folder import METRICS, TRAININGS, finished, run_folder
from passband.campaign.grid import CampaignPlan, load_campaign
from passband.campaign.tables import read_scores
from passband.campaign.trainings import model_folder, training_folder
from passband.experiment.evaluation import evaluation_set
from passband.experiment.experiment import Experiment
from passband.segmentation.model import load_model
from passband.tabular import write_csv
from studies.ood_structure.figures import (
    Example,
    example_sheet,
    loss_maps,
    ranking_chart,
    reliability_chart,
    signal_scatter,
)
from studies.ood_structure.ranking import (
    OWN,
    POOLS,
    Table,
    in_distribution,
    largest_exceedance,
    mean_rank,
    networks,
    of_network,
    other_networks_loss,
    pool,
    rankings,
    select,
    set_means,
    table_of,
)
from studies.ood_structure.signals import Measuring, defocus_nm, forecasts, measure_run, opened
from studies.ood_structure.text import (
    BEFORE,
    LABEL_FREE,
    NAMES,
    WITH_TRUTH,
    base_rates,
    by_seed,
    findings,
    pm,
    ranking_table,
    reassurance_table,
    reliability_counts,
    reliability_table,
    structure_summary,
    structure_table,
    training_lines,
)

FLAGS = ("entropy", "ensemble_disagreement", "feature_distance", "spectrum_distance")  # that the table of sets shows
SCATTERED = ("expected_loss", "ensemble_disagreement", "feature_distance", "spectrum_distance")
KEYS = ("trained_nm", "seed", "structures", "defocus_nm")


def measured(
    plan: CampaignPlan, directory: Path, measuring: Measuring
) -> tuple[list[Experiment], Table, Table, list[dict[str, Any]]]:
    """Return the finished experiments, the image table with every measure, the confidence table, and the forecasts."""
    done = [one for one in plan.experiments() if finished(run_folder(one, directory))]
    if not done:
        raise SystemExit(f"{directory} holds no finished run of {plan.name}; run the campaign first")
    images: list[dict[str, Any]] = []
    confidence: list[dict[str, Any]] = []
    for experiment in done:
        shown, sure = measure_run(experiment, directory, measuring)
        images += shown
        confidence += sure
        print(f"measured: trained at {defocus_nm(experiment.imaging.conditions):+g} nm", flush=True)
    known = forecasts(plan, directory)
    columns = table_of(known)
    together = mean_rank(columns["trained_nm"], (columns["observer_loss"], columns["observer_auc"]))
    known = [row | {"observer_rank": float(value)} for row, value in zip(known, together, strict=True)]
    return done, complete(table_of(images), known), table_of(confidence), known


def complete(table: Table, known: Sequence[dict[str, Any]]) -> Table:
    """Add the largest exceedance, the other networks' loss, and the forecasts of each image's set."""
    table = dict(table)
    table["combined"] = largest_exceedance(table, [name for name in LABEL_FREE if name in table])
    if len(set(table["seed"].tolist())) > 1:
        table["other_networks"] = other_networks_loss(table)
    rows = {(row["trained_nm"], row["structures"], row["defocus_nm"]): row for row in known}
    keys = list(zip(*(table[name].tolist() for name in ("trained_nm", "structures", "defocus_nm")), strict=True))
    test = table["part"] == "test"
    for name in known[0]:
        if name not in KEYS:
            values = np.array([rows[key][name] for key in keys])
            table[name] = np.where(test, values, np.nan)
    return table


def agreement(table: Table, done: Sequence[Experiment], directory: Path) -> float:
    """Largest relative difference of a set's mean loss from what the campaign recorded of the same micrographs."""
    worst = 0.0
    for experiment in done:
        trained = defocus_nm(experiment.imaging.conditions)
        names = {one.name: defocus_nm(one.conditions) for one in experiment.evaluations}
        recorded = {
            (row["seed"], row["structures"] or OWN, names[row["evaluation"]]): row["paper_loss"]
            for row in read_scores(run_folder(experiment, directory) / METRICS)
        }
        for network in networks(table):
            if network[0] != trained:
                continue
            means = set_means(pool(of_network(table, network), "both"), ("loss",))
            for name, defocus, loss in zip(*(means[key].tolist() for key in means), strict=True):
                expected = recorded[network[1], name, defocus]
                worst = max(worst, abs(loss - expected) / max(abs(expected), 1e-6))
    return worst


def set_rows(table: Table, names: Sequence[str]) -> list[dict[str, Any]]:
    """One row per network and data set: means of loss, Dice and every measure."""
    rows = []
    for trained, seed in networks(table):
        mine = pool(of_network(table, (trained, seed)), "both")
        means = set_means(mine | {"dice": np.nan_to_num(mine["dice"], nan=1.0)}, ("loss", "dice", *names))
        for place in range(len(means["loss"])):
            values = {name: column[place].item() for name, column in means.items()}
            rows.append({"train_defocus_nm": trained, "seed": seed, **values})
    return rows


def examples(table: Table, done: Sequence[Experiment], directory: Path, structures: Sequence[str]) -> list[Example]:
    """One network's micrograph of median loss from every set at its own defocus, and its worst that nothing flagged."""
    experiment = next((one for one in done if defocus_nm(one.imaging.conditions) == 10.0), done[0])
    network = (defocus_nm(experiment.imaging.conditions), experiment.seeds[0])
    mine = pool(of_network(table, network), "structure")
    wanted = []
    for name in structures:
        rows = select(mine, mine["structures"] == name)
        middle = np.argsort(rows["loss"])[len(rows["loss"]) // 2]
        wanted.append((name, name, int(rows["image"][middle]), float(rows["loss"][middle])))
    silent = select(mine, mine["combined"] <= 1.0)
    if len(silent["loss"]):
        worst = int(np.argmax(silent["loss"]))
        name = str(silent["structures"][worst])
        wanted.append((f"not flagged: {name}", name, int(silent["image"][worst]), float(silent["loss"][worst])))
    model = load_model(model_folder(training_folder(experiment, directory / TRAININGS), int(network[1])))
    stores = opened(experiment, directory)
    made = []
    for title, name, image, loss in wanted:
        one = next(
            e
            for e in experiment.evaluations
            if (e.structures or OWN) == name and defocus_nm(e.conditions) == network[0]
        )
        batches = list(evaluation_set(experiment, one, stores[one.structures]))
        picture = torch.cat([batch.images for batch in batches])[image]
        truth = torch.cat([batch.masks for batch in batches])[image]
        with torch.inference_mode():
            predicted = model.network(picture[None]).argmax(dim=1)[0]
        made.append(Example(f"{title}, {loss:.3f}", picture[0].numpy(), truth.numpy() > 0, predicted.numpy() > 0))
    return made


def write_tables(output: Path, table: Table, rows: Sequence[dict[str, Any]], known: Sequence[dict[str, Any]]) -> None:
    """Write the CSV files."""
    signals = [name for name in (*LABEL_FREE, *WITH_TRUTH) if name in table]
    write_csv(output / "ranking.csv", rows)
    write_csv(output / "forecasts.csv", known)
    write_csv(output / "signals.csv", set_rows(table, [*signals, *(name for name in BEFORE if name in table)]))
    single = pool(table, "both")
    single = select(single, (single["structures"] == OWN) | (single["defocus_nm"] == single["trained_nm"]))
    names = [*KEYS, "image", "loss", "dice", *signals]
    listed = zip(*(single[name].tolist() for name in names), strict=True)
    write_csv(
        output / "images.csv",
        [
            {k: float(f"{v:.3g}") if isinstance(v, float) else v for k, v in zip(names, one, strict=True)}
            for one in listed
        ],
    )


def report(plan: CampaignPlan, plan_file: Path, directory: Path, output: Path, measuring: Measuring) -> None:
    """Write everything; see the module."""
    (output / "results").mkdir(parents=True, exist_ok=True)
    done, table, confidence, known = measured(plan, directory, measuring)
    structures = [OWN, *done[0].others]
    signals = [name for name in LABEL_FREE if name in table]
    before = [name for name in BEFORE if name in table and not np.isnan(table[name][table["part"] == "test"]).any()]
    with_truth = [name for name in WITH_TRUTH if name in table]
    rows = rankings(table, [*signals, *before, *with_truth])
    write_tables(output / "results", table, rows, known)
    names = {name: NAMES[name] for name in (*signals, *before, *with_truth)}
    counts = {name: reliability_counts(confidence, name) for name in ("in distribution", *POOLS)}
    figures = {
        "losses": loss_maps(table, structures),
        "ranking": ranking_chart(rows, names),
        "scatter": signal_scatter(table, {name: NAMES[name] for name in SCATTERED if name in table}, structures),
        "reliability": reliability_chart(counts),
        "examples": example_sheet(examples(table, done, directory, structures), float(plan.imaging.pixel_size)),  # type: ignore[arg-type]
    }
    for name, content in figures.items():
        (output / f"{name}.png").write_bytes(content)
    summary = structure_summary(table, structures)
    lines = [
        *_opening(plan, plan_file, done, agreement(table, done, directory), measuring),
        "",
        "## In short",
        "",
        *findings(rows, summary, signals, before),
        *training_lines(table),
        "",
        *_by_hand(output / "reading.md"),
        *_losses(table, summary),
        *_rankings(rows, signals, before, with_truth, base_rates(table)),
        *_reliability(table, confidence),
        *_limits(),
    ]
    (output / "report.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _opening(
    plan: CampaignPlan, plan_file: Path, done: Sequence[Experiment], difference: float, measuring: Measuring
) -> list[str]:
    planned = plan.experiments()
    trained = ", ".join(f"{defocus_nm(one.imaging.conditions):+g}" for one in done)
    missing = [defocus_nm(one.imaging.conditions) for one in planned if one not in done]
    note = (
        "" if not missing else f" **Missing: {', '.join(f'{one:+g} nm' for one in missing)}; make the report again.**"
    )
    return [
        "# Other structures under known optics",
        "",
        "A contrast transfer function knows nothing of the specimen: the limitation that arXiv 2512.09067 names. "
        f"**The plan is `{plan_file.name}`**: networks trained on CdSe particles on carbon at one defocus "
        f"({trained} nm; {len(done)} of {len(planned)} runs, {len(done[0].seeds)} seeds) are measured on "
        f"{len(done[0].others)} other structure sets and {len({e.name for e in done[0].evaluations})} defoci, "
        f"{plan.images} micrographs each.{note} Positive defocus is underfocus; losses are on the paper's scale (0 is "
        "perfect). ± is the standard deviation over seeds of the mean over training defoci.",
        "",
        f"Made by `python -m studies.ood_structure.report CAMPAIGN --plan studies/ood_structure/{plan_file.name}`. The "
        "micrographs are those that the campaign measured on: mean losses agree with its rows to "
        f"{difference:.0e} (relative). What is usual for a network comes from {measuring.reference} micrographs of "
        f"training structures, temperature and thresholds from {measuring.validation} of validation structures; "
        f"networks look at each micrograph under {measuring.symmetries} symmetries of the square, the ensemble is the "
        f"{len(done[0].seeds)} seeds of one training.",
    ]


def _by_hand(path: Path) -> list[str]:
    """Return what was written by hand beside the report, if anything."""
    return [*path.read_text(encoding="utf-8").strip().split("\n"), ""] if path.exists() else []


def _losses(table: Table, summary: dict[str, dict[str, list[float]]]) -> list[str]:
    shown = [name for name in FLAGS if name in table]
    return [
        "## Where networks hold",
        "",
        "At the training's own defocus. *Flagged* is the share of micrographs above the threshold that 95 % of the "
        "validation micrographs stay below.",
        "",
        *structure_table(summary, shown),
        "",
        "![Losses](losses.png)",
        "",
        "Mean loss over images and seeds; the red frame is the set in distribution (`results/signals.csv`).",
        "",
        "![Examples](examples.png)",
        "",
        "Truth green, network orange, loss in the title: the micrograph of median loss of each set for one network, "
        "and the one of largest loss among those that no signal flagged.",
        "",
    ]


def _rankings(
    rows: Any, signals: Sequence[str], before: Sequence[str], with_truth: Sequence[str], rates: str
) -> list[str]:
    every = [*signals, *before, *with_truth]
    return [
        "## Which signals rank the true loss",
        "",
        "Signals of a micrograph and a network need no truth. σ, Δε and the distance in defocus are those of the data "
        "set; *(simulated)* measures need simulated micrographs of the other structures. The true loss of the other "
        "networks on the same micrograph, which is never known, shows what all seeds have in common. AUROC of 0.5 is "
        "guessing, – is not defined.",
        "",
        rates,
        "",
        "![Ranking](ranking.png)",
        "",
        "AUROC for degraded micrographs:",
        "",
        *ranking_table(rows, every, "auroc"),
        "",
        "AUROC for Dice below 0.8:",
        "",
        *ranking_table(rows, every, "auroc_dice"),
        "",
        "Spearman ρ with the loss over images:",
        "",
        *ranking_table(rows, every, "rho_images"),
        "",
        "Spearman ρ with the loss over data sets:",
        "",
        *ranking_table(rows, every, "rho_sets"),
        "",
        "![Scatter](scatter.png)",
        "",
        "Every network on every data set; filled where the optics are the training's.",
        "",
        "## False reassurance",
        "",
        "*Missed* is the share of degraded micrographs below the threshold that 95 % of the validation micrographs "
        "stay below, *false alarms* the share of the others above it.",
        "",
        *reassurance_table(rows, signals),
        "",
    ]


def _reliability(table: Table, confidence: Table) -> list[str]:
    temperatures = by_seed(confidence, lambda one: one["temperature"].mean())
    size = {
        name: by_seed(
            table, lambda one, name=name: pool(one, name)["expected_loss"].mean() / pool(one, name)["loss"].mean()
        )
        for name in POOLS
    }
    own = by_seed(table, lambda one: in_distribution(one)["expected_loss"].mean() / in_distribution(one)["loss"].mean())
    return [
        "## Do probabilities mean frequencies?",
        "",
        f"Expected calibration error over pixels, 15 bins. Temperatures are {pm(temperatures)}.",
        "",
        *reliability_table(confidence),
        "",
        f"Loss that networks expect of themselves (temperature-scaled) over the true one: {pm(own)} in distribution, "
        + ", ".join(f"{pm(values)} ({name})" for name, values in size.items())
        + ".",
        "",
        "![Reliability](reliability.png)",
        "",
    ]


def _limits() -> list[str]:
    return [
        "## Limits",
        "",
        "* Simulated micrographs of one microscope setting each; one architecture; small networks in the small plan.",
        "* The standard deviation over seeds holds the micrographs fixed: it is the scatter between networks, not that "
        "between draws of structures. All seeds of one training share their stream of micrographs.",
        "* Seeds of one training serve each other as the ensemble, so its disagreement is the same for all of them.",
        "* Of the observer's measures the loss was settled on before any campaign, AUC and mean rank after the first. "
        "They are shown structures that no network is measured on, of other sets few, so they are noisy.",
        "* Thresholds are set on one training defocus, with its own optics. A signal that flags other optics is right "
        "only where the loss suffers.",
    ]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaign", type=Path, help="folder of the finished campaign")
    parser.add_argument("--plan", type=Path, default=Path(__file__).with_name("plan_small.toml"))
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent)
    parser.add_argument("--symmetries", type=int, default=2, help="of the square that networks look under, 1 to 8")
    given = parser.parse_args()
    measuring = Measuring(symmetries=given.symmetries)
    report(load_campaign(given.plan), given.plan, given.campaign, given.output, measuring)
    print(given.output / "report.md")


if __name__ == "__main__":
    main()

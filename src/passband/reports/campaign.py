"""One page about a campaign: how far it is, what was lost where, how sure that is, and what more of it would cost."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from passband.campaign.folder import read_campaign
from passband.campaign.tables import Status, collect, costs, status
from passband.figures.generalisation import loss_matrix_figure
from passband.figures.style import to_png
from passband.reports.page import Report, image, paragraph, table
from passband.tabular import write_csv

#: What makes two networks members of one series: they differ by their seed and their training condition alone.
SERIES = ("optimiser", "learning_rate", "batch_size", "structures")
PAPER_NETWORKS = 12_000
_SHOWN = 600  # rows of the table on the page; the CSV has all

Row = Mapping[str, Any]


def write_report(directory: Path, page: Path, *, on_damage: Callable[[str], None] | None = None) -> Path:
    """Write the page and, beside it, the table of mean losses as `loss_matrix.csv`, whose path is returned.

    Raises
    ------
    CampaignError
        The folder holds no campaign, or a run cannot be read and there is no `on_damage` to be told.
    """
    recorded = read_campaign(directory)
    rows = collect(directory, runs=recorded["runs"], on_damage=on_damage)
    losses = mean_losses(rows)
    page.parent.mkdir(parents=True, exist_ok=True)
    path = page.with_name("loss_matrix.csv")
    write_csv(path, losses, ("trained_on", "evaluation", *SERIES, "loss", "spread", "networks"))
    found = status(directory)
    name = str(recorded["plan"].get("name", directory.name))
    report = Report(
        f"Campaign {name}", "What was trained, and how well it holds where it was not trained", _facts(found)
    )
    _progress(report, found)
    if losses:
        _losses(report, losses)
    _costs(report, cost_rows(costs(directory, recorded["runs"])))
    report.write(page)
    return path


def mean_losses(rows: pa.Table) -> list[dict[str, Any]]:
    """Mean loss of the last measured epoch of every training × evaluation, with its spread over networks.

    Returns
    -------
    list of dict
        `trained_on`, `evaluation`, the columns of `SERIES`, `loss` (mean), `spread` (standard deviation with n − 1,
        None for one network) and `networks` (n).
    """
    if not rows.num_rows:
        return []
    last = rows.group_by("run").aggregate([("epoch", "max")])
    rows = rows.join(last, "run", use_threads=False).filter(pc.field("epoch") == pc.field("epoch_max"))
    keys = ["trained_on", "evaluation", *SERIES]
    sample = pc.VarianceOptions(ddof=1, min_count=2)
    aggregates = [("paper_loss", "mean"), ("paper_loss", "stddev", sample), ("paper_loss", "count")]
    grouped = rows.group_by(keys, use_threads=False).aggregate(aggregates)  # groups in the order of the rows
    renamed = {"paper_loss_mean": "loss", "paper_loss_stddev": "spread", "paper_loss_count": "networks"}
    found = [{renamed.get(key, key): value for key, value in row.items()} for row in grouped.to_pylist()]
    return sorted(found, key=lambda row: [_natural_key(str(row[key])) for key in keys])


def natural(names: Sequence[str]) -> list[str]:
    """Names once each, numbers in them ordered as numbers: `set2` before `set10`, `defocus=-50` before `defocus=0`."""
    return sorted(set(names), key=_natural_key)


def _natural_key(name: str) -> list[tuple[float, str]]:
    parts = re.split(r"((?<![A-Za-z\d])-?\d+(?:\.\d+)?|\d+)", name)
    return [(float(part), "") if k % 2 else (float("inf"), part) for k, part in enumerate(parts)]


def loss_matrix(rows: Sequence[Row]) -> tuple[list[str], list[str], np.ndarray[Any, Any]]:
    """Names of trainings and of evaluations, and the mean losses `(training, evaluation)`; NaN where there is none."""
    trainings = natural([row["trained_on"] for row in rows])
    evaluations = natural([row["evaluation"] for row in rows])
    places = ({name: k for k, name in enumerate(names)} for names in (trainings, evaluations))
    matrix = np.full((len(trainings), len(evaluations)), np.nan)
    across, along = places
    for row in rows:
        matrix[across[row["trained_on"]], along[row["evaluation"]]] = row["loss"]
    return trainings, evaluations, matrix


def cost_rows(found: Sequence[Row]) -> list[dict[str, Any]]:
    """Seconds per network and per evaluation of a network, for each device, and hours for 12,000 networks.

    A training that several runs measure is counted with each of them.
    """
    groups: dict[tuple[str, int], list[Row]] = {}
    for cost in found:
        groups.setdefault((str(cost.get("device", "")), int(cost.get("threads", 0))), []).append(cost)
    rows = []
    for (device, threads), members in groups.items():
        networks = sum(int(cost.get("networks", 1)) for cost in members)
        measured = sum(int(cost.get("networks", 1)) * int(cost.get("evaluations", 1)) for cost in members)
        training = sum(float(cost["training_seconds"]) for cost in members)
        evaluation = sum(float(cost["evaluation_seconds"]) for cost in members)
        rows.append(
            {
                "device": device,
                "threads": threads,
                "runs": len(members),
                "networks": networks,
                "per_network": training / networks,
                "per_evaluation": evaluation / measured,
                "hours": PAPER_NETWORKS * (training + evaluation) / networks / 3600.0,
            }
        )
    return rows


def _facts(found: Status) -> dict[str, str]:
    return {name: f"{getattr(found, name):,}" for name in ("planned", "finished", "running", "failed", "waiting")}


def _progress(report: Report, found: Status) -> None:
    parts = [paragraph(f"{found.finished} of {found.planned} runs are finished.")]
    if found.remaining:
        hours = found.remaining / 3600.0
        parts.append(paragraph(f"The others will take about {hours:.2g} hours of one worker, were they like these."))
    problems = [{"run": run, "reason": reason} for run, reason in found.failures.items()]
    problems += [{"run": run, "reason": "metrics.parquet is cut short"} for run in found.damaged]
    if problems:
        parts.append(paragraph("The same command tries these again.", kind="warning"))
        parts.append(table(problems, {"run": "run", "reason": "what happened"}))
    report.section("Runs", *parts)


def _losses(report: Report, losses: Sequence[Row]) -> None:
    figures = []
    for series in dict.fromkeys(tuple(row[name] for name in SERIES) for row in losses):
        members = [row for row in losses if tuple(row[name] for name in SERIES) == series]
        title = _series_title(series)
        caption = f"Mean loss at the end of training, {title}; white where nothing was measured."
        figures.append(image(to_png(loss_matrix_figure(*loss_matrix(members), title)), caption))
    report.section("Loss matrix", *figures)
    columns = {
        "trained_on": "trained on",
        "evaluation": "evaluated on",
        "structures": "structures",
        "optimiser": "optimiser",
        "learning_rate": "rate",
        "batch_size": "batch",
        "loss": "mean loss",
        "spread": "spread over networks",
        "networks": "networks",
    }
    more = f"The first {_SHOWN} of {len(losses):,} rows; loss_matrix.csv has all." if len(losses) > _SHOWN else ""
    text = "The spread is the standard deviation over networks that differ by their seed. "
    report.section("Losses", paragraph(text + more), table(losses[:_SHOWN], columns))


def _series_title(series: Sequence[Any]) -> str:
    optimiser, rate, batch, structures = series
    place = f", on {structures}" if structures else ""
    return f"{optimiser}, rate {rate:g}, batch {batch}{place}"


def _costs(report: Report, rows: Sequence[Row]) -> None:
    if not rows:
        return
    columns = {
        "device": "device",
        "threads": "threads",
        "runs": "runs",
        "networks": "networks",
        "per_network": "training, s per network",
        "per_evaluation": "evaluation, s per network and condition",
        "hours": f"{PAPER_NETWORKS:,} networks, hours of one worker",
    }
    text = "A training that several runs share counts with each. Seconds are of the clock, other work included."
    report.section("Cost", paragraph(text), table(rows, columns))

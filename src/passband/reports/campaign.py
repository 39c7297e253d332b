"""One page about a campaign: how far it is, what was lost where, how sure that is, and what more of it would cost."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from passband.campaign.folder import read_campaign
from passband.campaign.summary import PAPER_NETWORKS, SERIES, Row, cost_rows, loss_matrix, mean_losses
from passband.campaign.tables import Status, collect, costs, status
from passband.figures.generalisation import loss_matrix_figure
from passband.figures.style import to_png
from passband.reports.page import Page, image, paragraph, table
from passband.tabular import write_csv

_SHOWN = 600  # rows of the table on the page; the CSV has all


def write_report(directory: Path, file: Path, *, on_damage: Callable[[str], None] | None = None) -> Path:
    """Write the page and, beside it, the table of mean losses as `loss_matrix.csv`, whose path is returned.

    Raises
    ------
    CampaignError
        The folder holds no campaign, or a run cannot be read and there is no `on_damage` to be told.
    """
    recorded = read_campaign(directory)
    rows = collect(directory, runs=recorded["runs"], on_damage=on_damage)
    losses = mean_losses(rows)
    file.parent.mkdir(parents=True, exist_ok=True)
    path = file.with_name("loss_matrix.csv")
    write_csv(path, losses, ("trained_on", "evaluation", *SERIES, "loss", "spread", "networks"))
    found = status(directory)
    name = str(recorded["plan"].get("name", directory.name))
    lead = "What was trained, and how well it holds where it was not trained"
    page = Page(f"Campaign {name}", lead, _facts(found))
    _runs(page, found)
    if losses:
        _losses(page, losses)
    _costs(page, cost_rows(costs(directory, recorded["runs"])))
    page.write(file)
    return path


def _facts(found: Status) -> dict[str, str]:
    return {name: f"{getattr(found, name):,}" for name in ("planned", "finished", "running", "failed", "waiting")}


def _runs(page: Page, found: Status) -> None:
    parts = [paragraph(f"{found.finished} of {found.planned} runs are finished.")]
    if found.remaining:
        hours = found.remaining / 3600.0
        parts.append(paragraph(f"The others will take about {hours:.2g} hours of one worker, were they like these."))
    problems = [{"run": run, "reason": reason} for run, reason in found.failures.items()]
    problems += [{"run": run, "reason": "metrics.parquet is cut short"} for run in found.damaged]
    if problems:
        parts.append(paragraph("The same command tries these again.", kind="warning"))
        parts.append(table(problems, {"run": "run", "reason": "what happened"}))
    page.section("Runs", *parts)


def _losses(page: Page, losses: Sequence[Row]) -> None:
    figures = []
    for series in dict.fromkeys(tuple(row[name] for name in SERIES) for row in losses):
        members = [row for row in losses if tuple(row[name] for name in SERIES) == series]
        title = _series_title(series)
        caption = f"Mean loss at the end of training, {title}; white where nothing was measured."
        figures.append(image(to_png(loss_matrix_figure(*loss_matrix(members), title)), caption))
    page.section("Loss matrix", *figures)
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
    page.section("Losses", paragraph(text + more), table(losses[:_SHOWN], columns))


def _series_title(series: Sequence[Any]) -> str:
    optimiser, rate, batch, structures = series
    place = f", on {structures}" if structures else ""
    return f"{optimiser}, rate {rate:g}, batch {batch}{place}"


def _costs(page: Page, rows: Sequence[Row]) -> None:
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
    page.section("Cost", paragraph(text), table(rows, columns))

"""What the reports of all studies share: their command line, and how they begin."""

import argparse
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from passband.campaign.folder import run_folder
from passband.campaign.grid import CampaignPlan, load_campaign
from passband.campaign.tables import costs


def provenance(plan: CampaignPlan, file: Path, directory: Path) -> list[str]:
    """Return two paragraphs of Markdown: the plan with its size, and the command, the machine, the date and the cost.

    Parameters
    ----------
    plan, file
        The plan that was run, and the file it was read from; one named `…_small` is called small.
    directory
        Folder of the finished campaign.
    """
    runs = [run_folder(one, directory).name for one in plan.experiments()]
    spent = costs(directory, runs)
    trainings = {str(cost.get("training", cost["run"])): cost for cost in spent}.values()  # runs may share one
    networks = sum(int(cost["networks"]) for cost in trainings)
    seconds = sum(cost["training_seconds"] for cost in trainings) + sum(cost["evaluation_seconds"] for cost in spent)
    training, size = plan.training, "the small one" if file.stem.endswith("_small") else "that of the paper's size"
    steps = f"{training.epochs} epochs of {training.steps_per_epoch} steps"
    stopped = (
        "" if training.stop_below is None else f" or until the worst network of a run is below {training.stop_below:g}"
    )
    return [
        f"**The plan is `{file.name}`, {size}**: {plan.simulation.structures} structures to train, validate and test "
        f"on, {plan.imaging.patch}² pixels of {plan.imaging.pixel_size} Å, {steps}{stopped}. "
        "Losses are on the scale of arXiv 2512.09067 (0 is perfect; its trainings stop at 0.05).",
        "",
        f"The command is `make study STUDY={file.parent.name}`. Reported on {datetime.now(UTC):%Y-%m-%d}, "
        f"{os.cpu_count()} cores: {networks} networks in {len(spent)} runs, {seconds / 60:.0f} minutes of one core in "
        f"all, {seconds / max(networks, 1):.0f} s for each network with its evaluations, by the clock, whatever "
        "else the machine did.",
        "",
    ]


def report_command(report: Callable[[CampaignPlan, Path, Path, Path], None], *, doc: str, script: Path) -> None:
    """Run `report(plan, plan_file, campaign, output)` with what the command line of a study's script says.

    Parameters
    ----------
    report
        Writes `report.md` and what it shows into `output`.
    doc, script
        Text of `--help`, and the script's own file: its folder has the small plan, and receives the report.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaign", type=Path, help="folder of the finished campaign")
    parser.add_argument("--plan", type=Path, default=script.with_name("plan_small.toml"))
    parser.add_argument("-o", "--output", type=Path, default=script.parent)
    given = parser.parse_args()
    report(load_campaign(given.plan), given.plan, given.campaign, given.output)
    sys.stdout.write(f"{given.output / 'report.md'}\n")

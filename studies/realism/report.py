"""Ways of making simulations look real, by the defects that detectors find: does what is missing, writes report.md.

    python -m studies.realism.report [--plan studies/realism/study_small.toml] [--work out/realism]
                                     [--real ../shared/data]

Killed, the same command goes on. `--only-report` writes what there is; a report of an unfinished run says so.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from passband.tabular import write_csv
from studies.realism.detectors import Row
from studies.realism.run import all_rows, finished, run
from studies.realism.study import BACK, CEILING, WITHOUT_TRAINING, StudyPlan, read_study, tasks
from studies.realism.tables import (
    PAPER,
    alarms_text,
    class_table,
    detections,
    f1_table,
    fitted_text,
    goal_text,
    label_table,
    order_text,
    realism_table,
)

HERE = Path(__file__).resolve().parent
REAL = (
    "* The real MoS2 has no labels: what detectors find there is not scored. One image was cut in two halves, so its "
    "baseline is of one field."
)
GENERATORS = (
    "* Generators of this size and length are those that a CPU trains, far from the paper's 54 million parameters and "
    "500,000 pairs."
)


def report(plan: StudyPlan, rows: Sequence[Row], about: Sequence[str]) -> str:
    """Text of the report; `about` comes first."""
    translated = any(arm not in WITHOUT_TRAINING for arm in plan.arms)
    first, *others = (one.name for one in plan.sessions)
    paper = "; ".join(f"{arm} {fid} and {kl}" for arm, (fid, kl) in PAPER.items())
    lines = [
        "# Simulations that look real, and the defects that detectors find",
        "",
        *about,
        "",
        "**What was measured.** A microscope that no arm knows scans WSe2−2xTe2x on two days: probe tails, "
        "contamination, hum, charging, an unsteady beam and 8 bits, which no fitted model contains all of. Each arm "
        "sees unlabelled "
        f"images of the first day ({plan.real} of {plan.side}² pixels of {plan.pixel_size} Å) and makes "
        f"{plan.simulated} training images of pristine simulations. A detector is trained on these from nothing, the "
        f"same way for every arm, and finds six kinds of defects in {plan.tested} labelled images of each day, of "
        "other structures. "
        "F1 counts pairs of one class at most 1.56 Å apart; what is nearer to the border does not count. Intervals "
        "(95 %) are of seeds and images that are drawn again; behind them each seed. "
        f"{'With one seed they say nothing' if len(plan.seeds) == 1 else 'With so few they say little'} about seeds.",
        "",
        "## In short",
        "",
        *goal_text(plan, rows),
        f"## Detectors made for {first}",
        "",
        f"{_back() if translated else ''}*{CEILING}* is no arm: its training images are labelled images of the "
        "session. *Shipped* is the network of the package, which saw neither day: its physics were drawn at random "
        "from wide ranges (`plans/wse2_defects.toml`), with a longer training.",
        "",
        *f1_table(plan, rows, first),
    ]
    for other in others:
        lines += [f"## Made anew for {other}", "", *f1_table(plan, rows, other)]
    lines += [f"## Each kind of defect, detectors made for {first}", ""]
    for session in plan.sessions:
        lines += [f"Found on {session.name}:", "", *class_table(rows, first, session.name)]
    lines += [
        "## Realism",
        "",
        "Lower is better, but for recall. Against other images of the same domain; means over the seeds.",
        "",
    ]
    for domain in (*(one.name for one in plan.sessions), *(one.name for one in plan.real_files)):
        lines += [f"### {domain}", "", *realism_table(rows, domain)]
    if translated:
        lines += [
            f"Order on {first}, of pristine, manual noise and CycleGAN. In the paper (Khan et al. 2023) the FID and "
            f"the KL are {paper}; its FID is not the standard one.",
            "",
            *order_text(rows, first),
            "## What translations did to the labels",
            "",
            *label_table(rows),
            *alarms_text(rows),
        ]
    lines += [
        "## What was fitted",
        "",
        *fitted_text(rows),
        "## Limits",
        "",
        "* The microscope is a simulation; it shares the incoherent model with the arms, which favours those that "
        "simulate.",
        *([REAL] if plan.real_files else []),
        *([GENERATORS] if translated else []),
        "",
    ]
    return "\n".join(lines)


def _back() -> str:
    return f"*{BACK}* is the detector of the pristine arm, shown the session's images after the generator's way back. "


def provenance(plan: StudyPlan, file: Path, work: Path, output: Path) -> list[str]:
    """Return a paragraph: plan, command, date, machine, and how much of the plan was run."""
    every, done = list(tasks(plan)), list(finished(plan, work))
    spent = sum(found["cpu_seconds"] for _, found in done)
    whole = "all of it was run" if len(done) == len(every) else f"**{len(done)} of its {len(every)} tasks were run**"
    to = "" if output == HERE or output.is_absolute() else f" -o {output.as_posix()}"
    return [
        f"The plan is `{file.name}`; {whole}. The command is `python -m studies.realism.report --plan "
        f"studies/realism/{file.name}{to}`. Reported on {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores; "
        f"{spent / 60:.1f} CPU-minutes.",
    ]


def _flat(row: Row) -> dict[str, Any]:
    """Return the scores of realism of one row, each in a column."""
    told: dict[str, Any] = {name: row[name] for name in ("domain", "arm", "seed")}
    scores: dict[str, Any] = row["scores"]
    return told | scores | {f"label_{name}": value for name, value in row.get("labels", {}).items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plan", type=Path, default=HERE / "study_small.toml")
    parser.add_argument("--work", type=Path, default=Path("out/realism"), help="folder for images, runs and rows")
    parser.add_argument("--real", type=Path, default=Path("../shared/data"), help="folder of real micrographs")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path, default=HERE, help="folder of report.md and results/")
    parser.add_argument("--only-report", action="store_true", help="write what there is, do nothing")
    given = parser.parse_args(arguments)
    plan = read_study(given.plan)
    work = given.work / plan.identity
    if not given.only_report:
        run(plan, work, given.real if given.real.is_dir() else None, processes=given.processes)
    rows = all_rows(plan, work)
    (given.output / "results").mkdir(parents=True, exist_ok=True)
    write_csv(
        given.output / "results" / "defects.csv",
        [{k: v for k, v in row.items() if k != "part"} for row in detections(rows)],
    )
    write_csv(given.output / "results" / "realism.csv", [_flat(row) for row in rows if row["part"] == "realism"])
    text = report(plan, rows, provenance(plan, given.plan, work, given.output))
    (given.output / "report.md").write_text(text, encoding="utf-8")
    sys.stdout.write(f"{given.output / 'report.md'}\n")


if __name__ == "__main__":
    main()

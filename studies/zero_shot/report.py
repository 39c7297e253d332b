"""Segmentation without training on 82 simulated cross-sections: measures what is missing, and writes report.md.

    python -m studies.zero_shot.report [--plan studies/zero_shot/study.toml] [--work out/zero_shot] [--processes 2]

Killed, the same command goes on. `--only-report` writes what there is; a report of an unfinished run says so.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from studies.real_gold.report import by_hand
from studies.zero_shot.measure import Row
from studies.zero_shot.run import finished, kept, run, write_rows
from studies.zero_shot.study import StudyPlan, read_study, tasks
from studies.zero_shot.tables import (
    ablation_table,
    class_table,
    condition_table,
    gain_table,
    images_table,
    latency,
    number_found,
    prompt_table,
    retrieval_table,
    without_map,
)

RESULTS = Path(__file__).with_name("results")
PARTS = ("benchmark", "retrieval", "ablations", "conditions", "prompts")


def report(plan: StudyPlan, rows: Sequence[Row], about: Sequence[str], notes: Sequence[str] = ()) -> str:
    """Text of the report; `about` comes first, `notes` last."""
    of = {part: [row for row in rows if row["part"] == part] for part in PARTS}
    rules = sorted({row["rule"] for row in rows if "rule" in row})
    draws = {"draws": plan.resamples, "seed": plan.seed}
    proposers = [one.proposer for one in plan.benchmark]
    lines = [
        "# Microstructure without training: 82 simulated cross-sections",
        "",
        *about,
        "",
        "**What was measured.** Masks are proposed, redundant ones are removed, and masks of one texture are merged, "
        "as `passband zeroshot` does, with the number of materials given. Truth is the map of materials that an image "
        f"was simulated from, on {plan.grid} cells of its longest side. A mask s matches a true mask g if "
        f"{' or '.join(rules) or 'nothing was measured yet'}. Intervals hold 95 % of the means of images that are "
        f"drawn again, {plan.resamples} times. Classes are by the distance between the textures of the most alike "
        "neighbours (`difficulty.py`). Choices were made on the other set (`tuning.toml`).",
        "",
        "## The images",
        "",
        *images_table(of["benchmark"]),
        "## Stages",
        "",
        "Percent. FPR: for each true mask those that match it without being its best, over all predicted; superfluous "
        "masks are the best of none, a count.",
        "",
    ]
    for proposer in proposers:
        own = [row for row in of["benchmark"] if row["proposer"] == proposer]
        lines += [f"### {proposer}", "", *(class_table(own, **draws) if own else ["Not run.", ""]), *without_map(own)]
    lines += [
        "## What the booster brings, beside the paper",
        "",
        "Points, image by image. The paper's are SAM-I-Am less SAM+ (ViT-L) on 82 real images of its own in three "
        "classes of its own (arXiv 2404.06638): the mark to beat, not the same experiment. How it scored masks that "
        "overlap is not known to us, so both are told: the masks as they were proposed, of which the best of many is "
        "taken for each material, and *flattened*, where each cell belongs to one mask as in what the booster gives.",
        "",
        "Merging less proposals:",
        "",
        *gain_table(of["benchmark"], before="proposals", **draws),
        "Merging less flattened proposals:",
        "",
        *gain_table(of["benchmark"], before="flattened", **draws),
        "## Textures, on the set for tuning",
        "",
        "Percent of crops of the true materials whose nearest other crop, of those that do not overlap it, is of the "
        "same material, by the distance of features as they are; without proposals and without the booster.",
        "",
        *retrieval_table(of["retrieval"], **draws),
        "## Choices, on the set for tuning",
        "",
        "After merging, means over its images. *Number found*: of the images of which the booster was not told it.",
        "",
        *ablation_table(of["ablations"], **draws),
        *number_found(of["ablations"]),
        "## Dose and blur, on the set for tuning",
        "",
        *condition_table(of["conditions"], **draws),
        "## Points",
        "",
        "IoU of each material after some points: one in its middle, then one more where the mask is most wrong.",
        "",
        *prompt_table(of["prompts"], **draws),
        *latency(of["prompts"]),
        "## Limits",
        "",
        "* The images are simulated by the incoherent model: no dislocations, no relaxed interfaces, no strain of "
        "doped films, which is what often shows them in real images.",
        "* Doped titanates differ by some percent in the brightness of their columns and by nothing else: some pairs "
        "of the hard class cannot be told apart by anyone.",
        *notes,
        "",
    ]
    return "\n".join(lines)


def provenance(plan: StudyPlan, file: Path, work: Path, rows: Sequence[Row]) -> list[str]:
    """Return paragraphs: plan, command, date, machine, and how much of the plan was run."""
    every = list(tasks(plan))
    done = sum(kept(task, work).exists() for task in every)
    spent = sum(row.get("proposing_seconds", 0.0) for row in rows if row.get("stage") == "merging")
    boosted = sum(row.get("boosting_seconds", 0.0) for row in rows if row.get("stage") == "merging")
    whole = "all of it was run" if done == len(every) else f"**{done} of its {len(every)} tasks were run**"
    return [
        f"The plan is `{file.name}`; {whole}. The command is `python -m studies.zero_shot.report --plan "
        f"studies/zero_shot/{file.name}`. Reported on {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores; "
        f"{spent / 60:.1f} CPU-minutes of proposing, {boosted / 60:.1f} of boosting.",
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plan", type=Path, default=Path(__file__).with_name("study_small.toml"))
    parser.add_argument("--work", type=Path, default=Path("out/zero_shot"), help="folder for images and rows")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).with_name("report.md"))
    parser.add_argument("--part", choices=PARTS, action="append", help="measure this part only; may be repeated")
    parser.add_argument("--only-report", action="store_true", help="write what there is, measure nothing")
    given = parser.parse_args(arguments)
    plan = read_study(given.plan)
    if not given.only_report:
        run(plan, given.work, processes=given.processes, parts=given.part or PARTS)
    rows = list(finished(plan, given.work))
    for part in PARTS:
        own = [row for row in rows if row["part"] == part]
        if own:
            write_rows(own, given.results / f"{part}.csv")
    text = report(plan, rows, provenance(plan, given.plan, given.work, rows), by_hand(given.results))
    given.output.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{given.output}\n")


if __name__ == "__main__":
    main()

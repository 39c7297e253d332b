"""How few micrographs a generator can learn from: trains what is missing, and writes report.md.

    python -m studies.generation.report [--plan studies/generation/study_small.toml] [--work out/generation]
                                        [--processes 2]

Killed, the same command goes on. `--only-report` writes what there is; a report of an unfinished run says so.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from passband.figures.generation import grey_levels, picture_png, sheet
from studies.generation.micrographs import Simulated, simulated
from studies.generation.run import ENDS, Row, baselines, finished, folder, run
from studies.generation.segmenting import run_segmenters, segmented, segmenting_table
from studies.generation.study import DEFAULT, StudyPlan, Task, read_study, tasks
from studies.generation.tables import (
    augmentation_table,
    baseline_table,
    course_table,
    group_table,
    growth_table,
    last_rows,
)
from studies.real_gold.report import by_hand
from studies.zero_shot.run import write_rows

RESULTS = Path(__file__).with_name("results")


def report(
    plan: StudyPlan,
    rows: Sequence[Row],
    bases: Sequence[Row],
    segmenters: Sequence[Row],
    about: Sequence[str],
    notes: Sequence[str],
) -> str:
    """Text of the report; `about` comes first, `notes` last."""
    made, first = plan.micrographs, plan.images[0]
    ada = plan.training.augmentation
    speed = (
        ""
        if ada is None
        else f"p may go from 0 to 1 in {ada.kimg:g} thousand images (500 in the paper), target {ada.target:g}. "
    )
    lines = [
        "# Generated micrographs: what augmentation brings, and how many they are learned from",
        "",
        *about,
        "",
        f"**What was measured.** StyleGAN2 ({plan.training.network.size} pixels, capacity "
        f"{plan.training.network.capacity:,}, at most {plan.training.network.most_channels} channels) learns from "
        f"simulated micrographs of the plan `{made.plan}` ({made.structures} structures, {made.dose:g} e⁻/Å², seed "
        f"{made.seed}) for {plan.training.kimg:g} thousand images in batches of {plan.training.batch_size}. "
        f"{speed}{_dcgan(plan)}{plan.training.scored} samples are compared with {made.held_out} held-out micrographs "
        "of other structures by the features of passband's encoder of textures (FD-textures, no FID). So few make a "
        "Fréchet distance too large: compare it with that of training micrographs themselves, in the first table, "
        "and rows with one another. KID has no such bias. *Near copies*: share of 64 samples that are nearer to a "
        "training micrograph, in pixels, than 99 % of these are to one another; 1 % is by chance.",
        "",
        "## What the scores are worth",
        "",
        *baseline_table(bases),
        f"## With and without augmentation, {first} micrographs",
        "",
        *augmentation_table(rows, plan),
        "Over the training, means of the seeds; kimg are thousands of images shown:",
        "",
        *course_table(rows, plan),
        "## Which augmentation",
        "",
        f"Each group alone, {first} micrographs, seeds {', '.join(map(str, plan.seeds[: plan.group_seeds]))}, best "
        f"first; {'+'.join(DEFAULT)} is the default. The paper's order: blit with geometric is best.",
        "",
        *group_table(rows, plan),
        "## How many micrographs",
        "",
        f"Seeds {', '.join(map(str, plan.seeds[: plan.image_seeds]))}.",
        "",
        *growth_table(rows, plan),
        *_segmenting(plan, segmenters),
        *_pictures(),
        *notes,
        "",
    ]
    return "\n".join(lines)


def _segmenting(plan: StudyPlan, rows: Sequence[Row]) -> list[str]:
    asked = plan.segmenting
    if asked is None:
        return []
    return [
        "## Does a segmenter gain by samples",
        "",
        f"A network of the plan `{plan.micrographs.plan}` finds particles in {plan.micrographs.held_out} held-out "
        f"micrographs; Dice of all pixels. It learns from {asked.labelled} micrographs with their true masks, alone, "
        f"or half and half with {asked.samples} samples (with augmentation), or with the other "
        f"{plan.images[0] - asked.labelled} micrographs that the generator learned from, labelled by the first network "
        "in both cases, for nobody else can label a sample. As many steps for each.",
        "",
        *segmenting_table(rows),
    ]


def _dcgan(plan: StudyPlan) -> str:
    if plan.dcgan is None:
        return ""
    one = plan.dcgan
    return f"DCGAN (width {one.network.width}) beside it for {one.kimg:g} thousand in batches of {one.batch_size}. "


def _pictures() -> list[str]:
    found = [name for name in ("training", "samples", "strip", "dcgan") if (RESULTS / f"{name}.png").exists()]
    words = {
        "training": "Training micrographs:",
        "samples": "Samples, with augmentation:",
        "dcgan": "Samples of DCGAN:",
        "strip": "On great circles of z from one sample to a second and a third, 17 images:",
    }
    return [
        "## Pictures",
        "",
        *(line for name in found for line in (words[name], "", f"![{name}](results/{name}.png)", "")),
    ]


def provenance(plan: StudyPlan, file: Path, rows: Sequence[Row]) -> list[str]:
    """Return a paragraph: plan, command, date, machine, and how much of the plan was run."""
    every = list(tasks(plan))
    ends = last_rows(rows)
    whole = (
        "all of it was run" if len(ends) == len(every) else f"**{len(ends)} of its {len(every)} trainings were run**"
    )
    minutes = sum(row["seconds"] for row in ends) / 60.0
    return [
        f"The plan is `{file.name}`; {whole}. The command is `python -m studies.generation.report --plan "
        f"studies/generation/{file.name}`. Reported on {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores; "
        f"{minutes:.0f} minutes of one process by the clock, whatever else the machine did.",
    ]


def _keep_pictures(plan: StudyPlan, known: Simulated, work: Path) -> None:
    """Draw training micrographs, and copy what the first training with augmentation drew."""
    shown = sheet(grey_levels(known.training[:16], *ENDS), 8)
    (RESULTS / "training.png").write_bytes(picture_png(shown))
    first, seed = plan.images[0], plan.seeds[0]
    places = {name: folder(plan, Task(DEFAULT, first, seed), work) / f"{name}.png" for name in ("samples", "strip")}
    if plan.dcgan is not None:
        places["dcgan"] = folder(plan, Task((), first, seed, "dcgan"), work) / "samples.png"
    for name, place in places.items():
        if place.exists():
            shutil.copyfile(place, RESULTS / f"{name}.png")


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plan", type=Path, default=Path(__file__).with_name("study_small.toml"))
    parser.add_argument("--work", type=Path, default=Path("out/generation"), help="folder of trainings")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).with_name("report.md"))
    parser.add_argument("--only-report", action="store_true", help="write what there is, train nothing")
    given = parser.parse_args(arguments)
    plan = read_study(given.plan)
    if not given.only_report:
        run(plan, given.work, processes=given.processes)
        run_segmenters(plan, given.work, processes=given.processes)
    rows = list(finished(plan, given.work))
    known = simulated(plan.micrographs, max(plan.images), given.work)
    bases = list(baselines(plan, known))
    segmenters = list(segmented(plan, known, given.work))
    RESULTS.mkdir(exist_ok=True)
    write_rows(rows, RESULTS / "checkpoints.csv")
    write_rows(bases, RESULTS / "baselines.csv")
    write_rows(segmenters, RESULTS / "segmenters.csv")
    _keep_pictures(plan, known, given.work)
    text = report(plan, rows, bases, segmenters, provenance(plan, given.plan, rows), by_hand(RESULTS))
    given.output.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{given.output}\n")


if __name__ == "__main__":
    main()

"""What each ingredient brought, on held-out simulated cameras and on the open real micrographs: report.md.

    python -m studies.real_gold.report [--plan studies/real_gold/plan.toml]

Reads results/ as `studies.real_gold.score` leaves it.
"""

import argparse
import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from studies.real_gold.network_run import OWN, SHIPPED
from studies.real_gold.open_images import summary
from studies.real_gold.score import HELD_OUT, RECORD, RESULTS, SYMMETRIES, THRESHOLD, read_record
from studies.real_gold.variants import StudyPlan

Row = Mapping[str, str]
Scores = dict[int, dict[str, float]]  # of a variant: by seed, by name of the score

ROOT = Path(__file__).parents[2]
NOTES, SHORT = "notes.md", "in_short.md"
EVERY, NONE = "all", "plan"  # the variants with all ingredients and with none
REAL = {"patches": "patches, Dice", "bare": "bare film, false %", "film": "film, false %", "single": "scott_lab, Dice"}


def held_out(rows: Iterable[Row]) -> dict[str, Scores]:
    """Scores on simulated cameras by variant and seed: `dice` and `loss` of each, their `worst` loss over the own."""
    found: dict[str, Scores] = {}
    for row in rows:
        scores = found.setdefault(row["variant"], {}).setdefault(int(row["seed"]), {})
        scores[f"dice {row['camera']}"] = float(row["dice"])
        scores[f"loss {row['camera']}"] = float(row["paper_loss"])
    for scores in (one for seeds in found.values() for one in seeds.values()):
        others = [value for name, value in scores.items() if name.startswith("loss ") and name != f"loss {OWN}"]
        scores["mean dice"] = float(np.mean([value for name, value in scores.items() if name.startswith("dice ")]))
        scores["worst ratio"] = max(others) / scores.get(f"loss {OWN}", float("nan"))
    return found


def real(rows: Iterable[Row], symmetries: int) -> dict[str, Scores]:
    """Scores on the open micrographs by variant and seed, of what was looked at under so many symmetries."""
    grouped: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        if int(row["symmetries"]) == symmetries:
            grouped.setdefault((row["variant"], int(row["seed"])), []).append(row)
    found: dict[str, Scores] = {}
    for (variant, seed), group in grouped.items():
        found.setdefault(variant, {})[seed] = summary(group)
    return found


def spread(values: Sequence[float], *, percent: bool = False, signed: bool = False) -> str:
    """Mean ± standard deviation over seeds; the mean alone of one, nothing of none."""
    known = np.array([value for value in values if np.isfinite(value)]) * (100.0 if percent else 1.0)
    if not known.size:
        return ""
    digits, sign = (1 if percent else 3), ("+" if signed else "")
    mean = f"{known.mean():{sign}.{digits}f}"
    return mean if known.size == 1 else f"{mean} ± {known.std(ddof=1):.{digits}f}"


def without(variants: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Variants that have some of the ingredients only, by what they lack; fewest first."""
    every = variants[EVERY]
    lacking = {name: [one for one in every if one not in used] for name, used in variants.items()}
    fewest = sorted((name for name in variants if lacking[name]), key=lambda name: len(lacking[name]))
    return {"all of them" if name == NONE else ", ".join(lacking[name]): name for name in fewest}


def brought(scores: Mapping[str, Scores], variant: str, name: str, *, percent: bool = False) -> str:
    """All ingredients less a variant, in one score: mean ± standard deviation of the differences of equal seeds."""
    every, other = scores.get(EVERY, {}), scores.get(variant, {})
    differences = [every[seed][name] - other[seed][name] for seed in sorted(every.keys() & other.keys())]
    return spread(differences, percent=percent, signed=True)


def table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> list[str]:
    """Markdown of a table, and an empty line."""
    rows = [header, ["---"] * len(header), *lines]
    return [*(f"| {' | '.join(row)} |" for row in rows), ""]


def real_table(scores: Mapping[int, Mapping[str, Scores]], variants: Sequence[str]) -> list[str]:
    """Every variant on the open micrographs, as it is and under all symmetries."""
    header = ["variant", "seeds", *(f"{text} ({n})" for text in REAL.values() for n in SYMMETRIES)]
    lines = []
    for variant in variants:
        seeds = len(scores[SYMMETRIES[0]].get(variant, {}))
        cells = []
        for name in REAL:
            for n in SYMMETRIES:
                values = [one[name] for one in scores[n].get(variant, {}).values()]
                cells.append(spread(values, percent=name in ("bare", "film")))
        if seeds:
            lines.append([variant, str(seeds), *cells])
    return table(header, lines)


def simulated_table(scores: Mapping[str, Scores], variants: Sequence[str]) -> list[str]:
    """Every variant on simulated cameras: losses, and the worst held-out one over that of its own camera."""
    names = list(dict.fromkeys(name for seeds in scores.values() for one in seeds.values() for name in one))
    losses = [name for name in names if name.startswith("loss ")]
    lines = []
    for variant in variants:
        every = list(scores.get(variant, {}).values())
        if every:
            columns = [[one.get(name, float("nan")) for one in every] for name in (*losses, "worst ratio", "mean dice")]
            lines.append([variant, *(spread(values) for values in columns)])
    return table(["variant", *losses, "worst held-out / own", "mean Dice"], lines)


def brought_table(
    study: StudyPlan, simulated: Mapping[str, Scores], seen: Mapping[str, Scores], cameras: Sequence[str]
) -> list[str]:
    """Every score with all ingredients less that of every variant that lacks some."""
    lines = []
    for ingredient, variant in without(study.variants.variants).items():
        held = [brought(simulated, variant, f"dice {camera}") for camera in cameras]
        cells = [brought(seen, variant, name, percent=name in ("bare", "film")) for name in REAL]
        lines.append([ingredient, *cells, *held])
    return table(["ingredients", *REAL.values(), *(f"{camera}, Dice" for camera in cameras)], lines)


def others_section(seen: Mapping[int, Mapping[str, Scores]], others: Sequence[str]) -> list[str]:
    """Return the lines on what is in the record and is no variant: the threshold, shipped networks, other plans."""
    old = "*old* is the network that the package had before. " if "old" in others else ""
    return [
        "### Beside the variants",
        "",
        f"Every network that was scored is in the record. *{THRESHOLD}* is Otsu's threshold of the local standard "
        f"deviation, the best of six that were tried on these crops. {old}"
        "The others were trained by plans with other structures and other numbers of steps, with one seed a row, some "
        "of them after a look at these images (*Limits*): they are no ablation.",
        "",
        *real_table(seen, others),
    ]


def looks(rows: Sequence[Row]) -> str:
    """How often the real micrographs were looked at."""
    networks = {row["weights"] for row in rows} - {THRESHOLD}
    days = sorted({row["date"] for row in rows})
    return (
        f"**How often the real micrographs were looked at.** The record (`results/{RECORD}`) has {len(rows)} scores of "
        f"one image: {len(networks)} networks, each on seven images under {' and '.join(map(str, SYMMETRIES))} "
        f"symmetries, and one threshold, from {days[0]} to {days[-1]}. That is no total: looks outside the record are "
        "told under *Limits*, and benchmarks score the shipped network anew whenever it or the verdict changes. A "
        "quick ablation on the same images, whose networks are not in the record, suggested the ingredients before "
        "this study: of *which* ingredients to try, these images are no unseen test."
    )


def by_hand(results: Path, name: str = NOTES) -> list[str]:
    """Return the lines of a file that is written by hand: what a run met with, or what follows from it."""
    path = results / name
    return path.read_text(encoding="utf-8").strip().splitlines() if path.exists() else []


def shown(path: Path) -> str:
    """Path as a command of the report names it, from the root of the repository."""
    return path.resolve().relative_to(ROOT).as_posix() if path.resolve().is_relative_to(ROOT) else path.name


def report(plan: Path, file: Path, results: Path, output: Path) -> str:
    """Text of the report of a plan and the file of its variants, that is written to `output`."""
    study, files = StudyPlan(plan, file), f"--plan {shown(plan)} --file {shown(file)}"
    with (results / HELD_OUT).open(encoding="utf-8", newline="") as table_file:
        rows = list(csv.DictReader(table_file))
    record = read_record(results)
    simulated, seen = held_out(rows), {n: real([*record], n) for n in SYMMETRIES}
    seen[SYMMETRIES[-1]] |= {THRESHOLD: seen[1].get(THRESHOLD, {})}
    others = [name for name in dict.fromkeys(row["variant"] for row in record) if name not in study.variants.variants]
    training = study.runs([EVERY], [0])[0].plan.training
    cost = sum(float(row["seconds"] or 0) for row in rows if row["camera"] == OWN) / 60
    devices = sorted({row["device"] for row in rows} - {""})
    ingredients = [
        [name, " ".join(f"`{one}`" for one in changes)] for name, changes in study.variants.ingredients.items()
    ]
    return "\n".join(
        [
            f"# {study.variants.title}",
            "",
            f"The plan is `{plan.name}`; `variants.toml` adds ingredients to it. Each variant is trained with as many "
            "seeds as a table says, each with initial weights and a stream of micrographs of its own; ± is the "
            f"standard deviation over seeds. {cost:.0f} minutes of one process in all, on {' and '.join(devices)}.",
            "",
            f"    python -m studies.real_gold.run {files} -o RUN",
            f"    python -m studies.real_gold.score RUN --results {shown(results)}",
            f"    python -m studies.real_gold.report {files} --results {shown(results)} -o {shown(output)}",
            "",
            *([*short, ""] if (short := by_hand(results, SHORT)) else []),
            "**The rule.** Every variant of `variants.toml` is trained by one protocol, written down before: "
            f"{training.epochs * training.steps_per_epoch} steps of {training.batch_size} patches, of which the last "
            f"running average of the weights (decay {training.average:g}) is kept; the threshold is ½; no score, on "
            "simulations or on real images, stops a training or chooses an epoch, a seed or a threshold. Means over "
            "all seeds are told, never the best one.",
            "",
            looks(record),
            "",
            "## On open real micrographs",
            "",
            "Pooled Dice of the six crops of `au_patches`; false area on the crop that is nearly bare film (below 2 % "
            "gold), and on the film of all six; Dice on `au_scott_lab`. In brackets, how many symmetries of the square "
            "were averaged.",
            "",
            *real_table(seen, list(study.variants.variants)),
            *(others_section(seen, others) if others else []),
            "## On held-out simulated cameras",
            "",
            f"Losses on the scale of arXiv 2512.09067 (0 is perfect), on structures that no network was trained on; "
            f"*{OWN}* is the camera of the training, which differs between variants: a ratio to it is small too where "
            f"a network is bad on its own. *{SHIPPED}* is the network that the package had when this ran.",
            "",
            *simulated_table(simulated, [*study.variants.variants, SHIPPED]),
            "## What ingredients brought",
            "",
            f"Scores of *{EVERY}* less those of the variant without them, paired by seed (symmetries: "
            f"{SYMMETRIES[-1]}). For false areas a negative number is good. An interval of 95 % is 2.5 times as wide "
            "as the ± says with three seeds, 9 times with two (Student's t); of one seed nothing is known.",
            "",
            *brought_table(study, simulated, seen[SYMMETRIES[-1]], list(study.variants.held_out.cameras)),
            "## Ingredients",
            "",
            *table(["ingredient", "changes to the plan"], ingredients),
            "## Limits",
            "",
            "* One material on one kind of film; seven real images of one laboratory, with masks drawn by hand.",
            "* Few seeds: the ± is itself uncertain, by half with three of them.",
            "* Leaving one ingredient out tells what it adds to the others, not what it does alone.",
            *by_hand(results),
            "",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plan", type=Path, default=Path(__file__).with_name("plan_small.toml"))
    parser.add_argument("--file", type=Path, default=Path(__file__).with_name("variants.toml"), help="of the variants")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).with_name("report.md"))
    given = parser.parse_args(arguments)
    given.output.write_text(report(given.plan, given.file, given.results, given.output), encoding="utf-8")
    print(given.output)


if __name__ == "__main__":
    main()

"""Tables of the study of generated micrographs, made of its rows."""

from collections.abc import Iterable, Sequence
from statistics import mean, stdev

from studies.generation.run import Row
from studies.generation.study import DEFAULT, StudyPlan

ADA, NONE, DCGAN = "+".join(DEFAULT), "none", "dcgan"
NAMES = {NONE: "without", ADA: "with", DCGAN: "DCGAN, without"}
SHOWN = {"frechet": "Fréchet", "kid": "KID × 1000", "precision": "precision", "recall": "recall"}


def last_rows(rows: Iterable[Row]) -> list[Row]:
    """Return the last checkpoint of each training, in their order."""
    found: dict[tuple[str, int, int], Row] = {}
    for row in rows:
        key = row["groups"], row["images"], row["seed"]
        if key not in found or row["kimg"] >= found[key]["kimg"]:
            found[key] = row
    return list(found.values())


def table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> list[str]:
    """Return a table in Markdown with an empty line behind; "Not run." where it has no lines."""
    made = [f"| {' | '.join(line)} |" for line in lines]
    return [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *made, ""] if made else ["Not run.", ""]


def spread(values: Sequence[float]) -> str:
    """Return the mean, with the standard deviation of several."""
    middle = f"{mean(values):.3g}"
    return f"{middle} ± {stdev(values):.2g}" if len(values) > 1 else middle


def _scores(rows: Sequence[Row]) -> list[str]:
    factor = {"kid": 1000.0}
    return [spread([factor.get(name, 1.0) * row[name] for row in rows]) for name in SHOWN]


def baseline_table(rows: Sequence[Row]) -> list[str]:
    """Scores of what is no sample."""
    return table(("images", *SHOWN.values()), ([row["what"], *_scores([row])] for row in rows))


def augmentation_table(rows: Sequence[Row], plan: StudyPlan) -> list[str]:
    """With and without, at the end, each seed and all together."""
    ends = [row for row in last_rows(rows) if row["images"] == plan.images[0] and row["seed"] in plan.seeds]
    lines = []
    for groups, name in NAMES.items():
        own = [row for row in ends if row["groups"] == groups]
        lines += [[f"{name}, seed {row['seed']}", *_end(row)] for row in own]
        if len(own) > 1:
            means = [spread([row[column] for row in own]) for column in ("p", "r_t", "near_copies")]
            lines.append([f"**{name}, {len(own)} seeds**", *_scores(own), *means])
    return table(("augmentation", *SHOWN.values(), "p", "r_t", "near copies"), lines)


def _end(row: Row) -> list[str]:
    return [*_scores([row]), f"{row['p']:.2f}", f"{row['r_t']:.2f}", f"{row['near_copies']:.2f}"]


def course_table(rows: Sequence[Row], plan: StudyPlan) -> list[str]:
    """Means over the seeds against the thousands of images shown."""
    own = [row for row in rows if row["images"] == plan.images[0] and row["seed"] in plan.seeds]
    lines = []
    for kimg in sorted({row["kimg"] for row in own if row["groups"] in (NONE, ADA)}):
        line = [f"{kimg:.3g}"]
        for groups in (NONE, ADA):
            here = [row for row in own if row["groups"] == groups and row["kimg"] == kimg]
            names = ("frechet", "recall", "r_t", *(("p",) if groups == ADA else ()))
            line += [f"{mean(row[name] for row in here):.3g}" if here else "–" for name in names]
        lines.append(line)
    heads = ("Fréchet, without", "recall", "r_t", "Fréchet, with", "recall", "r_t", "p")
    return table(("kimg", *heads), lines)


def group_table(rows: Sequence[Row], plan: StudyPlan) -> list[str]:
    """Rank groups of augmentation from the best to the worst Fréchet distance, by the same seeds."""
    seeds = plan.seeds[: plan.group_seeds]
    ends = [row for row in last_rows(rows) if row["images"] == plan.images[0] and row["seed"] in seeds]
    found = []
    for groups in (*plan.groups, ADA, NONE):
        own = [row for row in ends if row["groups"] == groups]
        if own:
            found.append((mean(row["frechet"] for row in own), groups, own))
    columns = ("p", "r_t", "near_copies")
    lines = (
        [groups, *_scores(own), *(spread([row[name] for row in own]) for name in columns)]
        for _, groups, own in sorted(found, key=lambda one: one[0])
    )
    return table(("groups", *SHOWN.values(), "p", "r_t", "near copies"), lines)


def growth_table(rows: Sequence[Row], plan: StudyPlan) -> list[str]:
    """Scores against the number of training micrographs, by the same seeds."""
    seeds = plan.seeds[: plan.image_seeds]
    lines = []
    for images in plan.images:
        for groups, name in NAMES.items():
            own = [
                row
                for row in last_rows(rows)
                if row["images"] == images and row["groups"] == groups and row["seed"] in seeds
            ]
            if own:
                lines.append([f"{images:,}", name, *_scores(own), spread([row["near_copies"] for row in own])])
    return table(("micrographs", "augmentation", *SHOWN.values(), "near copies"), lines)

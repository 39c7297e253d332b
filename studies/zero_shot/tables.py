"""Tables of the report: rows of the study in, Markdown out."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from statistics import median

import numpy as np

from passband.scores.microstructure import AVERAGED, Interval, MicrostructureScores, means_over_images
from studies.real_gold.report import table as any_table
from studies.zero_shot.measure import STAGES, Row

CLASSES = ("easy", "medium", "hard")
#: Of arXiv 2404.06638, points: SAM-I-Am less SAM+ in its three classes.
PAPER = {
    "miou": dict(zip(CLASSES, (21.35, 12.6, 5.27), strict=True)),
    "fpr": dict(zip(CLASSES, (-9.91, -18.42, -4.06), strict=True)),
}
PERCENT = AVERAGED[:-1]
FEW = 10  # images: an interval of fewer says too little


def table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    """Markdown of a table, or that nothing was run."""
    return any_table(header, lines) if lines else ["Not run.", ""]


def scores_of(row: Row) -> MicrostructureScores:
    """Return the scores of a row."""
    return MicrostructureScores(**{field.name: row[field.name] for field in fields(MicrostructureScores)})


def staged(rows: Iterable[Row], stage: str) -> dict[tuple[str, str, str], Row]:
    """Rows of a stage that have scores, by image, condition and variant."""
    return {
        (row["image"], row["condition"], row["variant"]): row
        for row in rows
        if row.get("stage") == stage and "miou" in row
    }


def images_table(rows: Sequence[Row]) -> list[str]:
    """How many images of each class there are, and what they are like."""
    images = {row["image"]: row for row in rows}.values()
    lines = []
    for name in CLASSES:
        own = [row for row in images if row["class"] == name]
        if own:
            sides = ", ".join(
                f"{sum(row['side'] == side for row in own)} of {side}²" for side in sorted({row["side"] for row in own})
            )
            materials = ", ".join(
                f"{sum(row['materials'] == k for row in own)} with {k}"
                for k in sorted({row["materials"] for row in own})
            )
            low, high = min(row["distance"] for row in own), max(row["distance"] for row in own)
            lines.append([name, str(len(own)), sides, materials, f"{low:.3g} to {high:.3g}"])
    return table(["class", "images", "pixels", "materials", "distance of neighbours"], lines)


def class_table(rows: Sequence[Row], *, draws: int, seed: int) -> list[str]:
    """Every score of every stage in each class."""
    lines = []
    for name in (*CLASSES, "all"):
        for stage in STAGES:
            own = [row for row in staged(rows, stage).values() if name in ("all", row["class"])]
            if own:
                means = means_over_images([scores_of(row) for row in own], draws=draws, seed=seed)
                masks = sum(row["masks"] for row in own) / len(own)
                cells = [_cell(means[score], score in PERCENT) for score in AVERAGED]
                lines.append([name, str(len(own)), stage, f"{masks:.1f}", *cells])
    titles = [one.replace("_", " ").replace("miou", "mIoU").replace("fpr", "FPR") for one in AVERAGED]
    return table(["class", "images", "stage", "masks", *titles], lines)


def without_map(rows: Sequence[Row]) -> list[str]:
    """Say on how many images a proposer gave fewer masks than there are materials, so that nothing could be merged."""
    every = {row["image"] for row in rows}
    without = sorted({row["image"] for row in rows if "problem" in row})
    if not without:
        return []
    named = ", ".join(without)
    return [f"On {len(without)} of {len(every)} images there were fewer masks than materials, and no map: {named}.", ""]


def _cell(found: Interval, percent: bool, *, signed: bool = False) -> str:
    factor, sign = (100.0 if percent else 1.0), ("+" if signed else "")
    mean, low, high = (f"{factor * one:{sign}.1f}" for one in (found.mean, found.low, found.high))
    return mean if low == high else f"{mean} ({low} to {high})"


def gain_table(rows: Sequence[Row], *, before: str, draws: int, seed: int) -> list[str]:
    """Gains of merging over an earlier stage by proposer and class, beside the paper, and whether it was beaten."""
    lines = []
    for proposer in dict.fromkeys(row["proposer"] for row in rows):
        own = [row for row in rows if row["proposer"] == proposer]
        earlier, after = staged(own, before), staged(own, STAGES[-1])
        for name in CLASSES:
            chosen = [key for key, row in after.items() if row["class"] == name and key in earlier]
            if chosen:
                one, other = ([scores_of(stage[key]) for key in chosen] for stage in (after, earlier))
                gains = means_over_images(one, before=other, draws=draws, seed=seed)
                cells = [_beside_paper(gains[score], score, name, len(chosen)) for score in PAPER]
                lines.append([proposer, name, str(len(chosen)), *(cell for pair in cells for cell in pair)])
    titles = [f"{text}{end}" for text in ("mIoU", "FPR") for end in ("", ", paper", ", mark")]
    return table(["proposals", "class", "images", *titles], lines)


def _beside_paper(gain: Interval, score: str, name: str, images: int) -> tuple[str, str, str]:
    """Gain, that of the paper, and which is better: told by the interval, and of few images not at all."""
    paper = PAPER[score][name]
    low, high = 100.0 * gain.low, 100.0 * gain.high
    better, worse = (low > paper, high < paper) if score == "miou" else (high < paper, low > paper)
    said = "too few" if images < FEW else "beaten" if better else "missed" if worse else "not told apart"
    return _cell(gain, True, signed=True), f"{paper:+.2f}", said


def ablation_table(rows: Sequence[Row], *, draws: int, seed: int) -> list[str]:
    """Every variant after merging, and its gain in mIoU over removal alone; the first variant is the default."""
    lines = []
    names = list(dict.fromkeys(row["variant"] for row in rows))
    usual = staged([row for row in rows if row["variant"] == names[0]], "removal") if names else {}
    for variant in names:
        own = [row for row in rows if row["variant"] == variant]
        after, removal = staged(own, STAGES[-1]), staged(own, "removal")
        if not removal:  # pixels without masks: beside removal as it is
            removal = {(image, condition, name): usual[image, condition, names[0]] for image, condition, name in after}
        problems = sum("problem" in row for row in own)
        if not after:
            lines.append([variant, "0", *[""] * 4, str(problems)])
            continue
        means = means_over_images([scores_of(row) for row in after.values()], draws=draws, seed=seed)
        one, other = ([scores_of(stage[key]) for key in after] for stage in (after, removal))
        gains = means_over_images(one, before=other, draws=draws, seed=seed)
        cells = [_cell(means[score], True) for score in ("miou", "boundary_miou", "fpr")]
        lines.append([variant, str(len(after)), *cells, _cell(gains["miou"], True, signed=True), str(problems)])
    titles = ["variant", "images", "mIoU", "boundary mIoU", "FPR", "mIoU over removal alone", "refused"]
    return table(titles, lines)


def retrieval_table(rows: Sequence[Row], *, draws: int, seed: int) -> list[str]:
    """Every texture: nearest crops of the same material in each class, and its cost."""
    present = [name for name in CLASSES if any(row["class"] == name for row in rows)]
    lines = []
    for texture in dict.fromkeys(row["texture"] for row in rows):
        own = [row for row in rows if row["texture"] == texture]
        parts = [[row["retrieval"] for row in own if name in ("all", row["class"])] for name in (*present, "all")]
        cost = f"{median([row['ms_per_crop'] for row in own]):.2f}"
        lines.append([texture, *(_percent(part, draws=draws, seed=seed) for part in parts), cost])
    counts = [len({row["image"] for row in rows if name in ("all", row["class"])}) for name in (*present, "all")]
    titles = [f"{name} ({count} images)" for name, count in zip((*present, "all"), counts, strict=True)]
    return table(["texture", *titles, "ms for a crop"], lines)


def number_found(rows: Sequence[Row]) -> list[str]:
    """How often the booster found the right number of materials by itself."""
    lines = []
    for variant in dict.fromkeys(row["variant"] for row in rows if "estimated" in str(row["variant"])):
        own = [row for row in staged(rows, STAGES[-1]).values() if row["variant"] == variant]
        right = sum(row["found"] == row["materials"] for row in own)
        few = sum(row["found"] < row["materials"] for row in own)
        lines.append(f"*{variant}*: the right number in {right} of {len(own)} images, too small in {few}.")
    return [*lines, ""] if lines else []


def condition_table(rows: Sequence[Row], *, draws: int, seed: int) -> list[str]:
    """Every condition after merging."""
    lines = []
    for condition in dict.fromkeys(row["condition"] for row in rows):
        for stage in (STAGES[0], STAGES[-1]):
            own = [row for row in staged(rows, stage).values() if row["condition"] == condition]
            if own:
                means = means_over_images([scores_of(row) for row in own], draws=draws, seed=seed)
                cells = [_cell(means[score], True) for score in ("miou", "boundary_miou", "fpr")]
                lines.append([condition, str(len(own)), stage, *cells])
    return table(["condition", "images", "stage", "mIoU", "boundary mIoU", "FPR"], lines)


def prompt_table(rows: Sequence[Row], *, draws: int, seed: int) -> list[str]:
    """IoU by class and number of points; of an image the mean over its materials."""
    counts = sorted({row["points"] for row in rows})
    lines = []
    for name in (*CLASSES, "all"):
        own = [row for row in rows if name in ("all", row["class"])]
        images = dict.fromkeys(row["image"] for row in own)
        if images:
            cells = [_percent(_of_images(own, images, count), draws=draws, seed=seed) for count in counts]
            lines.append([name, str(len(images)), *cells])
    return table(["class", "images", *(f"{count} point{'s' if count > 1 else ''}" for count in counts)], lines)


def _percent(values: Sequence[float], *, draws: int, seed: int) -> str:
    known = np.array(values)
    means = known[np.random.default_rng(seed).integers(known.size, size=(draws, known.size))].mean(1)
    return _cell(Interval(float(known.mean()), *map(float, np.percentile(means, [2.5, 97.5]))), True)


def _of_images(rows: Sequence[Row], images: Iterable[str], count: int) -> list[float]:
    found = []
    for image in images:
        own = [row["iou"] for row in rows if row["image"] == image and row["points"] == count]
        found.append(sum(own) / len(own))
    return found


def latency(rows: Sequence[Row]) -> list[str]:
    """Seconds of the answers, by the side of the image."""
    sides = sorted({row["side"] for row in rows})
    parts = [
        f"{1e3 * median([row['seconds'] for row in rows if row['side'] == side]):.0f} ms at {side}²" for side in sides
    ]
    return (
        [f"An answer takes {' and '.join(parts)} (median, by the clock, on a machine that did other work too).", ""]
        if parts
        else []
    )

"""Tables of the report: rows of the study in, Markdown out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from studies.real_gold.report import table
from studies.realism.detectors import Row, f1
from studies.realism.study import ARMS, CEILING, StudyPlan

#: Scores of realism in a table, and how they are called there.
REALISM = {
    "kl_real_generated": "KL(real‖made)",
    "kl_generated_real": "KL(made‖real)",
    "wasserstein": "W₁",
    "spectrum": "spectrum, radial",
    "spectrum_row": "along rows",
    "frechet_textures": "FD-textures",
    "kid_textures": "KID-textures",
    "recall_textures": "recall",
}
#: Of Khan et al., for the order alone: their distances are not the standard ones.
PAPER = {"pristine": ("32", "0.33"), "manual noise": ("0.73", "0.18"), "cyclegan": ("0.35", "0.01")}
GOAL = 0.8  # F1 on another session
Interval = tuple[float, float, float]


def detections(rows: Sequence[Row]) -> list[Row]:
    """Rows of detections among all rows."""
    return [row for row in rows if row["part"] == "defects"]


def trainers(rows: Sequence[Row]) -> list[str]:
    """Return what trained the detectors, in the order of the arms, others behind."""
    found = dict.fromkeys(row["trained_by"] for row in rows)
    return [*(arm for arm in ARMS if arm in found), *(name for name in found if name not in ARMS)]


def with_interval(rows: Sequence[Row], score: Callable[[Sequence[Row]], float], *, draws: int) -> Interval:
    """Score with the 2.5 and 97.5 % quantiles of those of repetitions and images that are drawn again."""
    groups: dict[int, dict[int, list[Row]]] = {}
    for row in rows:
        groups.setdefault(row["seed"], {}).setdefault(row["image"], []).append(row)
    rng, found = np.random.default_rng(0), []
    seeds = list(groups)
    for _ in range(draws):
        again: list[Row] = []
        for seed in rng.choice(seeds, len(seeds)).tolist():
            images = list(groups[seed])
            for image in rng.choice(images, len(images)).tolist():
                again += groups[seed][image]
        found.append(score(again))
    low, high = np.nanpercentile(found, (2.5, 97.5))
    return score(rows), float(low), float(high)


def f1_table(plan: StudyPlan, rows: Sequence[Row], trained_for: str) -> list[str]:
    """F1 over all classes on each session, precision and recall, of detectors that were made for one session."""
    own = [row for row in detections(rows) if row["domain"] == trained_for]
    lines = []
    for name in trainers(own):
        cells = []
        for session in plan.sessions:
            here = [row for row in own if row["trained_by"] == name and row["tested"] == session.name]
            if not here:
                cells += ["–", "–"]
                continue
            value, low, high = with_interval(here, f1, draws=plan.resamples // 10)
            each = [f1([row for row in here if row["seed"] == seed]) for seed in sorted({row["seed"] for row in here})]
            seeds = ", ".join(f"{one:.2f}" for one in each)
            found = sum(row["found"] for row in here)
            cells += [f"**{value:.2f}** ({low:.2f} to {high:.2f}; {seeds})", f"{found} of {_true(here)}"]
        lines.append([name, *cells])
    titles = [title for session in plan.sessions for title in (f"F1, {session.name}", "detections of defects")]
    return table(["detector", *titles], lines) if lines else ["Not run.", ""]


def goal_text(plan: StudyPlan, rows: Sequence[Row]) -> list[str]:
    """Say of each session what the best arm reached that was made for it, and what those of another day did."""
    lines = []
    for session in plan.sessions:
        here = [row for row in detections(rows) if row["tested"] == session.name and row["trained_by"] in ARMS]
        scores: dict[tuple[bool, str], float] = {}
        for own in (True, False):
            made = [row for row in here if (row["domain"] == session.name) == own]
            for arm in trainers(made):
                scores[own, arm] = f1([row for row in made if row["trained_by"] == arm])
        best = {own: _best({arm: one for (mine, arm), one in scores.items() if mine == own}) for own in (True, False)}
        ceiling = scores.get((True, CEILING))
        most = "" if ceiling is None else f"; labelled images of the day itself make one of {ceiling:.2f}"
        reached, hard = best[True][1] >= GOAL, ", nor by its labelled images: at this size of training it is too hard"
        lines.append(
            f"* Defects of {session.name}: F1 {best[True][1]:.2f} by the best arm made for it ({best[True][0]}){most}. "
            f"Arms made for another day reach {best[False][1]:.2f} at most. The goal of {GOAL} is "
            f"{'reached' if reached else 'not reached'}"
            f"{hard if not reached and ceiling is not None and ceiling < GOAL else ''}."
        )
    return [*lines, ""] if lines else ["Not run.", ""]


def _best(scores: Mapping[str, float]) -> tuple[str, float]:
    arms = {arm: score for arm, score in scores.items() if arm != CEILING}
    return max(arms.items(), key=lambda one: one[1]) if arms else ("none was run", 0.0)


def class_table(rows: Sequence[Row], trained_for: str, tested: str) -> list[str]:
    """F1 of each class on one session."""
    own = [row for row in detections(rows) if (row["domain"], row["tested"]) == (trained_for, tested)]
    classes = list(dict.fromkeys(row["class"] for row in own))
    lines = []
    for name in trainers(own):
        here = [row for row in own if row["trained_by"] == name]
        scores = [f1([row for row in here if row["class"] == one]) for one in classes]
        lines.append([name, *(f"{score:.2f}" for score in scores)])
    return table(["detector", *(one.replace("_", " ") for one in classes)], lines) if lines else ["Not run.", ""]


def realism_table(rows: Sequence[Row], domain: str) -> list[str]:
    """Scores of realism of each arm against other images of the domain that it imitates: means over the seeds."""
    own = [row for row in rows if row["part"] == "realism" and row["domain"] == domain]
    if not own:
        return ["Not run.", ""]
    lines = []
    for arm in ARMS:
        here = [row for row in own if row["arm"] == arm]
        if here:
            lines.append([arm, *(_mean([row["scores"].get(name) for row in here]) for name in REALISM)])
    baseline = [_mean([row["baseline"].get(name) for row in own]) for name in REALISM]
    lines.append(["*real, half against half*", *baseline])
    return table(["arm", *REALISM.values()], lines)


def label_table(rows: Sequence[Row]) -> list[str]:
    """Tell what translations did to columns and contrast."""
    lines = []
    for row in rows:
        if row["part"] == "realism" and "labels" in row:
            told = row["labels"]
            cells = [_percent(told["inverted"]), _percent(told["lost"]), _number(told["displacement_px"])]
            lines.append([row["domain"], row["arm"], str(row["seed"]), *cells, _percent(told["displaced"])])
    header = [
        "imitates",
        "arm",
        "seed",
        "inverted",
        "columns lost",
        "displacement, px",
        "more than 0.3 px beyond noise",
    ]
    return table(header, lines) if lines else ["Not run.", ""]


def order_text(rows: Sequence[Row], domain: str) -> list[str]:
    """Say whether pristine, manual noise and CycleGAN come in the order of the paper, score by score."""
    own = [row for row in rows if row["part"] == "realism" and row["domain"] == domain]
    lines = []
    for name, title in REALISM.items():
        means = {arm: [row["scores"].get(name) for row in own if row["arm"] == arm] for arm in PAPER}
        if any(not values or None in values for values in means.values()):
            continue
        one, two, three = (float(np.mean(values)) for values in means.values())
        better = name.startswith("recall")
        holds = (one < two < three) if better else (one > two > three)
        lines.append(
            f"* {title}: {one:.3g}, {two:.3g}, {three:.3g}: the paper's order {'holds' if holds else 'does not hold'}."
        )
    return [*lines, ""] if lines else ["Not run.", ""]


def fitted_text(rows: Sequence[Row]) -> list[str]:
    """Tell what was fitted to the sessions, with intervals, for the first seed."""
    lines = []
    for row in rows:
        if row["part"] == "about" and "fitted" in row and row["seed"] == min(one["seed"] for one in rows):
            told = [text for name, value in row["fitted"].items() if (text := _estimate(name, value))]
            lines.append(f"* {row['domain']}: {', '.join(told)}.")
    return [*lines, ""] if lines else ["Not run.", ""]


def alarms_text(rows: Sequence[Row]) -> list[str]:
    """Tell of alarms of the trainings of generators, and of arms that could not imitate a domain."""
    failed = [
        f"* {row['arm']} could not imitate {row['domain']}, seed {row['seed']}: {row['failed']}."
        for row in rows
        if row["part"] == "about" and "failed" in row
    ]
    told = [
        f"* {row['arm']}, {row['domain']}, seed {row['seed']}: {'; '.join(row['alarms'])}."
        for row in rows
        if row["part"] == "about" and row.get("alarms")
    ]
    return [*(told or ["No training of a generator ended with an alarm."]), *failed, ""]


def _estimate(name: str, value: Any) -> str:
    if not isinstance(value, Mapping) or value.get("value") is None:
        return ""
    interval = value.get("interval")
    within = f" ({interval[0]:.3g} to {interval[1]:.3g})" if interval else ""
    return f"{name} {value['value']:.3g}{within}"


def _true(rows: Sequence[Row]) -> int:
    return sum(int(row["true"]) for row in rows)


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return _number(float(np.mean(known))) if known else "–"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"

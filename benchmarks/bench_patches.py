"""Patches of a field: what cutting several training patches from each imaged field does to learning.

The gold plan with 120 structures, its network and batches of 8, at a constant rate, scored with the running mean of the
weights on 96 micrographs of 24 structures that no network learns from. The patches of a field are cut in consecutive
batches (`imaging.patches_per_field`); fields are 178 to 228 pixels wide and patches 128, so that patches of one field
overlap. Means over seeds; in brackets the mean difference to one patch, seed by seed, and its standard error. CPU s are
of the training alone, imaging included; the last two columns compare after the CPU seconds of the quickest run. A run
whose rows are in `DIR/rows.jsonl` is not repeated.

    OMP_NUM_THREADS=1 python benchmarks/bench_patches.py [--folder DIR] [--seeds 0 1 2 3] [--steps 200]

Remarks
-------
Nothing clearly beyond the scatter of the seeds, neither at equal steps nor at equal CPU seconds: at 200 steps a
difference of less than 0.02 to 0.03 in Dice would not have been seen. What is certain is what is saved.

Taken when this plan's waves had 400²; they have 533² now, so that imaging weighs more and sharing a field saves more.
The demo gains nothing: its field is as wide as its patch, and its imaging cheap.
"""

import argparse
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from passband.dataset.acquisition import Acquisition
from passband.dataset.simulate import simulate
from passband.dataset.store import WaveStore
from passband.experiment.evaluation import EvaluationSet
from passband.experiment.plan import Plan, load_plan
from passband.segmentation.learner import SegmentationLearner
from passband.training.optimising import WeightAverage

SIZE = 8
PATCHES = (1, 2, 4)
SCORES = ("loss", "dice")
Row = dict[str, Any]


def learn(plan: Plan, store: WaveStore, patches: int, seed: int, steps: int) -> Iterator[Row]:
    parts = store.splits(validation=plan.split.validation, test=plan.split.test)
    imaging = plan.imaging.model_copy(update={"patches_per_field": patches})
    acquisition = Acquisition(store, imaging, indices=parts["train"].tolist(), seed=seed)
    held = parts["test"].tolist()
    measured = EvaluationSet(
        Acquisition(store, imaging, indices=held, seed=1234, in_turn=True), 4 * len(held), at_most=SIZE
    )
    torch.manual_seed(seed)
    learner = SegmentationLearner([plan.network.build()], plan.loss, seed=seed)
    optimiser = torch.optim.Adam(learner.parameters(), lr=plan.training.learning_rate)
    average = WeightAverage(learner, 0.98)
    seconds = 0.0
    for step in range(steps):
        begun = time.process_time()
        optimiser.zero_grad()
        learner.loss(acquisition.batch(step, SIZE), step=step).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        average.update(learner)
        seconds += time.process_time() - begun
        if (step + 1) % (steps // 4) == 0:
            learner.train(False)
            with average.applied(learner), torch.no_grad():
                scores = learner.validate("held out", measured)
            learner.train(True)
            yield {
                "patches": patches,
                "seed": seed,
                "step": step + 1,
                "seconds": seconds,
                **{name: scores[name] for name in SCORES},
            }


def run(folder: Path, seeds: Sequence[int], steps: int) -> list[Row]:
    plan = load_plan("au_hrtem", ["simulation.structures=120", "split.test=0.2", "split.validation=0.01"])
    store = simulate(plan.simulation, folder / "store")
    path = folder / "rows.jsonl"
    rows: list[Row] = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    for seed in seeds:
        for patches in PATCHES:
            if not any(row["patches"] == patches and row["seed"] == seed for row in rows):
                made = list(learn(plan, store, patches, seed, steps))
                with path.open("a") as file:
                    file.writelines(json.dumps(row) + "\n" for row in made)
                rows += made
    return [row for row in rows if row["seed"] in seeds and row["step"] <= steps]


def curves(rows: Sequence[Row], patches: int) -> dict[int, list[Row]]:
    seeds = sorted({row["seed"] for row in rows})
    return {seed: [row for row in rows if row["patches"] == patches and row["seed"] == seed] for seed in seeds}


def at(curve: Sequence[Row], axis: str, place: float, score: str) -> float:
    return float(np.interp(place, [row[axis] for row in curve], [row[score] for row in curve]))


def cell(values: Sequence[float], base: Sequence[float]) -> str:
    if values == base:
        return f"{statistics.mean(values):.3f}"
    gains = [one - other for one, other in zip(values, base, strict=True)]
    spread = statistics.stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else float("nan")
    return f"{statistics.mean(values):.3f} ({statistics.mean(gains):+.3f} ± {spread:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("out/bench_patches"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--steps", type=int, default=200, help="a multiple of 4")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    rows = run(options.folder, options.seeds, options.steps)
    budget = min(row["seconds"] for row in rows if row["step"] == options.steps)
    steps = (options.steps // 4, options.steps // 2, options.steps)
    print(f"{len(options.seeds)} seeds, {options.steps} steps.\n")
    where = [f"{score}, {step} steps" for score in SCORES for step in steps]
    where += [f"{score}, {budget:.0f} CPU s" for score in SCORES]
    print(f"| patches of a field | CPU s of {options.steps} steps | {' | '.join(where)} |")
    print(f"|{'---|' * (len(where) + 2)}")
    places = [("step", float(step), score) for score in SCORES for step in steps]
    places += [("seconds", budget, score) for score in SCORES]
    base = curves(rows, 1)
    for patches in PATCHES:
        ours = curves(rows, patches)
        cells = [cell([at(ours[s], *place) for s in ours], [at(base[s], *place) for s in base]) for place in places]
        seconds = statistics.mean(curve[-1]["seconds"] for curve in ours.values())
        print(f"| {patches} | {seconds:.0f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()

"""Defects: precision, recall and F1 of each kind, of the network that comes with passband, on structures it never saw.

    OMP_NUM_THREADS=1 python benchmarks/bench_defects.py [MODEL] [--frames 16] [--side 256] [--tta]

Frames of WSe2−2xTe2x, of structures with a seed of their own, are scanned under the named conditions of the network's
plan, with the scanners of its training, and in the last rows under all of its conditions. Each kind of defect replaces
4 % of the columns that it can. A detection is right if it is of the kind of a defect within 1.56 Å (7.5 pixels of
0.2074 Å), one to one; those nearer to the border than that do not count, of either. "right" beside a range of
confidence is the share of right ones among the detections with such a confidence, under all conditions.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from passband.dataset.acquisition import Acquisition
from passband.dataset.beam_path import of_kind
from passband.dataset.scan_imaging import ScanImaging
from passband.dataset.scan_simulation import ScanSimulation
from passband.dataset.simulate import simulate
from passband.dataset.store import WaveStore
from passband.description.defects import MATCHED, defects_of_mask, find_defects
from passband.experiment.plan import load_plan
from passband.scores.defects import all_kinds, defect_scores
from passband.scores.detection import DetectionScores, matches
from passband.segmentation.model import Model, load_model

PLAN, SEED, RATE = "wse2_defects", 9427, 0.04
BINS = ((0.0, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1.01))
DEFECTS = ("single_vacancies", "double_vacancies", "single_substitutions", "double_substitutions")


class Measured(NamedTuple):
    """Scores of each class, and of each detection its confidence and whether it is right."""

    scores: list[DetectionScores]
    confidence: NDArray[np.float64]
    right: NDArray[np.bool_]


def unseen(structures: int, folder: Path) -> WaveStore:
    """Structures of another seed, in which each kind of defect is as frequent."""
    simulation = of_kind(load_plan(PLAN).simulation, ScanSimulation)
    rates = dict.fromkeys((*DEFECTS, "metal_vacancies", "metal_substitutions"), RATE)
    specimens = simulation.specimens.model_copy(update={**rates, "alloy": 0.0})
    recipe = simulation.model_copy(update={"specimens": specimens, "structures": structures, "seed": SEED})
    return simulate(recipe, folder)


def settings() -> Iterator[tuple[str, ScanImaging]]:
    """Conditions of the plan's validations, and those of its training."""
    plan = load_plan(PLAN)
    imaging = of_kind(plan.imaging, ScanImaging)
    for named in plan.validation:
        yield named.name, of_kind(imaging.under(named.conditions, named.camera), ScanImaging)
    yield "all of the training", imaging


def measured(model: Model, stream: Acquisition, frames: int, symmetries: int) -> Measured:
    """Measure a network on frames of one condition."""
    classes, total = model.card.classes, list[DetectionScores]()
    confidences, rights = [], []
    for number in range(frames):
        batch = stream.batch(number, 1)
        pixel_size = batch.rows[0]["pixel_size"]
        mask = batch.masks[0].numpy()
        seen = model.segment(batch.images[0, 0].numpy(), pixel_size, symmetries=symmetries).probabilities
        assert seen is not None
        found = find_defects(seen, classes, pixel_size).clear_of_border()
        true = defects_of_mask(mask, classes, pixel_size).clear_of_border()
        scores = defect_scores(found, true)
        total = scores if not total else [one.with_another(more) for one, more in zip(total, scores, strict=True)]
        right = np.zeros(len(found), dtype=bool)
        for one in range(len(classes) - 1):
            own = found.label == one
            right[own] = matches(found.positions[own], true.positions[true.label == one], within=MATCHED) >= 0
        confidences.append(found.confidence)
        rights.append(right)
    return Measured(total, np.concatenate(confidences), np.concatenate(rights))


def row(name: str, kind: str, one: DetectionScores) -> str:
    """One line of the table."""
    return f"| {name} | {kind} | {one.true} | {one.found} | {one.precision:.2f} | {one.recall:.2f} | {one.f1:.2f} |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default=PLAN)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--tta", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model(given.model)
    about: Any = model.card.cost
    print(f"{given.frames} frames of {given.side}² for each condition; the training took {about.get('seconds')} s.\n")
    print("| condition | kind | true | found | precision | recall | F1 |\n|---|---|---|---|---|---|---|")
    every = []
    with tempfile.TemporaryDirectory() as folder:
        store = unseen(given.frames, Path(folder) / "store")
        for name, imaging in settings():
            wide = imaging.model_copy(update={"patch": given.side, "patches_per_field": 1})
            stream = Acquisition(store, wide, seed=SEED, in_turn=True)
            every.append(measured(model, stream, given.frames, 8 if given.tta else 1))
            for kind, one in zip(model.card.classes[1:], every[-1].scores, strict=True):
                print(row(name, kind.replace("_", " "), one))
            print(row(name, "**all**", all_kinds(every[-1].scores)))
    confidence, right = (
        np.concatenate(parts) for parts in zip(*((one.confidence, one.right) for one in every), strict=True)
    )
    print("\n| confidence | detections | right |\n|---|---|---|")
    for low, high in BINS:
        own = right[(confidence >= low) & (confidence < high)]
        if own.size:
            print(f"| {low:g} to {min(high, 1.0):g} | {own.size} | {own.mean():.2f} |")


if __name__ == "__main__":
    main()

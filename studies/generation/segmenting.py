"""Does a segmenter gain by samples? It learns from few labelled micrographs, alone and with others that it labels.

Samples have no labels. What can be had without a person is the word of the segmenter that the few labelled ones made:
it labels the samples, and a second one learns from both (self-training; Lee, ICML workshop 2013). Beside that stand the
micrographs which the generator learned from, labelled the same way, and the same with their true masks.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from passband.durable import write_atomically
from passband.experiment.labelled_images import LabelledImages
from passband.experiment.labelled_training import train_labelled
from passband.experiment.plan import load_plan
from passband.generation.image_model import load_generator
from passband.segmentation.model import Model, load_model
from studies.generation.micrographs import Images, Masks, Simulated, simulated
from studies.generation.run import Row, folder, shared
from studies.generation.study import DEFAULT, Segmenting, StudyPlan, Task
from studies.generation.tables import spread, table

FEW, SAMPLES, OTHERS, ALL = "labelled alone", "and samples", "and the other micrographs", "all, with true masks"
ARMS = (FEW, SAMPLES, OTHERS, ALL)


class Labelled(NamedTuple):
    """Images (n, y, x) with masks."""

    images: Images
    masks: Masks


def run_segmenters(plan: StudyPlan, work: Path, *, processes: int) -> None:
    """Train the segmenters that are missing, those of one seed after another; killed, the same call goes on."""
    shared(_segment, [(plan, seed, work) for seed in _seeds(plan, work)], processes)


def segmented(plan: StudyPlan, known: Simulated, work: Path) -> Iterator[Row]:
    """Yield the Dice of each arm on held-out micrographs that is there, for each seed; nothing is trained."""
    for seed in _seeds(plan, work):
        yield from _arms(plan, known, work, seed, train=False)


def _seeds(plan: StudyPlan, work: Path) -> list[int]:
    asked = plan.seeds if plan.segmenting is not None else ()
    return [seed for seed in asked if (_generator(plan, seed, work) / "done.json").exists()]


def _generator(plan: StudyPlan, seed: int, work: Path) -> Path:
    return folder(plan, Task(DEFAULT, plan.images[0], seed), work)


def _segment(plan: StudyPlan, seed: int, work: Path) -> None:
    torch.set_num_threads(plan.threads)
    for row in _arms(plan, simulated(plan.micrographs, max(plan.images), work), work, seed, train=True):
        print(f"segmenter, {row['arm']}, seed {seed}: Dice {row['dice']:.3f}", flush=True)


def _arms(plan: StudyPlan, known: Simulated, work: Path, seed: int, *, train: bool) -> Iterator[Row]:
    recipe = plan.segmenting
    assert recipe is not None
    generator = _generator(plan, seed, work)
    place = work / f"segmenting-{plan.micrographs.identity}-{recipe.identity}-{generator.name}"
    for arm in ARMS:
        kept = place / f"{ARMS.index(arm)}.json"
        if train and not kept.exists():
            dice = _dice_of(_trained(arm, _Few(plan, recipe, known, seed, generator), place), known)
            write_atomically(kept, json.dumps(dice).encode())
        if kept.exists():
            yield {"arm": arm, "seed": seed, "dice": json.loads(kept.read_bytes())}


class _Few(NamedTuple):
    plan: StudyPlan
    recipe: Segmenting
    known: Simulated
    seed: int
    generator: Path


def _trained(arm: str, few: _Few, place: Path) -> Model:
    """Train a segmenter, and before it the one that labels for it; stopped, the same call goes on."""
    known, count = few.known, few.recipe.labelled
    first = few.plan.images[0]
    labelled = Labelled(known.training[:count], known.training_masks[:count])
    others = Labelled(known.training[count:first], known.training_masks[count:first])
    if arm == FEW:
        parts = [labelled]
    elif arm == ALL:
        parts = [labelled, others]
    else:
        images = others.images
        if arm == SAMPLES:
            images = load_generator(few.generator).sample(few.recipe.samples, seed=few.seed)
        teacher = _trained(FEW, few, place)
        parts = [_repeated(labelled, len(images)), Labelled(images, labels_of(teacher, images))]
    images, masks = (np.concatenate(one) for one in zip(*parts, strict=True))
    changes = (*few.recipe.changes, f"training.seed={few.seed}")
    recipe = load_plan(few.plan.micrographs.plan, changes)
    pairs = LabelledImages.of_arrays(list(images), list(masks), known.pixel_size)
    return load_model(train_labelled(recipe, pairs, place / str(ARMS.index(arm))).model)


def _repeated(labelled: Labelled, count: int) -> Labelled:
    """As many as `count`, so that a person's labels are half of what is learned from."""
    which = np.arange(count) % len(labelled.images)
    return Labelled(labelled.images[which], labelled.masks[which])


def labels_of(model: Model, images: Images) -> Masks:
    """Return the most probable class of each pixel (n, y, x)."""
    found = [model.predict(image, model.card.pixel_size).argmax(0) for image in images]
    return np.stack(found).astype(np.uint8)


def _dice_of(model: Model, known: Simulated) -> float:
    return dice(labels_of(model, known.held_out), known.held_out_masks)


def dice(found: Masks, true: Masks) -> float:
    """Dice of all pixels of all images together."""
    return 2.0 * float((found * true).sum()) / float(found.sum() + true.sum())


def segmenting_table(rows: Sequence[Row]) -> list[str]:
    """Dice of each arm, each seed and their mean."""
    seeds = sorted({row["seed"] for row in rows})
    own = {arm: {row["seed"]: row["dice"] for row in rows if row["arm"] == arm} for arm in ARMS}
    heads = ("a segmenter learns from", "Dice", *(f"seed {seed}" for seed in seeds))
    lines = ([arm, spread(list(one.values())), *(f"{one[seed]:.3f}" for seed in seeds)] for arm, one in own.items())
    return table(heads, lines if rows else ())

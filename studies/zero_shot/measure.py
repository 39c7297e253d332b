"""One task of the study: an image is looked at once, its masks go through the booster, and every stage is scored."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from passband.recipe import PassbandError
from passband.scores.microstructure import score_masks
from passband.zero_shot.booster import Boosted, boost
from passband.zero_shot.flattening import flattened
from passband.zero_shot.proposals import Proposals
from passband.zero_shot.proposers import find_proposer
from studies.zero_shot.benchmark import LabelledImage, labelled_image
from studies.zero_shot.difficulty import nearest_neighbours
from studies.zero_shot.knowing import known_materials
from studies.zero_shot.pixels import grouped_pixels
from studies.zero_shot.prompting import prompted
from studies.zero_shot.retrieval import retrieved
from studies.zero_shot.study import Ablations, Prompted, Retrieval, Task, Variant

Row = dict[str, Any]
#: "flattened" are proposals of which each cell belongs to the smallest, as `dedupe` has it without removal.
STAGES = ("proposals", "flattened", "removal", "merging")


def measured(task: Task, work: Path) -> list[Row]:
    """Rows of a task: one for each stage of each variant, or for each material and number of points."""
    shown = labelled_image(task.recipe, work)
    distance, pair = nearest_neighbours(shown)
    about: Row = {
        "image": shown.name,
        "group": shown.group,
        "side": shown.image.shape[0],
        "pixel_size": shown.pixel_size,
        "materials": len(shown.materials),
        "distance": distance,
        "neighbours": "|".join(pair),
        "proposer": task.compared.proposer,
        "condition": task.condition,
    }
    about["part"] = task.part
    if isinstance(task.compared, Retrieval):
        return [about | row for row in retrieved(shown, task.compared.textures)]
    started = time.process_time()
    embedding = find_proposer(task.compared.proposer).embed(shown.image)
    if isinstance(task.compared, Prompted):
        rows = prompted(embedding, shown, most=task.compared.most, grid=task.grid)
        return [about | row for row in rows]
    proposals = embedding.everything()
    about["proposing_seconds"] = time.process_time() - started
    variants = task.compared.variants if isinstance(task.compared, Ablations) else (Variant(),)
    asked = _Asked(shown, proposals, task, work)
    return [about | row for variant in variants for row in _of_variant(asked, variant)]


class _Asked(NamedTuple):
    shown: LabelledImage
    proposals: Proposals
    task: Task
    work: Path


def _of_variant(asked: _Asked, variant: Variant) -> list[Row]:
    """Rows of the stages: scores of their masks, or why there are none; of pixels that are grouped the last alone."""
    shown, proposals, task, work = asked
    grid, rules = task.grid, variant.rules(len(shown.materials))
    if variant.pixels:
        return [_of_pixels(shown, variant, rules.merging.texture, grid)]
    unseen: tuple[str, ...] = ()
    try:
        known = known_materials(task.recipe, work) if variant.materials == "known" else None
        unseen = () if known is None else tuple(sorted(set(shown.materials) - set(known.names)))
        started = time.process_time()
        found = boost(shown.image, proposals, rules=rules, pixel_size=shown.pixel_size, labeller=known)
    except PassbandError as error:
        return [{"variant": variant.name, "stage": STAGES[-1], "problem": str(error)}]
    common = {"variant": variant.name, "boosting_seconds": time.process_time() - started, "unseen": "|".join(unseen)}
    common["found"] = 0 if found.merged is None else found.partition.materials
    truth = sampled(shown.masks, grid)
    stages = _masks(found, grid)
    worth = {stage.name: stage.objective.value for stage in found.stages}
    return [
        common | {"stage": name, "worth": worth.get(name)} | asdict(score_masks(stages[name], truth)) for name in STAGES
    ]


def _of_pixels(shown: LabelledImage, variant: Variant, texture: str, grid: int) -> Row:
    started = time.process_time()
    masks = _masks_of(sampled(grouped_pixels(shown, texture)[None], grid)[0])
    about = {"variant": variant.name, "boosting_seconds": time.process_time() - started, "found": len(masks)}
    return about | {"stage": STAGES[-1]} | asdict(score_masks(masks, sampled(shown.masks, grid)))


def _masks(found: Boosted, grid: int) -> Mapping[str, NDArray[np.bool_]]:
    """Masks of each stage; of the last one those of the map of materials that is written for the user."""
    last = _masks_of(sampled(found.partition.labels[None], grid)[0])
    earlier = {stage.name: _at_most(stage.masks, last.shape[1:]) for stage in found.stages}
    flat = _masks_of(flattened(Proposals.of_masks(earlier["proposals"])))
    return earlier | {"flattened": flat, "merging": last}


def _masks_of(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Masks (n, y, x) of labels (y, x); 0 is none."""
    found: NDArray[np.bool_] = labels[None] == np.unique(labels[labels > 0])[:, None, None]
    return found


def _at_most(masks: NDArray[np.bool_], grid: tuple[int, ...]) -> NDArray[np.bool_]:
    """Masks (n, y, x) on their own grid, or on that of the truth where theirs is finer."""
    if masks.shape[1] <= grid[0] and masks.shape[2] <= grid[1]:
        return masks
    return Proposals.of_masks(masks).on_grid((grid[0], grid[1])).masks


def sampled(arrays: NDArray[Any], grid: int) -> NDArray[Any]:
    """Every so-and-so-manieth pixel of arrays (n, y, x), so that the longest side has `grid` of them."""
    step = max(1, max(arrays.shape[1:]) // grid)
    return arrays[:, step // 2 :: step, step // 2 :: step]

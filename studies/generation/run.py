"""Runs the trainings of the study on some processes; each is kept as it goes, and what is there is not done again."""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from passband.durable import write_atomically
from passband.figures.generation import grey_levels, picture_png, sheet
from passband.generation.crops import TrainingCrops
from passband.generation.image_model import ImageModel
from passband.generation.image_training import train_generator
from passband.generation.near_copies import near_copies
from passband.processes import leave_with_parent
from passband.scores.realism_score import RealismScore, score_of
from passband.training.history import read_history
from studies.generation.micrographs import Images, Simulated, simulated
from studies.generation.study import StudyPlan, Task, tasks

Row = dict[str, Any]
EXTRACTOR = "textures"
SCORES = ("frechet", "kid", "precision", "recall")
EXAMINED = 64  # samples that are compared with the training images
ENDS = (-2.5, 2.5)  # standard deviations that are drawn black and white


def run(plan: StudyPlan, work: Path, *, processes: int) -> None:
    """Train what is missing; killed, the same call goes on."""
    simulated(plan.micrographs, max(plan.images), work)
    missing = [task for task in tasks(plan) if not (folder(plan, task, work) / "done.json").exists()]
    shared(_train, [(plan, task, work) for task in missing], processes)


def shared(one: Callable[..., object], calls: Sequence[tuple[Any, ...]], processes: int) -> None:
    """Make calls of a function in so many processes; with one, in this one."""
    if processes == 1:
        for call in calls:
            one(*call)
        return
    start = get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=start, initializer=leave_with_parent) as pool:
        for done in as_completed([pool.submit(one, *call) for call in calls]):
            done.result()


def folder(plan: StudyPlan, task: Task, work: Path) -> Path:
    """Return where a training is kept."""
    shared = plan.micrographs.identity
    return work / f"{task.name}-{shared}-{task.recipe(plan).identity}"


def scores_of(score: RealismScore, images: Images) -> dict[str, float]:
    """Return the scores of images by the held-out micrographs, without the name of the extractor."""
    found = score(images)
    return {name: found[f"{name}_{EXTRACTOR}"] for name in SCORES}


def _train(plan: StudyPlan, task: Task, work: Path) -> None:
    torch.set_num_threads(plan.threads)
    known = simulated(plan.micrographs, max(plan.images), work)
    score = score_of(known.held_out, EXTRACTOR)
    place, images = folder(plan, task, work), known.training[: task.images]
    model = train_generator(
        images,
        task.recipe(plan),
        place,
        pixel_size=known.pixel_size,
        score=lambda fakes: scores_of(score, fakes[:, 0].cpu().numpy()),
    )
    copies = near_copies(model.sample(EXAMINED, seed=0), _as_crops(images))
    done = {"near_copies": copies.share, "likeness": float(copies.correlation.mean()), "seconds": model.card.seconds}
    _draw(model, place)
    write_atomically(place / "done.json", json.dumps(done).encode())
    last = read_history(place / "history.parquet")[-1]
    print(f"{task.name}: Fréchet {last['frechet']:.3g}, recall {last['recall']:.2f}, p {last['p']:.2f}", flush=True)


def _as_crops(images: Images) -> TrainingCrops:
    count = len(images)
    return TrainingCrops(images, np.arange(count), np.zeros((count, 2), dtype=np.int64), (), None)


def _draw(model: ImageModel, place: Path) -> None:
    samples = sheet(grey_levels(model.sample(16, seed=0), *ENDS), 8)
    write_atomically(place / "samples.png", picture_png(samples))
    strip = model.interpolate([0, 1, 2], 17)
    write_atomically(place / "strip.png", picture_png(sheet(grey_levels(strip, *ENDS), 9)))


def finished(plan: StudyPlan, work: Path) -> Iterator[Row]:
    """Yield the rows of all checkpoints of trainings that are finished, in the order of the plan."""
    for task in tasks(plan):
        place = folder(plan, task, work)
        if (place / "done.json").exists():
            done = json.loads((place / "done.json").read_bytes())
            for row in read_history(place / "history.parquet"):
                names = ("kimg", "p", "r_t", *SCORES)
                about = {"groups": task.what, "images": task.images, "seed": task.seed}
                yield {**about, **{name: row[name] for name in names}, **done}


def baselines(plan: StudyPlan, known: Simulated) -> Iterator[Row]:
    """Yield what the training micrographs themselves score, and noise: as well and as badly as samples might."""
    score = score_of(known.held_out, EXTRACTOR)
    count = plan.training.scored
    for images in plan.images:
        chosen = known.training[:images][:count]
        yield {"what": f"{len(chosen)} of the {images} training micrographs", **scores_of(score, chosen)}
    noise = np.random.default_rng(0).standard_normal((count, *known.training.shape[1:])).astype(np.float32)
    yield {"what": f"{count} images of white noise", **scores_of(score, noise)}

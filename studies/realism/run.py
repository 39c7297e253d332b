"""Runs the study task by task; what is finished is kept, and a killed command goes on where it was."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from passband.durable import write_atomically
from passband.processes import leave_with_parent
from passband.recipe import PassbandError
from passband.scores.label_preservation import label_preservation
from passband.scores.realism import RealismRecipe, realism
from passband.segmentation.model import load_model
from passband.segmentation.shipped import shipped_models
from studies.realism.arms import Imitated, Imitation, imitation
from studies.realism.detectors import Row, detector, measured, translated_back
from studies.realism.images import REAL, SIMULATED, TESTED, Imaged, Images, Makes, at_size, imaged, real_crops
from studies.realism.study import BACK, RealFile, StudyPlan, Task, tasks

SHIPPED = "wse2_defects"  # network of the package, which no arm made


def run(plan: StudyPlan, work: Path, real_folder: Path | None, *, processes: int) -> None:
    """Do what is missing; each repetition is one process's, for its tasks follow from one another."""
    work.mkdir(parents=True, exist_ok=True)
    repeat = partial(_repetition, plan.model_dump_json(), work, real_folder)
    if processes == 1:
        for seed in plan.seeds:
            repeat(seed)
        return
    start = get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=start, initializer=leave_with_parent) as pool:
        for done in [pool.submit(repeat, seed) for seed in plan.seeds]:
            done.result()


def _repetition(plan_json: str, work: Path, real_folder: Path | None, seed: int) -> None:
    torch.set_num_threads(1)
    plan = StudyPlan.model_validate_json(plan_json)
    own = [task for task in tasks(plan) if task.seed == seed]
    for number, task in enumerate(own, 1):
        if kept(task, work).exists():
            continue
        started = time.process_time()
        rows = _rows(plan, task, work, real_folder)
        if rows is None:
            print(f"{number}/{len(own)} {task.name}: left out, its file is not here", flush=True)
            continue
        told = {"rows": rows, "cpu_seconds": time.process_time() - started}
        write_atomically(kept(task, work), json.dumps(told).encode())
        print(f"{number}/{len(own)} {task.name}: {told['cpu_seconds']:.0f} CPU-s", flush=True)
    _measure_shipped(plan, work, seed)


def _measure_shipped(plan: StudyPlan, work: Path, seed: int) -> None:
    """Measure the network of the package on the labelled images of one repetition."""
    path = _shipped_rows(work, seed)
    if path.exists() or SHIPPED not in shipped_models():
        return
    model, rows = load_model(SHIPPED), list[Row]()
    for one in plan.sessions:
        about = {"part": "defects", "domain": plan.sessions[0].name, "tested": one.name}
        told = about | {"arm": "", "seed": seed, "trained_by": f"shipped {SHIPPED}"}
        rows += [told | row for row in measured(model, _tested(plan, one.name, seed, work), plan.pixel_size)]
    write_atomically(path, json.dumps(rows).encode())


def all_rows(plan: StudyPlan, work: Path) -> list[Row]:
    """Rows of all that is finished, each with its task."""
    rows: list[Row] = [
        {"domain": task.domain, "arm": task.arm, "seed": task.seed, **row}
        for task, found in finished(plan, work)
        for row in found["rows"]
    ]
    for seed in plan.seeds:
        if _shipped_rows(work, seed).exists():
            rows += json.loads(_shipped_rows(work, seed).read_bytes())
    return rows


def _shipped_rows(work: Path, seed: int) -> Path:
    return work / f"shipped-{seed}.json"


def kept(task: Task, work: Path) -> Path:
    """File of the rows of a task."""
    folder = work / "rows"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{task.name}.json"


def finished(plan: StudyPlan, work: Path) -> Iterator[tuple[Task, dict[str, Any]]]:
    """Yield the tasks that are finished, with what was found."""
    for task in tasks(plan):
        if kept(task, work).exists():
            yield task, json.loads(kept(task, work).read_bytes())


def _rows(plan: StudyPlan, task: Task, work: Path, real_folder: Path | None) -> list[Row] | None:
    session, held = _session(plan, task, work, real_folder)
    if session is None:
        return None
    folder = work / "runs" / task.name
    try:
        made = imitation(task.arm, session, plan.translation, folder / "translation")
    except PassbandError as error:  # one arm that cannot imitate a domain stops no other
        return [{"part": "about", "failed": str(error)}]
    rows: list[Row] = [{"part": "realism", **_realism(held, made)}, {"part": "about", **made.about}]
    if task.domain not in {one.name for one in plan.sessions}:
        return rows
    model = detector(plan, made, task.seed, folder / "detector")
    for other in plan.sessions:
        tested = _tested(plan, other.name, task.seed, work)
        told = {"part": "defects", "tested": other.name, "trained_by": task.arm}
        rows += [told | row for row in measured(model, tested, plan.pixel_size)]
    if made.translation is not None and "back" in made.translation.networks:
        rows += _back(plan, task, made, work)
    return rows


def _back(plan: StudyPlan, task: Task, made: Imitation, work: Path) -> list[Row]:
    """Measure the detector of pristine images on images that were translated to their domain."""
    pristine = work / "runs" / Task(plan.sessions[0].name, "pristine", task.seed).name / "detector"
    assert made.translation is not None
    before = translated_back(made.translation, plan.pixel_size)
    rows: list[Row] = []
    for other in plan.sessions:
        told = {"part": "defects", "tested": other.name, "trained_by": f"{BACK} ({task.arm})"}
        tested = _tested(plan, other.name, task.seed, work)
        rows += [told | row for row in measured(load_model(pristine), tested, plan.pixel_size, before)]
    return rows


def _session(plan: StudyPlan, task: Task, work: Path, real_folder: Path | None) -> tuple[Imitated | None, Images]:
    """Return what is imitated, and other images of the same domain to score against."""
    for one in plan.sessions:
        if one.name == task.domain:
            makes = Makes(plan.specimens, plan.simulated, SIMULATED + task.seed)
            imaging = at_size(plan, plan.pristine)
            real = imaged(Makes(plan.specimens, plan.real, REAL + task.seed), at_size(plan, one.imaging), work).images
            recorded = at_size(plan, one.imaging)
            pixel, pristine = plan.pixel_size, imaged(makes, imaging, work)
            session = Imitated(real, pristine, makes, imaging, pixel, real, pixel, recorded)
            return session, _tested(plan, one.name, task.seed, work).images
    one_file = next(one for one in plan.real_files if one.name == task.domain)
    if real_folder is None or not (real_folder / one_file.file).exists():
        return None, np.empty((0, 0, 0), np.float32)
    return _of_file(plan, one_file, task.seed, work, real_folder)


def _of_file(plan: StudyPlan, one: RealFile, seed: int, work: Path, real_folder: Path) -> tuple[Imitated, Images]:
    crops = real_crops(plan, one, real_folder)
    makes = Makes(one.specimens, plan.simulated, SIMULATED + seed)
    imaging = at_size(plan, plan.pristine)
    conditions = imaging.conditions.model_copy(update={"energy": one.energy})
    imaging = imaging.model_copy(update={"conditions": conditions})
    pristine = imaged(makes, imaging, work)
    raw = (crops.raw, crops.raw_pixel)
    return Imitated(crops.imitated, pristine, makes, imaging, plan.pixel_size, *raw), crops.held


def _tested(plan: StudyPlan, name: str, seed: int, work: Path) -> Imaged:
    """Labelled images of a session, of structures that nothing else shows."""
    session = next(one for one in plan.sessions if one.name == name)
    return imaged(Makes(plan.specimens, plan.tested, TESTED + seed), at_size(plan, session.imaging), work)


def _realism(held: Images, made: Imitation) -> Row:
    """Every score of realism against other images of the domain, and what became of columns and contrast."""
    found = realism(held, made.images, recipe=RealismRecipe(replicates=50))
    scores = {name: score.value for name, score in found.scores.items()}
    intervals = {name: score.interval for name, score in found.scores.items()}
    baseline = {name: score.baseline for name, score in found.scores.items()}
    row: Row = {"scores": scores, "intervals": intervals, "baseline": baseline, "warnings": list(found.warnings)}
    if made.source is not None and made.translation is not None:
        labels = label_preservation(list(made.source), list(made.images))
        row["labels"] = {
            "inverted": labels.inverted,
            "lost": labels.lost,
            "displacement_px": labels.displacement_px,
            "displaced": labels.displaced_beyond_noise,
        }
    return row

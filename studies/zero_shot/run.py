"""Runs the study on some processes; every image is kept as it is finished, and what is there is not measured again."""

import csv
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import torch

from passband.durable import write_atomically
from passband.processes import leave_with_parent
from studies.zero_shot.difficulty import difficulty
from studies.zero_shot.measure import Row, measured
from studies.zero_shot.study import StudyPlan, Task, tasks


def run(plan: StudyPlan, work: Path, *, processes: int, parts: Sequence[str]) -> None:
    """Measure what is missing of some parts; killed, the same call goes on."""
    missing = [task for task in tasks(plan) if task.part in parts and not kept(task, work).exists()]
    if processes == 1:
        for number, task in enumerate(missing, 1):
            _measure(task, work, plan.threads)
            _tell(number, missing, task)
        return
    start = get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=start, initializer=leave_with_parent) as pool:
        under_way = {pool.submit(_measure, task, work, plan.threads): task for task in missing}
        for number, done in enumerate(as_completed(under_way), 1):
            done.result()
            _tell(number, missing, under_way[done])


def _tell(number: int, missing: Sequence[Task], task: Task) -> None:
    print(
        f"{number}/{len(missing)} {task.part} {task.condition} {task.compared.proposer} {task.recipe.name}", flush=True
    )


def _measure(task: Task, work: Path, threads: int) -> None:
    torch.set_num_threads(threads)
    rows = measured(task, work)
    kept(task, work).parent.mkdir(parents=True, exist_ok=True)
    write_atomically(kept(task, work), json.dumps(rows).encode())


def kept(task: Task, work: Path) -> Path:
    """File of the rows of a task."""
    return work / "rows" / f"{task.identity}.json"


def finished(plan: StudyPlan, work: Path) -> Iterator[Row]:
    """Yield the rows of all tasks of a plan that are finished, in the order of the plan."""
    for task in tasks(plan):
        if kept(task, work).exists():
            for row in json.loads(kept(task, work).read_bytes()):
                yield row | {"class": difficulty(row["distance"])}


def write_rows(rows: Sequence[Row], file: Path) -> None:
    """Write rows as CSV; columns in the order in which they first occur."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows([{name: _short(value) for name, value in row.items()} for row in rows])


def _short(value: object) -> object:
    return f"{value:.5g}" if isinstance(value, float) else value

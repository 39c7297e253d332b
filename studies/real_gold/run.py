"""Train every variant on every seed, each network in a process, and measure it on held-out simulated cameras.

    python -m studies.real_gold.run --plan studies/real_gold/plan_small.toml -o out/real_gold --workers 2

Simulates first, once for all variants with the same structures. Killed, the same command goes on. Writes for each
network `networks/NAME/` (weights in half precision, card, scores.csv) and all scores as results.csv; stores/ and
trainings/ are needed no more when it has ended.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from passband.dataset.beam_path import SimulationRecipe
from passband.dataset.simulate import simulate
from studies.real_gold.network_run import SHIPPED, Places, collect, measure_shipped, run_network
from studies.real_gold.variants import HeldOut, Run, StudyPlan


class Machine(NamedTuple):
    """Where it runs: `device` of the trainings, and processes of so many threads each."""

    device: str
    workers: int
    threads: int


def simulate_all(simulations: Sequence[SimulationRecipe], places: Places, workers: int) -> None:
    """Simulate what is missing of all stores at once, on so many processes in all; on CPUs, which have the films."""
    distinct = {one.identity: one for one in simulations}
    each = max(1, workers // len(distinct))
    if each == 1:
        for simulation in distinct.values():
            simulate(simulation, places.store(simulation), workers=workers)
        return
    with ThreadPoolExecutor(len(distinct)) as threads:
        for store in threads.map(lambda one: simulate(one, places.store(one), workers=each), distinct.values()):
            print(f"{len(store)} structures in {store.directory}", flush=True)


def train_all(runs: Sequence[Run], sets: Sequence[HeldOut], places: Places, machine: Machine) -> int:
    """Train and measure what is missing; return how many networks failed, which the others do not wait for."""
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(machine.threads)))  # for the children
    failed = 0
    with ProcessPoolExecutor(machine.workers, mp_context=get_context("spawn")) as pool:
        job = partial(run_network, sets=sets, places=places, device=machine.device, threads=machine.threads)
        waiting: dict[Future[str], str] = {pool.submit(job, run): run.name for run in runs}
        shipped = partial(measure_shipped, sets=sets, places=places, device=machine.device, threads=machine.threads)
        waiting[pool.submit(shipped)] = SHIPPED
        for done, future in enumerate(as_completed(waiting), start=1):
            error = future.exception()
            failed += error is not None
            said = future.result() if error is None else f"failed: {type(error).__name__}: {error}"
            print(f"{done}/{len(waiting)} {waiting[future]}: {said}", flush=True)
            collect(places)
    return failed


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns 1 where a network failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plan", type=Path, default=Path(__file__).with_name("plan_small.toml"))
    parser.add_argument("--file", type=Path, default=Path(__file__).with_name("variants.toml"), help="of the variants")
    parser.add_argument("--variants", nargs="+", default=[], help="names in the file; all by default")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--device", default="cpu", help="of the trainings: cpu or cuda")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args(arguments)
    study = StudyPlan(given.plan, given.file)
    runs, sets = study.runs(given.variants, given.seeds), study.held_out()
    places = Places(given.output)
    simulations = [one.plan.simulation for one in runs] + [one.simulation for one in sets]
    simulate_all(simulations, places, given.workers)
    return int(train_all(runs, sets, places, Machine(given.device, given.workers, given.threads)) > 0)


if __name__ == "__main__":
    sys.exit(main())

"""Simulate a store on all cores, shard by shard; kill it at any moment, and the same command goes on where it was."""

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import torch

from passband.dataset.beam_path import SimulatedStructure, SimulationRecipe
from passband.dataset.layout import StoreError, shards_of
from passband.dataset.scan_simulation import ScanSimulation
from passband.dataset.scan_structure import scan_structure
from passband.dataset.simulation import Simulation
from passband.dataset.store import WaveStore
from passband.dataset.store_writing import (
    finish_store,
    is_finished,
    prepare_store,
    shard_is_complete,
    write_part,
    write_structure,
)
from passband.dataset.structure import simulate_structure
from passband.devices import resolve_device
from passband.durable import remove_leftovers
from passband.locking import exclusive
from passband.processes import leave_with_parent
from passband.progress import ProgressCallback
from passband.recipe import PassbandError


class Planned(Protocol):
    """What says which structures it needs, as a plan and the plan of a campaign do."""

    @property
    def simulation(self) -> SimulationRecipe:
        """Of the structures."""


def simulate(
    recipe: SimulationRecipe | Planned,
    directory: str | os.PathLike[str],
    *,
    workers: int = 1,
    device: str | None = None,
    progress: ProgressCallback | None = None,
) -> WaveStore:
    """Simulate the structures of a recipe that the directory does not hold yet, and open the store.

    Every worker computes with one thread, so on a CPU the store has the same bytes whatever the number of workers, in
    whatever order they finish, and however often the run was killed and started again.

    Parameters
    ----------
    recipe
        What to simulate, or a plan that says it.
    directory
        New, empty, or holding an unfinished or finished store of this recipe.
    workers
        Processes. With more than one, a script that calls this needs the usual `if __name__ == "__main__":`.
    device
        Of the multislice calculation, such as "cuda"; the CPU by default.
    progress
        Called with the numbers of finished and of all structures.

    Raises
    ------
    StoreError
        The directory holds something else, is in use by another run, or its disk is full; nothing finished is lost.
    PassbandError
        `workers` is below 1, a structure cannot be simulated, or `recipe` is something else.
    """
    if workers < 1:
        raise PassbandError(f"workers={workers} is below 1; give the number of processes")
    recipe, place = _simulation_of(recipe), Path(directory)
    device = None if device is None else resolve_device(device)
    prepare_store(place, recipe)
    with exclusive(place) as ours:
        if ours:
            remove_leftovers(place)
            _complete(recipe, place, workers=workers, device=device, progress=progress)
        elif not is_finished(place) or _missing(recipe, place):  # several may train on a finished one at once
            raise StoreError(f"another run is writing {place}; wait for it, or stop it first")
    return WaveStore.open(place)


def _complete(
    recipe: SimulationRecipe, place: Path, *, workers: int, device: str | None, progress: ProgressCallback | None
) -> None:
    """Simulate what a store of ours has not yet."""
    missing, shards = _missing(recipe, place), shards_of(recipe)
    done = recipe.structures - sum(len(shards[shard]) for shard in missing)
    if progress is not None:
        progress(done, recipe.structures)
    for shard in _run(recipe, place, missing, workers=workers, device=device):
        done += len(shards[shard])
        if progress is not None:
            progress(done, recipe.structures)
    if missing or not is_finished(place):
        finish_store(place, recipe)


def _missing(recipe: SimulationRecipe, place: Path) -> list[int]:
    """Numbers of the shards that a store has not, or not whole."""
    return [shard for shard in range(len(shards_of(recipe))) if not shard_is_complete(place, recipe, shard)]


def _simulation_of(recipe: SimulationRecipe | Planned) -> SimulationRecipe:
    found = recipe if isinstance(recipe, SimulationRecipe) else getattr(recipe, "simulation", None)
    if not isinstance(found, SimulationRecipe):
        raise PassbandError(f"{recipe!r:.60} is neither a simulation nor a plan; read a plan with load_plan")
    return found


def simulated(recipe: SimulationRecipe, index: int, *, device: str | None) -> SimulatedStructure:
    """Structure `index` of a recipe of any beam path."""
    if isinstance(recipe, ScanSimulation):
        return scan_structure(recipe, index)
    if isinstance(recipe, Simulation):
        return simulate_structure(recipe, index, device=device)
    raise PassbandError(f"nothing simulates kind={recipe.kind!r}; add it to passband.dataset.simulate")


def simulate_shard(recipe: SimulationRecipe, directory: Path, shard: int, device: str | None) -> int:
    """Simulate and write the structures of one shard, then record them; return the shard's number."""
    rows = []
    for index in shards_of(recipe)[shard]:
        structure = simulated(recipe, index, device=device)
        rows.append(write_structure(directory, recipe, structure))
    write_part(directory, recipe, shard, rows)
    return shard


def _run(
    recipe: SimulationRecipe, directory: Path, missing: list[int], *, workers: int, device: str | None
) -> Iterator[int]:
    """Numbers of the shards as they are finished; at most two per worker are under way, so memory stays bounded."""
    if workers == 1 or len(missing) < 2:
        with _one_thread():
            for shard in missing:
                yield simulate_shard(recipe, directory, shard, device)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(missing)), mp_context=context, initializer=_start_worker)
    under_way: set[Future[int]] = set()
    try:
        for shard in missing:
            if len(under_way) >= 2 * workers:
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
            under_way.add(pool.submit(simulate_shard, recipe, directory, shard, device))
        while under_way:
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    except BrokenProcessPool as error:
        cure = 'start again with fewer workers, under `if __name__ == "__main__":` in a script; nothing is lost'
        raise StoreError(
            f"a process that simulated for {directory} was killed, by lack of memory perhaps; {cure}"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    torch.set_num_threads(1)
    leave_with_parent()


@contextmanager
def _one_thread() -> Iterator[None]:
    """One torch thread, so that sums are taken in the same order as in a worker process."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)

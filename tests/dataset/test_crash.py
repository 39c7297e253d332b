"""Whatever the workers, and however often a run is killed, the store has the same bytes."""

import errno
import itertools
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil
import pytest
import torch

from passband import durable
from passband.dataset import layout
from passband.dataset import simulate as shards
from passband.dataset.layout import StoreError
from passband.dataset.simulate import simulate
from passband.dataset.simulation import Simulation
from passband.dataset.store import WaveStore
from passband.dataset.structure import simulate_structure
from passband.recipe import PassbandError

Hashes = Callable[[Path], dict[str, str]]
# A server that has imported everything once and forks: a run to be killed starts in milliseconds. Not on Windows.
pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9 needs a POSIX system")


@pytest.fixture(scope="module")
def start() -> Callable[[Simulation, Path, int], BaseProcess]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["passband.dataset.acquisition", __name__])

    def begin(recipe: Simulation, directory: Path, workers: int) -> BaseProcess:
        process = context.Process(target=run, args=(recipe.to_json(), directory, workers))
        process.start()
        return process

    return begin


def run(recipe: str, directory: Path, workers: int) -> None:
    simulate(Simulation.model_validate_json(recipe), directory, workers=workers)


def test_two_workers_make_the_bytes_of_one(tiny_store: WaveStore, tmp_path: Path, hashes: Hashes) -> None:
    calls: list[tuple[int, int]] = []
    simulate(tiny_store.recipe, tmp_path / "two", workers=2, progress=lambda done, total: calls.append((done, total)))
    assert hashes(tmp_path / "two") == hashes(tiny_store.directory)
    assert calls[0] == (0, 10)
    assert calls[-1] == (10, 10)
    assert len(calls) == 4  # three shards


def test_the_bytes_do_not_depend_on_the_threads_of_the_caller(
    tiny_store: WaveStore, tmp_path: Path, hashes: Hashes
) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        simulate(tiny_store.recipe, tmp_path / "threads")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert hashes(tmp_path / "threads") == hashes(tiny_store.directory)


@pytest.mark.slow
def test_runs_killed_at_random_moments_lose_and_duplicate_nothing(
    start: Callable[[Simulation, Path, int], BaseProcess],
    tiny_store: WaveStore,
    tmp_path: Path,
    hashes: Hashes,
) -> None:
    expected = hashes(tiny_store.directory)
    warm = start(tiny_store.recipe, tmp_path / "warm", 1)
    warm.join()
    begun = time.monotonic()
    start(tiny_store.recipe, tmp_path / "timed", 1).join()
    whole = time.monotonic() - begun
    chance = random.Random(0)
    kills, killed = 20, 0
    for attempt in itertools.count():
        directory = tmp_path / f"store{attempt}"
        while killed < kills:
            process = start(tiny_store.recipe, directory, 1)
            process.join(chance.uniform(0.0, whole))
            if not process.is_alive():
                break
            process.kill()
            process.join()
            killed += process.exitcode == -signal.SIGKILL
        simulate(tiny_store.recipe, directory)
        assert hashes(directory) == expected
        if killed >= kills:
            break


class Killed(BaseException):
    """Stands for a kill: nothing in the package may catch it."""


@pytest.fixture
def ready_made(tiny_recipe: Simulation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulation]:
    """Three structures in two shards that are simulated beforehand, so that only the writing is left."""
    recipe = tiny_recipe.model_copy(update={"structures": 3})
    made = [simulate_structure(recipe, index) for index in range(3)]
    monkeypatch.setattr(shards, "simulate_structure", lambda _recipe, index, **_: made[index])
    monkeypatch.setattr(layout, "SHARD", 2)
    return recipe


def test_a_stop_at_any_flush_to_the_disk_is_repaired(
    ready_made: Simulation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hashes: Hashes
) -> None:
    left = [10**9]

    def stop_after(descriptor: int) -> None:
        if left[0] == 0:
            raise Killed
        left[0] -= 1

    monkeypatch.setattr(durable.os, "fsync", stop_after)
    simulate(ready_made, tmp_path / "whole")
    expected, flushes = hashes(tmp_path / "whole"), 10**9 - left[0]
    assert flushes == 2 * (4 + 3 * 3 + 2 + 1)  # a file's and its directory's: metadata, chunks, parts, scenes
    for moment in range(flushes):
        directory, left[0] = tmp_path / f"stopped{moment}", moment
        with pytest.raises(Killed):
            simulate(ready_made, directory)
        if moment < flushes - 1:  # after the last rename it is complete, only the flush of the directory is missing
            with pytest.raises(StoreError):
                WaveStore.open(directory)
        left[0] = 10**9
        simulate(ready_made, directory)
        assert hashes(directory) == expected


def test_a_full_disk_is_one_line_and_loses_nothing(
    ready_made: Simulation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hashes: Hashes
) -> None:
    calls = itertools.count()

    def fill(descriptor: int) -> None:
        if next(calls) > 23:  # 8 for metadata, 12 for two structures, 2 for their part, 2 of the third structure
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(durable.os, "fsync", fill)
    with pytest.raises(StoreError, match=r"^the disk is full while writing [^\n]*; free some space [^\n]*$"):
        simulate(ready_made, tmp_path / "store")
    monkeypatch.setattr(durable.os, "fsync", lambda _: None)
    assert (tmp_path / "store" / "parts" / "00000.parquet").exists()
    resumed: list[int] = []
    simulate(ready_made, tmp_path / "store", progress=lambda done, _: resumed.append(done))
    assert resumed[0] == 2  # the finished shard is kept
    simulate(ready_made, tmp_path / "whole")
    assert hashes(tmp_path / "store") == hashes(tmp_path / "whole")


def test_workers_end_with_the_run_that_was_killed(
    start: Callable[[Simulation, Path, int], BaseProcess], tiny_store: WaveStore, tmp_path: Path, hashes: Hashes
) -> None:
    larger = tiny_store.recipe.model_copy(update={"structures": 4000})
    process = start(larger, tmp_path / "store", 2)
    deadline = time.monotonic() + 120.0
    while not list((tmp_path / "store").glob("parts/*.parquet")):
        assert process.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert len(workers) >= 2
    process.kill()
    process.join()
    _, alive = psutil.wait_procs(workers, timeout=60.0)
    assert not alive


def test_a_structure_that_cannot_be_simulated_stops_the_run(
    tiny_recipe: Simulation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_recipe: Simulation, index: int, **_: object) -> None:
        raise PassbandError(f"structure {index} is broken")

    monkeypatch.setattr(shards, "simulate_structure", refuse)
    with pytest.raises(PassbandError, match="structure 0 is broken"):
        simulate(tiny_recipe, tmp_path / "store")
    with pytest.raises(PassbandError, match="workers=0 is below 1"):
        simulate(tiny_recipe, tmp_path / "store", workers=0)

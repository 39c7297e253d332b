"""One copy of each wave, whoever images it; one budget, whatever is asked of it; the same bytes as without."""

import gc
import pickle
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from passband.dataset.acquisition import Acquisition
from passband.dataset.imaging import Imaging
from passband.dataset.memory import MICROGRAPHS, Memory
from passband.dataset.store import WaveStore
from passband.experiment.evaluation import EvaluationSet
from passband.recipe import PassbandError

LOW = 10  # highest frequency of a map of the incoherent part over 32 Å
WAVE = 2 * 80**2 * 8 + 80**2  # two phonons of the tiny store and its mask
WAVE += 6 * (2 * LOW + 1) * (LOW + 1) * 8 + 81 * 8  # and the incoherent part of its images


class Owner:
    """Stands for a data set."""


def block(nbytes: int) -> np.ndarray:
    return np.zeros(nbytes, dtype=np.uint8)


def imaging(c10: float) -> Imaging:
    conditions = {"aberrations": {"C10": c10}, "dose": 400.0}
    return Imaging.model_validate({"conditions": conditions, "pixel_size": 0.8, "patch": 32, "focal_nodes": 1})


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How often each wave is read from the disk."""
    counts: Counter[int] = Counter()
    real = WaveStore.wave

    def counted(store: WaveStore, index: int) -> np.ndarray:
        counts[index] += 1
        return real(store, index)

    monkeypatch.setattr(WaveStore, "wave", counted)
    return counts


def test_all_named_sets_and_the_training_hold_one_copy_of_the_waves(tiny_store: WaveStore, read: Counter[int]) -> None:
    memory = Memory()
    store = WaveStore.open(tiny_store.directory, memory=memory)
    streams = [Acquisition(store, imaging(c10), seed=7) for c10 in (-50.0, 50.0)]
    sets = [
        EvaluationSet(Acquisition(store, imaging(100.0 * k), seed=k, in_turn=True), 10, at_most=5, again=False)
        for k in range(6)
    ]
    for _ in range(2):
        for one in sets:
            list(one)
        for stream in streams:
            stream.batch(0, 20)
    assert read == dict.fromkeys(range(10), 1)
    assert memory.nbytes == 10 * WAVE == 10 * store.recipe.recorded_memory


def test_two_stores_share_a_memory_and_not_their_waves(tiny_store: WaveStore, read: Counter[int]) -> None:
    memory = Memory()
    first, again = (WaveStore.open(tiny_store.directory, memory=memory) for _ in range(2))
    alone = WaveStore.open(tiny_store.directory)
    for store in (first, again, alone):
        Acquisition(store, imaging(0.0), indices=[3]).batch(0, 2)
    assert read == {3: 2}
    other = WaveStore.open(tiny_store.directory, memory=memory)
    other.recipe = other.recipe.model_copy(update={"seed": 4})  # as if simulated anew at the same place
    other.identity = other.recipe.identity
    Acquisition(other, imaging(0.0), indices=[3]).batch(0, 2)
    assert read == {3: 3}


@pytest.mark.parametrize("budget", [0, WAVE, 3 * WAVE + 1, 12 * WAVE])
def test_a_budget_is_kept_and_changes_no_byte(tiny_store: WaveStore, budget: int) -> None:
    plain = EvaluationSet(Acquisition(tiny_store, imaging(30.0), in_turn=True), 10, at_most=2, again=False)
    memory = Memory(budget)
    store = WaveStore.open(tiny_store.directory, memory=memory)
    kept = EvaluationSet(Acquisition(store, imaging(30.0), in_turn=True), 10, at_most=2)
    stream = Acquisition(store, imaging(60.0), seed=3)
    for _ in range(3):
        for one, other in zip(plain, kept, strict=True):
            assert memory.nbytes <= budget
            assert torch.equal(one.images, other.images)
            assert torch.equal(one.masks, other.masks)
            assert one.masks.dtype == other.masks.dtype == torch.int64
            assert one.rows == other.rows
        stream.batch(0, 4)
        assert memory.nbytes <= budget
    held = sum(batch.images.nbytes + batch.masks.nbytes for batch in kept._kept.values())
    assert held <= budget * MICROGRAPHS
    assert bool(held) == (budget * MICROGRAPHS >= 2 * 32**2 * 5)


def test_kept_micrographs_are_not_made_again(tiny_store: WaveStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store = WaveStore.open(tiny_store.directory, memory=Memory())
    made: list[int] = []
    real = Acquisition.batch
    monkeypatch.setattr(Acquisition, "batch", lambda self, *args: made.append(1) or real(self, *args))
    kept = EvaluationSet(Acquisition(store, imaging(30.0), in_turn=True), 10, at_most=2)
    once = EvaluationSet(Acquisition(store, imaging(30.0), in_turn=True), 10, at_most=2, again=False)
    for _ in range(3):
        list(kept)
    assert len(made) == 5
    list(once)
    list(once)
    assert len(made) == 15


def test_all_sets_share_one_budget_and_give_it_back(tiny_store: WaveStore) -> None:
    batch = 2 * 32**2 * 5  # float32 images and masks in bytes
    memory = Memory(3 * 7 * batch)  # room for seven batches of micrographs
    store = WaveStore.open(tiny_store.directory, memory=memory)
    sets = [EvaluationSet(Acquisition(store, imaging(9.0 * k), in_turn=True), 10, at_most=2) for k in range(3)]
    for _ in range(2):
        for one in sets:
            list(one)
    assert [len(one._kept) for one in sets] == [5, 2, 0]
    del one, sets[0]
    gc.collect()
    for one in sets:
        list(one)
    assert [len(one._kept) for one in sets] == [5, 2]


def test_the_waves_used_last_are_kept() -> None:
    memory, made = Memory(300), []

    def ask(key: int) -> None:
        memory.wave(key, lambda: made.append(key) or block(100))

    for key in (1, 2, 3, 1, 4, 1, 3, 2):
        ask(key)
    assert made == [1, 2, 3, 4, 2]
    assert memory.nbytes == 300


def test_waves_make_room_for_micrographs() -> None:
    memory, owner = Memory(300), Owner()
    for key in range(3):
        memory.wave(key, lambda: block(100))
    assert memory.reserve(owner, 60)
    assert memory.nbytes == 260
    assert memory.reserve(owner, 40)
    assert not memory.reserve(owner, 1)
    assert memory.nbytes == 300
    memory.wave("too large", lambda: block(201))
    assert memory.nbytes == 300  # used, not kept, and nothing thrown out for it
    del owner
    gc.collect()
    assert memory.nbytes == 200


def test_threads_make_a_wave_once() -> None:
    memory, made, ready = Memory(10_000), Counter(), threading.Barrier(8)

    def make(key: int) -> np.ndarray:
        made[key] += 1
        time.sleep(0.002)
        return block(100)

    def ask(_: int) -> list[int]:
        ready.wait()
        return [id(memory.wave(key, lambda key=key: make(key))) for key in range(10)]

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(ask, range(8)))
    assert made == dict.fromkeys(range(10), 1)
    assert all(one == seen[0] for one in seen)


@pytest.mark.parametrize("budget", [2 * WAVE, 10**9])
def test_batches_made_in_several_threads_are_those_of_one(tiny_store: WaveStore, budget: int) -> None:
    store = WaveStore.open(tiny_store.directory, memory=Memory(budget))
    shared = imaging(40.0).model_copy(update={"patches_per_field": 2})
    stream = Acquisition(store, shared, seed=1)  # one that several learners take their batches from
    others = [Acquisition(store, imaging(15.0 * k), seed=k, in_turn=True) for k in range(3)]
    expected = [one.batch(0, 8).images for one in others] + [stream.batch(step, 8).images for step in range(4)]
    with ThreadPoolExecutor(7) as pool:
        coming = [pool.submit(one.batch, 0, 8) for one in others]
        coming += [pool.submit(stream.batch, step, 8) for step in range(4)]
        made = [one.result().images for one in coming]
    assert all(torch.equal(one, other) for one, other in zip(made, expected, strict=True))


def test_a_thread_keeps_the_fields_that_it_began_with(tiny_store: WaveStore) -> None:
    """Another thread, at other steps, puts its fields in the place of ours as soon as we have looked at them."""
    black = {k: torch.zeros(80, 80) for k in range(2)}

    class Interrupted(Acquisition):
        @property
        def _fields(self) -> tuple[int, dict[int, torch.Tensor]]:
            seen, self.seen = self.seen, (100, black)
            return seen

        @_fields.setter
        def _fields(self, fields: tuple[int, dict[int, torch.Tensor]]) -> None:
            self.seen = (100, black) if fields[0] >= 0 else fields

    shared = imaging(40.0).model_copy(update={"patches_per_field": 2})
    expected = Acquisition(tiny_store, shared, seed=1).batch(0, 2).images
    assert torch.equal(Interrupted(tiny_store, shared, seed=1).batch(0, 2).images, expected)


def test_what_fails_is_not_kept() -> None:
    memory = Memory(300)

    def broken() -> np.ndarray:
        raise OSError("damaged")

    with pytest.raises(OSError, match="damaged"):
        memory.wave(1, broken)
    assert len(memory.wave(1, lambda: block(10))) == 10


def test_a_copy_in_another_process_starts_empty() -> None:
    memory = Memory(300)
    memory.wave(1, lambda: block(100))
    copied = pickle.loads(pickle.dumps(memory))
    assert (copied.budget, copied.nbytes) == (300, 0)


def test_a_negative_budget_is_refused() -> None:
    with pytest.raises(PassbandError, match="-1 bytes is negative; write 0"):
        Memory(-1)

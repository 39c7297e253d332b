"""Batches of micrographs made by several processes ahead of a network that is faster than one of them.

On a GPU a step of a small network takes 10 ms, and the micrographs of a step half a second of one core. Each process
opens the store itself and makes whole groups of consecutive batches, those that share their imaged fields; so a batch
is the same as in one process.
"""

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import torch

from passband.dataset.acquisition import Acquisition, Batch
from passband.dataset.beam_path import ImagingRecipe
from passband.dataset.memory import Memory
from passband.dataset.store import WaveStore
from passband.processes import leave_with_parent
from passband.recipe import PassbandError

AHEAD = 2  # groups under way for each process

_streams: list[Acquisition] = []  # of a process of the pool: the one that it makes batches of


class ImagingPool:
    """Processes that make the batches of one stream, on CPUs.

    Parameters
    ----------
    stream
        What is made; on the CPU.
    workers
        Processes, of one thread each. Each keeps exit waves in a memory of the store's budget.

    Raises
    ------
    PassbandError
        `workers` is below 1, or the stream is on another device.
    """

    def __init__(self, stream: Acquisition, workers: int) -> None:
        if workers < 1:
            raise PassbandError(f"workers={workers} is below 1; give the number of processes that make micrographs")
        if stream.device.type != "cpu":
            raise PassbandError(f"a stream on {stream.device} is made in its own process; make it on the CPU")
        self.workers, self.group = workers, stream.imaging.patches_per_field
        self._pool = ProcessPoolExecutor(
            workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_open,
            initargs=(stream.store.directory, stream.imaging, stream.indices, stream.seed, stream.store.memory),
        )
        self._coming: dict[tuple[int, int], Future[list[Batch]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def batch(self, step: int, size: int) -> Batch:
        """Batch `step` of `size` images, as `Acquisition.batch` makes it; those after it are begun.

        Raises
        ------
        PassbandError
            As `Acquisition.batch`.
        """
        number, place = divmod(step, self.group)
        for group in range(number, number + 1 + AHEAD * self.workers):
            if (group, size) not in self._coming:
                steps = range(group * self.group, (group + 1) * self.group)
                self._coming[group, size] = self._pool.submit(_batches, steps, size)
        batch = self._coming[number, size].result()[place]
        for passed in [key for key in self._coming if key[0] < number]:
            self._coming.pop(passed).cancel()
        return batch


def _open(directory: Path, imaging: ImagingRecipe, indices: Sequence[int], seed: int, memory: Memory) -> None:
    leave_with_parent()
    torch.set_num_threads(1)
    store = WaveStore.open(directory, memory=memory)
    _streams.append(Acquisition(store, imaging, indices=indices, seed=seed))


def _batches(steps: Sequence[int], size: int) -> list[Batch]:
    return [_streams[0].batch(step, size) for step in steps]

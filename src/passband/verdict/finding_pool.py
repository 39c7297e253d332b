"""Columns of the frames of a movie: read and seen by a network one after the other, fitted by several processes."""

import multiprocessing
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from passband.description.atoms import find_columns
from passband.description.columns import AtomColumns, no_columns_remark
from passband.description.frame_record import FrameColumns
from passband.files.movie import Frame, Movie
from passband.processes import leave_with_parent
from passband.recipe import PassbandError
from passband.verdict.finding import ColumnFinder

AHEAD = 2  # frames under way for each process
_FEWEST = 4  # frames for each process, for which it is worth being started


def columns_in_order(movie: Movie, finder: ColumnFinder, start: int, *, workers: int) -> Iterator[FrameColumns]:
    """Columns of the frames from `start` on; what is wrong with one stands in its remark.

    Raises
    ------
    PassbandError
        One of the processes was killed.
    """
    workers = max(1, min(workers, (len(movie.frames) - start) // _FEWEST))
    waiting: deque[_Begun] = deque()
    with _pool(workers) as pool:
        for number in range(start, len(movie.frames)):
            waiting.append(_begin(movie.frames[number], number, finder, pool))
            if pool is None or len(waiting) > AHEAD * workers:
                yield _finish(waiting.popleft())
        while waiting:
            yield _finish(waiting.popleft())


class _Begun(NamedTuple):
    """A frame that is being fitted, and what is to be said if it shows no columns; or, without a fit, why not."""

    number: int
    fit: "Future[AtomColumns] | partial[AtomColumns] | None"
    remark: str


@contextmanager
def _pool(workers: int) -> Iterator[Executor | None]:
    if workers == 1:
        yield None
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=leave_with_parent)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(frame: Frame, number: int, finder: ColumnFinder, pool: Executor | None) -> _Begun:
    """Read a frame and ask the network; the fit is begun where there is a pool."""
    try:
        micrograph = frame.load()
        size, view = micrograph.known_pixel_size, finder.view(micrograph, judged=False)
    except (PassbandError, OSError) as problem:
        return _Begun(number, None, _one_line(problem))
    image = micrograph.array
    finding = finder.finding.model_copy(update={"sublattices": False})  # they are those of the first frame
    fit = partial(find_columns, image, size, **view.maps(), finding=finding)
    return _Begun(number, fit if pool is None else pool.submit(fit), no_columns_remark(image))


def _finish(begun: _Begun) -> FrameColumns:
    if begun.fit is None:
        return FrameColumns(begun.number, None, begun.remark)
    try:
        columns = begun.fit.result() if isinstance(begun.fit, Future) else begun.fit()
    except PassbandError as problem:
        return FrameColumns(begun.number, None, _one_line(problem))
    except BrokenProcessPool as problem:
        cure = "the same command goes on; with --workers 1 it needs less memory"
        raise PassbandError(
            f"a process that fitted columns was killed, perhaps for lack of memory; {cure}"
        ) from problem
    return FrameColumns(begun.number, columns, "" if len(columns) else begun.remark)


def _one_line(problem: Exception) -> str:
    return " ".join(str(problem).split())

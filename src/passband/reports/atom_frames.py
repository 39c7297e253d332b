"""The atoms of movies and tables, one frame after the other, numbered through several of them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from passband.description.atom_tables import read_atom_table
from passband.description.frame_record import FrameRecord
from passband.description.tracks import linked_columns, with_sublattices
from passband.files.movie import Movie
from passband.latent.collecting import AtomFrame
from passband.verdict.finding import ColumnFinder
from passband.verdict.finding_pool import columns_in_order


def found_columns(
    movie: Movie,
    finder: ColumnFinder,
    path: Path,
    *,
    workers: int,
    bar: Callable[[int, int], None] = lambda done, total: None,
) -> FrameRecord:
    """Find the columns of all frames of a movie; what a killed command left at `path` is not found again."""
    record = FrameRecord(path, f"{movie.identity} {finder.identity}")
    bar(record.done, len(movie.frames))
    for found in columns_in_order(movie, finder, record.done, workers=workers):
        record.add(found)
        bar(record.done, len(movie.frames))
    return record


def frames_of_movie(movie: Movie, record: FrameRecord, *, first: int = 0, atoms: int = 0) -> Iterator[AtomFrame]:
    """Yield the frames with columns, linked, with their images; numbers begin with `first` and `atoms`."""
    for found, identity, _ in with_sublattices(linked_columns(record)):
        if found.columns is not None and len(found.columns):
            image = np.asarray(movie.frames[found.frame].load().array, dtype=np.float64)
            yield AtomFrame(first + found.frame, found.columns, identity + atoms, image)


def frames_of_table(path: Path, *, pixel_size: float | None, first: int = 0, atoms: int = 0) -> Iterator[AtomFrame]:
    """Yield the frames of a table of atoms, without images; atoms that the table does not number stay −1."""
    for frame, columns, atom in read_atom_table(path, pixel_size=pixel_size):
        yield AtomFrame(first + frame, columns, np.where(atom < 0, atom, atom + atoms), None)

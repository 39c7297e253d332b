"""The atoms of movies and tables, one frame after the other, numbered through several of them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from passband.description.atom_tables import read_atom_table
from passband.description.frame_record import FrameRecord
from passband.description.tracks import linked_columns, with_sublattices
from passband.files.micrograph import Micrograph
from passband.files.movie import Movie
from passband.latent.collecting import AtomFrame
from passband.recipe import PassbandError
from passband.verdict.finding import ColumnFinder
from passband.verdict.finding_pool import columns_in_order

Array = NDArray[np.float64]


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


class NetworkMap:
    """The probability that a pixel belongs to any column, as a network sees it, of one micrograph after the other."""

    def __init__(self, finder: ColumnFinder) -> None:
        self._finder = finder

    def __call__(self, micrograph: Micrograph) -> Array:
        """Return the map (y, x), 0 to 1.

        Raises
        ------
        PassbandError
            No network looks at such micrographs, or the one that does has no probabilities.
        """
        segmentation = self._finder.view(micrograph, judged=False).segmentation
        seen = None if segmentation is None else segmentation.foreground
        if seen is None:
            name = micrograph.provenance.get("path", "the micrograph")
            raise PassbandError(f"no network looks at {name}; name one with --model, or give --patches image")
        return np.clip(np.asarray(seen, dtype=np.float64), 0.0, 1.0)


def frames_of_movie(
    movie: Movie, record: FrameRecord, *, seen: NetworkMap | None = None, first: int = 0, atoms: int = 0
) -> Iterator[AtomFrame]:
    """Yield the frames with columns, linked, with images and maps; numbers begin with `first` and `atoms`."""
    for found, identity, _ in with_sublattices(linked_columns(record)):
        if found.columns is not None and len(found.columns):
            micrograph = movie.frames[found.frame].load()
            yield _with_image(micrograph, seen, AtomFrame(first + found.frame, found.columns, identity + atoms, None))


def frames_of_both(
    movie: Movie, path: Path, *, seen: NetworkMap | None = None, first: int = 0, atoms: int = 0
) -> Iterator[AtomFrame]:
    """Yield the frames of a table of the atoms of a movie, with its images and maps; pixels are those of the movie.

    Raises
    ------
    PassbandError
        The table has a frame that the movie has not, or an atom that is not in its image.
    """
    for one in frames_of_table(path, pixel_size=1.0, first=first, atoms=atoms):  # which the movie's replaces
        number = one.frame - first
        if not 0 <= number < len(movie.frames):
            raise PassbandError(
                f"{path} has atoms of frame {number}, and {movie.path} has {len(movie.frames)} frames, the first is 0; "
                "give the table of this movie"
            )
        micrograph = movie.frames[number].load()
        shape = (micrograph.array.shape[0], micrograph.array.shape[1])
        columns = replace(one.columns, shape=shape, pixel_size=micrograph.known_pixel_size)
        outside = int(np.count_nonzero(columns.border < 0.0))
        if outside:
            raise PassbandError(
                f"{path}, frame {number}: {outside} of {len(columns)} atoms are outside of the image of "
                f"{' × '.join(map(str, columns.shape))} pixels (y, x); give the table of this movie"
            )
        yield _with_image(micrograph, seen, one._replace(columns=columns))


def _with_image(micrograph: Micrograph, seen: NetworkMap | None, frame: AtomFrame) -> AtomFrame:
    image = np.asarray(micrograph.array, dtype=np.float64)
    return frame._replace(image=image, seen=None if seen is None else seen(micrograph))


def frames_of_table(path: Path, *, pixel_size: float | None, first: int = 0, atoms: int = 0) -> Iterator[AtomFrame]:
    """Yield the frames of a table of atoms, without images; atoms that the table does not number stay −1."""
    for frame, columns, atom in read_atom_table(path, pixel_size=pixel_size):
        yield AtomFrame(first + frame, columns, np.where(atom < 0, atom, atom + atoms), None)

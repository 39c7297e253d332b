"""The atoms of a movie: every frame's columns with the number of their atom, and when atoms come and go."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from passband.description.atom_files import COLUMNS, column_rows
from passband.description.columns import AtomColumns
from passband.description.frame_record import FrameColumns
from passband.description.lattice import nearest_distances
from passband.description.linking import Linking, link_frames
from passband.description.sublattices import name_sublattices

#: Of a command: an atom that is missed in two frames is the same one in the third.
LINKING = Linking(memory=2)
MOVIE_COLUMNS = ("frame", "atom", *COLUMNS)


class LinkedColumns(NamedTuple):
    """Columns of one frame, the number of the atom that each is, and the drift (2,) in Å; None where there is none."""

    found: FrameColumns
    identity: NDArray[np.intp]
    drift: NDArray[np.float64] | None


def linked_columns(frames: Iterable[FrameColumns], linking: Linking = LINKING) -> Iterator[LinkedColumns]:
    """Link the columns of frames, one after the other.

    A frame without any column, as of a blanked beam, says nothing of the atoms: they go on after it.
    """
    waiting: deque[FrameColumns] = deque()

    def positions() -> Iterator[NDArray[np.float64]]:
        for one in frames:
            waiting.append(one)
            if one.columns is not None and len(one.columns):
                yield one.columns.positions

    for link in link_frames(positions(), linking):
        while len(waiting) > 1:
            yield _unlinked(waiting.popleft())
        yield LinkedColumns(waiting.popleft(), link.identity, link.drift)
    yield from map(_unlinked, waiting)


def _unlinked(found: FrameColumns) -> LinkedColumns:
    return LinkedColumns(found, np.empty(0, np.intp), None)


def with_sublattices(linked: Iterable[LinkedColumns]) -> Iterator[LinkedColumns]:
    """Give every atom the sub-lattice that it has in the first frame with columns as its class, in all frames.

    Atoms that come later keep their class, and so do all where the columns are of several already.
    """
    first: AtomColumns | None = None
    for one in linked:
        columns = one.found.columns
        if columns is not None and len(columns):
            first = first or name_sublattices(columns)
            if first.classes != columns.classes:
                columns = _classed(columns, one.identity, first)
        yield one._replace(found=one.found._replace(columns=columns))


def _classed(columns: AtomColumns, identity: NDArray[np.intp], first: AtomColumns) -> AtomColumns:
    """Columns with the classes of atoms 0, 1, … of the first frame, which come in the order of their numbers."""
    classes = first.classes if columns.classes[0] in first.classes else (*first.classes, *columns.classes)
    known = identity < len(first)
    label = np.full(len(columns), classes.index(columns.classes[0]), dtype=np.intp)
    label[known] = first.label[identity[known]]
    return replace(columns, label=label, classes=classes)


def movie_rows(linked: Iterable[LinkedColumns]) -> Iterator[dict[str, Any]]:
    """Rows of the table of a movie, with the names in `MOVIE_COLUMNS`: one for each column of each frame."""
    for found, identity, _ in linked:
        if found.columns is not None:
            for atom, row in zip(identity.tolist(), column_rows(found.columns), strict=True):
                yield {"frame": found.frame, "atom": atom, **row}


class FrameCounts(NamedTuple):
    """What one frame shows.

    Attributes
    ----------
    frame
        Its number, from 0.
    columns
        Their number; None where the frame could not be read.
    born, gone
        Atoms that are shown here first, and those shown last in the frame before of those that show any.
    born_at_border, gone_at_border
        Those of them that are, or were, within a spacing of the border: they may have moved across it.
    drift_x_A, drift_y_A
        From the first frame; None where it shows no columns.
    remark
        Why it could not be read, or what else is to be said.
    """

    frame: int
    columns: int | None
    born: int = 0
    gone: int = 0
    born_at_border: int = 0
    gone_at_border: int = 0
    drift_x_A: float | None = None
    drift_y_A: float | None = None
    remark: str = ""


class AtomCounter:
    """Counts what comes and goes while the frames of a movie pass; those of the first frame are not born.

    An atom that is missed for a while and comes back, as far as the linking remembers it, was never gone.
    """

    def __init__(self) -> None:
        self._frames: list[FrameCounts] = []
        self._first: list[tuple[int, bool]] = []  # frame of each atom, and whether it was at the border
        self._last: list[tuple[int, bool]] = []
        self._shape: tuple[int, int] | None = None
        self._margin = 0.0

    @property
    def atoms(self) -> int:
        """Number of different atoms."""
        return len(self._first)

    def passing(self, linked: Iterable[LinkedColumns]) -> Iterator[LinkedColumns]:
        """Give frames on, counted."""
        for one in linked:
            self._count(one)
            yield one

    def frames(self) -> list[FrameCounts]:
        """Return what each frame shows, once all have passed."""
        shown = [one.frame for one in self._frames if one.columns]
        after = dict(pairwise(shown))
        born = Counter(place for place in self._first if place[0] != shown[0])
        gone = Counter((after[frame], border) for frame, border in self._last if frame in after)
        return [
            one._replace(
                born=born[one.frame, False] + born[one.frame, True],
                gone=gone[one.frame, False] + gone[one.frame, True],
                born_at_border=born[one.frame, True],
                gone_at_border=gone[one.frame, True],
            )
            for one in self._frames
        ]

    def _count(self, one: LinkedColumns) -> None:
        columns, frame = one.found.columns, one.found.frame
        if columns is None:
            self._frames.append(FrameCounts(frame, None, remark=one.found.remark))
            return
        counts = FrameCounts(frame, len(columns), remark=one.found.remark or self._remark(columns))
        if one.drift is not None:
            counts = counts._replace(drift_x_A=float(one.drift[0]), drift_y_A=float(one.drift[1]))
            if not self._first:
                self._margin = float(np.median(nearest_distances(columns.positions))) if len(columns) > 1 else 0.0
            for atom, border in zip(one.identity.tolist(), (columns.border < self._margin).tolist(), strict=True):
                if atom == len(self._first):
                    self._first.append((frame, border))
                    self._last.append((frame, border))
                self._last[atom] = (frame, border)
        self._frames.append(counts)

    def _remark(self, columns: AtomColumns) -> str:
        self._shape = self._shape or columns.shape
        if columns.shape == self._shape:
            return ""
        here, first = (" × ".join(map(str, shape)) for shape in (columns.shape, self._shape))
        return f"{here} pixels, those before {first}: places count from the first pixel of each"

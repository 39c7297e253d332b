"""Tables of atoms read back: those of `passband atoms`, or anybody's with the same names of columns."""

import csv
from collections.abc import Iterator, Mapping
from itertools import groupby
from math import isfinite
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from passband.description.columns import AtomColumns
from passband.recipe import PassbandError

MOST_BYTES = 2**31
_WANTED = ("x_px", "y_px")


class TableFrame(NamedTuple):
    """Atoms of one frame of a table, and the number that each has in the movie (n,)."""

    frame: int
    columns: AtomColumns
    atom: NDArray[np.intp]


def read_atom_table(path: Path, *, pixel_size: float | None = None) -> Iterator[TableFrame]:
    """Yield the frames of a CSV, which stand one after the other in it.

    Columns are `x_px`, `y_px`, and where they are there `x_A`, `y_A` (from which the pixel size comes), `frame` (else
    all is one), `atom` and `class`. What else an atom has (height, width, confidence) is 1 where it is missing. The
    image is taken to end half a pixel beyond the outermost atoms.

    Parameters
    ----------
    path
        Of the file.
    pixel_size
        Å, where the table does not tell it.

    Raises
    ------
    PassbandError
        It is no such table, a number is none, frames are mixed, or there is no pixel size.
    """
    if path.stat().st_size > MOST_BYTES:
        raise PassbandError(f"{path} has more than 2 GiB; split it by frames")
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        reader = csv.DictReader(file)
        names = reader.fieldnames or ()
        missing = [name for name in _WANTED if name not in names]
        if missing:
            raise PassbandError(f"{path} has no column {missing[0]!r}; it must be a table as passband atoms writes it")
        seen = -1
        numbered = ((row, reader.line_num) for row in reader)
        for frame, rows in groupby(numbered, key=lambda one: _number(path, one, "frame", 0.0)):
            if frame <= seen:
                raise PassbandError(f"{path}: frame {frame:g} comes after frame {seen}; sort the rows by frame")
            seen = int(frame)
            yield _frame(path, seen, list(rows), pixel_size)


def _number(path: Path, row: tuple[Mapping[str, str], int], name: str, otherwise: float) -> float:
    text = row[0].get(name)
    if text in (None, ""):
        return otherwise
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise PassbandError(f"{path}, line {row[1]}: {name}={text!r:.40} is no number; mend or remove the row")
    return value


def _frame(path: Path, frame: int, rows: list[tuple[dict[str, str], int]], pixel_size: float | None) -> TableFrame:
    def values(name: str, otherwise: float = float("nan")) -> NDArray[np.float64]:
        return np.array([_number(path, row, name, otherwise) for row in rows])

    x, y = values("x_px"), values("y_px")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise PassbandError(f"{path}, frame {frame}: an atom has no place; fill x_px and y_px, or remove its row")
    size = (pixel_size, pixel_size) if pixel_size else (_step(values("y_A"), y), _step(values("x_A"), x))
    if None in size:
        raise PassbandError(f"{path} does not tell the pixel size; give it with --pixel-size, such as 0.2 (Å)")
    kinds = [row.get("class") or "column" for row, _ in rows]
    classes = tuple(dict.fromkeys(kinds))
    columns = AtomColumns(
        x=x,
        y=y,
        label=np.array([classes.index(kind) for kind in kinds], dtype=np.intp),
        height=values("height", 1.0),
        sigma=values("sigma_A", 1.0),
        confidence=values("confidence", 1.0),
        x_error=np.zeros(len(x)),
        y_error=np.zeros(len(x)),
        classes=classes,
        pixel_size=(float(size[0] or 0.0), float(size[1] or 0.0)),
        shape=(int(np.ceil(y.max())) + 1, int(np.ceil(x.max())) + 1),
    )
    return TableFrame(frame, columns, values("atom", -1.0).astype(np.intp))


def _step(lengths: NDArray[np.float64], pixels: NDArray[np.float64]) -> float | None:
    """Å a pixel from a column in both; None where it cannot be told."""
    known = np.isfinite(lengths) & (np.abs(pixels) > 0.5)
    found = float(np.median(lengths[known] / pixels[known])) if known.any() else 0.0
    return found if found > 0.0 else None

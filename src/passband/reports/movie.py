"""The atoms of a movie: columns of every frame, linked; tables, structures, pictures, and a row for scripts.

Frames are read, looked at and written one after the other, so that a movie may be larger than memory. What is found of
each is kept beside the results until they are complete: the same command goes on after a kill.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from passband.description.atom_files import extended_xyz, lattice_of, lattice_report
from passband.description.frame_record import FrameColumns, FrameRecord
from passband.description.sublattices import name_sublattices
from passband.description.tracks import (
    MOVIE_COLUMNS,
    AtomCounter,
    FrameCounts,
    linked_columns,
    movie_rows,
    with_sublattices,
)
from passband.documents import json_text
from passband.durable import write_atomically, written_atomically
from passband.figures.atoms import columns_picture, counts_figure
from passband.figures.style import to_png
from passband.files.movie import Movie
from passband.files.own_files import ATOM_ENDINGS, refuse_foreign
from passband.locking import exclusive
from passband.recipe import PassbandError
from passband.reports.atoms import columns_warning, lattice_row
from passband.tabular import write_csv
from passband.verdict.finding import ColumnFinder
from passband.verdict.finding_pool import columns_in_order

RECORD = ".atoms.partial"
MOST_RUNS = 8  # of neighbouring frames, named in a remark


def write_movie(
    movie: Movie,
    finder: ColumnFinder,
    output: Path,
    *,
    stem: str,
    workers: int = 1,
    bar: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Find and link the columns of all frames of a movie and write their files, the picture last; return its row.

    Frames that cannot be read are in `failed` of the row; the others are linked over them.

    Parameters
    ----------
    movie
        Frames of known pixel size.
    finder, output, stem
        As in `reports.atoms.write_atoms`.
    workers
        Processes that fit columns; the result is the same.
    bar
        Is told how many frames are done, of how many.

    Raises
    ------
    PassbandError
        No frame can be read, another process works on this movie, or a picture of the same name is not passband's.
    """
    files = {kind: output / f"{stem}{ending}" for kind, ending in ATOM_ENDINGS.items()}
    for kind in ("counts", "picture"):
        refuse_foreign(files[kind])
    kept = output / f"{stem}{RECORD}"
    with exclusive(kept) as ours:
        if not ours:
            raise PassbandError(f"{movie.path} is being looked at by another process, into {output}; wait for it")
        record = FrameRecord(kept, f"{movie.identity} {finder.identity}")
        bar(record.done, len(movie.frames))
        for found in columns_in_order(movie, finder, record.done, workers=workers):
            record.add(found)
            bar(record.done, len(movie.frames))
        row = _written(movie, finder, record, files)
        record.remove()
    return row


def _written(movie: Movie, finder: ColumnFinder, record: FrameRecord, files: dict[str, Path]) -> dict[str, Any]:
    first = _first_shown(record)
    if first.columns is None:
        record.remove()
        raise PassbandError(f"{movie.path}: none of {len(movie.frames)} frames can be read: {first.remark}")
    counter = AtomCounter()
    linked = counter.passing(linked_columns(record))
    write_csv(files["table"], movie_rows(with_sublattices(linked)), MOVIE_COLUMNS, digits=7, line_end="\n")
    frames = counter.frames()
    write_csv(files["frames"], [one._asdict() for one in frames], FrameCounts._fields, digits=7, line_end="\n")
    with written_atomically(files["structure"]) as file:
        for found, identity, _ in with_sublattices(linked_columns(record)):
            if found.columns is not None:
                file.write(extended_xyz(found.columns, identity=identity, frame=found.frame))
    shown = name_sublattices(first.columns)
    lattice = lattice_of(shown)
    report = lattice_report(shown, lattice)
    write_atomically(files["lattice"], f"{json_text(report, indent=1)}\n".encode())
    micrograph = movie.frames[first.frame].load()
    view = finder.view(micrograph)
    write_atomically(files["counts"], to_png(counts_figure(frames)))
    write_atomically(files["picture"], columns_picture(micrograph.array, shown, lattice=lattice))
    told = [(movie.frames[one.frame], one) for one in frames if one.remark]
    return {
        "image": str(movie.path),
        "columns": sum(one.columns or 0 for one in frames),
        **lattice_row(report),
        "verdict": view.verdict,
        "reason": view.reason,
        "model": view.network,
        "warning": columns_warning(movie.path, view, report),
        "pixel_size_A": list(first.columns.pixel_size),
        "frames": len(frames),
        "atoms": counter.atoms,
        **_totals(frames),
        "counts": [one.columns for one in frames],
        "remarks": _remarks(movie, [one for one in frames if one.remark and one.columns is not None]),
        "failed": [
            {"image": str(frame.path), "error": frame.told(one.remark)} for frame, one in told if one.columns is None
        ],
        "outputs": {kind: str(file) for kind, file in files.items()},
    }


def _remarks(movie: Movie, frames: list[FrameCounts]) -> list[str]:
    """Return what is said of frames, each remark once: of hundreds of empty ones it would be hundreds of lines."""
    said: dict[str, list[int]] = {}
    for one in frames:
        said.setdefault(one.remark, []).append(one.frame)
    return [
        movie.frames[numbers[0]].told(remark)
        if len(numbers) == 1
        else f"{movie.path}, {len(numbers)} frames, {_which(movie, numbers)}: {remark}"
        for remark, numbers in said.items()
    ]


def _which(movie: Movie, numbers: list[int]) -> str:
    """Name frames by their numbers in a stack, or the first and the last of them by their files."""
    first, last = (movie.frames[number] for number in (numbers[0], numbers[-1]))
    if first.path == movie.path:
        return frame_ranges(numbers)
    return f"from {first.path.name} to {last.path.name}"


def frame_ranges(numbers: list[int]) -> str:
    """Rising numbers of frames in words, neighbours in one, at most `MOST_RUNS` of these.

    Examples
    --------
    >>> frame_ranges([3, 4, 5, 8])
    '3 to 5, 8'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number, number])
    words = [f"{first} to {last}" if last > first else str(first) for first, last in runs[:MOST_RUNS]]
    return ", ".join(words) + (", …" if len(runs) > MOST_RUNS else "")


def _first_shown(record: FrameRecord) -> FrameColumns:
    """First frame that shows columns; of none, the first one that was read, or the first."""
    best: FrameColumns | None = None
    for found in record:
        if found.columns is not None and len(found.columns):
            return found
        if best is None or (best.columns is None and found.columns is not None):
            best = found
    assert best is not None, "a movie has frames"
    return best


def _totals(frames: list[FrameCounts]) -> dict[str, int]:
    names = ("born", "gone", "born_at_border", "gone_at_border")
    return {name: sum(getattr(one, name) for one in frames) for name in names}

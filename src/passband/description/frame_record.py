"""Columns of the frames of a movie as they are found, kept on the disk, so that a killed run goes on where it was."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from passband.description.columns import AtomColumns
from passband.recipe import PassbandError

_ARRAYS = ("x", "y", "height", "sigma", "confidence", "x_error", "y_error")
_MARK = "passband_frames"
_LONGEST_HEAD = 10_000  # bytes


class FrameColumns(NamedTuple):
    """Columns of one frame.

    Attributes
    ----------
    frame
        Its number, from 0.
    columns
        None where the frame could not be read.
    remark
        Why, or what else is to be said of it, in one line.
    """

    frame: int
    columns: AtomColumns | None
    remark: str = ""


class FrameRecord:
    """A file with a line for each frame that is done, in order; only one process at a time may use it.

    A line that was being written when the process was killed is cut off. The first line holds what the frames were
    made of: a record of anything else is begun anew.

    Parameters
    ----------
    path
        Of the file.
    identity
        Of the movie and of how its columns are found.

    Raises
    ------
    PassbandError
        Another file has this name.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self.path = path
        head = f"{json.dumps({_MARK: identity})}\n".encode()
        there = _first_line(path)
        if there and not there.startswith(f'{{"{_MARK}": '.encode()):
            raise PassbandError(f"{path} is there and is no record of passband's; move it away")
        if there != head:
            path.write_bytes(head)
        self.done = self._whole_lines() - 1

    def add(self, found: FrameColumns) -> None:
        """Write down the next frame."""
        assert found.frame == self.done, "frames are found in order"
        with self.path.open("ab") as file:
            file.write(f"{json.dumps(_values(found), allow_nan=False)}\n".encode())
        self.done += 1

    def remove(self) -> None:
        """Delete the file, once what is made of it is there."""
        self.path.unlink()

    def __iter__(self) -> Iterator[FrameColumns]:
        with self.path.open("rb") as file:
            file.readline()
            for line in file:
                yield _found(json.loads(line))

    def _whole_lines(self) -> int:
        """Cut off what was not written to its end; return the number of lines that are left."""
        count, size = 0, 0
        with self.path.open("r+b") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                count, size = count + 1, size + len(line)
            file.truncate(size)
        return count


def _first_line(path: Path) -> bytes:
    if not path.exists():
        return b""
    with path.open("rb") as file:
        return file.readline(_LONGEST_HEAD)


def _values(found: FrameColumns) -> dict[str, Any]:
    values: dict[str, Any] = {"frame": found.frame, "remark": found.remark}
    columns = found.columns
    if columns is not None:
        values |= {name: getattr(columns, name).tolist() for name in (*_ARRAYS, "label")}
        values |= {name: list(getattr(columns, name)) for name in ("classes", "pixel_size", "shape")}
    return values


def _found(values: dict[str, Any]) -> FrameColumns:
    if "x" not in values:
        return FrameColumns(values["frame"], None, values["remark"])
    columns = AtomColumns(
        **{name: np.array(values[name], dtype=np.float64) for name in _ARRAYS},
        label=np.array(values["label"], dtype=np.intp),
        classes=tuple(values["classes"]),
        pixel_size=(values["pixel_size"][0], values["pixel_size"][1]),
        shape=(values["shape"][0], values["shape"][1]),
    )
    return FrameColumns(values["frame"], columns, values["remark"])

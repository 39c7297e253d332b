"""Walking an HDF5 file safely: plain links only, each node once, and no more of them than a microscope writes."""

import errno
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import h5py
import numpy as np

from passband.files.content import many_axes
from passband.files.metadata import AxisCalibration, decoded
from passband.files.source_file import SourceFile

MAX_NODES = 20_000
_MAX_DEPTH = 32
_MAX_ATTRIBUTE = 2**16  # bytes, or numbers
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


@dataclass(frozen=True, kw_only=True)
class Found:
    """One data set that may be the micrograph, before it is checked: where its image lies, what its neighbours say."""

    name: str
    label: str
    plane: tuple[int, int] | None = None  # axes of y and x; by default the last two of more than one value
    channel: int | None = None  # axis of colour
    calibration: AxisCalibration = field(default_factory=AxisCalibration)
    energy: float | None = None
    cs: float | None = None
    instrument: str | None = None
    mode: str | None = None
    refusal: str | None = None
    aside: str = ""  # what it is, in the plural, where it is no micrograph: "maps computed from spectra"


@contextmanager
def opened(source: SourceFile) -> Iterator[h5py.File]:
    """Open for reading; a file that another program writes is not read, because it may change under our hands.

    Raises
    ------
    FormatError
        Another program has it open, or the one that wrote it did not close it.
    """
    try:
        file = h5py.File(source.path, "r")
    except OSError as failure:
        reason = str(failure)
        if failure.errno in _NO_LOCKS:  # a file system without locks, as some clusters have
            file = h5py.File(source.path, "r", locking=False)
        elif isinstance(failure, BlockingIOError) or "unable to lock file" in reason:
            raise source.error("is open in another program; close it there, or copy the file") from failure
        elif "already open for write" in reason:
            raise source.error(
                "is open in another program, or was not closed by the one that wrote it; close it there, or, if that "
                "program has crashed, run h5clear -s on a copy"
            ) from failure
        else:
            raise
    with file:
        yield file


def hard_linked(group: Any, *names: str) -> Any:
    """Follow plain links only: a link into another file must not be opened."""
    for name in names:
        if not isinstance(group, h5py.Group) or not isinstance(group.get(name, getlink=True), h5py.HardLink):
            return None
        group = group[name]
    return group


def data_set(file: h5py.File, path: str, source: SourceFile) -> h5py.Dataset:
    """Return the data set at a path, reached by plain links only.

    Raises
    ------
    FormatError
        There is none, or the way to it leads through a link that may leave the file.
    """
    found = hard_linked(file, *path.split("/"))
    if not isinstance(found, h5py.Dataset):
        raise source.error(f"has no data set of its own at {path}; a link is not followed, save a copy with the pixels")
    return found


def children(group: Any) -> list[tuple[str, Any]]:
    """Name and node of what lies in a group."""
    names = islice(group, MAX_NODES) if isinstance(group, h5py.Group) else ()
    return [(name, child) for name in names if (child := hard_linked(group, name)) is not None]


def walk(file: h5py.File, source: SourceFile) -> Iterator[tuple[str, Any]]:
    """Yield the path and the node of everything in a file, each node once, in the order of the paths.

    Raises
    ------
    FormatError
        There are more than 20,000 nodes, or they lie deeper than 32 levels.
    """
    seen: set[Any] = set()
    waiting: list[tuple[str, Any]] = [("", file)]
    while waiting:
        path, node = waiting.pop()
        place = h5py.h5o.get_info(node.id).addr
        if place in seen:  # a second link to it, or a group inside itself
            continue
        seen.add(place)
        if path:
            yield path, node
        below = children(node)
        if len(seen) + len(waiting) + len(below) > MAX_NODES:
            raise source.error(f"holds more than {MAX_NODES} groups and data sets; export the image as TIFF")
        if below and path.count("/") >= _MAX_DEPTH:
            raise source.error(f"nests its groups deeper than {_MAX_DEPTH} levels; it is damaged or hostile")
        waiting += reversed([(f"{path}/{name}".lstrip("/"), child) for name, child in below])


def image_plane(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the last two axes of more than one value, or failing these the last two."""
    axes = many_axes(shape)
    return axes[-2], axes[-1]


def attribute(node: Any, name: str) -> Any:
    """Return an attribute, bytes as text and one value in an array as itself.

    None where it is missing, longer than 64 kB or cannot be read, or where there is no node.
    """
    try:
        if name not in node.attrs:
            return None
        stored = h5py.h5a.open(node.id, name.encode())
        if max(stored.get_storage_size(), math.prod(stored.shape)) > _MAX_ATTRIBUTE:
            return None
        value = node.attrs[name]
    except (OSError, TypeError, ValueError, AttributeError):
        return None
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    if isinstance(value, str):  # bytes that are no UTF-8 come as lone surrogates
        value = value.encode("utf-8", "surrogateescape")
    return decoded(value) if isinstance(value, bytes) else value

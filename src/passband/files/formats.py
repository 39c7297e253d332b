"""The table of formats: how each kind of file is told, who reads it, and for those that are not read, what to do.

Everything that must know the formats asks here: what a folder is searched for, what `read_micrograph` opens, what
`inspect`, the error messages and the page of formats say. A format is one module in `files/readers`, which holds
its reader and its entry::

    @reads(Format(name="XYZ", endings=(".xyz",), marks=(b"XYZ1",), pixel_size_from="its header"))
    def read_xyz(source: SourceFile) -> Content: ...

The modules are imported when a file is first looked at. What takes long to import (h5py, tifffile, Pillow) is imported
inside the reader.
"""

import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path

from passband.files import readers
from passband.files.content import Content
from passband.files.source_file import SourceFile

Reader = Callable[[SourceFile], Content]
#: As many bytes of a file as `Format.mark_rank` wants to see.
HEAD = 512


@dataclass(frozen=True, kw_only=True)
class Format:
    """One kind of file.

    Attributes
    ----------
    name
        What a microscopist calls it.
    endings
        Of the names of such files, lower case, with the dot.
    marks
        What such files begin with; a pair (offset, bytes) where the mark stands further in.
    reader
        Describes such a file; None where passband does not read it. Written by `reads`.
    advice
        Where it is not read: what it is and the cure, to stand behind the name of a file.
    pixel_size_from
        In which metadata the pixel size stands; empty where such files have none.
    energy_from
        In which metadata the beam energy stands; empty where such files have none.
    remark
        What else a user should know: stacks, companions, limits.
    mark_optional
        Whether some writers leave the mark out, so that the name alone must tell.
    shared_mark
        Whether other kinds have the same mark, so that the name must agree.
    folder
        Whether such a "file" is a folder.
    """

    name: str
    endings: tuple[str, ...] = ()
    marks: tuple[bytes | tuple[int, bytes], ...] = ()
    reader: Reader | None = None
    advice: str = ""
    pixel_size_from: str = ""
    energy_from: str = ""
    remark: str = ""
    mark_optional: bool = False
    shared_mark: bool = False
    folder: bool = False

    def mark_rank(self, head: bytes) -> tuple[int, int]:
        """How surely a file that begins with `head` is of this kind: length of its mark and nearness to the start."""
        pairs = [mark if isinstance(mark, tuple) else (0, mark) for mark in self.marks]
        found = [(len(mark), -offset) for offset, mark in pairs if head[offset : offset + len(mark)] == mark]
        return max(found, default=(0, 0))


_registered: dict[str, Format] = {}


def register(*entries: Format) -> None:
    """Add kinds of files to the table; a name or an ending that is taken is a mistake in the program."""
    for entry in entries:
        taken = {ending: other.name for other in _registered.values() for ending in other.endings}
        assert entry.name not in _registered, f"{entry.name} is registered already"
        assert taken.keys().isdisjoint(entry.endings), f"{entry.name} and {taken} share an ending"
        assert (entry.reader is None) == bool(entry.advice), f"{entry.name} needs either a reader or an advice"
        _registered[entry.name] = entry


def reads(*entries: Format) -> Callable[[Reader], Reader]:
    """Make the decorated function the reader of some kinds of files, and register them."""

    def decorate(reader: Reader) -> Reader:
        register(*(replace(entry, reader=reader) for entry in entries))
        return reader

    return decorate


def formats() -> tuple[Format, ...]:
    """Every kind of file that passband knows, read or not."""
    _import_readers()
    return tuple(_registered.values())


@cache
def _import_readers() -> None:
    for module in pkgutil.iter_modules(readers.__path__, f"{readers.__name__}."):
        import_module(module.name)


def readable_endings() -> frozenset[str]:
    """Return what a folder of micrographs is searched for; a file that is named may be called anything."""
    return frozenset(ending for entry in formats() if entry.reader for ending in entry.endings)


def readable_names() -> str:
    """Names of the formats that are read, for an error message."""
    return ", ".join(entry.name for entry in _ordered() if entry.reader)


def _ordered() -> list[Format]:
    """Return the formats that say a pixel size, then others that are read, then those that are not; each by name."""
    return sorted(formats(), key=lambda entry: (not entry.reader, not entry.pixel_size_from, entry.name.lower()))


def _candidates(ending: str, head: bytes) -> Iterator[Format]:
    """Entries that a file may belong to, the surest first: by its mark, by a name without a mark, by its name."""
    marked = [entry for entry in formats() if entry.mark_rank(head) > (0, 0)]
    agreeing = [entry for entry in marked if ending in entry.endings or not entry.shared_mark]
    yield from sorted(agreeing, key=lambda entry: (entry.shared_mark, entry.mark_rank(head)), reverse=True)
    yield from (entry for entry in formats() if ending in entry.endings and (entry.mark_optional or not entry.reader))


def identify(path: Path, head: bytes) -> Format | None:
    r"""Return the entry of a file that begins with `head`, or None: its content decides, and only then its name.

    Examples
    --------
    >>> identify(Path("wrong.dm3"), b"II*\0").name, identify(Path("a.tvips"), bytes(9)).name
    ('TIFF', 'TVIPS')
    """
    return next(_candidates(path.suffix.lower(), head), None)


def folder_format(path: Path) -> Format | None:
    """Return the entry of a folder that is one data set, by its name, or None for a folder of files."""
    return next((entry for entry in formats() if entry.folder and path.suffix.lower() in entry.endings), None)

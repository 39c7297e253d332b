"""Files that are there whole or not at all, whatever is killed and when."""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from passband.recipe import PassbandError

#: Names of half-written files, as `write_atomically` makes them.
LEFTOVER = ".*.tmp"
_SHOWN = 40  # characters of the file's name: with four bytes each they leave room for the rest within 255


def write_atomically(path: Path, data: bytes, *, error: type[PassbandError] = PassbandError) -> None:
    """Write or replace a file so that at any moment, even of a power cut, the old or the new one is there whole.

    Parents are made. While it is written the content is in a hidden file beside it that ends in `.tmp`; nobody can
    foresee its name, and it is made anew or not at all, so that no link laid in its place is written through.

    Raises
    ------
    PassbandError
        Or the class given as `error`: the disk is full or cannot be written; what was there before is untouched.
    """
    with written_atomically(path, error=error) as file:
        file.write(data)


@contextlib.contextmanager
def written_atomically(path: Path, *, error: type[PassbandError] = PassbandError) -> Iterator[BinaryIO]:
    """Give a file to write to part by part; it is there when the block ends without an exception. See above."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _new_file(path) as (temporary, descriptor):
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        _flush_directory(path.parent)
    except OSError as problem:
        raise error(_message(path, problem)) from problem


def remove_leftovers(directory: Path, *, deep: bool = True) -> None:
    """Delete the half-written files of a run that was killed; only one run at a time may use the directory.

    Parameters
    ----------
    directory
        Where to look; it need not be there.
    deep
        Whether to look in the folders below as well. Links to other folders are not followed.
    """
    for path in list(directory.rglob(LEFTOVER) if deep else directory.glob(LEFTOVER)):
        with contextlib.suppress(OSError):  # gone already, a folder, or not ours to remove
            path.unlink()


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[tuple[Path, int]]:
    """Make an empty file beside `path` that only this call knows of; what is not renamed in the block is removed."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    temporary = path.with_name(f".{path.name[:_SHOWN]}.{secrets.token_hex(8)}.tmp")
    descriptor = os.open(temporary, flags, 0o666)  # less the umask, as for any other file
    try:
        yield temporary, descriptor
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _flush_directory(directory: Path) -> None:
    if os.name == "posix":  # elsewhere a directory cannot be opened, and the rename is as durable as it gets
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _message(path: Path, problem: OSError) -> str:
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        cure = "free some space and run the same command again; what was finished is kept"
        return f"the disk is full while writing {path}; {cure}"
    return f"{path} cannot be written ({problem.strerror or problem}); check the directory and its permissions"

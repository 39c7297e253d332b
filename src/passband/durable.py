"""Files that are there whole or not at all, whatever is killed and when."""

import contextlib
import errno
import os
from pathlib import Path

from passband.recipe import PassbandError


def write_atomically(path: Path, data: bytes, *, error: type[PassbandError] = PassbandError) -> None:
    """Write or replace a file so that at any moment, even of a power cut, the old or the new one is there whole.

    Parents are made. While it is written the content is in a hidden file beside it that ends in `.tmp`.

    Raises
    ------
    PassbandError
        Or the class given as `error`: the disk is full or cannot be written; what was there before is untouched.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _flush_directory(path.parent)
    except OSError as problem:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise error(_message(path, problem)) from problem


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

"""What can be had or made again is kept in one folder of this machine: weights of others, embeddings, features."""

import contextlib
import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from passband.durable import write_atomically
from passband.recipe import PassbandError

_LONGEST = 1 << 26  # bytes of one array


def cache_folder(*parts: str) -> Path:
    """Return a folder of what can be had or made again: in $PASSBAND_CACHE, else where XDG puts caches."""
    named = os.environ.get("PASSBAND_CACHE")
    if named:
        return Path(named).joinpath(*parts)
    above = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(above) if os.path.isabs(above) else Path.home() / ".cache"  # XDG: relative ones are to be ignored
    return root.joinpath("passband", *parts)


def kept_array(path: Path, make: Callable[[], NDArray[np.float32]], *, axes: int, most: int) -> NDArray[np.float32]:
    """Return the array that a file of the cache holds, or make it and keep it.

    A file that is damaged, or holds something else, is made anew. A cache that cannot be written costs time and
    nothing else.

    Parameters
    ----------
    path
        Of the file, `.npy`; its name says all that the array depends on.
    make
        Makes the array, single precision.
    axes
        How many the array has.
    most
        Files that are kept beside it; those used longest ago go.
    """
    kept = _kept(path, axes)
    if kept is not None:
        return kept
    made = make()
    buffer = io.BytesIO()
    np.save(buffer, made, allow_pickle=False)
    with contextlib.suppress(PassbandError, OSError):
        write_atomically(path, buffer.getvalue())
        _thin_out(path.parent, most)
    return made


def _kept(path: Path, axes: int) -> NDArray[np.float32] | None:
    try:
        if not 0 < path.stat().st_size < _LONGEST:
            return None
        values = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        path.touch()
    except (OSError, ValueError, EOFError):
        return None
    right = values.dtype == np.float32 and values.ndim == axes and bool(np.isfinite(values).all())
    return values if right else None


def _thin_out(folder: Path, most: int) -> None:
    files = sorted(folder.glob("*.npy"), key=lambda file: file.stat().st_mtime)
    for file in files[: max(0, len(files) - most)]:
        file.unlink(missing_ok=True)

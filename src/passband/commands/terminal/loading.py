"""What a command loads before it begins, without the searches for garbage that this would set off."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's `mallopt`, mallopt(3)
_LARGEST_BLOCK, _LARGEST_REST = 2**25, 2**28  # bytes; of an older glibc the first is the most that it takes


@contextmanager
def loading() -> Iterator[None]:
    """Do imports, and make what else stays until the command ends.

    Python looks for cyclic garbage whenever many objects were made, through all that there are. Imports make 350,000
    that are none: they are not looked through, now or later (`gc.freeze`), which saves a tenth of the time of a short
    command. What is made afterwards is collected as ever.
    """
    enabled = gc.isenabled()
    gc.disable()
    _keep_freed_memory()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def _keep_freed_memory() -> None:
    """Keep the memory of arrays that are gone for the next ones, where the C library is glibc.

    By default much of it is given back at once and asked for again, and every page is cleared anew: a twentieth of the
    time of an image of 2048² pixels. Blocks of more than 32 MB are given back as ever.
    """
    if any(name.startswith("MALLOC_") for name in os.environ):  # somebody has said how
        return
    try:
        import ctypes

        adjust = ctypes.CDLL(None).mallopt
    except (AttributeError, ImportError, OSError, TypeError):  # another C library
        return
    adjust(_MMAP_THRESHOLD, _LARGEST_BLOCK)
    adjust(_TRIM_THRESHOLD, _LARGEST_REST)

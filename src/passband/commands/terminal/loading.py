"""What a command loads before it begins, without the searches for garbage that this would set off."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Do imports, and make what else stays until the command ends.

    Python looks for cyclic garbage whenever many objects were made, through all that there are. Imports make 350,000
    that are none: they are not looked through, now or later (`gc.freeze`), which saves a tenth of the time of a short
    command. What is made afterwards is collected as ever.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()

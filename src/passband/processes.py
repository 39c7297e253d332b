"""Worker processes that end with the process that started them."""

import multiprocessing
import os
import threading
from multiprocessing.connection import wait


def leave_with_parent() -> None:
    """End this worker when the process that started it is gone, even killed; it would wait for work for ever.

    Called once in the worker, as the initialiser of its pool is.
    """
    threading.Thread(target=_leave, daemon=True).start()


def _leave() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)

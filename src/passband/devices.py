"""The device that computes: what its name means on this machine; and its processors."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from passband.recipe import PassbandError

#: What may be written; a number behind cuda chooses one of several GPUs.
DEVICES = ("auto", "cpu", "cuda", "mps")
WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


def resolve_device(name: str) -> str:
    """Return the torch device that `name` means here; `auto` is a GPU where there is one.

    Raises
    ------
    PassbandError
        The name is unknown, or this machine has no such device.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = name.partition(":")
    if kind not in DEVICES or kind == "auto" or (number and re.fullmatch("[0-9]{1,4}", number) is None):
        raise PassbandError(f"device={name!r} is unknown; write {', '.join(DEVICES)} or, of several GPUs, cuda:1")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise PassbandError(
            f"device={name!r} is not here ({torch.cuda.device_count()} CUDA devices found); write cpu or auto"
        )
    if kind == "mps" and not torch.backends.mps.is_available():
        raise PassbandError(f"device={name!r} is not here; write cpu or auto")
    return name


@contextmanager
def deterministic(wanted: bool = True) -> Iterator[None]:
    """Let torch choose operations that give the same bits each time, in a `with` block; on a CPU they do so anyway.

    Slower on a GPU. Where torch has no such operation, as for the gradient of the turned and scaled images of adaptive
    augmentation, it warns and names the one it takes (torch.use_deterministic_algorithms,
    https://docs.pytorch.org/docs/stable/notes/randomness.html).

    Parameters
    ----------
    wanted
        False changes nothing.
    """
    if not wanted:
        yield
        return
    import torch

    said = os.environ.get(WORKSPACE)
    os.environ.setdefault(WORKSPACE, ":4096:8")  # read when CUDA's products are first used
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    searched = torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False  # which takes the fastest of several, as it measured them
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        torch.backends.cudnn.benchmark = searched
        if said is None:
            os.environ.pop(WORKSPACE, None)


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""How long work says how far it is: one form of callback for simulating, training, measuring and campaigns."""

from typing import Protocol


class ProgressCallback(Protocol):
    """Called from time to time while work goes on."""

    def __call__(self, done: int, total: int, *, note: str = "") -> object:
        """Take note that `done` of `total` are finished; `note` is a short text to show beside."""

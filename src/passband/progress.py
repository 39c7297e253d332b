"""How long work says how far it is: one form of callback for simulating, training, measuring and campaigns."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class ProgressCallback(Protocol):
    """Called from time to time while work goes on."""

    def __call__(self, done: int, total: int, *, note: str = "") -> object:
        """Take note that `done` of `total` are finished; `note` is a short text to show beside."""


class Stages(Protocol):
    """Work of several stages says how far each is, and warns of what a person should know."""

    def bar(self, description: str, *, unit: str) -> AbstractContextManager[ProgressCallback]:
        """Begin a stage; `unit` is the plural of what is counted."""

    def warn(self, text: str) -> None:
        """Show one line."""


class SilentStages:
    """Stages that show nothing.

    Examples
    --------
    >>> with SilentStages().bar("simulate", unit="structures") as bar:
    ...     bar(3, 12)
    """

    def bar(self, description: str, *, unit: str) -> AbstractContextManager[ProgressCallback]:
        """Begin a stage."""
        return nullcontext(lambda done, total, *, note="": None)

    def warn(self, text: str) -> None:
        """Show nothing."""

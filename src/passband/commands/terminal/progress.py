"""Progress on the terminal: what is done, how fast, and how long the rest takes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from passband.commands.terminal.errors import printable

if TYPE_CHECKING:
    from rich.progress import Progress


class Bar:
    """One bar, called with (done, total) by the part that does the work; `note` shows a short text after it."""

    def __init__(self, progress: "Progress | None", description: str, unit: str) -> None:
        self._progress = progress
        self._task = progress.add_task(description, total=None, unit=unit, note="") if progress else None

    def __call__(self, done: float, total: float | None = None, *, note: str = "") -> None:
        """Show that `done` of `total` are finished."""
        if self._progress is not None and self._task is not None:
            from rich.markup import escape

            self._progress.update(self._task, completed=done, total=total, note=escape(printable(note)))


class ProgressBars:
    """Bars on standard error for the time of a `with` block; silent when asked to be quiet.

    Examples
    --------
    >>> with ProgressBars(quiet=True) as bars:
    ...     with bars.bar("simulate", unit="structures") as bar:
    ...         bar(3, 12)
    """

    def __init__(self, *, quiet: bool) -> None:
        self._progress = None if quiet else _display()

    def __enter__(self) -> Self:
        """Start drawing."""
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing and leave the finished bars on the terminal."""
        if self._progress is not None:
            self._progress.stop()

    @contextmanager
    def bar(self, description: str, *, unit: str) -> Iterator[Bar]:
        """One bar; `unit` is the plural of what is counted."""
        yield Bar(self._progress, description, unit)

    def warn(self, text: str) -> None:
        """Print one line on standard error, quiet or not."""
        if self._progress is None:
            sys.stderr.write(f"{printable(text)}\n")
        else:
            self.say(text)

    def say(self, text: str) -> None:
        """Print one line above the bars; nothing when quiet."""
        if self._progress is not None:
            self._progress.console.print(printable(text), highlight=False, markup=False, soft_wrap=True)


def _display() -> "Progress":
    from passband.commands.terminal.drawing import progress_display  # rich takes a while to load, also for --help

    return progress_display()

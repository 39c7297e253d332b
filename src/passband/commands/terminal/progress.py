"""Progress on the terminal: what is done, how fast, and how long the rest takes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import ProgressColumn as _Column
from rich.table import Column
from rich.text import Text

from passband.commands.terminal.errors import printable


class _Rate(_Column):
    """Things per second, or seconds per thing when it is slow."""

    def render(self, task: Task) -> Text:
        """Return the rate as text; nothing before the first step."""
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("")
        unit = str(task.fields.get("unit", ""))
        return Text(f"{speed:.1f} {unit}/s" if speed >= 1 else f"{1 / speed:.1f} s/{unit.rstrip('s')}", style="cyan")


class Bar:
    """One bar, called with (done, total) by the part that does the work; `note` shows a short text after it."""

    def __init__(self, progress: Progress | None, description: str, unit: str) -> None:
        self._progress = progress
        self._task = progress.add_task(description, total=None, unit=unit, note="") if progress else None

    def __call__(self, done: float, total: float | None = None, *, note: str = "") -> None:
        """Show that `done` of `total` are finished."""
        if self._progress is not None and self._task is not None:
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
        self._progress = None if quiet else _bars()

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


def _bars() -> Progress:
    fixed = Column(no_wrap=True)
    wide = None if sys.stderr.isatty() else 120  # a log has no width of its own
    return Progress(
        TextColumn("{task.description:<9}", table_column=fixed),
        BarColumn(bar_width=16, table_column=fixed),
        MofNCompleteColumn(table_column=fixed),
        _Rate(table_column=fixed),
        TimeElapsedColumn(table_column=fixed),
        TextColumn("left", table_column=fixed),
        TimeRemainingColumn(table_column=fixed),
        TextColumn("{task.fields[note]}", style="dim", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
        console=Console(file=sys.stderr, width=wide),
        refresh_per_second=4,
        expand=True,
    )

"""How progress is drawn: a bar, what is done, the rate, the time taken and the time left."""

import sys

from rich.console import Console
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


class _Rate(_Column):
    """Things per second, or seconds per thing when it is slow."""

    def render(self, task: Task) -> Text:
        """Return the rate as text; nothing before the first step."""
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("")
        unit = str(task.fields.get("unit", ""))
        return Text(f"{speed:.1f} {unit}/s" if speed >= 1 else f"{1 / speed:.1f} s/{unit.rstrip('s')}", style="cyan")


def progress_display() -> Progress:
    """Return bars on standard error, as wide as the terminal."""
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

"""What commands on many images share: which files, what their results are called, and errors that stop no other."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import typer

from passband.commands.terminal.errors import explain, printable
from passband.commands.terminal.progress import ProgressBars
from passband.documents import json_text
from passband.recipe import PassbandError

Result = TypeVar("Result")


class Outcome(NamedTuple):
    """What became of many images: a row of `done` for each that could be read, path and error of the others."""

    done: list[dict[str, Any]]
    failed: list[dict[str, str]]

    def as_json(self, *, indent: int | None = None, **more: Any) -> str:
        """Return both, and what else is told, as one JSON object."""
        return json_text({"images": self.done, "failed": self.failed, **more}, indent=indent)

    def end(self) -> None:
        """Report each failed image on one line; where there is one the exit code is 2."""
        for row in self.failed:
            typer.echo(printable(f"error: {row['error']}"), err=True)
        if self.failed:
            raise typer.Exit(2)


def named_images(names: Sequence[str], ending: str) -> dict[Path, str]:
    """Return the images that are meant, results of passband left out, and the stem of the results of each.

    Raises
    ------
    PassbandError
        There is none, or two have the same stem.
    """
    from passband.files.listing import find_images

    paths = without_results(find_images(names))
    return dict(zip(paths, name_outputs(paths, ending), strict=True))


def every_image(
    task: str,
    stems: Mapping[Path, str],
    opening: Callable[[Path], Result],
    writing: Callable[[Result, Path, str], dict[str, Any]],
    bars: ProgressBars,
) -> Outcome:
    """Open images one after the other and write the results of each, under a bar that is named after the task.

    `writing` gets what was opened, its path and the stem of its results. It returns a row, whose `warning` and
    `remarks` are shown, and whose `failed` are parts of the image that could not be read. What it needs, a network, it
    loads when the first image was read, so that a wrong path is told at once.
    """
    outcome = Outcome([], [])
    with bars.bar(task, unit="images") as bar:
        for number, (path, stem) in enumerate(stems.items()):
            bar(number, len(stems), note=path.name)
            opened = tried(partial(opening, path), path, outcome.failed)
            row = None if opened is None else tried(partial(writing, opened, path, stem), path, outcome.failed)
            if row is None:
                continue
            outcome.failed.extend(row.pop("failed", ()))
            outcome.done.append(row)
            for text in (row.get("warning"), *row.get("remarks", ())):
                if text:
                    bars.warn(f"warning: {text}")
        bar(len(stems), len(stems))
    return outcome


def tried(call: Callable[[], Result], path: Path, failed: list[dict[str, str]]) -> Result | None:
    """Return what a call returns; what is wrong with the file is noted instead of ending the command."""
    try:
        return call()
    except (PassbandError, OSError) as error:
        failed.append({"image": str(path), "error": _one_line(path, error)})
        return None


def without_results(paths: Sequence[Path]) -> list[Path]:
    """Leave out what passband wrote, which a shell's `session/*.tif` names too, and say so; alone it is an error."""
    from passband.files.own_files import is_result

    results = [path for path in paths if is_result(path)]
    if len(results) == len(paths):
        return list(paths)  # each is refused when it is opened
    for path in results:
        typer.echo(f"warning: {printable(str(path))} is what passband made of a micrograph; left out", err=True)
    return [path for path in paths if path not in results]


def name_outputs(paths: Sequence[Path], ending: str) -> list[str]:
    """Return the stem of each image's results, one of which has the ending.

    Raises
    ------
    PassbandError
        Two images have the same stem, so that the results of one would overwrite those of the other.
    """
    owners: dict[str, Path] = {}
    for path in paths:
        other = owners.setdefault(path.stem, path)
        if other != path:
            clash = f"{other} and {path} would both be written to {path.stem}{ending}"
            raise PassbandError(f"{clash}; give them two folders, one after the other")
    return [path.stem for path in paths]


def _one_line(path: Path, error: Exception) -> str:
    lines, _ = explain(error)
    text = " ".join(lines).removeprefix("error: ")
    return text if printable(path.name) in text else f"{printable(str(path))}: {text}"

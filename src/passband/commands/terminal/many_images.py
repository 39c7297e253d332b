"""What commands on many images share: which files, what their results are called, and errors that stop no other."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import typer

from passband.commands.terminal.errors import explain, printable
from passband.recipe import PassbandError

Result = TypeVar("Result")


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

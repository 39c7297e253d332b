"""Which files of a folder, or of a pattern, are micrographs."""

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from passband.files.formats import folder_format, identify, readable_endings
from passband.files.own_files import belongs_to_image
from passband.recipe import PassbandError


def find_images(arguments: Sequence[str]) -> list[Path]:
    """Return the files that paths, folders and patterns stand for, each once, in order.

    From folders and patterns, hidden files (macOS puts a `._a.tif` beside `a.tif`) and what passband itself wrote
    are left out, so that a second run finds what the first did. A pattern that does not say the ending of the names
    finds only those that a folder would. A file that is named is returned as it is, also where it is missing, so that
    its neighbours are still read.

    Raises
    ------
    PassbandError
        A folder holds no micrograph or a pattern matches nothing.
    """
    found: dict[str, Path] = {}
    for argument in arguments:
        path = Path(argument)
        if is_folder_of_images(path):
            matches = _in_folder(path)
        elif glob.has_magic(argument) and not path.exists():
            matches = _of_pattern(argument)
        else:
            matches = [path]
        for match in matches:
            found.setdefault(os.path.abspath(match), match)
    return list(found.values())


def is_folder_of_images(path: Path) -> bool:
    """Whether a path is a folder of files, and no data set that is a folder."""
    return path.is_dir() and not folder_format(path)


def _is_input(path: Path, *, any_ending: bool = False) -> bool:
    """Whether a file of a folder is a micrograph by its name, and neither hidden nor passband's own."""
    named = any_ending or path.suffix.lower() in readable_endings()
    return named and not path.name.startswith(".") and path.is_file() and not belongs_to_image(path)


def _of_pattern(pattern: str) -> list[Path]:
    ending = Path(pattern).suffix
    said = bool(ending) and not glob.has_magic(ending)
    names = [Path(name) for name in sorted(glob.glob(pattern, recursive=True))]
    matches = [path for path in names if _is_input(path, any_ending=said)]
    if not matches:
        what = "only hidden files, results of passband or no images" if any(map(Path.is_file, names)) else "no file"
        raise PassbandError(f"pattern {pattern!r} matches {what}; check the folder and the ending")
    return matches


def _in_folder(folder: Path) -> list[Path]:
    """Return the files of a folder whose names end like those of formats that are read."""
    inside = sorted(folder.iterdir())
    matches = [path for path in inside if _is_input(path)]
    if matches:
        return matches
    strange = [path for path in inside if not belongs_to_image(path)]
    others = [f"{path.name} {known.advice}" for path in strange if (known := identify(path, b"")) and known.advice]
    endings = " ".join(sorted(readable_endings()))
    told = others[0] if others else f"name a file, or a folder with files in it that end in {endings}"
    if len(strange) < len(inside):
        told = f"what passband made is left out; {told}"
    raise PassbandError(f"{folder} holds no micrograph that can be read; {told}")

"""The options that mean the same in every command, written once, and the checks that belong to them."""

import glob
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from passband.files.format_table import SUFFIXES, folder_format, identify
from passband.recipe import PassbandError
from passband.segmentation.results import belongs_to_image

PlanName = Annotated[
    str, typer.Argument(metavar="PLAN", help="A TOML plan, or the name of one that comes with passband.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=C", help="Change one value of the plan (TOML syntax); may be repeated."),
]
Seed = Annotated[
    int | None, typer.Option("--seed", min=0, help="Seed of everything random; the plan's own by default.")
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")]
Workers = Annotated[
    int, typer.Option("--workers", min=1, help="Processes that simulate; the bytes do not depend on it.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary; errors still show.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
ModelPath = Annotated[
    str | None,
    typer.Option("--model", "-M", metavar="M", help="Folder of a trained model, or a shipped name; default au_hrtem."),
]
PixelSize = Annotated[
    str | None,
    typer.Option(
        "--pixel-size", metavar="LENGTH", help="Å per pixel, instead of what the file says: 0.776, 77.6pm, 0.0776nm."
    ),
]
Frame = Annotated[int | None, typer.Option("--frame", min=0, help="Which image of a stack, from 0.")]


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
    if kind not in ("cpu", "cuda", "mps") or (number and re.fullmatch("[0-9]{1,4}", number) is None):
        raise PassbandError(f"device={name!r} is unknown; write auto, cpu, cuda, cuda:1 or mps")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise PassbandError(
            f"device={name!r} is not here ({torch.cuda.device_count()} CUDA devices found); write cpu or auto"
        )
    if kind == "mps" and not torch.backends.mps.is_available():
        raise PassbandError(f"device={name!r} is not here; write cpu or auto")
    return name


def parse_pixel_size(text: str | None) -> float | None:
    """Å from `0.776`, `0.776A`, `77.6pm` or `0.0776nm`; None stays None.

    Raises
    ------
    PassbandError
        The unit is unknown or the length is not positive and finite.
    """
    if text is None:
        return None
    from passband.files.lengths import parse_length

    return parse_length(text)


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
        if path.is_dir() and not folder_format(path):
            matches = _in_folder(path)
        elif glob.has_magic(argument) and not path.exists():
            matches = _of_pattern(argument)
        else:
            matches = [path]
        for match in matches:
            found.setdefault(os.path.abspath(match), match)
    return list(found.values())


def _is_input(path: Path, *, any_ending: bool = False) -> bool:
    """Whether a file of a folder is a micrograph by its name, and neither hidden nor passband's own."""
    named = any_ending or path.suffix.lower() in SUFFIXES
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
    endings = " ".join(sorted(SUFFIXES))
    told = others[0] if others else f"name a file, or a folder with files in it that end in {endings}"
    if len(strange) < len(inside):
        told = f"what passband made is left out; {told}"
    raise PassbandError(f"{folder} holds no micrograph that can be read; {told}")

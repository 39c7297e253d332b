"""The options that mean the same in every command, written once, and the checks that belong to them."""

import re
from typing import Annotated

import typer

from passband.recipe import PassbandError

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

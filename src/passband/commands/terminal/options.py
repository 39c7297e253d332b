"""The options that mean the same in every command, written once, and the checks that belong to them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from passband.commands.terminal.choices import Known
from passband.devices import DEVICES
from passband.recipe import PassbandError
from passband.segmentation.shipped import DEFAULT, shipped_models


def _plans() -> Iterable[str]:
    from passband.experiment.plan_files import shipped_plans

    return shipped_plans()


PlanName = Annotated[
    str, typer.Argument(metavar="PLAN", help="A TOML plan, or the name of one that comes with passband"), Known(_plans)
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=C", help="Change one value of the plan (TOML syntax); may be repeated."),
]
Seed = Annotated[
    int | None, typer.Option("--seed", metavar="N", min=0, help="Seed of everything random; the plan's own by default.")
]
Device = Annotated[
    str,
    typer.Option(
        "--device", metavar="DEVICE", help=f"Where to compute: {', '.join(DEVICES)}; of several GPUs one, as cuda:1."
    ),
]
Deterministic = Annotated[
    bool,
    typer.Option("--deterministic", help="On a GPU: operations that repeat to the bit, where torch has them; slower."),
]
Workers = Annotated[
    int,
    typer.Option("--workers", metavar="N", min=1, help="Processes that simulate; the result is the same."),
]
Images = Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Micrographs, folders of them, or patterns.")]
ResultsFolder = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the results.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary; errors still show.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
ModelPath = Annotated[
    str | None,
    typer.Option(
        "--model", "-M", metavar="MODEL", help=f"Folder of a trained model ({DEFAULT} if not given), or a shipped one"
    ),
    Known(shipped_models),
]
ModelName = Annotated[
    str,
    typer.Argument(metavar="MODEL", help="Folder of a trained model, or a shipped one"),
    Known(shipped_models),
]
PixelSize = Annotated[
    str | None,
    typer.Option(
        "--pixel-size", metavar="LENGTH", help="Å per pixel, instead of what the file says: 0.776, 77.6pm, 0.0776nm."
    ),
]
Dose = Annotated[float | None, typer.Option("--dose", metavar="E", help="e⁻/Å² at the specimen.")]
Quantities = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="Another quantity of the setting: source_size=0.8, jitter=0.3 (pixels)."
    ),
]
CampaignFolder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the campaign.")]
Frame = Annotated[int | None, typer.Option("--frame", metavar="N", min=0, help="Which image of a stack, from 0.")]

ALL_FRAMES = "all"
MovieFrame = Annotated[
    str | None,
    typer.Option(
        "--frame",
        metavar="N|all",
        help="Which image of a stack, from 0; all by default, as a movie. all: those of a folder are a movie too.",
    ),
]


def parse_frame(text: str | None) -> int | None:
    """Return the number of an image of a stack; None of all, or where none is said.

    Raises
    ------
    PassbandError
        It is neither.
    """
    if text in (None, ALL_FRAMES):
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise PassbandError(f"frame={text[:40]!r} is no image of a stack; write its number, from 0, or {ALL_FRAMES}")
    return int(text)


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

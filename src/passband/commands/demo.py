"""`passband demo`: the whole way from atoms to a segmented micrograph, and a report that shows it."""

from pathlib import Path
from typing import Annotated

import typer

from passband.commands.terminal.entry import START, command
from passband.commands.terminal.errors import printable
from passband.commands.terminal.options import (
    AsJson,
    Device,
    Frame,
    Overrides,
    PixelSize,
    Quiet,
    Seed,
    Workers,
    parse_pixel_size,
)
from passband.commands.terminal.progress import ProgressBars
from passband.devices import resolve_device
from passband.documents import json_text
from passband.recipe import PassbandError

Micrograph = Annotated[
    Path | None,
    typer.Option("--micrograph", metavar="FILE", help="Segment this file; otherwise a held-out simulated field."),
]


@command(
    group=START,
    order=1,
    summary="From atoms to a segmented micrograph in minutes.",
    examples="""
passband demo
passband demo --micrograph my_image.dm4 -o out/mine
passband demo --micrograph my_image.png --pixel-size 0.5
passband demo --set simulation.structures=200 --set training.epochs=60 --workers 8
""",
)
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for everything.")] = Path(
        "out/demo"
    ),
    micrograph: Micrograph = None,
    pixel_size: PixelSize = None,
    frame: Frame = None,
    plan: Annotated[str, typer.Option("--plan", metavar="PLAN", help="Another plan than demo.")] = "demo",
    overrides: Overrides = None,
    seed: Seed = None,
    device: Device = "auto",
    workers: Workers = 2,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Simulate, train, measure and segment in a few minutes, and write one self-contained HTML report.

    Stopped, the same command continues.
    """
    size = parse_pixel_size(pixel_size)
    if micrograph is not None and not micrograph.is_file():
        raise PassbandError(f"micrograph {micrograph} does not exist; check the path")
    from passband.experiment.plan import load_plan
    from passband.reports.demonstration import Target, check_target, run_demo

    recipe = load_plan(plan, overrides or (), seed=seed)
    target = Target(micrograph, size, frame)
    check_target(target)
    with ProgressBars(quiet=quiet) as bars:
        result = run_demo(recipe, output, target, workers=workers, device=resolve_device(device), stages=bars)
    if as_json:
        typer.echo(json_text(result))
    else:
        typer.echo(printable(result["report"]))

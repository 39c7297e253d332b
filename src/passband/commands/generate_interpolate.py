"""`passband generate interpolate`: what lies between micrographs that a generator draws."""

from pathlib import Path
from typing import Annotated

import typer

from passband.commands.generate_sample import Generator, Truncation
from passband.commands.terminal.entry import command
from passband.commands.terminal.errors import printable
from passband.commands.terminal.loading import loading
from passband.commands.terminal.options import Quiet


@command(
    name="generate interpolate",
    order=3,
    summary="A film, or a strip, of what lies between samples.",
    examples="""
passband generate interpolate generator -o between.gif
passband generate interpolate generator -o strip.png --seeds 3,8 --frames 9
""",
)
def interpolate(
    model: Generator,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="A film (.gif) or a strip (.png).")],
    seeds: Annotated[
        str, typer.Option("--seeds", metavar="A,B,...", help="Of the samples between which to walk, two or more.")
    ] = "1,2,3,1",
    frames: Annotated[
        int | None, typer.Option("--frames", metavar="N", min=2, help="In all; 24 a seed in a film, 9 in a strip.")
    ] = None,
    truncation: Truncation = 1.0,
    quiet: Quiet = False,
) -> None:
    """Walk on great circles of the latents from the sample of one seed to that of the next.

    The first image of `passband generate sample --seed A` is that of the seed A. Noise stays that of the first one.
    """
    with loading():
        from passband.reports.samples import parse_seeds, write_walk

    count = write_walk(model, output, parse_seeds(seeds), frames, truncation=truncation)
    if not quiet:
        typer.echo(printable(f"{output}: {count} images"))

"""`passband generate sample`: micrographs that a generator draws."""

from pathlib import Path
from typing import Annotated

import typer

from passband.commands.terminal.entry import command
from passband.commands.terminal.errors import printable
from passband.commands.terminal.loading import loading
from passband.commands.terminal.options import AsJson, Quiet
from passband.documents import json_text

Generator = Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a generator, of passband generate train.")]
Truncation = Annotated[
    float,
    typer.Option(
        "--truncation",
        metavar="PSI",
        min=0.0,
        max=1.0,
        help="Below 1: likelier images, less variety; 0: the mean one.",
    ),
]


@command(
    name="generate sample",
    order=2,
    summary="Micrographs that a generator draws, as TIFF.",
    examples="""
passband generate sample generator -n 16 -o samples --seed 1
passband generate sample generator -n 1000 -o samples --truncation 0.7
""",
)
def sample(
    model: Generator,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the images.")],
    count: Annotated[int, typer.Option("--count", "-n", metavar="N", min=1, help="How many.")] = 16,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Same seed, same bytes.")] = 0,
    truncation: Truncation = 1.0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Draw micrographs into a folder, with the pixel size of the training images, and samples.png with all of them."""
    with loading():
        from passband.reports.samples import write_samples

    written, warning = write_samples(model, output, count, seed=seed, truncation=truncation)
    if as_json:
        typer.echo(json_text({"files": list(map(str, written)), "warnings": [warning] if warning else []}))
        return
    if warning:
        typer.echo(printable(f"warning: {warning}"), err=True)
    if not quiet:
        typer.echo(printable(f"{output}: {len(written)} images"))

"""`passband defects`: scanning micrographs become tables and pictures of vacancies and substitutions."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from passband.commands.terminal.entry import IMAGES, command
from passband.commands.terminal.errors import printable
from passband.commands.terminal.loading import loading
from passband.commands.terminal.many_images import Outcome, every_image, named_images
from passband.commands.terminal.options import (
    AsJson,
    Device,
    Dose,
    Frame,
    Images,
    PixelSize,
    Quantities,
    Quiet,
    ResultsFolder,
    parse_pixel_size,
)
from passband.commands.terminal.progress import ProgressBars
from passband.devices import resolve_device

if TYPE_CHECKING:
    from passband.files.micrograph import Micrograph
    from passband.verdict.defect_finding import DefectFinder


@command(
    group=IMAGES,
    order=4,
    summary="Vacancies and substitutions in scanning micrographs.",
    examples="""
passband defects wse2.dm4 -o defects
passband defects session/ 'more/*.tif' --pixel-size 20.74pm -o defects --json --tta
passband defects image.dm4 --translate bridge -o defects       (through passband translate train --kind cyclegan)
passband defects image.tif --model mos2_run -o defects         (a network of your own: passband train wse2_defects …)
""",
)
def defects(
    images: Images,
    output: ResultsFolder,
    pixel_size: PixelSize = None,
    frame: Frame = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-M",
            metavar="MODEL",
            help="Network that tells kinds of defects apart: a folder, or a shipped one. Default: of WSe2−2xTe2x.",
        ),
    ] = None,
    translate: Annotated[
        str | None,
        typer.Option(
            "--translate",
            metavar="MODEL",
            help="Bring images to the domain of simulations first: folder of a translation of --kind cyclegan.",
        ),
    ] = None,
    threshold: Annotated[
        float, typer.Option(metavar="P", help="Probability from which on something is a defect; 0 to 1.")
    ] = 0.9,
    tta: Annotated[
        bool, typer.Option("--tta", help="Average over the eight rotations and reflections; 8 × slower.")
    ] = False,
    dose: Dose = None,
    quantity: Quantities = None,
    device: Device = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Find point defects in scanning micrographs: place, kind and confidence of each.

    Kinds are those of the network, by default single and double vacancies and substitutions of the chalcogen, and
    vacancies and substitutions of the metal. Writes for each image a table (CSV and Parquet) and a picture to look at.
    An image without any detection is warned of: a network that was trained on another session may see nothing. A file
    that cannot be read is reported on one line; the others are still looked at, and the exit code is 2.
    """
    from passband.files.reading import open_micrograph

    stems = named_images(images, ".defects.csv")
    opening = partial(open_micrograph, pixel_size=parse_pixel_size(pixel_size), frame=frame)
    with loading():
        from passband.commands.terminal.quantities import quantity_values
        from passband.verdict.defect_finding import DefectFinder

        given = quantity_values([*(quantity or []), *([] if dose is None else [f"dose={dose}"])])
        finder = DefectFinder(
            model,
            device=resolve_device(device),
            symmetries=8 if tta else 1,
            threshold=threshold,
            given=given,
            translation=translate,
        )
    output.mkdir(parents=True, exist_ok=True)
    writing = partial(_write, finder=finder, output=output)
    with ProgressBars(quiet=quiet) as bars:
        outcome = every_image("defects", stems, opening, writing, bars)
    _tell(outcome, quiet=quiet, as_json=as_json)


def _write(opened: "Micrograph", path: Path, stem: str, *, finder: "DefectFinder", output: Path) -> dict[str, Any]:
    from passband.reports.defects import write_defects

    return write_defects(opened, finder, path, output, stem=stem)


def _tell(outcome: Outcome, *, quiet: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(outcome.as_json())
    elif not quiet:
        for row in outcome.done:
            kinds = ", ".join(f"{count} {name}" for name, count in row["counts"].items() if count)
            because = f" ({row['reason']})" if row["reason"] else ""
            number = f"{len(row['defects'])} defects{': ' * bool(kinds)}{kinds}"
            by = f"by {row['model']}: {row['verdict']}{because}"
            typer.echo(printable(f"{row['outputs']['table']}: {number}; {by}"))
    outcome.end()

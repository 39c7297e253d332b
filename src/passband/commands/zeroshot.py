"""`passband zeroshot`: micrographs become maps of their materials, without training."""

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
    Frame,
    Images,
    PixelSize,
    Quiet,
    ResultsFolder,
    parse_pixel_size,
)
from passband.commands.terminal.progress import ProgressBars
from passband.devices import resolve_device
from passband.recipe import PassbandError

WITHOUT = "lattice"  # proposes without weights, and without torch

if TYPE_CHECKING:
    from passband.files.micrograph import Micrograph
    from passband.zero_shot.prompts import Proposer


@command(
    group=IMAGES,
    order=4,
    summary="Micrographs become maps of materials, without training.",
    examples="""
passband zeroshot cross_section.dm4 -o materials
passband zeroshot session/ 'more/*.tif' -o materials --materials 3 --json
passband zeroshot image.tif -o materials --point 120,300 --point 700,310     (y,x in pixels, one in each material)
passband zeroshot image.tif -o materials --proposals lattice+mobile-sam      (passband weights fetch mobile-sam)
""",
)
def zeroshot(
    images: Images,
    output: ResultsFolder,
    materials: Annotated[
        int | None,
        typer.Option(
            "--materials",
            "-k",
            metavar="K",
            min=1,
            help="How many materials there are, vacuum counted as one; estimated where it is not given.",
        ),
    ] = None,
    proposals: Annotated[
        str,
        typer.Option(
            "--proposals",
            metavar="NAME",
            help="What proposes masks: lattice (no weights), mobile-sam, sam-b, …; several with + between them.",
        ),
    ] = WITHOUT,
    point: Annotated[
        list[str] | None,
        typer.Option(
            "--point", metavar="Y,X", help="A place in a material that is wanted, pixels; may be repeated, one in each."
        ),
    ] = None,
    cover: Annotated[
        bool, typer.Option("--cover", help="Give every pixel to a material, also where no mask says which.")
    ] = False,
    weights: Annotated[
        Path | None,
        typer.Option("--weights", metavar="PATH", help="Weights of your own for a network that proposes."),
    ] = None,
    pixel_size: PixelSize = None,
    frame: Frame = None,
    device: Device = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Find the materials of micrographs without training and without a label.

    Masks are proposed, doubles and pieces removed, and the others merged by texture; an image without a lattice is
    looked at for phases that differ in brightness first. Writes for each image a map of materials (0: not assigned), a
    table of regions, the map over the image, and a figure of every step. The pixel size need not be known; without it
    lengths are in pixels. A bar of data under an image is left out. What is there already for the same question is not
    found again. A file that cannot be read is reported on one line; the others are still done, and the exit code is 2.
    """
    from passband.files.reading import open_micrograph

    stems = named_images(images, ".labels.tif")
    points = tuple(parse_point(text) for text in point or ())
    opening = partial(open_micrograph, pixel_size=parse_pixel_size(pixel_size), frame=frame, need_pixel_size=False)
    with loading():
        from passband.reports.microstructure import write_materials
        from passband.zero_shot.microstructure import ZeroShot

        proposer = _proposer(proposals, weights, device)
        own = None if weights is None else str(weights.resolve())
        asked = ZeroShot(proposals=proposer.name, weights=own, materials=materials, points=points, cover=cover)

    def write(micrograph: "Micrograph", path: Path, stem: str) -> dict[str, Any]:
        return write_materials(micrograph, proposer, asked, path, output, stem=stem)

    output.mkdir(parents=True, exist_ok=True)
    with ProgressBars(quiet=quiet) as bars:
        outcome = every_image("zeroshot", stems, opening, write, bars)
    _tell(outcome, estimated=materials is None and not points, quiet=quiet, as_json=as_json)


def parse_point(text: str) -> tuple[float, float]:
    """Return y and x of a text such as "120,300".

    Raises
    ------
    PassbandError
        It is no such text.
    """
    try:
        y, x = (float(part) for part in text.split(","))
    except ValueError:
        raise PassbandError(f"--point {text!r:.40} is no place; write y,x in pixels, such as --point 120,300") from None
    return y, x


def _proposer(name: str, weights: Path | None, device: str) -> "Proposer":
    from passband.zero_shot.proposers import ProposerOptions, find_proposer

    options = ProposerOptions(weights=weights, device="cpu" if name == WITHOUT else resolve_device(device))
    return find_proposer(name, options)


def _tell(outcome: Outcome, *, estimated: bool, quiet: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(outcome.as_json())
    elif not quiet:
        for row in outcome.done:
            materials = f"{row['materials']} material{'s' * (row['materials'] != 1)}"
            regions = f"{row['regions']} region{'s' * (row['regions'] != 1)}"
            sure = f"confidence {row['confidence']:.2f}"
            if estimated and row["materials"] == 1:  # all crops say so then, whatever they show
                sure = "nothing was told apart: say --materials if you see more"
            if row["data_bar_rows"]:
                sure += f"; a bar of data of {row['data_bar_rows']} rows was left out"
            rest = f"{100 * row['unassigned']:.1f} % not assigned; {sure}"
            typer.echo(printable(f"{row['labels']}: {materials} in {regions}, {rest}"))
    outcome.end()

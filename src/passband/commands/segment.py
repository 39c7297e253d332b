"""`passband segment`: micrographs become masks, probabilities, overlays and tables of particles."""

from collections.abc import Mapping
from functools import cache, partial
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
    ModelPath,
    PixelSize,
    Quiet,
    ResultsFolder,
    parse_pixel_size,
)
from passband.commands.terminal.progress import ProgressBars
from passband.devices import resolve_device
from passband.segmentation.shipped import find_model

if TYPE_CHECKING:
    from passband.files.micrograph import Micrograph
    from passband.verdict.segmenting import FileSegmenter


@command(
    group=IMAGES,
    order=1,
    summary="Micrographs become masks and particles.",
    examples="""
passband segment micrograph.dm4 -o masks
passband segment image.png --pixel-size 0.5 -o masks          (Å; 50pm and 0.05nm are understood)
passband segment session/ 'more/*.tif' --model out/model -o masks --tta
passband segment stack.mrc --frame 3 -o masks --json
""",
)
def segment(
    images: Images,
    output: ResultsFolder,
    model: ModelPath = None,
    pixel_size: PixelSize = None,
    frame: Frame = None,
    tta: Annotated[
        bool, typer.Option("--tta", help="Average over the eight rotations and reflections; 8 × slower.")
    ] = False,
    min_area: Annotated[
        float, typer.Option("--min-area", metavar="NM2", help="Smaller regions are dropped from the mask; nm².")
    ] = 0.2,
    device: Device = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Segment micrographs with a trained network.

    The overlay shows the mask in amber (a colour for each class, where there are several), and where it is doubtful in
    red: pale where a pixel is wrong with a probability of 10 %, dark from 50 %, as in the figures of passband trust.

    A file that cannot be read is reported on one line; the others are still segmented, and the exit code is 2.
    """
    from passband.files.reading import open_micrograph

    stems = named_images(images, ".mask.tif")
    opening = partial(open_micrograph, pixel_size=parse_pixel_size(pixel_size), frame=frame)
    folder = find_model(model)

    @cache
    def segmenter() -> "FileSegmenter":
        with loading():
            from passband.verdict.segmenting import FileSegmenter

            return FileSegmenter(folder, device=resolve_device(device), tta=tta, minimum_area_nm2=min_area)

    def write(micrograph: "Micrograph", path: Path, stem: str) -> dict[str, Any]:
        return segmenter().write(micrograph, path, output, stem=stem)

    output.mkdir(parents=True, exist_ok=True)
    with ProgressBars(quiet=quiet) as bars:
        outcome = every_image("segment", stems, opening, write, bars)
    _finish(outcome, output, quiet=quiet, as_json=as_json)


def flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """One row of a table: the ends of an interval in columns of their own, words beside each other, no files."""
    found: dict[str, Any] = {}
    for key, value in row.items():
        if key == "predicted_error_area":
            low, high = (None, None) if value is None else value["interval"]
            found |= {key: None if value is None else value["value"], f"{key}_low": low, f"{key}_high": high}
        elif key != "outputs":
            found[key] = " ".join(map(str, value)) if key == "flags" else value
    return found


def _finish(outcome: Outcome, output: Path, *, quiet: bool, as_json: bool) -> None:
    from passband.tabular import write_csv

    done = outcome.done
    if done:
        write_csv(output / "summary.csv", [flat(row) for row in done])
    (output / "summary.json").write_text(f"{outcome.as_json(indent=2)}\n", encoding="utf-8")
    if as_json:
        typer.echo(outcome.as_json())
    elif not quiet:
        for row in done:
            typer.echo(f"{printable(row['mask'])}: {row['particles']} particles, {100 * row['coverage']:.1f} % covered")
            typer.echo(printable(f"  {row['trust']}"))
    outcome.end()

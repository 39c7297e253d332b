"""`passband segment`: micrographs become masks, probabilities, overlays and tables of particles."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from passband.commands.terminal.entry import IMAGES, command
from passband.commands.terminal.errors import printable
from passband.commands.terminal.loading import loading
from passband.commands.terminal.many_images import name_outputs, tried, without_results
from passband.commands.terminal.options import (
    AsJson,
    Device,
    Frame,
    ModelPath,
    PixelSize,
    Quiet,
    parse_pixel_size,
)
from passband.commands.terminal.progress import ProgressBars
from passband.devices import resolve_device
from passband.documents import json_text
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
    images: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Micrographs, folders of them, or patterns.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the results.")],
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

    A file that cannot be read is reported on one line; the others are still segmented, and the exit code is 2.
    """
    from passband.files.listing import find_images
    from passband.files.reading import open_micrograph

    paths = without_results(find_images(images))
    stems = name_outputs(paths, ".mask.tif")
    size = parse_pixel_size(pixel_size)
    folder = find_model(model)

    def load() -> "FileSegmenter":
        with loading():
            from passband.verdict.segmenting import FileSegmenter

            return FileSegmenter(folder, device=resolve_device(device), tta=tta, minimum_area_nm2=min_area)

    output.mkdir(parents=True, exist_ok=True)
    with ProgressBars(quiet=quiet) as bars:
        opening = partial(open_micrograph, pixel_size=size, frame=frame)
        done, failed = segment_each(dict(zip(paths, stems, strict=True)), opening, load, output, bars)
    _finish(done, failed, output, quiet=quiet, as_json=as_json)


def segment_each(
    stems: Mapping[Path, str],
    opening: Callable[[Path], "Micrograph"],
    load: Callable[[], "FileSegmenter"],
    output: Path,
    bars: ProgressBars,
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Segment files one after the other; return a row for each, and for those that cannot be segmented the reason.

    The network is loaded when the first file was read, so that a wrong path is told at once.
    """
    done: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    segmenter: FileSegmenter | None = None
    with bars.bar("segment", unit="images") as bar:
        for number, (path, stem) in enumerate(stems.items()):
            bar(number, len(stems), note=path.name)
            micrograph = tried(partial(opening, path), path, failed)
            if micrograph is None:
                continue
            segmenter = segmenter or load()
            row = tried(partial(segmenter.write, micrograph, path, output, stem=stem), path, failed)
            if row is None:
                continue
            done.append(row)
            if row["warning"]:
                bars.warn(f"warning: {row['warning']}")
        bar(len(stems), len(stems))
    return done, failed


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


def _finish(
    done: list[dict[str, Any]], failed: list[dict[str, str]], output: Path, *, quiet: bool, as_json: bool
) -> None:
    from passband.tabular import write_csv

    if done:
        write_csv(output / "summary.csv", [flat(row) for row in done])
    text = json_text({"images": done, "failed": failed}, indent=2)
    (output / "summary.json").write_text(f"{text}\n", encoding="utf-8")
    if as_json:
        typer.echo(json_text({"images": done, "failed": failed}))
    elif not quiet:
        for row in done:
            typer.echo(f"{printable(row['mask'])}: {row['particles']} particles, {100 * row['coverage']:.1f} % covered")
            typer.echo(printable(f"  {row['trust']}"))
    for row in failed:
        typer.echo(printable(f"error: {row['error']}"), err=True)
    if failed:
        raise typer.Exit(2)

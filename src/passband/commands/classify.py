"""`passband classify`: the particles of micrographs become classes: without fringes, with fringes, faulted."""

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
    from passband.verdict.classifying import FileClassifier


@command(
    group=IMAGES,
    order=4,
    summary="Particles with fringes, without, and faulted.",
    examples="""
passband classify micrograph.dm4 -o classes                    (a forest grown on simulated particles of CdSe)
passband classify session/ --model out/model -o classes --json
passband classify new.dm4 --known old/image.classes.csv -o new (a table whose particle_class was corrected by hand)
""",
)
def classify(
    images: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Micrographs, folders of them, or patterns.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the results.")],
    known: Annotated[
        list[Path] | None,
        typer.Option("--known", metavar="TABLE", help="Particles whose classes are known, instead of simulated ones."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of the forest.")] = 0,
    model: ModelPath = None,
    pixel_size: PixelSize = None,
    frame: Frame = None,
    device: Device = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Segment micrographs and tell of each particle whether it has fringes and faults.

    A random forest looks at the spectrum and the grey values of each particle. DIR/<stem>.classes.csv has them, the
    class and the probability of each. A file that cannot be read is told on one line, and the exit code is 2.
    """
    from passband.files.listing import find_images
    from passband.files.reading import open_micrograph

    paths = without_results(find_images(images))
    stems = name_outputs(paths, ".classes.csv")
    size, folder = parse_pixel_size(pixel_size), find_model(model)
    done: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    classifier: FileClassifier | None = None
    output.mkdir(parents=True, exist_ok=True)
    with ProgressBars(quiet=quiet) as bars, bars.bar("classify", unit="images") as bar:
        for number, (path, stem) in enumerate(zip(paths, stems, strict=True)):
            bar(number, len(paths), note=path.name)
            micrograph = tried(partial(open_micrograph, path, pixel_size=size, frame=frame), path, failed)
            if micrograph is None:
                continue
            classifier = classifier or _load(folder, known or [], seed, device)
            row = tried(partial(classifier.write, micrograph, path, output, stem=stem), path, failed)
            if row is not None:
                done.append(row)
        bar(len(paths), len(paths))
    _finish(done, failed, classifier, quiet=quiet, as_json=as_json)


def _load(folder: Path, known: list[Path], seed: int, device: str) -> "FileClassifier":
    with loading():
        from passband.description.known_particles import forest_of
        from passband.verdict.classifying import FileClassifier
        from passband.verdict.segmenting import FileSegmenter

        forest = forest_of(known, seed=seed)
        return FileClassifier(FileSegmenter(folder, device=resolve_device(device)), forest)


def _finish(
    done: list[dict[str, Any]],
    failed: list[dict[str, str]],
    classifier: "FileClassifier | None",
    *,
    quiet: bool,
    as_json: bool,
) -> None:
    card = None if classifier is None else classifier.classifier.card
    if as_json:
        forest = None if card is None else {"out_of_bag": card.out_of_bag, "particles": card.particles}
        typer.echo(json_text({"images": done, "failed": failed, "forest": forest}))
    elif not quiet and card is not None:
        for row in done:
            counts = ", ".join(f"{number} {name}" for name, number in row["classes"].items() if number)
            typer.echo(printable(f"{row['table']}: {counts or 'no particles'}"))
        total = sum(card.particles.values())
        typer.echo(f"forest: {100.0 * card.out_of_bag:.0f} % right out of bag, of {total} particles")
    for row in done if not as_json and not quiet else []:
        if row["warning"]:
            typer.echo(printable(f"warning: {row['warning']}"), err=True)
    for row in failed:
        typer.echo(printable(f"error: {row['error']}"), err=True)
    if failed:
        raise typer.Exit(2)

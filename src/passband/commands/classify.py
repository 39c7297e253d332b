"""`passband classify`: the particles of micrographs become classes: without fringes, with fringes, faulted."""

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
    from passband.description.particle_classes import ForestCard
    from passband.files.micrograph import Micrograph
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
    images: Images,
    output: ResultsFolder,
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
    from passband.files.reading import open_micrograph

    stems = named_images(images, ".classes.csv")
    opening = partial(open_micrograph, pixel_size=parse_pixel_size(pixel_size), frame=frame)
    folder = find_model(model)

    @cache
    def classifier() -> "FileClassifier":
        with loading():
            from passband.description.known_particles import forest_of
            from passband.verdict.classifying import FileClassifier
            from passband.verdict.segmenting import FileSegmenter

            forest = forest_of(known or [], seed=seed)
            return FileClassifier(FileSegmenter(folder, device=resolve_device(device)), forest)

    def write(micrograph: "Micrograph", path: Path, stem: str) -> dict[str, Any]:
        return classifier().write(micrograph, path, output, stem=stem)

    output.mkdir(parents=True, exist_ok=True)
    with ProgressBars(quiet=quiet) as bars:
        outcome = every_image("classify", stems, opening, write, bars)
    card = classifier().classifier.card if outcome.done else None
    _tell(outcome, card, quiet=quiet, as_json=as_json)


def _tell(outcome: Outcome, card: "ForestCard | None", *, quiet: bool, as_json: bool) -> None:
    if as_json:
        forest = None if card is None else {"out_of_bag": card.out_of_bag, "particles": card.particles}
        typer.echo(outcome.as_json(forest=forest))
    elif not quiet and card is not None:
        for row in outcome.done:
            counts = ", ".join(f"{number} {name}" for name, number in row["classes"].items() if number)
            typer.echo(printable(f"{row['table']}: {counts or 'no particles'}"))
        total = sum(card.particles.values())
        typer.echo(f"forest: {100.0 * card.out_of_bag:.0f} % right out of bag, of {total} particles")
    outcome.end()

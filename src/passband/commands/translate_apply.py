"""`passband translate apply`: images translated by a network that `passband translate train` made."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zlib import crc32

import typer

from passband.commands.terminal.entry import command
from passband.commands.terminal.errors import printable
from passband.commands.terminal.loading import loading
from passband.commands.terminal.many_images import every_image, named_images
from passband.commands.terminal.options import AsJson, Device, Frame, Images, PixelSize, Quiet, parse_pixel_size
from passband.commands.terminal.progress import ProgressBars
from passband.devices import resolve_device

if TYPE_CHECKING:
    from passband.files.micrograph import Micrograph
    from passband.generation.translation import Translation

ENDING = ".translated.tif"


@command(
    name="translate apply",
    order=3,
    summary="Images, translated by such a network.",
    examples="""
passband translate apply bridge simulated/ -o translated
passband translate apply bridge simulated/ -o translated --seed 1       (the same objects with other noise)
passband translate apply bridge session/*.dm4 -o clean --reverse        (of a cyclegan: real to simulated)
""",
)
def apply(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Folder of the translation.")],
    images: Images,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the translations.")],
    reverse: Annotated[bool, typer.Option("--reverse", help="From real to simulated; of a cyclegan.")] = False,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, help="Of the noise, beside the name of the image.")
    ] = 0,
    pixel_size: PixelSize = None,
    frame: Frame = None,
    device: Device = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Translate micrographs of any size and write each as a TIFF of 32 bits with its pixel size.

    Images of another pixel size than the model's are sampled anew. A simulation whose columns the translation moved, or
    whose contrast it inverted, is warned of.
    """
    from passband.files.reading import open_micrograph

    stems = named_images(images, ENDING)
    opening = partial(open_micrograph, pixel_size=parse_pixel_size(pixel_size), frame=frame)
    with loading():
        from passband.generation.translation import load_translation

    translation = load_translation(model, device=resolve_device(device))
    writing = partial(_translated, translation, output, reverse, seed)
    with ProgressBars(quiet=quiet) as bars:
        outcome = every_image("translate", stems, opening, writing, bars)
    if as_json:
        typer.echo(outcome.as_json())
    elif not quiet:
        typer.echo(printable(f"{len(outcome.done)} of {len(stems)} images translated, in {output}"))
    outcome.end()


def _translated(
    translation: "Translation", output: Path, reverse: bool, seed: int, micrograph: "Micrograph", path: Path, stem: str
) -> dict[str, Any]:
    """Write the translation of one image and return its row."""
    from passband.files.own_files import refuse_foreign
    from passband.files.writing import write_image_tiff

    target = output / f"{stem}{ENDING}"
    refuse_foreign(target)
    array, size = micrograph.array, micrograph.known_pixel_size
    seed = crc32(stem.encode(errors="surrogateescape"), seed % 2**32)  # images of one size have noise of their own
    image = translation.apply(array, size, reverse=reverse, seed=seed)
    side = translation.card.pixel_size
    output.mkdir(parents=True, exist_ok=True)
    write_image_tiff(target, image, (side, side))
    alarms = [] if reverse else translation.alarms(array, size, seed=seed)
    remarks = [f"{path}: alarm: {line}" for line in alarms]
    return {"image": str(path), "translated": str(target), "pixel_size_A": side, "alarms": alarms, "remarks": remarks}

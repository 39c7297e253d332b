"""`passband generate train`: a generator of micrographs like those of a folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from passband.commands.terminal.entry import command
from passband.commands.terminal.errors import printable
from passband.commands.terminal.loading import loading
from passband.commands.terminal.options import AsJson, Deterministic, Device, PixelSize, Quiet, parse_pixel_size
from passband.commands.terminal.progress import ProgressBars
from passband.devices import deterministic, resolve_device
from passband.documents import json_text

if TYPE_CHECKING:
    from passband.generation.image_training import ImageTraining

Network = Literal["stylegan2", "dcgan"]


@command(
    name="generate train",
    order=1,
    summary="A generator of micrographs like those of a folder.",
    examples="""
passband generate train micrographs/ -o generator
passband generate train micrographs/ -o generator --size 128 --kimg 200 --device cuda
passband generate train micrographs/ -o generator --rotate          (no direction of the images is special)
passband generate train a.dm4 b.tif --pixel-size 0.5 -o generator --network dcgan
""",
)
def train(
    micrographs: Annotated[
        list[str], typer.Argument(metavar="FOLDER...", help="Micrographs of any size: folders, files, patterns.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the generator.")],
    size: Annotated[int, typer.Option("--size", metavar="PX", help="Of crops: 32, 64, 128, 256 or 512.")] = 64,
    kimg: Annotated[
        float, typer.Option("--kimg", metavar="N", min=0.001, help="Thousands of images shown to the networks.")
    ] = 100.0,
    ada: Annotated[
        bool, typer.Option("--ada/--no-ada", help="Augment what the discriminator sees, as often as it overfits.")
    ] = True,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Turn crops as well: not where rows are unlike columns, as in scans.")
    ] = False,
    network: Annotated[Network, typer.Option("--network", help="Kind of the networks.")] = "stylegan2",
    batch: Annotated[int | None, typer.Option("--batch", metavar="N", min=2, help="Crops of a step.")] = None,
    every: Annotated[
        float, typer.Option("--every", metavar="N", min=0.001, help="Thousands of images between checkpoints.")
    ] = 4.0,
    pixel_size: PixelSize = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Of everything random.")] = 0,
    device: Device = "auto",
    exactly: Deterministic = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Cut micrographs into crops of one size and train a generator on them.

    Writes weights and card, history.parquet (kimg, p, r_t, frechet, recall), curves.png, pictures of samples as it
    goes, and near_copies.png: the samples that are nearest to training images, beside these. The same command continues
    a stopped training; with a larger --kimg it trains on.
    """
    with loading():
        from passband.generation.architecture import checked_size
        from passband.generation.crops import read_crops
        from passband.reports.generation import reference, train_on_crops
    side = checked_size(size)
    crops = read_crops(micrographs, size=side, pixel_size=parse_pixel_size(pixel_size))
    chosen: dict[str, object] = {"kimg": kimg, "every_kimg": every, "seed": seed, "scored": max(4, reference(crops))}
    chosen |= {} if batch is None else {"batch_size": batch}
    recipe = _recipe(network, side, ada=ada, rotate=rotate, chosen=chosen)
    with deterministic(exactly), ProgressBars(quiet=quiet) as bars:
        for note in crops.notes:
            bars.say(note)
        bars.say(f"{len(crops.images)} crops of {side} pixels of {len(crops.paths)} micrographs")
        with bars.bar("train", unit="steps") as bar:
            done = train_on_crops(
                crops, recipe, output, device=resolve_device(device), told=lambda now: bar(now.step, now.steps)
            )
    card = done.model.card
    row = {
        "generator": str(output),
        "kimg": card.kimg,
        "crops": len(crops.images),
        "pixel_size_A": card.pixel_size,
        "p": card.p,
        "near_copies": card.near_copies,
        "warnings": list(done.warnings),
    }
    if as_json:
        typer.echo(json_text(row))
        return
    for text in done.warnings:
        typer.echo(printable(f"warning: {text}"), err=True)
    if not quiet:
        typer.echo(printable(f"{output}: {card.kimg:g} thousand images shown, {card.near_copies:.0%} near copies"))


def _recipe(network: Network, size: int, *, ada: bool, rotate: bool, chosen: dict[str, object]) -> "ImageTraining":
    from passband.generation.ada import AdaptiveAugmentation
    from passband.generation.dcgan import DCGAN
    from passband.generation.dcgan_training import DCGANTraining
    from passband.generation.stylegan2 import StyleGAN2
    from passband.generation.stylegan2_training import StyleGAN2Training

    if network == "dcgan":
        return DCGANTraining.model_validate({"network": DCGAN(size=size), **chosen})
    augmentation = AdaptiveAugmentation(rotations=rotate) if ada else None
    return StyleGAN2Training.model_validate({"network": StyleGAN2(size=size), "augmentation": augmentation, **chosen})

"""`passband translate train`: a network that makes simulations look like a microscope's own images."""

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
from passband.recipe import PassbandError

if TYPE_CHECKING:
    from passband.training import TrainingRecipe


@command(
    name="translate train",
    order=2,
    summary="A network from simulated to real images.",
    examples="""
passband translate train simulated/ session/ -o bridge
passband translate train simulated/ session/ -o bridge --kind cyclegan --device cuda
passband translate train simulated/ image.dm4 -o bridge --steps 2000 --size 96 --no-spectrum
passband translate train simulated/ session/ -o bridge --pixel-size 0.2 --on-alarm stop --json
""",
)
def train(
    simulated: Annotated[str, typer.Argument(metavar="SIMULATED", help="Folder, stack or image of simulations.")],
    real: Annotated[str, typer.Argument(metavar="REAL", help="Folder, stack or image of one session.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the translation.")],
    kind: Annotated[
        Literal["contrastive", "cyclegan"],
        typer.Option("--kind", help="contrastive: one way; cyclegan: there and back, twice as long."),
    ] = "contrastive",
    spectrum: Annotated[
        bool, typer.Option("--spectrum/--no-spectrum", help="Discriminate spectra beside images.")
    ] = True,
    steps: Annotated[int | None, typer.Option("--steps", metavar="N", min=1, help="Of the training in all.")] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", metavar="N", min=1, help="Validations, with a picture each.")
    ] = None,
    size: Annotated[
        int | None, typer.Option("--size", metavar="PX", min=32, help="Of crops; 64, or 256 on a GPU, by default.")
    ] = None,
    batch: Annotated[int | None, typer.Option("--batch", metavar="N", min=1, help="Crops of a step.")] = None,
    pixel_size: PixelSize = None,
    on_alarm: Annotated[
        Literal["flag", "stop"],
        typer.Option("--on-alarm", help="Columns move or contrast is inverted: tell it, or end the training."),
    ] = "flag",
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Of everything random.")] = 0,
    device: Device = "auto",
    exactly: Deterministic = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train a translation from simulated to real images, which need not show the same objects.

    Writes weights and card, history.parquet, curves.png, and pictures of samples as it goes. The same command continues
    a stopped training. Columns that moved and contrast that was inverted are told at each validation.
    """
    with loading():
        from passband.figures.translation import draw_curves
        from passband.generation.domain import read_domain
        from passband.generation.translation_training import (
            GPU_TRAINING,
            TRAINING,
            TranslationOptions,
            default_recipe,
            train_translation,
        )

    where = resolve_device(device)
    on_gpu = where != "cpu"
    recipe = default_recipe(kind, on_gpu=on_gpu, size=size, spectrum=spectrum, on_alarm=on_alarm)
    training = _training(GPU_TRAINING if on_gpu else TRAINING, steps, epochs, batch).model_copy(update={"seed": seed})
    given, sets = parse_pixel_size(pixel_size), (("simulated", simulated), ("real", real))
    with deterministic(exactly), ProgressBars(quiet=quiet) as bars, bars.bar("translate", unit="steps") as bar:
        options = TranslationOptions(
            device=where,
            progress=lambda done: bar(done.step, done.steps, note=f"loss {done.loss:.3g}"),
            remark=lambda line: bars.warn(f"warning: {line}"),
            validated=draw_curves,
        )
        first, second = (read_domain(name, [path], pixel_size=given) for name, path in sets)
        model = train_translation(first, second, recipe, output, training=training, options=options)
        draw_curves(output)
        for line in model.card.alarms:
            bars.warn(f"warning: alarm: {line}; look at {output / 'samples.png'}")
    row = {
        "model": str(output),
        **model.card.model_dump(mode="json", include={"alarms", "remarks", "scores", "seconds"}),
    }
    if as_json:
        typer.echo(json_text(row))
    elif not quiet:
        typer.echo(printable(f"translation in {output}; its samples are in samples.png, its history in curves.png"))


def _training(default: "TrainingRecipe", steps: int | None, epochs: int | None, batch: int | None) -> "TrainingRecipe":
    """Return a training of so many steps in all, in so many epochs."""
    whole = steps if steps is not None else (epochs or default.epochs) * default.steps_per_epoch
    parts = epochs or min(default.epochs, whole)
    if parts > whole:
        raise PassbandError(f"{parts} epochs of {whole} steps are less than a step each; give fewer epochs")
    update = {"epochs": parts, "steps_per_epoch": whole // parts, "batch_size": batch or default.batch_size}
    return default.model_copy(update=update)

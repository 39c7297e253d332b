"""`passband train`: a plan and its store become a network with a card; killed, the same command continues."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from passband.campaign.shortage import simulation_shortage, training_shortage
from passband.commands.terminal.entry import NETWORKS, command
from passband.commands.terminal.errors import printable
from passband.commands.terminal.options import (
    AsJson,
    Device,
    Overrides,
    PixelSize,
    PlanName,
    Quiet,
    Seed,
    Workers,
    parse_pixel_size,
)
from passband.commands.terminal.progress import ProgressBars
from passband.devices import resolve_device
from passband.documents import json_text
from passband.recipe import PassbandError

if TYPE_CHECKING:
    from passband.experiment.plan import Plan
    from passband.experiment.study import TrainedStudy

Store = Annotated[
    Path | None,
    typer.Option(
        "--store", metavar="DIR", help="Store of the plan's exit waves; simulated in OUTPUT/store by default."
    ),
]


@command(
    group=NETWORKS,
    order=2,
    summary="A plan and its store become a network.",
    examples="""
passband train demo -o out/run
passband train cdse --store cdse_store -o cdse_run --device cuda --workers 8
passband train au_hrtem -o au_run --set training.epochs=5 --set network=tiny
passband train wse2_defects --images translated --labels simulated -o session      (images that are there, their masks)
""",
)
def train(
    plan: PlanName,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the run.")],
    store: Store = None,
    images: Annotated[
        Path | None, typer.Option("--images", metavar="DIR", help="Train on these images, and simulate none.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", metavar="DIR", help="Their masks: PNG or TIFF, 0 is background.")
    ] = None,
    pixel_size: PixelSize = None,
    overrides: Overrides = None,
    seed: Seed = None,
    device: Device = "auto",
    workers: Workers = 1,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train the network of a plan and save it with its card.

    Writes config.json, history.parquet and the folder model; on a GPU with several workers, these make the
    micrographs. The same command continues a stopped run. A named condition that was added since is measured, and
    nothing is trained for it; another training's folder is refused.

    With --images and --labels the network of the plan is trained on crops of images that are there, such as simulated
    ones that were translated to look like a microscope's own, or ones that were labelled by hand.
    """
    from passband.experiment.plan import load_plan

    if (images is None) != (labels is None) or (images is not None and store is not None):
        raise PassbandError("--images and --labels belong together, and without --store: micrographs and their masks")
    if images is None and pixel_size is not None:
        raise PassbandError("--pixel-size is of --images; a plan says its own, change it with --set imaging.pixel_size")
    recipe = load_plan(plan, overrides or (), seed=seed)
    where = resolve_device(device)
    with ProgressBars(quiet=quiet) as bars:
        if images is not None and labels is not None:
            size = parse_pixel_size(pixel_size)
            result = _on_images(recipe, output, LabelledFolders(images, labels, size), device=where, bars=bars)
        else:
            result = _on_plan(recipe, store or output / "store", output, device=where, workers=workers, bars=bars)
    if as_json:
        typer.echo(json_text({"model": str(result.model), "epochs": result.epochs, "seconds": result.seconds}))
    elif not quiet:
        typer.echo(printable(f"{result.epochs} epoch{'s' * (result.epochs != 1)}; model in {result.model}"))


class LabelledFolders(NamedTuple):
    """Folders of images and of their masks, and their pixel size in Å where it replaces what the files say."""

    images: Path
    labels: Path
    pixel_size: float | None


def _on_plan(
    recipe: "Plan", place: Path, output: Path, *, device: str, workers: int, bars: ProgressBars
) -> "TrainedStudy":
    """Simulate the store of a plan where it is not there, and train on it."""
    from passband.dataset.simulate import simulate
    from passband.experiment import study

    short = simulation_shortage(recipe.simulation, place, workers=workers)
    for line in short + (training_shortage(recipe) if device == "cpu" else []):
        bars.warn(f"warning: {line}")
    with bars.bar("simulate", unit="structures") as bar:
        waves = simulate(recipe, place, workers=workers, device=device, progress=bar)
    with bars.bar("train", unit="steps") as bar:
        imaging = workers if device != "cpu" and workers > 1 else 0  # beside a CPU they would only take turns
        return study.train(recipe, waves, output, device=device, imaging_workers=imaging, progress=bar)


def _on_images(
    recipe: "Plan", output: Path, folders: LabelledFolders, *, device: str, bars: ProgressBars
) -> "TrainedStudy":
    """Train on images that are there."""
    from passband.experiment.labelled_images import read_labelled
    from passband.experiment.labelled_training import train_labelled
    from passband.experiment.training import network_pixel
    from passband.files.labelled import labelled_files

    for line in training_shortage(recipe) if device == "cpu" else []:
        bars.warn(f"warning: {line}")
    labelled = read_labelled(
        labelled_files(folders.images, folders.labels),
        network_pixel(recipe.imaging),
        classes=len(recipe.simulation.classes),
        pixel_size=folders.pixel_size,
    )
    with bars.bar("train", unit="steps") as bar:
        return train_labelled(recipe, labelled, output, device=device, progress=bar)

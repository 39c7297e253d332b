"""`passband train`: a plan and its store become a network with a card; killed, the same command continues."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from passband.campaign.shortage import simulation_shortage, training_shortage
from passband.commands.terminal.entry import NETWORKS, command
from passband.commands.terminal.errors import printable
from passband.commands.terminal.options import (
    AsJson,
    Deterministic,
    Device,
    Overrides,
    PixelSize,
    PlanName,
    Quiet,
    Seed,
    parse_pixel_size,
)
from passband.commands.terminal.progress import ProgressBars
from passband.devices import deterministic, resolve_device
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


TrainingWorkers = Annotated[
    int,
    typer.Option(
        "--workers",
        metavar="N",
        min=1,
        help="Processes that simulate, with the same result; beside a GPU, 2 or more also make the micrographs, with "
        "other noise than it makes itself.",
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
passband train wse2_defects --like session/ -o today           (scanned as these images were: noise, jitter, source)
passband train wse2_defects --images translated --labels simulated -o session      (images and masks that are there)
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
    like: Annotated[
        list[str] | None,
        typer.Option(
            "--like",
            metavar="SCAN",
            help="Scans of a session, folders, or the JSON of translate fit-noise: simulate noise and scan so.",
        ),
    ] = None,
    pixel_size: PixelSize = None,
    overrides: Overrides = None,
    seed: Seed = None,
    device: Device = "auto",
    exactly: Deterministic = False,
    workers: TrainingWorkers = 1,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train the network of a plan and save it with its card.

    Writes config.json, history.parquet and the folder model. The same command continues a stopped run, which must make
    its micrographs where it began to: on the GPU, or on the CPU (without a GPU, or beside one with several workers). A
    named condition that was added since is measured, and nothing is trained for it; another training's folder is
    refused.

    With --like the scan and the noise of the plan are those that are fitted to real images: the network of a new
    session. With --images and --labels the network of the plan is trained on crops of images that are there, such as
    simulated ones that were translated to look like a microscope's own, or ones that were labelled by hand.
    """
    from passband.experiment.plan import load_plan

    if (images is None) != (labels is None) or (images is not None and store is not None):
        raise PassbandError("--images and --labels belong together, and without --store: micrographs and their masks")
    if images is not None and like:
        raise PassbandError("--like is of simulated images, and --images are there already; leave one of them out")
    if images is None and not like and pixel_size is not None:
        raise PassbandError(
            "--pixel-size is of --images or --like; change that of a plan with --set imaging.pixel_size"
        )
    recipe = load_plan(plan, overrides or (), seed=seed)
    where = resolve_device(device)
    with deterministic(exactly), ProgressBars(quiet=quiet) as bars:
        size = parse_pixel_size(pixel_size)
        if images is not None and labels is not None:
            result = _on_images(recipe, output, LabelledFolders(images, labels, size), device=where, bars=bars)
        else:
            place = store or output / "store"
            recipe = _simulated(recipe, place, RealScans(like or [], size), device=where, workers=workers, bars=bars)
            result = _on_plan(recipe, place, output, device=where, workers=workers, bars=bars)
    if as_json:
        typer.echo(json_text({"model": str(result.model), "epochs": result.epochs, "seconds": result.seconds}))
    elif not quiet:
        typer.echo(printable(f"{result.epochs} epoch{'s' * (result.epochs != 1)}; model in {result.model}"))


class LabelledFolders(NamedTuple):
    """Folders of images and of their masks, and their pixel size in Å where it replaces what the files say."""

    images: Path
    labels: Path
    pixel_size: float | None


class RealScans(NamedTuple):
    """Scans of a session, or what was fitted to them; and their pixel size in Å where files do not say it."""

    scans: list[str]
    pixel_size: float | None


def _simulated(
    recipe: "Plan", place: Path, session: RealScans, *, device: str, workers: int, bars: ProgressBars
) -> "Plan":
    """Simulate the store of a plan where it is not there; return the plan, as a session records it."""
    from passband.dataset.simulate import simulate

    short = simulation_shortage(recipe.simulation, place, workers=workers)
    for line in short + (training_shortage(recipe) if device == "cpu" else []):
        bars.warn(f"warning: {line}")
    with bars.bar("simulate", unit="structures") as bar:
        waves = simulate(recipe, place, workers=workers, device=device, progress=bar)
    if not session.scans:
        return recipe
    from passband.dataset.beam_path import of_kind
    from passband.dataset.scan_imaging import ScanImaging
    from passband.experiment.session import session_imaging, session_noise

    imaging = of_kind(recipe.imaging, ScanImaging)
    noise = session_noise(session.scans, imaging, pixel_size=session.pixel_size)
    fitted = session_imaging(imaging, noise, waves, seed=recipe.simulation.seed)
    return recipe.model_copy(update={"imaging": fitted})


def _on_plan(
    recipe: "Plan", place: Path, output: Path, *, device: str, workers: int, bars: ProgressBars
) -> "TrainedStudy":
    """Train on the store of a plan."""
    from passband.experiment import study

    with bars.bar("train", unit="steps") as bar:
        imaging = workers if device != "cpu" and workers > 1 else 0  # beside a CPU they would only take turns
        return study.train(recipe, place, output, device=device, imaging_workers=imaging, progress=bar)


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

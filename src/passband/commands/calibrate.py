"""`passband calibrate`: measure a network under many conditions, so that it can say later where it holds."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from passband.commands.terminal.choices import OneOf
from passband.commands.terminal.entry import NETWORKS, command
from passband.commands.terminal.errors import printable
from passband.commands.terminal.options import AsJson, Device, ModelName, PixelSize, Quiet, parse_pixel_size
from passband.commands.terminal.progress import ProgressBars
from passband.devices import resolve_device
from passband.documents import json_text
from passband.recipe import PassbandError
from passband.segmentation.shipped import find_model

if TYPE_CHECKING:
    from passband.dataset.store import WaveStore
    from passband.performance.table import MeasurementRecipe, PerformanceTable
    from passband.segmentation.card import ModelCard
    from passband.segmentation.model import Model


def _parts() -> Iterable[str]:
    from passband.performance.unseen import PARTS

    return PARTS


@command(
    group=NETWORKS,
    order=4,
    summary="Where a network holds: measured, for its card.",
    examples="""
passband calibrate out/demo/run --store out/demo/store -o calibrated
passband calibrate au_hrtem --store au_store --data-sets 480 --structures validation -o calibrated
passband calibrate run --store store --conditions session.toml -o calibrated
passband calibrate old_model -o calibrated                     (the table that is on its card, fitted again)
passband calibrate old_model --store store --camera-only -o calibrated         (a card that lacks the camera)
passband calibrate au_hrtem --images mine --labels corrected -o mine_calibrated        (five images or more)
""",
)
def calibrate(
    model: ModelName,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for table and model.")],
    store: Annotated[
        Path | None,
        typer.Option(
            "--store",
            metavar="DIR",
            help="Exit waves, with structures not trained on; without it the table on the card is fitted again.",
        ),
    ] = None,
    conditions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="TOML of the conditions beyond the training; widened from it by default."),
    ] = None,
    cameras: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="TOML of cameras beyond the training's, as [imaging.camera]; a wide range by default."
        ),
    ] = None,
    camera_only: Annotated[
        bool,
        typer.Option(
            "--camera-only",
            help="Measure only what images of the training tell of their camera; the table on the card stays.",
        ),
    ] = False,
    data_sets: Annotated[
        int, typer.Option(metavar="N", min=20, help="Settings to measure, half as trained, half beyond.")
    ] = 400,
    images_per_set: Annotated[
        int, typer.Option("--images-per-set", metavar="N", min=2, help="Micrographs of each setting.")
    ] = 10,
    images: Annotated[
        Path | None,
        typer.Option("--images", metavar="DIR", help="Your own micrographs, which correct the predictions."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", metavar="DIR", help="Their masks, corrected by hand: PNG or TIFF, 0 is background."),
    ] = None,
    pixel_size: PixelSize = None,
    structures: Annotated[
        str, typer.Option(help="Held-out structures to use, of the training's store."), OneOf(_parts)
    ] = "both",
    plan: Annotated[
        str | None,
        typer.Option(metavar="PLAN", help="Plan whose split says what was held out; usually found automatically."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of settings, structures and noise.")] = 0,
    device: Device = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Measure a network inside and beyond its training's conditions, and put the table on its card.

    Writes OUTPUT/model (the same weights, the card with its calibration) and OUTPUT/calibration.csv. The same command
    continues a stopped run; more data sets add to what is there. Without --store nothing is measured: the table that is
    on the card is kept, and what predicts from it is fitted again, as the card of an older version needs.

    With --camera-only nothing else on the card changes: estimators of the camera look at images that are drawn as the
    training drew them, so that `passband trust` can put those of a micrograph beside them.

    With --images and --labels the predictions are corrected by your own micrographs, five or more, whose masks were
    corrected by hand; the card says by how many, and the SHA-256 of each. An image that is there twice, masks that
    are all the network's own and masks whose background and particles look exchanged are refused; where a few are,
    a warning names them.
    """
    folder = find_model(model)
    if (images is None) != (labels is None) or (images is not None and (store is not None or camera_only)):
        cure = "and without --store and --camera-only: micrographs and their masks"
        raise PassbandError(f"--images and --labels belong together, {cure}")
    from passband.performance.table import MeasurementRecipe
    from passband.segmentation.model import load_model

    network = load_model(folder, device=resolve_device(device))
    if images is not None and labels is not None:
        found, about = _corrected(network, images, labels, parse_pixel_size(pixel_size), quiet=quiet)
        _say(_written(found, network.card, folder, output) | about, as_json=as_json, quiet=quiet)
        return
    if camera_only:
        found = _with_camera(network, store, seed, quiet=quiet)
    elif store is None:
        found = _fitted_again(network.card, quiet=quiet)
    else:
        from passband.dataset.store import WaveStore
        from passband.performance.unseen import training_split, unseen_structures
        from passband.performance.widening import read_cameras, read_conditions

        wider = None if conditions is None else read_conditions(conditions)
        others = None if cameras is None else read_cameras(cameras)
        recipe = MeasurementRecipe(data_sets=data_sets, images=images_per_set, seed=seed, wider=wider, cameras=others)
        split = training_split(network.card, folder, plan)
        waves = WaveStore.open(store)
        unseen = unseen_structures(network.card, waves, split, structures)
        found = _measured(network, waves, unseen, recipe, output, quiet=quiet)
    _say(_written(found, network.card, folder, output), as_json=as_json, quiet=quiet)


def _fitted_again(card: "ModelCard", *, quiet: bool) -> "PerformanceTable":
    from passband.performance.error_model import with_kernels

    found = _measured_table(card)
    if not quiet:
        typer.echo("without --store nothing is measured; the table on the card is fitted again", err=True)
    return with_kernels(found)


def _with_camera(network: "Model", store: Path | None, seed: int, *, quiet: bool) -> "PerformanceTable":
    """Table on the card, with what images of the training tell of their camera."""
    from passband.dataset.store import WaveStore
    from passband.performance.camera_measurement import measured_reference

    if store is None:
        raise PassbandError("--camera-only needs exit waves of the training's kind; name them with --store DIR")
    table = _measured_table(network.card)
    with ProgressBars(quiet=quiet) as bars, bars.bar("calibrate", unit="images") as bar:
        camera = measured_reference(network, WaveStore.open(store), side=table.patch, seed=seed, progress=bar)
    return table.model_copy(update={"camera": camera})


def _measured_table(card: "ModelCard") -> "PerformanceTable":
    """Table on a card; `PassbandError` where there is none."""
    from passband.performance.table import measured_performance

    table = measured_performance(card)
    if table is None:
        raise PassbandError(f"{card.name} was never calibrated; name exit waves to measure it on with --store DIR")
    return table


def _corrected(
    network: "Model", images: Path, labels: Path, pixel_size: float | None, *, quiet: bool
) -> tuple["PerformanceTable", dict[str, Any]]:
    """Table with the laboratory's own images, and what they say."""
    from passband.files.labelled import labelled_files
    from passband.performance.error_model import LEVEL, ErrorModel
    from passband.performance.laboratory import FEWEST
    from passband.performance.own_images import left_out, with_laboratory
    from passband.segmentation.card import ModelCard

    table = _measured_table(network.card)
    files = labelled_files(images, labels, fewest=FEWEST)
    with ProgressBars(quiet=quiet) as bars, bars.bar("calibrate", unit="images") as bar:
        found, warnings = with_laboratory(network, table, files, pixel_size=pixel_size, progress=bar)
    card: ModelCard = network.card.model_copy(update={"calibration": found.model_dump(mode="json")})
    error_model = ErrorModel.of_card(card)
    if error_model is None or error_model.images is None:
        raise PassbandError(
            f"too few single images are on the card of {card.name}; run passband calibrate with --store"
        )
    rows = left_out(error_model.images, level=LEVEL)
    inside = sum(row["low"] <= row["error_area"] <= row["high"] for row in rows)
    for warning in warnings:
        typer.echo(printable(f"warning: {warning}"), err=True)
    named = [{"image": str(one.image), **row} for one, row in zip(files, rows, strict=True)]
    about = {"labelled_images": len(files), "left_out": named, "left_out_inside": inside, "level": LEVEL}
    return found, about | {"warnings": warnings}


def _measured(
    network: "Model",
    waves: "WaveStore",
    unseen: Sequence[int],
    recipe: "MeasurementRecipe",
    output: Path,
    *,
    quiet: bool,
) -> "PerformanceTable":
    from passband.performance.measurement import measure_performance

    with ProgressBars(quiet=quiet) as bars, bars.bar("calibrate", unit="data sets") as bar:
        return measure_performance(network, waves, unseen, recipe, folder=output, progress=bar)


def _written(found: "PerformanceTable", card: "ModelCard", folder: Path, output: Path) -> dict[str, Any]:
    """Write model and table, and return what to say of them."""
    from passband.performance.table import write_measured_model
    from passband.tabular import write_csv
    from passband.verdict.evidence import loss_thresholds

    target = output / "model"
    write_measured_model(target, folder, card, found)
    rows = [dict(zip(found.sets, values, strict=True)) for values in zip(*found.sets.values(), strict=True)]
    write_csv(output / "calibration.csv", rows)
    thresholds = loss_thresholds(found)
    return {
        "model": str(target),
        "data_sets": len(rows),
        "inside": int(found.inside.sum()),
        "structures": found.structures,
        "usual_loss": thresholds.usual,
        "worst_loss_inside": thresholds.worst,
    }


def _say(result: dict[str, Any], *, as_json: bool, quiet: bool) -> None:
    from passband.verdict.verdict import share_text

    if as_json:
        typer.echo(json_text(result))
    elif not quiet:
        counts = f"{result['data_sets']} data sets, {result['inside']} of them inside the training's conditions"
        losses = f"loss inside: 90 % below {result['usual_loss']:.3g}, worst {result['worst_loss_inside']:.3g}"
        if "left_out" in result:
            typer.echo(f"corrected by {result['labelled_images']} images; each predicted from the others alone:")
            for row in result["left_out"]:
                area, value, low, high = (share_text(row[name]) for name in ("error_area", "value", "low", "high"))
                typer.echo(printable(f"  {row['image']}: {area} % wrong, predicted {value} % ({low} to {high} %)"))
        typer.echo(f"{counts}; {losses}\ncalibrated model in {printable(result['model'])}")

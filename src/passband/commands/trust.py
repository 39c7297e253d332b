"""`passband trust`: how far to trust a network's mask of a micrograph, why, and what to do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from passband.commands.terminal.entry import IMAGES, command
from passband.commands.terminal.errors import printable
from passband.commands.terminal.loading import loading
from passband.commands.terminal.options import (
    AsJson,
    Device,
    Dose,
    Frame,
    ModelPath,
    PixelSize,
    Quantities,
    parse_pixel_size,
)
from passband.devices import resolve_device
from passband.documents import json_text
from passband.recipe import PassbandError
from passband.segmentation.shipped import find_model

if TYPE_CHECKING:
    from passband.files.micrograph import Micrograph
    from passband.verdict.assessment import Assessor
    from passband.verdict.verdict import Verdict

Length = Annotated[str | None, typer.Option(metavar="LENGTH", help="Å, or with a unit (-8nm, 25um).")]


@command(
    group=IMAGES,
    order=2,
    summary="How far to trust a mask: its predicted error.",
    examples="""
passband trust micrograph.dm4
passband trust image.png --pixel-size 0.5 --c10 -80 --dose 400 --figure trust.png
passband trust image.tif --model run/model --cs 1.2mm --report trust.html --json
passband trust scan.dm4 --model haadf_atoms --dose 1e4 --set source_size=0.8
passband trust session/ --model run/model                     (each, and the mean over all)
""",
)
def trust(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="A micrograph, or a folder of them.")],
    model: ModelPath = None,
    pixel_size: PixelSize = None,
    frame: Frame = None,
    c10: Length = None,
    defocus: Annotated[
        str | None, typer.Option(metavar="LENGTH", help="Instead of --c10; underfocus positive.")
    ] = None,
    c12: Length = None,
    cs: Annotated[str | None, typer.Option("--cs", "--c30", metavar="LENGTH", help="Spherical aberration C30.")] = None,
    focal_spread: Annotated[
        str | None, typer.Option(metavar="LENGTH", help="Standard deviation of the defocus.")
    ] = None,
    angular_spread: Annotated[str | None, typer.Option(metavar="ANGLE", help="rad, or 0.1mrad.")] = None,
    dose: Dose = None,
    aberration: Annotated[
        list[str] | None, typer.Option("--aberration", "-a", metavar="NAME=VALUE", help="Any other; may be repeated.")
    ] = None,
    quantity: Quantities = None,
    no_fit: Annotated[bool, typer.Option("--no-fit", help="Fit no conditions (Thon rings, jitter) to it.")] = False,
    level: Annotated[float, typer.Option(metavar="P", help="Nominal coverage of the intervals.")] = 0.8,
    figure: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Draw doubtful places, transfer and signals.")
    ] = None,
    report: Annotated[Path | None, typer.Option(metavar="HTML", help="Write everything as one page.")] = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Say how far to trust a network's mask: no objection, doubtful or outside, and the error area to expect.

    Conditions are taken from these options, else from the file, else fitted to the image (to Thon rings, and the jitter
    of a scan); what stays unknown is taken as in training.
    Of a folder, every image is assessed, and the mean error area of all has an interval of its own.
    """
    from passband.files.own_files import refuse_foreign

    for path in (figure, report):
        if path is not None:
            refuse_foreign(path)
    folder = find_model(model)
    many = _folder(image, figure, report)
    opening = partial(_open, pixel_size=parse_pixel_size(pixel_size), frame=frame)
    micrograph = None if many else opening(image)
    lens = {"c10": c10, "defocus": defocus, "c12": c12, "cs": cs}
    given = given_values(lens, aberration or [], focal_spread=focal_spread, angular_spread=angular_spread, dose=dose)
    given |= other_values(quantity or [], given)
    with loading():
        from passband.segmentation.model import load_model
        from passband.verdict.assessment import Assessor

        assessor = Assessor(load_model(folder, device=resolve_device(device)))
    assess = partial(assessor.assess, given=given, fit=not no_fit, level=level)
    if micrograph is None:
        _each(assessor, {path: partial(opening, path) for path in many}, assess, folder, as_json=as_json)
        return
    verdict = assess(micrograph)
    if figure is not None or report is not None:
        _draw(assessor, micrograph, verdict, image, figure, report)
    if as_json:
        facts = {"image": str(image), "model": str(folder), **verdict.as_dict()}
        typer.echo(json_text(facts))
    else:
        typer.echo("\n".join(map(printable, text(verdict).splitlines())))


def _folder(image: Path, figure: Path | None, report: Path | None) -> list[Path]:
    """Return the micrographs of a folder; nothing where the image is one micrograph."""
    from passband.files.listing import find_images

    if not image.is_dir() or (many := find_images([str(image)])) == [image]:
        return []
    if figure is not None or report is not None:
        raise PassbandError(f"{image} is a folder; --figure and --report are of one micrograph, so name a file")
    return many


def _open(path: Path, *, pixel_size: float | None, frame: int | None) -> "Micrograph":
    from passband.files.reading import open_micrograph

    return open_micrograph(path, pixel_size=pixel_size, frame=frame)


def _each(
    assessor: "Assessor",
    opened: Mapping[Path, Callable[[], "Micrograph"]],
    assess: Callable[["Micrograph"], "Verdict"],
    model: Path,
    *,
    as_json: bool,
) -> None:
    """Assess micrographs one after the other and print a line for each, and the mean; one that fails ends nothing."""
    done: dict[Path, Verdict] = {}
    failed: list[dict[str, str]] = []
    for path, opening in opened.items():
        try:
            verdict = assess(opening())
        except (PassbandError, OSError) as error:
            failed.append({"image": str(path), "error": str(error)})
            continue
        done[path] = replace(verdict, segmentation=None, error_probability=None)  # maps of a session fill the memory
        if not as_json:
            typer.echo(printable(f"{path}: {verdict.line()}"))
    mean = assessor.mean_error_area(list(done.values()))
    if as_json:
        images = [{"image": str(path), "model": str(model), **verdict.as_dict()} for path, verdict in done.items()]
        facts = {"images": images, "failed": failed, "mean_error_area": None if mean is None else mean.as_dict()}
        typer.echo(json_text(facts))
    elif mean is not None:
        from passband.verdict.verdict import percent

        count = sum(one.error_area is not None for one in done.values())
        typer.echo(f"mean of {count}: predicted error area {percent(mean)}")
    for row in failed:
        typer.echo(printable(f"error: {row['image']}: {row['error']}"), err=True)
    if failed:
        raise typer.Exit(2)


def other_values(texts: Sequence[str], given: Mapping[str, float]) -> dict[str, float]:
    """Quantities that `--set` gives and no other option."""
    from passband.commands.terminal.quantities import quantity_values

    values = quantity_values(texts)
    twice = sorted(values.keys() & given.keys())
    if twice:
        raise PassbandError(f"{twice[0]} is given by --set and by an option of its own; write it once")
    return values


def given_values(
    lens: Mapping[str, str | None],
    aberrations: Sequence[str],
    *,
    focal_spread: str | None,
    angular_spread: str | None,
    dose: float | None,
) -> dict[str, float]:
    """Quantities that were given on the command line, in Å, rad and e⁻/Å²."""
    from passband.commands.terminal import quantities

    named = [(name, value) for name, value in lens.items() if value is not None]
    values = quantities.aberration_values([*named, *quantities.assignments(aberrations)])
    if focal_spread is not None:
        values["focal_spread"] = quantities.signed_length(focal_spread, "focal_spread")
    if angular_spread is not None:
        values["angular_spread"] = quantities.angle(angular_spread, "angular_spread")
    if dose is not None:
        values["dose"] = dose
    return values


def text(verdict: "Verdict") -> str:
    """Verdict for a person."""
    from passband.verdict.evidence import value_text
    from passband.verdict.verdict import percent

    lines: list[str] = [verdict.outcome]
    if verdict.error_area is not None:
        level = f"{100.0 * verdict.error_area.level:g}%"
        lines.append(f"  predicted error area {percent(verdict.error_area)}, {level} interval")
    for name, one in (("loss", verdict.loss), ("Dice", verdict.dice), ("F1", verdict.f1)):
        if one is not None:
            interval = f"{one.low:.3g} to {one.high:.3g}, {100.0 * one.level:g}%"
            lines.append(f"  predicted {name} {one.value:.3g} ({interval})")
    estimate = verdict.conditions
    if estimate.values:
        values = [f"{name} {value_text(name, value)}" for name, value in estimate.values.items()]
        shown = ", ".join(values).replace("-", "\u2212")
        lines.append(f"  conditions ({estimate.source}; Å, rad, e⁻/Å²): {shown}; {estimate.note}")
    if verdict.sigma is not None and verdict.delta_epsilon is not None:
        lines.append(f"  to the training: σ = {verdict.sigma:.3f}, Δε = {verdict.delta_epsilon:+.3f}")
    lines += [f"  because {reason}" for reason in verdict.reasons]
    lines += [f"  advice: {one}" for one in verdict.advice]
    return "\n".join([*lines, *_camera_lines(verdict)])


def _camera_lines(verdict: "Verdict") -> list[str]:
    """Each quantity of the camera beside the training's, and all of the training's where it is not usual there."""
    from passband.verdict.camera_comparison import camera_rows

    rows = camera_rows(verdict.camera)
    if not rows:
        return []
    width = max(len(row["quantity"]) for row in rows)
    lines = ["  camera, beside 5 to 95 % of the images of the training (it decides no word):"]
    for row in rows:
        whole = "" if row["place"] == "within" else f"; all {row['all']}"
        lines.append(f"    {row['place']:<6}  {row['quantity']:<{width}}  {row['value']} ({row['trained']}{whole})")
    return lines


def _draw(
    assessor: "Assessor",
    micrograph: "Micrograph",
    verdict: "Verdict",
    image: Path,
    figure: Path | None,
    report: Path | None,
) -> None:
    from passband.figures.style import to_png
    from passband.reports.verdict import draw_verdict, write_report

    if figure is not None:
        png = to_png(draw_verdict(assessor, micrograph, verdict, name=image.name), dpi=130)
        figure.parent.mkdir(parents=True, exist_ok=True)
        figure.write_bytes(png)
    if report is not None:
        write_report(assessor, micrograph, verdict, name=image.name, file=report)

"""`passband translate fit-noise`: noise and scan of a session from a handful of its images, with intervals."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from passband.commands.terminal.entry import command
from passband.commands.terminal.errors import printable
from passband.commands.terminal.many_images import without_results
from passband.commands.terminal.options import AsJson, Frame, PixelSize, Quiet, parse_pixel_size
from passband.documents import json_text
from passband.durable import write_atomically

if TYPE_CHECKING:
    from passband.camera.fitted_noise import Estimate, KnownScan


@command(
    name="translate fit-noise",
    order=1,
    summary="Dose, gain, jitter, source size of a session, with intervals.",
    examples="""
passband translate fit-noise session/ -o noise.json
passband translate fit-noise a.dm4 b.dm4 --offset 1200 --energy 80kV --semi-angle 30mrad -o noise.json --json
passband translate fit-noise *.tif --pixel-size 0.2 --lattice 1,120deg -o noise.json   (drift, of a hexagonal lattice)
""",
)
def fit_noise(
    images: Annotated[list[str], typer.Argument(metavar="REAL...", help="Scans of one session, folders, or patterns.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="JSON of the fitted noise.")],
    offset: Annotated[
        float | None,
        typer.Option(metavar="LEVEL", help="Grey value of no electrons: that of a scan with the beam blanked."),
    ] = None,
    energy: Annotated[
        str | None, typer.Option(metavar="EV", help="Beam energy, 80e3 or 80kV; the files' own if absent.")
    ] = None,
    semi_angle: Annotated[
        str | None, typer.Option(metavar="ANGLE", help="Convergence semi-angle, rad or 30mrad; for the source size.")
    ] = None,
    lattice: Annotated[
        str | None,
        typer.Option(metavar="B/A,ANGLE", help="Of the specimen: ratio and angle of its two vectors; for the drift."),
    ] = None,
    pixel_size: PixelSize = None,
    frame: Frame = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Fit dose, gain, read noise, jitter of rows, source size, drift and contamination to scanned images.

    Each quantity has a value with a 95 % interval, or null where the images do not tell it, with the reason and the
    limits that are known. Without --offset grey values are no counts: dose and read noise have limits only.
    """
    from passband.files.listing import find_images
    from passband.files.reading import open_micrograph
    from passband.files.session_noise import fit_session

    size, known = parse_pixel_size(pixel_size), _known(offset, energy, semi_angle, lattice)
    paths = without_results(find_images(images))
    real = [open_micrograph(path, pixel_size=size, frame=frame, need_pixel_size=False) for path in paths]
    found = fit_session(real, known)
    write_atomically(output, (json_text(found.model_dump(mode="json"), indent=1) + "\n").encode())
    if as_json:
        typer.echo(json_text({**found.model_dump(mode="json"), "output": str(output)}))
    elif not quiet:
        for name, one in found.estimates():
            typer.echo(printable(f"{name:<20}{_told(one)}"))
        for note in found.notes:
            typer.echo(printable(f"note: {note}"), err=True)
        typer.echo(printable(f"wrote {output}, of {found.images} image{'s' * (found.images != 1)}"))


def _known(offset: float | None, energy: str | None, semi_angle: str | None, lattice: str | None) -> "KnownScan":
    from passband.camera.fitted_noise import KnownScan
    from passband.commands.terminal import quantities

    return KnownScan(
        offset=offset,
        energy=None if energy is None else quantities.energy(energy),
        semi_angle=None if semi_angle is None else quantities.angle(semi_angle, "semi_angle"),
        lattice=None if lattice is None else _lattice(lattice),
    )


def _lattice(text: str) -> tuple[float, float]:
    from passband.commands.terminal import quantities
    from passband.recipe import PassbandError

    ratio, _, angle = text.partition(",")
    try:
        return float(ratio), quantities.angle(angle, "lattice")
    except ValueError as error:
        raise PassbandError(
            f"lattice={text[:40]!r} is no ratio and angle of two vectors; write 1,120deg of a sheet of hexagons, "
            "1,90deg of a square"
        ) from error


def _told(one: "Estimate") -> str:
    unit = f" {one.unit}" if one.unit else ""
    if one.value is not None and one.interval is not None:
        return f"{one.value:.4g}{unit} ({one.interval[0]:.4g} to {one.interval[1]:.4g}){_why(one)}"
    ends = [None, None] if one.limits is None else one.limits
    said = [f"{word} {end:.4g}{unit}" for word, end in zip(("at least", "at most"), ends, strict=True) if end]
    return f"not told{_why(one)}{'; ' * bool(said)}{', '.join(said)}"


def _why(one: "Estimate") -> str:
    return f": {one.note}" if one.note else ""

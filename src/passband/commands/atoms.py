"""`passband atoms`: atomically resolved images become tables of columns, lattices and pictures."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from passband.commands.terminal.entry import IMAGES, command
from passband.commands.terminal.errors import printable
from passband.commands.terminal.loading import loading
from passband.commands.terminal.many_images import name_outputs, tried, without_results
from passband.commands.terminal.options import AsJson, Device, Frame, PixelSize, Quiet, parse_pixel_size
from passband.commands.terminal.progress import ProgressBars
from passband.devices import resolve_device
from passband.documents import json_text


@command(
    group=IMAGES,
    order=3,
    summary="Atomic columns of scanning micrographs, and their lattice.",
    examples="""
passband atoms image.dm4 -o columns
passband atoms session/ 'more/*.tif' --pixel-size 9.3pm -o columns --json
passband atoms abf.tif --dark -o columns                       (columns are darker than what is between them)
passband atoms image.tif --model out/model -o columns          (a network of your own; none: the image alone)
""",
)
def atoms(
    images: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Micrographs, folders of them, or patterns.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the results.")],
    pixel_size: PixelSize = None,
    frame: Frame = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-M",
            metavar="MODEL",
            help="Network that says where columns are: a folder, a shipped one, or none for the image alone. Default: "
            "the shipped one that finds atoms in such images (passband models).",
        ),
    ] = None,
    dark: Annotated[bool, typer.Option("--dark", help="Columns are dark, as in (annular) bright field.")] = False,
    device: Device = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Find the atomic columns of scanning micrographs, fit them, and the lattice that they lie on.

    A network says where columns are and of which class, or the image alone does. Writes for each image a table,
    extended XYZ, the lattice as JSON and a picture to look at. A file that cannot be read is reported on one line; the
    others are still looked at, and the exit code is 2.
    """
    from passband.files.listing import find_images
    from passband.files.reading import open_micrograph

    paths = without_results(find_images(images))
    stems = name_outputs(paths, ".atoms.csv")
    opening = partial(open_micrograph, pixel_size=parse_pixel_size(pixel_size), frame=frame)
    with loading():
        from passband.description.selection import ColumnFinding
        from passband.reports.atoms import write_atoms
        from passband.verdict.finding import ColumnFinder

        finding = ColumnFinding(contrast="dark" if dark else "bright")
        finder = ColumnFinder(model, device=resolve_device(device), finding=finding)
    output.mkdir(parents=True, exist_ok=True)
    done: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    with ProgressBars(quiet=quiet) as bars, bars.bar("atoms", unit="images") as bar:
        for number, (path, stem) in enumerate(zip(paths, stems, strict=True)):
            bar(number, len(paths), note=path.name)
            micrograph = tried(partial(opening, path), path, failed)
            if micrograph is None:
                continue
            row = tried(partial(write_atoms, micrograph, finder, path, output, stem=stem), path, failed)
            if row is None:
                continue
            done.append(row)
            if row["warning"]:
                bars.warn(f"warning: {row['warning']}")
        bar(len(paths), len(paths))
    _tell(done, failed, quiet=quiet, as_json=as_json)


def _tell(done: list[dict[str, Any]], failed: list[dict[str, str]], *, quiet: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(json_text({"images": done, "failed": failed}))
    elif not quiet:
        for row in done:
            typer.echo(f"{printable(row['outputs']['table'])}: {row['columns']} columns{_words(row)}")
            by = f"by {row['model']}" if row["model"] else "from the image alone; no network was asked"
            typer.echo(printable(f"  {by}; {row['verdict']}" if row["model"] else f"  {by}"))
    for row in failed:
        typer.echo(printable(f"error: {row['error']}"), err=True)
    if failed:
        raise typer.Exit(2)


def _words(row: dict[str, Any]) -> str:
    """Spacing and lattice of one image."""
    if row["spacing_A"] is None:
        return ""
    said = f", nearest {row['spacing_A']:.3g} Å apart"
    if row["lattice"] is None:
        return f"{said}; no lattice"
    a, b = row["lattice"]["lengths_A"]
    return f"{said}; lattice {a:.3f} × {b:.3f} Å, {row['lattice']['angle_deg']:.1f}°"

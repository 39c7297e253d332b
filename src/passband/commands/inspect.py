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
    if camera := described["camera"]:
        rows += [("noise", _noise(camera)), ("saved as", _saved(camera))]
    rows += [("note", note) for note in described["notes"]]
    if not described["usable"]:
        rows.append(("not usable", described["reason"]))
    return rows


def _noise(camera: dict[str, Any]) -> str:
    """Say what was estimated of a camera's noise, in one line."""
    if camera["noise_share"] is None:
        return "not told by so few pixels"
    parts = [f"at most {camera['noise_share']:.0%} of the contrast, correlated over {camera['correlation']:.2f} pixels"]
    if camera["gain"] is not None:
        parts.append(f"{camera['gain']:.3g} grey values per electron")
    if camera["empty_band"] > 0.02:
        parts.append(f"the last {camera['empty_band']:.0%} of the frequencies empty")
    if camera["hot_pixels"] > 0.0:
        parts.append(f"{camera['hot_pixels']:.2g} hot pixels in 10⁴")
    if camera["slow_variation"] is not None:
        parts.append(f"slow variation of {camera['slow_variation']:.1f} standard deviations")
    return "; ".join(parts)


def _saved(camera: dict[str, Any]) -> str:
    """Say what was found of how an image was saved, in one line."""
    levels, bar = camera["grey_levels"], camera["scale_bar"]
    parts = [f"{levels} grey levels" if levels is not None else "more than 1024 grey levels"]
    if camera["saturated"] > 0.0:
        parts.append(f"{camera['saturated']:.2%} of the pixels at the ends of the range")
    if camera["blocks"] > 0.0:
        parts.append(f"blocks of a JPEG ({camera['blocks']:.2f})")
    if camera["border_share"] > 0.0:
        sides = ", ".join(f"{side} {width}" for side, width in camera["border"].items() if width)
        parts.append(f"border of one level ({sides} pixels)")
    if camera["corner_share"] > 0.0:
        parts.append(f"empty corners ({camera['corner_share']:.0%} of it)")
    if bar is not None:
        parts.append(f"scale bar at rows {bar['top']}–{bar['bottom']}, columns {bar['left']}–{bar['right']}")
    return "; ".join(parts)


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

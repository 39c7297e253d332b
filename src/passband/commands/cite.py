"""`passband cite`: the references behind what was used, to paste into a paper."""

from typing import Annotated, Literal

import typer

from passband import __version__
from passband.citations import REFERENCES, Reference
from passband.commands.terminal.options import AsJson
from passband.documents import json_text
from passband.recipe import PassbandError

EXAMPLES = """
passband cite
passband cite --format bibtex > passband.bib
passband cite simulation segmentation
"""


def cite(
    parts: Annotated[
        list[str] | None, typer.Argument(metavar="[PART]...", help="simulation, imaging, … ; all by default.")
    ] = None,
    form: Annotated[Literal["plain", "bibtex"], typer.Option("--format", "-f", help="How to write them.")] = "plain",
    as_json: AsJson = False,
) -> None:
    """Print how to cite passband and the papers behind the parts that were used."""
    chosen = select(parts or [])
    if as_json:
        typer.echo(json_text([reference._asdict() for reference in chosen]))
        return
    write = bibtex if form == "bibtex" else plain
    typer.echo("\n".join(write(reference) for reference in chosen))


def select(parts: list[str]) -> list[Reference]:
    """Return passband and the references of the named parts, all of them for none.

    Raises
    ------
    PassbandError
        A part is unknown.
    """
    known = sorted({part for reference in REFERENCES for part in reference.parts})
    for part in parts:
        if part not in known:
            raise PassbandError(f"part {part!r} is unknown; write {', '.join(known)}, or nothing for all")
    return [r for r in REFERENCES if not parts or not r.parts or set(r.parts) & set(parts)]


def plain(reference: Reference) -> str:
    """One line: authors, title, where, year, and what it stands behind."""
    where = reference.where or f"version {__version__}"
    used = f"  [{', '.join(reference.parts)}]" if reference.parts else ""
    link = f" {reference.link}" if reference.link else ""
    return f"{reference.authors}. {reference.title}. {where} ({reference.year}).{link}{used}"


def bibtex(reference: Reference) -> str:
    """One BibTeX entry."""
    fields = {
        "author": " and ".join(reference.authors.split("; ")),
        "title": f"{{{reference.title}}}",
        "year": reference.year,
        "journal" if reference.kind == "article" else "howpublished": reference.where,
        "version": "" if reference.where else __version__,
        "url": reference.link,
    }
    body = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value)
    return f"@{reference.kind}{{{reference.key},\n{body}\n}}"

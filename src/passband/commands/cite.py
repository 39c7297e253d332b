"""`passband cite`: the references behind what was used, to paste into a paper."""

from typing import Annotated

import typer

from passband.citations import FORMS, all_parts, references
from passband.commands.terminal.choices import Known, OneOf
from passband.commands.terminal.entry import WRITING, command
from passband.commands.terminal.options import AsJson
from passband.documents import json_text


@command(
    group=WRITING,
    order=1,
    summary="What to cite.",
    examples="""
passband cite
passband cite --format bibtex > passband.bib
passband cite simulation segmentation
""",
)
def cite(
    parts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PART]...", help="What was used, by default everything"),
        Known(all_parts),
    ] = None,
    form: Annotated[str, typer.Option("--format", "-f", help="How to write them."), OneOf(lambda: FORMS)] = "plain",
    as_json: AsJson = False,
) -> None:
    """Print how to cite passband and the papers behind the parts that were used."""
    chosen = references(parts or [])
    if as_json:
        typer.echo(json_text([reference._asdict() for reference in chosen]))
        return
    typer.echo("\n".join(FORMS[form](reference) for reference in chosen))

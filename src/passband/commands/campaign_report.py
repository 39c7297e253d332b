"""`passband campaign report`: one HTML page about a campaign, and the table of its losses."""

from pathlib import Path
from typing import Annotated

import typer

from passband.commands.terminal.entry import command
from passband.commands.terminal.errors import printable
from passband.commands.terminal.options import AsJson, CampaignFolder, Quiet
from passband.documents import json_text


@command(
    name="campaign report",
    order=3,
    summary="One HTML page of what was found.",
    examples="""
passband campaign report out/defocus
passband campaign report out/defocus -o defocus.html
""",
)
def report(
    directory: CampaignFolder,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The page; DIR/report.html by default.")
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write one HTML page about a campaign: counts, losses with their spread over seeds, a loss matrix, costs.

    Writes loss_matrix.csv beside the page.
    """
    from passband.reports.campaign import write_report

    damaged: list[str] = []
    page = output or directory / "report.html"
    table = write_report(directory, page, on_damage=damaged.append)
    for line in damaged:
        typer.echo(printable(f"warning: {line}"), err=True)
    if as_json:
        typer.echo(json_text({"report": str(page), "table": str(table), "damaged": damaged}))
    elif not quiet:
        typer.echo(printable(f"wrote {page} and {table}"))

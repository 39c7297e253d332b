"""`passband generate`: networks that draw micrographs; its own commands are in files beside this one."""

import typer

from passband.commands.terminal.entry import NETWORKS, command


@command(
    group=NETWORKS,
    order=8,
    summary="Draw micrographs like those of a folder: train, sample, interpolate.",
    examples="""
passband generate train micrographs/ -o generator
passband generate sample generator -n 16 -o samples --seed 1
passband generate interpolate generator -o between.gif
""",
)
def generate(context: typer.Context) -> None:
    """Learn from micrographs to draw others of the same kind, and walk between them."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())

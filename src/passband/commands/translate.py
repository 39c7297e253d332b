"""`passband translate`: simulations that look like the microscope's own; its commands are in files beside this one."""

import typer

from passband.commands.terminal.entry import NETWORKS, command


@command(
    group=NETWORKS,
    order=6,
    summary="Simulations that look like a microscope's own images.",
    examples="""
passband translate fit-noise session/*.dm4 -o noise.json
passband translate train simulated/ session/ -o bridge
passband translate apply bridge simulated/ -o translated
""",
)
def translate(context: typer.Context) -> None:
    """From simulated to real images: noise fitted to a session, or networks that translate between the two."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())

"""`passband campaign`: hundreds of trainings from one page of TOML; its own commands are in files beside this one."""

import typer

from passband.commands.terminal.entry import NETWORKS, command


@command(
    group=NETWORKS,
    order=5,
    summary="Hundreds of trainings from one plan: run, status, report.",
    examples="""
passband campaign run studies/ood_defocus/plan_small.toml -o out/defocus
passband campaign status out/defocus
passband campaign report out/defocus
passband campaign script slurm.yaml
""",
)
def campaign(context: typer.Context) -> None:
    """Many trainings and their measurements from one plan; killed, the same command continues."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())

"""`passband campaign script`: the job script for a SLURM cluster, without submitting it."""

from pathlib import Path
from typing import Annotated

import typer

from passband.commands.terminal.entry import command


@command(
    name="campaign script",
    order=4,
    summary="The SLURM job script, without submitting it.",
    examples="""
passband campaign script slurm.yaml
""",
)
def script(
    cluster: Annotated[Path, typer.Argument(metavar="FILE", help="Jobs on a SLURM cluster (YAML).")],
) -> None:
    """Print the job script that `campaign run --cluster FILE` submits; nothing is submitted."""
    from passband.campaign.slurm import job_script, load_slurm

    typer.echo(job_script(load_slurm(cluster)))

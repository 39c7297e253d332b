"""`passband campaign status`: how far a campaign is, and how long the rest will take."""

import typer

from passband.commands.terminal.entry import command
from passband.commands.terminal.errors import printable
from passband.commands.terminal.options import AsJson, CampaignFolder
from passband.documents import json_text


@command(
    name="campaign status",
    order=2,
    summary="How far it is, and how long it will take.",
    examples="""
passband campaign status out/defocus
passband campaign status out/defocus --json
""",
)
def status(directory: CampaignFolder, as_json: AsJson = False) -> None:
    """Count the runs of a campaign by how far they are, and estimate the time that is left."""
    from passband.campaign.tables import status as count

    found = count(directory)
    if as_json:
        typer.echo(json_text({**found._asdict(), "expected": found.expected}))
        return
    for name in ("planned", "finished", "running", "failed", "waiting"):
        typer.echo(f"{name:<10}{getattr(found, name):>7}")
    if found.remaining is not None:
        text = f"about {_duration(found.remaining)} of one worker left"
        rest = f"; at {found.running} at a time about {_duration(found.expected)}" if found.expected else ""
        typer.echo(text + rest)
    for run, reason in found.failures.items():
        typer.echo(printable(f"run {run} failed: {reason}"))
    for run in found.damaged:
        typer.echo(f"run {printable(run)} is damaged; delete runs/{run}/metrics.parquet and run the campaign again")


def _duration(seconds: float) -> str:
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"

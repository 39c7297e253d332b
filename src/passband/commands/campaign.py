"""`passband campaign`: hundreds of trainings from one page of TOML; killed, the same command continues."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from passband.campaign.shortage import campaign_shortage
from passband.commands.terminal.errors import printable
from passband.commands.terminal.options import AsJson, Device, Overrides, Quiet, resolve_device
from passband.commands.terminal.progress import ProgressBars
from passband.documents import json_text

if TYPE_CHECKING:
    from passband.campaign.cluster import Pool, Summary
    from passband.campaign.grid import CampaignPlan

SUMMARY = "Hundreds of trainings from one plan: run, status, report."

EXAMPLES = {
    "run": """
passband campaign run studies/ood_defocus/plan_small.toml -o out/defocus
passband campaign run plan.toml -o out/x --scheduler tls://10.0.0.5:8786 --tls-ca c.pem --tls-cert c.pem --tls-key k.pem
passband campaign run plan.toml -o /shared/defocus --cluster slurm.yaml
passband campaign run plan.toml -o out/short --workers 4 --set training.epochs=2
passband campaign run studies/ood_defocus/plan.toml --dry-run
""",
    "status": """
passband campaign status out/defocus
passband campaign status out/defocus --json
""",
    "report": """
passband campaign report out/defocus
passband campaign report out/defocus -o defocus.html
""",
    "script": """
passband campaign script slurm.yaml
""",
}

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the campaign.")]


def run(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="The TOML plan of a campaign.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Folder of the campaign.", show_default=False)
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Processes on this machine; 0 is this one.")] = 2,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", metavar="ADDRESS", help="A running Dask scheduler instead.")
    ] = None,
    cluster: Annotated[
        Path | None, typer.Option("--cluster", metavar="FILE", help="Jobs on a SLURM cluster instead (YAML).")
    ] = None,
    tls_ca: Annotated[
        Path | None, typer.Option("--tls-ca", metavar="FILE", help="Authority that signed the scheduler's certificate.")
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="FILE", help="Certificate that the scheduler is shown.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="FILE", help="Private key of that certificate.")
    ] = None,
    stores: Annotated[
        Path | None,
        typer.Option("--stores", metavar="DIR", help="Exit waves, shared with other campaigns [DIR/stores]."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print runs, memory, disk and files that the plan takes; write nothing.")
    ] = False,
    overrides: Overrides = None,
    device: Device = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Run every experiment of a campaign that is not finished.

    Finished runs are never repeated and failed ones are tried again. Workers on other machines must see DIR under the
    same path, and the stores too. The exit waves that are missing are simulated on this machine first.
    """
    pool = _pool(workers, scheduler, cluster)
    reaching = _reaching(scheduler, {"ca-file": tls_ca, "client.cert": tls_cert, "client.key": tls_key})
    from passband.campaign.folder import STORES
    from passband.campaign.grid import load_campaign

    recipe = load_campaign(plan, overrides or ())
    if dry_run:
        from passband.commands.campaign_estimate import show_estimate

        show_estimate(recipe, pool, as_json=as_json)
        return
    if output is None:
        raise typer.BadParameter("--output is missing; give the folder of the campaign, or --dry-run")
    where = resolve_device(device) if isinstance(pool, int) and device != "auto" else device
    with reaching, ProgressBars(quiet=quiet) as bars:
        place = stores or output / STORES
        for line in campaign_shortage(recipe, output, place, workers=max(1, pool)) if isinstance(pool, int) else []:
            bars.warn(f"warning: {line}")
        summary = execute_plan(recipe, output, pool, bars, stores=place, device=where)
    _finish(summary, output, quiet=quiet, as_json=as_json)


def _pool(workers: int, scheduler: str | None, cluster: Path | None) -> "Pool":
    if scheduler is not None and cluster is not None:
        raise typer.BadParameter("--scheduler and --cluster are both given; write one of them")
    if cluster is not None:
        from passband.campaign.slurm import load_slurm

        return load_slurm(cluster)
    return workers if scheduler is None else scheduler


def _reaching(scheduler: str | None, files: dict[str, Path | None]) -> AbstractContextManager[Any]:
    """Tell Dask the certificates for a scheduler, and the user what it means that one asks for none."""
    given = {name: file for name, file in files.items() if file is not None}
    if not given and scheduler is None:
        return nullcontext()
    import dask

    from passband.campaign.transport import certificates, open_to_all

    if scheduler is None:
        raise typer.BadParameter("--tls-ca, --tls-cert and --tls-key belong to --scheduler; leave them out")
    settings = certificates(given)
    risk = open_to_all(scheduler)
    if risk:
        typer.echo(printable(f"warning: {risk}"), err=True)
    return dask.config.set(settings)


def execute_plan(
    plan: "CampaignPlan", output: Path, pool: "Pool", bars: ProgressBars, *, stores: Path, device: str = "auto"
) -> "Summary":
    """Simulate what the stores of a plan lack, and do its runs."""
    from functools import partial

    from passband.campaign.cluster import execute, run_here
    from passband.campaign.experiment import prepare_stores
    from passband.campaign.folder import LOCK, TRAININGS, write_campaign
    from passband.dataset.store import beam_warning
    from passband.durable import remove_leftovers
    from passband.locking import exclusive_in_turn

    experiments = plan.experiments()
    stores = stores.absolute()
    with exclusive_in_turn(output / LOCK):  # of two commands on one folder the second waits here
        remove_leftovers(output, deep=False)
        write_campaign(output, plan.model_dump(mode="json"), [one.identity for one in experiments])
        with bars.bar("simulate", unit="structures") as bar:
            processes = pool if isinstance(pool, int) else 1
            for store in prepare_stores(plan, stores, workers=max(1, processes), progress=bar):
                if warning := beam_warning(store):
                    bars.warn(f"warning: {store.directory.name}: {warning}")
    with bars.bar("run", unit="runs") as bar:
        job = partial(run_here, stores=stores, trainings=output.absolute() / TRAININGS, device=device)
        return execute(experiments, output, job, pool=pool, progress=bar)


def _finish(summary: "Summary", output: Path, *, quiet: bool, as_json: bool) -> None:
    failed = [{"run": one.run, "error": one.message} for one in summary.failed]
    if as_json:
        counts = {"total": summary.total, "found": summary.found, "finished": summary.finished}
        typer.echo(json_text({"directory": str(output), **counts, "failed": failed}))
    elif not quiet:
        done = summary.found + summary.finished
        typer.echo(
            f"{done} of {summary.total} runs finished in {printable(str(output))} ({summary.found} of them before)"
        )
    for one in failed:
        typer.echo(printable(f"error: run {one['run']} failed: {one['error']}"), err=True)
    if failed:
        raise typer.Exit(2)


def status(directory: Folder, as_json: AsJson = False) -> None:
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


def report(
    directory: Folder,
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


def script(
    cluster: Annotated[Path, typer.Argument(metavar="FILE", help="Jobs on a SLURM cluster (YAML).")],
) -> None:
    """Print the job script that `campaign run --cluster FILE` submits; nothing is submitted."""
    from passband.campaign.slurm import job_script, load_slurm

    typer.echo(job_script(load_slurm(cluster)))


def _overview(context: typer.Context) -> None:
    """Many trainings and their measurements from one plan; killed, the same command continues."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def group(register: Any) -> typer.Typer:
    """Return the commands of `passband campaign`; `register` adds one with its examples."""
    epilog = "\b\nExamples:\n" + "\n".join(f"  {text.strip().splitlines()[0]}" for text in EXAMPLES.values())
    commands = typer.Typer(rich_markup_mode=None)
    commands.callback(invoke_without_command=True, epilog=epilog)(_overview)
    for function, summary in (
        (run, "Run what is not finished."),
        (status, "How far it is, and how long it will take."),
        (report, "One HTML page of what was found."),
        (script, "The SLURM job script, without submitting it."),
    ):
        register(commands, function, summary, EXAMPLES[function.__name__])
    return commands

"""`passband campaign run`: run what is not finished of a campaign; killed, the same command continues."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from passband.campaign.shortage import campaign_shortage
from passband.commands.terminal.entry import command
from passband.commands.terminal.errors import printable
from passband.commands.terminal.options import AsJson, Device, Overrides, Quiet
from passband.commands.terminal.progress import ProgressBars
from passband.devices import resolve_device
from passband.documents import json_text

if TYPE_CHECKING:
    from passband.campaign.cluster import Pool, Summary
    from passband.campaign.estimate import PlanEstimate, StoreEstimate, WorkerMemory
    from passband.campaign.grid import CampaignPlan

_HEADER = ("store", "structures", "runs", "trainings", "networks", "waves (GB)", "disk (GB)", "files")


@command(
    name="campaign run",
    order=1,
    summary="Run what is not finished.",
    examples="""
passband campaign run studies/ood_defocus/plan_small.toml -o out/defocus
passband campaign run plan.toml -o out/x --scheduler tls://10.0.0.5:8786 --tls-ca c.pem --tls-cert c.pem --tls-key k.pem
passband campaign run plan.toml -o /shared/defocus --cluster slurm.yaml
passband campaign run plan.toml -o out/short --workers 4 --set training.epochs=2
passband campaign run studies/ood_defocus/plan.toml --dry-run
""",
)
def run(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="The TOML plan of a campaign.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Folder of the campaign.", show_default=False)
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", min=0, help="Processes on this machine; 0 is this one.")
    ] = 2,
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
    from passband.campaign.grid import load_campaign

    recipe = load_campaign(plan, overrides or ())
    if dry_run:
        _show_estimate(recipe, pool, as_json=as_json)
        return
    if output is None:
        raise typer.BadParameter("--output is missing; give the folder of the campaign, or --dry-run")
    where = resolve_device(device) if isinstance(pool, int) and device != "auto" else device
    with reaching, ProgressBars(quiet=quiet) as bars:
        from passband.campaign.folder import STORES
        from passband.campaign.running import run_campaign

        place = stores or output / STORES
        for line in campaign_shortage(recipe, output, place, workers=max(1, pool)) if isinstance(pool, int) else []:
            bars.warn(f"warning: {line}")
        summary = run_campaign(recipe, output, pool, stores=place, device=where, stages=bars)
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


def _show_estimate(plan: "CampaignPlan", pool: "Pool", *, as_json: bool) -> None:
    """Print what a plan takes on a pool of workers, for a person or as one JSON object."""
    from passband.campaign.estimate import estimate

    found = estimate(plan, workers=_workers(pool))
    typer.echo(json_text(_values(found)) if as_json else "\n".join(_lines(found, pool)))


def _workers(pool: "Pool") -> int:
    if isinstance(pool, int):
        return max(1, pool)
    return 1 if isinstance(pool, str) else pool.jobs * (pool.processes or pool.cores)


def _values(found: "PlanEstimate") -> dict[str, object]:
    totals = {"memory": found.memory, "disk": found.disk, "inodes": found.inodes}
    return {**asdict(found), "worker": {**asdict(found.worker), "total": found.worker.total}, **totals}


def _lines(found: "PlanEstimate", pool: "Pool") -> list[str]:
    images = f"{found.training_images:,} to learn from, {found.measured_images:,} to measure on"
    if found.fields < found.training_images:
        images += f"; {found.fields:,} fields are imaged to learn from"
    everyone = "" if isinstance(pool, str) else f"; {_gb(found.memory)} GB for {found.workers}"
    counts = f"{found.runs:,} runs, {found.trainings:,} trainings, {found.networks:,} networks"
    return [
        f"{found.name}: {counts}; nothing was written",
        *_table([_HEADER, *(_row(one) for one in found.stores), _total(found.stores)]),
        f"micrographs  {images}",
        f"memory       {_gb(found.worker.total)} GB a worker{everyone}",
        f"             {_parts(found.worker)}",
        f"disk         {_gb(found.run_disk)} GB of runs, {_gb(found.disk)} GB with the stores",
        f"files        {found.run_inodes:,} of runs, {found.inodes:,} with the stores (and folders)",
    ]


def _row(one: "StoreEstimate") -> tuple[str, ...]:
    counts = (one.structures, one.runs, one.trainings, one.networks)
    return (
        one.name or "trained on",
        *(f"{count:,}" for count in counts),
        _gb(one.waves),
        _gb(one.disk),
        f"{one.inodes:,}",
    )


def _total(stores: Sequence["StoreEstimate"]) -> tuple[str, ...]:
    sums = [
        sum(values)
        for values in zip(*((one.structures, one.waves, one.disk, one.inodes) for one in stores), strict=True)
    ]
    return "in all", f"{sums[0]:,}", "", "", "", _gb(sums[1]), _gb(sums[2]), f"{sums[3]:,}"


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def _parts(worker: "WorkerMemory") -> str:
    return ", ".join(f"{name} {_gb(value)}" for name, value in asdict(worker).items())


def _gb(value: float) -> str:
    return f"{value / 1e9:,.1f}" if value >= 1e8 else f"{value / 1e9:.2g}"

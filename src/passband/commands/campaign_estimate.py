"""What `passband campaign run --dry-run` prints: what a plan will take, before anything of it is made."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from passband.documents import json_text

if TYPE_CHECKING:
    from passband.campaign.cluster import Pool
    from passband.campaign.estimate import PlanEstimate, StoreEstimate, WorkerMemory
    from passband.campaign.grid import CampaignPlan

_HEADER = ("store", "structures", "runs", "trainings", "networks", "waves (GB)", "disk (GB)", "files")


def show_estimate(plan: "CampaignPlan", pool: "Pool", *, as_json: bool) -> None:
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

"""What a campaign has found so far: the rows of all its runs as one table, how far it is, and what it cost."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from passband.campaign.folder import (
    ATTEMPT,
    COST,
    ERROR,
    LOCK,
    METRICS,
    RESULTS,
    RUNS,
    CampaignError,
    read_campaign,
    read_json,
)
from passband.durable import write_atomically
from passband.locking import exclusive, is_held
from passband.recipe import PassbandError

#: Columns of older versions, and what they are called now.
RENAMED = {"cross_entropy": "training_loss", "loss": "paper_loss"}
_MAGIC = b"PAR1"  # a Parquet file begins and ends with it
_KEY = b"passband.runs"

Stamp = tuple[int, int]  # size in bytes and time of change in ns of a metrics.parquet


class Status(NamedTuple):
    """How far a campaign is; `planned` is the sum of the four counts after it and of the damaged.

    Attributes
    ----------
    planned, finished, running, failed, waiting
        Numbers of runs. A run that is tried again counts as running, not as failed.
    failures
        Reason by run.
    damaged
        Runs whose `metrics.parquet` is cut short.
    seconds
        That the finished runs took together.
    remaining
        Seconds that the others will take one after the other, were they like the finished; None if none is.
    """

    planned: int
    finished: int
    running: int
    failed: int
    waiting: int
    failures: dict[str, str]
    damaged: tuple[str, ...]
    seconds: float
    remaining: float | None

    @property
    def expected(self) -> float | None:
        """Seconds until the end if as many runs at a time go on as run now; None where that cannot be known."""
        return None if self.remaining is None or not self.running else self.remaining / self.running


def status(directory: Path) -> Status:
    """Count the runs of a campaign by how far they are.

    Raises
    ------
    CampaignError
        The folder holds no campaign.
    """
    runs: dict[str, list[str]] = {"finished": [], "running": [], "failed": [], "waiting": [], "damaged": []}
    failures = {}
    for run in read_campaign(directory)["runs"]:
        folder = directory / RUNS / run
        state = _state(folder)
        runs[state].append(run)
        if state == "failed":
            failures[run] = str(read_json(folder / ERROR).get("message", "no reason was recorded"))
    seconds = [cost["training_seconds"] + cost["evaluation_seconds"] for cost in costs(directory, runs["finished"])]
    others = sum(len(runs[state]) for state in ("running", "failed", "waiting"))
    return Status(
        planned=sum(map(len, runs.values())),
        finished=len(runs["finished"]),
        running=len(runs["running"]),
        failed=len(runs["failed"]),
        waiting=len(runs["waiting"]),
        failures=failures,
        damaged=tuple(runs["damaged"]),
        seconds=sum(seconds),
        remaining=others * sum(seconds) / len(seconds) if seconds else None,
    )


def _state(folder: Path) -> str:
    try:
        with (folder / METRICS).open("rb") as file:
            file.seek(-min(4, (folder / METRICS).stat().st_size), 2)
            return "finished" if file.read() == _MAGIC else "damaged"
    except OSError:
        pass
    if (folder / ATTEMPT).exists() and is_held(folder / LOCK):
        return "running"
    return "failed" if (folder / ERROR).exists() else "waiting"


def costs(directory: Path, runs: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """Return `cost.json` of some runs, or of all, with the `run` beside; one that is missing or damaged is left out."""
    found = []
    for run in _runs(directory) if runs is None else runs:
        cost = read_json(directory / RUNS / run / COST)
        if all(isinstance(cost.get(name), int | float) for name in ("training_seconds", "evaluation_seconds")):
            found.append({"run": run, **cost})
    return found


def _runs(directory: Path) -> list[str]:
    folder = directory / RUNS
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def collect(
    directory: Path, *, runs: Sequence[str] | None = None, on_damage: Callable[[str], None] | None = None
) -> pa.Table:
    """Return the rows of all finished runs as one table, ordered by run.

    What was read once is kept in `results.parquet`, so that thousands of runs are read within a second; a run that was
    added or changed since is read from its own folder.

    Parameters
    ----------
    directory
        Folder of the campaign.
    runs
        Identities of the runs wanted; all that are there by default, those of an earlier plan too.
    on_damage
        Called with one line for each run whose file cannot be read, which is then left out.

    Raises
    ------
    CampaignError
        A file cannot be read, and there is no `on_damage` to be told.
    """
    stamps = _stamps(directory)
    kept, known = _cached(directory / RESULTS)
    fresh = {run: stamp for run, stamp in stamps.items() if known.get(run) != stamp}
    tables = []
    for run in list(fresh):
        try:
            tables.append(_rows(directory / RUNS / run / METRICS, run))
        except (OSError, pa.ArrowException, CampaignError) as error:
            del stamps[run], fresh[run]
            _tell(directory / RUNS / run / METRICS, error, on_damage)
    same = [run for run in stamps if run not in fresh]
    merged = _merged([_only(kept, same), *tables])
    if fresh or len(known) != len(stamps):
        _keep(directory, merged, stamps)
    return merged if runs is None else _only(merged, runs)


def _tell(path: Path, error: Exception, on_damage: Callable[[str], None] | None) -> None:
    reason = " ".join(str(error).split())
    message = f"{path} cannot be read ({reason}); delete it and run the campaign again, which remakes it"
    if on_damage is None:
        raise CampaignError(message) from error
    on_damage(message)


def _stamps(directory: Path) -> dict[str, Stamp]:
    """Size and time of the finished runs."""
    stamps = {}
    for run in _runs(directory):
        try:
            found = (directory / RUNS / run / METRICS).stat()
        except OSError:
            continue
        stamps[run] = (found.st_size, found.st_mtime_ns)
    return stamps


def read_scores(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file of scores, with the names that its columns have now."""
    rows: list[dict[str, Any]] = renamed(pq.read_table(path)).to_pylist()
    return rows


def renamed(table: pa.Table) -> pa.Table:
    """Return a table whose columns have the names of this version; its metadata stay."""
    names = [RENAMED.get(name, name) for name in table.column_names]
    return table.rename_columns(names).replace_schema_metadata(table.schema.metadata)


def _rows(path: Path, run: str) -> pa.Table:
    with pq.ParquetFile(pa.BufferReader(path.read_bytes())) as file:  # read_table prepares for a folder of files
        table = renamed(file.read(use_threads=False))
    if "run" not in table.column_names or set(table["run"].unique().to_pylist()) - {run}:
        raise CampaignError("its rows are of another run")
    return table


def _merged(tables: Sequence[pa.Table]) -> pa.Table:
    """One table, ordered by run; the rows of a run stay in their order."""
    filled = [table for table in tables if table.num_rows]
    if not filled:
        return pa.table({"run": pa.array([], pa.string())})
    table = pa.concat_tables(filled, promote_options="permissive").replace_schema_metadata()
    if len(filled) == 1:
        return table
    numbered = table.append_column("__row", pa.array(range(table.num_rows), pa.int64()))
    return numbered.sort_by([("run", "ascending"), ("__row", "ascending")]).drop_columns(["__row"])


def _only(table: pa.Table, runs: Sequence[str]) -> pa.Table:
    return table.filter(pc.is_in(table["run"], pa.array(list(runs), pa.string())))


def _cached(path: Path) -> tuple[pa.Table, Mapping[str, Stamp]]:
    """Return the cache and what it was made of; an empty one where it is missing or damaged."""
    try:
        table = renamed(pq.read_table(path))
        known = {run: (int(size), int(time)) for run, (size, time) in json.loads(table.schema.metadata[_KEY]).items()}
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
        return _merged([]), {}
    return table, known


def _keep(directory: Path, table: pa.Table, stamps: Mapping[str, Stamp]) -> None:
    """Write the cache, unless another process is writing it or the folder is read-only."""
    sink = BytesIO()
    pq.write_table(table.replace_schema_metadata({_KEY: json.dumps(stamps)}), sink, compression="zstd")
    try:
        with exclusive(directory / f".{RESULTS}{LOCK}") as ours:
            if ours:
                write_atomically(directory / RESULTS, sink.getvalue())
    except (OSError, PassbandError):
        return

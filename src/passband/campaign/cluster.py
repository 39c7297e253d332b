"""Hundreds of runs on the cores of a laptop, a Dask cluster or SLURM; the same command resumes a killed one.

Runs leave their results in their folders, which every worker must see; only a status travels back. So nothing that a
worker, the scheduler or this process takes with it when it dies is ever more than the attempt under way.
"""

import contextlib
import logging
import pickle
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import cloudpickle
import dask
from distributed import Client, Future, KilledWorker, LocalCluster, Security, as_completed

from passband.campaign.attempt import AttemptResult, Runner, Session, attempt, one_line, record_failure
from passband.campaign.folder import LOG, RUNS, CampaignError, Identified, finished, run_folder
from passband.campaign.slurm import SlurmRecipe, slurm_module
from passband.campaign.transport import for_worker, key_folder, temporary_credentials
from passband.campaign.worker import Workers
from passband.progress import ProgressCallback

#: Worker processes here (0: this process), the address of a scheduler, or jobs.
Pool = int | str | SlurmRecipe

_AHEAD = 256  # runs handed to the scheduler at a time; thousands of large recipes would only weigh on it
_PAUSE = 2.0  # seconds before a run that another command is at is looked at again
_CONNECTING = "60s"
_CLOSING = 30.0  # seconds that workers get to stop
_TRIES = 5  # of a run that a scheduler of unknown settings gives up because its workers die

_SETTINGS: dict[str, Any] = {
    "distributed.scheduler.allowed-failures": 1000,  # crashes are counted run by run, see `attempt`
    "distributed.scheduler.worker-saturation": 1.0,  # a run waits for a free worker, not behind a busy one
    "distributed.scheduler.worker-ttl": None,  # a worker deep in a computation is no dead one: its connection tells
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.http.routes": [],  # pages without a password; `campaign status` tells how far it is
    "distributed.worker.http.routes": [],
    "distributed.comm.timeouts.connect": "120s",
    "distributed.comm.timeouts.tcp": "120s",
}
_NO_PAGES: dict[str, Any] = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}  # they know no password


class Summary(NamedTuple):
    """What a command did.

    Attributes
    ----------
    total, found
        Runs of the campaign, and how many of them were finished before.
    finished
        Runs that were finished since, by this command or by another one.
    failed
        Runs that failed, each with its reason.
    """

    total: int
    found: int
    finished: int
    failed: tuple[AttemptResult, ...]


def run_here(experiment: Any, folder: Path, *, stores: Path, trainings: Path, device: str = "auto") -> None:
    """Run an experiment in a worker: one thread, so that rows are the same on every machine; a GPU where there is one.

    Parameters
    ----------
    experiment, folder, stores, trainings
        As in `passband.campaign.experiment_run.run_experiment`.
    device
        As there, or "auto".
    """
    import torch

    from passband.campaign.experiment_run import run_experiment

    torch.set_num_threads(1)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    run_experiment(experiment, folder, stores=stores, trainings=trainings, device=device)


def execute(
    experiments: Sequence[Identified],
    directory: Path,
    run: Runner,
    *,
    pool: Pool = 2,
    crashes: int = 3,
    progress: ProgressCallback | None = None,
) -> Summary:
    """Do the runs of a campaign that are not finished; failed ones are tried again.

    Parameters
    ----------
    experiments
        What to run; one that is given twice is run once.
    directory
        Folder of the campaign, which all workers see under this path.
    run
        Does one of them, such as `partial(run_here, stores=…)`: a pure function of the experiment that writes
        `metrics.parquet` into the folder it is given, last and at once. It is sent to the workers.
    pool
        Number of worker processes on this machine (0: in this process), the address of a running Dask scheduler, or
        jobs to submit. A scheduler that is started here lets nobody in but its own workers; at the address of another
        one Dask's own settings of TLS count, see `transport.open_to_all`.
    crashes
        Worker processes that a run may lose before it counts as failed; of `pool` if that says it.
    progress
        Called with runs done, runs in all and a note.

    Raises
    ------
    CampaignError
        The scheduler cannot be reached or was lost. What is finished stays; the same call continues.
    """
    unique = {one.identity: one for one in experiments}
    folder = directory.absolute()
    (folder / RUNS).mkdir(parents=True, exist_ok=True)
    waiting = [one for one in unique.values() if not finished(run_folder(one, folder))]
    counts = _RunCounts(len(unique), len(unique) - len(waiting), progress)
    if waiting:
        limit = pool.crashes if isinstance(pool, SlurmRecipe) else crashes
        job = partial(attempt, run, session=Session(uuid.uuid4().hex, limit))
        with _started(pool, len(waiting), folder) as client:
            _exhaust(client, _Task(job, folder), waiting, counts)
    return counts.summary()


@dataclass(frozen=True)
class _Task:
    """An attempt at any run of a campaign."""

    job: Callable[[Identified, Path], AttemptResult]
    directory: Path

    def __call__(self, experiment: Identified) -> AttemptResult:
        return self.job(experiment, run_folder(experiment, self.directory))


class _RunCounts:
    """Counts what became of the runs, and tells."""

    def __init__(self, total: int, found: int, progress: ProgressCallback | None) -> None:
        self.total, self.found, self.progress = total, found, progress
        self.done, self.failed = 0, dict[str, AttemptResult]()
        self._tell("starting workers" if found < total else "")

    def add(self, result: AttemptResult) -> None:
        if result.state == "failed":
            self.failed[result.run] = result
        else:
            self.done += 1
        self._tell(f"{len(self.failed)} failed" if self.failed else "")

    def _tell(self, note: str) -> None:
        if self.progress is not None:
            self.progress(self.found + self.done + len(self.failed), self.total, note=note)

    def summary(self) -> Summary:
        return Summary(self.total, self.found, self.done, tuple(self.failed.values()))


def _exhaust(client: Client | None, task: _Task, waiting: Sequence[Identified], counts: _RunCounts) -> None:
    """Attempt every run; those that another command is at are looked at again until it is done with them."""
    while waiting:
        busy = []
        results = _in_turn(task, waiting) if client is None else _on_cluster(client, task, waiting)
        for experiment, result in results:
            if result.state == "busy":
                busy.append(experiment)
            else:
                counts.add(result)
        waiting = busy
        if waiting:
            time.sleep(_PAUSE)


def perform(packed: bytes) -> AttemptResult:
    """Unpack a task and an experiment in a worker, and attempt it; the scheduler has nothing to unpack or import."""
    task, experiment = pickle.loads(packed)
    result: AttemptResult = task(experiment)
    return result


def _in_turn(task: _Task, experiments: Sequence[Identified]) -> Iterator[tuple[Identified, AttemptResult]]:
    for experiment in experiments:
        yield experiment, task(experiment)


def _on_cluster(
    client: Client, task: _Task, experiments: Sequence[Identified]
) -> Iterator[tuple[Identified, AttemptResult]]:
    """Yield every experiment with its result, in the order they end."""
    coming = iter(experiments)
    under_way: dict[Future[Any], Identified] = {}
    tries: dict[str, int] = {}

    def submit(experiment: Identified) -> "Future[Any]":
        tries[experiment.identity] = tries.get(experiment.identity, 0) + 1
        future: Future[Any] = client.submit(
            perform,
            cloudpickle.dumps((task, experiment)),
            key=f"run-{experiment.identity}-{uuid.uuid4().hex}",
            pure=False,
        )
        under_way[future] = experiment
        return future

    ended = as_completed([submit(one) for one in islice(coming, _AHEAD)], loop=client.loop)
    for future in ended:
        if future.status in ("pending", "lost"):  # its worker died between its answer and our asking: it is done again
            ended.add(future)
            continue
        experiment = under_way.pop(future)
        result = _result_of(future, experiment, task, last=tries[experiment.identity] >= _TRIES)
        if result is None:
            ended.add(submit(experiment))
            continue
        yield experiment, result
        for following in islice(coming, 1):
            ended.add(submit(following))


def _result_of(future: "Future[Any]", experiment: Identified, task: _Task, *, last: bool) -> AttemptResult | None:
    """Return what became of a task; None if its workers died and it may be tried once more."""
    if future.status == "finished":
        result: AttemptResult = future.result()
        return result
    error = future.exception() if future.status == "error" else None
    if error is None:
        cure = "what is finished is kept, and the same command continues"
        raise CampaignError(f"the scheduler was lost (a run is {future.status}); {cure}")
    if isinstance(error, KilledWorker) and not last:
        return None
    if not isinstance(error, KilledWorker):  # what a run raises is caught: this is a worker that cannot do any
        cure = "workers need the same passband and Python as this command"
        raise CampaignError(f"a worker cannot do runs ({one_line(error)}); {cure}")
    folder = run_folder(experiment, task.directory)
    if finished(folder):  # its worker died after the last file and before its answer
        return AttemptResult(experiment.identity, "finished")
    return record_failure(experiment, folder, error)


@contextlib.contextmanager
def _started(pool: Pool, runs: int, folder: Path) -> Iterator[Client | None]:
    """Start or reach the workers; what was started here ends with the block."""
    if pool == 0:
        yield None
        return
    with contextlib.ExitStack() as stack:
        stack.enter_context(dask.config.set(_SETTINGS))
        if isinstance(pool, str):
            address, credentials = pool, None
        else:
            credentials = temporary_credentials()
            address = _own_scheduler(pool, folder, credentials, stack)
        client = _connected(address, credentials)
        stack.callback(_close, client)
        if isinstance(pool, int) and credentials is not None:
            stack.enter_context(Workers(address, min(pool, runs), folder / LOG, for_worker(credentials)))
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what died and was replaced is not news
        yield client


def _connected(address: str, credentials: Security | None) -> Client:
    """Reach a scheduler; without credentials of ours, those of Dask's configuration count."""
    try:
        return Client(address, security=credentials, timeout=_CONNECTING, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        if address.startswith("tls:") and "ssl_context" in str(error):
            cure = "give the three files with --tls-ca, --tls-cert and --tls-key"
            raise CampaignError(f"{address} needs a certificate, and none is known; {cure}") from error
        cure = "start one with `dask scheduler`, and workers with `dask worker ADDRESS --nthreads 1`"
        raise CampaignError(f"no scheduler answers at {address}; {cure}") from error


def _own_scheduler(pool: int | SlurmRecipe, folder: Path, credentials: Security, stack: contextlib.ExitStack) -> str:
    """Start a scheduler in this process that checks certificates, and the jobs of a recipe; return its address."""
    cluster: Any
    if isinstance(pool, SlurmRecipe):
        options = _NO_PAGES | ({"interface": pool.interface} if pool.interface else {})
        cluster = slurm_module().SLURMCluster(
            scheduler_options=options,
            silence_logs=logging.CRITICAL,
            security=credentials,
            shared_temp_directory=str(key_folder(folder)),  # its files are for their owner, and go with the cluster
            **pool.job_options(),
        )
        cluster.adapt(minimum_jobs=pool.jobs, maximum_jobs=pool.jobs)  # replaces jobs that end, unlike scale()
    else:
        cluster = LocalCluster(
            n_workers=0,
            host="127.0.0.1",
            protocol="tls://",
            security=credentials,
            scheduler_kwargs=_NO_PAGES,
            silence_logs=logging.CRITICAL,
        )
    stack.callback(_close, cluster)
    return str(cluster.scheduler_address)


def _close(one: Any) -> None:
    """End a client or a cluster; results are on the disk, so nothing is worth waiting for long."""
    with contextlib.suppress(TimeoutError, OSError):
        one.close(timeout=_CLOSING)

"""One attempt at one run, wherever it is made: locked, recorded, and no exception of it stops the others."""

import contextlib
import os
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from passband import __version__
from passband.campaign.folder import ATTEMPT, ERROR, LOCK, METRICS, CampaignError, Identified, finished, read_json
from passband.documents import json_text
from passband.durable import remove_leftovers, write_atomically
from passband.locking import exclusive
from passband.recipe import PassbandError

#: Does a run: the experiment, and the folder that gets its `metrics.parquet`.
Runner = Callable[[Any, Path], object]

_ONE_AT_A_TIME = threading.Lock()  # a worker may have several threads, and torch one global random state


class AttemptResult(NamedTuple):
    """What became of an attempt: all that travels back from a worker."""

    run: str
    state: Literal["finished", "found", "failed", "busy"]
    message: str = ""


class Session(NamedTuple):
    """What the attempts of one command have in common.

    Attributes
    ----------
    command
        Tells this command's attempts from those of an earlier one, which are forgiven.
    crashes
        Worker processes that a run may lose before it counts as failed.
    version
        Of passband, which must be the same everywhere.
    """

    command: str
    crashes: int = 3
    version: str = __version__


def attempt(run: Runner, experiment: Identified, folder: Path, session: Session) -> AttemptResult:
    """Do a run in this process, unless it is finished or another process works on it.

    An exception is recorded in `error.json` and returned as one line. A process that crashes leaves `attempt.json`
    behind, which the next attempt counts; after `session.crashes` of them the run has failed.
    """
    refusal = _refusal(folder, session)
    if refusal:
        return AttemptResult(experiment.identity, "failed", refusal)
    with _ONE_AT_A_TIME, exclusive(folder / LOCK) as ours:
        if finished(folder):
            return AttemptResult(experiment.identity, "found")
        if not ours:
            return AttemptResult(experiment.identity, "busy")
        crashes = _crashes(folder, session)
        if crashes >= session.crashes:
            (folder / ATTEMPT).unlink()
            reason = f"its worker process died {crashes} times (out of memory, or killed); see the log of the system"
            return record_failure(experiment, folder, CampaignError(reason))
        remove_leftovers(folder)
        return _done(run, experiment, folder, {"command": session.command, "crashes": crashes, "process": os.getpid()})


def _refusal(folder: Path, session: Session) -> str:
    if not folder.parent.is_dir():
        host = os.uname().nodename if hasattr(os, "uname") else "a worker"
        return f"{host} does not see {folder.parent}; workers and this command must share the campaign's folder"
    if session.version != __version__:
        return f"a worker has passband {__version__} and this command {session.version}; install the same one"
    return ""


def _crashes(folder: Path, session: Session) -> int:
    """Count the attempts of this command that were cut short; an attempt that ends removes its record."""
    if not (folder / ATTEMPT).exists():
        return 0
    last = read_json(folder / ATTEMPT)
    return int(last.get("crashes", 0)) + 1 if last.get("command") == session.command else 0


def _done(run: Runner, experiment: Identified, folder: Path, record: dict[str, Any]) -> AttemptResult:
    try:
        write_atomically(folder / ATTEMPT, json_text(record).encode(), error=CampaignError)
        run(experiment, folder)
        if not finished(folder):
            raise CampaignError(f"the run ended without {METRICS}; it may have lost its folder")
        (folder / ERROR).unlink(missing_ok=True)
    except Exception as error:  # whatever it is, the other runs go on
        return record_failure(experiment, folder, error)
    finally:
        with contextlib.suppress(OSError):
            (folder / ATTEMPT).unlink(missing_ok=True)
    return AttemptResult(experiment.identity, "finished")


def record_failure(experiment: Identified, folder: Path, error: BaseException) -> AttemptResult:
    """Write `error.json` and return what happened as one line."""
    message = one_line(error)
    record = {
        "message": message,
        "kind": type(error).__name__,
        "traceback": "".join(traceback.format_exception(error)),
    }
    with contextlib.suppress(PassbandError):  # the disk may be what failed
        write_atomically(folder / ERROR, json_text(record, indent=1).encode())
    return AttemptResult(experiment.identity, "failed", message)


def one_line(error: BaseException) -> str:
    """Return the message of an error as one line; what is no error of passband's begins with its kind."""
    text = " ".join(str(error).split())
    return text if isinstance(error, PassbandError) else f"{type(error).__name__}: {text}".rstrip(": ")

"""Where a campaign keeps what: one folder, one sub-folder for each run, and files that say how far each has come.

Layout of the folder of a campaign::

    campaign.json             the plan and the identities of its runs
    stores/<simulation>/      exit waves
    trainings/<training>/     networks and what they scored; see `passband.campaign.trainings`
    runs/<experiment>/        one run; see `passband.campaign.experiment_run`
        metrics.parquet       its rows, written last: a run is finished where this file is
        cost.json             seconds
        error.json            why the last attempt failed, if it did
        attempt.json          an attempt is under way, or was cut short
        .lock                 held by the process that works on the run
    results.parquet           the rows of all finished runs, a cache that can be deleted
    workers.log               what worker processes of this machine printed
    keys/                     of the jobs of a cluster, while a command runs; for its owner's eyes
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from passband.documents import json_text, parse_json, read_document
from passband.durable import write_atomically
from passband.recipe import PassbandError

CONFIG, METRICS, COST = "config.json", "metrics.parquet", "cost.json"
ERROR, ATTEMPT, LOCK = "error.json", "attempt.json", ".lock"
CAMPAIGN, RUNS, STORES, TRAININGS = "campaign.json", "runs", "stores", "trainings"
RESULTS, LOG, KEYS = "results.parquet", "workers.log", "keys"


FORMAT = 2  # 1 had no folder of trainings: evaluations were part of their identity


class CampaignError(PassbandError):
    """A campaign that cannot go on."""


class Identified(Protocol):
    """Anything that a run can be made of: it has an identity that names its folder."""

    @property
    def identity(self) -> str:
        """Name of the run's folder."""


def run_folder(experiment: Identified, directory: Path) -> Path:
    """Where a campaign keeps an experiment."""
    return directory / RUNS / experiment.identity


def finished(folder: Path) -> bool:
    """Whether a run is complete."""
    return (folder / METRICS).exists()


def write_campaign(directory: Path, plan: dict[str, Any], runs: Sequence[str]) -> None:
    """Record what a campaign consists of; a changed plan replaces the one before, finished runs stay.

    Raises
    ------
    CampaignError
        The folder cannot be written, or holds a campaign of another format.
    """
    known = read_json(directory / CAMPAIGN).get("format", FORMAT)
    if known != FORMAT:
        cure = "use another directory; `status` and `report` still read this one"
        raise CampaignError(f"{directory} holds a campaign of format {known}, this passband writes {FORMAT}; {cure}")
    text = json_text({"format": FORMAT, "plan": plan, "runs": list(runs)}, indent=1)
    write_atomically(directory / CAMPAIGN, text.encode(), error=CampaignError)


def read_campaign(directory: Path) -> dict[str, Any]:
    """Return `plan` and `runs` of a campaign.

    Raises
    ------
    CampaignError
        The folder holds no campaign, or its record is damaged.
    """
    path = directory / CAMPAIGN
    try:
        recorded = parse_json(read_document(path))
        runs = [str(run) for run in recorded["runs"]]
        plan = dict(recorded["plan"])
    except FileNotFoundError as error:
        cure = "give the folder that `passband campaign run` wrote with -o"
        raise CampaignError(f"{directory} holds no campaign; {cure}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        cure = "run the same `passband campaign run` again, which writes it anew"
        raise CampaignError(f"{path} cannot be read; {cure}") from error
    return {"plan": plan, "runs": runs}


def read_json(path: Path) -> dict[str, Any]:
    """Return a small JSON object, or an empty one where the file is missing or damaged."""
    try:
        value = parse_json(read_document(path))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}

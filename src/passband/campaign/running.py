"""A campaign from its plan to its finished runs: the waves that are missing first, then every run that is."""

from functools import partial
from pathlib import Path

from passband.campaign.cluster import Pool, Summary, execute, run_here
from passband.campaign.experiment_run import prepare_stores
from passband.campaign.folder import LOCK, STORES, TRAININGS, write_campaign
from passband.campaign.grid import CampaignPlan
from passband.dataset.store import beam_warning
from passband.durable import remove_leftovers
from passband.locking import exclusive_in_turn
from passband.progress import SilentStages, Stages


def run_campaign(
    plan: CampaignPlan,
    directory: Path,
    pool: Pool = 0,
    *,
    stores: Path | None = None,
    device: str = "auto",
    stages: Stages | None = None,
) -> Summary:
    """Run every experiment of a campaign that is not finished; called again, it resumes.

    Parameters
    ----------
    plan, directory
        The campaign and its folder.
    pool
        Processes on this machine (0: this one), the address of a Dask scheduler, or jobs on a SLURM cluster.
    stores
        Folder of exit waves, which campaigns may share; one inside `directory` by default.
    device
        Of the workers; "auto" is a GPU where there is one.
    stages
        Told how far it is, and of waves that hold too little of the beam.

    Raises
    ------
    CampaignError
        The folder holds another campaign, or the workers cannot be reached.
    """
    stages = stages or SilentStages()
    experiments = plan.experiments()
    place = (stores or directory / STORES).absolute()
    with exclusive_in_turn(directory / LOCK):  # of two commands on one folder the second waits here
        remove_leftovers(directory, deep=False)
        write_campaign(directory, plan.model_dump(mode="json"), [one.identity for one in experiments])
        with stages.bar("simulate", unit="structures") as bar:
            processes = pool if isinstance(pool, int) else 1
            for store in prepare_stores(plan, place, workers=max(1, processes), progress=bar):
                if warning := beam_warning(store):
                    stages.warn(f"warning: {store.directory.name}: {warning}")
    with stages.bar("run", unit="runs") as bar:
        job = partial(run_here, stores=place, trainings=directory.absolute() / TRAININGS, device=device)
        return execute(experiments, directory, job, pool=pool, progress=bar)

"""Warn before a long command starts that this machine has less memory or disk than the command will take."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from passband.campaign.grid import CampaignPlan
    from passband.dataset.beam_path import SimulationRecipe
    from passband.experiment.plan import Plan


def simulation_shortage(recipe: "SimulationRecipe", store: Path, *, workers: int) -> list[str]:
    """Say what is too little for simulating a store; nothing of one that is there."""
    from passband.dataset.layout import store_size

    if (store / "scenes.parquet").exists():
        return []
    processes = f" with {workers} workers" if workers > 1 else ""
    return [
        *_memory(workers * recipe.memory, f"simulating{processes}", "use fewer workers or a smaller field"),
        *_disk(store_size(recipe).disk, store),
    ]


def training_shortage(plan: "Plan") -> list[str]:
    """Say whether memory is too little for training the network of a plan on this machine's processor."""
    from passband.segmentation.footprint import training_footprint

    needed = training_footprint(plan.network, plan.loss, plan.training, patch=plan.imaging.patch).peak
    return _memory(needed, "training", "make training.batch_size or imaging.patch smaller")


def campaign_shortage(plan: "CampaignPlan", folder: Path, stores: Path, *, workers: int) -> list[str]:
    """Say what is too little for what is left of a campaign whose workers are on this machine."""
    from passband.campaign.estimate import estimate
    from passband.campaign.folder import finished, run_folder

    runs = plan.experiments()
    waiting = sum(not finished(run_folder(one, folder)) for one in runs)
    if not waiting:
        return []
    found = estimate(plan, workers=workers)
    missing = sum(one.disk for one in found.stores if not (stores / one.identity / "scenes.parquet").exists())
    return [
        *_memory(found.memory, f"the campaign with {found.workers} workers", "use fewer workers, see --dry-run"),
        *_disk(missing + found.run_disk * waiting / len(runs), folder),
    ]


def _memory(needed: float, what: str, cure: str) -> list[str]:
    there = _physical_memory()
    if there is None or needed <= there:
        return []
    return [f"{what} takes about {needed / 1e9:,.3g} GB of memory and this machine has {there / 1e9:,.3g} GB; {cure}"]


def _disk(needed: float, folder: Path) -> list[str]:
    place = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())
    free = shutil.disk_usage(place).free
    if needed <= free:
        return []
    cure = "choose another folder with -o, or free some space"
    return [f"{folder} will take about {needed / 1e9:,.3g} GB of disk and {free / 1e9:,.3g} GB are free; {cure}"]


def _physical_memory() -> int | None:
    """Bytes of this machine's memory; None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None

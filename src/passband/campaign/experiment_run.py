"""One experiment of a campaign: networks, trained or found, and what they score under some conditions.

A run is a folder. It is finished when it holds `metrics.parquet`, which is written last; until then the same call
resumes it. Trainings and measurements are kept beside the runs under identities of their own
(`passband.campaign.trainings`), so an experiment that differs in its evaluations alone trains nothing, and measures
only what is new. Rows depend on the experiment alone: not on the folder, the workers or their number.
"""

import time
from pathlib import Path
from typing import Any, Literal

import torch

from passband.campaign.folder import COST, METRICS, CampaignError
from passband.campaign.grid import CampaignPlan
from passband.campaign.tables import read_scores
from passband.campaign.trainings import FinishedTraining, claim, trained_networks
from passband.dataset.beam_path import SimulationRecipe
from passband.dataset.beam_paths import AnyImaging, AnySimulation
from passband.dataset.memory import Memory
from passband.dataset.simulate import simulate
from passband.dataset.store import WaveStore
from passband.documents import json_text
from passband.durable import write_atomically
from passband.experiment.evaluation import evaluation_imaging, evaluation_set, measure_networks, structures
from passband.experiment.experiment import Evaluation, Experiment
from passband.experiment.training import stacked_learner
from passband.progress import ProgressCallback
from passband.recipe import Recipe
from passband.training.history import to_parquet

#: Scores of each network; `training_loss` is the weighted sum of its recipe.
SCORES = ("paper_loss", "training_loss", "dice", "iou", "accuracy")


class Measurement(Recipe):
    """What the scores of given networks depend on.

    Attributes
    ----------
    simulation, imaging
        Of the micrographs, with the conditions that are evaluated.
    structures
        Numbers of the simulation's structures that are shown, in turn.
    images
        How many micrographs.
    epochs
        Whether every validated epoch is measured, or the last one.
    """

    simulation: AnySimulation
    imaging: AnyImaging
    structures: tuple[int, ...]
    images: int
    epochs: Literal["every", "last"]


def prepare_stores(
    plan: CampaignPlan,
    stores: Path,
    *,
    workers: int = 1,
    device: str | None = None,
    progress: ProgressCallback | None = None,
) -> list[WaveStore]:
    """Simulate the exit waves that the experiments of a plan need, as far as `stores` lacks them, and open them."""
    return [
        simulate(simulation, store_path(simulation, stores), workers=workers, device=device, progress=progress)
        for simulation in plan.simulations().values()
    ]


def store_path(simulation: SimulationRecipe, stores: Path) -> Path:
    """Where the exit waves of a simulation are."""
    return stores / simulation.identity


def run_experiment(
    experiment: Experiment,
    folder: Path,
    *,
    stores: Path,
    trainings: Path,
    device: str = "cpu",
    progress: ProgressCallback | None = None,
) -> list[dict[str, Any]]:
    """Train and measure the networks of an experiment, as far as that was not done before; else read the rows.

    Parameters
    ----------
    experiment
        What to run.
    folder
        Of this run alone.
    stores
        Folder of stores, see `prepare_stores`.
    trainings
        Folder of trainings, shared by all experiments of a campaign.
    device
        "cpu" or "cuda"; on CUDA all networks of the experiment are computed at once.
    progress
        Called with steps done, steps in all and a note.

    Returns
    -------
    list of dict
        One per network, evaluation and measured epoch: `run`, `trained_on`, `seed`, `optimiser`, `learning_rate`,
        `batch_size`, `epoch`, `step`, `evaluation`, `structures`, `images`, `paper_loss` (scale of arXiv 2512.09067),
        `training_loss` (that of the training's recipe), `dice`, `iou`, `accuracy`, `stopped`.

    Raises
    ------
    CampaignError
        The exit waves are missing, a folder holds something else, or weights that are wanted were not kept.
    TrainingError
        The training diverged.
    """
    path = folder / METRICS
    claim(folder, experiment)
    if path.exists():
        return read_scores(path)
    memory = Memory()
    wanted = {"": experiment.simulation, **experiment.others}
    opened = {name: _open(simulation, stores, memory) for name, simulation in wanted.items()}
    networks = trained_networks(experiment, trainings, opened[""], device=device, progress=progress)
    started = time.perf_counter()
    rows = _rows(experiment, networks, opened, device)
    cost = {
        "training": networks.identity,
        "training_seconds": networks.seconds,
        "evaluation_seconds": round(time.perf_counter() - started, 2),
        "networks": len(experiment.seeds),
        "evaluations": len(experiment.evaluations),
        "epochs": networks.final,
        "images": experiment.images,
        "device": device,
        "threads": torch.get_num_threads(),
    }
    write_atomically(folder / COST, json_text(cost, indent=1).encode(), error=CampaignError)
    write_atomically(path, to_parquet(rows), error=CampaignError)
    if experiment.curves and not experiment.keep_epochs:
        networks.forget_epochs()
    return rows


def _open(simulation: SimulationRecipe, stores: Path, memory: Memory) -> WaveStore:
    path = store_path(simulation, stores)
    store = WaveStore.open(path, memory=memory)
    if store.recipe != simulation:
        raise CampaignError(f"{path} holds other exit waves than {simulation.identity}; remove it and simulate again")
    return store


def _rows(
    experiment: Experiment, networks: FinishedTraining, stores: dict[str, WaveStore], device: str
) -> list[dict[str, Any]]:
    """Rows ordered by epoch, evaluation and network."""
    rows = []
    for evaluation in experiment.evaluations:
        for scored in _scored(experiment, evaluation, networks, stores[evaluation.structures], device):
            rows.append(_row(experiment, evaluation, networks, scored))
    return sorted(rows, key=lambda row: int(row["epoch"]))


def _scored(
    experiment: Experiment, evaluation: Evaluation, networks: FinishedTraining, store: WaveStore, device: str
) -> list[dict[str, Any]]:
    """Scores of the networks under one evaluation, measured or read: `epoch`, `network` (its place), and `SCORES`."""
    measurement = Measurement(
        simulation=store.recipe,
        imaging=evaluation_imaging(experiment, evaluation),
        structures=tuple(structures(experiment, store, "test")),
        images=experiment.images,
        epochs="every" if experiment.curves else "last",
    )
    path = networks.folder / "measured" / f"{measurement.identity}.parquet"
    if path.exists():
        return read_scores(path)
    micrographs = evaluation_set(experiment, evaluation, store, device=device, again=experiment.curves)
    rows: list[dict[str, Any]] = []
    for epoch in networks.epochs if experiment.curves else (None,):
        learner = stacked_learner(networks.weights(experiment, epoch), experiment, device)
        measured = networks.final if epoch is None else epoch
        for k, scores in enumerate(measure_networks(learner, micrographs, name=evaluation.name)):
            rows.append({"epoch": measured, "network": k, **{name: scores[name] for name in SCORES}})
    write_atomically(path, to_parquet(rows), error=CampaignError)
    return rows


def _row(
    experiment: Experiment, evaluation: Evaluation, networks: FinishedTraining, scored: dict[str, Any]
) -> dict[str, Any]:
    training = experiment.training
    return {
        "run": experiment.identity,
        "trained_on": experiment.trained_on,
        "seed": experiment.seeds[scored["network"]],
        "optimiser": training.optimiser,
        "learning_rate": training.learning_rate,
        "batch_size": training.batch_size,
        "epoch": scored["epoch"],
        "step": scored["epoch"] * networks.steps_per_epoch,
        "evaluation": evaluation.name,
        "structures": evaluation.structures,
        "images": experiment.images,
        **{name: scored[name] for name in SCORES},
        "stopped": networks.stopped,
    }

"""One experiment of a campaign: train its networks, measure them, keep the rows; a pure function of the experiment.

A run is a folder: `config.json`, `training/` (checkpoint and history), `models/<seed>/`, `cost.json`, and last of all
`metrics.parquet`. Where that file is the run is finished and is not repeated; where it is not, the same call goes on
from the last epoch. The rows depend on the experiment alone: not on the folder, the workers or their number.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from math import sqrt
from pathlib import Path
from typing import Any

import torch

from passband.campaign.folder import CONFIG, COST, METRICS, CampaignError
from passband.campaign.grid import CampaignPlan, Evaluation, Experiment
from passband.campaign.run import NamedSet, Report
from passband.distribution import limits
from passband.documents import json_text, parse_json, read_document
from passband.durable import write_atomically
from passband.micrograph.acquisition import Acquisition, Simulation, simulate
from passband.micrograph.memory import Memory
from passband.micrograph.store import WaveStore
from passband.segmentation.model import ModelCard, save_model
from passband.segmentation.stacked import StackedLearner, Together, seeded_networks
from passband.training import History, Progress, fit
from passband.training.history import read_history, to_parquet

TRAINED = "trained"  # the set that may stop a training: its own condition, on the validation structures

Row = dict[str, Any]


def prepare_stores(
    plan: CampaignPlan, stores: Path, *, workers: int = 1, device: str | None = None, progress: Report | None = None
) -> list[WaveStore]:
    """Simulate the exit waves that the experiments of a plan need, as far as `stores` lacks them, and open them."""
    return [
        simulate(simulation, store_path(simulation, stores), workers=workers, device=device, progress=progress)
        for simulation in plan.simulations().values()
    ]


def store_path(simulation: Simulation, stores: Path) -> Path:
    """Where the exit waves of a simulation are."""
    return stores / simulation.identity


def run_experiment(
    experiment: Experiment, folder: Path, *, stores: Path, device: str = "cpu", progress: Report | None = None
) -> list[Row]:
    """Train and measure the networks of an experiment, or read what is there.

    Parameters
    ----------
    experiment
        What to run.
    folder
        Of this run alone.
    stores
        Folder of stores, see `prepare_stores`.
    device
        "cpu" or "cuda"; on CUDA all networks of the experiment are computed at once.
    progress
        Called with steps done, steps in all and a note.

    Returns
    -------
    list of dict
        One per network, evaluation and measured epoch: `run`, `trained_on`, `seed`, `optimiser`, `learning_rate`,
        `batch_size`, `epoch`, `step`, `evaluation`, `structures`, `images`, `loss` (scale of arXiv 2512.09067),
        `cross_entropy` (the training's loss), `dice`, `iou`, `accuracy`, `stopped`.

    Raises
    ------
    CampaignError
        The exit waves are missing, or the folder holds another experiment.
    TrainingError
        The training diverged.
    """
    path = folder / METRICS
    _claim(experiment, folder)
    if path.exists():
        return read_history(path)
    wanted = {"": experiment.simulation, **experiment.others}
    memory = Memory()
    opened = {name: _open(simulation, stores, memory) for name, simulation in wanted.items()}
    learner = _learner(experiment, device)
    measured = {
        _key(one): evaluation_set(experiment, one, opened[one.structures], device) for one in experiment.evaluations
    }
    history = _train(experiment, learner, opened[""], measured if experiment.curves else {}, folder, device, progress)
    started = time.perf_counter()
    rows = (
        _curve_rows(experiment, history) if experiment.curves else _final_rows(experiment, learner, measured, history)
    )
    cost = {
        "training_seconds": round(history.seconds, 2),
        "evaluation_seconds": round(time.perf_counter() - started, 2),
        "networks": len(experiment.seeds),
        "evaluations": len(experiment.evaluations),
        "epochs": int(history.rows[-1]["epoch"]),
        "images": experiment.images,
        "device": device,
        "threads": torch.get_num_threads(),
    }
    for seed, network in zip(experiment.seeds, learner.separate(), strict=True):
        save_model(folder / "models" / str(seed), network, _card(experiment, seed))
    write_atomically(folder / COST, json_text(cost, indent=1).encode(), error=CampaignError)
    write_atomically(path, to_parquet(rows), error=CampaignError)
    return rows


def _claim(experiment: Experiment, folder: Path) -> None:
    """Write what the folder is for, or check that it is for this."""
    path = folder / CONFIG
    text = experiment.to_json()
    if path.exists() and json.dumps(parse_json(read_document(path)), sort_keys=True, separators=(",", ":")) != text:
        raise CampaignError(f"{folder} holds another experiment than {experiment.identity}; use another directory")
    if not path.exists():
        write_atomically(path, json.dumps(json.loads(text), indent=1, sort_keys=True).encode(), error=CampaignError)


def _open(simulation: Simulation, stores: Path, memory: Memory) -> WaveStore:
    path = store_path(simulation, stores)
    store = WaveStore.open(path, memory=memory)
    if store.recipe != simulation:
        raise CampaignError(f"{path} holds other exit waves than {simulation.identity}; remove it and simulate again")
    return store


def _learner(experiment: Experiment, device: str) -> StackedLearner:
    together: Together = "vmap" if torch.device(device).type == "cuda" and len(experiment.seeds) > 1 else "turns"
    networks = seeded_networks(experiment.network, experiment.seeds)
    return StackedLearner(networks, experiment.loss, seed=experiment.training.seed, together=together)


def _key(evaluation: Evaluation) -> str:
    return json.dumps([evaluation.structures, evaluation.name])


def _structures(experiment: Experiment, store: WaveStore, part: str) -> list[int]:
    if store.recipe != experiment.simulation:
        return list(range(len(store)))  # no network has seen any of another store
    parts = store.splits(validation=experiment.split.validation, test=experiment.split.test)
    return [int(index) for index in parts[part]]


def evaluation_set(experiment: Experiment, evaluation: Evaluation, store: WaveStore, device: str = "cpu") -> NamedSet:
    """Return the micrographs of an evaluation: the same ones for every experiment that measures on it."""
    imaging = experiment.imaging.model_copy(update={"conditions": evaluation.conditions, "patches_per_field": 1})
    drawn = hashlib.sha256(f"{store.recipe.identity} {imaging.identity}".encode()).digest()
    acquisition = Acquisition(
        store,
        imaging,
        indices=_structures(experiment, store, "test"),
        seed=int.from_bytes(drawn[:6], "big"),
        in_turn=True,
        device=device,
    )
    return NamedSet(acquisition, experiment.images, at_most=16, again=experiment.curves)


def _train(
    experiment: Experiment,
    learner: StackedLearner,
    store: WaveStore,
    measured: Mapping[str, Iterable[Any]],
    folder: Path,
    device: str,
    progress: Report | None,
) -> History:
    seed = experiment.training.seed
    stream = Acquisition(
        store, experiment.imaging, indices=_structures(experiment, store, "train"), seed=seed, device=device
    )
    own = Acquisition(
        store,
        experiment.imaging,
        indices=_structures(experiment, store, "validation"),
        seed=seed + 1_000_003,
        in_turn=True,
        device=device,
    )
    return fit(
        learner,
        stream.batch,
        {TRAINED: NamedSet(own, experiment.images, at_most=16), **measured},
        experiment.training,
        folder / "training",
        device=device,
        progress=_telling(progress),
        identity=experiment.identity,
    )


def _telling(progress: Report | None) -> Any:
    def tell(state: Progress) -> None:
        assert progress is not None
        progress(state.step, state.steps, note=f"epoch {state.epoch}/{state.epochs}, loss {state.loss:.3f}")

    return tell if progress is not None else None


def _curve_rows(experiment: Experiment, history: History) -> list[Row]:
    sets = {_key(one): one for one in experiment.evaluations}
    return [
        _row(experiment, sets[recorded["set"]], k, recorded, recorded, history)
        for recorded in history.rows
        if recorded["set"] in sets
        for k in range(len(experiment.seeds))
    ]


def _final_rows(
    experiment: Experiment, learner: StackedLearner, measured: Mapping[str, NamedSet], history: History
) -> list[Row]:
    last = history.rows[-1]
    rows = []
    for evaluation in experiment.evaluations:
        with torch.no_grad():
            scores = learner.validate(evaluation.name, measured[_key(evaluation)])
        rows += [_row(experiment, evaluation, k, last, scores, history) for k in range(len(experiment.seeds))]
    return rows


def _row(
    experiment: Experiment,
    evaluation: Evaluation,
    k: int,
    recorded: Mapping[str, Any],
    scores: Mapping[str, float],
    history: History,
) -> Row:
    training = experiment.training
    return {
        "run": experiment.identity,
        "trained_on": experiment.trained_on,
        "seed": experiment.seeds[k],
        "optimiser": training.optimiser,
        "learning_rate": training.learning_rate,
        "batch_size": training.batch_size,
        "epoch": recorded["epoch"],
        "step": recorded["step"],
        "evaluation": evaluation.name,
        "structures": evaluation.structures,
        "images": experiment.images,
        "loss": scores[f"paper_scale_loss.{k}"],
        "cross_entropy": scores[f"loss.{k}"],
        "dice": scores[f"dice.{k}"],
        "iou": scores[f"iou.{k}"],
        "accuracy": scores[f"accuracy.{k}"],
        "stopped": history.stopped,
    }


def _card(experiment: Experiment, seed: int) -> ModelCard:
    imaging = experiment.imaging
    low, high = limits(imaging.pixel_size)
    return ModelCard(
        name=f"{experiment.trained_on} seed {seed}",
        architecture=experiment.network,
        pixel_size=sqrt(low * high),
        conditions=imaging.conditions.model_dump(mode="json"),
        simulation=experiment.simulation.model_dump(mode="json"),
        imaging=imaging.model_dump(mode="json"),
        training={**experiment.training.model_dump(mode="json"), "loss": experiment.loss.model_dump(mode="json")},
        seed=seed,
        citation="arXiv:2512.09067",
    )

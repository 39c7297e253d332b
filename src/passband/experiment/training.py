"""Training the networks of an experiment: the stream of micrographs, the learner, the loop, the models and cards."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from math import isnan, sqrt
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import Field, JsonValue, SerializerFunctionWrapHandler, model_serializer
from safetensors.torch import save
from torch import nn

from passband.dataset.acquisition import Acquisition
from passband.dataset.beam_path import ImagingRecipe
from passband.dataset.beam_paths import AnyImaging, AnySimulation
from passband.dataset.imaging_pool import ImagingPool
from passband.dataset.store import WaveStore
from passband.distribution import limits
from passband.durable import write_atomically
from passband.experiment.evaluation import structures, validation_sets
from passband.experiment.experiment import Evaluation, Experiment, Split
from passband.microscope.instruments.choice import instrument_of
from passband.progress import ProgressCallback
from passband.recipe import Recipe
from passband.segmentation.card import ModelCard
from passband.segmentation.learner import SegmentationLearner
from passband.segmentation.losses import LossRecipe
from passband.segmentation.model import save_model
from passband.segmentation.networks import AnyArchitecture, seeded_networks
from passband.segmentation.stacked import Together
from passband.training import FitOptions, History, TrainingProgress, fit

CITATIONS = {"tem": "arXiv:2512.09067"}
CARD_SCORES = ("dice", "iou", "paper_loss")


class NetworkTraining(Recipe):
    """What the weights of some networks depend on.

    Attributes
    ----------
    simulation, imaging, network, loss, split, seeds
        As in `Experiment`.
    protocol
        `TrainingRecipe.decisive`.
    judged_on
        Micrographs of each set that stops the training or chooses its best epoch; None where nothing does. (Identities
        of trainings that are on disk depend on this name.)
    monitored
        Those sets, where the experiment names its validations.
    """

    simulation: AnySimulation
    imaging: AnyImaging
    network: AnyArchitecture
    loss: LossRecipe
    split: Split
    seeds: tuple[int, ...]
    protocol: dict[str, JsonValue]
    judged_on: int | None = Field(default=None, ge=1)
    monitored: tuple[Evaluation, ...] = ()

    @model_serializer(mode="wrap")
    def _serialise(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        if not self.monitored:  # trainings of campaigns keep their identity
            values.pop("monitored", None)
        return values


class TrainedNetworks(NamedTuple):
    """Networks in the order of their seeds, how their training went, and on what device.

    `given` names the images they were trained on, where these were not simulated for it.
    """

    networks: Sequence[nn.Module]
    history: History
    device: str
    given: str = ""


class BesideTraining(NamedTuple):
    """Where micrographs are made while networks learn.

    On a CPU the result is the same. On a GPU it is not: what it draws itself is other noise than what processes draw
    for it on the CPU, so a training goes on with the kind that it began with.

    Attributes
    ----------
    thread
        Make the next batch in a second thread during a step.
    workers
        Processes that make them, on the CPU; 0 makes them in this process, on the device of the training.
    """

    thread: bool = False
    workers: int = 0


IN_TURN = BesideTraining()


def training_of(experiment: Experiment) -> NetworkTraining:
    """Return what the weights of an experiment's networks depend on."""
    training = experiment.protocol
    decides = training.is_monitored
    chosen = [one for one in experiment.validation if training.monitor_set in (None, one.name)]
    return NetworkTraining(
        simulation=experiment.simulation,
        imaging=experiment.imaging,
        network=experiment.network,
        loss=experiment.loss,
        split=experiment.split,
        seeds=experiment.seeds,
        protocol=training.decisive(),
        judged_on=experiment.images_of_validation if decides else None,
        monitored=tuple(chosen) if decides else (),
    )


def stacked_learner(networks: Sequence[nn.Module], experiment: Experiment, device: str) -> SegmentationLearner:
    """Return networks as one learner, computed together where that is faster."""
    together: Together = "vmap" if torch.device(device).type == "cuda" and len(networks) > 1 else "turns"
    learner = SegmentationLearner(networks, experiment.loss, seed=experiment.training.seed, together=together)
    return learner.to(torch.device(device))


def train_networks(
    experiment: Experiment,
    store: WaveStore,
    folder: Path,
    *,
    device: str = "cpu",
    progress: ProgressCallback | None = None,
    imaging: BesideTraining = IN_TURN,
) -> TrainedNetworks:
    """Train the networks of an experiment, or go on with a training that was interrupted: it is the same call.

    Parameters
    ----------
    experiment
        What is trained, and on what.
    store
        Exit waves of `experiment.simulation`.
    folder
        Of the training; `passband.training.fit` says what is kept there. Where the experiment wants curves, the weights
        after every validated epoch are kept too, see `epoch_file`.
    device
        "cpu" or "cuda"; on CUDA all networks of the experiment are computed at once.
    progress
        Called with steps done, steps in all and a note.
    imaging
        Where micrographs are made while the networks learn.

    Raises
    ------
    TrainingError
        The folder holds another training, or the training diverged.
    PassbandError
        The imaging does not fit the store.
    """
    indices, seed = structures(experiment, store, "train"), experiment.training.seed
    images_on = "cpu" if imaging.workers else device
    stream = Acquisition(store, experiment.imaging, indices=indices, seed=seed, device=images_on)
    learner = stacked_learner(seeded_networks(experiment.network, experiment.seeds), experiment, device)

    def keep(epoch: int) -> None:
        for one, network in zip(experiment.seeds, learner.separate(), strict=True):
            state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
            write_atomically(epoch_file(folder, epoch, one), save(state))

    options = FitOptions(
        device=device,
        progress=shown(progress),
        identity=_identity(experiment),
        batches_on=torch.device(images_on).type,
        prefetch=imaging.thread,
        validated=keep if experiment.curves else None,
    )
    sets = validation_sets(experiment, store, device=images_on)
    with ImagingPool(stream, imaging.workers) if imaging.workers else nullcontext(stream) as source:
        history = fit(learner, source.batch, sets, experiment.protocol, folder, options)
    if progress is not None:
        progress(history.rows[-1]["step"], history.rows[-1]["step"], note=f"stopped by {history.stopped}")
    return TrainedNetworks(learner.separate(), history, device)


def _identity(experiment: Experiment) -> str:
    """Identity of a training for `fit`, which compares the protocols itself.

    A study may go on with more epochs, so its protocol is no part of it. Trainings of a campaign, which name no
    validations, are in folders named after the whole of it.
    """
    training = training_of(experiment)
    return (training.model_copy(update={"protocol": {}}) if experiment.validation else training).identity


def epoch_file(folder: Path, epoch: int, seed: int) -> Path:
    """Where a training keeps the weights of a network after an epoch."""
    return folder / "epochs" / f"{epoch:05d}" / f"{seed}.safetensors"


def save_networks(experiment: Experiment, trained: TrainedNetworks, folders: Sequence[Path]) -> None:
    """Write trained networks with their cards, each into a folder of its own."""
    for number, folder in enumerate(folders):
        save_model(folder, trained.networks[number], _card(experiment, trained, number))


def final_epoch(experiment: Experiment, history: History) -> int:
    """Epoch whose weights the trained networks have."""
    return history.best_epoch if experiment.training.keep == "best" else int(history.rows[-1]["epoch"])


def shown(progress: ProgressCallback | None) -> Callable[[TrainingProgress], None] | None:
    """Return what tells `progress` of a training's steps, with the last Dice of its first validation beside."""
    if progress is None:
        return None
    score = ""

    def tell(state: TrainingProgress) -> None:
        nonlocal score
        if state.scores:
            name, row = next(iter(state.scores.items()))
            score = f", Dice {row.get('dice', float('nan')):.3f} ({name})"
        progress(state.step, state.steps, note=f"epoch {state.epoch}/{state.epochs}, loss {state.loss:.3f}{score}")

    return tell


def _card(experiment: Experiment, trained: TrainedNetworks, number: int) -> ModelCard:
    imaging, seed = experiment.imaging, experiment.seeds[number]
    training = {**experiment.training.model_dump(mode="json"), "loss": experiment.loss.model_dump(mode="json")}
    if trained.given:
        training["images"] = trained.given
    cost: dict[str, Any] = {"seconds": round(trained.history.seconds, 1), "device": trained.device}
    cost |= {"threads": torch.get_num_threads()}
    if torch.are_deterministic_algorithms_enabled():  # `passband train --deterministic`
        cost["deterministic"] = True
    return ModelCard(
        name=experiment.trained_on if experiment.validation else f"{experiment.trained_on} seed {seed}",
        architecture=experiment.network,
        mode=instrument_of(imaging.conditions).MODE,
        classes=experiment.simulation.classes,
        pixel_size=network_pixel(imaging),
        conditions=imaging.conditions.model_dump(mode="json"),
        simulation=experiment.simulation.model_dump(mode="json"),
        imaging=imaging.model_dump(mode="json"),
        training=training,
        scores=_card_scores(
            trained.history, final_epoch(experiment, trained.history), f".{number}" if len(experiment.seeds) > 1 else ""
        ),
        seed=seed,
        cost=cost,
        citation=CITATIONS.get(imaging.kind, ""),
        notes=_NOTES + (_GIVEN if trained.given else ""),
    )


_NOTES = "Dice and IoU are of the validation structures, areas summed over all images of a named condition."
_GIVEN = " The training saw the images that it names, and none of the simulation and the imaging on this card."


def network_pixel(imaging: ImagingRecipe) -> float:
    """Pixel size, Å, at which a network sees that is trained on micrographs taken so."""
    low, high = limits(imaging.pixel_size)
    return sqrt(low * high)


def _card_scores(history: History, epoch: int, network: str) -> dict[str, JsonValue]:
    """Scores of one network on every validation after an epoch; `network` is its ending of a column's name."""
    rows: Sequence[Mapping[str, Any]] = [row for row in history.rows if row["epoch"] == epoch]
    return {
        str(row["set"]): {name: _known(row[name + network]) for name in CARD_SCORES if name + network in row}
        for row in rows
    }


def _known(score: Any) -> float | None:
    """Return a score, or None where there is none, as the Dice of a set without particles in truth or prediction."""
    return None if score is None or isnan(score) else float(score)

"""Trained networks of a campaign, named by everything that their weights depend on, and by nothing else.

What they are measured on is no part of it: an evaluation more, or more images, finds the networks that are there.
Layout of the folder of one training, in `trainings/` of the campaign::

    config.json               the training, as one value
    history.parquet …         see `passband.training`; the checkpoint is there until the training is finished
    models/<seed>/            the networks
    epochs/<epoch>/<seed>.safetensors   their weights after every validated epoch, where an experiment wants curves
    trained.json              written last: a training is finished where this file is
    measured/<measurement>.parquet      scores, see `passband.campaign.experiment`
"""

import json
import shutil
from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import Field, JsonValue
from safetensors.torch import load_file, save
from torch import nn

from passband.campaign.folder import CONFIG, LOCK, CampaignError, read_json
from passband.campaign.grid import JUDGE, Experiment
from passband.dataset.acquisition import Acquisition
from passband.dataset.imaging import Imaging
from passband.dataset.simulation import Simulation
from passband.dataset.store import WaveStore
from passband.distribution import limits
from passband.documents import json_text
from passband.durable import write_atomically
from passband.experiment.plan import Split
from passband.experiment.run import NamedSet
from passband.locking import exclusive_in_turn
from passband.progress import ProgressCallback
from passband.recipe import Recipe
from passband.segmentation.card import ModelCard
from passband.segmentation.losses import LossRecipe
from passband.segmentation.model import load_model, save_model
from passband.segmentation.networks import AnyArchitecture, seeded_networks
from passband.segmentation.stacked import StackedLearner, Together
from passband.training import History, TrainingProgress, fit
from passband.training.loop import CHECKPOINT

RECORD, EPOCHS = "trained.json", "epochs"


class NetworkTraining(Recipe):
    """What the weights of some networks depend on.

    Attributes
    ----------
    simulation, imaging, network, loss, split, seeds
        As in `passband.campaign.grid.Experiment`.
    protocol
        `TrainingRecipe.decisive`.
    judged_on
        Micrographs of the set that stops the training or chooses its best epoch; None where nothing does.
    """

    simulation: Simulation
    imaging: Imaging
    network: AnyArchitecture
    loss: LossRecipe
    split: Split
    seeds: tuple[int, ...]
    protocol: dict[str, JsonValue]
    judged_on: int | None = Field(default=None, ge=1)


class TrainedNetworks(NamedTuple):
    """Where the networks of an experiment are, and how they came about.

    Attributes
    ----------
    folder, identity
        Of the training.
    epochs
        Validated epochs whose weights were kept.
    final
        Epoch whose weights the networks have.
    steps_per_epoch
        Of the training.
    stopped, seconds
        As in `passband.training.History`.
    """

    folder: Path
    identity: str
    epochs: tuple[int, ...]
    final: int
    steps_per_epoch: int
    stopped: str
    seconds: float

    def weights(self, experiment: Experiment, epoch: int | None = None) -> list[nn.Module]:
        """Return the networks in the order of the seeds: as they are in the end, or after an epoch.

        Raises
        ------
        CampaignError
            The weights of that epoch were not kept.
        """
        if epoch is None:
            return [load_model(model_folder(self.folder, seed)).network for seed in experiment.seeds]
        networks = [experiment.network.build() for _ in experiment.seeds]
        for network, seed in zip(networks, experiment.seeds, strict=True):
            path = _snapshot(self.folder, epoch, seed)
            if not path.exists():
                cure = f"measure it in a part without curves, or remove {self.folder}, which trains again"
                raise CampaignError(f"the weights after epoch {epoch} were not kept (keep_epochs = false); {cure}")
            network.load_state_dict(load_file(path))
        return networks

    def forget_epochs(self) -> None:
        """Remove the weights of the epochs; the networks stay."""
        shutil.rmtree(self.folder / EPOCHS, ignore_errors=True)


def training_of(experiment: Experiment) -> NetworkTraining:
    """Return what the weights of an experiment's networks depend on."""
    training = experiment.training.model_copy(update={"monitor_set": JUDGE})
    return NetworkTraining(
        simulation=experiment.simulation,
        imaging=experiment.imaging,
        network=experiment.network,
        loss=experiment.loss,
        split=experiment.split,
        seeds=experiment.seeds,
        protocol=training.decisive(),
        judged_on=experiment.images if training.is_judged else None,
    )


def training_folder(experiment: Experiment, trainings: Path) -> Path:
    """Where the networks of an experiment are, or will be.

    Those whose epochs are kept have a folder of their own, which also serves who wants the end alone.
    """
    identity = training_of(experiment).identity
    if experiment.curves:
        return trainings / f"{identity}-every{experiment.training.validate_every}"
    finished = sorted(path.parent for path in trainings.glob(f"{identity}-every*/{RECORD}"))
    return finished[0] if finished else trainings / identity


def model_folder(folder: Path, seed: int) -> Path:
    """Where a training keeps the network of a seed."""
    return folder / "models" / str(seed)


def trained_networks(
    experiment: Experiment,
    trainings: Path,
    store: WaveStore,
    *,
    device: str = "cpu",
    progress: ProgressCallback | None = None,
) -> TrainedNetworks:
    """Train the networks of an experiment, or find them; what was interrupted goes on from its last epoch.

    Another process that trains the same ones is waited for.

    Raises
    ------
    CampaignError
        The folder holds something else.
    TrainingError
        The training diverged.
    """
    folder = training_folder(experiment, trainings)
    with exclusive_in_turn(folder / LOCK):
        claim(folder, training_of(experiment))
        if not (folder / RECORD).exists():
            _train(experiment, folder, store, device, progress)
        (folder / CHECKPOINT).unlink(missing_ok=True)  # the paper's plans would keep half a terabyte of them
    record = read_json(folder / RECORD)
    try:
        return TrainedNetworks(
            folder,
            training_of(experiment).identity,
            tuple(int(epoch) for epoch in record["epochs"]),
            int(record["final"]),
            int(record["steps_per_epoch"]),
            str(record["stopped"]),
            float(record["seconds"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CampaignError(f"{folder / RECORD} is damaged; delete it, and the same command writes it anew") from error


def claim(folder: Path, recipe: Recipe) -> None:
    """Write what a folder is for, or check that it is for this.

    Raises
    ------
    CampaignError
        It is for something else.
    """
    path, text = folder / CONFIG, recipe.to_json()
    if not path.exists():
        write_atomically(path, json.dumps(json.loads(text), indent=1, sort_keys=True).encode(), error=CampaignError)
    elif json.dumps(read_json(path), sort_keys=True, separators=(",", ":")) != text:
        raise CampaignError(f"{folder} holds another experiment than {recipe.identity}; use another directory")


def structures(experiment: Experiment, store: WaveStore, part: str) -> list[int]:
    """Structures of a part of the split; of a store that no network was trained on, all."""
    if store.recipe != experiment.simulation:
        return list(range(len(store)))
    parts = store.splits(validation=experiment.split.validation, test=experiment.split.test)
    return [int(index) for index in parts[part]]


def stacked(networks: Sequence[nn.Module], experiment: Experiment, device: str) -> StackedLearner:
    """Return networks as one learner, computed together where that is faster."""
    together: Together = "vmap" if torch.device(device).type == "cuda" and len(networks) > 1 else "turns"
    learner = StackedLearner(networks, experiment.loss, seed=experiment.training.seed, together=together)
    return learner.to(torch.device(device))


def _train(
    experiment: Experiment, folder: Path, store: WaveStore, device: str, progress: ProgressCallback | None
) -> None:
    learner = stacked(seeded_networks(experiment.network, experiment.seeds), experiment, device)
    seed = experiment.training.seed
    parts = {part: structures(experiment, store, part) for part in ("train", "validation")}
    imaging = experiment.imaging
    stream = Acquisition(store, imaging, indices=parts["train"], seed=seed, device=device)
    own = Acquisition(store, imaging, indices=parts["validation"], seed=seed + 1_000_003, in_turn=True, device=device)
    recipe = experiment.training.model_copy(update={"monitor_set": JUDGE})

    def keep(epoch: int) -> None:
        for one, network in zip(experiment.seeds, learner.separate(), strict=True):
            state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
            write_atomically(_snapshot(folder, epoch, one), save(state), error=CampaignError)

    history = fit(
        learner,
        stream.batch,
        {JUDGE: NamedSet(own, experiment.images, at_most=16)},
        recipe,
        folder,
        device=device,
        progress=_telling(progress),
        identity=training_of(experiment).identity,
        validated=keep if experiment.curves else None,
    )
    for one, network in zip(experiment.seeds, learner.separate(), strict=True):
        save_model(model_folder(folder, one), network, _card(experiment, one))
    _record(experiment, folder, history, device)


def _record(experiment: Experiment, folder: Path, history: History, device: str) -> None:
    validated = [int(row["epoch"]) for row in history.rows]
    final = history.best_epoch if experiment.training.keep == "best" else validated[-1]
    record = {
        "epochs": validated if experiment.curves else [],
        "final": final,
        "steps_per_epoch": experiment.training.steps_per_epoch,
        "stopped": history.stopped,
        "seconds": round(history.seconds, 2),
        "device": device,
        "threads": torch.get_num_threads(),
    }
    write_atomically(folder / RECORD, json_text(record, indent=1).encode(), error=CampaignError)


def _snapshot(folder: Path, epoch: int, seed: int) -> Path:
    return folder / EPOCHS / f"{epoch:05d}" / f"{seed}.safetensors"


def _telling(progress: ProgressCallback | None) -> Any:
    def tell(state: TrainingProgress) -> None:
        assert progress is not None
        progress(state.step, state.steps, note=f"epoch {state.epoch}/{state.epochs}, loss {state.loss:.3f}")

    return tell if progress is not None else None


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

"""Trained networks of a campaign, named by everything that their weights depend on, and by nothing else.

What they are measured on is no part of it: an evaluation more, or more images, finds the networks that are there.
Layout of the folder of one training, in `trainings/` of the campaign::

    config.json               the training, as one value
    history.parquet …         see `passband.training`; the checkpoint is there until the training is finished
    models/<seed>/            the networks
    epochs/<epoch>/<seed>.safetensors   their weights after every validated epoch, where an experiment wants curves
    trained.json              written last: a training is finished where this file is
    measured/<measurement>.parquet      scores, see `passband.campaign.experiment_run`
"""

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file
from torch import nn

from passband.campaign.folder import CONFIG, LOCK, CampaignError, read_json
from passband.dataset.store import WaveStore
from passband.differences import differences
from passband.documents import json_text
from passband.durable import write_atomically
from passband.experiment.experiment import Experiment
from passband.experiment.training import epoch_file, final_epoch, save_networks, train_networks, training_of
from passband.locking import exclusive_in_turn
from passband.progress import ProgressCallback
from passband.recipe import Recipe
from passband.segmentation.model import load_model
from passband.training import History
from passband.training.state import CHECKPOINT

RECORD = "trained.json"


class FinishedTraining(NamedTuple):
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
            path = epoch_file(self.folder, epoch, seed)
            if not path.exists():
                cure = f"measure it in a part without curves, or remove {self.folder}, which trains again"
                raise CampaignError(f"the weights after epoch {epoch} were not kept (keep_epochs = false); {cure}")
            network.load_state_dict(load_file(path))
        return networks

    def forget_epochs(self) -> None:
        """Remove the weights of the epochs; the networks stay."""
        shutil.rmtree(self.folder / "epochs", ignore_errors=True)


def training_folder(experiment: Experiment, trainings: Path) -> Path:
    """Where the networks of an experiment are, or will be.

    A training that keeps the weights of its epochs has its own folder. Where it is finished, an experiment that needs
    the final weights alone uses it too.
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
) -> FinishedTraining:
    """Train the networks of an experiment, or find them; an interrupted training resumes from its last epoch.

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
        return FinishedTraining(
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
    """Record which recipe a folder belongs to, or check that it is this one.

    Raises
    ------
    CampaignError
        It belongs to another one.
    """
    path, text = folder / CONFIG, recipe.to_json()
    if not path.exists():
        write_atomically(path, json.dumps(json.loads(text), indent=1, sort_keys=True).encode(), error=CampaignError)
    elif json.dumps(read_json(path), sort_keys=True, separators=(",", ":")) != text:
        keys = differences(read_json(path), recipe.model_dump(mode="json"))
        raise CampaignError(f"{folder} holds another experiment than {recipe.identity} ({keys}); use another directory")


def _train(
    experiment: Experiment, folder: Path, store: WaveStore, device: str, progress: ProgressCallback | None
) -> None:
    trained = train_networks(experiment, store, folder, device=device, progress=progress)
    save_networks(experiment, trained, [model_folder(folder, seed) for seed in experiment.seeds])
    _record(experiment, folder, trained.history, device)


def _record(experiment: Experiment, folder: Path, history: History, device: str) -> None:
    validated = [int(row["epoch"]) for row in history.rows]
    record = {
        "epochs": validated if experiment.curves else [],
        "final": final_epoch(experiment, history),
        "steps_per_epoch": experiment.training.steps_per_epoch,
        "stopped": history.stopped,
        "seconds": round(history.seconds, 2),
        "device": device,
        "threads": torch.get_num_threads(),
    }
    write_atomically(folder / RECORD, json_text(record, indent=1).encode(), error=CampaignError)

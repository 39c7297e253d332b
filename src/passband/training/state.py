"""State of a training between two epochs, kept on disk whole or not at all."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch

from passband.documents import json_text, parse_json, read_document
from passband.durable import remove_leftovers, write_atomically
from passband.training.checkpoint import (
    TrainingError,
    optimiser_tensors,
    prefixed,
    read_checkpoint,
    recorded_device,
    refuse_other_device,
    refuse_other_run,
    restore_optimiser,
    without_prefix,
    write_checkpoint,
)
from passband.training.history import History, to_parquet, with_present_names
from passband.training.optimising import WeightAverage, copy_into, snapshot
from passband.training.recipe import Learner, TrainingRecipe
from passband.training.turns import Players, players_of

COMMON = ("epoch", "step", "learning_rate", "train_loss")  # to the rows of all sets of an epoch, beside loss_<turn>
CHECKPOINT, HISTORY, RECIPE, COST = "checkpoint.safetensors", "history.parquet", "training.json", "cost.json"


class TrainingState:
    """A learner, its optimiser and averages, and what was measured so far.

    Parameters
    ----------
    learner, recipe, directory, device
        As in `passband.training.fit`.
    sets
        Identities of the validation sets by name, "" for those without one.
    """

    def __init__(
        self,
        learner: Learner | Players,
        recipe: TrainingRecipe,
        directory: Path,
        *,
        device: torch.device | str | None,
        sets: Mapping[str, str],
    ) -> None:
        self.learner, self.recipe, self.directory, self.sets = learner, recipe, directory, dict(sets)
        self.device = torch.device(device) if device is not None else next(learner.parameters()).device
        if recipe.precision == "float16" and self.device.type != "cuda":
            raise TrainingError(f"precision='float16' needs a CUDA device, not {self.device}; use bfloat16 or float32")
        learner.to(self.device)
        self.players = players_of(learner, recipe)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=recipe.precision == "float16")
        self.average = WeightAverage(learner, recipe.average) if recipe.average else None
        self.best = snapshot(learner) if recipe.keep == "best" else {}
        self.epoch, self.rows, self.stopped = 0, list[dict[str, Any]](), ""
        self.best_epoch, self.best_score = 0, float("inf")
        self.seconds = 0.0
        self.measured: dict[str, str] = {}  # identities of the sets that the rows are of

    def open(self, identity: str, *, batches_on: str) -> None:
        """Begin in an empty directory, or resume the training in this one if it is the same.

        Parameters
        ----------
        identity, batches_on
            As in `passband.training.FitOptions`.

        Raises
        ------
        TrainingError
            The directory holds another training, or cannot be written.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(f"cannot make {self.directory}: {error.strerror}; choose another directory") from error
        remove_leftovers(self.directory)
        ours = {"recipe": self.recipe.model_dump(mode="json"), "identity": identity}
        if (self.directory / CHECKPOINT).exists():
            refuse_other_run(self.directory / RECIPE, self.recipe, identity)
            self._restore()
            there = recorded_device(self.directory / RECIPE)
            if not self.stopped:
                refuse_other_device(self.directory, there, batches_on)
            batches_on = there or batches_on
        if batches_on:
            ours["batches_on"] = batches_on
        self._write(RECIPE, json_text(ours, indent=1, sort_keys=True).encode())

    def _restore(self) -> None:
        path = self.directory / CHECKPOINT
        tensors, state = read_checkpoint(path)
        try:
            self.learner.load_state_dict(without_prefix("learner", tensors))
            for name, optimiser in self.optimisers().items():
                restore_optimiser(optimiser, without_prefix(name, tensors))
            if self.average is not None:
                copy_into(self.average.tensors, without_prefix("average", tensors))
                self.average.updates = state["average_updates"]
            copy_into(self.best, without_prefix("best", tensors))
        except (RuntimeError, KeyError, IndexError) as error:
            reason = " ".join(str(error).split())[:200]
            raise TrainingError(f"{path} does not fit this network: {reason}; use another directory") from error
        if state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        self.epoch, self.stopped = state["epoch"], state["stopped"]
        self.rows = [with_present_names(row) for row in state["rows"]]
        self.measured = state.get("sets", {})
        self.best_epoch, self.best_score = state["best_epoch"], state["best_score"]
        if self.stopped == "epochs" and self.epoch < self.recipe.epochs:
            self.stopped = ""
        cost = self.directory / COST
        self.seconds = float(parse_json(read_document(cost))["seconds"]) if cost.exists() else 0.0

    def save(self) -> None:
        """Keep the epoch: the checkpoint is the truth in one file, the other files follow from it."""
        tensors = prefixed("learner", self.learner.state_dict()) | prefixed("best", self.best)
        for name, optimiser in self.optimisers().items():
            tensors |= prefixed(name, optimiser_tensors(optimiser))
        if self.average is not None:
            tensors |= prefixed("average", self.average.tensors)
        state = {
            "epoch": self.epoch,
            "rows": self.rows,
            "sets": self.measured,
            "stopped": self.stopped,
            "best_epoch": self.best_epoch,
            "best_score": self.best_score,
            "average_updates": self.average.updates if self.average else 0,
            "scaler": self.scaler.state_dict(),
        }
        write_checkpoint(self.directory / CHECKPOINT, tensors, state)
        self._write(HISTORY, to_parquet(self.rows))
        self._write(COST, json_text({"seconds": round(self.seconds, 3)}).encode())

    def optimisers(self) -> dict[str, torch.optim.Optimizer]:
        """Return the optimisers by their names in a checkpoint, each once; several turns may share one."""
        named: dict[str, torch.optim.Optimizer] = {}
        for player in self.players:
            if player.optimiser not in named.values():
                named[f"optimiser_{player.turn}" if player.turn else "optimiser"] = player.optimiser
        return named

    def take_final_weights(self) -> None:
        """Leave the learner, in evaluation mode, with the weights that the recipe keeps."""
        if self.recipe.keep == "best":
            self.learner.load_state_dict(self.best)
        elif self.average is not None:
            self.learner.load_state_dict(self.average.tensors)
        self.learner.train(False)

    def new_sets(self) -> list[str]:
        """Names of the sets that the rows do not know, or know with other micrographs."""
        return [name for name, identity in self.sets.items() if self.measured.get(name) != identity]

    def add_final_scores(self, scores: Mapping[str, Mapping[str, float]]) -> None:
        """Add what the final weights score on sets that came after the training, and keep it."""
        epoch = self.best_epoch if self.recipe.keep == "best" else self.epoch
        kept = [row for row in self.rows if not (row["epoch"] == epoch and row["set"] in (*scores, ""))]
        like = next(row for row in self.rows if row["epoch"] == epoch)
        common = {name: like[name] for name in like if name in COMMON or name.startswith("loss_")}
        added = [common | {"set": name} | dict(row) for name, row in scores.items()]
        self.rows = sorted(kept + added, key=lambda row: int(row["epoch"]))
        self.measured |= {name: self.sets[name] for name in scores}
        tensors, state = read_checkpoint(self.directory / CHECKPOINT)
        write_checkpoint(self.directory / CHECKPOINT, tensors, {**state, "rows": self.rows, "sets": self.measured})

    def history(self) -> History:
        """Return what happened; the table on disk is written again, as a kill may have fallen before it."""
        self._write(HISTORY, to_parquet(self.rows))
        return History(tuple(self.rows), self.stopped, self.best_epoch, self.seconds)

    def averaged(self) -> AbstractContextManager[None]:
        """Lend the learner its averaged weights for the time of a `with` block, where there are any."""
        return self.average.applied(self.learner) if self.average is not None else nullcontext()

    def autocast(self) -> AbstractContextManager[Any]:
        """Compute in the precision of the recipe for the time of a `with` block."""
        if self.recipe.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=getattr(torch, self.recipe.precision))

    def validate(self, names: Iterable[str], validation: Mapping[str, Iterable[Any]]) -> dict[str, dict[str, float]]:
        """Scores of the learner as it is on some named sets."""
        with torch.no_grad(), self.autocast():
            return {name: dict(self.learner.validate(name, validation[name])) for name in names}

    def _write(self, name: str, content: bytes) -> None:
        write_atomically(self.directory / name, content, error=TrainingError)

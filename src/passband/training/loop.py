"""The training loop: it descends any learner's loss, validates, keeps every epoch on disk and goes on after a kill."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from passband.documents import json_text, parse_json, read_document
from passband.durable import remove_leftovers, write_atomically
from passband.training.checkpoint import (
    TrainingError,
    all_finite,
    optimiser_tensors,
    prefixed,
    read_checkpoint,
    refuse_other_run,
    restore_optimiser,
    without_prefix,
    write_checkpoint,
)
from passband.training.history import History, Row, renamed, to_parquet
from passband.training.optimising import WeightAverage, copy_into, learning_rate, make_optimiser, set_rate, snapshot
from passband.training.recipe import Batches, Learner, TrainingRecipe
from passband.training.source import BatchSource

CHECKPOINT, HISTORY, RECIPE, COST = "checkpoint.safetensors", "history.parquet", "training.json", "cost.json"
GPU_REPORT_EVERY = 16  # reading the loss makes the CPU wait for the GPU, so it is not read at every step there


@dataclass(frozen=True)
class TrainingProgress:
    """Where a training is: `step` of `steps` in all, steps per second, seconds left; `scores` after a validation."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    learning_rate: float
    rate: float
    remaining: float
    scores: Mapping[str, Mapping[str, float]] | None = None


def fit(  # noqa: PLR0913
    learner: Learner,
    batches: Batches,
    validation: Mapping[str, Iterable[Any]],
    recipe: TrainingRecipe,
    directory: str | Path,
    *,
    device: torch.device | str | None = None,
    progress: Callable[[TrainingProgress], None] | None = None,
    identity: str = "",
    prefetch: bool = False,
    validated: Callable[[int], None] | None = None,
) -> History:
    """Train a learner, or go on with a training that was interrupted: it is the same call.

    On a CPU with the same number of threads an interrupted training ends with the same bits as an uninterrupted one.

    Parameters
    ----------
    learner
        Ends with the trained weights, in evaluation mode.
    batches
        `batches(step, size)` returns the batch of a step, counted from 0 over all epochs; equal steps give equal
        batches.
    validation
        Named sets of batches, gone through once after every epoch, or every `recipe.validate_every` of them. One that
        is new, or whose `identity` is, when the training is over is gone through once with the final weights.
    recipe
        A run may be continued with more `epochs` than it was begun with, unless its schedule depends on their number.
    directory
        `checkpoint.safetensors`, `history.parquet`, `training.json` (the recipe) and `cost.json` (seconds) are kept
        here.
    device
        The learner is moved there; by default it stays where its parameters are.
    progress
        Called after steps and validations.
    identity
        Of whatever else makes the run (data, network): a directory with another one is refused.
    prefetch
        Make the next batch in a second thread during a step; the result is the same.
    validated
        Called with the epoch after each validation, while the learner holds the weights that were validated.

    Raises
    ------
    TrainingError
        The directory holds another run or cannot be written, the loss is not finite, or the monitored score is missing.
    """
    run = _Run(learner, validation, recipe, Path(directory), device)
    run.validated = validated
    run.open(identity)
    cuda = [run.device] if run.device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda, device_type="cuda"), BatchSource(batches, recipe, prefetch) as source:
        while not run.stopped:
            torch.manual_seed(_epoch_seed(recipe.seed, run.epoch))
            run.train_epoch(source, progress)
            if run.epoch % recipe.validate_every == 0 or run.epoch >= recipe.epochs:
                run.validate_epoch(progress)
            run.save()
    return run.finish()


class _Run:
    """State of one training between two epochs."""

    def __init__(
        self,
        learner: Learner,
        validation: Mapping[str, Iterable[Any]],
        recipe: TrainingRecipe,
        directory: Path,
        device: torch.device | str | None,
    ) -> None:
        self.learner, self.validation, self.recipe, self.directory = learner, validation, recipe, directory
        self.device = torch.device(device) if device is not None else next(learner.parameters()).device
        if recipe.precision == "float16" and self.device.type != "cuda":
            raise TrainingError(f"precision='float16' needs a CUDA device, not {self.device}; use bfloat16 or float32")
        learner.to(self.device)
        self.optimiser = make_optimiser(recipe, learner.parameters())
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=recipe.precision == "float16")
        self.average = WeightAverage(learner, recipe.average) if recipe.average else None
        self.best = snapshot(learner) if recipe.keep == "best" else {}
        self.epoch, self.rows, self.stopped = 0, list[Row](), ""
        self.best_epoch, self.best_score = 0, float("inf")
        self.seconds, self.train_loss = 0.0, float("nan")
        self.sets = {name: str(getattr(one, "identity", "")) for name, one in validation.items()}
        self.measured: dict[str, str] = {}  # the sets of the rows
        self.validated: Callable[[int], None] | None = None

    def open(self, identity: str) -> None:
        """Begin in an empty directory, or take up the run that is there if it is this one."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(f"cannot make {self.directory}: {error.strerror}; choose another directory") from error
        remove_leftovers(self.directory)
        ours = {"recipe": self.recipe.model_dump(mode="json"), "identity": identity}
        if (self.directory / CHECKPOINT).exists():
            refuse_other_run(self.directory / RECIPE, self.recipe, identity)
            self._restore()
        write_atomically(
            self.directory / RECIPE, json_text(ours, indent=1, sort_keys=True).encode(), error=TrainingError
        )

    def _restore(self) -> None:
        path = self.directory / CHECKPOINT
        tensors, state = read_checkpoint(path)
        try:
            self.learner.load_state_dict(without_prefix("learner", tensors))
            restore_optimiser(self.optimiser, without_prefix("optimiser", tensors))
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
        self.rows = [renamed(row) for row in state["rows"]]
        self.measured = state.get("sets", {})
        self.best_epoch, self.best_score = state["best_epoch"], state["best_score"]
        if self.stopped == "epochs" and self.epoch < self.recipe.epochs:
            self.stopped = ""
        cost = self.directory / COST
        self.seconds = float(parse_json(read_document(cost))["seconds"]) if cost.exists() else 0.0

    def save(self) -> None:
        """Keep the epoch: the checkpoint is the truth in one file, the other files follow from it."""
        tensors = prefixed("learner", self.learner.state_dict()) | prefixed("best", self.best)
        tensors |= prefixed("optimiser", optimiser_tensors(self.optimiser))
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
        write_atomically(self.directory / HISTORY, to_parquet(self.rows), error=TrainingError)
        write_atomically(
            self.directory / COST, json_text({"seconds": round(self.seconds, 3)}).encode(), error=TrainingError
        )

    def finish(self) -> History:
        """Leave the learner with the weights that the recipe keeps."""
        if self.recipe.keep == "best":
            self.learner.load_state_dict(self.best)
        elif self.average is not None:
            self.learner.load_state_dict(self.average.tensors)
        self.learner.train(False)
        self._measure_new_sets()
        # A kill may have fallen between the checkpoint and the table that follows from it.
        write_atomically(self.directory / HISTORY, to_parquet(self.rows), error=TrainingError)
        return History(tuple(self.rows), self.stopped, self.best_epoch, self.seconds)

    def _measure_new_sets(self) -> None:
        """Score the sets that came after the training with its final weights; nothing is trained for them."""
        new = [name for name, identity in self.sets.items() if self.measured.get(name) != identity]
        if not new:
            return
        with torch.no_grad(), self._autocast():
            scores = {name: dict(self.learner.validate(name, self.validation[name])) for name in new}
        epoch = self.best_epoch if self.recipe.keep == "best" else self.epoch
        kept = [row for row in self.rows if not (row["epoch"] == epoch and row["set"] in (*new, ""))]
        like = next(row for row in self.rows if row["epoch"] == epoch)
        common = {name: like[name] for name in ("epoch", "step", "learning_rate", "train_loss")}
        added = [common | {"set": name} | row for name, row in scores.items()]
        self.rows = sorted(kept + added, key=lambda row: int(row["epoch"]))
        self.measured |= {name: self.sets[name] for name in new}
        tensors, state = read_checkpoint(self.directory / CHECKPOINT)
        write_checkpoint(self.directory / CHECKPOINT, tensors, {**state, "rows": self.rows, "sets": self.measured})

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.recipe.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=getattr(torch, self.recipe.precision))

    def train_epoch(self, source: Callable[[int], Any], progress: Callable[[TrainingProgress], None] | None) -> None:
        """Take the steps of one epoch."""
        recipe, started = self.recipe, time.perf_counter()
        self.learner.train(True)
        total = torch.zeros((), device=self.device, dtype=torch.float64)
        every = GPU_REPORT_EVERY if self.device.type == "cuda" else 1
        for number in range(recipe.steps_per_epoch):
            step = self.epoch * recipe.steps_per_epoch + number
            rate = learning_rate(recipe, step)
            loss = self._step(source(step), step, rate)
            total += loss.double()
            if (number + 1) % every == 0 or number + 1 == recipe.steps_per_epoch:
                value = self._checked(float(loss), float(total), step)
                if progress is not None:
                    speed = (number + 1) / (time.perf_counter() - started)
                    progress(self._progress(step + 1, value, speed))
        if not all_finite(tensor for tensor in self.learner.state_dict().values() if tensor.is_floating_point()):
            self._checked(float("nan"), float("nan"), step)
        self.train_loss = float(total) / recipe.steps_per_epoch
        self.epoch += 1
        self.seconds += time.perf_counter() - started

    def _step(self, batch: Any, step: int, rate: float) -> Tensor:
        set_rate(self.optimiser, rate)
        self.optimiser.zero_grad(set_to_none=True)
        with self._autocast():
            loss = self.learner.loss(batch, step=step)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        if self.recipe.clip_norm is not None:
            self.scaler.unscale_(self.optimiser)
            torch.nn.utils.clip_grad_norm_(self.learner.parameters(), self.recipe.clip_norm)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        if self.average is not None:
            self.average.update(self.learner)
        return loss.detach()

    def _checked(self, loss: float, total: float, step: int) -> float:
        if not (isfinite(loss) and isfinite(total)):
            rate = learning_rate(self.recipe, step)
            cure = f"use a learning_rate below {self.recipe.learning_rate:g} or set clip_norm, in a new directory"
            raise TrainingError(f"loss={loss} at step {step} (rate {rate:.3g}): the training diverged; {cure}")
        return loss

    def _progress(
        self, step: int, loss: float, speed: float, scores: Mapping[str, Mapping[str, float]] | None = None
    ) -> TrainingProgress:
        recipe = self.recipe
        steps = recipe.epochs * recipe.steps_per_epoch
        epoch = min(recipe.epochs, (step - 1) // recipe.steps_per_epoch + 1)
        left = (steps - step) / speed
        rate = learning_rate(recipe, step - 1)
        return TrainingProgress(epoch, recipe.epochs, step, steps, loss, rate, speed, left, scores)

    def validate_epoch(self, progress: Callable[[TrainingProgress], None] | None) -> None:
        """Score every named set, add the rows, decide whether to stop."""
        started = time.perf_counter()
        self.learner.train(False)
        lent = self.average.applied(self.learner) if self.average is not None else nullcontext()
        with lent:
            with torch.no_grad(), self._autocast():
                scores = {name: dict(self.learner.validate(name, sets)) for name, sets in self.validation.items()}
            self.measured = dict(self.sets)
            step = self.epoch * self.recipe.steps_per_epoch
            common = {"epoch": self.epoch, "step": step, "learning_rate": learning_rate(self.recipe, step - 1)}
            common["train_loss"] = self.train_loss
            self.rows += [common | {"set": name} | row for name, row in scores.items()] or [common | {"set": ""}]
            self._decide(_monitored(self.recipe, scores, self.train_loss))
            if self.validated is not None:
                self.validated(self.epoch)
        self.seconds += time.perf_counter() - started
        if progress is not None:
            speed = step / max(self.seconds, 1e-9)
            progress(self._progress(step, self.train_loss, speed, scores))

    def _decide(self, score: float) -> None:
        recipe = self.recipe
        if score < self.best_score or self.best_epoch == 0:
            self.best_epoch, self.best_score = self.epoch, score
            copy_into(self.best, self.learner.state_dict())
        if recipe.stop_below is not None and score < recipe.stop_below:
            self.stopped = "threshold"
        elif recipe.patience is not None and self.epoch - self.best_epoch >= recipe.patience:
            self.stopped = "patience"
        elif self.epoch >= recipe.epochs:
            self.stopped = "epochs"


def _monitored(recipe: TrainingRecipe, scores: Mapping[str, Mapping[str, float]], train_loss: float) -> float:
    """Return the score that decides; without validation sets it is the training loss."""
    if not scores:
        return train_loss
    if recipe.monitor_set is not None and recipe.monitor_set not in scores:
        known = ", ".join(scores)
        raise TrainingError(f"monitor_set={recipe.monitor_set!r} is no validation set; choose one of {known}")
    chosen = [scores[recipe.monitor_set]] if recipe.monitor_set is not None else list(scores.values())
    if any(recipe.monitor not in row for row in chosen):
        known = ", ".join(chosen[0])
        raise TrainingError(f"monitor={recipe.monitor!r} is no score of this learner; choose one of {known}")
    score = float(np.mean([row[recipe.monitor] for row in chosen]))
    if not isfinite(score):
        cure = f"use a learning_rate below {recipe.learning_rate:g} and start in a new directory"
        raise TrainingError(f"{recipe.monitor}={score} after an epoch: the training diverged; {cure}")
    return score


def _epoch_seed(seed: int, epoch: int) -> int:
    """Seed of torch's global generator (dropout and the like) in one epoch, so that no generator state needs saving."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> np.uint64(1))

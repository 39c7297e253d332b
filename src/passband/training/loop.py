"""The training loop: it descends any learner's loss, validates, keeps every epoch on disk and resumes after a kill."""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from passband.training.checkpoint import TrainingError, all_finite
from passband.training.history import History
from passband.training.optimising import copy_into, learning_rate, set_rate
from passband.training.recipe import Batches, Learner, TrainingRecipe
from passband.training.state import TrainingState
from passband.training.turns import Followed, Player, Players

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


@dataclass(frozen=True)
class FitOptions:
    """How a training runs; nothing that the trained weights depend on but for rounding.

    Attributes
    ----------
    device
        The learner is moved there; by default it stays where its parameters are.
    progress
        Called after steps and validations.
    identity
        Of whatever else makes the run (data, network): a directory with another one is refused.
    batches_on
        Kind of device ("cpu", "cuda") whose random numbers the batches are made of, kept in the directory: a training
        that is not over is refused on another one. "" keeps none, for batches that do not depend on it.
    prefetch
        Make the next batch in a second thread during a step; the result is the same.
    validated
        Called with the epoch after each validation, while the learner holds the weights that were validated.
    """

    device: torch.device | str | None = None
    progress: Callable[[TrainingProgress], None] | None = None
    identity: str = ""
    batches_on: str = ""
    prefetch: bool = False
    validated: Callable[[int], None] | None = None


def fit(
    learner: Learner | Players,
    batches: Batches,
    validation: Mapping[str, Iterable[Any]],
    recipe: TrainingRecipe,
    directory: str | Path,
    options: FitOptions = FitOptions(),
) -> History:
    """Train a learner, or go on with a training that was interrupted: it is the same call.

    On a CPU with the same number of threads an interrupted training ends with the same bits as an uninterrupted one.

    Parameters
    ----------
    learner
        Ends with the trained weights, in evaluation mode. One of several players (`passband.training.Players`) is asked
        for the loss of each turn; what must survive a kill is a parameter or a buffer of it.
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
    options
        Device, progress and the like.

    Raises
    ------
    TrainingError
        The directory holds another run or cannot be written, the loss is not finite, or the monitored score is missing.
    """
    sets = {name: str(getattr(one, "identity", "")) for name, one in validation.items()}
    state = TrainingState(learner, recipe, Path(directory), device=options.device, sets=sets)
    state.open(options.identity, batches_on=options.batches_on)
    loop = _TrainingLoop(state, validation, options)
    cuda = [state.device] if state.device.type == "cuda" else []
    source = BatchSource(batches, recipe, options.prefetch)
    with torch.random.fork_rng(devices=cuda, device_type="cuda"), source:
        while not state.stopped:
            torch.manual_seed(_epoch_seed(recipe.seed, state.epoch))
            loop.train_epoch(source.batch)
            if state.epoch % recipe.validate_every == 0 or state.epoch >= recipe.epochs:
                loop.validate_epoch()
            state.save()
    state.take_final_weights()
    if new := state.new_sets():  # they came after the training: nothing is trained for them
        state.add_final_scores(state.validate(new, validation))
    return state.history()


class BatchSource:
    """Gives the batch of a step; `ahead` starts the next one in a thread while the network works on this one."""

    def __init__(self, batches: Batches, recipe: TrainingRecipe, ahead: bool) -> None:
        self.batches, self.size = batches, recipe.batch_size
        self.last = recipe.epochs * recipe.steps_per_epoch - 1
        self.pool = ThreadPoolExecutor(1) if ahead else None
        self.waiting: tuple[int, Future[Any]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.pool is not None:
            self.pool.shutdown(cancel_futures=True)

    def batch(self, step: int) -> Any:
        """Return the batch of a step; an error in making it is raised here."""
        if self.pool is None:
            return self.batches(step, self.size)
        if self.waiting is None or self.waiting[0] != step:
            self.waiting = (step, self.pool.submit(self.batches, step, self.size))
        ready = self.waiting[1].result()
        self.waiting = (step + 1, self.pool.submit(self.batches, step + 1, self.size)) if step < self.last else None
        return ready


class _TrainingLoop:
    """Epochs of one training: they change its state."""

    def __init__(
        self,
        state: TrainingState,
        validation: Mapping[str, Iterable[Any]],
        options: FitOptions,
    ) -> None:
        self.state, self.validation, self.options = state, validation, options
        self.train_loss = float("nan")
        self.losses: dict[str, float] = {}  # of the turns, where there are several players

    def train_epoch(self, source: Callable[[int], Any]) -> None:
        """Take the steps of one epoch."""
        state, recipe, started = self.state, self.state.recipe, time.perf_counter()
        state.learner.train(True)
        totals = torch.zeros(len(state.players), device=state.device, dtype=torch.float64)
        every = GPU_REPORT_EVERY if state.device.type == "cuda" else 1
        for number in range(recipe.steps_per_epoch):
            step = state.epoch * recipe.steps_per_epoch + number
            rate = learning_rate(recipe, step)
            losses = self._step(source(step), step, rate)
            totals += losses.double()
            if (number + 1) % every == 0 or number + 1 == recipe.steps_per_epoch:
                value = self._checked(float(losses.sum()), float(totals.sum()), step)
                if self.options.progress is not None:
                    speed = (number + 1) / (time.perf_counter() - started)
                    self.options.progress(self._progress(step + 1, value, speed))
        if not all_finite(tensor for tensor in state.learner.state_dict().values() if tensor.is_floating_point()):
            self._checked(float("nan"), float("nan"), step)
        means = (totals / recipe.steps_per_epoch).tolist()
        self.train_loss = sum(means)
        self.losses = {
            f"loss_{player.turn}": mean for player, mean in zip(state.players, means, strict=True) if player.turn
        }
        state.epoch += 1
        state.seconds += time.perf_counter() - started

    def _step(self, batch: Any, step: int, rate: float) -> Tensor:
        """Let every player take its turn; return their losses, (turns,)."""
        state = self.state
        losses = torch.stack([self._turn(player, batch, step, rate) for player in state.players])
        if isinstance(state.learner, Followed):
            with torch.no_grad():
                state.learner.stepped(step)
        if state.average is not None:
            state.average.update(state.learner)
        return losses

    def _turn(self, player: Player, batch: Any, step: int, rate: float) -> Tensor:
        state = self.state
        set_rate(player.optimiser, rate * player.rate)
        player.optimiser.zero_grad(set_to_none=True)
        with player.alone():
            with state.autocast():
                loss = player.loss(state.learner, batch, step)
            if loss is None:
                return torch.zeros((), device=state.device)
            state.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        if state.recipe.clip_norm is not None:
            state.scaler.unscale_(player.optimiser)
            torch.nn.utils.clip_grad_norm_(player.parameters, state.recipe.clip_norm)
        state.scaler.step(player.optimiser)
        state.scaler.update()
        return loss.detach()

    def _checked(self, loss: float, total: float, step: int) -> float:
        if not (isfinite(loss) and isfinite(total)):
            rate = learning_rate(self.state.recipe, step)
            cure = f"use a learning_rate below {self.state.recipe.learning_rate:g} or set clip_norm, in a new directory"
            raise TrainingError(f"loss={loss} at step {step} (rate {rate:.3g}): the training diverged; {cure}")
        return loss

    def _progress(
        self, step: int, loss: float, speed: float, scores: Mapping[str, Mapping[str, float]] | None = None
    ) -> TrainingProgress:
        recipe = self.state.recipe
        steps = recipe.epochs * recipe.steps_per_epoch
        epoch = min(recipe.epochs, (step - 1) // recipe.steps_per_epoch + 1)
        left = (steps - step) / speed
        rate = learning_rate(recipe, step - 1)
        return TrainingProgress(epoch, recipe.epochs, step, steps, loss, rate, speed, left, scores)

    def validate_epoch(self) -> None:
        """Score every named set, add the rows, decide whether to stop."""
        state, started = self.state, time.perf_counter()
        state.learner.train(False)
        with state.averaged():
            scores = state.validate(self.validation, self.validation)
            state.measured = dict(state.sets)
            step = state.epoch * state.recipe.steps_per_epoch
            rate = learning_rate(state.recipe, step - 1)
            common = {"epoch": state.epoch, "step": step, "learning_rate": rate, "train_loss": self.train_loss}
            common |= self.losses
            state.rows += [common | {"set": name} | row for name, row in scores.items()] or [common | {"set": ""}]
            several = (
                isinstance(state.learner, Players) and not state.recipe.is_monitored
            )  # no one loss tells how they do
            self._decide(_monitored(state.recipe, {} if several else scores, self.train_loss))
            if self.options.validated is not None:
                self.options.validated(state.epoch)
        state.seconds += time.perf_counter() - started
        if self.options.progress is not None:
            speed = step / max(state.seconds, 1e-9)
            self.options.progress(self._progress(step, self.train_loss, speed, scores))

    def _decide(self, score: float) -> None:
        state, recipe = self.state, self.state.recipe
        if score < state.best_score or state.best_epoch == 0:
            state.best_epoch, state.best_score = state.epoch, score
            copy_into(state.best, state.learner.state_dict())
        if recipe.stop_below is not None and score < recipe.stop_below:
            state.stopped = "threshold"
        elif recipe.patience is not None and state.epoch - state.best_epoch >= recipe.patience:
            state.stopped = "patience"
        elif state.epoch >= recipe.epochs:
            state.stopped = "epochs"


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

"""Which learning rate to start from: one short sweep instead of many trainings."""

from dataclasses import dataclass
from math import isfinite

import numpy as np
import torch

from passband.training.checkpoint import TrainingError
from passband.training.optimising import make_optimiser, set_rate, snapshot
from passband.training.recipe import Batches, Learner, TrainingRecipe

SMOOTHING = 0.9  # of the loss along the sweep
RISE = 4.0  # the sweep ends once the smoothed loss is so many times its minimum


@dataclass(frozen=True)
class RateSweep:
    """Loss (smoothed) at every learning rate tried, and the rate at which it fell fastest."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: float


def learning_rate_finder(
    learner: Learner,
    batches: Batches,
    recipe: TrainingRecipe,
    *,
    lowest: float = 1e-6,
    highest: float = 1.0,
    steps: int = 80,
) -> RateSweep:
    """Raise the rate exponentially from step to step and watch the loss; the learner is left as it was.

    The suggestion is where the smoothed loss falls fastest per decade of the rate (Smith, arXiv 1506.01186; the
    smoothing is that of fastai).

    Raises
    ------
    TrainingError
        The range is empty, or the loss falls nowhere.
    """
    if not 0.0 < lowest < highest or steps < 10:
        raise TrainingError(
            f"rates {lowest:g} to {highest:g} in {steps} steps: rates must rise from above 0, in 10 steps or more"
        )
    before = snapshot(learner)
    optimiser = make_optimiser(recipe, learner.parameters())
    rates = np.geomspace(lowest, highest, steps)
    device = next(learner.parameters()).device
    learner.train(True)
    losses: list[float] = []
    mean = 0.0
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else [], device_type="cuda"):
            torch.manual_seed(recipe.seed)
            for step, rate in enumerate(rates):
                set_rate(optimiser, float(rate))
                optimiser.zero_grad(set_to_none=True)
                loss = learner.loss(batches(step, recipe.batch_size), step=step)
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                mean = SMOOTHING * mean + (1.0 - SMOOTHING) * float(loss.detach())
                smoothed = mean / (1.0 - SMOOTHING ** (step + 1))
                if not isfinite(smoothed) or (losses and smoothed > RISE * max(min(losses), 1e-12)):
                    break
                losses.append(smoothed)
    finally:
        learner.load_state_dict(before)
    return _suggest(rates[: len(losses)], losses)


def _suggest(rates: "np.ndarray[tuple[int], np.dtype[np.float64]]", losses: list[float]) -> RateSweep:
    if len(losses) < 3:
        raise TrainingError(
            f"the loss diverges from the lowest rate, {rates[0] if len(rates) else 0:g}, on; begin lower"
        )
    slope = np.gradient(np.asarray(losses), np.log(rates))
    if losses[0] - min(losses) <= 1e-6 * abs(losses[0]):  # rounding, no descent
        raise TrainingError(
            f"the loss falls at no rate from {rates[0]:g} to {rates[-1]:g}; check the data or widen the range"
        )
    suggestion = float(rates[int(np.argmin(slope))])
    return RateSweep(tuple(rates.tolist()), tuple(losses), suggestion)

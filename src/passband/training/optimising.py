"""Optimisers, learning rates over the steps, and the running average of the weights."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import cos, pi

import torch
from torch import Tensor, nn

from passband.training.recipe import Trainable, TrainingRecipe


def make_optimiser(
    recipe: TrainingRecipe, parameters: Iterable[nn.Parameter], *, betas: tuple[float, float] = (0.9, 0.999)
) -> torch.optim.Optimizer:
    """Return the optimiser of a recipe; `betas` are Adam's."""
    rate, decay = recipe.learning_rate, recipe.weight_decay
    match recipe.optimiser:
        case "sgd":
            return torch.optim.SGD(parameters, lr=rate, momentum=recipe.momentum, weight_decay=decay)
        case "adam":
            return torch.optim.Adam(parameters, lr=rate, betas=betas, weight_decay=decay)
        case "adamw":
            return torch.optim.AdamW(parameters, lr=rate, betas=betas, weight_decay=decay)


def learning_rate(recipe: TrainingRecipe, step: int) -> float:
    """Rate at a step counted from 0: a pure function, so that nothing of a schedule needs to be saved.

    Examples
    --------
    >>> recipe = TrainingRecipe(learning_rate=1.0, schedule="step", gamma=0.5, steps_per_epoch=10, warmup_steps=4)
    >>> [learning_rate(recipe, step) for step in (0, 3, 9, 10, 20)]
    [0.25, 1.0, 1.0, 0.5, 0.25]
    """
    warm = min(1.0, (step + 1) / recipe.warmup_steps) if recipe.warmup_steps else 1.0
    match recipe.schedule:
        case "constant":
            factor = 1.0
        case "step":
            factor = recipe.gamma ** (step // recipe.steps_per_epoch)
        case "cosine":
            factor = 0.5 + 0.5 * cos(pi * step / (recipe.epochs * recipe.steps_per_epoch))
        case "linear_tail":
            left = 1.0 - step / (recipe.epochs * recipe.steps_per_epoch)
            factor = min(1.0, 2.0 * left)
    return recipe.learning_rate * warm * factor


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Use a learning rate from the next step on."""
    for group in optimiser.param_groups:
        group["lr"] = rate


class WeightAverage:
    """Exponential running average of a learner's tensors, running statistics included.

    The decay starts small, min(decay, (1 + t)/(10 + t)), so that the random start is soon forgotten.
    """

    def __init__(self, learner: Trainable, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.tensors = snapshot(learner)

    @torch.no_grad()
    def update(self, learner: Trainable) -> None:
        """Take one step towards the learner's present weights; whole numbers are copied."""
        decay = min(self.decay, (1.0 + self.updates) / (10.0 + self.updates))
        self.updates += 1
        for name, tensor in learner.state_dict().items():
            if tensor.is_floating_point():
                self.tensors[name].lerp_(tensor, 1.0 - decay)
            else:
                self.tensors[name].copy_(tensor)

    @contextmanager
    def applied(self, learner: Trainable) -> Iterator[None]:
        """Lend the averaged weights to the learner."""
        raw = snapshot(learner)
        learner.load_state_dict(self.tensors)
        try:
            yield
        finally:
            learner.load_state_dict(raw)


def snapshot(learner: Trainable) -> dict[str, Tensor]:
    """Return a copy of the learner's tensors, in their memory layout."""
    return {name: tensor.detach().clone() for name, tensor in learner.state_dict().items()}


def copy_into(target: Mapping[str, Tensor], source: Mapping[str, Tensor]) -> None:
    """Overwrite tensors in place, keeping their layout and device."""
    for name, tensor in target.items():
        tensor.copy_(source[name])

"""How a network is trained, as one value, and what the loop asks of anything that it trains."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, Protocol, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from passband.recipe import Recipe

Batches = Callable[[int, int], Any]
"""`batches(step, size)`: the batch of a step, the same one each time it is asked for."""


class Trainable(Protocol):
    """What the loop asks of whatever it trains, beside its loss."""

    def validate(self, name: str, batches: Iterable[Any]) -> Mapping[str, float]:
        """Return scores on one named set, `training_loss` among them; called in evaluation mode without gradients."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Return what is trained."""

    def state_dict(self) -> dict[str, Tensor]:
        """Return every tensor of the learner, sharing memory with it."""

    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> Any:
        """Take those tensors back."""

    def to(self, device: torch.device) -> Any:
        """Move to a device."""

    def train(self, mode: bool = True) -> Any:
        """Switch between training and evaluation."""


class Learner(Trainable, Protocol):
    """What the loop asks of a learner; any `torch.nn.Module` with `loss` and `validate` is one."""

    def loss(self, batch: Any, *, step: int) -> Tensor:
        """Return the scalar to descend; what is random in it follows from `step`."""


class TrainingRecipe(Recipe):
    """Protocol of a training; the defaults suit a small network on a CPU.

    Attributes
    ----------
    epochs
        At most; validation and the learning rate count in them.
    steps_per_epoch
        Optimiser steps, one batch each, that are called an epoch.
    batch_size
        Images of a step.
    optimiser
        Adam and AdamW with their usual β = (0.9, 0.999), unless a turn of a learner has its own.
    learning_rate
        At its highest; arXiv 2512.09067 trains at 2.3e-3 and 1e-2.
    momentum
        Of SGD alone.
    weight_decay
        Of every optimiser; decoupled from the gradient in AdamW.
    schedule
        "step": the rate shrinks by `gamma` after every epoch; "cosine": to 0 at the last step; "constant";
        "linear_tail": constant for the first half of the steps, then linearly to 0.
    gamma
        Of the schedule "step": 0.98 with SGD and 0.99 with Adam in arXiv 2512.09067.
    warmup_steps
        Over which the rate rises linearly from 0, whatever the schedule.
    clip_norm
        Gradients longer than this are shortened to it; None leaves them alone.
    average
        Decay of the running average of the weights (0 = none); where there is one, it is what is validated and
        returned.
    precision
        "bfloat16" and "float16" (CUDA only) run the network in half precision and keep the weights in single.
    validate_every
        Validate after every so many epochs, and after the last one; only then can a training stop early.
    monitor
        The score that decides, the smaller the better.
    monitor_set
        The named set that it is read from; None is the mean over all sets.
    stop_below
        Stop once the score is below this.
    patience
        Stop after so many epochs without a better score.
    keep
        Whether the learner ends with the weights of the "last" epoch or of the "best" one.
    seed
        Of the initial weights and of everything that is drawn while training.
    """

    epochs: int = Field(default=32, ge=1, le=10**9)
    steps_per_epoch: int = Field(default=32, ge=1, le=10**9)
    batch_size: int = Field(default=16, ge=1, le=10**6)
    optimiser: Literal["sgd", "adam", "adamw"] = "adam"
    learning_rate: float = Field(default=2.3e-3, gt=0.0)
    momentum: float = Field(default=0.9, ge=0.0, lt=1.0)
    weight_decay: float = Field(default=0.0, ge=0.0)
    schedule: Literal["constant", "step", "cosine", "linear_tail"] = "step"
    gamma: float = Field(default=0.98, gt=0.0, le=1.0)
    warmup_steps: int = Field(default=0, ge=0)
    clip_norm: float | None = Field(default=None, gt=0.0)
    average: float = Field(default=0.0, ge=0.0, lt=1.0)
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    validate_every: int = Field(default=1, ge=1)
    monitor: str = "training_loss"
    monitor_set: str | None = None
    stop_below: float | None = None
    patience: int | None = Field(default=None, ge=1)
    keep: Literal["last", "best"] = "last"
    seed: int = Field(default=0, ge=0, lt=2**63)

    @property
    def is_monitored(self) -> bool:
        """Whether scores of validation sets change the weights: they stop the training, or choose its best epoch."""
        return self.stop_below is not None or self.patience is not None or self.keep == "best"

    def decisive(self) -> dict[str, Any]:
        """Return the fields that the weights depend on; those of validation only where it can change them."""
        idle = set() if self.is_monitored else {"validate_every", "monitor", "monitor_set"}
        return self.model_dump(mode="json", exclude=idle)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.warmup_steps >= self.epochs * self.steps_per_epoch:
            total = self.epochs * self.steps_per_epoch
            raise ValueError(f"warmup_steps={self.warmup_steps} lasts all {total} steps; make it a small part of them")
        return self

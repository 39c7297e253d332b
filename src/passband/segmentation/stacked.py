"""Many networks of one architecture trained at once: they see one stream of micrographs and learn independently.

Imaging a batch costs about as much as a step of a small network, so several seeds that share it are cheaper than the
same seeds one by one. On a GPU the networks can also be computed together: weights stacked along a first axis and
mapped over by `torch.func.vmap`, so that one kernel serves all of them. On a CPU that loses, because the grouped
convolutions it becomes have no fast layout there (`benchmarks/bench_stacked.py`), so there they take turns on the same
batch.
"""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from passband.segmentation.learner import augmented
from passband.segmentation.losses import LossRecipe, segmentation_loss
from passband.segmentation.tally import LabelledBatch, tally_networks, tensors

Together = Literal["turns", "vmap"]

WORST = "worst_paper_loss"


class StackedLearner(nn.Module):
    """Several networks as one learner for `passband.training.fit`; each ends as if it had been trained alone.

    Their losses are summed, and SGD, Adam and the running average work weight by weight, so no network feels another.
    (Shortening the gradient, `clip_norm`, would couple them: do not use it here.)

    Parameters
    ----------
    networks
        At least one, all of one architecture; they are moved into the learner, not copied, when they take turns.
    loss
        What each makes small.
    augment, seed
        As in `SegmentationLearner`; every network sees the image turned alike.
    together
        "turns": one after the other on the same batch, the result being that of `SegmentationLearner` to the last bit.
        "vmap": all at once; equal up to rounding.

    Raises
    ------
    ValueError
        There is no network.
    """

    def __init__(
        self,
        networks: Sequence[nn.Module],
        loss: LossRecipe,
        *,
        augment: bool = True,
        seed: int = 0,
        together: Together = "turns",
    ) -> None:
        super().__init__()
        if not networks:
            raise ValueError("networks=[] is empty; give at least one network")
        self.count, self.recipe, self.augment, self.seed = len(networks), loss, augment, seed
        self.networks: nn.Module = (
            _Mapped(networks)
            if together == "vmap"
            else _Turns(one.to(memory_format=torch.channels_last) for one in networks)  # type: ignore[call-overload]
        )

    def loss(self, batch: LabelledBatch, *, step: int) -> Tensor:
        """Sum of the networks' losses on one batch, augmented as `seed` and `step` say."""
        images, masks = tensors(batch, next(self.parameters()).device)
        if self.augment:
            images, masks = augmented(images, masks, seed=self.seed, step=step)
        return torch.stack([segmentation_loss(logits, masks, self.recipe) for logits in self.networks(images)]).sum()

    def validate(self, name: str, batches: Iterable[LabelledBatch]) -> dict[str, float]:
        """Mean scores of the networks; of several, those of each network k as `paper_loss.k`, `dice.k` … too.

        `worst_paper_loss`, of the worst of them, is what to stop by when all of them must reach a threshold.

        Raises
        ------
        ValueError
            The set holds no batch.
        """
        device = next(self.parameters()).device
        tallies = tally_networks(self.networks, batches, self.recipe, device=device, name=name)
        each = [tally.scores() for tally in tallies]
        means = {score: float(np.mean([row[score] for row in each])) for score in each[0]}
        means[WORST] = max(row["paper_loss"] for row in each)
        if self.count == 1:
            return means
        return means | {f"{score}.{k}": value for k, row in enumerate(each) for score, value in row.items()}

    def separate(self) -> list[nn.Module]:
        """Return the networks one by one, as they are now."""
        apart: list[nn.Module] = self.networks.separate()  # type: ignore[operator]
        return apart


class _Turns(nn.ModuleList):
    """Networks computed one after the other."""

    def forward(self, images: Tensor) -> list[Tensor]:
        """(n, channels, y, x) → logits (n, classes, y, x) of every network."""
        ready = images.contiguous(memory_format=torch.channels_last)
        return [network(ready) for network in self]

    def separate(self) -> list[nn.Module]:
        return list(self)


class _Mapped(nn.Module):
    """Networks computed as one, their parameters and running statistics stacked along a first axis."""

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        parameters, buffers = stack_module_state(list(networks))
        self._shape = [deepcopy(networks[0]).to("meta")]  # in a list: its tensors are not this module's
        # Names of parameters hold dots, which a module does not take: they are kept beside.
        self._names = {_flat(name): name for name in (*parameters, *buffers)}
        for name, value in parameters.items():
            self.register_parameter(_flat(name), nn.Parameter(value.detach()))
        for name, value in buffers.items():
            self.register_buffer(_flat(name), value)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(n, channels, y, x) → logits (n, classes, y, x) of every network."""
        network = self._shape[0].train(self.training)
        parameters: dict[str, Tensor] = {self._names[flat]: value for flat, value in self.named_parameters()}
        buffers = {self._names[flat]: value for flat, value in self.named_buffers()}

        def one(weights: dict[str, Tensor], statistics: dict[str, Tensor]) -> Tensor:
            logits: Tensor = functional_call(network, (weights, statistics), (images,))
            return logits

        logits: Tensor = torch.func.vmap(one)(parameters, buffers)
        return logits.unbind()

    def separate(self) -> list[nn.Module]:
        state = {self._names[flat]: value for flat, value in self.state_dict().items()}
        count = len(next(iter(state.values())))
        networks = [deepcopy(self._shape[0]).to_empty(device="cpu").train() for _ in range(count)]
        for k, network in enumerate(networks):
            network.load_state_dict({name: value[k] for name, value in state.items()})
        return networks


def _flat(name: str) -> str:
    return name.replace(".", "__")

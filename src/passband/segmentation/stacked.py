"""Networks of one architecture computed together, for those that see one stream of micrographs and learn independently.

Imaging a batch costs about as much as a step of a small network, so several seeds that share it are cheaper than the
same seeds one by one. On a GPU the networks can also be computed together: weights stacked along a first axis and
mapped over by `torch.func.vmap`, so that one kernel serves all of them. On a CPU that loses, because the grouped
convolutions it becomes have no fast layout there (`benchmarks/bench_stacked.py`), so there they take turns on the same
batch.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

Together = Literal["turns", "vmap"]


class Turns(nn.ModuleList):
    """Networks computed one after the other."""

    def forward(self, images: Tensor) -> list[Tensor]:
        """(n, channels, y, x) → logits (n, classes, y, x) of every network."""
        ready = images.contiguous(memory_format=torch.channels_last)
        return [network(ready) for network in self]

    def separate(self) -> list[nn.Module]:
        """Return the networks one by one."""
        return list(self)


class Mapped(nn.Module):
    """Networks computed as one, their parameters and running statistics stacked along a first axis."""

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        parameters, buffers = stack_module_state(list(networks))
        self._shape = [deepcopy(networks[0]).to("meta")]  # in a list: its tensors are not this module's
        # Names of parameters hold dots, which a module does not take: they are kept beside.
        self._names = {_flat(name): name for name in (*parameters, *buffers)}
        for name, value in parameters.items():
            self.register_parameter(_flat(name), nn.Parameter(value.detach()))
        kept = networks[0].state_dict().keys()
        for name, value in buffers.items():
            self.register_buffer(_flat(name), value, persistent=name in kept)

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
        """Return the networks one by one, as they are now."""
        stacked = {self._names[flat]: value.detach() for flat, value in _tensors(self).items()}
        count = len(next(iter(stacked.values())))
        networks = [deepcopy(self._shape[0]).to_empty(device="cpu").train() for _ in range(count)]
        for k, network in enumerate(networks):
            for name, own in _tensors(network).items():
                own.detach().copy_(stacked[name][k])
        return networks


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and all buffers, also those that the state of a module leaves out."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _flat(name: str) -> str:
    return name.replace(".", "__")

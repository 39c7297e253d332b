"""How much memory networks take while they learn, known from their recipe before one of them is made.

A forward pass on PyTorch's meta device computes shapes only; what automatic differentiation keeps of it for the
backward pass is counted tensor by tensor.
"""

from typing import NamedTuple

import torch
from torch import Tensor, UntypedStorage

from passband.segmentation.architecture import Architecture
from passband.segmentation.losses import LossRecipe, segmentation_loss
from passband.training import TrainingRecipe

FLOAT = 4  # bytes
TRANSIENT = 2  # times the largest activation: its gradient, and the copy of it that a convolution makes


class TrainingFootprint(NamedTuple):
    """Bytes of networks that learn from one stream of micrographs.

    Attributes
    ----------
    weights
        Of one network, running statistics included; its file is hardly larger.
    resident
        Weights, gradients, the optimiser's memory, the running average and the best weights of all networks.
    step
        What comes and goes with a step: the batch and the activations of all networks, which wait for one backward
        pass. In single precision; half precision takes less.
    checkpoint
        Of the file that a training goes on from.
    """

    weights: int
    resident: int
    step: int
    checkpoint: int

    @property
    def peak(self) -> int:
        """Bytes at the worst moment: in a step, or while the checkpoint is copied and written."""
        return self.resident + max(self.step, 2 * self.checkpoint)


def training_footprint(
    network: Architecture, loss: LossRecipe, training: TrainingRecipe, *, patch: int, count: int = 1
) -> TrainingFootprint:
    """Footprint of `count` networks that learn from batches of patches, `patch` pixels wide.

    Measured on a CPU (three networks, 2 to 16 patches of 128² and 256²), real steps took 0.8 to 1.2 times as much;
    `tests/campaign/test_estimate.py` holds the peak of a whole run to a factor of 1.5, and to 1.75
    on processors without AVX-512, where oneDNN takes more work space.
    """
    made = network.build_meta()
    parameters = FLOAT * sum(one.numel() for one in made.parameters())
    weights = parameters + sum(one.nbytes for one in made.buffers())
    moments = parameters * (2 if training.optimiser != "sgd" else int(training.momentum > 0.0))
    copies = weights * (int(training.average > 0.0) + int(training.keep == "best"))
    kept, largest = _activations(network, loss, (training.batch_size, network.channels, patch, patch))
    batch = training.batch_size * patch**2 * 2 * (FLOAT * network.channels + 8)  # as made, and as augmented
    return TrainingFootprint(
        weights=weights,
        resident=count * (weights + parameters + moments + copies),
        step=count * kept + TRANSIENT * largest + batch,
        checkpoint=count * (weights + moments + copies),
    )


def _activations(network: Architecture, loss: LossRecipe, shape: tuple[int, int, int, int]) -> tuple[int, int]:
    """Bytes that a forward pass of one network keeps for the backward pass, and those of its largest tensor."""
    made = network.build_meta()
    images = torch.empty(shape, device="meta")
    masks = torch.zeros((shape[0], *shape[2:]), dtype=torch.int64, device="meta")
    # A storage on the meta device has no address; views of one share one Python object, by which it is told apart.
    weights = [one.untyped_storage() for one in (*made.parameters(), *made.buffers())]
    own = {id(storage) for storage in weights}
    found: dict[int, UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if id(storage) not in own:
            found[id(storage)] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        segmentation_loss(made(images), masks, loss)
    sizes = [storage.nbytes() for storage in found.values()]
    return sum(sizes), max(sizes)

"""What training asks of a segmentation network: a loss on augmented micrographs, scores on named conditions."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from passband.patches.symmetry import augment_dihedral
from passband.segmentation.losses import LossRecipe, segmentation_loss
from passband.segmentation.tally import LabelledBatch, tally_networks, tensors


class SegmentationLearner(nn.Module):
    """A network with its loss; `passband.training.fit` trains it.

    Parameters
    ----------
    network
        (n, channels, y, x) → logits (n, classes, y, x).
    loss
        What is made small.
    augment
        Turn and mirror every training image by one of the eight symmetries of the square, chosen from `seed` and the
        step.
    """

    def __init__(self, network: nn.Module, loss: LossRecipe, *, augment: bool = True, seed: int = 0) -> None:
        super().__init__()
        # Channels last is how oneDNN and cuDNN convolve fastest: a third off a training step on a CPU (benchmarks/).
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.recipe, self.augment, self.seed = loss, augment, seed

    def loss(self, batch: LabelledBatch, *, step: int) -> Tensor:
        """Return the loss of one batch, augmented as `seed` and `step` say."""
        images, masks = tensors(batch, next(self.parameters()).device)
        if self.augment:
            images, masks = augmented(images, masks, seed=self.seed, step=step)
        return segmentation_loss(self._logits(images), masks, self.recipe)

    def validate(self, name: str, batches: Iterable[LabelledBatch]) -> dict[str, float]:
        """Return the scores of `Tally` on a named set.

        Raises
        ------
        ValueError
            The set holds no batch.
        """
        device = next(self.parameters()).device
        (tally,) = tally_networks(lambda images: [self._logits(images)], batches, self.recipe, device=device, name=name)
        return tally.scores()

    def _logits(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images.contiguous(memory_format=torch.channels_last))
        return logits


def augmented(images: Tensor, masks: Tensor, *, seed: int, step: int) -> tuple[Tensor, Tensor]:
    """Turn and mirror each image with its mask by one of the eight symmetries, as `seed` and `step` say."""
    drawn = int(np.random.SeedSequence([seed, step]).generate_state(1)[0])
    return augment_dihedral(images, masks, generator=torch.Generator().manual_seed(drawn))

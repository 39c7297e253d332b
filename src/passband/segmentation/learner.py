"""What training asks of a segmentation network: a loss on augmented micrographs, scores on named conditions."""

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from passband.micrograph.patches import augment_dihedral
from passband.segmentation.losses import LossRecipe, paper_scale_loss, segmentation_loss


class LabelledBatch(Protocol):
    """Micrographs with their truth, such as `acquisition.Batch`."""

    @property
    def images(self) -> Any:
        """Float images (n, 1, y, x), standardised one by one; tensor or array."""

    @property
    def masks(self) -> Any:
        """Class numbers (n, y, x), tensor or array."""


class SegmentationLearner(nn.Module):
    """A network with its loss; `passband.training.fit` trains it.

    Parameters
    ----------
    network
        (n, 1, y, x) → logits (n, classes, y, x).
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

    def _tensors(self, batch: LabelledBatch) -> tuple[Tensor, Tensor]:
        device = next(self.parameters()).device
        images = torch.as_tensor(batch.images, dtype=torch.float32)
        masks = torch.as_tensor(batch.masks, dtype=torch.int64)
        return images.to(device, non_blocking=True), masks.to(device, non_blocking=True)

    def loss(self, batch: LabelledBatch, *, step: int) -> Tensor:
        """Return the loss of one batch, augmented as `seed` and `step` say."""
        images, masks = self._tensors(batch)
        if self.augment:
            seed = int(np.random.SeedSequence([self.seed, step]).generate_state(1)[0])
            images, masks = augment_dihedral(images, masks, generator=torch.Generator().manual_seed(seed))
        logits: Tensor = self.network(images.contiguous(memory_format=torch.channels_last))
        return segmentation_loss(logits, masks, self.recipe)

    def validate(self, name: str, batches: Iterable[LabelledBatch]) -> dict[str, float]:
        """Return `loss`, `paper_scale_loss`, `accuracy`, and the `dice` and `iou` of the foreground.

        Means are over images, batches of different size weighing by their images. Dice and IoU sum the areas of all
        images first and average over the classes but 0; a class that neither occurs nor is predicted is left out.

        Raises
        ------
        ValueError
            The set holds no batch.
        """
        images_seen, sums = 0, torch.zeros(3, dtype=torch.float64)
        confusion: Tensor | None = None
        for batch in batches:
            images, masks = self._tensors(batch)
            logits = self.network(images.contiguous(memory_format=torch.channels_last)).float()
            predicted = logits.argmax(1)
            scores = (
                segmentation_loss(logits, masks, self.recipe),
                paper_scale_loss(logits, masks),
                (predicted == masks).double().mean(),
            )
            sums += len(images) * torch.stack([score.double().cpu() for score in scores])
            images_seen += len(images)
            classes = logits.shape[1]
            counts = torch.bincount((masks * classes + predicted).flatten(), minlength=classes**2).cpu()
            confusion = counts if confusion is None else confusion + counts
        if confusion is None:
            raise ValueError(f"validation set {name!r} holds no batch; give it one image or more")
        loss, paper, accuracy = (sums / images_seen).tolist()
        dice, iou = _foreground_overlap(confusion)
        return {"loss": loss, "paper_scale_loss": paper, "accuracy": accuracy, "dice": dice, "iou": iou}


def _foreground_overlap(confusion: Tensor) -> tuple[float, float]:
    """Mean Dice and IoU of the classes from 1 on; `confusion` counts pixels by truth · classes + prediction."""
    classes = round(len(confusion) ** 0.5)
    table = confusion.reshape(classes, classes).double().numpy()
    both = np.diag(table)[1:]
    total = (table.sum(0) + table.sum(1))[1:]
    present = total > 0
    if not present.any():
        return float("nan"), float("nan")
    both, total = both[present], total[present]
    return float(np.mean(2.0 * both / total)), float(np.mean(both / (total - both)))

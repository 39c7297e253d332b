"""What training asks of a segmentation network: a loss on augmented micrographs, scores on named conditions."""

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from passband.patches.symmetry import augment_dihedral
from passband.segmentation.losses import LossRecipe, paper_loss, segmentation_loss


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

    def loss(self, batch: LabelledBatch, *, step: int) -> Tensor:
        """Return the loss of one batch, augmented as `seed` and `step` say."""
        images, masks = tensors(batch, next(self.parameters()).device)
        if self.augment:
            images, masks = augmented(images, masks, seed=self.seed, step=step)
        logits: Tensor = self.network(images.contiguous(memory_format=torch.channels_last))
        return segmentation_loss(logits, masks, self.recipe)

    def validate(self, name: str, batches: Iterable[LabelledBatch]) -> dict[str, float]:
        """Return the scores of `Tally` on a named set.

        Raises
        ------
        ValueError
            The set holds no batch.
        """
        tally, device = Tally(self.recipe), next(self.parameters()).device
        for batch in batches:
            images, masks = tensors(batch, device)
            tally.add(self.network(images.contiguous(memory_format=torch.channels_last)), masks)
        return tally.scores(name)


def tensors(batch: LabelledBatch, device: torch.device) -> tuple[Tensor, Tensor]:
    """Images (float32) and masks (int64) of a batch on a device."""
    images = torch.as_tensor(batch.images, dtype=torch.float32)
    masks = torch.as_tensor(batch.masks, dtype=torch.int64)
    return images.to(device, non_blocking=True), masks.to(device, non_blocking=True)


def augmented(images: Tensor, masks: Tensor, *, seed: int, step: int) -> tuple[Tensor, Tensor]:
    """Turn and mirror each image with its mask by one of the eight symmetries, as `seed` and `step` say."""
    drawn = int(np.random.SeedSequence([seed, step]).generate_state(1)[0])
    return augment_dihedral(images, masks, generator=torch.Generator().manual_seed(drawn))


class Tally:
    """Scores of a network, summed batch by batch: `training_loss`, `paper_loss`, `accuracy`, `dice` and `iou`.

    Means are over images, batches of different size weighing by their images. Dice and IoU are of the foreground: they
    sum the areas of all images first and average over the classes but 0; a class that neither occurs nor is predicted
    is left out.
    """

    def __init__(self, loss: LossRecipe) -> None:
        self.recipe = loss
        self.images, self.sums = 0, torch.zeros(3, dtype=torch.float64)
        self.confusion: Tensor | None = None

    def add(self, logits: Tensor, masks: Tensor) -> None:
        """Score logits (n, classes, y, x) of n images against their masks (n, y, x)."""
        logits = logits.float()
        predicted = logits.argmax(1)
        scores = (
            segmentation_loss(logits, masks, self.recipe),
            paper_loss(logits, masks),
            (predicted == masks).double().mean(),
        )
        self.sums += len(masks) * torch.stack([score.double().cpu() for score in scores])
        self.images += len(masks)
        classes = logits.shape[1]
        counts = torch.bincount((masks * classes + predicted).flatten(), minlength=classes**2).cpu()
        self.confusion = counts if self.confusion is None else self.confusion + counts

    def scores(self, name: str) -> dict[str, float]:
        """Return the scores by name; `name` is that of the set, for the error of an empty one."""
        if self.confusion is None:
            raise ValueError(f"validation set {name!r} holds no batch; give it one image or more")
        loss, paper, accuracy = (self.sums / self.images).tolist()
        dice, iou = _foreground_overlap(self.confusion)
        return {"training_loss": loss, "paper_loss": paper, "accuracy": accuracy, "dice": dice, "iou": iou}


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

"""Scores of networks on labelled micrographs: what training, campaigns and evaluations mean by Dice and by a loss.

Areas are summed over all images before a ratio is taken, so Dice, IoU, precision and recall are those of all pixels
together; losses and accuracy are means over images. Background, class 0, has no overlap of its own.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from passband.segmentation.losses import LossRecipe, paper_loss, segmentation_loss


class LabelledBatch(Protocol):
    """Micrographs with their truth, such as `acquisition.Batch`."""

    @property
    def images(self) -> Any:
        """Float images (n, channels, y, x), standardised one by one; tensor or array."""

    @property
    def masks(self) -> Any:
        """Class numbers (n, y, x), tensor or array."""


PIXELS_AT_ONCE = 2**22  # of images that a network is measured on at once: 16 of 512²

#: Images (n, channels, y, x) → logits (n, classes, y, x) of each of several networks.
Networks = Callable[[Tensor], Iterable[Tensor]]


def tensors(batch: LabelledBatch, device: torch.device) -> tuple[Tensor, Tensor]:
    """Images (float32) and masks (int64) of a batch on a device."""
    images = torch.as_tensor(batch.images, dtype=torch.float32)
    masks = torch.as_tensor(batch.masks, dtype=torch.int64)
    return images.to(device, non_blocking=True), masks.to(device, non_blocking=True)


class Tally:
    """Scores of one network, summed batch by batch.

    Means are over images, batches of different size weighing by their images. Overlaps are of the foreground, averaged
    over the classes but 0; a class that neither occurs nor is predicted is left out.

    Parameters
    ----------
    loss
        What `training_loss` weighs together.
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

    def scores(self) -> dict[str, float]:
        """Return `training_loss`, `paper_loss`, `accuracy`, `dice` and `iou`; at least one image was added."""
        loss, paper, accuracy = (self.sums / self.images).tolist()
        overlaps = self.overlaps()
        means = {"training_loss": loss, "paper_loss": paper, "accuracy": accuracy}
        return means | {score: overlaps[score] for score in ("dice", "iou")}

    def overlaps(self) -> dict[str, float]:
        """Return `dice`, `iou`, `precision` and `recall`, NaN where no class has one; at least one image was added."""
        shared, predicted, true = self._areas()
        return {
            "dice": _mean_ratio(2.0 * shared, predicted + true),
            "iou": _mean_ratio(shared, predicted + true - shared),
            "precision": _mean_ratio(shared, predicted),
            "recall": _mean_ratio(shared, true),
        }

    def areas(self) -> tuple[float, float]:
        """Twice the pixels that prediction and truth share, and the pixels of both, over the classes but 0.

        Their ratio is the Dice of two classes, so that sums of them are the Dice of several images.
        """
        shared, predicted, true = self._areas()
        return 2.0 * float(shared.sum()), float(predicted.sum() + true.sum())

    def _areas(self) -> tuple[NDArray[np.float64], ...]:
        """Pixels of each class but 0 that are shared, predicted, and true; at least one image was added."""
        assert self.confusion is not None
        classes = round(len(self.confusion) ** 0.5)
        table = self.confusion.reshape(classes, classes).double().numpy()  # truth × prediction
        return np.diag(table)[1:], table.sum(0)[1:], table.sum(1)[1:]


def _mean_ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> float:
    """Mean over the classes whose ratio is defined; NaN where none is."""
    known = denominator > 0
    return float(np.mean(numerator[known] / denominator[known])) if known.any() else float("nan")


def slices(images: Tensor) -> list[slice]:
    """Parts of images (n, channels, y, x) that a network sees at once, so that large ones do not fill the memory."""
    count = max(1, PIXELS_AT_ONCE // (images.shape[-2] * images.shape[-1]))
    return [slice(first, first + count) for first in range(0, len(images), count)]


def tally_networks(
    networks: Networks, batches: Iterable[LabelledBatch], loss: LossRecipe, *, device: torch.device, name: str
) -> Sequence[Tally]:
    """Score several networks on the same micrographs, one `Tally` for each in their order.

    Raises
    ------
    ValueError
        The set, called `name`, holds no batch.
    """
    tallies: list[Tally] = []
    for batch in batches:
        images, masks = tensors(batch, device)
        seen = [networks(images[part]) for part in slices(images)]
        for number, logits in enumerate(zip(*seen, strict=True)):
            if number == len(tallies):
                tallies.append(Tally(loss))
            tallies[number].add(torch.cat(logits), masks)  # whole: losses that are pooled depend on the batch
    if not tallies:
        raise ValueError(f"validation set {name!r} holds no batch; give it one image or more")
    return tallies

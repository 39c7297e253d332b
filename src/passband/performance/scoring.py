"""How right one image's segmentation is, for the tables of performance."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from passband.performance.examination import Examination
from passband.segmentation.losses import LossRecipe
from passband.segmentation.segmenter import Segmentation
from passband.segmentation.tally import Tally

SMALLEST_PROBABILITY = 1e-12


def scores_of_mask(found: Segmentation, mask: NDArray[np.int64]) -> dict[str, float]:
    """`error_area`, the share of wrong pixels, and `scores_of` a segmentation whose truth (y, x) is known."""
    assert found.probabilities is not None
    logits = torch.from_numpy(found.probabilities).clamp_min(SMALLEST_PROBABILITY).log()
    return {"error_area": float((found.labels != mask).mean()), **scores_of(logits, torch.from_numpy(mask))}


def scores_of(logits: Tensor, mask: Tensor) -> dict[str, float]:
    """Loss on the scale of the paper, twice the shared area and the sum of both areas of one image."""
    tally = Tally(LossRecipe())
    tally.add(logits[None], mask[None])
    both, either = tally.areas()
    return {"loss": tally.scores()["paper_loss"], "both": both, "either": either}


def image_row(seen: Examination, mask: NDArray[np.int64]) -> dict[str, float]:
    """Signals, `error_area`, `loss` and `dice` of an image whose true classes (y, x) are known.

    Dice is −1 where neither truth nor prediction has anything but background.
    """
    scores = scores_of_mask(seen.segmentation, mask)
    dice = scores["both"] / scores["either"] if scores["either"] else -1.0
    return {**seen.signals, "error_area": scores["error_area"], "loss": scores["loss"], "dice": dice}

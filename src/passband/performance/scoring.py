"""How right one image's segmentation is, for the tables of performance."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import center_of_mass, label
from torch import Tensor

from passband.description.defects import defects_of_mask, find_defects
from passband.description.probabilities import find_candidates
from passband.performance.examination import Examination
from passband.scores.defects import all_kinds, defect_scores
from passband.scores.detection import matches
from passband.segmentation.card import ModelCard
from passband.segmentation.catalogue import finds_columns, finds_defects
from passband.segmentation.losses import LossRecipe
from passband.segmentation.segmenter import Segmentation
from passband.segmentation.tally import Tally

SMALLEST_PROBABILITY = 1e-12
WITHIN = 0.5  # Å between a column that was found and the true one


def scores_of_mask(found: Segmentation, mask: NDArray[np.int64], card: ModelCard) -> dict[str, float]:
    """`error_area`, the share of wrong pixels, and `scores_of` a segmentation whose truth (y, x) is known.

    Of a network that finds columns or defects also `f1` (`column_f1`, `defect_f1`).
    """
    assert found.probabilities is not None
    logits = torch.from_numpy(found.probabilities).clamp_min(SMALLEST_PROBABILITY).log()
    scores = {"error_area": float((found.labels != mask).mean()), **scores_of(logits, torch.from_numpy(mask))}
    if finds_columns(card):
        return scores | {"f1": column_f1(found, mask)}
    return scores | ({"f1": defect_f1(found, mask)} if finds_defects(card) else {})


def column_f1(found: Segmentation, mask: NDArray[np.int64]) -> float:
    """F1 of the columns that a network sees, before they are fitted: each within 0.5 Å of one of the truth.

    True columns are the discs of the mask (y, x). Those within 0.5 Å of the border count neither way: a disc that is
    cut there does not say where its middle is. −1 where there are none of either.
    """
    assert found.probabilities is not None
    high, wide = found.pixel_size
    discs, count = label(mask > 0)
    true = np.array(center_of_mass(discs > 0, discs, np.arange(1, count + 1))).reshape(-1, 2) * (high, wide)
    seen = find_candidates(found.probabilities.astype(np.float64)).places[:, ::-1] * (high, wide)
    pairs = matches(seen, true, within=WITHIN)
    far = np.array(mask.shape) * (high, wide) - WITHIN
    inner, outer = (np.all((one > WITHIN) & (one < far), axis=1) for one in (seen, true))
    partner = np.zeros(len(true), dtype=bool)
    partner[pairs[pairs >= 0]] = True
    right = float((inner & (pairs >= 0)).sum() + (outer & partner).sum())
    both = float(inner.sum() + outer.sum())
    return right / both if both else -1.0


def defect_f1(found: Segmentation, mask: NDArray[np.int64]) -> float:
    """F1 of the defects of all kinds that a network finds as `passband defects` does (`scores.defects`).

    True ones are the discs of the mask (y, x). −1 where there are none of either.
    """
    assert found.probabilities is not None
    seen = find_defects(found.probabilities, found.classes, found.pixel_size)
    both = all_kinds(defect_scores(seen, defects_of_mask(mask, found.classes, found.pixel_size)))
    return both.f1 if both.true + both.found else -1.0


def scores_of(logits: Tensor, mask: Tensor) -> dict[str, float]:
    """Loss on the scale of the paper, twice the shared area and the sum of both areas of one image."""
    tally = Tally(LossRecipe())
    tally.add(logits[None], mask[None])
    both, either = tally.areas()
    return {"loss": tally.scores()["paper_loss"], "both": both, "either": either}


def image_row(seen: Examination, mask: NDArray[np.int64], card: ModelCard) -> dict[str, float]:
    """Signals and `table.QUALITIES` of an image whose true classes (y, x) are known.

    Dice is −1 where neither truth nor prediction has anything but background.
    """
    scores = scores_of_mask(seen.segmentation, mask, card)
    both, either = scores.pop("both"), scores.pop("either")
    return {**seen.signals, **scores, "dice": both / either if either else -1.0}

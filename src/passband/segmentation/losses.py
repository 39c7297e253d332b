"""What training makes small: cross-entropy, Dice and focal losses on logits, and the loss on the scale of the paper.

Logits are (n, classes, y, x), targets (n, y, x) of class numbers; every function returns the mean as a scalar tensor.
"""

from math import e, log
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional as F

from passband.recipe import Recipe

LossName = Literal["cross_entropy", "dice", "focal"]


class LossRecipe(Recipe):
    """A weighted sum of losses by name, such as `LossRecipe(terms={"cross_entropy": 1.0, "dice": 0.5})`.

    Attributes
    ----------
    terms
        Weight of each loss, by its name: "cross_entropy", "dice", "focal".
    class_weights
        Weight of the pixels of each class in cross-entropy and focal loss; None counts all alike.
    focal_gamma
        Focusing power of the focal loss.
    """

    terms: dict[LossName, float] = Field(default={"cross_entropy": 1.0})
    class_weights: tuple[float, ...] | None = None
    focal_gamma: float = Field(default=2.0, ge=0.0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.terms or min(self.terms.values()) <= 0.0:
            raise ValueError(f"terms={self.terms} must name at least one loss, each with a positive weight")
        if self.class_weights is not None and min(self.class_weights, default=-1.0) < 0.0:
            raise ValueError(f"class_weights={self.class_weights} must be one number ≥ 0 for each class")
        if self.class_weights is not None and not sum(self.class_weights) > 0.0:
            raise ValueError(
                f"class_weights={self.class_weights} leave nothing to learn; give one class a weight above 0"
            )
        return self


def cross_entropy(logits: Tensor, target: Tensor, *, class_weights: Tensor | None = None) -> Tensor:
    """Mean negative log probability of the true class, in nats; in float32 whatever the precision of the logits."""
    return F.cross_entropy(logits.float(), target, weight=class_weights)


def dice(logits: Tensor, target: Tensor, *, smooth: float = 1.0) -> Tensor:
    """One minus the soft Dice coefficient, averaged over the foreground classes (all but class 0).

    Overlap and areas are summed over the whole batch before the ratio is taken, so an image without particles does
    not count as a failure; `smooth` (in pixels) keeps a batch without any foreground finite. Source: Milletari et
    al., arXiv 1606.04797.
    """
    classes = logits.shape[1]
    probabilities = logits.float().softmax(dim=1)[:, 1:]
    truth = F.one_hot(target, classes).movedim(-1, 1)[:, 1:].to(probabilities.dtype)
    axes = (0, 2, 3)
    overlap = (probabilities * truth).sum(axes)
    total = probabilities.sum(axes) + truth.sum(axes)
    return 1.0 - ((2.0 * overlap + smooth) / (total + smooth)).mean()


def focal(logits: Tensor, target: Tensor, *, gamma: float = 2.0, class_weights: Tensor | None = None) -> Tensor:
    """Cross-entropy weighted by (1 − p)^γ, p the probability of the true class: easy pixels fade.

    γ = 0 is the cross-entropy. Source: Lin et al., arXiv 1708.02002.
    """
    log_probability = -F.cross_entropy(logits.float(), target, reduction="none")
    # 1 − exp(log p) rather than 1 − p, clipped: at p = 1 rounding would make the base negative and its power NaN.
    weight = (-torch.expm1(log_probability)).clamp_min(1e-12) ** gamma
    if class_weights is None:
        return -(weight * log_probability).mean()
    per_pixel = class_weights[target]
    return -(per_pixel * weight * log_probability).sum() / per_pixel.sum()


def paper_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Score on the scale of arXiv 2512.09067: 0 is perfect, 0.05 the threshold at which its trainings stop.

    Their networks end in a softmax and their cross-entropy applies another one, so that even a perfect answer costs
    ln(1 + (classes − 1)/e), 0.31326 for two classes; it is reported minus that floor. A score, not something to train
    with: its gradient vanishes on confident mistakes.
    """
    probabilities = logits.float().softmax(dim=1)
    return F.cross_entropy(probabilities, target) - log(1.0 + (logits.shape[1] - 1) / e)


def segmentation_loss(logits: Tensor, target: Tensor, recipe: LossRecipe) -> Tensor:
    """Return the weighted sum that a recipe describes."""
    weights = None
    if recipe.class_weights is not None:
        weights = torch.tensor(recipe.class_weights, dtype=torch.float32, device=logits.device)
    total = torch.zeros((), device=logits.device)
    for name, weight in recipe.terms.items():
        match name:
            case "cross_entropy":
                term = cross_entropy(logits, target, class_weights=weights)
            case "dice":
                term = dice(logits, target)
            case "focal":
                term = focal(logits, target, gamma=recipe.focal_gamma, class_weights=weights)
        total = total + weight * term
    return total

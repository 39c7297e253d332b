"""Adaptive discriminator augmentation: a generator learns from few micrographs without learning the changes to them.

Karras et al., NeurIPS 2020 (arXiv 2006.06676). All that the discriminator sees, real and fake alike, is changed at
random, each change with probability p. While p is below about 0.8 the unchanged distribution is the only one that looks
right after the changes, so the generator does not draw them. p follows from how well the discriminator knows the real
images: r = E[sign D(real)] is near 0 where it guesses and 1 where it has learnt them by heart.
"""

from collections.abc import Callable, Mapping
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from passband.generation.ada_blitting import blit
from passband.generation.ada_filtering import cut_out, filter_bands, noise
from passband.generation.ada_geometry import warp
from passband.generation.ada_values import change_values
from passband.recipe import Recipe

Group = Literal["blit", "geometric", "colour", "filter", "noise", "cutout"]
Augment = Callable[[Tensor, float, torch.Generator], Tensor]


class AdaptiveAugmentation(Recipe):
    """Which changes there are, and how their probability follows the discriminator.

    Attributes
    ----------
    groups
        "blit" (flips, shifts by whole pixels, turns by 90°), "geometric" (scales, turns, shifts; resampled), "colour"
        (brightness, contrast, inversion), "filter" (bands of the spectrum), "noise", "cutout". The first two are the
        best ones for micrographs (Lambard et al., Sci. Rep. 2023).
    rotations
        Whether blit turns by 90° and 270°, and geometric by any angle. Off, as rows of scanned images are not like
        their columns: jitter and drift have a direction. Turn it on where no direction is special.
    target
        Of r; 0.6 in the paper, 0.5 was best for micrographs (Lambard et al.).
    kimg
        Thousands of real images over which p goes from 0 to 1 where r stays above the target; 500 in the paper.
    fixed
        A probability that does not follow the discriminator; None: it does.
    """

    groups: tuple[Group, ...] = ("blit", "geometric")
    rotations: bool = False
    target: float = Field(default=0.5, gt=0.0, lt=1.0)
    kimg: float = Field(default=500.0, gt=0.0)
    fixed: float | None = Field(default=None, ge=0.0, le=1.0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.groups or len(set(self.groups)) < len(self.groups):
            raise ValueError(f"groups={list(self.groups)} must be one or more, each once")
        return self

    def augment(self, images: Tensor, p: float, generator: torch.Generator) -> Tensor:
        """Return images (n, 1, size, size) of −1 to 1, each changed with probability p in each way, differentiably.

        At p = 0 they are the same bits. `generator` is on their device.
        """
        changes: Mapping[str, Augment] = {
            "blit": lambda *seen: blit(*seen, quarters=self.rotations),
            "geometric": lambda *seen: warp(*seen, rotations=self.rotations),
            "colour": change_values,
            "filter": filter_bands,
            "noise": noise,
            "cutout": cut_out,
        }
        for name, change in changes.items():  # in the order of the paper
            if name in self.groups:
                images = change(images, p, generator)
        return images


class AugmentationControl(nn.Module):
    """The probability p, and the signs that it follows from: buffers, so that a checkpoint holds them.

    p is counted in images, so that it is exact: it rises or falls by those of four minibatches at a time.
    """

    EVERY = 4  # minibatches

    def __init__(self, recipe: AdaptiveAugmentation) -> None:
        super().__init__()
        self.recipe, self.full = recipe, round(1000.0 * recipe.kimg)
        start = 0 if recipe.fixed is None else round(recipe.fixed * self.full)
        self.register_buffer("level", torch.tensor(start))  # p · 1000 kimg
        self.register_buffer("signs", torch.zeros(2, dtype=torch.int64))  # their sum and number since the last change
        self.register_buffer("r", torch.zeros((), dtype=torch.float64))  # over the last four minibatches
        self.level: Tensor
        self.signs: Tensor
        self.r: Tensor

    @property
    def p(self) -> float:
        """Probability of each change."""
        return float(self.level) / self.full if self.recipe.fixed is None else self.recipe.fixed

    @torch.no_grad()
    def see(self, logits: Tensor) -> None:
        """Take note of the logits of a minibatch of real images, (n,)."""
        self.signs += torch.stack(
            [logits.sign().sum().to(torch.int64), torch.tensor(len(logits), device=logits.device)]
        )

    @torch.no_grad()
    def adjust(self) -> None:
        """Move p by sign(r − target) · images seen since / (1000 kimg), from 0 to 1."""
        total, count = self.signs
        self.r.copy_(total.double() / count)
        if self.recipe.fixed is None:
            step = torch.sign(self.r - self.recipe.target).to(torch.int64) * count
            self.level.add_(step).clamp_(0, self.full)
        self.signs.zero_()

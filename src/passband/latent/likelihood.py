"""How well a drawn patch fits the one that was seen, in nats.

A mean squared error of weight one half, the peers' default, is the likelihood of a noise of 1; on images from 0 to 1
it is so weak that the prior wins, and angles blur. So the noise is told, or learnt; and maps of probability have the
likelihood of Bernoulli.
"""

from math import log, pi
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from passband.recipe import Recipe


class BernoulliPixels(Recipe):
    """Values from 0 to 1, as a map of probability has: x log p + (1 − x) log(1 − p)."""

    kind: Literal["bernoulli"] = "bernoulli"

    def log_likelihood(self, drawn: Tensor, seen: Tensor, log_noise: Tensor) -> Tensor:
        """Return that of each pixel, nats, of the same shape; `drawn` are logits."""
        del log_noise
        return -binary_cross_entropy_with_logits(drawn, seen, reduction="none")

    def image_of(self, drawn: Tensor) -> Tensor:
        """Return the mean image of what was drawn."""
        return torch.sigmoid(drawn)


class GaussianPixels(Recipe):
    """Any values, with independent normal noise.

    Attributes
    ----------
    noise
        Standard deviation in the units of the patches; None: learnt, one for all pixels.
    """

    kind: Literal["gaussian"] = "gaussian"
    noise: float | None = Field(default=None, gt=0.0)

    def log_likelihood(self, drawn: Tensor, seen: Tensor, log_noise: Tensor) -> Tensor:
        """Return that of each pixel, nats, of the same shape; `log_noise` is what was learnt."""
        log_sigma = log_noise if self.noise is None else torch.full_like(log_noise, log(self.noise))
        return -0.5 * (((drawn - seen) * torch.exp(-log_sigma)) ** 2 + log(2.0 * pi)) - log_sigma

    def image_of(self, drawn: Tensor) -> Tensor:
        """Return the mean image of what was drawn."""
        return drawn


Likelihood = Annotated[BernoulliPixels | GaussianPixels, Field(discriminator="kind")]

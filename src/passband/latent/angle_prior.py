"""What is known of the orientation of a patch before it is seen, and what it costs to say more, in nats."""

from math import e, log, pi, sqrt
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from passband.recipe import Recipe


class NormalAngle(Recipe):
    """Angles about zero: N(0, sigma²), rad; most patches lie near 0 (the choice of AtomAI and pyroVED)."""

    kind: Literal["normal"] = "normal"
    sigma: float = Field(default=0.1, gt=0.0, le=10.0)

    @property
    def symmetry(self) -> int:
        """Period of the angle as a part of a turn: none, 1."""
        return 1

    def divergence(self, mean: Tensor, deviation: Tensor) -> Tensor:
        """Return KL(N(mean, deviation²) ‖ prior) of each patch, nats, with the term of the mean."""
        ratio = deviation / self.sigma
        return 0.5 * (ratio**2 + (mean / self.sigma) ** 2 - 1.0) - torch.log(ratio)

    def widest(self) -> float:
        """Return the largest deviation that a posterior may have, rad."""
        return self.sigma


class UniformAngle(Recipe):
    """Every orientation as likely; an object of n-fold symmetry has angles of one n-th of a turn.

    The posterior is a normal distribution that is wrapped at the period 2π/n. Its entropy is taken as that of the
    normal one, which is the wrapped one's to 0.001 nats up to a deviation of 0.15 periods, and above it beyond; a
    deviation never exceeds 0.242 periods, where that entropy is the uniform one's and the divergence 0.
    """

    kind: Literal["uniform"] = "uniform"
    symmetry: int = Field(default=1, ge=1, le=24)

    def divergence(self, mean: Tensor, deviation: Tensor) -> Tensor:
        """Return KL(posterior ‖ uniform) of each patch, nats; the mean does not matter."""
        del mean
        return log(2.0 * pi / self.symmetry) - torch.log(deviation) - 0.5 * log(2.0 * pi * e)

    def widest(self) -> float:
        """Return the largest deviation that a posterior may have, rad."""
        return 2.0 * pi / self.symmetry / sqrt(2.0 * pi * e)


AnglePrior = Annotated[NormalAngle | UniformAngle, Field(discriminator="kind")]

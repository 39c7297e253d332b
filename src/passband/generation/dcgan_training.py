"""A training of DCGAN, as one value."""

from pydantic import Field

from passband.generation.dcgan import DCGAN, DCGANLearner
from passband.generation.image_training import ImageTraining


class DCGANTraining(ImageTraining):
    """A training of DCGAN.

    Attributes
    ----------
    batch_size
        Images of a step, 128 in the paper.
    learning_rate
        Of Adam, 0.0002 in the paper.
    """

    network: DCGAN = DCGAN()
    batch_size: int = Field(default=32, ge=2, le=4096)
    learning_rate: float = Field(default=2e-4, gt=0.0)

    def learner(self) -> DCGANLearner:
        """Build the players; their random start comes from torch's global generator."""
        return DCGANLearner(self.network, seed=self.seed)

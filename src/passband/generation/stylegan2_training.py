"""A training of StyleGAN2 with adaptive augmentation, as one value."""

from pydantic import Field

from passband.generation.ada import AdaptiveAugmentation
from passband.generation.image_training import ImageTraining
from passband.generation.stylegan2 import StyleGAN2
from passband.generation.stylegan2_learner import StyleGAN2Learner, StyleGAN2Losses


class StyleGAN2Training(ImageTraining):
    """A training of StyleGAN2: networks, losses, augmentation, and how long.

    Attributes
    ----------
    losses
        Weights of the losses and their regularisation.
    augmentation
        None trains without, on thousands of images.
    learning_rate
        Of Adam, 0.0025 in the paper.
    """

    network: StyleGAN2 = StyleGAN2()
    losses: StyleGAN2Losses = StyleGAN2Losses()
    augmentation: AdaptiveAugmentation | None = AdaptiveAugmentation()
    learning_rate: float = Field(default=0.0025, gt=0.0)

    def learner(self) -> StyleGAN2Learner:
        """Build the players; their random start comes from torch's global generator."""
        return StyleGAN2Learner(self.network, self.losses, self.augmentation, batch=self.batch_size, seed=self.seed)

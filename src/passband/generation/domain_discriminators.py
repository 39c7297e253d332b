"""The discriminators of one domain: of images and, where wanted, of their spectra."""

import torch
from torch import Tensor, nn

from passband.generation.log_spectrum import LogSpectrum
from passband.generation.patch_discriminator import discriminator_loss, generator_loss
from passband.generation.translation_recipe import TranslationRecipe


class DomainDiscriminators(nn.Module):
    """Tells real images of a domain from generated ones."""

    def __init__(self, recipe: TranslationRecipe) -> None:
        super().__init__()
        side = recipe.size
        self.networks = nn.ModuleList([recipe.discriminator.fitted((side, side)).build()])
        self.views = nn.ModuleList([nn.Identity()])
        if recipe.spectrum:
            self.networks.append(recipe.discriminator.fitted((side, side // 2 + 1)).build())
            self.views.append(LogSpectrum(side))

    def measure(self, real: Tensor) -> None:
        """Take the statistics of spectra from real images (n, 1, s, s)."""
        for view in self.views:
            if isinstance(view, LogSpectrum):
                view.measure(real)

    def fooled(self, generated: Tensor) -> Tensor:
        """Return the loss of the generator: the mean over image and spectrum."""
        parts = [
            generator_loss(network(view(generated))) for network, view in zip(self.networks, self.views, strict=True)
        ]
        return torch.stack(parts).mean()

    def told(self, real: Tensor, generated: Tensor) -> Tensor:
        """Return the loss of the discriminators: the sum over image and spectrum, for none shares weights."""
        parts = [
            discriminator_loss(network(view(real)), network(view(generated)))
            for network, view in zip(self.networks, self.views, strict=True)
        ]
        return torch.stack(parts).sum()

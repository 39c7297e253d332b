"""The discriminators of one domain: of images and, where wanted, of their spectra."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from passband.generation.log_spectrum import SEGMENTS, LogSpectrum, drawn_segments, spectrum_shape
from passband.generation.patch_discriminator import discriminator_loss, generator_loss
from passband.generation.translation_recipe import TranslationRecipe


class DomainDiscriminators(nn.Module):
    """Tells real images of a domain from generated ones; `rng` draws which segments the spectra are of."""

    def __init__(self, recipe: TranslationRecipe) -> None:
        super().__init__()
        self.side = recipe.size
        self.networks = nn.ModuleList([recipe.discriminator.fitted((self.side, self.side)).build()])
        self.log_spectrum = LogSpectrum(self.side) if recipe.spectrum else None
        if recipe.spectrum:
            self.networks.append(recipe.discriminator.fitted(spectrum_shape(self.side)).build(SEGMENTS))

    def measure(self, real: Tensor, rng: np.random.Generator) -> None:
        """Take the statistics of spectra from real images (n, 1, s, s)."""
        if self.log_spectrum is not None:
            self.log_spectrum.measure(real, drawn_segments(self.side, rng))

    def fooled(self, generated: Tensor, rng: np.random.Generator) -> Tensor:
        """Return the loss of the generator: the mean over image and spectrum."""
        segments = drawn_segments(self.side, rng)
        return torch.stack([generator_loss(one) for one in self._judged(generated, segments)]).mean()

    def told(self, real: Tensor, generated: Tensor, rng: np.random.Generator) -> Tensor:
        """Return the loss of the discriminators: the sum over image and spectrum, for none shares weights."""
        segments = drawn_segments(self.side, rng)
        pairs = zip(self._judged(real, segments), self._judged(generated, segments), strict=True)
        return torch.stack([discriminator_loss(*pair) for pair in pairs]).sum()

    def _judged(self, images: Tensor, segments: Sequence[tuple[int, int]]) -> list[Tensor]:
        """Return what each network says of images (n, 1, s, s)."""
        views = [images] if self.log_spectrum is None else [images, self.log_spectrum(images, segments)]
        return [network(view) for network, view in zip(self.networks, views, strict=True)]

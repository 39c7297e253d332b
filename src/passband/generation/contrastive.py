"""One-sided contrastive translation (CUT, Park et al., arXiv 2007.15651), with discriminators of images and spectra."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from passband.generation.cyclegan import BETAS, DISCRIMINATORS, GENERATORS
from passband.generation.domain_discriminators import DomainDiscriminators
from passband.generation.paired_crops import DomainBatch
from passband.generation.patch_contrast import PatchContrast, place_weights
from passband.generation.translation_recipe import Contrastive, TranslationRecipe
from passband.generation.translation_validation import Samples, Score, TranslationValidation, noisy, step_generator
from passband.generation.translator import Translator
from passband.training import Turn


class OneWayLearner(nn.Module):
    """One generator, the heads that compare patches, and the discriminators of the real domain.

    Parameters
    ----------
    recipe
        Its method is contrastive.
    networks
        The generator "there", trained in place.
    seed
        Of noise and of the places of patches.
    score
        Asked at each validation.
    """

    def __init__(
        self, recipe: TranslationRecipe, networks: nn.ModuleDict, *, seed: int, score: Score | None = None
    ) -> None:
        super().__init__()
        assert isinstance(recipe.method, Contrastive)
        self.recipe, self.method, self.seed = recipe, recipe.method, seed
        self.networks = networks
        self.real = DomainDiscriminators(recipe)
        self.contrast = PatchContrast(
            recipe.generator.widths,
            projection=self.method.projection,
            patches=self.method.patches,
            temperature=self.method.temperature,
        )
        self.validation = TranslationValidation(("adversarial", "contrast", "identity"), recipe.alarms, score)
        self.samples: Samples | None = None
        self._drawn: Tensor | None = None  # by the generator in this step

    @property
    def generator(self) -> Translator:
        """From simulated to real."""
        found = self.networks["there"]
        assert isinstance(found, Translator)
        return found

    def turns(self) -> tuple[Turn, ...]:
        """Return the turns of a step: the generator with its heads, then the discriminators."""
        own = (*self.networks.parameters(), *self.contrast.parameters())
        return Turn(GENERATORS, own, betas=BETAS), Turn(DISCRIMINATORS, tuple(self.real.parameters()), betas=BETAS)

    def loss(self, batch: DomainBatch, *, step: int, turn: str) -> Tensor:
        """Return what a turn descends."""
        device = self.validation.sums.device
        real = batch.real.to(device)
        rng = np.random.default_rng([self.seed, step, turn == GENERATORS])
        if turn == DISCRIMINATORS:
            assert self._drawn is not None
            drawn, self._drawn = self._drawn, None
            return self.real.told(real, drawn, rng)
        generator = step_generator(device, self.seed, step)
        pristine = batch.simulated.to(device)
        simulated = noisy(pristine, self.recipe.noise, generator)
        to_real, same_real = self.generator(torch.cat([simulated, real])).chunk(2)
        masks = None if batch.weights is None else batch.weights.to(device)
        contrast = self._compared(simulated, to_real, place_weights(pristine, masks), generator)
        identity = self._compared(real, same_real, place_weights(real, None), generator)
        adversarial = self.real.fooled(to_real, rng)
        self._drawn = to_real.detach()
        self.validation.note(adversarial, contrast, identity)
        return adversarial + self.method.contrast_weight * contrast + self.method.identity_weight * identity

    def _compared(self, before: Tensor, after: Tensor, weights: Tensor, generator: torch.Generator) -> Tensor:
        with torch.no_grad():  # keys are constants
            known = self.generator.features(before)
        loss: Tensor = self.contrast(known, self.generator.features(after), weights, generator)
        return loss

    def translate(self, images: Tensor, seed: int) -> Tensor:
        """Translate simulated images (n, 1, s, s), with the noise of a seed."""
        device = self.validation.sums.device
        out: Tensor = self.generator(
            noisy(images.to(device), self.recipe.noise, step_generator(device, self.seed, 2**32 + seed))
        )
        return out

    def validate(self, name: str, batches: Iterable[DomainBatch]) -> dict[str, float]:
        """Return what became of columns and contrast, and the mean parts of the loss since the last validation."""
        del name
        scores, self.samples = self.validation.examine(batches, self.translate, None)
        means = self.validation.means()
        total = means["adversarial"]
        total += self.method.contrast_weight * means["contrast"] + self.method.identity_weight * means["identity"]
        return {"training_loss": total, **means, **scores}

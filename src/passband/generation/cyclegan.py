"""CycleGAN with discriminators of images and of spectra: two domains of micrographs, translated there and back.

After Zhu et al. (arXiv 1703.10593) and Khan et al. (npj Comput. Mater. 9, 85, 2023): least-squares losses, cycle and
identity losses, noise on the simulated images, a buffer of generated images. Noise belongs to the simulated domain: the
way back returns a simulation with such noise.
"""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from passband.generation.domain_discriminators import DomainDiscriminators
from passband.generation.paired_crops import DomainBatch
from passband.generation.replay_buffer import ReplayBuffer
from passband.generation.translation_recipe import CycleGAN, TranslationRecipe
from passband.generation.translation_validation import Samples, Score, TranslationValidation, noisy, step_generator
from passband.training import Turn

BETAS = (0.5, 0.999)
GENERATORS, DISCRIMINATORS = "generators", "discriminators"


class CycleLearner(nn.Module):
    """Two generators and the discriminators of two domains; `passband.training.fit` trains them in two turns.

    Parameters
    ----------
    recipe
        Its method is CycleGAN.
    networks
        Generators "there" and "back", trained in place.
    seed
        Of noise and of the buffers' choices.
    score
        Asked at each validation.
    """

    def __init__(
        self, recipe: TranslationRecipe, networks: nn.ModuleDict, *, seed: int, score: Score | None = None
    ) -> None:
        super().__init__()
        assert isinstance(recipe.method, CycleGAN)
        self.recipe, self.method, self.seed = recipe, recipe.method, seed
        self.networks = networks
        self.simulated, self.real = DomainDiscriminators(recipe), DomainDiscriminators(recipe)
        self.shown_simulated, self.shown_real = (ReplayBuffer(self.method.replay, recipe.size) for _ in range(2))
        self.validation = TranslationValidation(("adversarial", "cycle", "identity"), recipe.alarms, score)
        self.samples: Samples | None = None
        self._drawn: tuple[Tensor, Tensor] | None = None  # by the generators in this step

    def turns(self) -> tuple[Turn, ...]:
        """Return the turns of a step: both generators, then all discriminators."""
        judges = (*self.simulated.parameters(), *self.real.parameters())
        return (
            Turn(GENERATORS, tuple(self.networks.parameters()), betas=BETAS),
            Turn(DISCRIMINATORS, judges, betas=BETAS),
        )

    def loss(self, batch: DomainBatch, *, step: int, turn: str) -> Tensor:
        """Return what a turn descends."""
        device = self.validation.sums.device
        simulated, real = batch.simulated.to(device), batch.real.to(device)
        simulated = noisy(simulated, self.recipe.noise, step_generator(device, self.seed, step))
        rng = np.random.default_rng([self.seed, step, turn == GENERATORS])
        if turn == GENERATORS:
            return self._generators(simulated, real, rng)
        return self._discriminators(simulated, real, step * len(real), rng)

    def _generators(self, simulated: Tensor, real: Tensor, rng: np.random.Generator) -> Tensor:
        there, back = self.networks["there"], self.networks["back"]
        to_real, same_real = there(torch.cat([simulated, real])).chunk(2)  # networks see every image on its own
        to_simulated, same_simulated = back(torch.cat([real, simulated])).chunk(2)
        cycled = torch.stack([_distance(back(to_real), simulated), _distance(there(to_simulated), real)]).sum()
        same = torch.stack([_distance(same_real, real), _distance(same_simulated, simulated)]).sum()
        adversarial = self.real.fooled(to_real, rng) + self.simulated.fooled(to_simulated, rng)
        self._drawn = to_simulated.detach(), to_real.detach()
        self.validation.note(adversarial, cycled, same)
        return adversarial + self.method.cycle_weight * cycled + self.method.identity_weight * same

    def _discriminators(self, simulated: Tensor, real: Tensor, seen: int, rng: np.random.Generator) -> Tensor:
        assert self._drawn is not None
        (to_simulated, to_real), self._drawn = self._drawn, None
        to_simulated = self.shown_simulated.exchanged(to_simulated, seen=seen, rng=rng)
        to_real = self.shown_real.exchanged(to_real, seen=seen, rng=rng)
        return self.simulated.told(simulated, to_simulated, rng) + self.real.told(real, to_real, rng)

    def translate(self, images: Tensor, seed: int) -> Tensor:
        """Translate simulated images (n, 1, s, s), with the noise of a seed."""
        device = self.validation.sums.device
        out: Tensor = self.networks["there"](
            noisy(images.to(device), self.recipe.noise, step_generator(device, self.seed, 2**32 + seed))
        )
        return out

    def validate(self, name: str, batches: Iterable[DomainBatch]) -> dict[str, float]:
        """Return what became of columns and contrast, and the mean parts of the loss since the last validation."""
        del name
        device = self.validation.sums.device
        scores, self.samples = self.validation.examine(
            batches, self.translate, lambda images: self.networks["back"](images.to(device))
        )
        means = self.validation.means()
        total = (
            means["adversarial"]
            + self.method.cycle_weight * means["cycle"]
            + self.method.identity_weight * means["identity"]
        )
        return {"training_loss": total, **means, **scores}


def _distance(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).abs().mean()

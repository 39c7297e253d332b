"""What training asks of StyleGAN2: the turns of generator and discriminator, their lazy regularisation, and averages.

Lazy regularisation (Karras et al. 2020, arXiv 1912.04958, appendix B): a term that is computed every k steps is taken
k times, as a step of its own with the optimiser of the main loss, whose rate and β are those for k + 1 steps in place
of k.
"""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from passband.generation.ada import AdaptiveAugmentation, AugmentationControl
from passband.generation.image_learner import Scoring
from passband.generation.losses import discriminator_loss, generator_loss, r1_penalty
from passband.generation.stylegan2 import Discriminator, Generator, StyleGAN2
from passband.generation.stylegan2_losses import path_lengths, path_penalty
from passband.recipe import Recipe
from passband.training import Turn

BETA = 0.99  # the second β of Adam; the first is 0
W_DECAY = 0.995  # of the running mean of w, a step
PATH_DECAY = 0.99  # of the running mean of path lengths, at each of its steps
AT_ONCE = 32  # images that are generated together
TURNS = ("generator", "path_length", "discriminator", "r1")


class StyleGAN2Losses(Recipe):
    """Weights of the losses and of their regularisation.

    Attributes
    ----------
    r1_gamma
        Weight γ of R1, ½γ E‖∇D‖²; None: 0.0002 · size² / batch size.
    r1_every
        Steps between two of its steps.
    path_weight
        Of the path lengths; 0 leaves them out.
    path_every
        Steps between two of theirs, each with half a batch.
    style_mixing
        Part of the generated images whose later layers take the style of another latent.
    average_kimg
        Half-life of the running average of the generator, thousands of images; None: batch size · 10 / 32.
    """

    r1_gamma: float | None = Field(default=None, ge=0.0)
    r1_every: int = Field(default=16, ge=1)
    path_weight: float = Field(default=2.0, ge=0.0)
    path_every: int = Field(default=4, ge=1)
    style_mixing: float = Field(default=0.9, ge=0.0, le=1.0)
    average_kimg: float | None = Field(default=None, gt=0.0)

    def gamma(self, size: int, batch: int) -> float:
        """Return the weight of R1 for images of some pixels a side and minibatches of some images."""
        return 0.0002 * size**2 / batch if self.r1_gamma is None else self.r1_gamma

    def decay(self, batch: int) -> float:
        """Return what a step leaves of the running average of the generator."""
        half_life = batch * 10.0 / 32.0 if self.average_kimg is None else self.average_kimg
        return float(0.5 ** (batch / (1000.0 * half_life)))


class StyleGAN2Learner(nn.Module):
    """Generator, discriminator, the running average of the generator, and the probability of augmentation.

    All that a resumed training needs is a parameter or a buffer; what is random in a step follows from the seed, the
    step and the turn.

    Parameters
    ----------
    recipe
        Of the networks.
    losses
        Their weights.
    augmentation
        None: images are seen as they are.
    batch
        Images of a step.
    seed
        Of latents and augmentations.
    """

    def __init__(
        self,
        recipe: StyleGAN2,
        losses: StyleGAN2Losses,
        augmentation: AdaptiveAugmentation | None,
        *,
        batch: int,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.recipe, self.losses, self.batch, self.seed = recipe, losses, batch, seed
        self.generator, self.discriminator = recipe.build(), Discriminator(recipe)
        self.average = in_buffers(copy.deepcopy(self.generator))
        self.control = AugmentationControl(augmentation or AdaptiveAugmentation(fixed=0.0))
        self.augmentation = augmentation
        self.register_buffer("path_mean", torch.zeros(()))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        self.path_mean: Tensor
        self.seen: Tensor
        self.scoring = Scoring()

    @property
    def p(self) -> float:
        """Probability of augmentation."""
        return self.control.p

    def kept(self) -> Mapping[str, Tensor]:
        """Return the tensors of the average generator."""
        return self.average.state_dict()

    def turns(self) -> tuple[Turn, ...]:
        """Return the turns of a step: each network descends its loss, then its regularisation where that is due."""
        losses = self.losses
        of = {
            "generator": _lazy(losses.path_every if losses.path_weight else None),
            "discriminator": _lazy(losses.r1_every),
        }
        generator, discriminator = tuple(self.generator.parameters()), tuple(self.discriminator.parameters())
        return (
            Turn("generator", generator, *of["generator"]),
            Turn("path_length", generator, *of["generator"]),
            Turn("discriminator", discriminator, *of["discriminator"]),
            Turn("r1", discriminator, *of["discriminator"]),
        )

    def loss(self, batch: Tensor, *, step: int, turn: str) -> Tensor | None:
        """Return the loss of a turn on real images (n, 1, size, size), or None where its regularisation is not due."""
        reals = batch.to(self.path_mean.device)
        generator = self.random(step, TURNS.index(turn))
        if turn == "generator":
            return generator_loss(self.judged(self.fakes(len(reals), generator, follow=True), generator))
        if turn == "discriminator":
            return self._discriminator_loss(reals, generator)
        if turn == "path_length":
            due = self.losses.path_weight > 0.0 and step % self.losses.path_every == 0
            return self._path_loss(max(1, len(reals) // 2), generator) if due else None
        return self._r1(reals, generator) if step % self.losses.r1_every == 0 else None

    def random(self, step: int, place: int) -> torch.Generator:
        """Return the random numbers of a turn of a step."""
        generator = torch.Generator(self.path_mean.device)
        return generator.manual_seed(((self.seed * 1_000_003 + step) * 8 + place) % 2**63)

    def fakes(self, count: int, generator: torch.Generator, *, follow: bool = False) -> Tensor:
        """Return generated images (n, 1, size, size), some with two styles; the mean of w may follow them."""
        mapping = self.generator.mapping
        w = mapping(self._normal(count, generator))
        if follow:
            mapping.mean.lerp_(w.detach().mean(0), 1.0 - W_DECAY)
        w = mixed(
            self.generator.for_all_layers(w), mapping(self._normal(count, generator)), self._crossings(count, generator)
        )
        images: Tensor = self.generator.synthesis(w, self._noise(count, generator))
        return images

    def judged(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return the logits (n,) of images after augmentation, whether they are real or not."""
        logits: Tensor = self.discriminator(self._augmented(images, generator))
        return logits

    def _augmented(self, images: Tensor, generator: torch.Generator) -> Tensor:
        return images if self.augmentation is None else self.augmentation.augment(images, self.control.p, generator)

    def _discriminator_loss(self, reals: Tensor, generator: torch.Generator) -> Tensor:
        with torch.no_grad():
            fakes = self.fakes(len(reals), generator)
        real = self.judged(reals, generator)
        self.control.see(real)
        return discriminator_loss(real, self.judged(fakes, generator))

    def _r1(self, reals: Tensor, generator: torch.Generator) -> Tensor:
        """R1 at what the discriminator sees, the augmented images."""
        seen = self._augmented(reals, generator).detach().requires_grad_()
        gamma = self.losses.gamma(self.recipe.size, self.batch)
        return self.losses.r1_every * r1_penalty(self.discriminator(seen), seen, gamma)

    def _path_loss(self, count: int, generator: torch.Generator) -> Tensor:
        w = self.generator.for_all_layers(self.generator.mapping(self._normal(count, generator)))
        images = self.generator.synthesis(w, self._noise(count, generator))
        y = torch.randn(images.shape, generator=generator, device=images.device)
        lengths = path_lengths(images, w, y)
        with torch.no_grad():
            self.path_mean.lerp_(lengths.mean(), 1.0 - PATH_DECAY)
        return self.losses.path_every * self.losses.path_weight * path_penalty(lengths, self.path_mean)

    def _normal(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.randn(count, self.recipe.latent, generator=generator, device=generator.device)

    def _noise(self, count: int, generator: torch.Generator) -> list[Tensor]:
        device, sides = generator.device, self.recipe.noise_sides
        return [torch.randn(count, 1, side, side, generator=generator, device=device) for side in sides]

    def _crossings(self, count: int, generator: torch.Generator) -> Tensor:
        """Layers (n,) from which the second style is used; all of them for images of one style."""
        layers, device = self.recipe.layers, generator.device
        place = torch.randint(1, layers, (count,), generator=generator, device=device)
        two = torch.rand(count, generator=generator, device=device) < self.losses.style_mixing
        return torch.where(two, place, layers)

    def stepped(self, step: int) -> None:
        """Follow the generator with its average, count images, and let p follow the discriminator.

        The average forgets the random start soon: its decay is min(decay, (1 + t) / (10 + t)) at step t.
        """
        decay = min(self.losses.decay(self.batch), (1.0 + step) / (10.0 + step))
        ours, theirs = self.average.state_dict(), self.generator.state_dict()
        for name, tensor in ours.items():
            tensor.lerp_(theirs[name], 1.0 - decay)
        self.seen += self.batch
        if (step + 1) % AugmentationControl.EVERY == 0:
            self.control.adjust()

    def validate(self, name: str, batches: Iterable[Any]) -> dict[str, float]:
        """Return how far the training is, and what its average scores: `kimg`, `p`, `r_t`, `frechet`, `recall`."""
        del name, batches
        found = {"kimg": float(self.seen) / 1000.0, "p": self.control.p, "r_t": float(self.control.r)}
        return found | {"path_length": float(self.path_mean)} | self.scoring.of(self.generated)

    @torch.no_grad()
    def generated(self, count: int) -> Tensor:
        """Return images of the average generator, the same latents each time: (count, 1, size, size)."""
        generator = torch.Generator(self.path_mean.device).manual_seed(self.seed)
        parts = [min(AT_ONCE, count - start) for start in range(0, count, AT_ONCE)]
        device = generator.device
        return torch.cat(
            [self.average(torch.randn(one, self.recipe.latents, generator=generator, device=device)) for one in parts]
        )


def mixed(first: Tensor, second: Tensor, crossings: Tensor) -> Tensor:
    """Return w (n, layers, latent) whose layers from `crossings` (n,) on are `second` (n, latent)."""
    layers = torch.arange(first.shape[1], device=first.device)
    return torch.where((layers >= crossings[:, None])[:, :, None], second[:, None], first)


def in_buffers(network: Generator) -> Generator:
    """Make the parameters of a network buffers, so that they are kept but not trained."""
    for module in network.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            delattr(module, name)
            module.register_buffer(name, parameter.detach())
    return network


def _lazy(every: int | None) -> tuple[float, tuple[float, float]]:
    """Rate and β of Adam where every so many steps there is one more."""
    part = 1.0 if every is None else every / (every + 1.0)
    return part, (0.0, BETA**part)

"""Rotation-invariant variational autoencoder: how a patch is turned, moved and scaled, apart from what it shows.

The evidence lower bound of a patch x is E log p(x | θ, Δ, s, z) − KL(angle) − KL(shift) − KL(scale) − KL(content) −
KL(state), in nats (Kingma & Welling 2014; Bepler et al. 2019; Kalinin et al., Sci. Adv. 2021 for micrographs). The
first term may be taken on a random part of the pixels, weighted up: it stays unbiased, at a part of the cost.
"""

from dataclasses import dataclass, fields
from math import log
from typing import Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from passband.latent.angle_prior import AnglePrior, UniformAngle
from passband.latent.coordinates import pixel_grid, places_in_object
from passband.latent.decoder import SpatialDecoder
from passband.latent.encoders import EncoderKind, Heads, Posterior, encoder_of
from passband.latent.likelihood import GaussianPixels, Likelihood
from passband.recipe import Recipe

TEMPERATURE = 0.67  # of the relaxed discrete states (Dupont 2018, as in AtomAI and pyroVED)


class RotationInvariantVAE(Recipe):
    """Architecture and likelihood of a rotation-invariant variational autoencoder.

    Attributes
    ----------
    content
        Number of latents that say what a patch shows, N(0, 1) each.
    angle
        Prior of the orientation; None: patches are not turned.
    shift
        Standard deviation of the displacement in half windows; None: they are not moved.
    scale
        Standard deviation of the logarithm of the scale; None: they are not scaled.
    classes
        Number of known classes that the decoder is told; 0 for none.
    discrete
        Number of unknown states, each as likely; 0 for none.
    encoder
        "equivariant" turns with the patch; "dense" is that of the paper; "convolutional".
    hidden
        Widths of the layers of the decoder, and of a dense encoder.
    detail
        How fine the decoder begins to draw: about twice the atoms across a window.
    likelihood
        Of pixels.
    pixels
        Part of the pixels that a step draws, at random.
    beta
        Weight of the divergences in training (Higgins et al. 2017); 1 is the bound itself, which is what is told.
    warm_up
        Part of the training over which that weight grows from 0: before the decoder draws anything, nothing is worth
        its price, and all latents would fall asleep.
    geometry
        Part of the training, at its beginning, in which content is 0: what a turn or a shift explains is told by these.
    """

    content: int = Field(default=2, ge=0, le=64)
    angle: AnglePrior | None = UniformAngle()
    shift: float | None = Field(default=0.1, gt=0.0, le=1.0)
    scale: float | None = Field(default=None, gt=0.0, le=1.0)
    classes: int = Field(default=0, ge=0, le=64)
    discrete: int = Field(default=0, ge=0, le=64)
    encoder: EncoderKind = "equivariant"
    hidden: tuple[int, ...] = (128, 128)
    detail: float = Field(default=8.0, gt=0.0, le=1000.0)
    likelihood: Likelihood = GaussianPixels()
    pixels: float = Field(default=0.25, gt=0.0, le=1.0)
    beta: float = Field(default=1.0, gt=0.0, le=1000.0)
    warm_up: float = Field(default=0.3, ge=0.0, lt=1.0)
    geometry: float = Field(default=0.2, ge=0.0, lt=1.0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.hidden or any(not 1 <= width <= 4096 for width in self.hidden):
            raise ValueError(f"hidden={list(self.hidden)} must be one width or more, each from 1 to 4096")
        if self.content + self.discrete + self.classes == 0:
            raise ValueError(
                "content=0 leaves no latent that says what a patch shows; write content=1 or more, or discrete"
            )
        if self.discrete == 1:
            raise ValueError("discrete=1 is no choice; write 0, or 2 and more")
        return self

    @property
    def heads(self) -> Heads:
        """What its encoder is asked for."""
        on_circle = isinstance(self.angle, UniformAngle)
        return Heads(
            self.content, self.classes, self.discrete, self.angle.symmetry if on_circle and self.angle else None
        )


@dataclass(frozen=True)
class Bound:
    """Parts of the evidence lower bound of n patches, (n,), nats: the likelihood, and what each latent costs."""

    likelihood: Tensor
    angle: Tensor
    shift: Tensor
    scale: Tensor
    content: Tensor
    state: Tensor

    def total(self, beta: float = 1.0) -> Tensor:
        """Return the bound, with divergences weighted by `beta`: (n,)."""
        divergences = [getattr(self, one.name) for one in fields(self) if one.name != "likelihood"]
        return self.likelihood - beta * torch.stack(divergences).sum(0)


@dataclass(frozen=True)
class Deviations:
    """Standard deviations of a posterior, as `Posterior` has the means."""

    angle: Tensor
    shift: Tensor
    scale: Tensor
    content: Tensor


class RVAE(nn.Module):
    """The networks of a `RotationInvariantVAE` for patches of one shape (h, w)."""

    def __init__(self, recipe: RotationInvariantVAE, shape: tuple[int, int]) -> None:
        super().__init__()
        self.recipe, self.shape = recipe, shape
        self.encoder = encoder_of(recipe.encoder, shape, recipe.heads, recipe.hidden)
        self.decoder = SpatialDecoder(
            recipe.content + recipe.classes + recipe.discrete, recipe.hidden, detail=recipe.detail
        )
        self.log_noise = nn.Parameter(torch.zeros(()))
        self.register_buffer("places", pixel_grid(shape), persistent=False)  # (h·w, 2)
        self.places: Tensor

    def posterior(self, images: Tensor, classes: Tensor | None = None) -> Posterior:
        """Return what is believed of patches (n, h, w); `classes` (n,) whole numbers, where the recipe has some."""
        found: Posterior = self.encoder(images, self._one_hot(len(images), classes))
        return found

    def deviations(self, posterior: Posterior) -> Deviations:
        """Return the standard deviations of a posterior, none above that of its prior."""
        recipe = self.recipe
        return Deviations(
            _below(recipe.angle.widest() if recipe.angle else 0.0, posterior.log_angle),
            _below(recipe.shift or 0.0, posterior.log_shift),
            _below(recipe.scale or 0.0, posterior.log_scale),
            _below(1.0, posterior.log_content),
        )

    def bound(
        self, images: Tensor, classes: Tensor | None = None, *, pixels: float | None = None, geometry: bool = False
    ) -> Bound:
        """Return the parts of the evidence lower bound of patches (n, h, w), from one draw of the latents.

        `pixels` is the part of the pixels that is drawn, by default that of the recipe. Of `geometry` alone, content is
        0 and states are as likely, whatever the encoder says of them.
        """
        recipe, count = self.recipe, len(images)
        posterior = self.posterior(images, classes)
        spread = self.deviations(posterior)
        angle = _drawn(posterior.angle, spread.angle) if recipe.angle else torch.zeros_like(posterior.angle)
        shift = _drawn(posterior.shift, spread.shift) if recipe.shift else torch.zeros_like(posterior.shift)
        log_scale = _drawn(posterior.scale, spread.scale) if recipe.scale else torch.zeros_like(posterior.scale)
        content = [_drawn(posterior.content, spread.content), self._one_hot(count, classes)]
        if recipe.discrete:
            content.append(nn.functional.gumbel_softmax(posterior.logits, tau=TEMPERATURE))
        if geometry:
            content[0] = torch.zeros_like(content[0])
            content[2:] = [torch.full_like(one, 1.0 / recipe.discrete) for one in content[2:]]
        chosen, weight = self._chosen(recipe.pixels if pixels is None else pixels)
        places = self.places if chosen is None else self.places[chosen]
        seen = images.flatten(1) if chosen is None else images.flatten(1)[:, chosen]
        drawn = self.decoder(places_in_object(places, angle, shift, torch.exp(log_scale)), torch.cat(content, dim=1))
        likelihood = weight * recipe.likelihood.log_likelihood(drawn, seen, self.log_noise).sum(1)
        nothing = likelihood.new_zeros(count)
        states = torch.log_softmax(posterior.logits, dim=1)
        return Bound(
            likelihood,
            recipe.angle.divergence(posterior.angle, spread.angle) if recipe.angle else nothing,
            _normal_divergence(posterior.shift, spread.shift, recipe.shift).sum(1) if recipe.shift else nothing,
            _normal_divergence(posterior.scale, spread.scale, recipe.scale) if recipe.scale else nothing,
            nothing if geometry else _normal_divergence(posterior.content, spread.content, 1.0).sum(1),
            nothing if geometry or not recipe.discrete else (states.exp() * (states + log(recipe.discrete))).sum(1),
        )

    def draw(
        self, content: Tensor, *, classes: Tensor | None = None, states: Tensor | None = None, angle: float = 0.0
    ) -> Tensor:
        """Return the images (n, h, w) of content (n, d), all turned by `angle`, rad, and in the middle.

        `classes` and `states` (n,) are whole numbers, where the recipe has such.
        """
        count, told = len(content), [content, self._one_hot(len(content), classes)]
        if self.recipe.discrete:
            state = torch.zeros(count, dtype=torch.long) if states is None else states
            told.append(nn.functional.one_hot(state, self.recipe.discrete).to(content))
        turned = content.new_full((count,), angle)
        places = places_in_object(self.places, turned, content.new_zeros(count, 2), torch.ones_like(turned))
        drawn = self.decoder(places, torch.cat(told, dim=1))
        return self.recipe.likelihood.image_of(drawn).reshape(count, *self.shape)

    def _one_hot(self, count: int, classes: Tensor | None) -> Tensor:
        if self.recipe.classes == 0:
            return self.places.new_zeros(count, 0)
        if classes is None:
            raise ValueError(
                f"the network was made for {self.recipe.classes} known classes; give the class of each patch"
            )
        return nn.functional.one_hot(classes.long(), self.recipe.classes).to(self.places)

    def _chosen(self, part: float) -> tuple[Tensor | None, float]:
        """Random pixels, and what each counts for."""
        total = len(self.places)
        count = max(1, round(part * total))
        if count >= total:
            return None, 1.0
        return torch.randperm(total, device=self.places.device)[:count], total / count


def _below(widest: float, logarithm: Tensor) -> Tensor:
    """Deviation between 0 and the widest, an eighth of it to begin with."""
    return widest * torch.sigmoid(logarithm - 2.0)


def _drawn(mean: Tensor, deviation: Tensor) -> Tensor:
    return mean + deviation * torch.randn_like(mean)


def _normal_divergence(mean: Tensor, deviation: Tensor, prior: float) -> Tensor:
    """KL(N(mean, deviation²) ‖ N(0, prior²)), nats."""
    ratio = deviation / prior
    return 0.5 * (ratio**2 + (mean / prior) ** 2 - 1.0) - torch.log(ratio)

"""A fitted mixture of Gaussians with its card: kinds of patches, mean images, a folder without pickle."""

from dataclasses import dataclass
from math import log, pi
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator
from torch import Tensor, nn

from passband.latent.patch_model import PatchCard, PatchModel, PatchNetwork, read_model
from passband.latent.patches import Patches, checked
from passband.latent.principal import SAMPLE, Array
from passband.recipe import Recipe


class Mixture(Recipe):
    """How a mixture is fitted.

    Attributes
    ----------
    components
        Numbers of components that are tried; BIC chooses.
    principal
        Principal components that patches are described by, with full covariances; None: by their pixels, with
        diagonal ones.
    regularisation
        Added to every variance, as a part of the mean variance.
    most
        Of more patches than this, so many are fitted, taken at random.
    seed
        Of that choice, and of the start of the fit.
    """

    components: tuple[int, ...] = (2, 3, 4, 6, 8, 12, 16)
    principal: int | None = Field(default=8, ge=1, le=256)
    regularisation: float = Field(default=1e-3, gt=0.0, le=1.0)
    most: int = Field(default=SAMPLE, ge=2)
    seed: int = Field(default=0, ge=0, lt=2**32)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.components or any(not 1 <= number <= 256 for number in self.components):
            raise ValueError(f"components={list(self.components)} must be one number or more, each from 1 to 256")
        return self


class MixtureNetwork(PatchNetwork):
    """The shapes of the numbers of a mixture of so many `components` of patches of one shape."""

    components: int = Field(ge=1, le=256)
    principal: int | None = Field(default=None, ge=1, le=256)

    def build(self) -> nn.Module:
        """Build it, all of its numbers being zero."""
        return GaussianDensities(self)


class MixtureCard(PatchCard):
    """What must be known of a mixture, beside what everything for patches has.

    Attributes
    ----------
    network
        Number of components and shape of patches.
    recipe
        Of the fit.
    bic
        Bayesian information criterion for each number of components that was tried.
    unfinished
        Those numbers for which the fit had not converged after 200 rounds.
    fitted
        Patches that were fitted.
    """

    network: MixtureNetwork
    recipe: Mixture = Mixture()
    bic: dict[int, float] = Field(default={})
    unfinished: tuple[int, ...] = ()
    fitted: int = 0


class GaussianDensities(nn.Module):
    """Weighted normal densities of patches: buffers in float64, none of them learnt by a gradient.

    `mean` (h·w) and `axes` (k, h·w) of the principal components, where there are such; `weights` (m,), `means` (m, k),
    and `whitening` (m, k, k) or, diagonal, (m, k): a deviation d from the mean of a component has |d W|² as its
    Mahalanobis distance squared.
    """

    def __init__(self, network: MixtureNetwork) -> None:
        super().__init__()
        pixels, m = network.shape[0] * network.shape[1], network.components
        k = pixels if network.principal is None else network.principal
        sides = {"weights": (m,), "means": (m, k), "whitening": (m, k) if network.principal is None else (m, k, k)}
        if network.principal is not None:
            sides |= {"mean": (pixels,), "axes": (k, pixels)}
        for name, shape in sides.items():
            self.register_buffer(name, torch.zeros(shape, dtype=torch.float64))
        self.reduced = network.principal is not None
        self.weights: Tensor
        self.means: Tensor
        self.whitening: Tensor
        self.mean: Tensor
        self.axes: Tensor

    def forward(self, images: Tensor) -> Tensor:
        """Return ln(weight · density) of patches (n, h, w) under each component, (n, m)."""
        found = images.flatten(1).double()
        if self.reduced:
            found = (found - self.mean) @ self.axes.T  # (n, k)
        parts = []
        for mean, whitening in zip(self.means, self.whitening, strict=True):
            if self.reduced:
                distance = ((found - mean) @ whitening).square().sum(1)
                volume = whitening.diagonal().log().sum()
            else:
                distance = ((found - mean) * whitening).square().sum(1)
                volume = whitening.log().sum()
            parts.append(volume - 0.5 * (distance + found.shape[1] * log(2.0 * pi)))
        return torch.stack(parts, dim=1) + self.weights.log()

    def images(self) -> Tensor:
        """Return the means as flat images (m, h·w)."""
        return self.mean + self.means @ self.axes if self.reduced else self.means


@dataclass(frozen=True, eq=False)
class PatchKinds:
    """The kind of each of n patches.

    Attributes
    ----------
    label
        (n,): the likeliest component, from 0, the most common one.
    probability
        (n,): of that component.
    """

    label: NDArray[np.intp]
    probability: Array


class MixtureModel(PatchModel[GaussianDensities, MixtureCard]):
    """A fitted mixture and its card; component 0 has the largest weight, and so on."""

    @property
    def weights(self) -> Array:
        """Of the components, (m,), falling; their sum is 1."""
        return self.network.weights.cpu().numpy()

    def means(self) -> Array:
        """Return the mean image of each component, (m, h, w)."""
        return self.network.images().cpu().numpy().reshape(-1, *self.card.network.shape)

    def kinds(self, images: ArrayLike) -> PatchKinds:
        """Return the component that each patch belongs to; patches are (n, h, w) or have a channel of 1."""
        patches, device = checked(images, self.card.network.shape), self.network.weights.device
        found = []
        with torch.no_grad():
            for batch in Patches(patches).in_turn():
                found.append(torch.softmax(self.network(batch.images.to(device)), dim=1).max(1))
        probability = np.concatenate([one.values.cpu().numpy() for one in found])
        label = np.concatenate([one.indices.cpu().numpy() for one in found])
        return PatchKinds(label.astype(np.intp), probability)


def load_mixture(directory: str | Path) -> MixtureModel:
    """Read a mixture that `MixtureModel.save` wrote; ModelError where a file is missing or altered."""
    return MixtureModel(*read_model(directory, MixtureCard, GaussianDensities))

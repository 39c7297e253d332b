"""Mixtures of Gaussians: the kinds of surroundings that atoms have, how common each is, and how many kinds there are.

The number of kinds is that of the least Bayesian information criterion, BIC = p ln n − 2 ln L for p parameters and n
patches (Schwarz, Ann. Statist. 1978). A turned copy of a patch is another kind to a mixture (Kalinin et al., Sci. Adv.
2021).
"""

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from passband.latent.mixture_model import GaussianDensities, Mixture, MixtureCard, MixtureModel, MixtureNetwork
from passband.latent.patches import checked
from passband.latent.principal import Array, principal_components, sample_of
from passband.recipe import PassbandError

BY_BIC = Mixture()


def fit_mixture(images: ArrayLike, recipe: Mixture = BY_BIC, *, pixel_size: float | None = None) -> MixtureModel:
    """Fit mixtures of each number of components, and keep the one of the least BIC.

    Parameters
    ----------
    images
        (n, h, w), or with a channel of 1.
    recipe
        How.
    pixel_size
        Of patches, Å, for the card.

    Raises
    ------
    PassbandError
        There are fewer patches than components, all are the same, or they are no patches at all.
    """
    patches = checked(images)
    sample = sample_of(patches, most=recipe.most, seed=recipe.seed)
    if len(sample) < max(2, *recipe.components):
        raise PassbandError(
            f"{len(sample)} patches are fewer than the {max(2, *recipe.components)} components that are tried; "
            "give more patches or fewer components"
        )
    k = min(recipe.principal or 1, len(sample) - 1, sample[0].size)
    axes = principal_components(sample, k, seed=recipe.seed)  # refuses patches that are all the same
    features = axes.scores(sample) if recipe.principal else sample.reshape(len(sample), -1).astype(np.float64)
    tried = {number: _fitted(features, number, recipe) for number in sorted(set(recipe.components))}
    bic = {number: float(fit.bic(features)) for number, fit in tried.items()}
    best = tried[min(bic, key=bic.__getitem__)]
    shape = (patches.shape[1], patches.shape[2])
    architecture = MixtureNetwork(shape=shape, components=best.n_components, principal=k if recipe.principal else None)
    network = GaussianDensities(architecture)
    order = np.argsort(-best.weights_, kind="stable")
    values = {
        "weights": best.weights_[order],
        "means": best.means_[order],
        "whitening": best.precisions_cholesky_[order],
        **({"mean": axes.mean.ravel(), "axes": axes.images.reshape(k, -1)} if recipe.principal else {}),
    }
    network.load_state_dict({name: torch.from_numpy(np.ascontiguousarray(one)) for name, one in values.items()})
    card = MixtureCard(
        network=architecture,
        recipe=recipe,
        bic=bic,
        unfinished=tuple(number for number, fit in tried.items() if not fit.converged_),
        pixel_size=pixel_size,
        patches=len(patches),
        fitted=len(sample),
    )
    return MixtureModel(network, card)


def _fitted(features: Array, number: int, recipe: Mixture) -> Any:
    kind = "diag" if recipe.principal is None else "full"
    added = recipe.regularisation * float(features.var(axis=0).mean())
    model = GaussianMixture(number, covariance_type=kind, reg_covar=added, max_iter=200, random_state=recipe.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the card names the fits that did not converge
        return model.fit(features)

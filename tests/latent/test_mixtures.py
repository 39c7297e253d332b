"""Mixtures against densities by scipy, principal components against a decomposition, and kinds that are known."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import multivariate_normal
from tests.latent.scenes import lone_object, patches_of, three_fold

from passband.latent.mixture_model import Mixture, load_mixture
from passband.latent.mixtures import fit_mixture
from passband.latent.principal import principal_components
from passband.recipe import PassbandError
from passband.segmentation.weights import ModelError

KINDS = np.repeat([0, 1, 2], [150, 90, 40])
FEW = Mixture(components=(1, 2, 3, 4, 5), principal=4)


def three_kinds(*, noise: float = 0.1, seed: int = 0) -> np.ndarray:
    """Two orientations of one object and another object: kinds 0, 1 and 2 of `KINDS`."""
    angle = np.where(KINDS == 1, np.pi / 2.0, 0.0)
    images = patches_of(lone_object, angle, side=12, noise=noise, seed=seed)
    images[KINDS == 2] = patches_of(three_fold, np.zeros(40), side=12, noise=noise, seed=seed + 1)
    return images


def test_components_are_those_of_a_decomposition() -> None:
    # rejects patches that are not centred, variances over n, and shares of the chosen components alone
    images = np.random.default_rng(2).normal(5.0, 1.0, (60, 5, 4)) * np.linspace(0.1, 3.0, 20).reshape(5, 4)
    found = principal_components(images, 6)
    flat = images.astype(np.float32).reshape(60, -1).astype(np.float64)
    left, singular, right = np.linalg.svd(flat - flat.mean(0), full_matrices=False)
    np.testing.assert_allclose(found.explained, (singular**2 / (singular**2).sum())[:6], rtol=1e-8)
    np.testing.assert_allclose(found.variance, singular[:6] ** 2 / 59.0, rtol=1e-8)
    scores = found.scores(images)
    np.testing.assert_allclose(np.abs(scores), np.abs(left * singular)[:, :6], atol=1e-6)
    expected = flat.mean(0) + (left[:, :6] * singular[:6]) @ right[:6]
    np.testing.assert_allclose(found.drawn(scores).reshape(60, -1), expected, atol=1e-6)


def test_bic_finds_the_kinds_in_the_order_of_their_weight() -> None:
    # rejects the largest number of components, an order by chance, and means in the space of components
    images = three_kinds()
    model = fit_mixture(images, FEW)
    assert min(model.card.bic, key=lambda number: model.card.bic[number]) == 3
    np.testing.assert_allclose(model.weights, np.array([150, 90, 40]) / 280.0, atol=1e-6)
    found = model.kinds(images[:, None])
    np.testing.assert_array_equal(found.label, KINDS)
    assert found.probability.min() > 0.99
    for number, mean in enumerate(model.means()):
        np.testing.assert_allclose(mean, images[number == KINDS].mean(0), atol=0.05)


@pytest.mark.parametrize("principal", [3, None])
def test_probabilities_are_those_of_normal_densities(principal: int | None) -> None:
    # rejects densities without the weight or the volume, and a whitening that is turned the wrong way
    images = three_kinds(noise=1.5)
    model = fit_mixture(images, Mixture(components=(3,), principal=principal, regularisation=0.05))
    state = {name: value.numpy() for name, value in model.network.state_dict().items()}
    features = images.reshape(len(images), -1).astype(np.float64)
    if principal:
        features = (features - state["mean"]) @ state["axes"].T
    joint = np.empty((len(images), 3))
    for number, whitening in enumerate(state["whitening"]):
        precision = whitening @ whitening.T if principal else np.diag(whitening**2)
        density = multivariate_normal(state["means"][number], np.linalg.inv(precision)).logpdf(features)
        joint[:, number] = density + np.log(state["weights"][number])
    share = np.exp(joint - joint.max(1, keepdims=True))
    share /= share.sum(1, keepdims=True)
    found = model.kinds(images)
    np.testing.assert_array_equal(found.label, joint.argmax(1))
    np.testing.assert_allclose(found.probability, share.max(1), atol=1e-7)
    assert np.median(found.probability) < 1.0 - 1e-9 or principal is None


def test_variances_of_equal_patches_are_not_zero() -> None:
    images = np.repeat(three_kinds(noise=0.0)[[0, 200, 270]], 20, axis=0)
    model = fit_mixture(images, Mixture(components=(3,), principal=2))
    np.testing.assert_allclose(model.kinds(images).probability, 1.0)
    assert np.isfinite(list(model.card.bic.values())).all()


def test_of_many_patches_some_are_fitted_and_all_are_told() -> None:
    images = three_kinds()
    some = FEW.model_copy(update={"most": 60, "components": (3,)})
    first, again = fit_mixture(images, some), fit_mixture(images, some)
    assert first.card.fitted == 60
    assert first.card.patches == 280
    np.testing.assert_array_equal(first.means(), again.means())
    other = fit_mixture(images, some.model_copy(update={"seed": 1}))
    assert not np.array_equal(first.means(), other.means())
    np.testing.assert_array_equal(first.kinds(images).label, KINDS)


@pytest.mark.parametrize("principal", [4, None])
def test_a_mixture_comes_back_as_it_was(tmp_path: Path, principal: int | None) -> None:
    images = three_kinds()
    model = fit_mixture(images, Mixture(components=(3,), principal=principal), pixel_size=0.2).save(tmp_path)
    again = load_mixture(tmp_path)
    assert again.card == model.card
    assert again.card.pixel_size == 0.2
    np.testing.assert_array_equal(again.kinds(images).probability, model.kinds(images).probability)
    wider = model.card.network.model_copy(update={"components": 4})
    card = model.card.model_copy(update={"network": wider})
    (tmp_path / "card.json").write_text(card.model_dump_json())
    with pytest.raises(ModelError, match="of another shape"):
        load_mixture(tmp_path)


def test_the_patches_are_left_as_they_are() -> None:
    images = three_kinds()
    kept = images.copy()
    fit_mixture(images, FEW)
    np.testing.assert_array_equal(images, kept)


@pytest.mark.parametrize(
    ("images", "recipe", "said"),
    [
        (three_kinds()[:4], FEW, "4 patches are fewer than the 5 components that are tried"),
        (np.ones((1, 8, 8)), Mixture(components=(1,)), "1 patches are fewer than the 2 components"),
        (np.full((50, 8, 8), 7.0), FEW, "all 50 patches are the same"),
        (np.full((50, 8, 8), np.nan), FEW, "patch 0 holds NaN"),
        (np.zeros((50, 8)), FEW, r"patches of shape \(50, 8\) must be"),
    ],
)
def test_patches_that_no_mixture_fits(images: np.ndarray, recipe: Mixture, said: str) -> None:
    with pytest.raises(PassbandError, match=said):
        fit_mixture(images, recipe)


def test_numbers_that_cannot_be() -> None:
    with pytest.raises(ValidationError, match="must be one number or more"):
        Mixture(components=(0,))
    with pytest.raises(PassbandError, match="components=9 of 9 patches of 64 pixels must be from 1 to 8"):
        principal_components(np.random.default_rng(0).random((9, 8, 8)), 9)

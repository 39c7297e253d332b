"""Signals without labels: known values on drawn cases, larger where a network cannot be at home."""

from math import e, log

import numpy as np
import pytest
import torch
from torch import nn

from passband.performance.examination import examine
from passband.performance.observation import (
    BINS,
    SignalReference,
    augmented_predictions,
    spectrum_profile,
    uncertainty_maps,
    uncertainty_signals,
)
from passband.performance.subspace import Subspace
from passband.segmentation.card import ModelCard
from passband.segmentation.model import Model
from passband.segmentation.unet import UNetRecipe

TINY = UNetRecipe.preset("tiny")


def model(seed: int = 1) -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = TINY.build()
        nn.init.normal_(network.head.weight, std=0.3)
        with torch.no_grad():
            for _ in range(3):
                network(torch.randn(4, 1, 64, 64))
    return Model(network, ModelCard(architecture=TINY, pixel_size=0.8))


def scenes(count: int, *, seed: int = 0, side: int = 64) -> list[np.ndarray]:
    """Discs on noise: what a network may know."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    centres = rng.uniform(12, side - 12, (count, 2))
    return [np.hypot(y - a, x - b) < 9.0 for a, b in centres] + 0.3 * rng.normal(size=(count, side, side))


def uncertainty(logits: torch.Tensor, temperature: float = 1.0) -> dict[str, np.ndarray]:
    return uncertainty_signals(uncertainty_maps(logits, temperature), members=len(logits))


def signals_of(
    network: Model, image: np.ndarray, pixel_size: float = 0.8, *, reference: SignalReference | None = None
) -> dict[str, float]:
    return examine(network, image, pixel_size, reference=reference or SignalReference()).signals


def test_uncertainty_of_known_probabilities() -> None:
    """One sure pixel and one torn between two classes: entropies 0 and ln 2."""
    logits = torch.tensor([[30.0, 0.0], [-30.0, 0.0]])[None, None, :, None, :]  # (1, 1, 2, 1, 2)
    found = uncertainty(logits)
    assert found["entropy"][0] == pytest.approx(log(2.0) / 2, abs=1e-6)
    assert found["unsure_area"][0] == 0.5
    assert found["expected_error_area"][0] == pytest.approx(0.25, abs=1e-6)
    assert "disagreement" not in found  # of one member
    # the loss of arXiv 2512.09067: 0 for the sure pixel, ln 2 − ln(1 + 1/e) for the torn one, whichever is true
    assert found["expected_loss"][0] == pytest.approx((log(2.0) - log(1.0 + 1.0 / e)) / 2, abs=1e-6)


def test_predicted_area_is_where_any_class_exceeds_the_background() -> None:
    """Rejects the share of one class, and pixels that are torn between background and a class."""
    logits = torch.tensor([[3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 3.0], [3.0, 3.0, 0.0]])
    found = uncertainty(logits.T[None, None, :, None, :])  # (1, 1, 3, 1, 4)
    assert found["predicted_area"][0] == 0.5


def test_members_that_are_sure_of_different_things_disagree_by_the_whole_entropy() -> None:
    one, other = torch.tensor([30.0, -30.0]), torch.tensor([-30.0, 30.0])
    logits = torch.stack([one, other])[:, None, :, None, None]
    found = uncertainty(logits)
    assert found["disagreement"][0] == pytest.approx(log(2.0), abs=1e-6)
    assert uncertainty(logits, temperature=1e4)["disagreement"][0] < 1e-3


def test_a_temperature_raises_the_uncertainty() -> None:
    logits = torch.randn(1, 3, 2, 8, 8, generator=torch.Generator().manual_seed(0)) * 4
    assert (uncertainty(logits, 2.0)["entropy"] > uncertainty(logits)["entropy"]).all()


def test_logits_are_turned_back() -> None:
    network = model()
    image = scenes(1)[0]
    seen = augmented_predictions(network, np.asarray([image], np.float32))
    direct = network.network(torch.tensor(image, dtype=torch.float32)[None, None])
    np.testing.assert_allclose(seen.logits[0, 0], direct[0].detach(), atol=1e-5)


def test_features_are_those_of_the_deepest_level() -> None:
    network = model()
    seen = augmented_predictions(network, np.zeros((2, 64, 64), np.float32), symmetries=1)
    assert seen.features is not None
    assert seen.features.shape == (2, TINY.encoder[3])
    assert (seen.features >= 0).all()
    assert not network.network.norm_deep._forward_hooks  # nothing is left behind


def test_white_noise_has_a_flat_spectrum_and_smooth_noise_has_not() -> None:
    """Mean power of white noise of variance 1 is 1 in each bin; the outer rings hold hundreds of bins."""
    noise = np.random.default_rng(0).normal(size=(128, 128))
    profile = spectrum_profile(5.0 * noise - 3.0)
    assert profile.shape == (BINS,)
    np.testing.assert_allclose(profile[4:], 0.0, atol=0.1)
    smooth = noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1) + np.roll(noise, (1, 1), (0, 1))
    assert spectrum_profile(smooth)[-1] < -0.5
    assert np.isfinite(spectrum_profile(np.zeros((32, 32)))).all()


def test_images_unlike_the_reference_are_far_from_it() -> None:
    network = model()
    seen = [examine(network, image, 0.8).observation for image in scenes(32, side=192)]
    reference = SignalReference(
        features=Subspace.fitted(np.concatenate([one.features for one in seen]), most=8),
        spectrum=Subspace.fitted(np.concatenate([one.profiles for one in seen]), most=4),
    )
    stripes = np.sin(np.arange(192) * 0.9)[None, :] * np.ones((192, 1)) + 0.1 * scenes(1, seed=5, side=192)[0]
    near = [signals_of(network, image, reference=reference) for image in scenes(5, seed=1, side=192)]
    far = signals_of(network, stripes, reference=reference)
    for name in ("feature_distance", "spectrum_distance", "spectrum_residual"):
        assert far[name] > 1.5 * max(row[name] for row in near), name


def test_the_spectrum_of_a_large_image_is_that_of_its_squares_and_all_of_it_counts() -> None:
    """A period of 4 pixels in one corner of ten squares across; a spectrum of one square elsewhere would miss it."""
    noise = np.random.default_rng(1).normal(size=(700, 500))
    whole, part = spectrum_profile(noise), spectrum_profile(noise[:128, :128])
    np.testing.assert_allclose(whole[4:], part[4:], atol=0.2)
    noise[-90:, -90:] += 9.0 * np.sin(0.5 * np.pi * np.arange(90))
    assert spectrum_profile(noise)[BINS // 2] > whole[BINS // 2] + 0.1

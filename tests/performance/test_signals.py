"""Signals without labels: known values on drawn cases, larger where a network cannot be at home."""

from math import e, log

import numpy as np
import pytest
import torch
from torch import nn

from passband.patches.standardising import standardised
from passband.performance.observation import (
    BINS,
    SignalReference,
    augmented_predictions,
    spectrum_profile,
    uncertainty_signals,
)
from passband.performance.signals import signals, signals_of, squares
from passband.performance.subspace import Subspace
from passband.recipe import PassbandError
from passband.segmentation.card import ModelCard
from passband.segmentation.model import Model
from passband.segmentation.unet import UNetRecipe
from passband.segmentation.weights import ModelError

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


def scenes(count: int, *, seed: int = 0) -> list[np.ndarray]:
    """Discs on noise: what a network may know."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:64, :64]
    centres = rng.uniform(12, 52, (count, 2))
    return [np.hypot(y - a, x - b) < 9.0 for a, b in centres] + 0.3 * rng.normal(size=(count, 64, 64))


def test_uncertainty_of_known_probabilities() -> None:
    """One sure pixel and one torn between two classes: entropies 0 and ln 2."""
    logits = torch.tensor([[30.0, 0.0], [-30.0, 0.0]])[None, None, :, None, :]  # (1, 1, 2, 1, 2)
    found = uncertainty_signals(logits)
    assert found["entropy"][0] == pytest.approx(log(2.0) / 2, abs=1e-6)
    assert found["unsure_area"][0] == 0.5
    assert found["disagreement"][0] == pytest.approx(0.0, abs=1e-6)
    # the loss of arXiv 2512.09067: 0 for the sure pixel, ln 2 − ln(1 + 1/e) for the torn one, whichever is true
    assert found["expected_loss"][0] == pytest.approx((log(2.0) - log(1.0 + 1.0 / e)) / 2, abs=1e-6)


def test_members_that_are_sure_of_different_things_disagree_by_the_whole_entropy() -> None:
    one, other = torch.tensor([30.0, -30.0]), torch.tensor([-30.0, 30.0])
    logits = torch.stack([one, other])[:, None, :, None, None]
    found = uncertainty_signals(logits)
    assert found["disagreement"][0] == pytest.approx(log(2.0), abs=1e-6)
    assert uncertainty_signals(logits, temperature=1e4)["disagreement"][0] < 1e-3


def test_a_temperature_raises_the_uncertainty() -> None:
    logits = torch.randn(1, 3, 2, 8, 8, generator=torch.Generator().manual_seed(0)) * 4
    assert (uncertainty_signals(logits, 2.0)["entropy"] > uncertainty_signals(logits)["entropy"]).all()


def test_logits_are_turned_back_and_a_turned_image_gives_the_same_signals() -> None:
    network = model()
    image = scenes(1)[0]
    seen = augmented_predictions(network, np.asarray([image], np.float32))
    direct = network.network(torch.tensor(image, dtype=torch.float32)[None, None])
    np.testing.assert_allclose(seen.logits[0, 0], direct[0].detach(), atol=1e-5)
    turned = signals_of(network, [np.rot90(image).copy()])[0]
    for name, value in signals_of(network, [image])[0].items():
        assert turned[name] == pytest.approx(value, rel=1e-3, abs=1e-6), name


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
    network, inside = model(), [standardised(image) for image in scenes(32)]
    seen = augmented_predictions(network, np.stack(inside))
    reference = SignalReference(
        features=Subspace.fitted(seen.features, most=8),
        spectrum=Subspace.fitted(np.stack([spectrum_profile(image) for image in inside]), most=4),
    )
    stripes = np.sin(np.arange(64) * 0.9)[None, :] * np.ones((64, 1)) + 0.1 * scenes(1, seed=5)[0]
    near = signals_of(network, scenes(5, seed=1), reference=reference)
    far = signals_of(network, [stripes], reference=reference)[0]
    for name in ("feature_distance", "spectrum_distance", "spectrum_residual"):
        assert far[name] > 1.5 * max(row[name] for row in near), name


def test_several_networks_disagree_where_one_does_not_disagree_with_itself() -> None:
    image = scenes(1)[0]
    alone = signals_of(model(), [image])[0]
    assert "ensemble_disagreement" not in alone
    same = signals_of(model(), [image], others=[model()])[0]["ensemble_disagreement"]
    other = signals_of(model(), [image], others=[model(2)])[0]["ensemble_disagreement"]
    assert same == pytest.approx(0.0, abs=1e-5)
    assert other > 1e-3


def test_many_images_of_many_shapes_give_what_each_gives_alone() -> None:
    network = model()
    images = [scenes(1)[0], scenes(1, seed=2)[0][:32], scenes(1, seed=3)[0]]
    together = signals_of(network, images)
    for image, row in zip(images, together, strict=True):
        assert row == pytest.approx(signals_of(network, [image])[0], rel=1e-4, abs=1e-6)


def test_a_micrograph_is_seen_in_whole_squares() -> None:
    image = np.zeros((300, 201), np.float32)
    assert squares(image, side=128, most=9, stride=32).shape == (2, 128, 128)
    assert squares(image, side=64, most=4, stride=32).shape[0] <= 4
    # padding would be news to the network
    assert squares(image[:100, :90], side=128, most=9, stride=32).shape == (1, 64, 64)
    assert squares(image[:100, :90], side=128, most=9, stride=20).shape == (1, 80, 80)
    assert squares(image[:20, :20], side=128, most=9, stride=32).shape == (1, 20, 20)
    with pytest.raises(PassbandError, match="both must be at least 1"):
        squares(image, side=0, most=9, stride=32)


def test_signals_of_a_file_at_another_pixel_size() -> None:
    fine = np.kron(scenes(1)[0][:48, :48], np.ones((2, 2)))
    row = signals(model(), fine, 0.4, side=32, most=1)
    assert set(row) == {"entropy", "unsure_area", "expected_loss", "symmetry_disagreement"}
    with pytest.raises(ModelError, match="too small for the network"):
        signals(model(), fine, 0.1)

from pathlib import Path

import numpy as np
import pytest
import torch

from passband.generation.gan import TRAINING, PointCard, PointGAN, PointModel, load_points, train_points
from passband.generation.moments import PointMoments, moment_errors, moments
from passband.recipe import PassbandError
from passband.segmentation.weights import ModelError

MATRIX, MEAN = np.array([[1.0, 2.0], [-0.1, 0.5]]), np.array([1.0, 2.0])
TRUE = PointMoments(MEAN, MATRIX.T @ MATRIX)
SHORT = TRAINING.model_copy(update={"epochs": 2, "steps_per_epoch": 5, "batch_size": 32, "schedule": "constant"})


def gaussian(seed: int, count: int = 20_000) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 2)) @ MATRIX + MEAN


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_mean_and_covariance_are_learnt(seed: int, tmp_path: Path) -> None:
    training = TRAINING.model_copy(update={"seed": seed})
    error = moment_errors(train_points(gaussian(seed), PointGAN(), tmp_path, training=training).moments(), TRUE)
    assert error.mean < 0.05
    assert error.covariance < 0.05


def test_moments_of_an_affine_generator_are_those_of_its_samples() -> None:
    network = PointGAN().build()
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([[1.0, 0.5], [0.0, 2.0]]))
        network[0].bias.copy_(torch.tensor([0.3, -1.0]))
    model = PointModel(network, PointCard(network=PointGAN(), offset=(1.0, 2.0), gain=(3.0, 0.5)))
    error = moment_errors(moments(model.sample(200_000, seed=1)), model.moments())
    assert error.mean < 0.01  # 1/√n = 0.002
    assert error.covariance < 0.02


def test_resumed_training_is_the_same_training(tmp_path: Path) -> None:
    points = gaussian(0, 500)
    whole = train_points(points, PointGAN(), tmp_path / "whole", training=SHORT)
    train_points(points, PointGAN(), tmp_path / "parts", training=SHORT.model_copy(update={"epochs": 1}))
    parts = train_points(points, PointGAN(), tmp_path / "parts", training=SHORT)
    assert whole.card.weights_sha256 == parts.card.weights_sha256
    assert np.array_equal(load_points(tmp_path / "parts").sample(9, seed=3), whole.sample(9, seed=3))
    assert not np.array_equal(whole.sample(9, seed=3), whole.sample(9, seed=4))


def test_other_seed_is_another_training(tmp_path: Path) -> None:
    points = gaussian(0, 500)
    ours = [
        train_points(points, PointGAN(), tmp_path / str(seed), training=SHORT.model_copy(update={"seed": seed}))
        for seed in (0, 1)
    ]
    assert ours[0].card.weights_sha256 != ours[1].card.weights_sha256


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (np.zeros((100, 3)), r"must be \(n, 2\)"),
        (np.ones((4, 2)), "16 or more"),
        (np.ones((100, 2)), "vary along x and y"),
        (np.full((100, 2), np.nan), "must be finite"),
    ],
)
def test_bad_points(points: np.ndarray, words: str, tmp_path: Path) -> None:
    with pytest.raises(PassbandError, match=words) as found:
        train_points(points, PointGAN(), tmp_path)
    assert "\n" not in str(found.value)


def test_generator_with_hidden_layers_has_no_closed_form(tmp_path: Path) -> None:
    model = train_points(gaussian(0, 64), PointGAN(generator=(4,)), tmp_path, training=SHORT)
    with pytest.raises(PassbandError, match="no moments in closed form"):
        model.moments()


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    train_points(gaussian(0, 64), PointGAN(), tmp_path / "affine", training=SHORT)
    train_points(gaussian(0, 64), PointGAN(generator=(4,)), tmp_path / "deep", training=SHORT)
    (tmp_path / "affine" / "weights.safetensors").write_bytes((tmp_path / "deep" / "weights.safetensors").read_bytes())
    with pytest.raises(ModelError, match="does not fit the architecture"):
        load_points(tmp_path / "affine")

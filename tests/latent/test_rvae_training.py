"""A trained autoencoder knows how patches are turned, says what sleeps, and comes back from its folder."""

from pathlib import Path

import numpy as np
import pytest
from tests.latent.scenes import angle_errors, lone_object, patches_of, three_fold

from passband.latent.angle_prior import UniformAngle
from passband.latent.encoders import EncoderKind
from passband.latent.likelihood import BernoulliPixels
from passband.latent.patch_training import TRAINING
from passband.latent.rvae import RotationInvariantVAE
from passband.latent.rvae_model import load_rvae
from passband.latent.rvae_training import train_rvae
from passband.recipe import PassbandError
from passband.segmentation.weights import ModelError
from passband.training import TrainingError, TrainingProgress

SHORT = TRAINING.model_copy(update={"epochs": 12, "batch_size": 50})
SMALL = RotationInvariantVAE(hidden=(64, 64))


def turned(count: int = 300, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    angle = np.random.default_rng(seed).uniform(-np.pi, np.pi, count)
    return patches_of(lone_object, angle, side=16, seed=seed), angle


@pytest.mark.slow
def test_the_full_circle_is_found(tmp_path: Path) -> None:
    # rejects an angle that has a cut, a collapsed posterior, and the opposite sense of the angle
    images, angle = turned()
    model = train_rvae(images, SMALL, tmp_path, training=SHORT)
    latents = model.encode(images)
    assert np.median(angle_errors(latents.angle, angle)) < 3.0
    assert np.median(angle_errors(-latents.angle, angle)) > 20.0
    assert "angle" not in model.card.collapsed
    other, angle = turned(100, seed=6)
    assert np.median(angle_errors(model.encode(other).angle, angle)) < 3.0


@pytest.mark.slow
def test_sub_lattices_are_half_a_period_apart(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lattice = rng.integers(0, 2, 300)
    angle = rng.uniform(-0.2, 0.2, 300) + np.pi / 3.0 * lattice
    recipe = SMALL.model_copy(update={"angle": UniformAngle(symmetry=3)})
    model = train_rvae(patches_of(three_fold, angle, side=16), recipe, tmp_path, training=SHORT)
    found = model.encode(patches_of(three_fold, angle, side=16)).angle
    assert np.median(angle_errors(found, angle, symmetry=3)) < 2.0


def test_shifts_are_pixels_of_the_patch(tmp_path: Path) -> None:
    # rejects shifts in half windows, and x before y
    rng = np.random.default_rng(1)
    shift = rng.uniform(-0.2, 0.2, (300, 2))
    images = patches_of(lone_object, np.zeros(300), shift, side=16)
    recipe = SMALL.model_copy(update={"angle": None, "shift": 0.15, "encoder": "dense", "content": 1})
    latents = train_rvae(images, recipe, tmp_path, training=SHORT.model_copy(update={"epochs": 60})).encode(images)
    true = 7.5 * shift[:, ::-1]
    for axis in (0, 1):
        slope, _ = np.polyfit(true[:, axis], latents.shift[:, axis], 1)
        assert slope == pytest.approx(1.0, abs=0.15)


def test_a_latent_that_says_nothing_is_told(tmp_path: Path) -> None:
    # rejects a check of the angle's mean alone: a round object has no angle
    def round_object(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.exp(-(x**2 + y**2) / 0.1)

    images = patches_of(round_object, np.zeros(200), side=12, noise=0.3)
    recipe = SMALL.model_copy(update={"shift": None, "content": 1})
    model = train_rvae(images, recipe, tmp_path, training=SHORT.model_copy(update={"epochs": 30}))
    assert "angle" in model.card.collapsed


@pytest.mark.parametrize("encoder", ["equivariant", "dense", "convolutional"])
def test_a_model_comes_back_as_it_was(tmp_path: Path, encoder: EncoderKind) -> None:
    images, _ = turned(60)
    recipe = RotationInvariantVAE(encoder=encoder, hidden=(8,), discrete=2, scale=0.1, classes=2)
    once = SHORT.model_copy(update={"epochs": 1})
    classes = np.arange(60) % 2
    model = train_rvae(images, recipe, tmp_path, classes=classes, training=once)
    again = load_rvae(tmp_path)
    assert again.card == model.card
    assert again.card.elbo_nats == pytest.approx(model.card.elbo_nats)
    for name in ("angle", "shift", "scale", "content", "state", "angle_deviation"):
        np.testing.assert_array_equal(
            getattr(again.encode(images, classes), name), getattr(model.encode(images, classes), name)
        )
    assert again.manifold(3).shape == (3, 3, 16, 16)
    np.testing.assert_allclose(  # a quarter of a turn, x towards y: on a screen clockwise
        again.manifold(3, angle=np.pi / 2.0), np.rot90(again.manifold(3), -1, axes=(2, 3)), atol=1e-4
    )
    assert not np.allclose(again.manifold(3, known=1), again.manifold(3))
    (tmp_path / "weights.safetensors").write_bytes(b"\x80pickle")
    with pytest.raises(ModelError):
        load_rvae(tmp_path)


def test_an_interrupted_training_goes_on_and_others_patches_are_refused(tmp_path: Path) -> None:
    # rejects a warm-up that begins anew, and one that a longer training stretches behind its own back
    images, _ = turned(60)
    recipe = RotationInvariantVAE(hidden=(8,))
    some = SHORT.model_copy(update={"epochs": 4, "schedule": "constant", "batch_size": 20})

    def stop(done: TrainingProgress) -> None:
        if done.step == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_rvae(images, recipe, tmp_path / "parts", training=some, progress=stop)
    continued = train_rvae(images, recipe, tmp_path / "parts", training=some)
    whole = train_rvae(images, recipe, tmp_path / "whole", training=some)
    np.testing.assert_array_equal(continued.encode(images).content, whole.encode(images).content)
    with pytest.raises(TrainingError, match="identity"):
        train_rvae(images + 1.0, recipe, tmp_path / "parts", training=some)
    with pytest.raises(TrainingError, match="identity"):
        train_rvae(images, recipe, tmp_path / "parts", training=some.model_copy(update={"epochs": 8}))


def test_the_bound_is_of_the_units_of_the_image(tmp_path: Path) -> None:
    # rejects a bound that improves when images are divided by ten
    images, _ = turned(100)
    recipe = RotationInvariantVAE(hidden=(8,))
    once = SHORT.model_copy(update={"epochs": 1})
    first = train_rvae(images, recipe, tmp_path / "a", training=once)
    tenth = train_rvae(images / 10.0, recipe, tmp_path / "b", training=once)
    assert tenth.card.elbo_nats - first.card.elbo_nats == pytest.approx(256.0 * np.log(10.0), rel=0.01)


def test_shapes_of_other_tools_are_understood(tmp_path: Path) -> None:
    images, _ = turned(40)
    recipe = RotationInvariantVAE(hidden=(8,))
    model = train_rvae(images[:, None], recipe, tmp_path, training=SHORT.model_copy(update={"epochs": 1}))
    np.testing.assert_array_equal(model.encode(images[..., None]).angle, model.encode(images).angle)


@pytest.mark.parametrize(
    ("images", "recipe", "said"),
    [
        (np.zeros((1, 8, 8)), SMALL, "1 patches are too few"),
        (np.full((20, 8, 8), 3.0), SMALL, "all patches have the value 3"),
        (np.full((20, 8, 8), np.nan), SMALL, "patch 0 holds NaN"),
        (np.zeros((20, 8)), SMALL, r"patches of shape \(20, 8\) must be"),
        (np.zeros((20, 3, 3)), SMALL, "must have sides of 4 to 256"),
        (
            np.arange(1280.0).reshape(20, 8, 8),
            RotationInvariantVAE(likelihood=BernoulliPixels()),
            "are no probabilities",
        ),
    ],
)
def test_patches_that_cannot_be_learnt_from(
    tmp_path: Path, images: np.ndarray, recipe: RotationInvariantVAE, said: str
) -> None:
    with pytest.raises(PassbandError, match=said):
        train_rvae(images, recipe, tmp_path, training=SHORT)

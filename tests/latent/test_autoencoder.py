"""An autoencoder draws patches again from two numbers, mixes turn and place in them, and comes back from its folder."""

from math import log, pi
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from tests.latent.scenes import lone_object, patches_of

from passband.latent.autoencoder import Autoencoder, ConvolutionalAE
from passband.latent.autoencoder_model import load_autoencoder, train_autoencoder
from passband.latent.likelihood import BernoulliPixels
from passband.latent.manifold import content_grid
from passband.latent.patch_training import TRAINING
from passband.latent.rvae_model import load_rvae
from passband.recipe import PassbandError
from passband.segmentation.weights import ModelError

SHORT = TRAINING.model_copy(update={"epochs": 1, "batch_size": 50})
TINY = ConvolutionalAE(filters=(4, 6))


def turned(count: int = 200, seed: int = 5) -> np.ndarray:
    angle = np.random.default_rng(seed).uniform(0.0, pi, count)
    return patches_of(lone_object, angle, side=12, seed=seed)


@pytest.mark.parametrize(("filters", "shape"), [((4, 6), (12, 12)), ((6, 3, 5), (11, 14)), ((2,), (5, 4))])
def test_every_shape_is_drawn_again(filters: tuple[int, ...], shape: tuple[int, int]) -> None:
    # rejects a decoder that gives back even sides alone, and one whose filters must grow
    network = Autoencoder(ConvolutionalAE(filters=filters, content=3), shape)
    images = torch.rand(2, *shape)
    assert network.content(images).shape == (2, 3)
    assert network.draw(network.content(images)).shape == images.shape


def test_patches_are_drawn_again_from_two_numbers(tmp_path: Path) -> None:
    # rejects a training that does nothing, a likelihood in other units, and a decoder that ignores its latents
    images = turned()
    model = train_autoencoder(
        images,
        ConvolutionalAE(filters=(16, 16)),
        tmp_path,
        training=SHORT.model_copy(update={"epochs": 30, "learning_rate": 1e-2}),
    )
    with torch.no_grad():
        drawn = model.network.draw(torch.from_numpy(model.encode(images)).float()).numpy()
    error = images - (drawn * model.card.gain + model.card.offset)
    assert (error**2).mean() < 0.5 * images.var(0).mean()
    noise = float(torch.exp(model.network.log_noise.detach())) * model.card.gain
    density = -0.5 * (error / noise) ** 2 - log(noise) - 0.5 * log(2.0 * pi)
    assert model.card.likelihood_nats == pytest.approx(density.sum((1, 2)).mean(), rel=1e-3)
    content = model.encode(images)
    np.testing.assert_allclose(np.quantile(content, 0.95, axis=0), model.card.high)
    sheet = model.manifold(3)
    assert sheet.shape == (3, 3, 12, 12)
    corner = torch.tensor([[model.card.high[0], model.card.low[1]]])
    with torch.no_grad():
        expected = model.network.draw(corner)[0].numpy() * model.card.gain + model.card.offset
    np.testing.assert_allclose(sheet[0, 2], expected, atol=1e-5)


def test_a_grid_goes_to_the_right_then_down() -> None:
    grid = content_grid((-1.0, 0.0, 2.0), (1.0, 4.0, 3.0), 3)
    assert grid[:3].tolist() == [[-1.0, 0.0, 2.5], [0.0, 0.0, 2.5], [1.0, 0.0, 2.5]]
    assert grid[-1].tolist() == [1.0, 4.0, 2.5]
    assert content_grid((0.0,), (1.0,), 2).tolist() == [[0.0], [1.0], [0.0], [1.0]]
    assert content_grid((), (), 2).shape == (4, 0)


def test_it_comes_back_as_it_was_and_is_no_other_model(tmp_path: Path) -> None:
    images = turned(60)
    model = train_autoencoder(images[:, None], TINY, tmp_path, training=SHORT)
    again = load_autoencoder(tmp_path)
    assert again.card == model.card
    np.testing.assert_array_equal(again.encode(images), model.encode(images))
    with pytest.raises(ModelError, match="no model card"):
        load_rvae(tmp_path)
    wide = model.card.network.model_copy(update={"recipe": ConvolutionalAE(filters=(5, 6))})
    (tmp_path / "card.json").write_text(model.card.model_copy(update={"network": wide}).model_dump_json())
    with pytest.raises(ModelError, match="of another shape"):
        load_autoencoder(tmp_path)


def test_an_interrupted_training_goes_on(tmp_path: Path) -> None:
    images = turned(60)
    constant = SHORT.model_copy(update={"schedule": "constant"})
    train_autoencoder(images, TINY, tmp_path / "parts", training=constant)
    more = constant.model_copy(update={"epochs": 2})
    continued = train_autoencoder(images, TINY, tmp_path / "parts", training=more)
    whole = train_autoencoder(images, TINY, tmp_path / "whole", training=more)
    np.testing.assert_array_equal(continued.encode(images), whole.encode(images))


def test_patches_and_recipes_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(PassbandError, match="are no probabilities"):
        train_autoencoder(turned(20), ConvolutionalAE(likelihood=BernoulliPixels()), tmp_path)
    with pytest.raises(PassbandError, match="all patches have the value 2"):
        train_autoencoder(np.full((20, 8, 8), 2.0), TINY, tmp_path)
    with pytest.raises(ValidationError, match="must be one to five numbers"):
        ConvolutionalAE(filters=())
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        ConvolutionalAE(content=0)

"""Models on disk, and their predictions for images of any size."""

import hashlib
import shutil

import numpy as np
import pytest
import torch
from tests.fixtures.models import card, lively_network
from torch import nn

from passband.patches.symmetry import dihedral, dihedral_inverse, turned, upright
from passband.recipe import PassbandError
from passband.segmentation.card import read_card
from passband.segmentation.model import Model, load_model
from passband.segmentation.weights import ModelError, read_weights


def noise(*shape):
    return np.random.default_rng(0).normal(10.0, 2.0, size=shape)


def test_saved_model_predicts_the_same(saved, network):
    image = noise(70, 90)
    direct = Model(network, card()).predict(image, 0.8)
    loaded = load_model(saved)
    np.testing.assert_array_equal(loaded.predict(image, 0.8), direct)
    assert loaded.card.name == "test"
    assert loaded.card.conditions == {"defocus": {"uniform": [-600.0, 600.0]}}
    content = (saved / "weights.safetensors").read_bytes()
    assert read_card(saved).weights_sha256 == hashlib.sha256(content).hexdigest()


def test_probabilities_have_the_shape_of_the_image_and_add_up(network):
    model = Model(network, card())
    for shape, pixel in (((70, 91), 0.8), ((201, 203), 0.5), ((60, 50), (1.1, 1.3)), ((16, 16), 0.8)):
        out = model.predict(noise(*shape), pixel)
        assert out.shape == (2, *shape)
        assert out.dtype == np.float32
        np.testing.assert_allclose(out.sum(0), 1.0, atol=1e-5)
        assert out.min() >= 0.0
    assert np.ptp(out[1]) > 0.01


def test_tiles_agree_with_one_large_tile():
    """With its coarse levels silenced the network reaches some 32 pixels, and tiles give the whole image."""
    network = lively_network()
    nn.init.zeros_(network.decoder[1].conv2.weight)
    model = Model(network, card())
    image = noise(500, 300)
    whole = model.predict(image, 0.8, patch=640, overlap=128)
    tiled = model.predict(image, 0.8, patch=256, overlap=128)
    np.testing.assert_allclose(tiled, whole, atol=1e-4)
    assert np.ptp(whole) > 0.1


def test_prediction_ignores_gain_and_offset(network):
    model = Model(network, card())
    image = noise(64, 64)
    np.testing.assert_allclose(model.predict(500.0 * image - 7e3, 0.8), model.predict(image, 0.8), atol=1e-4)


class Darkness(nn.Module):
    """Probability from brightness: what goes in can be read off what comes out."""

    def forward(self, x):
        return torch.cat([-x, x], dim=1)


def test_image_reaches_the_network_at_its_pixel_size_and_comes_back_in_place():
    y, x = np.mgrid[:300, :200]
    image = np.exp(-((y - 210.0) ** 2 + (x - 60.0) ** 2) / (2 * 20.0**2))
    out = Model(Darkness(), card()).predict(image, 0.4)
    peak = np.unravel_index(out[1].argmax(), out[1].shape)
    assert abs(peak[0] - 210) <= 2
    assert abs(peak[1] - 60) <= 2
    reference = (image - image.mean()) / image.std()
    np.testing.assert_allclose(out[1], 1 / (1 + np.exp(-2 * reference)), atol=0.01)


def test_the_prediction_of_a_turned_image_is_the_turned_one(network):
    model = Model(network, card())
    image = noise(64, 64)
    for symmetries in (1, 3, 8):
        plain = model.predict(image, 0.8, symmetries=symmetries, patch=128, overlap=64)
        mirrored = model.predict(np.rot90(image).T, 0.8, symmetries=symmetries, patch=128, overlap=64)
        np.testing.assert_array_equal(mirrored, np.rot90(plain, axes=(1, 2)).transpose(0, 2, 1))


def test_how_many_tiles_are_looked_at_together_changes_nothing(network):
    model, image = Model(network, card()), noise(96, 160)
    one_by_one = model.predict(image, 0.8, patch=64, overlap=32)
    model.tiles_at_once = 4
    np.testing.assert_allclose(model.predict(image, 0.8, patch=64, overlap=32), one_by_one, atol=1e-5)


def test_symmetries_are_averaged_over(network):
    model, image = Model(network, card()), noise(64, 64)
    lying = model.at_network(turned(image, upright(image)), 0.8)

    def look(element):
        return lambda tiles: dihedral(network(dihedral(tiles, element)).softmax(1), dihedral_inverse(element))

    seen = [model.map_tiles(lying, look(element)) for element in range(8)]
    assert np.abs(seen[0] - seen[1]).max() > 1e-3  # the network itself has no such symmetry
    expected = turned(np.mean(seen, axis=0), dihedral_inverse(upright(image)))
    np.testing.assert_allclose(model.predict(image, 0.8, symmetries=8), expected, atol=1e-5)


def test_segment_is_the_most_probable_class_and_input_is_kept(network):
    model = Model(network, card())
    image = noise(40, 40)
    before = image.copy()
    found = model.segment(image, 0.8)
    assert (found.labels.dtype, found.classes, found.pixel_size) == (np.uint8, ("background", "particle"), (0.8, 0.8))
    np.testing.assert_array_equal(found.labels, model.predict(image, 0.8).argmax(0))
    np.testing.assert_array_equal(found.probabilities, model.predict(image, 0.8))
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(
    ("image", "pixel", "options", "words"),
    [
        (np.zeros((40, 40, 3)), 0.8, {}, "not 2-D"),
        (np.full((40, 40), np.nan), 0.8, {}, "NaN"),
        (np.zeros((40, 40)), 0.08, {}, r"4 × 4 pixels of 0\.8 Å, too small for the network, which needs 16"),
        (np.zeros((40, 15)), 0.8, {}, "too small"),
        (
            np.zeros((40, 40)),
            (1 / 13, 1 / 12),
            {},
            r"of 40 × 40 pixels of 0\.07692 × 0\.08333 Å is 3\.84615 × 4\.16667",
        ),
        (np.zeros((40, 40)), 1e4, {}, r"500000 × 500000 pixels of 0\.8 Å, too large to be resampled to"),
        (np.zeros((40, 40)), 1e300, {}, "too large"),
        (np.zeros((40, 40)), -1.0, {}, "positive"),
        (np.zeros((40, 40)), 0.8, {"symmetries": 9}, "outside 1 to 8"),
    ],
)
def test_images_that_cannot_be_predicted(network, image, pixel, options, words):
    with pytest.raises(PassbandError, match=words):
        Model(network, card()).predict(image, pixel, **options)


def test_constant_image_is_predicted(network):
    assert np.isfinite(Model(network, card()).predict(np.full((40, 40), 3.0), 0.8)).all()


def test_missing_files(tmp_path, saved):
    with pytest.raises(ModelError, match=r"cannot read .*card\.json.*a model is a directory with"):
        read_card(tmp_path / "nowhere")
    with pytest.raises(PassbandError, match="nowhere' is neither a folder nor a shipped model"):
        load_model(tmp_path / "nowhere")
    (saved / "weights.safetensors").unlink()
    with pytest.raises(ModelError, match=r"cannot read .*weights\.safetensors"):
        read_weights(saved / "weights.safetensors", read_card(saved).architecture, "")
    with pytest.raises(PassbandError, match=r"lacks weights\.safetensors; copy both"):
        load_model(saved)


def test_a_model_is_named_or_found_in_its_run(tmp_path, saved):
    # rejects a loader that takes folders of two files alone, which a notebook would have to look for
    run = tmp_path / "run"
    shutil.copytree(saved, run / "model")
    assert load_model(run).card == load_model(str(saved)).card == load_model(saved / "card.json").card
    assert load_model("au_hrtem").card == load_model().card


def test_a_prediction_that_is_not_finite_is_no_mask():
    network = lively_network()
    nn.init.constant_(network.head.weight, 3e38)
    with pytest.raises(ModelError, match="gives NaN on this image"):
        Model(network, card()).predict(noise(40, 40), 0.8)

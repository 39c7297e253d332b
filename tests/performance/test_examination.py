"""One pass over a micrograph: its mask, where it is doubtful, and signals that do not depend on how the image lies."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from tests.fixtures.models import card, lively_network

from passband.patches.symmetry import turned, turned_pair
from passband.performance.examination import examine
from passband.performance.observation import SignalReference
from passband.segmentation.card import ModelCard
from passband.segmentation.fine_unet import FineUNetRecipe
from passband.segmentation.model import Model
from passband.segmentation.weights import ModelError


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(lively_network(), card())


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:150, :210]
    return 2.0 * (np.hypot(y - 100, x - 40) < 20) + rng.normal(size=(150, 210))


def test_the_mask_is_the_one_of_the_model(model: Model, image: np.ndarray) -> None:
    # rejects a second way to a mask
    for symmetries in (1, 8):
        seen = examine(model, image, (0.7, 0.9), symmetries=symmetries).segmentation
        expected = model.segment(image, (0.7, 0.9), symmetries=symmetries)
        np.testing.assert_array_equal(seen.labels, expected.labels)
        np.testing.assert_allclose(seen.probabilities, expected.probabilities, atol=1e-6)


@pytest.mark.parametrize("element", range(8))
def test_a_turned_or_mirrored_image_has_the_same_numbers_and_the_turned_maps(
    model: Model, image: np.ndarray, element: int
) -> None:
    # rejects a pass over the image as it lies: tiles and a network without symmetry give other numbers
    plain = examine(model, image, (0.7, 0.9))
    seen = examine(model, turned(image, element), turned_pair((0.7, 0.9), element))
    assert seen.signals == plain.signals
    np.testing.assert_array_equal(seen.observation.features, plain.observation.features)
    np.testing.assert_array_equal(seen.segmentation.labels, turned(plain.segmentation.labels, element))
    np.testing.assert_array_equal(seen.error_probability, turned(plain.error_probability, element))
    unlike = model.map_tiles(model.at_network(turned(image, 1), 0.8), model.network)
    plain_tiles = model.map_tiles(model.at_network(image, 0.8), model.network)
    assert np.abs(turned(unlike, 3) - plain_tiles).max() > 1e-3  # the network itself has no such symmetry


def test_every_part_of_the_image_counts(model: Model) -> None:
    # rejects signals of one corner, of the middle, or of nine squares
    image = np.random.default_rng(0).normal(size=(640, 640))
    plain = examine(model, image, 0.8).signals["entropy"]
    for y, x in ((0, 0), (0, 600), (600, 0), (600, 600), (300, 300), (150, 400)):
        changed = image.copy()
        changed[y : y + 40, x : x + 40] = 8.0
        assert abs(examine(model, changed, 0.8).signals["entropy"] - plain) > 1e-6, (y, x)


def test_doubt_is_one_minus_the_calibrated_probability(model: Model, image: np.ndarray) -> None:
    plain = examine(model, image, 0.8)
    np.testing.assert_allclose(plain.error_probability, 1.0 - plain.segmentation.probabilities.max(axis=0), atol=1e-6)
    hot = examine(model, image, 0.8, reference=SignalReference(temperature=3.0))
    assert hot.error_probability.mean() > plain.error_probability.mean()
    np.testing.assert_array_equal(hot.segmentation.labels, plain.segmentation.labels)
    assert hot.signals["expected_error_area"] == pytest.approx(float(hot.error_probability.mean()), rel=1e-5)


def test_signals_of_a_file_at_another_pixel_size(model: Model, image: np.ndarray) -> None:
    fine = np.kron(image[:48, :48], np.ones((2, 2)))
    seen = examine(model, fine, 0.4)
    assert seen.observation.images.shape == (1, 48, 48)
    assert seen.error_probability.shape == (96, 96)
    network = {"entropy", "unsure_area", "expected_error_area", "expected_loss", "predicted_area"}
    assert set(seen.signals) == network | {"noise_correlation", "noise_share"}
    with pytest.raises(ModelError, match="too small for the network"):
        examine(model, fine, 0.1)


def test_noise_is_measured_in_pixels_of_the_network(model: Model) -> None:
    """Rejects a correlation that is told in pixels of the file, and one that is told of prepared tiles."""
    fine = gaussian_filter(np.random.default_rng(4).normal(size=(256, 256)), 2.4)
    seen = [examine(model, fine, pixel).signals["noise_correlation"] for pixel in (0.8, 0.4)]
    assert seen[0] == pytest.approx(2.4, rel=0.05)
    assert seen[1] == pytest.approx(1.2, rel=0.1)


def test_features_are_shown_by_networks_that_look_at_prepared_tiles() -> None:
    # rejects a hook in the network that is not the one which looks at tiles
    recipe = FineUNetRecipe.preset("fringes-tiny")
    network = Model(recipe.build(), ModelCard(architecture=recipe, pixel_size=0.8))
    seen = examine(network, np.random.default_rng(0).normal(size=(70, 90)), 0.8)
    assert seen.observation.features.shape == (1, recipe.widths[-1])
    assert (seen.observation.features > 0).any()

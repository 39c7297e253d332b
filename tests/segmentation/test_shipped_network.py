"""The network inside the package, on a real micrograph that it was neither trained nor tuned on."""

import numpy as np
import pytest
import torch
from skimage.io import imread

from passband.experiment.plan import load_plan
from passband.scores.overlap import overlap_scores
from passband.segmentation.model import load_model
from passband.segmentation.shipped import find_model, shipped_models


def dice(prediction: np.ndarray, truth: np.ndarray) -> float:
    return float(overlap_scores(prediction, truth, classes=2)["dice"][1])


# The published notebook gives "about 0.5 Å" per pixel; a user's calibration is good to some per cent.
@pytest.mark.parametrize("pixel_size", [0.475, 0.5, 0.525])
def test_gold_on_carbon_is_found_by_a_network_that_saw_simulations_only(shared_data, pixel_size: float) -> None:
    folder = shared_data / "hrtem" / "au_scott_lab"
    image = imread(folder / "au_hrtem_image.png")
    truth = (imread(folder / "au_hrtem_mask.png") > 0).astype(np.uint8)
    model = load_model(find_model(None))
    assert dice(model.segment(image, pixel_size).labels, truth) >= 0.92
    # the contrast of the image carries the answer
    assert dice(model.segment(255 - image, pixel_size).labels, truth) < 0.90


def test_bare_noise_has_no_particles() -> None:
    """A network that calls everything a particle would pass an overlap test on a full field."""
    noise = np.random.default_rng(3).poisson(100, (256, 256))
    assert load_model(find_model(None)).segment(noise, 0.8).labels.mean() < 0.02


@pytest.mark.parametrize("name", shipped_models())
def test_shipped_weights_are_small_and_their_card_says_how_they_came_about(name: str) -> None:
    folder = find_model(name)
    card = load_model(folder).card
    assert (folder / "weights.safetensors").stat().st_size <= 10_000_000
    plan = load_plan(name)
    assert card.simulation == plan.simulation.model_dump(mode="json")
    assert card.imaging == plan.imaging.model_dump(mode="json")
    assert card.architecture == plan.network
    assert card.cost["seconds"] > 0
    assert set(card.scores) == {one.name for one in plan.validation}


def test_an_odd_side_shows_the_network_noise_and_no_stripes() -> None:
    network = load_model(find_model(None)).network
    noise = torch.randn(2, 1, 137, 137, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        particles = [float(network(image).softmax(1)[:, 1].mean()) for image in (noise, noise[..., :128, :128])]
    assert particles[0] < 5.0 * particles[1]  # edges repeated instead: 0.95 against 0.001

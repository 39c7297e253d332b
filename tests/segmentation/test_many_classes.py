"""Networks of several classes and of several channels are ordinary: trained, saved, loaded, used, written."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from passband.description.particles import measure_particles, particle_columns
from passband.files.writing import COLOURS
from passband.recipe import PassbandError
from passband.segmentation.card import ModelCard
from passband.segmentation.learner import SegmentationLearner
from passband.segmentation.losses import LossRecipe
from passband.segmentation.model import Model, load_model, save_model
from passband.segmentation.networks import seeded_networks
from passband.segmentation.results import write_results
from passband.segmentation.segment import segment
from passband.segmentation.stacked import Together
from passband.segmentation.unet import UNetRecipe
from passband.training import TrainingRecipe, fit

CLASSES = ("background", "film", "particle")
TWO, THREE = UNetRecipe.preset("tiny", channels=2), UNetRecipe.preset("tiny", classes=3)
ALL_LOSSES = LossRecipe(terms={"cross_entropy": 1.0, "dice": 1.0, "focal": 0.5}, class_weights=(1.0, 2.0, 3.0))


def batches(step: int, size: int, channels: int = 1) -> SimpleNamespace:
    """Three grey levels are three classes; with two channels a pixel is a particle where the second is the larger."""
    drawn = torch.randn(size, channels, 64, 64, generator=torch.Generator().manual_seed(step))
    images = torch.nn.functional.avg_pool2d(drawn, 9, stride=1, padding=4) * 9
    if channels == 2:
        return SimpleNamespace(images=images, masks=(images[:, 1] > images[:, 0]).long())
    return SimpleNamespace(images=images, masks=torch.bucketize(images[:, 0], torch.tensor([-0.5, 0.5])))


def test_a_network_of_three_classes_learns_them(tmp_path: Path) -> None:
    """Rejects losses, augmentation and scores that know background and particle only."""
    learner = SegmentationLearner(seeded_networks(THREE, [0]), ALL_LOSSES)
    recipe = TrainingRecipe(epochs=4, steps_per_epoch=10, batch_size=4, learning_rate=1e-2)
    history = fit(learner, batches, {"set": [batches(10**6, 4)]}, recipe, tmp_path)
    dice = history.column("dice")
    assert dice[-1] > max(0.6, dice[0])  # of film and particle; chance is a third
    save_model(
        tmp_path / "model", learner.separate()[0], ModelCard(architecture=THREE, classes=CLASSES, pixel_size=0.8)
    )
    model = load_model(tmp_path / "model")
    seen = batches(10**6 + 1, 1)
    found = model.segment(seen.images[0, 0], 0.8)
    assert (found.classes, found.probabilities.shape) == (CLASSES, (3, 64, 64))
    assert (found.labels == seen.masks[0].numpy()).mean() > 0.6
    np.testing.assert_allclose(found.foreground, 1.0 - found.probabilities[0])


@pytest.mark.parametrize("together", ["turns", "vmap"])
def test_a_stack_has_as_many_classes_and_channels(together: Together, tmp_path: Path) -> None:
    """Rejects stacks that make their networks anew as one certain architecture."""
    recipe = UNetRecipe.preset("tiny", channels=2, classes=3)
    learner = SegmentationLearner(seeded_networks(recipe, [0, 1]), LossRecipe(), together=together)
    history = fit(
        learner,
        lambda step, size: batches(step, size, 2),
        {"set": [batches(9, 2, 2)]},
        TrainingRecipe(epochs=1, steps_per_epoch=2, batch_size=2),
        tmp_path,
    )
    assert np.isfinite(history.column("training_loss")[-1])
    for network in learner.separate():
        save_model(tmp_path / "model", network, ModelCard(architecture=recipe, classes=CLASSES, pixel_size=1.0))
    assert load_model(tmp_path / "model").predict(np.random.default_rng(0).normal(size=(2, 40, 50)), 1.0).shape == (
        3,
        40,
        50,
    )


class Second(torch.nn.Module):
    """Evidence of a particle is the second channel: which channel is which can be read off the answer."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([torch.zeros_like(x[:, 1]), 4.0 * x[:, 1]], dim=1)


def test_channels_are_seen_each_on_its_own_scale_in_their_order() -> None:
    """Rejects channels that are standardised together, mixed up between tiles, or resampled along the wrong axes."""
    y, x = np.mgrid[:700, :600]
    blob = np.exp(-((y - 500.0) ** 2 + (x - 100.0) ** 2) / (2 * 30.0**2))
    image = np.stack([1e6 * np.cos(x / 50.0), 1e-3 * blob])
    model = Model(Second(), ModelCard(architecture=TWO, pixel_size=0.8))
    for pixel_size in (0.8, 0.6):
        found = model.segment(image, pixel_size)
        assert found.labels.shape == (700, 600)
        standard = (blob - blob.mean()) / blob.std()
        np.testing.assert_allclose(found.foreground, 1.0 / (1.0 + np.exp(-4.0 * standard)), atol=0.02)


@pytest.mark.parametrize("shape", [(40, 40), (3, 40, 40), (40, 40, 2), (1, 2, 40, 40)])
def test_other_channels_than_the_networks_are_refused(shape: tuple[int, ...]) -> None:
    model = Model(Second(), ModelCard(architecture=TWO, pixel_size=0.8))
    with pytest.raises(PassbandError, match=r"is not \(channels, y, x\) of 2 channels; stack them in front"):
        model.predict(np.zeros(shape), 0.8)


class Levels(torch.nn.Module):
    """Film where the image is bright, particle where it is brightest."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 20.0 * torch.cat([torch.zeros_like(x), x - 0.5, 2.0 * (x - 1.5)], dim=1)


def test_results_of_several_classes_are_written(tmp_path: Path) -> None:
    """Rejects masks of particles and background alone, particles that swallow their film, overlays of one colour."""
    image = np.zeros((64, 64))
    image[8:40, 8:40], image[16:24, 16:24], image[50:60, 50:60] = 1.0, 3.0, 3.0
    model = Model(Levels(), ModelCard(architecture=THREE, classes=CLASSES, pixel_size=5.0))
    found = segment(image, model, pixel_size=5.0)
    rows = measure_particles(found.labels, found.pixel_size, probability=found.foreground, classes=found.classes)
    assert [(row["label"], row["class"]) for row in rows] == [(1, "film"), (2, "particle"), (3, "particle")]
    assert [row["area_nm2"] for row in rows] == pytest.approx([0.25 * (32**2 - 64), 16.0, 25.0])
    columns = particle_columns(found.classes)
    files = write_results(found, image, rows, tmp_path / "a", columns=columns)
    assert np.array_equal(np.unique(tifffile.imread(files["mask"])), [0, 1, 2])
    header, first, *_ = files["particles"].read_text().splitlines()
    assert header == ",".join(columns)
    assert first.startswith("1,film,240,")
    drawn = {tuple(pixel) for pixel in np.asarray(Image.open(files["overlay"])).reshape(-1, 3).tolist()}
    assert set(COLOURS[:2]) <= drawn
    assert not set(COLOURS[2:]) & drawn


def test_two_classes_have_no_column_of_their_class() -> None:
    mask = np.ones((8, 8), np.uint8)
    assert "class" not in particle_columns(("background", "particle"))
    assert "class" not in measure_particles(mask, 1.0, classes=("background", "particle"))[0]
    with pytest.raises(PassbandError, match="mask holds class 3 and classes="):
        measure_particles(3 * mask, 1.0, classes=CLASSES)

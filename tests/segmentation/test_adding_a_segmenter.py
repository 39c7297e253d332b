"""What a newcomer writes for a segmenter or an architecture of their own is all in this file: nothing else changes.

Rejects commands, cards, plans, trainings, writers and signals that know the U-Net, or networks, by name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import ArrayLike
from pydantic import Field
from skimage.filters import threshold_otsu
from torch import Tensor, nn

from passband.description.particles import COLUMNS, measure_particles
from passband.experiment.plan import Plan
from passband.files.own_files import is_result
from passband.files.writing import write_image_tiff
from passband.performance.examination import examine
from passband.performance.observation import augmented_predictions
from passband.pixels import pixel_pair
from passband.recipe import PassbandError
from passband.segmentation.architecture import ARCHITECTURES, Architecture
from passband.segmentation.card import ModelCard
from passband.segmentation.footprint import training_footprint
from passband.segmentation.learner import SegmentationLearner
from passband.segmentation.losses import LossRecipe
from passband.segmentation.model import load_model, save_model
from passband.segmentation.networks import seeded_networks
from passband.segmentation.results import write_results
from passband.segmentation.segment import segment
from passband.segmentation.segmenter import Segmentation
from passband.segmentation.weights import ModelError
from passband.training import TrainingRecipe, fit

# A segmenter: a card, and a method `segment`.


@dataclass(frozen=True)
class OtsuCard:
    name: str = "Otsu's threshold"
    classes: tuple[str, ...] = ("background", "bright")
    pixel_size: float | None = None
    mode: str | None = None


class Otsu:
    """Bright where the image is above the threshold of Otsu (IEEE Trans. SMC 9, 62 (1979))."""

    card = OtsuCard()

    def segment(
        self, image: ArrayLike, pixel_size: float | tuple[float, float], *, symmetries: int = 1
    ) -> Segmentation:
        array = np.asarray(image)
        labels = (array > threshold_otsu(array)).astype(np.uint8)
        return Segmentation(labels, self.card.classes, pixel_pair(pixel_size))


@pytest.fixture
def image() -> np.ndarray:
    """A bright disc of 16 pixels across, and a bright pixel, on a noisy ground."""
    y, x = np.mgrid[:64, :64]
    drawn = np.hypot(y - 20.0, x - 40.0) < 8.0
    drawn[60, 5] = True
    return 10.0 * drawn + np.random.default_rng(0).normal(size=(64, 64))


def test_a_segmenter_of_ones_own_is_used_and_written_like_a_network(image: np.ndarray, tmp_path: Path) -> None:
    found = segment(image, Otsu(), pixel_size=1.0)
    particles = measure_particles(found.labels, found.pixel_size, probability=found.foreground)
    assert [round(row["centroid_x_px"]) for row in particles] == [40]  # the bright pixel is too small to be anything
    write_image_tiff(tmp_path / "a.probability.tif", image)  # of an earlier network
    files = write_results(found, image, particles, tmp_path / "a", columns=COLUMNS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mask.tif", "a.overlay.png", "a.particles.csv"]
    assert all(is_result(path) for path in files.values())
    assert np.array_equal(tifffile.imread(files["mask"]), found.labels)


# An architecture: a recipe with its kind, its stride, and `build`.


class OneConvolution(nn.Module):
    def __init__(self, recipe: "OneConvolutionRecipe") -> None:
        super().__init__()
        self.middle = nn.Conv2d(recipe.channels, recipe.width, recipe.side, padding="same")
        self.head = nn.Conv2d(recipe.width, recipe.classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.middle(images).relu())
        return logits


class OneConvolutionRecipe(Architecture):
    PRESETS = {"line": {"width": 3, "side": 5}}  # noqa: RUF012 — as short as a newcomer would write it

    kind: Literal["one_convolution"] = "one_convolution"
    width: int = Field(default=8, ge=1, le=64)
    side: int = Field(default=3, ge=1, le=9)

    @property
    def stride(self) -> int:
        return 1

    def build(self) -> nn.Module:
        return OneConvolution(self)

    def features(self, network: nn.Module) -> nn.Module | None:
        return network.middle if isinstance(network, OneConvolution) else None


@pytest.fixture
def registered() -> Iterator[type[Architecture]]:
    yield ARCHITECTURES.register(OneConvolutionRecipe)
    ARCHITECTURES.remove("one_convolution")


def batches(step: int, size: int) -> SimpleNamespace:
    images = torch.randn(size, 1, 32, 32, generator=torch.Generator().manual_seed(step))
    return SimpleNamespace(images=images, masks=(images[:, 0] > 0.0).long())


@pytest.mark.usefixtures("registered")
def test_an_architecture_of_ones_own_is_trained_saved_and_loaded(image: np.ndarray, tmp_path: Path) -> None:
    recipe = OneConvolutionRecipe(side=5)
    learner = SegmentationLearner(seeded_networks(recipe, [0]), LossRecipe())
    training = TrainingRecipe(epochs=2, steps_per_epoch=20, batch_size=2, learning_rate=0.05)
    history = fit(learner, batches, {"set": [batches(10**6, 2)]}, training, tmp_path / "run")
    assert history.column("dice")[-1] > 0.9
    save_model(tmp_path / "model", learner.separate()[0], ModelCard(architecture=recipe, pixel_size=1.0))
    model = load_model(tmp_path / "model")
    assert model.card.architecture == recipe
    for name, tensor in model.network.state_dict().items():
        assert torch.equal(tensor, learner.separate()[0].state_dict()[name])
    assert segment(image, model, pixel_size=1.0).labels[20, 40] == 1
    assert augmented_predictions(model, image[None, :32, :32]).features.shape == (1, 8)
    assert "entropy" in examine(model, image, 1.0).signals
    with pytest.raises(ModelError, match="does not fit the architecture on the card"):
        save_model(
            tmp_path / "other", learner.separate()[0], ModelCard(architecture=OneConvolutionRecipe(), pixel_size=1.0)
        )


@pytest.mark.usefixtures("registered")
def test_a_plan_names_it_by_its_kind_or_by_a_preset(smallest: dict) -> None:
    kept = {key: smallest[key] for key in ("name", "simulation", "imaging", "split", "training")}
    raw = kept | {"validation": [{"name": "near", "conditions": {"aberrations": {"defocus": 100.0}}}]}
    for network in ("line", {"kind": "one_convolution", "width": 3, "side": 5}):
        plan = Plan.model_validate(raw | {"network": network})
        assert plan.network == OneConvolutionRecipe(width=3, side=5)
        assert plan.network.parameters == 3 * 25 + 3 + 2 * 3 + 2
        assert Plan.model_validate_json(plan.model_dump_json()).identity == plan.identity
        assert training_footprint(plan.network, plan.loss, plan.training, patch=32).peak > 0
    with pytest.raises(ValueError, match="preset='square' is unknown"):
        Plan.model_validate(raw | {"network": "square"})


def test_without_its_registration_nobody_knows_it() -> None:
    with pytest.raises(PassbandError, match="kind='one_convolution' is no architecture; known: fine_unet, unet"):
        ARCHITECTURES.validate({"kind": "one_convolution"})

"""The objective of the encoder: crops of one image only, near for one material and far for another."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from passband.training import TrainingRecipe, fit
from passband.zero_shot.textures.contrastive import (
    TEMPERATURE,
    ContrastiveLearner,
    CropBatch,
    contrastive_loss,
    nearest_is_alike,
)
from passband.zero_shot.textures.encoder import EncoderRecipe

TINY = EncoderRecipe(side=16, width=4, features=8)


def written_out(features: np.ndarray, image: np.ndarray, material: np.ndarray) -> float:
    """Khosla et al. 2020, eq. 2, one crop after the other."""
    losses = []
    for i in range(len(features)):
        others = [j for j in range(len(features)) if j != i and image[j] == image[i]]
        alike = [j for j in others if material[j] == material[i]]
        if alike:
            near = {j: np.exp(features[i] @ features[j] / TEMPERATURE) for j in others}
            losses.append(-np.mean([np.log(near[j] / sum(near.values())) for j in alike]))
    return float(np.mean(losses))


def test_loss_is_the_formula_within_each_image() -> None:
    rng = np.random.default_rng(1)
    features = F.normalize(torch.tensor(rng.standard_normal((9, 5))), dim=1)
    image, material = torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 1]), torch.tensor([0, 0, 1, 1, 2, 0, 0, 1, 1])
    expected = written_out(features.numpy(), image.numpy(), material.numpy())
    assert float(contrastive_loss(features, image, material)) == pytest.approx(expected, rel=1e-5)


def test_other_images_change_nothing() -> None:
    features = F.normalize(torch.randn(6, 4, generator=torch.Generator().manual_seed(2)), dim=1)
    image, material = torch.tensor([0, 0, 0, 0, 1, 1]), torch.tensor([0, 0, 1, 1, 0, 0])
    alone = contrastive_loss(features[:4], image[:4], material[:4])
    both = contrastive_loss(features, image, material)  # the two others are alone with their like: their loss is 0
    assert float(both) == pytest.approx(4 / 6 * float(alone), rel=1e-5)


def test_retrieval_looks_at_the_nearest_crop_of_the_same_image() -> None:
    features = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    image, material = torch.tensor([0, 0, 0, 1, 1]), torch.tensor([0, 0, 1, 1, 1])
    # the third has only others of the first material; the fourth is nearest to one of another image, which is no answer
    assert nearest_is_alike(features, image, material).tolist() == [True, True, False, True, True]


def drawn_batch(step: int, size: int) -> CropBatch:
    """Stripes along x or along both axes, at one mean and one power."""
    rng = np.random.default_rng(step)
    phase = rng.uniform(0.0, 6.28, size=(4 * size, 1, 1, 1))
    at = np.arange(16) * 2.0 * np.pi / 4.0
    material = np.tile([0, 0, 1, 1], size)
    one, two = np.sin(at + phase) * np.ones((16, 1)), np.sin(2 * at / 3 + phase) * np.ones((16, 1))
    crops = np.where(material[:, None, None, None] == 0, one, two) + 0.2 * rng.standard_normal((4 * size, 1, 16, 16))
    image = np.repeat(np.arange(size), 4)
    return CropBatch(torch.tensor(crops, dtype=torch.float32), torch.tensor(image), torch.tensor(material))


def test_the_loop_trains_an_encoder_and_ends_with_the_same_bits_when_it_is_called_again(tmp_path: Path) -> None:
    recipe = TrainingRecipe(epochs=2, steps_per_epoch=20, batch_size=4, learning_rate=3e-3, average=0.5)
    held_out = {"drawn": [drawn_batch(10_000 + step, 8) for step in range(2)]}

    def run() -> tuple[ContrastiveLearner, list[dict[str, float]]]:
        torch.manual_seed(0)
        learner = ContrastiveLearner(TINY.build())
        return learner, fit(learner, drawn_batch, held_out, recipe, tmp_path / "run").rows

    first, rows = run()
    again, _ = run()
    assert rows[-1]["training_loss"] < 0.8 * rows[0]["train_loss"]
    assert rows[-1]["retrieval"] > 0.95
    for one, other in zip(first.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other)

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from passband.generation.dcgan import DCGAN, DCGANDiscriminator, DCGANLearner
from passband.generation.dcgan_training import DCGANTraining
from passband.generation.image_model import load_generator
from passband.generation.image_training import train_generator
from passband.recipe import PassbandError
from passband.training.history import read_history

RECIPE = DCGANTraining(
    network=DCGAN(size=32, latent=8, width=4), kimg=0.064, every_kimg=0.032, batch_size=8, scored=6, seed=3
)


def crops(count: int = 12, size: int = 32) -> NDArray[np.float64]:
    """Dark images with a bright row of pixels."""
    images = np.random.default_rng(0).normal(100.0, 2.0, (count, size, size))
    images[:, 5] += 100.0
    return images


def test_the_networks_are_those_of_the_paper() -> None:
    recipe = DCGAN(size=64, latent=100, width=64)
    assert recipe.channels == (512, 256, 128, 64)
    generator, discriminator = recipe.build(), DCGANDiscriminator(recipe)
    kernels = 100 * 512 + 512 * 256 + 256 * 128 + 128 * 64 + 64
    assert sum(one.numel() for one in generator.parameters()) == 16 * kernels + 2 * (512 + 256 + 128 + 64) + 1
    kernels = 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512
    norms, biases = 2 * (128 + 256 + 512), 64 + 1
    assert sum(one.numel() for one in discriminator.parameters()) == 16 * kernels + norms + biases
    images = generator(torch.randn(2, 100))
    assert images.shape == (2, 1, 64, 64)
    assert discriminator(images).shape == (2,)
    assert generator.state_dict()["layers.0.weight"].std().item() == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize("size", [32, 64, 128])
def test_images_have_the_size_that_is_asked_for(size: int) -> None:
    recipe = DCGAN(size=size, latent=4, width=2)
    images = recipe.build()(torch.randn(2, 4))
    assert images.shape == (2, 1, size, size)
    assert DCGANDiscriminator(recipe)(images).shape == (2,)


def test_sizes_that_are_no_power_of_two_are_refused() -> None:
    with pytest.raises(ValueError, match="size=100 is not one of 32, 64, 128, 256, 512 pixels; use 128"):
        DCGAN(size=100)


def test_each_player_descends_its_own_loss() -> None:
    torch.manual_seed(0)
    learner = DCGANLearner(RECIPE.network)
    batch = torch.ones(8, 1, 32, 32)
    turns = {turn.name: turn for turn in learner.turns()}
    assert list(turns) == ["discriminator", "generator"]
    assert all(turn.betas == (0.5, 0.999) for turn in turns.values())
    optimiser = torch.optim.SGD(turns["discriminator"].parameters, lr=0.05)
    for _ in range(30):  # it learns that bright images are real
        optimiser.zero_grad()
        learner.loss(batch, step=0, turn="discriminator").backward()
        optimiser.step()
    before = learner.generator(torch.ones(8, 8)).mean().item()
    assert learner.discriminator(batch).mean() > learner.discriminator(-batch).mean()
    optimiser = torch.optim.SGD(turns["generator"].parameters, lr=0.05)
    for _ in range(10):  # and the generator to draw them
        optimiser.zero_grad()
        learner.loss(batch, step=0, turn="generator").backward()
        optimiser.step()
    assert learner.generator(torch.ones(8, 8)).mean().item() > before + 0.02


def test_history_model_and_resume(tmp_path: Path) -> None:
    def score(images: torch.Tensor) -> dict[str, float]:
        return {"frechet": float(images.mean()), "recall": 0.5}

    model = train_generator(crops(), RECIPE, tmp_path / "whole", pixel_size=2.0, score=score)
    rows = read_history(tmp_path / "whole" / "history.parquet")
    assert [row["kimg"] for row in rows] == [0.032, 0.064]
    assert {"p", "r_t", "frechet", "recall", "loss_generator", "loss_discriminator"} <= set(rows[0])
    assert rows[0]["p"] == 0.0
    assert all(-1.0 <= row["r_t"] <= 1.0 for row in rows)
    assert 50.0 < rows[0]["frechet"] < 200.0  # the units of the crops
    train_generator(crops(), RECIPE.model_copy(update={"kimg": 0.032}), tmp_path / "parts", pixel_size=2.0, score=score)
    torch.manual_seed(99)
    parts = train_generator(crops(), RECIPE, tmp_path / "parts", pixel_size=2.0, score=score)
    assert parts.card.weights_sha256 == model.card.weights_sha256
    assert read_history(tmp_path / "parts" / "history.parquet") == rows
    again = load_generator(tmp_path / "whole")
    assert isinstance(again.card.network, DCGAN)
    assert again.card == model.card
    assert again.sample(3, seed=5).tobytes() == model.sample(3, seed=5).tobytes()
    assert not np.array_equal(again.sample(3, seed=5), again.sample(3, seed=6))


def test_diverged_training_keeps_what_was_good(tmp_path: Path) -> None:
    train_generator(crops(), RECIPE.model_copy(update={"kimg": 0.032}), tmp_path)
    kept = (tmp_path / "checkpoint.safetensors").read_bytes()
    forward = DCGANDiscriminator.forward
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DCGANDiscriminator, "forward", lambda self, images: forward(self, images) * float("nan"))
        with pytest.raises(PassbandError, match="diverged") as found:
            train_generator(crops(), RECIPE, tmp_path)
    assert "\n" not in str(found.value)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == kept


def test_checkpoint_of_another_size_is_refused(tmp_path: Path) -> None:
    train_generator(crops(), RECIPE, tmp_path)
    larger = RECIPE.model_copy(update={"network": DCGAN(size=64, latent=8, width=4)})
    with pytest.raises(PassbandError, match=r"holds a training with other values.*use another directory") as found:
        train_generator(crops(size=64), larger, tmp_path)
    assert "\n" not in str(found.value)


def test_a_training_is_as_long_as_it_was_asked_to_be() -> None:
    short = RECIPE.model_copy(update={"kimg": 0.1, "every_kimg": 4.0}).protocol()
    assert (short.epochs, short.steps_per_epoch) == (1, 12)  # 0.1 kimg in batches of 8
    long = RECIPE.model_copy(update={"kimg": 0.1, "every_kimg": 0.032}).protocol()
    assert (long.epochs, long.steps_per_epoch) == (3, 4)

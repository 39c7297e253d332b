from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from passband.generation.ada import AdaptiveAugmentation
from passband.generation.image_batches import ImageBatches
from passband.generation.image_model import ImageModel, load_generator, slerp
from passband.generation.image_training import train_generator
from passband.generation.stylegan2 import StyleGAN2
from passband.generation.stylegan2_learner import StyleGAN2Learner
from passband.generation.stylegan2_training import StyleGAN2Training
from passband.recipe import PassbandError
from passband.segmentation.weights import ModelError
from passband.training import FitOptions, TrainingError
from passband.training.history import read_history

RECIPE = StyleGAN2Training(
    network=StyleGAN2(size=32, latent=8, mapping_layers=2, capacity=128, most_channels=8),
    augmentation=AdaptiveAugmentation(kimg=0.2, groups=("blit", "geometric", "colour", "filter", "noise", "cutout")),
    kimg=0.032,
    batch_size=4,
    every_kimg=0.016,
    scored=6,
)


def crops(count: int = 6, size: int = 32) -> NDArray[np.float64]:
    """Stripes of some hundred counts."""
    rng = np.random.default_rng(1)
    x = np.arange(size)
    return 300.0 + 100.0 * np.sin(0.6 * x + rng.uniform(0, 6, (count, 1, 1))) + rng.normal(0, 10, (count, size, size))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ImageModel]:
    folder = tmp_path_factory.mktemp("stylegan2")
    return folder, train_generator(
        crops(),
        RECIPE,
        folder,
        pixel_size=2.5,
        score=lambda fakes: {"frechet": float(fakes.mean()), "recall": float(len(fakes))},
    )


def test_history_has_what_scripts_rely_on(trained: tuple[Path, ImageModel]) -> None:
    rows = read_history(trained[0] / "history.parquet")
    assert [row["kimg"] for row in rows] == [0.016, 0.032]
    assert [row["step"] for row in rows] == [4, 8]
    wanted = {"p", "r_t", "frechet", "recall", "path_length"}
    wanted |= {"loss_generator", "loss_path_length", "loss_discriminator", "loss_r1"}
    assert wanted <= set(rows[0])
    assert all(row["recall"] == RECIPE.scored and -1 <= row["r_t"] <= 1 and 0 <= row["p"] <= 1 for row in rows)
    assert abs(rows[0]["frechet"] - 300.0) < 150.0  # fakes are told in the units of the crops


def test_model_is_weights_and_card(trained: tuple[Path, ImageModel]) -> None:
    folder, model = trained
    again = load_generator(folder)
    assert again.card == model.card
    assert (again.card.pixel_size, again.card.images, again.card.kimg) == (2.5, 6, 0.032)
    assert np.array_equal(again.sample(3, seed=5), model.sample(3, seed=5))
    assert not list(folder.glob("*.pt")) + list(folder.glob("*.pkl"))
    (folder / "weights.safetensors").write_bytes((folder / "weights.safetensors").read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match="SHA-256"):
        load_generator(folder)
    model.save(folder)


def test_samples_follow_from_the_seed(trained: tuple[Path, ImageModel]) -> None:
    model = trained[1]
    images = model.sample(5, seed=1)
    assert images.shape == (5, 32, 32)
    assert images.tobytes() == model.sample(5, seed=1).tobytes()
    assert not np.allclose(images, model.sample(5, seed=2))
    np.testing.assert_allclose(images[:3], model.sample(3, seed=1), rtol=1e-4)  # image k follows from seed and k
    torch.manual_seed(0)  # the global state is nothing to it
    assert images.tobytes() == model.sample(5, seed=1).tobytes()
    assert 100 < images.mean() < 500
    mean = model.sample(4, seed=1, truncation=0.0)
    assert mean.std(0).max() < images.std(0).max()
    for wrong, match in (((0,), "0 images"), ((1, 0, 1.5), "truncation=1.5")):
        with pytest.raises(PassbandError, match=match):
            model.sample(*wrong)


def test_interpolation_goes_from_seed_to_seed(trained: tuple[Path, ImageModel]) -> None:
    model = trained[1]
    frames = model.interpolate([3, 4, 5], 9)
    assert frames.shape == (9, 32, 32)
    np.testing.assert_allclose(frames[0], model.sample(1, seed=3)[0], rtol=1e-4)
    ends = model.latents(1, 3).repeat(3, 1)  # with the noise of the first
    for number, seed in enumerate((3, 4, 5)):
        ends[number, :8] = model.latents(1, seed)[0, :8]
    np.testing.assert_allclose(frames[[0, 4, 8]], model.drawn(ends), rtol=1e-4)
    with pytest.raises(PassbandError, match="1 seeds and 9 frames"):
        model.interpolate([3], 9)


def test_slerp_stays_on_the_sphere() -> None:
    first, second = torch.tensor([2.0, 0.0, 0.0]), torch.tensor([0.0, 2.0, 0.0])
    half = slerp(first, second, 0.5)
    torch.testing.assert_close(half, torch.tensor([2.0, 2.0, 0.0]) / 2.0**0.5)
    torch.testing.assert_close(slerp(first, second, 1.0 / 3.0)[:2], 2.0 * torch.tensor([3.0**0.5 / 2.0, 0.5]))
    torch.testing.assert_close(slerp(first, 2.0 * second, 0.5).norm(), torch.tensor(3.0))
    torch.testing.assert_close(slerp(first, first, 0.3), first)
    assert torch.isfinite(slerp(first, -first, 0.5)).all()


def test_a_killed_training_ends_with_the_same_bits(trained: tuple[Path, ImageModel], tmp_path: Path) -> None:
    class KilledError(Exception):
        pass

    def kill(epoch: int) -> None:
        if epoch == 2:
            raise KilledError

    def score(fakes: torch.Tensor) -> dict[str, float]:
        return {"frechet": float(fakes.mean()), "recall": float(len(fakes))}

    with pytest.raises(KilledError):
        train_generator(crops(), RECIPE, tmp_path, score=score, options=FitOptions(validated=kill))
    torch.manual_seed(99)
    model = train_generator(crops(), RECIPE, tmp_path, score=score)
    assert model.card.weights_sha256 == trained[1].card.weights_sha256
    theirs = read_history(trained[0] / "history.parquet")
    assert read_history(tmp_path / "history.parquet") == theirs


def test_a_longer_training_goes_on(trained: tuple[Path, ImageModel], tmp_path: Path) -> None:
    short = RECIPE.model_copy(update={"kimg": 0.016})
    assert train_generator(crops(), short, tmp_path).card.kimg == 0.016
    model = train_generator(crops(), RECIPE, tmp_path)
    assert model.card.weights_sha256 == trained[1].card.weights_sha256
    for update in ({"seed": 1}, {"network": RECIPE.network.model_copy(update={"capacity": 64})}):
        with pytest.raises(TrainingError, match="other values"):
            train_generator(crops(), RECIPE.model_copy(update=update), tmp_path)
    with pytest.raises(TrainingError, match="identity"):
        train_generator(crops() + 1.0, RECIPE, tmp_path)


def test_training_without_augmentation_has_p_zero(tmp_path: Path) -> None:
    recipe = RECIPE.model_copy(update={"augmentation": None, "kimg": 0.016})
    assert train_generator(crops(2), recipe, tmp_path).card.p == 0.0
    assert "nan" in {str(row["frechet"]) for row in read_history(tmp_path / "history.parquet")}


def test_a_loss_that_is_not_finite_stops_and_keeps_what_was_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_generator(crops(), RECIPE.model_copy(update={"kimg": 0.016}), tmp_path)
    kept = (tmp_path / "checkpoint.safetensors").read_bytes()
    before = StyleGAN2Learner.judged
    monkeypatch.setattr(StyleGAN2Learner, "judged", lambda *of: before(*of) * float("nan"))
    with pytest.raises(TrainingError, match="diverged"):
        train_generator(crops(), RECIPE, tmp_path)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == kept


def test_crops_that_cannot_be_learnt_from_are_refused(tmp_path: Path) -> None:
    spoilt = crops()
    spoilt[2, 3, 4] = np.nan
    for images, match in (
        (crops(1), "1 crops are too few"),
        (crops(4, 48), r"\(4, 48, 48\) must be \(n, 32, 32\)"),
        (np.zeros((4, 32, 32, 3)), "of one channel"),
        (np.full((4, 32, 32), 7.0), "all crops have the value 7"),
        (spoilt, "crop 2 holds NaN"),
    ):
        with pytest.raises(PassbandError, match=match):
            train_generator(images, RECIPE, tmp_path)


def test_each_crop_is_shown_as_often_as_the_others() -> None:
    images = np.arange(6, dtype=np.float32)[:, None, None] * np.ones((1, 4, 4), np.float32)
    batches = ImageBatches(images, seed=0)
    shown = torch.cat([batches(step, 4) for step in range(6)])[:, 0, 0, 0]
    for turn in shown.reshape(4, 6):
        assert sorted(turn.tolist()) == [0, 1, 2, 3, 4, 5]
    assert not torch.equal(shown[:6], shown[6:12])
    assert torch.equal(batches(3, 4), ImageBatches(images, seed=0)(3, 4))
    assert ImageBatches(images[:2], seed=0)(0, 16).shape == (16, 1, 4, 4)

"""Translations: trained, resumed to the bit, kept without pickle, applied to any size, stopped by alarms."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.generation.lattices import lattices, recorded

from passband.generation.alarms import AlarmLimits
from passband.generation.domain import Domain
from passband.generation.patch_discriminator import PatchDiscriminator
from passband.generation.translation import Translation, TranslationCard, load_translation
from passband.generation.translation_recipe import Contrastive, CycleGAN, Method, TranslationRecipe
from passband.generation.translation_training import TRAINING, TranslationOptions, default_recipe, train_translation
from passband.generation.translation_validation import TranslationAlarmError
from passband.generation.translator_resnet import ResNetTranslator
from passband.generation.translator_unet import UNetTranslator
from passband.recipe import PassbandError
from passband.segmentation.weights import ModelError
from passband.training import TrainingError, TrainingProgress
from passband.training.history import read_history

SIMULATED = Domain.of_arrays("simulated", lattices(3, 48), 0.2)
REAL = Domain.of_arrays("real", [recorded(image, seed) for seed, image in enumerate(lattices(4, 48, 1))], 0.2)
SMALL = TranslationRecipe(
    method=CycleGAN(replay=4),
    generator=ResNetTranslator(width=4, blocks=1),
    discriminator=PatchDiscriminator(width=4),
    size=32,
)
SHORT = TRAINING.model_copy(update={"epochs": 2, "steps_per_epoch": 3, "batch_size": 2, "schedule": "constant"})
METHODS: list[Method] = [CycleGAN(replay=4), Contrastive(patches=16, projection=8)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Translation, Path]:
    folder = tmp_path_factory.mktemp("translation")
    return train_translation(SIMULATED, REAL, SMALL, folder, training=SHORT), folder


@pytest.mark.parametrize("method", METHODS)
def test_two_epochs_are_one_and_a_resumed_one(tmp_path: Path, method: Method) -> None:
    # rejects a replay buffer, an optimiser or a count of alarms that does not survive a kill
    recipe = SMALL.model_copy(update={"method": method})
    whole = train_translation(SIMULATED, REAL, recipe, tmp_path / "whole", training=SHORT)
    train_translation(SIMULATED, REAL, recipe, tmp_path / "part", training=SHORT.model_copy(update={"epochs": 1}))
    part = train_translation(SIMULATED, REAL, recipe, tmp_path / "part", training=SHORT)
    assert part.card.weights_sha256 == whole.card.weights_sha256
    assert read_history(tmp_path / "part/history.parquet") == read_history(tmp_path / "whole/history.parquet")


def test_a_killed_training_with_a_falling_rate_goes_on(tmp_path: Path) -> None:
    # and with the means of the losses since the last validation, which is before the kill
    falling = SHORT.model_copy(update={"schedule": "linear_tail", "validate_every": 2})

    def kill(progress: TrainingProgress) -> None:
        if progress.step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_translation(
            SIMULATED, REAL, SMALL, tmp_path / "a", training=falling, options=TranslationOptions(progress=kill)
        )
    again = train_translation(SIMULATED, REAL, SMALL, tmp_path / "a", training=falling)
    whole = train_translation(SIMULATED, REAL, SMALL, tmp_path / "b", training=falling)
    assert again.card.weights_sha256 == whole.card.weights_sha256
    assert read_history(tmp_path / "a/history.parquet") == read_history(tmp_path / "b/history.parquet")


def test_a_folder_of_another_training_is_refused(trained: tuple[Translation, Path]) -> None:
    _, folder = trained
    other = SMALL.model_copy(update={"generator": UNetTranslator(width=4, depth=3)})
    with pytest.raises(TrainingError, match="another directory"):
        train_translation(SIMULATED, REAL, other, folder, training=SHORT)
    with pytest.raises(TrainingError, match="another directory"):
        train_translation(SIMULATED, Domain.of_arrays("real", REAL.images[:3], 0.2), SMALL, folder, training=SHORT)


def test_history_pictures_and_card(trained: tuple[Translation, Path]) -> None:
    translation, folder = trained
    rows = read_history(folder / "history.parquet")
    wanted = {"loss_generators", "loss_discriminators", "adversarial", "cycle", "identity", "inverted", "alarms"}
    assert wanted | {"column_shift_px", "column_displacement_px"} <= set(rows[0])
    assert sorted(path.name for path in (folder / "samples").iterdir()) == ["epoch_0001.png", "epoch_0002.png"]
    assert (folder / "samples.png").read_bytes() == (folder / "samples" / "epoch_0002.png").read_bytes()
    card = translation.card
    assert card.pixel_size == 0.2
    assert (card.simulated.images, card.real.images) == (3, 4)
    assert card.real.levels.gain > card.simulated.levels.gain
    assert card.scores["cycle"] == pytest.approx(rows[-1]["cycle"])
    assert TranslationCard.model_validate_json((folder / "card.json").read_text()) == card


def test_a_model_comes_back_as_it_was(trained: tuple[Translation, Path]) -> None:
    translation, folder = trained
    again = load_translation(folder)
    image = SIMULATED.images[0]
    np.testing.assert_array_equal(again.apply(image, 0.2), translation.apply(image, 0.2))
    assert (again.apply(image, 0.2, seed=1) != again.apply(image, 0.2, seed=2)).mean() > 0.9
    assert again.apply(image, 0.2, reverse=True).shape == image.shape
    assert again.apply(image, 0.4).shape == (96, 96)


def test_outputs_are_in_the_units_of_the_other_domain(trained: tuple[Translation, Path]) -> None:
    translation, _ = trained
    out = translation.apply(SIMULATED.images[0], 0.2)
    real = np.mean([image.mean() for image in REAL.images])
    assert abs(out.mean() - real) < 0.5 * real
    back = translation.apply(REAL.images[0], 0.2, reverse=True)
    assert abs(back.mean() - SIMULATED.images[0].mean()) < 0.5


@pytest.mark.parametrize("shape", [(1, 1), (7, 500), (513, 70), (600, 600)])
def test_a_generator_that_is_the_identity_returns_the_image(
    trained: tuple[Translation, Path], shape: tuple[int, int]
) -> None:
    # rejects weights of tiles that do not add up to 1, and rows beyond the image that are kept
    translation, _ = trained
    networks = torch.nn.ModuleDict({"there": torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1))})
    with torch.no_grad():
        for parameter in networks.parameters():
            parameter.fill_(1.0 if parameter.ndim == 4 else 0.0)
    identity = Translation(networks, translation.card)
    image = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    for tile in (256, 512):
        np.testing.assert_allclose(identity.translated(image, "there", tile=tile), image, rtol=0, atol=1e-6)


def test_tiles_leave_no_seam(trained: tuple[Translation, Path]) -> None:
    # where tiles of 256 and of 512 pixels meet in other places, both say the same but for what normalisation sees
    translation, _ = trained
    image = lattices(1, 300)[0].astype(np.float32)
    small = translation.translated(image, "there", tile=256)
    whole = translation.translated(image, "there", tile=512)
    steps = np.abs(np.diff(small - whole, axis=0)).mean(axis=1)
    assert steps.max() < 0.02
    assert np.abs(small - whole).mean() < 0.05


def test_a_one_sided_translation_has_no_way_back(tmp_path: Path) -> None:
    recipe = SMALL.model_copy(update={"method": METHODS[1], "spectrum": False})
    translation = train_translation(SIMULATED, REAL, recipe, tmp_path, training=SHORT.model_copy(update={"epochs": 1}))
    assert translation.card.networks.ways == ("there",)
    with pytest.raises(PassbandError, match="no way back; train one with --kind cyclegan"):
        translation.apply(REAL.images[0], 0.2, reverse=True)


def test_weights_of_another_architecture_are_refused(trained: tuple[Translation, Path], tmp_path: Path) -> None:
    _, folder = trained
    text = (folder / "card.json").read_text()
    (tmp_path / "weights.safetensors").write_bytes((folder / "weights.safetensors").read_bytes())
    (tmp_path / "card.json").write_text(text.replace('"blocks": 1', '"blocks": 2'))
    with pytest.raises(ModelError, match="does not fit the architecture on the card"):
        load_translation(tmp_path)
    (tmp_path / "card.json").write_text("{}")
    with pytest.raises(ModelError, match="is no model card"):
        load_translation(tmp_path)
    with pytest.raises(ModelError, match=r"cannot read .*card\.json"):
        load_translation(tmp_path / "nothing")


def test_an_alarm_stops_the_training_where_it_is_to(tmp_path: Path) -> None:
    # a limit that every translation exceeds; the checkpoint of the epoch before stays
    limits = AlarmLimits(inverted=0.0, moved=1e-9, action="stop", patience=2)
    recipe = SMALL.model_copy(update={"alarms": limits, "generator": UNetTranslator(width=4, depth=3, residual=False)})
    longer = SHORT.model_copy(update={"epochs": 4})
    with pytest.raises(TranslationAlarmError, match=r"stopped after 2 validations .*(inverted|shift|move)"):
        train_translation(SIMULATED, REAL, recipe, tmp_path, training=longer)
    assert len(read_history(tmp_path / "history.parquet")) == 1


def test_alarms_are_flagged_on_the_card(tmp_path: Path) -> None:
    recipe = SMALL.model_copy(
        update={"alarms": AlarmLimits(moved=1e-9), "generator": UNetTranslator(width=4, depth=3, residual=False)}
    )
    card = train_translation(SIMULATED, REAL, recipe, tmp_path, training=SHORT).card
    assert card.alarms
    assert card.scores["alarms"] == float(len(card.alarms))


def test_a_score_is_asked_at_each_validation(tmp_path: Path) -> None:
    def score(generated: np.ndarray, real: np.ndarray) -> dict[str, float]:
        assert generated.shape == real.shape == (16, 32, 32)
        return {"kl": float(abs(generated.std() - real.std()))}

    train_translation(SIMULATED, REAL, SMALL, tmp_path, training=SHORT, options=TranslationOptions(score=score))
    assert len([row["kl"] for row in read_history(tmp_path / "history.parquet")]) == 2


def test_remarks_are_told_before_the_training(tmp_path: Path) -> None:
    told = list[str]()
    one = Domain.of_arrays("real", REAL.images[:1], 0.2)
    card = train_translation(
        SIMULATED, one, SMALL, tmp_path, training=SHORT, options=TranslationOptions(remark=told.append)
    ).card
    assert "there is one real image" in told[0]
    assert card.remarks == tuple(told)


def test_simulated_images_get_the_noise_of_the_real_set(trained: tuple[Translation, Path]) -> None:
    # rejects a noise that is not written on the card, which apply needs, and one that replaces the recipe's own
    assert SMALL.noise is None
    assert trained[0].card.recipe.noise == pytest.approx(REAL.noise(), abs=1e-4)
    assert [SMALL.with_noise_of(real).noise for real in (0.001, 0.1, 0.9)] == [0.02, 0.1, 0.2]
    assert SMALL.model_copy(update={"noise": 0.0}).with_noise_of(0.1).noise == 0.0


def test_defaults_grow_on_a_gpu() -> None:
    small, large = (default_recipe("cyclegan", on_gpu=on_gpu) for on_gpu in (False, True))
    assert (small.size, large.size) == (64, 256)
    assert large.generator == UNetTranslator(depth=6)
    with pytest.raises(ValueError, match="no multiple of 8"):
        TranslationRecipe(generator=UNetTranslator(width=4, depth=3), size=36)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_training_on_a_gpu_keeps_its_tensors_there(tmp_path: Path) -> None:
    for method in METHODS:
        recipe = SMALL.model_copy(update={"method": method})
        options = TranslationOptions(device="cuda")
        model = train_translation(SIMULATED, REAL, recipe, tmp_path / method.kind, training=SHORT, options=options)
        assert np.isfinite(model.to("cuda").apply(SIMULATED.images[0], 0.2)).all()

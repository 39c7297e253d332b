"""The encoder of textures: what it ignores, what it refuses, and that it comes back from a folder as it was."""

from pathlib import Path

import numpy as np
import pytest
import torch

from passband.recipe import PassbandError
from passband.segmentation.weights import ModelError
from passband.zero_shot.textures import encoder as module
from passband.zero_shot.textures.encoder import (
    Encoder,
    EncoderCard,
    EncoderRecipe,
    load_encoder,
    save_encoder,
)

TINY = EncoderRecipe(side=16, width=4, features=8)


@pytest.fixture
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder(TINY.build(), EncoderCard(architecture=TINY))


@pytest.fixture
def crops() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((5, 24, 24)).astype(np.float32)


def test_features_have_length_one_and_are_of_each_crop_for_itself(encoder: Encoder, crops: np.ndarray) -> None:
    before = crops.copy()
    features = encoder.embed(crops)
    assert features.shape == (5, 8)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(encoder.embed(crops[2:3]), features[2:3], atol=1e-6)
    np.testing.assert_array_equal(crops, before)


def test_brightness_is_seen(encoder: Encoder, crops: np.ndarray) -> None:
    brighter = crops.copy()
    brighter[0] += 3.0
    assert abs(encoder.embed(brighter)[0] - encoder.embed(crops)[0]).max() > 1e-2


def test_many_crops_are_the_same_in_parts(encoder: Encoder, crops: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = encoder.embed(crops)
    monkeypatch.setattr(module, "AT_ONCE", 2)
    np.testing.assert_allclose(encoder.embed(crops), whole, atol=1e-6)


def test_of_no_crops_and_of_equal_pixels_there_are_finite_features(encoder: Encoder) -> None:
    assert encoder.embed(np.zeros((0, 24, 24), np.float32)).shape == (0, 8)
    assert np.isfinite(encoder.embed(np.full((2, 24, 24), 7.0, np.float32))).all()


def test_one_bright_pixel_counts_for_eight_deviations_at_most(encoder: Encoder, crops: np.ndarray) -> None:
    bright, brighter = crops.copy(), crops.copy()
    bright[0, 3, 3], brighter[0, 3, 3] = 8.0, 1e4
    np.testing.assert_array_equal(encoder.embed(bright), encoder.embed(brighter))


@pytest.mark.parametrize("wrong", [np.zeros((24, 24), np.float32), np.full((1, 24, 24), np.nan, np.float32)])
def test_what_is_no_stack_of_finite_crops_is_refused(encoder: Encoder, wrong: np.ndarray) -> None:
    with pytest.raises(PassbandError, match=r"must be \(n, y, x\) of finite numbers; stack and mend them"):
        encoder.embed(wrong)


def test_it_comes_back_from_its_folder_as_it_was(encoder: Encoder, crops: np.ndarray, tmp_path: Path) -> None:
    kept = save_encoder(tmp_path, encoder.network, encoder.card)
    again = load_encoder(tmp_path)
    assert again.card == kept
    assert again.card.weights_sha256
    np.testing.assert_array_equal(again.embed(crops), encoder.embed(crops))


def test_wrong_folders_are_refused(encoder: Encoder, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot read .*card\.json"):
        load_encoder(tmp_path)
    kept = save_encoder(tmp_path, encoder.network, encoder.card)
    card = tmp_path / "card.json"
    other = kept.model_copy(update={"architecture": EncoderRecipe(side=16, width=5, features=8)})
    card.write_text(other.model_dump_json(), encoding="utf-8")
    with pytest.raises(ModelError, match="does not fit the architecture on the card"):
        load_encoder(tmp_path)
    card.write_text(kept.model_copy(update={"weights_sha256": "0" * 64}).model_dump_json(), encoding="utf-8")
    with pytest.raises(ModelError, match="SHA-256 differs"):
        load_encoder(tmp_path)
    card.write_text('{"architecture": {"side": 17}}', encoding="utf-8")
    with pytest.raises(ModelError, match="is no model card"):
        load_encoder(tmp_path)


def test_rings_average_the_power_of_every_direction(encoder: Encoder) -> None:
    at = np.arange(16)
    stripes = np.sin(2.0 * np.pi * at / 4.0)
    down, across = (
        torch.tensor(one, dtype=torch.float32) for one in (stripes[:, None] + 0 * at, stripes + 0 * at[:, None])
    )
    rows = encoder.network._spectrum(torch.stack([down, across])[:, None])
    torch.testing.assert_close(rows[0], rows[1], atol=0.75, rtol=0.0)  # the half plane has x = 0 once and y = 0 once
    assert int(rows[0].argmax()) == int(0.25 * 2.0 * module.RINGS)

"""Embeddings tell apart what they say they tell apart, and see nothing else."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.zero_shot.scenes import OBLONG, SQUARE, TURNED, Drawn, draw

from passband.recipe import PassbandError
from passband.zero_shot.grouping import Merging
from passband.zero_shot.textures.embeddings import TEXTURES, Texture, find_texture
from passband.zero_shot.textures.encoder import EncoderCard, EncoderRecipe, load_encoder, save_encoder

SIDE = 40


def crops(material: Drawn, *, seed: int = 0, side: int = SIDE, noise: float = 0.05) -> NDArray[np.float32]:
    """Eight crops of a material, wherever they lie on its lattice."""
    image = draw(np.zeros((8 * side + 24, side), np.int64), [material], noise=noise, seed=seed)
    return np.array([image[number * (side + 3) :][:side] for number in range(8)])


def apart(name: str, one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Distance between the means of two sets of crops, over the scatter of crops within a set."""
    first, second = (TEXTURES[name].embed(crops, None).astype(np.float64) for crops in (one, other))
    scatter = np.mean([np.linalg.norm(part - part.mean(0), axis=1).mean() for part in (first, second)])
    return float(np.linalg.norm(first.mean(0) - second.mean(0)) / scatter)


@pytest.mark.parametrize("name", list(TEXTURES))
def test_two_lattices_are_apart_and_two_places_of_one_are_not(name: str) -> None:
    assert apart(name, crops(SQUARE), crops(OBLONG)) > 2.0
    assert apart(name, crops(SQUARE), crops(SQUARE, seed=1)) < 1.0


@pytest.mark.parametrize(("name", "sees"), [("spectrum", True), ("gabor", True), ("radial", False)])
def test_whether_a_turn_is_seen(name: str, sees: bool) -> None:
    turned, other = apart(name, crops(SQUARE), crops(TURNED)), apart(name, crops(SQUARE), crops(OBLONG))
    assert (turned > 0.7 * other) == sees


@pytest.mark.parametrize("name", list(TEXTURES))
def test_only_intensity_sees_brightness(name: str) -> None:
    moved = apart(name, crops(SQUARE), 1.0 + crops(SQUARE, seed=1))
    assert (moved > 2.0) == (name.endswith("intensity") or name == "encoder")


@pytest.mark.parametrize("name", list(TEXTURES))
@pytest.mark.parametrize("side", [12, 31])
def test_each_crop_is_for_itself_and_left_as_it_is(name: str, side: int) -> None:
    some = crops(SQUARE, side=side)
    before = some.copy()
    together = TEXTURES[name].embed(some, 0.1)
    assert together.dtype == np.float32
    assert np.isfinite(together).all()
    alone = np.concatenate([TEXTURES[name].embed(crop[None], 0.1) for crop in some])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)
    assert (some == before).all()


@pytest.mark.parametrize("name", list(TEXTURES))
def test_a_constant_crop_has_finite_features(name: str) -> None:
    assert np.isfinite(TEXTURES[name].embed(np.full((2, SIDE, SIDE), 3.0, np.float32), None)).all()


@pytest.fixture
def toy() -> Iterator[Texture]:
    entry = TEXTURES.add(Texture("toy", "the first pixel", lambda crops, _: crops[:, 0, :1]))
    yield entry
    TEXTURES.remove("toy")


def test_a_new_texture_is_one_entry(toy: Texture) -> None:
    assert Merging(texture=toy.name).texture == "toy"


def test_an_unknown_texture_is_refused_with_a_near_one() -> None:
    with pytest.raises((PassbandError, ValueError), match="did you mean 'radial'"):
        Merging(texture="radiel")


def test_an_encoder_of_ones_own_is_named_by_its_folder(tmp_path: Path) -> None:
    torch.manual_seed(3)
    recipe = EncoderRecipe(side=16, width=4, features=8)
    save_encoder(tmp_path, recipe.build(), EncoderCard(architecture=recipe))
    name = Merging(texture=str(tmp_path)).texture
    np.testing.assert_array_equal(
        find_texture(name).embed(crops(SQUARE), None), load_encoder(tmp_path).embed(crops(SQUARE))
    )


def test_a_folder_without_an_encoder_and_an_unknown_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read .*card\.json"):
        Merging(texture=str(tmp_path))
    with pytest.raises(PassbandError, match="'spectra' is no texture; did you mean 'spectrum'"):
        find_texture("spectra")

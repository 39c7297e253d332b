"""Crops to learn textures from: where they may lie, that steps repeat, and that materials stay with their crops."""

from pathlib import Path

import numpy as np
import pytest
import torch

from passband.dataset.acquisition import Acquisition
from passband.dataset.scan_imaging import ScanImaging
from passband.dataset.scan_simulation import ScanSimulation
from passband.dataset.simulate import simulate
from passband.recipe import PassbandError
from passband.zero_shot.textures.encoder import EncoderRecipe
from passband.zero_shot.textures.simulated_crops import (
    CropRecipe,
    CropStream,
    TextureImage,
    crop_places,
    film_images,
    lattice_sheets,
)

ENCODER = EncoderRecipe(side=16, width=4, features=8)
SCANNER = {"dwell_time": 1e-5, "beam_current": 3e-11}


def halves(*, brightness: float = 4.0) -> TextureImage:
    """Draw noise: the material 3 above, and the brighter material 5 below."""
    image = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    image[32:] += brightness
    return TextureImage(image, np.repeat(np.array([3, 5], np.uint8), 32)[:, None].repeat(64, axis=1), 1.0)


def test_places_are_all_squares_that_are_mostly_of_one_material() -> None:
    labels = np.random.default_rng(1).integers(0, 2, size=(12, 15)).astype(np.uint8)
    labels[:6, :7] = 1
    found = crop_places(labels, 4, 0.7)
    for name in (0, 1):
        expected = [
            (y, x)
            for y in range(12 - 4 + 1)
            for x in range(15 - 4 + 1)
            if (labels[y : y + 4, x : x + 4] == name).mean() >= 0.7
        ]
        assert [tuple(one) for one in found.get(name, np.empty((0, 2)))] == expected
    assert len(found[1])


def test_equal_steps_are_equal_and_others_are_not() -> None:
    stream = CropStream([halves()], CropRecipe(pixels=(8, 20)), ENCODER, seed=4)
    one, again, other = stream.batch(3, 2), stream.batch(3, 2), stream.batch(4, 2)
    assert torch.equal(one.crops, again.crops)
    assert not torch.equal(one.crops, other.crops)
    assert one.crops.shape == (48, 1, 16, 16)
    assert one.image.tolist() == [0] * 24 + [1] * 24


def test_crops_keep_their_material_and_their_brightness_against_one_another() -> None:
    batch = CropStream([halves()], CropRecipe(pixels=(8, 16)), ENCODER, seed=5).batch(0, 3)
    means = batch.crops.mean((1, 2, 3))
    assert set(batch.material.tolist()) == {3, 5}
    for k in range(3):  # each image has its own contrast and brightness
        own = batch.image == k
        assert float(means[own & (batch.material == 5)].min()) > float(means[own & (batch.material == 3)].max())
    assert len({round(float(means[batch.image == k].mean()), 3) for k in range(3)}) == 3


def test_a_pool_without_two_materials_is_refused() -> None:
    single = TextureImage(np.zeros((64, 64), np.float32), np.zeros((64, 64), np.uint8), 1.0)
    with pytest.raises(PassbandError, match="no image of the pool has two materials"):
        CropStream([single], CropRecipe(pixels=(8, 16)), ENCODER, seed=0).batch(0, 1)


def test_films_show_their_materials(tmp_path: Path) -> None:
    specimens = {"kind": "interfaces", "field": [40.0, 40.0], "thickness": 30.0, "film_thickness": 10.0}
    recipe = ScanSimulation(
        specimens=specimens, structures=1, truth="material", channelling={"enhancement": 1.0, "absorption": 0.0}
    )
    imaging = ScanImaging(pixel_size=0.4, patch=64, camera=SCANNER)
    made = film_images(Acquisition(simulate(recipe, tmp_path), imaging, seed=1), 2)
    assert [one.pixel_size for one in made] == [0.4, 0.4]
    assert made[0].image.shape == made[0].labels.shape == (64, 64)
    assert len(np.unique(made[0].labels)) > 1
    assert not np.array_equal(made[0].image, made[1].image)


def test_sheets_show_lattices_side_by_side(tmp_path: Path) -> None:
    recipe = ScanSimulation(
        specimens={"kind": "lattices", "field": 20.0, "empty": 0.0, "disordered": 0.0},
        structures=4,
        channelling={"enhancement": 1.0, "absorption": 0.0},
    )
    imaging = ScanImaging(pixel_size=0.4, patch=32, camera=SCANNER)
    stream = Acquisition(simulate(recipe, tmp_path), imaging, seed=1)
    (sheet,) = lattice_sheets(stream, 1, lattices=3, seed=2)
    (again,) = lattice_sheets(stream, 1, lattices=3, seed=2)
    assert sheet.image.shape == (32, 96)
    assert sheet.labels[0].tolist() == [0] * 32 + [1] * 32 + [2] * 32
    np.testing.assert_array_equal(sheet.image, again.image)
    parts = [sheet.image[:, 32 * k : 32 * (k + 1)] for k in range(3)]
    assert len({round(float(part.mean()), 4) for part in parts}) == 3  # brightnesses of their own

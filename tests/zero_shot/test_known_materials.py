"""The supervised booster names the materials that it was taught, in other images and orientations."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.zero_shot.scenes import OBLONG, SQUARE, VACUUM, Drawn, bands, draw, pieces

from passband.recipe import PassbandError
from passband.zero_shot.booster import Booster, boost
from passband.zero_shot.known_materials import KnownMaterials, learn_materials
from passband.zero_shot.proposals import Proposals

NAMES = ("square", "oblong", "vacuum")
MATERIALS = (SQUARE, OBLONG, VACUUM)
PIXEL, WIDTH = 0.2, 8.0  # Å; 40 pixels


def taught(
    count: int, *, materials: tuple[Drawn, ...] = MATERIALS
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    for seed in range(count):
        labels = bands((240, 160), [80, 160])
        turned = [replace(one, turn=0.4 * seed) for one in materials]
        yield draw(labels, turned, noise=0.2 + 0.05 * seed, seed=seed), labels


@pytest.fixture(scope="module")
def known() -> KnownMaterials:
    return learn_materials(taught(6), NAMES, pixel_size=PIXEL, width=WIDTH)


def test_crops_of_images_that_were_left_out_are_named(known: KnownMaterials) -> None:
    assert known.accuracy > 0.95
    alike = learn_materials(taught(6, materials=(SQUARE, SQUARE, VACUUM)), NAMES, pixel_size=PIXEL, width=WIDTH)
    assert 0.5 < alike.accuracy < 0.8  # of three, two cannot be told apart


def test_masks_get_the_numbers_of_their_materials_in_another_orientation(known: KnownMaterials) -> None:
    labels = bands((300, 240), [90, 200])
    image = draw(labels, [VACUUM, replace(OBLONG, turn=1.1), replace(SQUARE, turn=0.3)], seed=9)
    found = boost(500.0 + 100.0 * image, pieces(labels, 3), pixel_size=PIXEL, labeller=known)
    assert found.side == 40
    assert found.partition.materials == 3
    for band, number in enumerate((3, 2, 1)):
        assert (found.partition.labels[labels == band] == number).mean() > 0.97


def test_an_image_at_another_pixel_size_is_seen_in_crops_as_wide(known: KnownMaterials) -> None:
    coarse = [
        replace(one, periods=tuple(period / 1.2 for period in one.periods)) for one in (OBLONG, SQUARE) if one.periods
    ]
    labels = bands((240, 200), [110])
    found = boost(draw(labels, coarse), pieces(labels, 2), pixel_size=1.2 * PIXEL, labeller=known)
    assert found.side == 33
    assert [np.bincount(found.partition.labels[labels == band]).argmax() for band in (0, 1)] == [2, 1]


def test_the_same_seed_learns_the_same() -> None:
    image = draw(bands((200, 200), [100]), [SQUARE, OBLONG], seed=4)
    crops = np.array([image[:40, :40], image[-40:, :40]])
    one, other = (learn_materials(taught(3), NAMES, pixel_size=PIXEL, width=WIDTH) for _ in range(2))
    assert (one.label(crops, PIXEL) == other.label(crops, PIXEL)).all()
    assert one.accuracy == other.accuracy


def test_what_cannot_be_learnt_or_named(known: KnownMaterials) -> None:
    masks = Proposals.of_masks(np.ones((1, 240, 160)))
    image = next(taught(1))[0]
    with pytest.raises(PassbandError, match="pixel_size=None"):
        boost(image, masks, labeller=known)
    with pytest.raises(PassbandError, match="gives 16 pixels to a crop of 8 Å"):
        boost(image, masks, labeller=known, pixel_size=0.5)
    with pytest.raises(PassbandError, match="vacuum fills no crop"):
        learn_materials(
            ((image, np.minimum(labels, 1)) for image, labels in taught(1)), NAMES, pixel_size=PIXEL, width=WIDTH
        )
    one = learn_materials(taught(1), NAMES, pixel_size=PIXEL, width=WIDTH)
    assert np.isnan(one.accuracy)


def test_a_labeller_needs_no_number_of_materials(known: KnownMaterials) -> None:
    labels = bands((240, 160), [120])
    found = boost(draw(labels, [SQUARE, SQUARE]), pieces(labels, 1), rules=Booster(), pixel_size=PIXEL, labeller=known)
    assert np.unique(found.partition.labels).tolist() == [1]

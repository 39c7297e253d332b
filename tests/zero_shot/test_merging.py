"""Masks of one material merge, and the number of materials is told: crops, groups and votes on drawn cross-sections."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.zero_shot.scenes import OBLONG, SQUARE, TURNED, VACUUM, Drawn, bands, draw, pieces

from passband.recipe import PassbandError
from passband.zero_shot.clusters import Cloud, Clusters, furthest, well_separated
from passband.zero_shot.crops import CropPlaces
from passband.zero_shot.flattening import flattened
from passband.zero_shot.grouping import Merging
from passband.zero_shot.merging import Merged, merge

SHAPE = (240, 240)
SIDE = 36
PIECES = 4  # of every band


def normal(image: NDArray[np.float32]) -> NDArray[np.float32]:
    return (image - image.mean()) / image.std()


def merged(materials: list[Drawn], rules: Merging | None = None, *, noise: float = 0.3, seed: int = 0) -> Merged:
    """Merge the pieces of bands of materials, of unlike height, PIECES of each band one after the other."""
    edges = [round(240 * (number + 0.9) / (len(materials) + 0.2)) for number in range(len(materials) - 1)]
    labels = bands(SHAPE, edges)
    image = normal(draw(labels, materials, noise=noise, seed=seed))
    return merge(image, flattened(pieces(labels, PIECES)), side=SIDE, rules=rules)


def of_bands(result: Merged) -> list[list[int]]:
    """Materials of the pieces of each band."""
    return [sorted(set(band.tolist())) for band in result.material.reshape(-1, PIECES)]


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize(
    "materials",
    [
        [SQUARE, OBLONG],
        [SQUARE, replace(SQUARE, base=0.15)],  # one lattice, two brightnesses, as La:SrTiO3 and SrTiO3
        [SQUARE, OBLONG, VACUUM],
    ],
)
def test_pieces_of_a_material_merge_and_materials_do_not(materials: list[Drawn], given: bool) -> None:
    found = of_bands(merged(materials, Merging(materials=len(materials) if given else None)))
    assert all(len(band) == 1 for band in found)
    assert sorted(band[0] for band in found) == list(range(len(materials)))


@pytest.mark.parametrize(("texture", "count"), [("radial+intensity", 1), ("spectrum+intensity", 2)])
def test_a_turned_grain_is_the_same_material_but_for_a_texture_that_sees_the_turn(texture: str, count: int) -> None:
    assert merged([SQUARE, TURNED], Merging(texture=texture)).labeller.materials == count


def wedge(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Thickness that grows down the image."""
    return image * np.linspace(0.7, 1.3, len(image), dtype=np.float32)[:, None]


@pytest.mark.parametrize("noise", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "materials", [[SQUARE, replace(SQUARE, shift=0.5)], [VACUUM, VACUUM]], ids=["antiphase", "noise"]
)
def test_one_material_in_several_masks_is_one(materials: list[Drawn], noise: float, seed: int) -> None:
    assert merged(materials, noise=noise, seed=seed).labeller.materials == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_gradient_is_no_second_material(seed: int) -> None:
    labels = bands((480, 240), [120, 240, 360])
    image = normal(wedge(draw(labels * 0, [replace(SQUARE, base=1.0)], seed=seed)))
    assert merge(image, flattened(pieces(labels, 1)), side=SIDE).labeller.materials == 1


def test_a_step_in_a_gradient_is_a_second_material() -> None:
    labels = bands((480, 240), [120, 240, 360])
    image = wedge(draw(labels // 2, [replace(SQUARE, base=1.0), replace(OBLONG, base=1.0)]))
    found = merge(normal(image), flattened(pieces(labels, 1)), side=SIDE)
    assert (found.material[:2] == found.material[0]).all()
    assert (found.material[2:] == 1 - found.material[0]).all()


def test_two_given_materials_stay_two_where_a_gradient_runs_over_them() -> None:
    labels = bands(SHAPE, [140])
    image = normal(wedge(draw(labels, [replace(SQUARE, base=1.0), replace(OBLONG, base=1.0)])))
    assert of_bands(merge(image, flattened(pieces(labels, PIECES)), side=SIDE, rules=Merging(materials=2))) in (
        [[0], [1]],
        [[1], [0]],
    )


BRIGHTER = replace(SQUARE, base=0.15)
STRIP = replace(SQUARE, base=1.0)  # what overlaps at an interface may look like


@pytest.mark.parametrize("materials", [2, None])
def test_strips_that_hold_no_crop_make_no_group(materials: int | None) -> None:
    # the trap: with their crops in the fit the strips are one group and both materials the other
    labels = bands((400, 300), [94, 104, 198, 208, 302, 312])  # one material, strip, the other, strip, and so on
    image = normal(draw(labels, [SQUARE, STRIP, BRIGHTER, STRIP, SQUARE, STRIP, BRIGHTER]))
    masks = flattened(pieces(labels, PIECES))
    found = merge(image, masks, side=SIDE, rules=Merging(materials=materials))
    first, _, second, _, third, _, fourth = of_bands(found)
    assert first == third
    assert second == fourth
    assert first != second
    assert len(first) == len(second) == 1
    assert found.whole.reshape(-1, PIECES).all(1).tolist() == [True, False] * 3 + [True]
    captured = merge(image, masks, side=SIDE, rules=Merging(whole=0.2))
    assert captured.labeller.materials > 2  # so the scene shows the trap


def test_a_film_that_holds_no_crop_is_a_material_where_so_many_are_asked_for() -> None:
    labels = bands(SHAPE, [90, 120])
    image = normal(draw(labels, [SQUARE, replace(TURNED, base=0.3), OBLONG]))
    found = merge(image, flattened(pieces(labels, 1)), side=40, rules=Merging(materials=3))
    assert found.whole.tolist() == [True, False, True]
    assert len(set(found.material.tolist())) == 3


@pytest.mark.parametrize("materials", [2, None])
def test_a_small_outlier_is_no_material(materials: int | None) -> None:
    labels = bands((300, 400), [150])
    labels[100:140, 200:240] = 2  # 1.3 % of the image, brighter than the materials are apart
    image = normal(draw(labels, [SQUARE, BRIGHTER, replace(SQUARE, base=2.0)]))
    masks = flattened(pieces(labels, PIECES))
    found = merge(image, masks, side=SIDE, rules=Merging(materials=materials, smallest=0.02))
    assert len(set(found.material[:PIECES].tolist())) == len(set(found.material[PIECES : 2 * PIECES].tolist())) == 1
    assert found.material[0] != found.material[PIECES]
    assert found.labeller.materials == 2
    assert merge(image, masks, side=SIDE, rules=Merging(smallest=0.0)).labeller.materials == 3


def test_an_interface_does_not_take_the_place_of_a_material() -> None:
    labels = bands((400, 240), [170, 230])
    image = normal(draw(labels, [SQUARE, replace(SQUARE, base=2.0), BRIGHTER]))  # the interface holds whole crops
    found = merge(image, flattened(pieces(labels, 2)), side=SIDE, rules=Merging(materials=2))
    assert found.whole.all()
    assert len(set(found.material[:2].tolist())) == len(set(found.material[4:].tolist())) == 1
    assert found.material[0] != found.material[4]


def test_the_first_material_has_the_largest_area_and_each_has_a_mask() -> None:
    found = merged([SQUARE, OBLONG], Merging(materials=2))
    assert of_bands(found) == [[1], [0]]  # the second band is the higher one
    many = merged([SQUARE, OBLONG], Merging(materials=6))
    assert sorted(set(many.material.tolist())) == list(range(many.labeller.materials))


def test_confidence_is_the_share_of_crops_that_agree() -> None:
    labels = bands(SHAPE, [120])
    image = normal(draw(labels, [SQUARE, OBLONG], noise=0.05))
    half_and_half = np.where(np.arange(240)[:, None] < 120, 1, 2) * np.ones(SHAPE, np.int64)
    half_and_half[60:180, 160:] = 3  # a mask over both
    found = merge(image, half_and_half, side=SIDE, rules=Merging(materials=2, crops=100))
    assert found.confidence[:2].tolist() == [1.0, 1.0]
    assert 0.5 <= found.confidence[2] <= 0.9


def test_the_same_seed_gives_the_same_materials() -> None:
    one, other = (merged([SQUARE, OBLONG], noise=1.0) for _ in range(2))
    assert (one.material == other.material).all()
    assert (one.confidence == other.confidence).all()


def test_more_materials_than_masks_are_refused() -> None:
    with pytest.raises(PassbandError, match="materials=9 but 8 masks are left"):
        merged([SQUARE, OBLONG], Merging(materials=9))


def test_a_constant_image_is_one_material() -> None:
    image = np.zeros(SHAPE, np.float32)
    masks = flattened(pieces(bands(SHAPE, [120]), 2))
    assert merge(image, masks, side=SIDE).labeller.materials == 1
    assert merge(image, masks, side=SIDE, rules=Merging(materials=2)).labeller.materials == 1


def test_crops_lie_in_their_masks_and_in_the_image() -> None:
    labels = np.zeros((64, 64), np.int64)  # cells of 4 pixels
    labels[:32], labels[32:, :40], labels[40:44, 50:54] = 1, 2, 3
    places = CropPlaces.of(labels, (256, 256), side=32, whole=0.9)
    crops = places.sample(15, generator=np.random.default_rng(1))
    assert np.bincount(crops.mask).tolist() == [15, 15, 1]
    for number in range(2):
        corners = crops.corners[crops.mask == number]
        steps = np.abs(corners[:, None] - corners).max(2)[np.triu_indices(15, 1)]
        assert steps.min() >= 16 - 4  # half a side, known to one cell
    assert (crops.corners >= 0).all()
    assert (crops.corners <= 224).all()
    full = np.kron(labels, np.ones((4, 4), np.int64))
    cut = [full[y : y + 32, x : x + 32] for y, x in crops.corners]
    true = np.array([(one == mask + 1).mean() for one, mask in zip(cut, crops.mask, strict=True)])
    assert (true[crops.mask < 2] >= 0.9 - 4 / 32).all()  # a corner is known to one cell
    np.testing.assert_allclose(true, crops.inside, atol=2 * 4 / 32)
    assert len({tuple(corner) for corner in crops.corners.tolist()}) == 31


def test_an_image_smaller_than_a_crop_is_refused() -> None:
    with pytest.raises(PassbandError, match="holds no crop of 40"):
        CropPlaces.of(np.ones((8, 8), np.int64), (30, 30), side=40, whole=1.0)


def cloud(places: NDArray[np.float64], *, noise: float = 0.0) -> Cloud:
    return Cloud(places, np.ones(len(places)), np.ones(len(places)), np.full(places.shape[1], noise))


def splits(cloud: Cloud, *, most: int) -> list[Clusters]:
    return cloud.splits(most=most, smallest=0.01, seed=0)


def test_ashmans_d_of_two_normal_clusters_is_their_distance() -> None:
    places = np.random.default_rng(0).normal(size=(4000, 2))
    places[2000:, 0] += 8.0
    assert furthest(splits(cloud(places), most=2)) == pytest.approx(8.0, rel=0.03)
    assert furthest(splits(cloud(places, noise=2.0), most=2)) == pytest.approx(4.0, rel=0.03)
    assert furthest(splits(cloud(places), most=1)) == 0.0  # a single cluster is no split


@pytest.mark.parametrize(("shape", "known"), [("normal", 2.65), ("uniform", 12**0.5)])
def test_halves_of_one_cluster_are_less_apart_than_two_materials_must_be(shape: str, known: float) -> None:
    # √12 = 3.46 for a uniform distribution; for a normal one 2·√(2/π) / √(1 − 2/π) = 2.65
    generator = np.random.default_rng(0)
    places = generator.normal(size=(4000, 1)) if shape == "normal" else generator.random((4000, 1))
    halves = furthest(splits(cloud(places), most=2))
    assert halves == pytest.approx(known, rel=0.03)
    assert halves < Merging().separation
    assert len(well_separated(splits(cloud(places), most=5), Merging().separation).centres) == 1


def test_crops_that_show_the_same_pixels_do_not_make_their_mask_another_material() -> None:
    # each mask holds hardly more than a crop, so that its crops agree by themselves
    labels = bands((240, 240), [120])
    for seed in range(4):
        image = normal(draw(labels, [SQUARE, replace(SQUARE, base=0.15)], seed=seed))
        assert merge(image, flattened(pieces(labels, 5)), side=SIDE).labeller.materials == 2

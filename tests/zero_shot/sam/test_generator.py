"""Masks of a network of Segment Anything's kind: of everything, of prompts, in crops, and embedded once."""

from pathlib import Path

import numpy as np
import pytest
from tests.fixtures.sam_stub import StubNetwork

from passband.recipe import PassbandError
from passband.zero_shot.filters import MaskFilters
from passband.zero_shot.prompts import Prompt
from passband.zero_shot.sam import cache as embeddings
from passband.zero_shot.sam.generator import SamProposer
from passband.zero_shot.sam.recipe import SamRecipe, crop_layers, point_grid

SHAPE = (96, 128)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PASSBAND_CACHE", str(tmp_path))
    return tmp_path / "embeddings"


def discs(shape: tuple[int, int], *places: tuple[float, float, float, float]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Image with discs (y, x, radius, brightness), and the mask of each."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    masks = [np.hypot(y - one[0], x - one[1]) < one[2] for one in places]
    image = np.zeros(shape, dtype=np.float32)
    for mask, one in zip(masks, places, strict=True):
        image[mask] = one[3]
    return image, masks


IMAGE, MASKS = discs(SHAPE, (30, 40, 16, 1.0), (66, 90, 20, 0.5))


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def proposer(network: StubNetwork | None = None, **recipe: object) -> SamProposer:
    loose = {"filters": {"stability": 0.85}}  # the discs of the stub have soft edges
    return SamProposer(network or StubNetwork(), SamRecipe.model_validate(loose | recipe))


# -- everything --------------------------------------------------------------------------------------------------------


def test_everything_finds_each_disc_once() -> None:
    found = proposer(points_per_side=8).embed(IMAGE).everything()
    assert found.grid == SHAPE  # no finer than the image
    assert set(found.source) == {"stub"}
    for mask in MASKS:
        assert sum(iou(mask, one) > 0.85 for one in found.masks[found.quality == 1.0]) == 1
    assert found.quality.max() == 1.0  # predicted 1.02
    assert (found.quality > 0.88).all()  # the mask of everything, 0.5, is not there
    assert not any(one.all() for one in found.masks)


def test_masks_are_on_a_grid_no_finer_than_asked() -> None:
    found = proposer(points_per_side=8, grid=64).embed(IMAGE).everything()
    assert (found.grid, found.shape) == ((48, 64), SHAPE)
    whole = proposer(points_per_side=8).embed(IMAGE).everything().on_grid((48, 64))
    for mask in found.masks:  # the same places, but for the cells at their edges
        assert max(iou(mask, one) for one in whole.masks) > 0.85


def test_batches_do_not_change_what_is_found() -> None:
    one, many = (proposer(points_per_side=5, batch=batch).embed(IMAGE).everything() for batch in (1, 7))
    assert np.array_equal(one.masks, many.masks)
    assert np.array_equal(one.quality, many.quality)


def test_stability_is_the_iou_of_a_mask_between_two_thresholds() -> None:
    filters = MaskFilters(quality=0.0, stability=0.0, box_overlap=1.0)
    near, far = (
        proposer(points_per_side=2, stability_offset=offset, filters=filters).embed(IMAGE).everything()
        for offset in (0.01, 3.9)
    )
    # logits are 4 - 4 times the difference from the place, so that no two offsets cut the same
    assert near.stability.min() > 0.97
    assert far.stability.min() < 0.9


def test_small_objects_are_found_in_crops() -> None:
    image, (mask,) = discs((256, 256), (53.75, 53.75, 6, 1.0))  # between the points in the image, on one in a crop
    network = StubNetwork()
    plain, cropped = (
        proposer(network, points_per_side=8, grid=128, crop_layers=layers, filters={"stability": 0.6})
        .embed(image)
        .everything()
        .on_grid(mask.shape)
        for layers in (0, 1)
    )
    assert max(iou(mask, one) for one in plain.masks) < 0.1
    assert max(iou(mask, one) for one in cropped.masks) > 0.3  # less a cell of 2.7 pixels all round: (6 - 2.7)² / 6²
    assert network.encoded == 1 + 4


def test_points_thin_out_with_the_layers_of_crops() -> None:
    network = StubNetwork()
    proposer(network, points_per_side=8, crop_layers=1, crop_points_downscale=2, batch=64).embed(IMAGE).everything()
    assert [len(places) for places, _, _ in network.asked] == [64, 16, 16, 16, 16]


def test_points_may_stand_amid_one_texture() -> None:
    network = StubNetwork()
    found = proposer(network, points_per_side=6, places="texture", crop_layers=1, batch=64).embed(IMAGE).everything()
    counts = [len(places) for places, _, _ in network.asked]
    assert len(counts) == 5
    assert all(0 < count <= 36 for count in counts)
    for mask in MASKS:
        assert max(iou(mask, one) for one in found.masks) > 0.85
    first = network.asked[0][0][:, 0, ::-1] / 2.0  # (y, x) in pixels of the image, 128 on 256
    assert ((first >= 0) & (first < SHAPE)).all()
    for y, x, radius in ((30, 40, 16), (66, 90, 20)):
        assert np.abs(np.hypot(first[:, 0] - y, first[:, 1] - x) - radius).min() > 2  # none on a boundary


def test_crops_are_those_of_segment_anything() -> None:
    # by its formula: overlap int(512/1500 · 1024) = 349, side ceil((349 + 1024)/2) = 687, start 687 - 349 = 338
    recipe = SamRecipe(crop_layers=1)
    assert list(crop_layers((1024, 1024), recipe)) == [
        (0, (0, 0, 1024, 1024)),
        (1, (0, 0, 687, 687)),
        (1, (338, 0, 1024, 687)),
        (1, (0, 338, 687, 1024)),
        (1, (338, 338, 1024, 1024)),
    ]
    assert len(list(crop_layers((300, 500), SamRecipe(crop_layers=3)))) == 1 + 4 + 16 + 64
    grid = point_grid((10, 20, 50, 100), 2)
    assert grid.tolist() == [[20.0, 40.0], [20.0, 80.0], [40.0, 40.0], [40.0, 80.0]]


def test_nothing_sure_is_no_mask() -> None:
    found = proposer(points_per_side=2, filters={"quality": 1.0, "stability": 1.0}).embed(IMAGE).everything()
    assert (len(found), found.grid) == (0, SHAPE)


# -- prompts -----------------------------------------------------------------------------------------------------------


def test_a_point_is_answered_by_three_masks_the_best_first() -> None:
    seen = proposer().embed(IMAGE)
    for (y, x), mask in zip(((30.0, 40.0), (66.0, 90.0)), MASKS, strict=True):
        found = seen.answer(Prompt(points=((y, x),)))
        assert len(found) == 3
        assert (np.diff(found.quality) <= 0).all()
        assert iou(found.masks[0], mask) > 0.85


@pytest.mark.parametrize("ranking", ["texture", "predicted"])
def test_masks_of_a_prompt_are_ranked_by_texture_or_as_predicted(ranking: str) -> None:
    image = IMAGE + 0.05 * np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    network = StubNetwork()
    network.predicted = (0.93, 0.6, 1.02)  # the best for the mask of everything
    found = proposer(network, ranking=ranking).embed(image).answer(Prompt(points=((66.0, 90.0),)))
    everything = next(number for number, mask in enumerate(found.masks) if mask.all())
    assert len(found) == 3
    assert (np.diff(found.quality) <= 0).all()
    assert everything == (2 if ranking == "texture" else 0)
    assert found.quality[everything] == (0.0 if ranking == "texture" else 1.0)
    if ranking == "texture":
        assert iou(found.masks[0], MASKS[1]) > 0.85


def test_places_and_boxes_say_what_they_are() -> None:
    network = StubNetwork()
    prompt = Prompt(points=((30.0, 40.0), (66.0, 90.0)), avoid=((5.0, 6.0),), box=(10.0, 20.0, 90.0, 120.0))
    found = proposer(network).embed(IMAGE).answer(prompt)
    places, labels, several = network.asked[0]
    assert labels.tolist() == [[1, 1, 0, 2, 3]]
    assert (places / 2.0).tolist() == [[[40, 30], [90, 66], [6, 5], [20, 10], [120, 90]]]  # 128 pixels on 256
    assert (len(found), several) == (1, False)
    network.asked.clear()
    proposer(network).embed(IMAGE).answer(Prompt(box=(10.0, 20.0, 90.0, 120.0)))
    assert network.asked[0][1].tolist() == [[2, 3]]


def test_a_place_outside_is_one_line() -> None:
    with pytest.raises(PassbandError, match=r"the point 96,3 .* is outside the image of 96 × 128"):
        proposer().embed(IMAGE).answer(Prompt(points=((96.0, 3.0),)))


# -- the cache ---------------------------------------------------------------------------------------------------------


def test_an_image_is_embedded_once_for_all_thresholds(cache: Path) -> None:
    network = StubNetwork()
    first = proposer(network, points_per_side=4).embed(IMAGE)
    again = proposer(network, points_per_side=4, filters={"quality": 0.5}).embed(IMAGE)
    assert network.encoded == 1
    assert np.array_equal(first.whole.numpy(), again.whole.numpy())
    assert len(list(cache.iterdir())) == 1
    proposer(network).embed(IMAGE.T)
    other = StubNetwork()
    other.identity = "stub 2"
    proposer(other).embed(IMAGE)
    assert (network.encoded, other.encoded) == (2, 1)  # another image, other weights


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", b"\x93NUMPY\x01\x00"], ids=["empty", "pickle", "cut"])
def test_a_damaged_embedding_is_made_again(cache: Path, content: bytes) -> None:
    network = StubNetwork()
    whole = proposer(network).embed(IMAGE).whole
    (path,) = cache.iterdir()
    path.write_bytes(content)
    assert np.array_equal(proposer(network).embed(IMAGE).whole.numpy(), whole.numpy())
    assert network.encoded == 2
    assert path.stat().st_size > 100  # and kept again


def test_the_cache_is_bounded_and_need_not_be_there(
    cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(embeddings, "MOST", 2)
    network = StubNetwork()
    for number in range(4):
        proposer(network).embed(IMAGE + number * IMAGE.T.reshape(SHAPE))
    assert len(list(cache.iterdir())) == 2
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("PASSBAND_CACHE", str(blocked))
    assert proposer(network).embed(IMAGE).whole.shape == (1, 1, 64, 64)

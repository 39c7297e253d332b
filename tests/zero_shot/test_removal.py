"""Removal rejects what the rules name and nothing else; `dedupe` gives every pixel to one mask."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from passband.recipe import PassbandError
from passband.zero_shot.flattening import dedupe, flattened
from passband.zero_shot.proposals import Proposals
from passband.zero_shot.removal import Removal, remove


def box(y0: int, y1: int, x0: int, x1: int, side: int = 100) -> NDArray[np.bool_]:
    mask = np.zeros((side, side), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def fates(*masks: NDArray[np.bool_], quality: list[float] | None = None, rules: Removal | None = None) -> list[str]:
    return list(remove(Proposals.of_masks(np.array(masks), quality=quality), rules).fates)


HALF, OTHER = box(0, 50, 0, 100), box(50, 100, 0, 100)


def test_of_two_like_masks_the_surer_stays_and_not_the_larger() -> None:
    assert fates(HALF, box(0, 50, 0, 90), quality=[0.90, 0.95]) == ["redundant", "kept"]  # IoU 0.9
    assert fates(HALF, box(0, 50, 0, 84), quality=[0.90, 0.95]) == ["kept", "kept"]  # IoU 0.84


def test_a_double_of_a_removed_mask_is_judged_by_what_is_left() -> None:
    chain = [box(0, 50, 0, 100), box(0, 50, 5, 100), box(0, 50, 20, 100)]  # neighbours alike, the ends not
    assert fates(*chain, quality=[0.9, 0.8, 0.85]) == ["kept", "redundant", "kept"]


def test_a_parent_goes_where_its_parts_cover_it() -> None:
    both = box(0, 100, 0, 90)
    left, right = box(0, 100, 0, 45), box(0, 100, 45, 90)
    assert fates(both, left, right) == ["compound", "kept", "kept"]
    assert fates(both, left, box(0, 100, 45, 70)) == ["kept", "kept", "kept"]  # 78 % are covered
    assert fates(both, left, left & ~box(0, 20, 0, 45), box(0, 100, 45, 70)).count("compound") == 0  # no part twice


def test_parts_that_are_too_small_do_not_make_a_compound() -> None:
    strips = [box(0, 100, 9 * number, 9 * number + 9) for number in range(10)]  # each 9 of 95 columns
    assert fates(box(0, 100, 0, 95), *strips, rules=Removal(tiny_child=0.05)) == ["kept"] * 11
    assert fates(box(0, 100, 0, 95), *strips, rules=Removal(compound_child=0.09))[0] == "compound"


def test_a_part_of_a_compound_may_be_a_compound_itself() -> None:
    quarter, rest = box(0, 45, 0, 50), box(45, 90, 0, 50)
    masks = [box(0, 90, 0, 100), box(0, 90, 0, 50), box(0, 90, 50, 100), quarter, rest]
    assert fates(*masks) == ["compound", "compound", "kept", "kept", "kept"]


def test_the_largest_compound_is_taken_apart_first() -> None:
    strips = [box(0, 90, 10 * number, 10 * number + 10) for number in range(5)]  # parts of the half, not of the whole
    masks = [box(0, 90, 0, 100), box(0, 90, 0, 55), box(0, 90, 55, 100), *strips]
    assert fates(*masks, rules=Removal(compound_child=0.15)) == ["compound", "compound", *["kept"] * 6]


def test_a_material_encircled_by_another_stays_and_a_tiny_child_goes() -> None:
    inside, speck = box(60, 90, 10, 60), box(60, 70, 80, 90)
    assert fates(OTHER, inside, speck) == ["kept", "kept", "tiny child"]


def test_a_tiny_child_stays_where_its_parent_went() -> None:
    left, right, speck = box(0, 100, 0, 45), box(0, 100, 45, 90), box(40, 48, 41, 49)
    assert fates(box(0, 100, 0, 90), left, right, speck) == ["compound", "kept", "kept", "kept"]  # astride the two


def test_an_island_needs_half_a_percent_of_the_image() -> None:
    assert fates(HALF, box(60, 67, 0, 7), box(60, 68, 20, 28)) == ["kept", "tiny island", "kept"]
    assert fates(HALF, box(60, 68, 0, 8), box(60, 66, 0, 6)) == ["kept"] * 3  # a large child is none


def test_a_mask_of_nearly_everything_stays_only_alone() -> None:
    everything = box(0, 100, 0, 96)
    assert fates(everything, HALF) == ["oversized", "kept"]
    assert fates(everything, box(0, 99, 0, 99), quality=[0.9, 0.8]) == ["kept", "oversized"]
    assert fates(np.zeros((8, 8), bool)) == ["tiny island"]


def test_nothing_is_left_of_nothing() -> None:
    nothing = remove(Proposals.of_masks(np.zeros((0, 8, 8))))
    assert nothing.fates == ()
    assert len(nothing.kept) == 0


def test_overlaps_on_a_coarse_grid_tell_what_those_on_the_whole_grid_tell() -> None:
    generator = np.random.default_rng(3)
    corners = np.sort(generator.integers(0, 513, (40, 2, 2)), axis=-1)
    masks = [box(y[0], y[1], x[0], x[1], side=512) for y, x in corners]
    quality = generator.random(40).tolist()
    coarse = fates(*masks, quality=quality, rules=Removal(grid=256))
    fine = fates(*masks, quality=quality, rules=Removal(grid=512))
    assert sum(one != other for one, other in zip(coarse, fine, strict=True)) <= 2
    assert len(set(fine)) >= 3


@given(arrays.arrays(bool, (6, 12, 12)), st.permutations(range(6)))
@settings(max_examples=40, deadline=None)
def test_the_order_of_the_masks_does_not_matter(masks: NDArray[np.bool_], order: list[int]) -> None:
    quality = np.linspace(0.5, 1.0, 6)
    first = fates(*masks, quality=quality.tolist())
    second = fates(*masks[order], quality=quality[order].tolist())
    assert second == [first[number] for number in order]


def test_a_parent_keeps_what_its_child_leaves_whatever_their_order() -> None:
    child = box(60, 90, 10, 60)
    for masks, of_child, of_parent in (([OTHER, child], 2, 1), ([child, OTHER], 1, 2)):
        labels = flattened(Proposals.of_masks(np.array(masks)))
        assert (labels[child] == of_child).all()
        assert (labels[OTHER & ~child] == of_parent).all()
        assert (labels[~OTHER] == 0).all()


def test_dedupe_takes_the_records_of_a_mask_generator() -> None:
    records = [
        {"segmentation": HALF, "predicted_iou": 0.9},
        {"segmentation": box(0, 50, 0, 95), "predicted_iou": 0.95},
        {"segmentation": OTHER, "predicted_iou": 0.9},
    ]
    labels = dedupe(records)
    assert np.unique(labels).tolist() == [0, 2, 3]
    assert ((labels == 2) == records[1]["segmentation"]).all()


def test_dedupe_of_small_masks_is_exact_and_leaves_them_as_they_are() -> None:
    masks = np.array([box(0, 50, 0, 100), box(40, 100, 0, 100)]).astype(np.uint8)
    before = masks.copy()
    labels = dedupe(masks)
    assert ((labels == 1) == (masks[0] > 0)).all()  # the smaller one has what both cover
    assert (masks == before).all()


@pytest.mark.parametrize(
    ("masks", "quality", "message"),
    [
        (np.zeros((4, 4)), None, r"write masks\[None\]"),
        (np.zeros((2, 4, 4)), [1.0], "give one of each"),
        ([{"segmentation": {"counts": []}}], None, "output_mode='binary_mask'"),
    ],
)
def test_masks_that_are_none(masks: object, quality: list[float] | None, message: str) -> None:
    with pytest.raises(PassbandError, match=message):
        dedupe(masks, quality=quality)

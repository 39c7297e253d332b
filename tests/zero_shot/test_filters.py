"""The filters of an automatic mask generator, on drawn masks."""

import numpy as np
import pytest

from passband.recipe import PassbandError
from passband.zero_shot.filters import MaskFilters, cut_by_crop, kept, mask_boxes, solid, suppressed
from passband.zero_shot.proposals import Proposals

LAX = MaskFilters(quality=0.5, stability=0.5)


def rectangles(*boxes: tuple[int, int, int, int], quality: list[float] | None = None) -> Proposals:
    """Masks of 40 × 60 cells for an image of 80 × 120 pixels."""
    masks = np.zeros((len(boxes), 40, 60), dtype=bool)
    for mask, (y0, x0, y1, x1) in zip(masks, boxes, strict=True):
        mask[y0:y1, x0:x1] = True
    sure = np.array(quality or [0.9] * len(boxes))
    return Proposals(masks, sure, np.ones(len(boxes)), ("drawn",) * len(boxes), (80, 120))


def test_boxes_are_in_pixels_of_the_image() -> None:
    found = mask_boxes(rectangles((2, 3, 10, 20), (0, 0, 40, 60), (5, 5, 5, 5)))
    assert found.tolist() == [[4, 6, 20, 40], [0, 0, 80, 120], [0, 0, 0, 0]]


def test_thresholds_are_those_of_segment_anything() -> None:
    boxes = ((0, 0, 9, 9), (0, 20, 9, 29), (20, 0, 29, 9), (30, 50, 30, 50))
    drawn = rectangles(*boxes, quality=[0.88, 0.89, 0.99, 0.99])
    drawn.stability[:] = [1.0, 0.95, 0.949, 1.0]
    assert kept(drawn, MaskFilters()).masks.tolist() == drawn.masks[[1]].tolist()  # above 0.88, from 0.95 on, not empty


def test_of_doubles_the_better_stays_and_the_nested_one_does_too() -> None:
    drawn = rectangles((0, 0, 20, 20), (0, 0, 20, 18), (5, 5, 10, 10), quality=[0.8, 0.9, 0.7])
    assert kept(drawn, LAX).quality.tolist() == [0.9, 0.7]
    assert kept(drawn, LAX.model_copy(update={"box_overlap": 0.95})).quality.tolist() == [0.9, 0.8, 0.7]


def test_suppression_agrees_with_the_definition() -> None:
    rng = np.random.default_rng(0)
    corner, size = rng.uniform(0, 50, (2, 60, 2))
    boxes, score = np.concatenate([corner, corner + size], 1), rng.uniform(size=60)
    stay = suppressed(boxes, score, 0.4).tolist()

    def overlap(a: np.ndarray, b: np.ndarray) -> float:
        common = np.prod(np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None))
        return float(common / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - common))

    expected: list[int] = []
    for one in np.argsort(-score):
        if all(overlap(boxes[one], boxes[other]) <= 0.4 for other in expected):
            expected.append(int(one))
    assert stay == expected
    assert len(stay) < 60


def test_a_mask_cut_by_its_crop_goes_and_one_at_the_edge_of_the_image_stays() -> None:
    boxes = np.array([[0.0, 0.0, 30.0, 30.0], [10.0, 10.0, 60.0, 40.0], [5.0, 5.0, 70.0, 40.0]])
    crops = np.tile([0.0, 0.0, 60.0, 60.0], (3, 1))
    assert cut_by_crop(boxes, crops, (80, 120), margin=2.0).tolist() == [False, True, False]
    crops[:, 2] = 80.0
    boxes[1, 2] = 80.0
    assert not cut_by_crop(boxes, crops, (80, 120), margin=2.0).any()


def test_between_crops_the_smaller_crop_is_believed() -> None:
    drawn = rectangles((5, 5, 15, 15), (5, 5, 15, 15), (20, 5, 30, 15), quality=[0.99, 0.6, 0.7])
    crops = [[0, 0, 80, 120], [0, 0, 80, 80], [0, 0, 80, 80]]
    assert kept(drawn, LAX, crops=crops).quality.tolist() == [0.7, 0.6]
    loose = LAX.model_copy(update={"crop_overlap": 1.0})
    assert kept(drawn, loose, crops=crops).quality.tolist() == [0.99, 0.7, 0.6]


def test_small_holes_are_filled_and_small_islands_removed() -> None:
    mask = np.zeros((20, 20), dtype=bool)
    mask[2:12, 2:12] = True
    mask[5:7, 5:7] = False  # 4 cells
    mask[15:17, 15:18] = True  # 6 cells
    assert np.count_nonzero(solid(mask, 5)) == 106
    assert np.count_nonzero(solid(mask, 7)) == 100
    assert np.count_nonzero(solid(mask, 4)) == 102
    assert np.count_nonzero(solid(mask, 200)) == 100
    assert not solid(np.zeros((5, 5), dtype=bool), 3).any()


def test_what_becomes_a_double_by_cleaning_goes() -> None:
    drawn = rectangles((0, 0, 20, 20), (0, 0, 20, 20), quality=[0.9, 0.8])
    drawn.masks[0, 38, 58] = True  # its box is the whole image until the island is gone
    assert len(kept(drawn, LAX)) == 2
    cleaned = kept(drawn, LAX.model_copy(update={"smallest_region": 8}))  # two cells of 2 × 2 pixels
    assert cleaned.quality.tolist() == [0.8]  # the one that was not changed
    assert drawn.masks[0, 38, 58]


def test_nothing_is_kept_of_nothing() -> None:
    assert len(kept(rectangles(), MaskFilters(smallest_region=5))) == 0


def test_each_mask_has_its_crop() -> None:
    with pytest.raises(PassbandError, match=r"crops of shape \(1, 4\) for 2 masks; give y0"):
        kept(rectangles((0, 0, 5, 5), (5, 5, 9, 9)), LAX, crops=[[0, 0, 80, 120]])

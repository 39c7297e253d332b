"""A map has one material for each pixel, smooth outlines at the full resolution, and covers what it is asked to."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from passband.zero_shot.merging import Merged
from passband.zero_shot.objective import objective, pairwise_iou
from passband.zero_shot.partition import Partitioning, enlarged, partition


@dataclass(frozen=True)
class Brightness:
    """Labels crops by their brightness."""

    materials: int = 2

    def side(self, pixel_size: float | None) -> None:
        return None

    def label(self, crops: NDArray[np.float32], pixel_size: float | None) -> NDArray[np.int64]:
        return (crops.mean((1, 2)) > 0).astype(np.int64)


LEFT_RIGHT = Merged(np.array([0, 1]), np.array([0.9, 0.6]), np.array([True, True]), Brightness())


def sides() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Image dark to the left of pixel 120 of 160, and masks of its left and right ends, on cells of 4 pixels."""
    image = np.where(np.arange(160) < 120, -1.0, 1.0).astype(np.float32) * np.ones((160, 1), np.float32)
    labels = np.zeros((40, 40), np.int64)
    labels[:, :10], labels[:, 37:] = 1, 2
    return image, labels


def test_cells_without_a_mask_are_unassigned() -> None:
    image, labels = sides()
    found = partition(image, labels, LEFT_RIGHT, side=16)
    assert found.labels.dtype == np.uint16
    assert found.labels.shape == image.shape
    assert np.unique(found.labels).tolist() == [0, 1, 2]
    assert (found.labels[:, :38] == 1).all()
    assert (found.labels[:, 42:146] == 0).all()
    assert np.unique(found.confidence[:, :10]).tolist() == [0.9]
    assert np.unique(found.confidence[:, 10:37]).tolist() == [0.0]


def test_a_cover_asks_the_texture_and_not_only_what_is_near() -> None:
    image, labels = sides()
    found = partition(image, labels, LEFT_RIGHT, side=16, rules=Partitioning(cover=True))
    assert (found.labels > 0).all()
    edge = (found.labels == 2).argmax(1)
    assert np.abs(edge - 120).max() <= 16  # what lies nearest would change at 94
    assert np.unique(found.confidence[:, 10:37]).tolist() == [0.0]  # nobody proposed it


def test_a_gap_too_narrow_for_a_crop_goes_to_what_is_nearest() -> None:
    image, labels = sides()
    labels[:, :20], labels[:, 24:] = 1, 2
    found = partition(image, labels, LEFT_RIGHT, side=64, rules=Partitioning(cover=True))
    assert (found.labels[:, :86] == 1).all()
    assert (found.labels[:, 90:] == 2).all()


def test_a_slanting_edge_is_smooth_at_full_resolution() -> None:
    y, x = np.mgrid[:32, :32] + 0.5
    cells = (x + 0.5 * y < 24).astype(np.int64) + 1
    y, x = (np.mgrid[:256, :256] + 0.5) / 8
    truth = (x + 0.5 * y < 24) + 1
    wrong = {smooth: (enlarged(cells, (256, 256), smooth=smooth) != truth).mean() for smooth in (0.0, 1.0)}
    steps = (np.kron(cells, np.ones((8, 8), np.int64)) != truth).mean()
    assert wrong[1.0] < 0.4 * steps
    assert wrong[0.0] < steps


def test_a_map_on_the_grid_of_the_image_stays_as_it_is() -> None:
    cells = np.random.default_rng(0).integers(0, 4, (30, 40))
    assert (enlarged(cells, (30, 40), smooth=0.0) == cells).all()


def test_a_side_that_the_grid_does_not_divide() -> None:
    cells = np.repeat([1, 2], 5)[:, None] * np.ones((1, 7), np.int64)
    large = enlarged(cells, (103, 29), smooth=0.0)
    assert ((large == 2).argmax(0) == 52).all()  # 51.5 is the middle


def test_materials_that_are_known_keep_their_numbers() -> None:
    image, labels = sides()
    known = replace(LEFT_RIGHT, material=np.array([2, 0]), labeller=Brightness(materials=3))
    found = partition(image, labels, known, side=16)
    assert np.unique(found.labels).tolist() == [0, 1, 3]
    assert found.materials == 3


def test_the_objective_weighs_overlap_against_the_number_of_masks() -> None:
    rows = np.arange(10)
    true = np.array([rows < 5, rows >= 5])
    good = objective(pairwise_iou(true, true))
    assert (good.overlap, good.cardinality) == (1.0, 2)
    one = objective(pairwise_iou(true, np.array([rows >= 0])))
    assert one.overlap == pytest.approx(0.5)
    more = objective(pairwise_iou(true, np.array([*true, rows < 2, rows < 3])), trade_off=0.1)
    assert more.value == pytest.approx(1.0 - 0.4)
    assert objective(pairwise_iou(true, true[:0])).overlap == 0.0
    assert np.isnan(objective(pairwise_iou(true[:0], true)).overlap)

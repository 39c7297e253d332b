"""F1 of columns that a network sees: 1 where it sees the truth, and what lies at the border counts neither way."""

from typing import Any

import numpy as np
import pytest

from passband.dataset.scan_masks import disc_mask
from passband.performance.scoring import WITHIN, column_f1
from passband.segmentation.segmenter import Segmentation

PIXEL = 0.2  # Å
GRID = np.stack(np.meshgrid(np.arange(9.0, 60.0, 10.0), np.arange(12.0, 80.0, 11.0), indexing="ij"), axis=-1)
PLACES = GRID.reshape(-1, 2) + np.random.default_rng(0).uniform(-1.0, 1.0, (42, 2))


def mask_of(places: Any) -> Any:
    places = np.asarray(places, dtype=float).reshape(-1, 2)
    return disc_mask(places, np.ones(len(places), dtype=np.int64), (70, 90), radius=2.5)


def seen(places: Any, *, pixel_size: tuple[float, float] = (PIXEL, PIXEL)) -> Segmentation:
    """What a network says that is sure of discs at these places."""
    mask = mask_of(places)
    sure = np.stack([mask == 0, mask == 1]).astype(np.float32)
    return Segmentation(mask.astype(np.uint8), ("background", "column"), pixel_size, sure)


@pytest.mark.parametrize("pixel_size", [(0.2, 0.2), (0.2, 0.15)])
def test_the_truth_itself_scores_exactly_1(pixel_size: tuple[float, float]) -> None:
    # rejects rows and columns exchanged, also in the size of a pixel
    assert len(PLACES) == 42
    assert column_f1(seen(PLACES, pixel_size=pixel_size), mask_of(PLACES)) == 1.0


def test_missed_and_invented_columns_count_as_f1_does() -> None:
    # rejects a precision or a recall alone
    invented = [[33.5, 28.0], [63.5, 45.0], [13.5, 50.0]]
    assert column_f1(seen(PLACES[4:]), mask_of(PLACES)) == pytest.approx(2 * 38 / (38 + 42))
    assert column_f1(seen([*PLACES, *invented]), mask_of(PLACES)) == pytest.approx(2 * 42 / (42 + 45))
    assert column_f1(seen([*PLACES[4:], *invented]), mask_of(PLACES)) == pytest.approx(2 * 38 / (41 + 42))


@pytest.mark.parametrize(("shift", "score"), [(0.4, 1.0), (0.65, 0.0)])
def test_a_column_is_found_within_half_an_angstrom(shift: float, score: float) -> None:
    # rejects distances in pixels: 0.4 Å are 2 of them
    moved = PLACES + np.array([0.0, shift / PIXEL])
    assert column_f1(seen(moved), mask_of(PLACES)) == pytest.approx(score)


def test_columns_at_the_border_count_neither_way() -> None:
    # rejects a border in pixels, or one that drops the partner of a column which lies on the other side of it
    border = WITHIN / PIXEL
    at_border = [[border - 1.5, 40.0], [69.0 - border + 1.8, 30.0], [35.0, border - 1.5], [35.0, 89.0]]
    assert column_f1(seen(PLACES), mask_of([*PLACES, *at_border])) == 1.0
    assert column_f1(seen([*PLACES, *at_border]), mask_of(PLACES)) == 1.0
    astride = [[border + 0.5, 40.0]], [[border - 0.7, 40.0]]
    assert column_f1(seen(astride[0]), mask_of(astride[1])) == 1.0
    assert column_f1(seen(astride[1]), mask_of(astride[0])) == 1.0


def test_nothing_seen_or_nothing_there() -> None:
    assert column_f1(seen([]), mask_of([])) == -1.0
    assert column_f1(seen([]), mask_of(PLACES)) == 0.0
    assert column_f1(seen(PLACES), mask_of([])) == 0.0
    assert column_f1(seen([[0.0, 40.0]]), mask_of([])) == -1.0

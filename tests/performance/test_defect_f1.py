"""F1 of the defects that a network finds: of the kind of the truth, as surely as `passband defects` wants it."""

from typing import Any

import numpy as np
import pytest

from passband.dataset.scan_masks import disc_mask
from passband.performance.scoring import defect_f1
from passband.segmentation.segmenter import Segmentation

PIXEL = 0.2  # Å
PLACES = np.array([[20.0, 20.0], [20.0, 45.0], [45.0, 20.0], [45.0, 45.0]])
KINDS = np.array([1, 2, 1, 2])
CLASSES = ("background", "vacancy", "substitution")


def mask_of(kinds: Any, places: Any = PLACES) -> Any:
    return disc_mask(places, np.asarray(kinds), (66, 66), radius=4.0)


def seen(kinds: Any, places: Any = PLACES, *, sure: float = 0.95) -> Segmentation:
    mask = mask_of(kinds, places)
    rest = (1.0 - sure) / 2.0
    maps = np.stack([np.where(mask == number, sure, rest) for number in range(3)]).astype(np.float32)
    return Segmentation(mask.astype(np.uint8), CLASSES, (PIXEL, PIXEL), maps)


def test_pairs_are_of_one_kind_and_near() -> None:
    # rejects kinds that are not compared, distances in pixels, and places that are not compared
    assert defect_f1(seen(KINDS), mask_of(KINDS)) == 1.0
    assert defect_f1(seen([1, 2, 2, 2]), mask_of(KINDS)) == pytest.approx(0.75)
    assert defect_f1(seen(KINDS, PLACES + 5.0), mask_of(KINDS)) == 1.0
    assert defect_f1(seen(KINDS, PLACES + np.array([0.0, 9.0])), mask_of(KINDS)) == 0.0


def test_what_the_command_would_not_call_a_defect_is_missed_and_nothing_at_all_has_no_score() -> None:
    # rejects a threshold of one half, and 0 or 1 where there is nothing to find
    assert defect_f1(seen(KINDS, sure=0.75), mask_of(KINDS)) == 0.0
    empty = np.zeros((0, 2))
    assert defect_f1(seen([], empty), mask_of([], empty)) == -1.0


def test_those_at_the_border_count_neither_way() -> None:
    # rejects true ones there that are missed, and found ones there that are false
    beside = np.concatenate([PLACES, [[5.0, 30.0]]])  # 1.1 Å from the border
    kinds = [*KINDS, 1]
    assert defect_f1(seen(KINDS), mask_of(kinds, beside)) == 1.0
    assert defect_f1(seen(kinds, beside), mask_of(KINDS)) == 1.0

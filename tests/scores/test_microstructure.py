"""Scores of masks on drawn scenes whose overlaps are counted by hand."""

from dataclasses import asdict

import numpy as np
import pytest
from numpy.typing import NDArray

from passband.recipe import PassbandError
from passband.scores.microstructure import (
    AVERAGED,
    LABEL_WEIGHTS,
    RULES,
    means_by_class,
    means_over_images,
    score_masks,
)
from passband.scores.overlap import boundary_iou


def rows(first: int, last: int) -> NDArray[np.bool_]:
    """Mask of some of 100 rows of 40 pixels."""
    mask = np.zeros((100, 40), dtype=bool)
    mask[first:last] = True
    return mask


TRUE = np.array([rows(0, 60), rows(60, 100)])


def test_the_truth_scores_full_marks() -> None:
    scores = score_masks(TRUE, TRUE)
    assert [getattr(scores, name) for name in AVERAGED] == [1.0] * 6 + [0.0, 0.0]
    assert scores.masks == 2


def test_ratios_of_the_best_match_are_those_counted_by_hand() -> None:
    scores = score_masks(np.array([rows(0, 50), rows(55, 100)]), TRUE)
    assert scores.miou == pytest.approx((50 / 60 + 40 / 45) / 2)
    assert scores.recall == pytest.approx((50 / 60 + 1) / 2)
    assert scores.precision == pytest.approx((1 + 40 / 45) / 2)


def test_the_best_is_the_one_of_highest_iou_and_the_others_are_false() -> None:
    masks = np.array([rows(0, 10), rows(0, 50), rows(10, 30), rows(60, 100)])
    scores = score_masks(masks, TRUE)
    assert scores.miou == pytest.approx((50 / 60 + 1) / 2)
    assert scores.fpr == pytest.approx((2 / 4 + 0) / 2)
    assert scores.superfluous == 2


def test_a_true_mask_that_nothing_matches_counts_nothing_found() -> None:
    scores = score_masks(np.array([rows(0, 60), rows(30, 62)]), TRUE)  # the second lies in the first true mask
    assert (scores.miou, scores.recall, scores.precision) == (0.5, 0.5, 0.5)
    assert scores.fpr == pytest.approx(1 / 2 / 2)
    nothing = score_masks(np.zeros((0, 100, 40), bool), TRUE)
    assert [getattr(nothing, name) for name in AVERAGED] == [0.0] * 8
    assert nothing.masks == 0


def test_a_mask_that_matches_nothing_is_superfluous_and_no_false_match() -> None:
    scores = score_masks(np.array([*TRUE, rows(40, 80), np.zeros((100, 40), bool)]), TRUE)  # half in each, and empty
    assert (scores.fpr, scores.superfluous) == (0.0, 2.0)


def test_the_rules_differ_and_are_printed() -> None:
    part = np.array([rows(0, 20), rows(60, 100)])
    inside, iou = (score_masks(part, TRUE, rule=rule) for rule in RULES)
    assert inside.miou == pytest.approx((20 / 60 + 1) / 2)
    assert iou.miou == pytest.approx((0 + 1) / 2)
    assert (inside.rule, iou.rule) == ("|s∩g|/|s| > 0.5", "|s∩g|/|s∪g| > 0.5")
    everything = np.array([rows(0, 100)])  # 60 % in the first
    assert score_masks(everything, TRUE).miou == pytest.approx(0.3)
    assert score_masks(everything, TRUE, rule="iou").miou == pytest.approx(0.3)


def test_just_one_half_is_no_match() -> None:
    assert score_masks(np.array([rows(50, 70)]), TRUE).recall == 0.0


def test_easy_labels_weigh_ten_times_as_much() -> None:
    weights = [LABEL_WEIGHTS["easy"], LABEL_WEIGHTS["hard"]]
    scores = score_masks(TRUE[:1], TRUE, weights=weights)
    assert scores.miou == pytest.approx(10 / 11)
    assert scores.boundary_recall == pytest.approx(10 / 11)
    assert score_masks(TRUE[1:], TRUE, weights=weights).fpr == 0.0


def test_boundaries_are_those_of_the_best_match() -> None:
    mask = rows(0, 50)
    scores = score_masks(np.array([mask, TRUE[1]]), TRUE)
    assert scores.boundary_miou == pytest.approx((boundary_iou(mask, TRUE[0]) + 1) / 2)
    # by hand: stripes of 2 pixels about 50 and about 60 rows of 40; 2 rows and two columns of 48 rows are common
    common, of_mask, of_true = 2 * 40 + 4 * 48, 50 * 40 - 46 * 36, 60 * 40 - 56 * 36
    assert scores.boundary_recall == pytest.approx((common / of_true + 1) / 2)
    assert scores.boundary_precision == pytest.approx((common / of_mask + 1) / 2)


def test_masks_on_a_coarse_grid_are_scored_on_the_grid_of_the_truth() -> None:
    coarse = TRUE[:, ::4, ::4]
    assert asdict(score_masks(coarse, TRUE)) == asdict(score_masks(TRUE, TRUE))


def test_inputs_stay_as_they_are() -> None:
    masks = TRUE.astype(np.uint8)
    score_masks(masks, TRUE)
    assert (masks == TRUE).all()


def test_intervals_cover_the_mean_as_often_as_they_say() -> None:
    generator = np.random.default_rng(5)
    covered = 0
    for _ in range(60):
        scores = [score_masks(np.array([rows(0, int(last))]), TRUE[:1]) for last in generator.integers(20, 60, 25)]
        interval = means_over_images(scores, draws=300)["miou"]
        spread = np.std([one.miou for one in scores]) / 5
        assert interval.high - interval.low == pytest.approx(3.92 * spread, rel=0.35)
        covered += interval.low <= np.mean(np.arange(20, 60) / 60) <= interval.high
    assert 51 <= covered <= 60  # 95 % of 60 are 57; the bootstrap of 25 images covers some 93 %


def test_the_gain_is_taken_image_by_image() -> None:
    before = [score_masks(np.array([rows(0, last)]), TRUE[:1]) for last in (10, 30, 50)]
    after = [score_masks(np.array([rows(0, last + 6)]), TRUE[:1]) for last in (10, 30, 50)]
    gain = means_over_images(after, before=before)["miou"]
    assert gain.mean == pytest.approx(0.1)
    assert gain.high - gain.low < 1e-9  # every image gains the same, unlike though they are


def test_classes_are_averaged_on_their_own_and_draws_are_repeated() -> None:
    scores = [score_masks(np.array([rows(0, last)]), TRUE[:1]) for last in (60, 30, 60, 30)]
    means = means_by_class(scores, ["easy", "hard", "easy", "hard"])
    assert {name: of["miou"].mean for name, of in means.items()} == {"easy": 1.0, "hard": 0.5}
    assert means_over_images(scores) == means_over_images(scores)


@pytest.mark.parametrize(
    ("masks", "truth", "more", "message"),
    [
        (TRUE[0], TRUE, {}, r"write masks\[None\]"),
        (TRUE, TRUE[:0], {}, "no empty mask"),
        (TRUE, np.array([TRUE[0], rows(0, 0)]), {}, "no empty mask"),
        (TRUE, TRUE, {"weights": [1.0]}, "give one of each"),
        (TRUE, TRUE, {"rule": "insid"}, "did you mean 'inside'"),
    ],
)
def test_what_cannot_be_scored(masks: object, truth: object, more: dict[str, object], message: str) -> None:
    with pytest.raises(PassbandError, match=message):
        score_masks(masks, truth, **more)


def test_scores_by_two_rules_are_not_averaged() -> None:
    with pytest.raises(PassbandError, match="by one rule"):
        means_over_images([score_masks(TRUE, TRUE, rule=rule) for rule in RULES])
    with pytest.raises(PassbandError, match="0 images"):
        means_over_images([])

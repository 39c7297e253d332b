"""Overlap scores against scikit-learn, scipy and drawn discs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import binary_erosion
from sklearn.metrics import f1_score, jaccard_score, precision_score, recall_score

from passband.commands.evaluate import table
from passband.recipe import PassbandError
from passband.scores.overlap import (
    SCORES,
    OverlapScore,
    boundary_iou,
    boundary_width,
    mask_boundary,
    overlap_scores,
)


def blobs(seed, shape=(40, 53), classes=3):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(classes, size=(8, 11))
    return np.kron(coarse, np.ones((5, 5), int))[: shape[0], : shape[1]]


def disc(radius, centre=(100, 100), side=200):
    y, x = np.mgrid[:side, :side]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2


@pytest.mark.parametrize("seed", range(3))
def test_per_class_and_macro_scores_are_scikit_learns(seed):
    prediction, truth = blobs(seed), blobs(seed + 100)
    scores = overlap_scores(prediction, truth)
    flat = truth.ravel(), prediction.ravel()
    oracles = {"iou": jaccard_score, "dice": f1_score, "precision": precision_score, "recall": recall_score}
    for name, oracle in oracles.items():
        np.testing.assert_allclose(scores[name], oracle(*flat, average=None), rtol=1e-12)
        assert scores.mean()[name] == pytest.approx(oracle(*flat, average="macro"), rel=1e-12)


def independent_boundary(mask, width):
    """Spec, zero_shot.md: mask minus its d-step 3×3 erosion with the image zero-padded by 1."""
    eroded = binary_erosion(np.pad(mask, 1), np.ones((3, 3)), iterations=width)[1:-1, 1:-1]
    return mask & ~eroded


@pytest.mark.parametrize("width", [1, 2, 5, 40])
def test_boundary_is_scipys_erosion(width):
    mask = blobs(4) == 1
    mask[:20, :20] = True  # runs off the image
    np.testing.assert_array_equal(mask_boundary(mask, width=width), independent_boundary(mask, width))


def test_boundary_iou_is_that_of_the_boundaries():
    prediction, truth = disc(50), disc(50, centre=(103, 98))
    width = max(1, round(0.02 * np.hypot(200, 200)))
    assert boundary_width((200, 200)) == width == 6
    p, t = independent_boundary(prediction, width), independent_boundary(truth, width)
    expected = (p & t).sum() / (p | t).sum()
    assert boundary_iou(prediction, truth) == expected
    scores = overlap_scores(prediction, truth)
    assert scores["boundary_iou"][1] == expected
    assert expected < scores["iou"][1]  # a shift hurts the boundary more than the area


@given(st.integers(0, 50))
def test_a_mask_agrees_with_itself(seed):
    mask = blobs(seed)
    scores = overlap_scores(mask, mask, classes=3)
    present = np.isin(range(3), mask)
    for name in ("iou", "dice", "precision", "recall", "boundary_iou"):
        np.testing.assert_array_equal(scores[name][present], 1.0)
        assert np.isnan(scores[name][~present]).all()


def test_dice_of_drawn_discs():
    """Two discs of radius r whose centres are d apart: lens area 2r²acos(d/2r) − d√(4r²−d²)/2, by geometry."""
    r, d = 60.0, 50.0
    lens = 2 * r**2 * np.arccos(d / (2 * r)) - d / 2 * np.sqrt(4 * r**2 - d**2)
    scores = overlap_scores(disc(r, (100, 75)), disc(r, (100, 125)))
    perimeter_pixels = 2 * np.pi * r  # the drawn area is off by less than a tenth of a pixel per boundary pixel
    assert scores["dice"][1] == pytest.approx(lens / (np.pi * r**2), abs=0.1 * perimeter_pixels / (np.pi * r**2))


def test_swapping_swaps_precision_and_recall_only():
    prediction, truth = blobs(1), blobs(2)
    forward, backward = overlap_scores(prediction, truth), overlap_scores(truth, prediction)
    np.testing.assert_array_equal(forward["precision"], backward["recall"])
    for name in ("iou", "dice", "boundary_iou"):
        np.testing.assert_array_equal(forward[name], backward[name])


def test_images_weigh_alike_or_by_their_pixels():
    rich, poor = disc(60), disc(10)
    truth = np.stack([rich, poor])
    prediction = np.stack([rich, np.zeros_like(poor)])
    by_image = overlap_scores(prediction, truth, average="images")
    by_pixel = overlap_scores(prediction, truth, average="pixels")
    assert by_image["iou"][1] == 0.5
    assert by_pixel["iou"][1] == rich.sum() / (rich.sum() + poor.sum())
    assert by_image["precision"][1] == 1.0  # of the one image in which anything was predicted


def test_images_without_the_class_are_left_out():
    empty = np.zeros((2, 20, 20), int)
    scores = overlap_scores(empty, empty)
    assert np.isnan(scores["iou"][1])
    assert scores.mean()["iou"] == 1.0
    invented = empty.copy()
    invented[0, 3:6, 3:6] = 1
    scores = overlap_scores(invented, empty)
    assert scores["iou"][1] == 0.0
    assert np.isnan(scores["recall"][1])


def test_row_names_classes():
    row = overlap_scores(blobs(1, classes=2), blobs(2, classes=2)).to_row(("film", "particle"))
    assert row["iou"] == pytest.approx((row["iou_film"] + row["iou_particle"]) / 2)
    assert {"boundary_iou_film", "recall_particle"} <= set(row)


@pytest.mark.parametrize(
    ("prediction", "truth", "options", "words"),
    [
        (np.zeros((4, 4), int), np.zeros((4, 5), int), {}, r"must have one shape"),
        (np.zeros((0, 4), int), np.zeros((0, 4), int), {}, "not empty"),
        (np.zeros(4, int), np.zeros(4, int), {}, r"\(y, x\) or \(n, y, x\)"),
        (np.zeros((4, 4)), np.zeros((4, 4), int), {}, "prediction of type float64 is not class numbers"),
        (np.full((4, 4), 3), np.zeros((4, 4), int), {"classes": 2}, "from 0 to 3 but must be 0 to 1"),
        (np.full((4, 4), -1), np.zeros((4, 4), int), {}, "from -1 to 0"),
    ],
)
def test_what_cannot_be_compared(prediction, truth, options, words):
    with pytest.raises(PassbandError, match=words):
        overlap_scores(prediction, truth, **options)


@pytest.fixture
def specificity():
    """A score of what is not there, which none of the others counts."""
    score = SCORES.add(
        OverlapScore(
            name="specificity",
            says="share of the rest that was left alone",
            counts=lambda pair: (np.count_nonzero(~pair.prediction & ~pair.truth), np.count_nonzero(~pair.truth)),
        )
    )
    yield score
    SCORES.remove(score.name)


def test_a_toy_score_is_one_entry(specificity):
    # rejects scores that a result, a row or the table of the command names one by one
    prediction, truth = blobs(1, classes=2), blobs(2, classes=2)
    scores = overlap_scores(prediction, truth)
    oracle = recall_score(1 - truth.ravel(), 1 - prediction.ravel())
    assert scores["specificity"][1] == pytest.approx(oracle, rel=1e-12)
    row = scores.to_row(("film", "particle"))
    assert row["specificity_particle"] == scores["specificity"][1]
    shown = table([{"condition": "focus", **scores.mean(), "paper_loss": 0.1}]).splitlines()
    assert shown[0].split() == [
        "condition", "dice", "iou", "boundary_iou", "precision", "recall", "specificity", "paper_loss"
    ]  # fmt: skip

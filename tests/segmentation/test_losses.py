"""Losses against their formulas, written again in NumPy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from passband.segmentation.losses import (
    LossRecipe,
    cross_entropy,
    dice,
    focal,
    paper_loss,
    segmentation_loss,
)


def scene(seed=0, classes=3):
    generator = torch.Generator().manual_seed(seed)
    logits = 2.0 * torch.randn(2, classes, 6, 5, generator=generator)
    return logits, torch.randint(classes, (2, 6, 5), generator=generator)


def probabilities(logits):
    powers = np.exp(logits.double().numpy())
    return powers / powers.sum(1, keepdims=True)


def of_truth(p, target):
    return np.take_along_axis(p, target.numpy()[:, None], axis=1)[:, 0]


def test_cross_entropy_and_focal_formulas():
    logits, target = scene()
    p = of_truth(probabilities(logits), target)
    assert float(cross_entropy(logits, target)) == pytest.approx(-np.log(p).mean(), rel=1e-5)
    assert float(focal(logits, target, gamma=2.0)) == pytest.approx(-((1 - p) ** 2 * np.log(p)).mean(), rel=1e-5)
    assert float(focal(logits, target, gamma=0.0)) == pytest.approx(-np.log(p).mean(), rel=1e-5)


def test_class_weights_multiply_pixels():
    logits, target = scene()
    weights = torch.tensor([1.0, 5.0, 0.5])
    p, w = of_truth(probabilities(logits), target), weights.numpy()[target.numpy()]
    expected = -(w * np.log(p)).sum() / w.sum()
    assert float(cross_entropy(logits, target, class_weights=weights)) == pytest.approx(expected, rel=1e-5)
    assert float(focal(logits, target, gamma=0.0, class_weights=weights)) == pytest.approx(expected, rel=1e-5)


def test_dice_formula_leaves_the_background_out():
    logits, target = scene()
    p = probabilities(logits)
    ratios = []
    for number in (1, 2):
        t = target.numpy() == number
        ratios.append((2 * (p[:, number] * t).sum() + 1) / (p[:, number].sum() + t.sum() + 1))
    assert float(dice(logits, target)) == pytest.approx(1 - np.mean(ratios), rel=1e-5)


def one_hot_logits(target, size, classes=2):
    return size * torch.nn.functional.one_hot(target, classes).movedim(-1, 1).float()


@pytest.mark.parametrize("classes", [2, 4])
def test_perfect_answer_scores_zero_on_the_scale_of_the_paper(classes):
    target = torch.randint(classes, (2, 8, 8), generator=torch.Generator().manual_seed(1))
    assert abs(float(paper_loss(one_hot_logits(target, 50.0, classes), target))) < 1e-6
    for loss in (cross_entropy, dice, focal):
        assert float(loss(one_hot_logits(target, 50.0, classes), target)) < 1e-6


def test_paper_scale_of_undecided_and_of_wrong_pixels():
    target = torch.ones(1, 4, 4, dtype=torch.int64)
    floor = np.log1p(np.exp(-1.0))
    assert floor == pytest.approx(0.31326, abs=1e-5)  # spec, section 5
    assert float(paper_loss(torch.zeros(1, 2, 4, 4), target)) == pytest.approx(np.log(2) - floor, abs=1e-6)
    assert float(paper_loss(-one_hot_logits(target, 50.0), target)) == pytest.approx(1.0, abs=1e-6)


def test_paper_threshold_is_a_mean_error_of_nine_percent():
    """Spec, section 5: 0.05 on this scale is about 0.09 mean absolute error."""
    target = torch.ones(1, 1, 1, dtype=torch.int64)
    logit = float(np.log(0.91 / 0.09))
    assert float(paper_loss(one_hot_logits(target, logit), target)) == pytest.approx(0.05, abs=0.003)


@given(st.floats(-60, 60), st.sampled_from([0.5, 2.0]))
def test_focal_and_its_gradient_stay_finite(logit, gamma):
    logits = torch.tensor([logit, 0.0]).reshape(1, 2, 1, 1).requires_grad_()
    loss = focal(logits, torch.zeros(1, 1, 1, dtype=torch.int64), gamma=gamma)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_a_batch_without_particles_is_no_failure_of_dice():
    target = torch.zeros(2, 8, 8, dtype=torch.int64)
    assert float(dice(one_hot_logits(target, 30.0), target)) < 1e-6


def test_half_precision_logits_are_scored_in_single():
    logits, target = scene()
    half = logits.bfloat16()
    recipe = LossRecipe(terms={"cross_entropy": 1.0, "dice": 1.0, "focal": 1.0})
    loss = segmentation_loss(half, target, recipe)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, segmentation_loss(half.float(), target, recipe))


def test_recipe_is_the_weighted_sum_of_its_terms():
    logits, target = scene()
    recipe = LossRecipe(terms={"cross_entropy": 0.5, "dice": 2.0, "focal": 3.0}, focal_gamma=1.5)
    expected = 0.5 * cross_entropy(logits, target) + 2 * dice(logits, target) + 3 * focal(logits, target, gamma=1.5)
    torch.testing.assert_close(segmentation_loss(logits, target, recipe), expected)
    torch.testing.assert_close(segmentation_loss(logits, target, LossRecipe()), cross_entropy(logits, target))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"terms": {}}, "at least one loss"),
        ({"terms": {"dice": -1.0}}, "positive weight"),
        ({"terms": {"hinge": 1.0}}, "cross_entropy"),
        ({"class_weights": (1.0, -1.0)}, "one number ≥ 0"),
    ],
)
def test_recipes_without_meaning(fields, words):
    with pytest.raises(ValueError, match=words):
        LossRecipe(**fields)

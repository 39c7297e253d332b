"""The segmentation learner: augmentation by step, scores, and that it learns."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, jaccard_score
from torch import nn

from passband.segmentation.learner import SegmentationLearner
from passband.segmentation.losses import LossRecipe
from passband.segmentation.unet import UNetRecipe
from passband.training import TrainingRecipe, fit


def discs(step, size, side=64):
    """Textured discs in noise with their masks."""
    rng = np.random.default_rng([7, step])
    y, x = np.mgrid[:side, :side]
    images = rng.normal(size=(size, 1, side, side)).astype(np.float32)
    masks = np.zeros((size, side, side), np.int64)
    for image, mask in zip(images[:, 0], masks, strict=True):
        centre, radius = rng.uniform(14, side - 14, 2), rng.uniform(8, 14)
        inside = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2
        mask[inside] = 1
        image += 2.5 * inside
        image -= image.mean()
        image /= image.std()
    return SimpleNamespace(images=images, masks=masks)


def learner(**options):
    torch.manual_seed(0)
    return SegmentationLearner([UNetRecipe.preset("tiny").build()], LossRecipe(), **options)


def test_augmentation_follows_from_step_and_seed_alone():
    batch = discs(0, 4)
    one = learner(seed=1).eval()
    losses = [float(one.loss(batch, step=step).detach()) for step in (3, 4, 3)]
    assert losses[0] == losses[2]
    assert losses[0] != losses[1]
    assert float(learner(seed=2).eval().loss(batch, step=3).detach()) != losses[0]
    plain = learner(augment=False).eval()
    assert float(plain.loss(batch, step=3).detach()) == float(plain.loss(batch, step=4).detach())


def test_batch_is_not_edited():
    batch = discs(0, 2)
    before = batch.images.copy()
    learner().loss(batch, step=0).backward()
    np.testing.assert_array_equal(batch.images, before)


class Fixed(nn.Module):
    """Logits that are the image itself for class 1, so that scores are known."""

    def __init__(self, classes=2):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.classes = classes

    def forward(self, images):
        levels = torch.arange(self.classes, device=images.device).reshape(1, -1, 1, 1)
        return -self.scale * (images - levels).square()


@pytest.mark.parametrize("classes", [2, 3])
def test_scores_against_scikit_learn(classes):
    rng = np.random.default_rng(0)
    truth = rng.integers(classes, size=(6, 8, 8))
    images = (truth + 0.6 * rng.normal(size=truth.shape)).astype(np.float32)[:, None]
    parts = [SimpleNamespace(images=images[s], masks=truth[s]) for s in (slice(0, 1), slice(1, 6))]
    with torch.no_grad():
        scores = SegmentationLearner([Fixed(classes)], LossRecipe()).validate("set", parts)
    predicted = np.abs(images - np.arange(classes).reshape(1, -1, 1, 1)).argmin(1)
    labels = list(range(1, classes))
    flat = truth.ravel(), predicted.ravel()
    assert scores["dice"] == pytest.approx(f1_score(*flat, labels=labels, average="macro"), abs=1e-12)
    assert scores["iou"] == pytest.approx(jaccard_score(*flat, labels=labels, average="macro"), abs=1e-12)
    assert scores["accuracy"] == pytest.approx((truth == predicted).mean(), abs=1e-12)


def test_unequal_batches_weigh_by_their_images():
    batch = discs(3, 5)
    uneven = [SimpleNamespace(images=batch.images[s], masks=batch.masks[s]) for s in (slice(0, 1), slice(1, 5))]
    one = SegmentationLearner([Fixed()], LossRecipe(terms={"cross_entropy": 1.0}))
    with torch.no_grad():
        assert one.validate("a", uneven) == pytest.approx(one.validate("a", [batch]), rel=1e-6)


def test_empty_fields_have_no_overlap_and_empty_sets_are_refused():
    empty = SimpleNamespace(images=np.full((1, 1, 4, 4), -3.0, np.float32), masks=np.zeros((1, 4, 4), np.int64))
    one = SegmentationLearner([Fixed()], LossRecipe())
    with torch.no_grad():
        scores = one.validate("empty", [empty])
    assert np.isnan(scores["dice"])
    assert scores["accuracy"] == 1.0
    with pytest.raises(ValueError, match="validation set 'none' holds no batch"):
        one.validate("none", [])


def test_it_learns_and_resumes_bit_for_bit(tmp_path):
    recipe = TrainingRecipe(epochs=3, steps_per_epoch=10, batch_size=8, learning_rate=8e-3, monitor="paper_loss")
    sets = {"discs": [discs(10**6, 16)]}
    whole, first, rest = learner(), learner(), learner()
    history = fit(whole, discs, sets, recipe, tmp_path / "a")
    assert history.rows[-1]["dice"] > 0.8  # 0 at the start; the discs have a contrast of 2.5σ
    fit(first, discs, sets, recipe.model_copy(update={"epochs": 1}), tmp_path / "b")
    assert fit(rest, discs, sets, recipe, tmp_path / "b").rows == history.rows
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, rest.state_dict()[name]), name

"""Scores of an evaluation: overlaps of all pixels together, means of losses over images."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, jaccard_score, precision_score, recall_score

from passband.segmentation.losses import LossRecipe, paper_loss
from passband.segmentation.tally import Tally, tally_networks


def logits_of(predicted, classes):
    return 20.0 * torch.nn.functional.one_hot(torch.as_tensor(predicted), classes).movedim(-1, 1).float()


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_overlaps_against_scikit_learn(classes):
    """Rejects overlaps averaged over images, and recall in place of precision."""
    rng = np.random.default_rng(1)
    truth = rng.integers(classes, size=(4, 9, 7))
    predicted = np.where(rng.random(truth.shape) < 0.7, truth, 0)
    tally = Tally(LossRecipe())
    for part in (slice(0, 1), slice(1, 4)):
        tally.add(logits_of(predicted[part], classes), torch.as_tensor(truth[part]))
    oracles = {"dice": f1_score, "iou": jaccard_score, "precision": precision_score, "recall": recall_score}
    for name, oracle in oracles.items():
        expected = oracle(truth.ravel(), predicted.ravel(), labels=list(range(1, classes)), average="macro")
        assert tally.overlaps()[name] == pytest.approx(expected, abs=1e-12), name


def test_areas_of_images_add_up_to_the_dice_of_all():
    """Rejects areas that count the background, or once what is shared."""
    rng = np.random.default_rng(3)
    truth, predicted = rng.integers(2, size=(2, 3, 8, 8))
    together, both, either = Tally(LossRecipe()), 0.0, 0.0
    together.add(logits_of(predicted, 2), torch.as_tensor(truth))
    for k in range(3):
        one = Tally(LossRecipe())
        one.add(logits_of(predicted[k : k + 1], 2), torch.as_tensor(truth[k : k + 1]))
        both, either = both + one.areas()[0], either + one.areas()[1]
    assert both / either == together.scores()["dice"] == f1_score(truth.ravel(), predicted.ravel())


def test_what_is_undefined_is_nan():
    """Nothing is predicted: precision has no meaning, and a recall of 0 has."""
    truth = torch.ones(1, 4, 4, dtype=torch.int64)
    tally = Tally(LossRecipe())
    tally.add(logits_of(torch.zeros_like(truth), 2), truth)
    found = tally.overlaps()
    assert np.isnan(found["precision"])
    assert (found["recall"], found["dice"], found["iou"]) == (0.0, 0.0, 0.0)


def test_large_images_are_seen_a_few_at_a_time(monkeypatch):
    """Rejects a bound on images, whatever their size, and scores that depend on how many are seen at once."""
    masks = torch.as_tensor(np.random.default_rng(4).integers(2, size=(5, 8, 8)))
    batch = SimpleNamespace(images=masks[:, None].float(), masks=masks)
    shown = []

    def networks(images):
        shown.append(len(images))
        return [logits_of(images[:, 0].long(), 2)]

    cpu = torch.device("cpu")
    (whole,) = tally_networks(networks, [batch], LossRecipe(), device=cpu, name="set")
    monkeypatch.setattr("passband.segmentation.tally.PIXELS_AT_ONCE", 2 * 8 * 8 + 1)
    (parts,) = tally_networks(networks, [batch], LossRecipe(), device=cpu, name="set")
    assert shown == [5, 2, 2, 1]
    assert parts.scores() == pytest.approx(whole.scores(), rel=1e-6)


def test_several_networks_are_scored_in_their_order():
    masks = torch.as_tensor(np.random.default_rng(2).integers(2, size=(3, 4, 4)))
    batch = SimpleNamespace(images=masks[:, None].float(), masks=masks)

    def networks(images):
        right = logits_of(images[:, 0].long(), 2)
        return right, -right

    right, wrong = tally_networks(networks, [batch, batch], LossRecipe(), device=torch.device("cpu"), name="set")
    assert (right.scores()["accuracy"], wrong.scores()["accuracy"], right.images) == (1.0, 0.0, 6)
    assert wrong.scores()["paper_loss"] == pytest.approx(float(paper_loss(-logits_of(masks, 2), masks)), abs=1e-6)


def test_pooled_losses_do_not_depend_on_how_many_are_seen_at_once(monkeypatch):
    """Dice and weighted losses are of a batch: rejects a tally of each part."""
    rng = np.random.default_rng(4)
    truth = torch.as_tensor(rng.integers(2, size=(6, 8, 8)) * (np.arange(6) > 3)[:, None, None])
    images = torch.as_tensor(rng.normal(size=(6, 1, 8, 8)), dtype=torch.float32)
    recipe = LossRecipe(terms={"cross_entropy": 1.0, "dice": 1.0}, class_weights=(1.0, 5.0))
    batch, device = SimpleNamespace(images=images, masks=truth), torch.device("cpu")
    network = [lambda x: torch.cat([-x, x], dim=1)]

    def loss():
        (tally,) = tally_networks(lambda x: [one(x) for one in network], [batch], recipe, device=device, name="set")
        return tally.scores()["training_loss"]

    whole = loss()
    monkeypatch.setattr("passband.segmentation.tally.PIXELS_AT_ONCE", 2 * 8 * 8)
    assert loss() == pytest.approx(whole, rel=1e-12)

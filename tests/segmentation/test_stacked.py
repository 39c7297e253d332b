"""Stacked networks: each learns what it would have learned alone, taking turns or mapped over."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from passband.segmentation.learner import WORST, SegmentationLearner
from passband.segmentation.losses import LossRecipe
from passband.segmentation.networks import seeded_networks
from passband.segmentation.stacked import Mapped
from passband.segmentation.unet import UNetRecipe
from passband.training import TrainingRecipe, fit

NET = UNetRecipe(stem=4, encoder=(4, 4, 8, 8), decoder=(8, 8, 4, 4, 4), blocks=1)
TRAINING = TrainingRecipe(epochs=2, steps_per_epoch=3, batch_size=2, learning_rate=1e-2, average=0.5)
SEEDS = (3, 4, 9)


def batches(step: int, size: int) -> SimpleNamespace:
    generator = torch.Generator().manual_seed(step)
    images = torch.randn(size, 1, 64, 64, generator=generator)
    return SimpleNamespace(images=images, masks=(images[:, 0] > 0.3).long())


VALIDATION = {"set": [batches(10**6, 3), batches(10**6 + 1, 2)]}


def stacked(together="turns", seeds=SEEDS) -> SegmentationLearner:
    return SegmentationLearner(seeded_networks(NET, seeds), LossRecipe(), seed=7, together=together)


def test_a_network_in_a_stack_ends_with_the_bits_it_has_alone(tmp_path) -> None:
    learner = stacked()
    history = fit(learner, batches, VALIDATION, TRAINING, tmp_path / "stack")
    for k, (seed, network) in enumerate(zip(SEEDS, learner.separate(), strict=True)):
        alone = SegmentationLearner(seeded_networks(NET, [seed]), LossRecipe(), seed=7)
        own = fit(alone, batches, VALIDATION, TRAINING, tmp_path / str(seed))
        assert all(torch.equal(a, b) for a, b in zip(network.state_dict().values(), _state(alone), strict=True))
        assert own.column("dice") == history.column(f"dice.{k}")
        assert own.column("paper_loss") == history.column(f"paper_loss.{k}")


def _state(alone: SegmentationLearner):
    return alone.separate()[0].state_dict().values()


def test_mapped_over_they_learn_the_same_up_to_rounding(tmp_path) -> None:
    turns, mapped = stacked(), stacked("vmap")
    plain = TRAINING.model_copy(update={"average": 0.0, "epochs": 1, "optimiser": "sgd"})
    fit(turns, batches, VALIDATION, plain, tmp_path / "turns")
    fit(mapped, batches, VALIDATION, plain, tmp_path / "mapped")
    for one, other in zip(turns.separate(), mapped.separate(), strict=True):
        for name, value in one.state_dict().items():  # running statistics among them
            assert torch.allclose(value.double(), other.state_dict()[name].double(), rtol=2e-3, atol=2e-4), name


@pytest.mark.parametrize("together", ["turns", "vmap"])
def test_scores_are_of_each_network_their_mean_and_the_worst(together) -> None:
    learner = stacked(together).eval()
    with torch.no_grad():
        scores = learner.validate("set", VALIDATION["set"])
        alone = [
            SegmentationLearner([network], LossRecipe()).eval().validate("set", VALIDATION["set"])
            for network in learner.separate()
        ]
    losses = [row["paper_loss"] for row in alone]
    assert [scores[f"paper_loss.{k}"] for k in range(3)] == pytest.approx(losses, rel=1e-5)
    assert scores["paper_loss"] == pytest.approx(sum(losses) / 3, rel=1e-5)
    assert scores[WORST] == pytest.approx(max(losses), rel=1e-5)
    assert max(losses) > min(losses)


def test_seeds_decide_the_weights_and_leave_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    first, again, other = seeded_networks(NET, [3, 3, 4])
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(first.stem.weight, again.stem.weight)
    assert not torch.equal(first.stem.weight, other.stem.weight)


class _Scaled(nn.Module):
    """A buffer that its state leaves out, as positions or windows of other architectures are, and one that it keeps."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 2, 1)
        self.register_buffer("gain", torch.tensor([gain]), persistent=False)
        self.register_buffer("steps", torch.tensor([7.0 * gain]))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layer(images) * self.gain


def test_buffers_outside_the_state_stay_outside_it_and_keep_their_values() -> None:
    """Rejects a stack whose networks refuse its state, and one that leaves such buffers as `to_empty` made them."""
    mapped = Mapped([_Scaled(2.0), _Scaled(3.0)])
    assert set(mapped.state_dict()) == {"layer__weight", "layer__bias", "steps"}
    images = torch.randn(2, 1, 4, 4)
    together = mapped(images)
    for k, (network, gain) in enumerate(zip(mapped.separate(), (2.0, 3.0), strict=True)):
        assert (network.gain.item(), network.steps.item()) == (gain, 7.0 * gain)
        assert torch.allclose(network(images), together[k], atol=1e-6)


def test_a_stack_needs_a_network() -> None:
    with pytest.raises(ValueError, match="networks=\\[\\] is empty"):
        SegmentationLearner([], LossRecipe())

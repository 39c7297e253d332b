"""Schedules, optimisers and the learning-rate finder."""

import pytest
import torch
from torch import nn

from passband.training import TrainingError, TrainingRecipe, learning_rate_finder
from passband.training.optimising import WeightAverage, learning_rate, make_optimiser, set_rate


@pytest.mark.parametrize("gamma", [0.98, 0.99])
def test_step_schedule_is_torchs_step_lr(gamma):
    recipe = TrainingRecipe(epochs=6, steps_per_epoch=5, learning_rate=2.3e-3, gamma=gamma)
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=2.3e-3)
    oracle = torch.optim.lr_scheduler.StepLR(optimiser, step_size=5, gamma=gamma)
    for step in range(30):
        assert learning_rate(recipe, step) == pytest.approx(oracle.get_last_lr()[0], rel=1e-12)
        optimiser.step()
        oracle.step()


def test_cosine_schedule_is_torchs():
    recipe = TrainingRecipe(epochs=4, steps_per_epoch=5, learning_rate=0.1, schedule="cosine")
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    oracle = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=20)
    for step in range(20):
        assert learning_rate(recipe, step) == pytest.approx(oracle.get_last_lr()[0], rel=1e-9)
        optimiser.step()
        oracle.step()


def test_warm_up_rises_linearly_into_the_schedule():
    recipe = TrainingRecipe(learning_rate=1.0, schedule="constant", warmup_steps=10)
    assert [learning_rate(recipe, step) for step in (0, 4, 9, 10, 500)] == [0.1, 0.5, 1.0, 1.0, 1.0]


def test_warm_up_longer_than_the_training_is_refused():
    with pytest.raises(ValueError, match="warmup_steps=100 lasts all 10 steps"):
        TrainingRecipe(epochs=2, steps_per_epoch=5, warmup_steps=100)


def test_optimisers_and_their_rate():
    parameters = [nn.Parameter(torch.ones(2))]
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    for name, kind in kinds.items():
        optimiser = make_optimiser(TrainingRecipe(optimiser=name, momentum=0.7, weight_decay=0.1), parameters)
        assert type(optimiser) is kind
        assert optimiser.param_groups[0]["weight_decay"] == 0.1
        set_rate(optimiser, 0.25)
        assert optimiser.param_groups[0]["lr"] == 0.25
    assert make_optimiser(TrainingRecipe(optimiser="sgd", momentum=0.7), parameters).param_groups[0]["momentum"] == 0.7


class Parabola(nn.Module):
    """Loss ½ k w²: gradient descent falls fastest at 1/k and diverges from 2/k on."""

    def __init__(self, stiffness):
        super().__init__()
        self.weight = nn.Parameter(torch.full((8,), 3.0))
        self.stiffness = stiffness

    def loss(self, batch, *, step):
        return 0.5 * self.stiffness * self.weight.square().sum() + 1.0

    def validate(self, name, batches):
        return {"training_loss": 0.0}


@pytest.mark.parametrize("stiffness", [1.0, 100.0])
def test_finder_suggests_a_rate_that_converges_and_leaves_the_learner_alone(stiffness):
    learner = Parabola(stiffness)
    recipe = TrainingRecipe(optimiser="sgd", momentum=0.0)
    sweep = learning_rate_finder(learner, lambda step, size: None, recipe, lowest=1e-5, highest=100.0, steps=120)
    assert 0.005 / stiffness < sweep.suggestion < 2.0 / stiffness
    assert len(sweep.rates) == len(sweep.losses) >= 3
    assert torch.equal(learner.weight, torch.full((8,), 3.0))


def test_finder_says_when_nothing_falls():
    with pytest.raises(TrainingError, match="falls at no rate"):
        learning_rate_finder(Parabola(0.0), lambda step, size: None, TrainingRecipe(), steps=10)
    with pytest.raises(TrainingError, match="rates must rise"):
        learning_rate_finder(Parabola(1.0), lambda step, size: None, TrainingRecipe(), lowest=1.0, highest=0.1)
    with pytest.raises(TrainingError, match="diverges from the lowest rate"):
        learning_rate_finder(
            Parabola(1e9), lambda step, size: None, TrainingRecipe(optimiser="sgd"), lowest=1.0, highest=10.0
        )


@pytest.mark.parametrize("most", [0.5, 0.999])
def test_the_running_average_forgets_its_start_soon_and_counts_whole_numbers(most):
    learner = nn.BatchNorm1d(3)
    average = WeightAverage(learner, most)
    expected = learner.weight.detach().clone()
    for t in range(12):
        with torch.no_grad():
            learner.weight.normal_(generator=torch.Generator().manual_seed(t))
            learner.num_batches_tracked += 1
        average.update(learner)
        decay = min(most, (1.0 + t) / (10.0 + t))  # as in TensorFlow's ExponentialMovingAverage
        expected = decay * expected + (1.0 - decay) * learner.weight.detach()
        torch.testing.assert_close(average.tensors["weight"], expected)
        assert int(average.tensors["num_batches_tracked"]) == t + 1
    raw = learner.weight.detach().clone()
    with average.applied(learner):
        torch.testing.assert_close(learner.weight.detach(), expected)
    assert torch.equal(learner.weight.detach(), raw)


class Scripted(nn.Module):
    """Losses that are written down, whatever the weights."""

    def __init__(self, losses):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.losses = losses

    def loss(self, batch, *, step):
        return self.losses[step] + 0.0 * self.weight.sum()


def test_the_sweep_ends_at_four_times_the_lowest_smoothed_loss():
    learner = Scripted([10.0] * 10 + [1.0] * 40 + [8.0] * 50)
    recipe = TrainingRecipe(learning_rate=1.0, optimiser="sgd")
    sweep = learning_rate_finder(learner, lambda step, size: None, recipe, steps=100)
    mean, smoothed = 0.0, []
    for step, loss in enumerate(learner.losses):  # fastai's smoothing, and what takes its bias off
        mean = 0.9 * mean + 0.1 * loss
        smoothed.append(mean / (1.0 - 0.9 ** (step + 1)))
    end = next(step for step in range(100) if smoothed[step] > 4.0 * min(smoothed[: step + 1]))
    assert 50 < end < 65  # the first losses, ten times the lowest, would let it run on
    assert sweep.losses == pytest.approx(smoothed[:end], rel=1e-5)
    assert sweep.rates[-1] == pytest.approx(10.0 ** (6.0 * (end - 1) / 99 - 6.0))

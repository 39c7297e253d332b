"""Learners of several players: whose weights a turn changes, resume, history, and what is refused."""

import pytest
import torch
from torch import nn

from passband.training import TrainingError, TrainingRecipe, Turn, fit
from passband.training.checkpoint import read_checkpoint
from passband.training.optimising import learning_rate
from passband.training.turns import players_of

RECIPE = TrainingRecipe(epochs=4, steps_per_epoch=3, batch_size=4, learning_rate=0.01, schedule="constant")


class Duel(nn.Module):
    """A generator of numbers, its discriminator, a penalty at every second step, and an average that follows."""

    def __init__(self, broken_at=None):
        super().__init__()
        torch.manual_seed(3)
        self.generator, self.discriminator = nn.Linear(2, 1), nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1))
        self.register_buffer("average", self.generator.weight.detach().clone())
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.broken_at = broken_at
        self.seen = []

    def turns(self):
        judge = tuple(self.discriminator.parameters())
        return (
            Turn("generator", tuple(self.generator.parameters()), rate=0.5, betas=(0.0, 0.99)),
            Turn("discriminator", judge),
            Turn("penalty", judge),
        )

    def loss(self, batch, *, step, turn):
        if step == self.broken_at:
            raise RuntimeError
        self.seen.append((step, turn, [name for name, one in self.named_parameters() if one.requires_grad]))
        made = self.generator(torch.randn(len(batch), 2))
        match turn:
            case "generator":
                return -self.discriminator(made).mean()
            case "discriminator":
                return self.discriminator(made).mean() - self.discriminator(batch).mean()
        return self.discriminator(batch).square().mean() if step % 2 == 0 else None

    def stepped(self, step):
        assert not torch.is_grad_enabled()
        assert int(self.steps) == step
        self.steps += 1
        self.average.lerp_(self.generator.weight, 0.1)

    def validate(self, name, batches):
        return {"distance": float(sum((self.generator.bias - batch.mean()).abs().sum() for batch in batches))}


def batches(step, size):
    return 3.0 + torch.randn(size, 1, generator=torch.Generator().manual_seed(step))


VALIDATION = {"real": [batches(10**6, 16)]}


def bytes_of(learner):
    return {name: tensor.numpy().tobytes() for name, tensor in learner.state_dict().items()}


def test_each_turn_changes_its_own_parameters_alone():
    learner = Duel()
    for player in players_of(learner, RECIPE):
        before = bytes_of(learner)
        with player.alone():
            player.loss(learner, batches(0, 4), 0).backward()
        player.optimiser.step()
        after = bytes_of(learner)
        changed = {name.split(".")[0] for name in before if before[name] != after[name]}
        assert changed == {"generator" if player.turn == "generator" else "discriminator"}
        player.optimiser.zero_grad(set_to_none=True)
        assert all(one.grad is None for one in learner.parameters())
    assert all(one.requires_grad for one in learner.parameters())


def test_turns_come_in_order_and_an_idle_one_moves_nothing(tmp_path):
    learner = Duel()
    history = fit(learner, batches, VALIDATION, RECIPE, tmp_path)
    assert [(step, turn) for step, turn, _ in learner.seen[:6]] == [
        (step, turn) for step in (0, 1) for turn in ("generator", "discriminator", "penalty")
    ]
    assert all(
        all(name.startswith("generator" if t == "generator" else "discrim") for name in n) for _, t, n in learner.seen
    )
    row = history.rows[0]
    assert row["loss_penalty"] > 0.0
    assert row["train_loss"] == pytest.approx(sum(row[f"loss_{one.name}"] for one in learner.turns()))
    tensors, _ = read_checkpoint(tmp_path / "checkpoint.safetensors")
    counts = {name: int(value) for name, value in tensors.items() if name.endswith("0.step")}
    assert counts == {
        "optimiser_generator.0.step": 12,
        "optimiser_discriminator.0.step": 12 + 6,
    }  # shared with the penalty


def test_rate_and_betas_are_those_of_the_turn(tmp_path):
    generator, judge, penalty = players_of(Duel(), RECIPE)
    assert generator.optimiser.param_groups[0]["betas"] == (0.0, 0.99)
    assert judge.optimiser.param_groups[0]["betas"] == (0.9, 0.999)
    assert penalty.optimiser is judge.optimiser
    learner = Duel()
    start = learner.generator.bias.detach().clone()
    fit(learner, batches, {}, RECIPE.model_copy(update={"epochs": 1, "steps_per_epoch": 1}), tmp_path)
    assert float((learner.generator.bias.detach() - start).abs()) == pytest.approx(0.5 * 0.01, rel=1e-3)  # Adam


@pytest.mark.parametrize("changes", [{}, {"precision": "bfloat16"}, {"clip_norm": 0.1, "schedule": "linear_tail"}])
def test_interrupted_duel_ends_with_the_same_bytes(tmp_path, changes):
    recipe = RECIPE.model_copy(update=changes)
    whole = Duel()
    history = fit(whole, batches, VALIDATION, recipe, tmp_path / "whole")
    with pytest.raises(RuntimeError):
        fit(Duel(broken_at=8), batches, VALIDATION, recipe, tmp_path / "broken")
    resumed = Duel()
    assert fit(resumed, batches, VALIDATION, recipe, tmp_path / "broken").rows == history.rows
    assert bytes_of(resumed) == bytes_of(whole)
    assert int(resumed.steps) == 12
    assert not torch.equal(resumed.average, resumed.generator.weight)


def test_divergence_of_one_player_stops_all_and_keeps_the_last_good_epoch(tmp_path):
    def poisoned(step, size):
        return batches(step, size) * (float("nan") if step == 7 else 1.0)

    with pytest.raises(TrainingError, match="step 7"):
        fit(Duel(), poisoned, VALIDATION, RECIPE, tmp_path)
    tensors, state = read_checkpoint(tmp_path / "checkpoint.safetensors")
    assert state["epoch"] == 2
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())


def test_linear_tail_is_constant_and_then_falls_to_nothing():
    recipe = RECIPE.model_copy(update={"schedule": "linear_tail", "learning_rate": 1.0})
    rates = [learning_rate(recipe, step) for step in range(12)]
    assert rates[:7] == [1.0] * 7
    assert rates[6:] == pytest.approx([1.0 - number / 6 for number in range(6)])


def test_linear_tail_cannot_be_lengthened(tmp_path):
    recipe = RECIPE.model_copy(update={"schedule": "linear_tail"})
    fit(Duel(), batches, {}, recipe, tmp_path)
    with pytest.raises(TrainingError, match="other values: epochs"):
        fit(Duel(), batches, {}, recipe.model_copy(update={"epochs": 6}), tmp_path)


def test_a_monitored_duel_needs_its_score(tmp_path):
    recipe = RECIPE.model_copy(update={"keep": "best", "monitor": "distance"})
    assert fit(Duel(), batches, VALIDATION, recipe, tmp_path / "a").best_epoch >= 1
    with pytest.raises(TrainingError, match="monitor='training_loss' is no score"):
        fit(Duel(), batches, VALIDATION, RECIPE.model_copy(update={"keep": "best"}), tmp_path / "b")


class Wrong(Duel):
    def __init__(self, turns):
        super().__init__()
        self.wrong = turns

    def turns(self):
        return self.wrong(self)


@pytest.mark.parametrize(
    ("turns", "words"),
    [
        (lambda one: [Turn("a", tuple(one.generator.parameters()))], "4 parameters are of none of the turns"),
        (lambda one: [Turn("a", tuple(one.parameters())), Turn("b", (one.generator.bias,))], "share a part"),
        (lambda one: 2 * [Turn("a", tuple(one.parameters()))], "names of their own"),
    ],
)
def test_turns_that_cannot_be_taken(turns, words):
    with pytest.raises(ValueError, match=words):
        players_of(Wrong(turns), RECIPE)

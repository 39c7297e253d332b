from math import log

import pytest
import torch

from passband.generation.losses import discriminator_loss, generator_loss, r1_penalty


def test_losses_of_a_discriminator_that_knows_nothing() -> None:
    nothing = torch.zeros(4, 1)
    assert float(discriminator_loss(nothing, nothing)) == pytest.approx(2 * log(2), rel=1e-6)
    assert float(generator_loss(nothing)) == pytest.approx(log(2), rel=1e-6)


def test_losses_are_minus_logarithms_of_probabilities() -> None:
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.5, -3.0])
    wanted = -torch.log(torch.sigmoid(real)).mean() - torch.log(1 - torch.sigmoid(fake)).mean()
    torch.testing.assert_close(discriminator_loss(real, fake), wanted)
    torch.testing.assert_close(generator_loss(fake), -torch.log(torch.sigmoid(fake)).mean())


def test_generator_still_learns_from_a_sure_discriminator() -> None:
    fake = torch.tensor([-20.0], requires_grad=True)
    generator_loss(fake).backward()
    assert float(fake.grad) == pytest.approx(-1.0, abs=1e-6)  # of log(1 − D) it would be 2e-9


def test_r1_of_a_linear_discriminator() -> None:
    weights = torch.tensor([3.0, 4.0])
    inputs = torch.randn(7, 2, generator=torch.Generator().manual_seed(1), requires_grad=True)
    assert r1_penalty(inputs @ weights, inputs, 0.8).item() == pytest.approx(0.5 * 0.8 * 25.0)


def test_r1_is_of_single_images_and_can_be_descended() -> None:
    weights = torch.nn.Parameter(torch.tensor(2.0))
    inputs = torch.tensor([[1.0], [2.0]], requires_grad=True)
    penalty = r1_penalty(weights * inputs.square().sum(1), inputs, 1.0)  # gradients 2wx: 4, 8
    assert penalty.item() == pytest.approx(0.5 * (16 + 64) / 2)
    penalty.backward()
    assert float(weights.grad) == pytest.approx(0.5 * 2 * 2.0 * (4 + 16) / 2)

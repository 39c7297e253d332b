from math import log2

import pytest
import torch
from torch import Tensor

from passband.generation.ada import AdaptiveAugmentation
from passband.generation.stylegan2 import StyleGAN2
from passband.generation.stylegan2_learner import StyleGAN2Learner, StyleGAN2Losses, mixed
from passband.generation.stylegan2_losses import path_lengths, path_penalty

SMALL = StyleGAN2(size=32, latent=8, mapping_layers=2, capacity=128, most_channels=8)

LOSSES = StyleGAN2Losses()


def learner(
    losses: StyleGAN2Losses = LOSSES, augmentation: AdaptiveAugmentation | None = None, batch: int = 4
) -> StyleGAN2Learner:
    torch.manual_seed(0)
    return StyleGAN2Learner(SMALL, losses, augmentation, batch=batch)


def number(loss: Tensor | None) -> float:
    assert loss is not None
    return float(loss.detach())


def reals(count: int = 4) -> Tensor:
    return torch.randn(count, 1, 32, 32, generator=torch.Generator().manual_seed(5))


class Linear(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(32 * 32, generator=torch.Generator().manual_seed(1)))

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1) @ self.weight


def test_r1_of_a_linear_discriminator_and_its_lazy_weight() -> None:
    one = learner(StyleGAN2Losses(r1_gamma=0.6, r1_every=16))
    one.discriminator = Linear()
    wanted = 16 * 0.5 * 0.6 * number(one.discriminator.weight.square().sum())
    assert number(one.loss(reals(), step=32, turn="r1")) == pytest.approx(wanted, rel=1e-5)
    assert [one.loss(reals(), step=step, turn="r1") for step in (1, 15, 17)] == [None] * 3
    other = learner()
    other.discriminator = one.discriminator
    wanted *= 0.0002 * 32**2 / 4 / 0.6
    assert number(other.loss(reals(), step=32, turn="r1")) == pytest.approx(wanted, rel=1e-5)


def test_weight_of_r1_is_that_of_the_paper() -> None:
    assert StyleGAN2Losses().gamma(256, 64) == pytest.approx(0.0002 * 256**2 / 64)
    assert StyleGAN2Losses(r1_gamma=0.3).gamma(256, 64) == 0.3


def test_path_lengths_of_a_linear_generator() -> None:
    """Images A w of h · w pixels, A for each layer: ‖Aᵀ y‖² / pixels, meaned over layers."""
    generator = torch.Generator().manual_seed(2)
    layers, size, pixels = 3, 5, 16
    matrices = torch.randn(layers, pixels, size, generator=generator, dtype=torch.float64)
    w = torch.randn(2, layers, size, generator=generator, dtype=torch.float64, requires_grad=True)
    y = torch.randn(2, 1, 4, 4, generator=generator, dtype=torch.float64)
    images = torch.einsum("lps,nls->np", matrices, w).reshape(2, 1, 4, 4)
    lengths = path_lengths(images, w, y)
    wanted = torch.einsum("lps,np->nls", matrices, y.flatten(1)).square().sum(2).mean(1).div(pixels).sqrt()
    torch.testing.assert_close(lengths, wanted)
    mean = torch.tensor(0.7, dtype=torch.float64)
    torch.testing.assert_close(path_penalty(lengths, mean), ((wanted - 0.7) ** 2).mean())


def test_weight_of_path_lengths_is_that_of_the_paper() -> None:
    """With 2 log₂ r − 2 layers, weight 2 of the mean over layers is ln 2 / (ln r − ln 2) of the sum over layers."""
    for size in (64, 512):
        recipe = SMALL.model_copy(update={"size": size})
        assert 2.0 / recipe.layers == pytest.approx(1.0 / (log2(size) - 1.0))


def test_path_penalty_is_due_every_fourth_step_and_its_mean_follows() -> None:
    one = learner(StyleGAN2Losses(path_weight=2.0, path_every=4))
    assert [one.loss(reals(), step=step, turn="path_length") for step in (1, 2, 3)] == [None] * 3
    first = one.loss(reals(), step=4, turn="path_length")
    assert first is not None
    mean = float(one.path_mean)  # 0.01 of the mean length, as it began at 0
    assert number(first) == pytest.approx(4 * 2.0 * (100 * mean - mean) ** 2, rel=0.5)
    first.backward()
    assert all(torch.isfinite(p.grad).all() for p in one.generator.synthesis.parameters() if p.grad is not None)
    assert learner(StyleGAN2Losses(path_weight=0.0)).loss(reals(), step=0, turn="path_length") is None


def test_lazy_rates_and_betas() -> None:
    turns = {turn.name: turn for turn in learner().turns()}
    assert list(turns) == ["generator", "path_length", "discriminator", "r1"]
    for name, every in (("generator", 4), ("path_length", 4), ("discriminator", 16), ("r1", 16)):
        part = every / (every + 1)
        assert turns[name].rate == pytest.approx(part)
        assert turns[name].betas == (0.0, pytest.approx(0.99**part))
    unregularised = learner(StyleGAN2Losses(path_weight=0.0)).turns()[0]
    assert (unregularised.rate, unregularised.betas) == (1.0, (0.0, 0.99))


def test_half_life_of_the_average() -> None:
    """After the half-life, batch · 10 / 32 kimg, half of what was there is left: 5,000 images of batches of 16."""
    one = learner(batch=16)
    for tensor in one.average.buffers():
        tensor.fill_(1.0)
    for tensor in one.generator.state_dict().values():
        tensor.zero_()
    images = 0
    while images < 16 * 10_000 / 32:
        one.stepped(100_000)
        images += 16
    left = 0.5 ** (images / 5000)
    torch.testing.assert_close(next(one.average.buffers()).mean(), torch.tensor(left), rtol=1e-3, atol=0)
    assert StyleGAN2Losses(average_kimg=2.0).decay(10) == pytest.approx(0.5 ** (1 / 200))


def test_average_forgets_the_random_start_and_is_not_trained() -> None:
    one = learner()
    for tensor in one.generator.state_dict().values():
        tensor.add_(1.0)
    before = one.average.synthesis.constant.clone()
    one.stepped(0)  # decay (1 + 0) / (10 + 0)
    torch.testing.assert_close(one.average.synthesis.constant, before + 0.9)
    names = {name.split(".")[0] for name, _ in one.named_parameters()}
    assert names == {"generator", "discriminator"}
    assert set(one.average.state_dict()) == set(one.generator.state_dict())


def test_mixing_of_styles() -> None:
    first, second = torch.zeros(3, 4, 2), torch.ones(3, 2)
    found = mixed(first, second, torch.tensor([1, 3, 4]))[:, :, 0]
    assert found.tolist() == [[0, 1, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]]


def test_nine_of_ten_images_have_two_styles() -> None:
    """Of 4,000 draws 3,600 ± 19; crossings are anywhere between the layers."""
    generator = torch.Generator().manual_seed(1)
    crossings = learner()._crossings(4000, generator)
    assert int((crossings < SMALL.layers).sum()) == pytest.approx(3600, abs=80)
    assert set(crossings.tolist()) == set(range(1, SMALL.layers + 1))
    never = learner(StyleGAN2Losses(style_mixing=0.0))._crossings(50, generator)
    assert set(never.tolist()) == {SMALL.layers}


def test_mean_of_w_follows_the_mapping() -> None:
    one = learner()
    one.loss(reals(6), step=0, turn="generator")
    one.loss(reals(6), step=0, turn="discriminator")  # once a step
    wanted = one.generator.mapping(torch.randn(6, 8, generator=one.random(0, 0))).mean(0)
    torch.testing.assert_close(one.generator.mapping.mean, 0.005 * wanted)


def test_turns_are_the_same_again_and_differ_from_one_another() -> None:
    one = learner(augmentation=AdaptiveAugmentation(fixed=0.5))
    found = {turn: [number(learner(augmentation=AdaptiveAugmentation(fixed=0.5)).loss(reals(), step=0, turn=turn))
                    for _ in range(2)] for turn in ("generator", "path_length", "discriminator", "r1")}  # fmt: skip
    assert all(first == second for first, second in found.values())
    assert not torch.equal(one.fakes(2, one.random(0, 0)), one.fakes(2, one.random(0, 2)))
    assert not torch.equal(one.fakes(2, one.random(0, 0)), one.fakes(2, one.random(1, 0)))


def test_augmentation_is_of_real_and_fake_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    one = learner(augmentation=AdaptiveAugmentation(fixed=0.5))
    seen: list[tuple[int, float]] = []

    def augment(self: object, images: Tensor, p: float, generator: torch.Generator) -> Tensor:
        seen.append((len(images), p))
        return images * 0.0

    monkeypatch.setattr(AdaptiveAugmentation, "augment", augment)
    one.loss(reals(), step=0, turn="generator").backward()
    assert seen == [(4, 0.5)]
    one.loss(reals(), step=0, turn="discriminator")
    one.loss(reals(), step=0, turn="r1")
    assert seen == [(4, 0.5)] * 4  # of fakes for one player, of reals and fakes for the other, of reals for R1


def test_signs_of_real_logits_reach_the_control() -> None:
    one = learner(augmentation=AdaptiveAugmentation(kimg=0.064))
    one.discriminator = Linear()
    one.discriminator.weight.data.zero_()
    one.discriminator.forward = lambda images: images.mean((1, 2, 3)) * 0.0 + 1.0  # knows them by heart
    for step in range(4):
        one.loss(reals(), step=step, turn="discriminator")
        one.stepped(step)
    assert one.control.p == pytest.approx(16 / 64)
    assert one.validate("generated", ())["r_t"] == 1.0
    assert one.validate("generated", ())["kimg"] == pytest.approx(0.016)

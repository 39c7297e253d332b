import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from passband.generation.ada import AdaptiveAugmentation, AugmentationControl
from passband.generation.ada_blitting import blit

ALL = ("blit", "geometric", "colour", "filter", "noise", "cutout")


def images(count: int = 4, side: int = 32) -> Tensor:
    return torch.rand(count, 1, side, side, generator=torch.Generator().manual_seed(0)) * 2.0 - 1.0


@pytest.mark.parametrize("batch", [48, 64])
def test_p_rises_to_one_in_exactly_500_kimg_and_stays(batch: int) -> None:
    control = AugmentationControl(AdaptiveAugmentation())
    seen, history = 0, []
    while seen < 520_000:
        for _ in range(4):
            control.see(torch.ones(batch))
            seen += batch
        control.adjust()
        history.append((seen, control.p))
    assert all(p == min(1.0, count / 500_000) for count, p in history)
    assert next(count for count, p in history if p == 1.0) - 500_000 < 4 * batch


def test_p_falls_to_zero_and_stays() -> None:
    control = AugmentationControl(AdaptiveAugmentation(kimg=0.1))
    for logits, wanted in ((1.0, 0.4), (-1.0, 0.0), (-1.0, 0.0), (1.0, 0.4), (1.0, 0.8), (1.0, 1.0), (1.0, 1.0)):
        control.see(torch.full((40,), logits))
        control.adjust()
        assert control.p == pytest.approx(wanted)


def test_r_is_the_mean_sign_over_the_minibatches_and_is_compared_with_the_target() -> None:
    control = AugmentationControl(AdaptiveAugmentation(kimg=0.1, target=0.5))
    for logits in ([3.0, 0.1], [2.0, -9.0], [1.0, 1.0], [1.0, -1.0]):  # signs 1 1 1 −1 1 1 1 −1, whatever the sizes
        control.see(torch.tensor(logits))
    control.adjust()
    assert float(control.r) == 0.5
    assert control.p == 0.0  # at the target p stays
    control.see(torch.tensor([1.0, 1.0, 1.0, -0.1, 1.0]))
    control.adjust()
    assert float(control.r) == pytest.approx(0.6)  # of these alone
    assert control.p == pytest.approx(0.05)


def test_a_fixed_probability_does_not_follow() -> None:
    control = AugmentationControl(AdaptiveAugmentation(fixed=0.3))
    control.see(torch.ones(8))
    control.adjust()
    assert control.p == 0.3
    assert float(control.r) == 1.0


def test_control_is_kept_in_a_checkpoint() -> None:
    one, other = (AugmentationControl(AdaptiveAugmentation()) for _ in range(2))
    one.see(torch.ones(16))
    one.adjust()
    one.see(torch.ones(16))
    other.load_state_dict(one.state_dict())
    for control in (one, other):
        control.see(-torch.ones(8))
        control.adjust()
    assert (one.p, float(one.r)) == (other.p, float(other.r))
    assert float(one.r) == pytest.approx(8 / 24)  # the sign sum before the checkpoint counts


@pytest.mark.parametrize("rotations", [True, False])
@pytest.mark.parametrize("group", ALL)
def test_nothing_changes_at_p_zero(group: str, rotations: bool) -> None:
    augmentation = AdaptiveAugmentation(groups=(group,), rotations=rotations)
    before = images()
    assert augmentation.augment(before, 0.0, torch.Generator().manual_seed(1)).equal(before)


@pytest.mark.parametrize("group", ALL)
def test_changes_are_differentiable_finite_and_of_each_image(group: str) -> None:
    augmentation = AdaptiveAugmentation(groups=(group,), rotations=True)
    before = images(16).requires_grad_()
    after = augmentation.augment(before, 1.0, torch.Generator().manual_seed(1))
    assert after.shape == before.shape
    assert sum(not torch.equal(one, other) for one, other in zip(after, before, strict=True)) >= 12
    alone = augmentation.augment(images(16)[:1].expand(16, -1, -1, -1), 1.0, torch.Generator().manual_seed(1))
    assert len({one.sum().item() for one in alone}) > 4  # not one change for all
    (gradient,) = torch.autograd.grad(after.square().sum(), before)
    assert torch.isfinite(gradient).all()
    assert float(gradient.abs().max()) > 0.0
    jacobian = torch.autograd.functional.vjp(
        lambda x: augmentation.augment(x, 1.0, torch.Generator().manual_seed(1)), images(16), after.detach()
    )[1]
    assert jacobian.flatten(1).abs().sum(1).min() > 0.0


@pytest.mark.parametrize("group", ALL)
def test_each_change_happens_with_its_probability(group: str) -> None:
    """At p = 0.3 of 2,000 images some 0.3 are changed by a single change, more by several of a group."""
    augmentation = AdaptiveAugmentation(groups=(group,), rotations=False)
    before = images(1).expand(2000, -1, -1, -1)
    after = augmentation.augment(before, 0.3, torch.Generator().manual_seed(1))
    part = float((after != before).flatten(1).any(1).double().mean())
    # each with p, some choose the identity: a flip, a turn and an inversion every second time, a shift by 0 of 9 one
    still = {
        "blit": 0.85 * 0.85 * (1.0 - 0.3 * 8 / 9) ** 2,
        "geometric": 0.7**3,
        "colour": 0.7**2 * 0.85,
        "filter": 0.7**4,
        "noise": 0.7,
        "cutout": 0.7,
    }[group]
    assert part == pytest.approx(1.0 - still, abs=0.035)  # 3 σ


def test_groups_are_what_is_chosen() -> None:
    both = AdaptiveAugmentation(groups=("noise", "cutout"))
    flat = torch.full((64, 1, 32, 32), 0.5)
    after = both.augment(flat, 1.0, torch.Generator().manual_seed(0))
    assert (after == 0.0).any()
    only = AdaptiveAugmentation(groups=("blit", "geometric")).augment(flat, 1.0, torch.Generator().manual_seed(0))
    torch.testing.assert_close(only, flat, atol=1e-2, rtol=0)  # moving a flat image does nothing
    for wrong in ((), ("blit", "blit"), ("hue",)):
        with pytest.raises(ValidationError):
            AdaptiveAugmentation(groups=wrong)


def transitions(p: float) -> Tensor:
    """How often blit makes each of the four turns of an image (rows: before) of the others (columns): (4, 4)."""
    corner = torch.zeros(1, 1, 32, 32)
    corner[..., :12, 10:] = 1.0  # most of the upper side: which side it is at shows after a flip and a shift, too
    found = torch.zeros(4, 4, dtype=torch.float64)
    for k in range(4):
        turned = corner.rot90(k, (2, 3)).expand(3000, -1, -1, -1)
        seen = blit(turned, p, torch.Generator().manual_seed(k))
        top, left, bottom, right = seen[..., :3, :], seen[..., :3], seen[..., -3:, :], seen[..., -3:]
        side = torch.stack([one.sum((1, 2, 3)) for one in (top, left, bottom, right)]).argmax(0)
        found[k] = torch.bincount(side, minlength=4).double() / 3000
    return found


def mixing(p: float) -> Tensor:
    """The same of a known answer: (1 − p) I + p/4 for turns, and a flip that half of p swaps left and right with."""
    one = torch.eye(4, dtype=torch.float64)
    return ((1.0 - p) * one + p / 4.0) @ ((1.0 - p / 2.0) * one + p / 2.0 * one[[0, 3, 2, 1]])


def learnt(matrix: Tensor) -> Tensor:
    """What a generator of four turns learns that sees them through `matrix`, the data being turn 0 alone."""
    logits = torch.tensor([0.0, 0.1, 0.2, 0.1], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([logits], lr=0.02)
    for _ in range(1000):
        real, fake = matrix[0], logits.softmax(0) @ matrix
        best = real / (real + fake)  # the discriminator that tells them apart best (Goodfellow et al. 2014)
        loss = (real * best.log() + fake * (1.0 - best).log()).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return logits.detach().softmax(0)


@pytest.mark.parametrize("p", [0.5, 0.75, 1.0])
def test_turns_mix_as_they_must_not_to_leak(p: float) -> None:
    """Turning each chosen image would mix as (1 − p) I + p/3 (J − I), which cannot be undone at p = 0.75."""
    torch.testing.assert_close(transitions(p), mixing(p), atol=0.035, rtol=0)  # 4 σ


def test_turns_do_not_leak_up_to_p_of_0_8_and_do_at_1() -> None:
    """A generator that draws an image in four directions, the data one of them: known answer (1, 0, 0, 0)."""
    for p in (0.5, 0.8):
        assert float(learnt(mixing(p))[0]) > 0.95
    torch.testing.assert_close(learnt(mixing(1.0))[1], learnt(mixing(1.0))[0] * 1.105, rtol=1e-2, atol=0)  # as it began

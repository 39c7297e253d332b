from collections.abc import Iterator
from math import sqrt

import pytest
import torch
from torch.nn import functional as F

from passband.generation.resampling import smooth
from passband.generation.stylegan2_layers import (
    EqualConvolution,
    EqualLinear,
    ModulatedConvolution,
    StyledLayer,
    minibatch_deviation,
)


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    torch.manual_seed(3)
    with torch.no_grad():
        yield


def with_weights_of_each_image(layer: ModulatedConvolution, images: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """The paper's formulas as they stand (arXiv 1912.04958, eqs 1 and 3): a convolution of its own for each image."""
    found = []
    for image, style in zip(images, layer.style(w), strict=True):
        weight = layer.weight * layer.scale * style[None, :, None, None]
        if layer.demodulated:
            weight = weight / torch.sqrt(weight.square().sum((1, 2, 3), keepdim=True) + 1e-8)
        if layer.doubling:
            spread = image.new_zeros(1, len(image), 2 * image.shape[1] + 1, 2 * image.shape[2] + 1)
            spread[..., 1::2, 1::2] = image
            one = F.conv2d(F.pad(spread, (1, 1, 1, 1)), weight.flip(2, 3))
            found.append(smooth(one, padding=1, gain=4.0))
        else:
            found.append(F.conv2d(image[None], weight, padding=weight.shape[-1] // 2))
    return torch.cat(found)


@pytest.mark.parametrize(("doubling", "demodulated", "side"), [(False, True, 3), (True, True, 3), (False, False, 1)])
def test_scaling_images_is_the_same_as_weights_of_each(doubling: bool, demodulated: bool, side: int) -> None:
    layer = ModulatedConvolution(5, 7, side, 4, doubling=doubling, demodulated=demodulated).double()
    images, w = torch.randn(3, 5, 8, 8).double(), torch.randn(3, 4).double()
    torch.testing.assert_close(layer(images, w), with_weights_of_each_image(layer, images, w))


def test_demodulated_outputs_have_unit_variance() -> None:
    """Of unit normal inputs, whatever the style; of 4,000 pixels a channel the variance is known to 0.022 (1 σ)."""
    layer = ModulatedConvolution(64, 8, 3, 4)
    w = torch.randn(6, 4) * 5.0
    variance = layer(torch.randn(6, 64, 65, 65), w)[..., 1:-1, 1:-1].var((2, 3))
    assert float(variance.mean()) == pytest.approx(1.0, abs=0.02)
    assert float((variance - 1.0).abs().max()) < 0.12
    assert float(layer(torch.randn(6, 64, 9, 9), w, gain=3.0).var()) == pytest.approx(9.0, rel=0.2)


def test_equalised_rates_keep_the_scale_of_a_layer() -> None:
    for multiplier in (1.0, 0.01):
        dense = EqualLinear(400, 300, multiplier=multiplier, bias=0.5)
        assert float(dense.weight.std()) == pytest.approx(1.0 / multiplier, rel=0.02)
        found = dense(torch.randn(100, 400))
        assert float(found.mean()) == pytest.approx(0.5, abs=0.03)
        assert float(found.std()) == pytest.approx(1.0, rel=0.03)
        dense.bias.data += 1.0  # a step of an optimiser counts times the multiplier
        assert float((dense(torch.zeros(1, 400)) - 0.5).mean()) == pytest.approx(multiplier, rel=1e-4)
    convolution = EqualConvolution(64, 32, 3, activated=False)
    assert float(convolution.weight.std()) == pytest.approx(1.0, rel=0.02)
    assert float(convolution(torch.randn(2, 64, 40, 40))[..., 1:-1, 1:-1].std()) == pytest.approx(1.0, rel=0.05)


def test_rectifiers_keep_the_power_near_one() -> None:
    """Of a unit normal input: 2 · (1 + 0.2²) / 2 = 1.04."""
    found = EqualConvolution(64, 64, 3)(torch.randn(2, 64, 34, 34))[..., 1:-1, 1:-1]
    assert float(found.square().mean()) == pytest.approx(1.04, rel=0.05)
    dense = EqualLinear(64, 500, activated=True)(torch.randn(500, 64))
    assert float(dense.square().mean()) == pytest.approx(1.04, rel=0.05)


def test_a_halving_convolution_filters_first() -> None:
    """A chequerboard is at the Nyquist frequency: it is gone where the image is halved, up to the zeros around it."""
    layer = EqualConvolution(1, 3, 3, halving=True)
    chequers = (torch.arange(16)[:, None] + torch.arange(16)) % 2 * 2.0 - 1.0
    assert float(layer(chequers[None, None])[..., 2:-2, 2:-2].abs().max()) < 1e-6
    assert layer(chequers[None, None]).shape == (1, 3, 8, 8)


def test_noise_is_added_with_a_learnt_strength_that_begins_at_nothing() -> None:
    layer, images, w = StyledLayer(3, 4, 2), torch.randn(2, 3, 8, 8), torch.randn(2, 2)
    noise = torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(layer(images, w, noise), layer(images, w, 5.0 * noise))
    layer.strength.data.fill_(0.5)
    wanted = F.leaky_relu(layer.convolution(images, w) + 0.5 * noise, 0.2) * sqrt(2.0)
    torch.testing.assert_close(layer(images, w, noise), wanted)


def test_deviation_within_a_minibatch() -> None:
    same = torch.randn(1, 3, 4, 4).expand(8, -1, -1, -1)
    assert float(minibatch_deviation(same)[:, 3].abs().max()) == 0.0
    images = torch.randn(8, 3, 4, 4)
    found = minibatch_deviation(images)
    assert torch.equal(found[:, :3], images)
    for place in (0, 1):  # images 0, 2, 4, 6 are one group
        wanted = images[place::2].std(0, unbiased=False).mean()
        torch.testing.assert_close(found[place::2, 3], wanted.expand(4, 4, 4), atol=2e-4, rtol=0)


@pytest.mark.parametrize(("count", "groups"), [(1, 1), (2, 1), (3, 1), (5, 1), (6, 2), (7, 1), (8, 2)])
def test_groups_of_a_minibatch(count: int, groups: int) -> None:
    found = minibatch_deviation(torch.randn(count, 2, 4, 4))[:, 2, 0, 0]
    assert len(set(found.tolist())) == groups
    assert bool((found > 0.0).all()) == (count > 1)

"""The filter bank: turns with the image, knows frequencies, and knows the sign only when asked to."""

from math import pi

import pytest
import torch

from passband.forecast.channels import ChannelRecipe, channel_images
from passband.recipe import PassbandError


def noise(seed: int = 0, side: int = 48) -> torch.Tensor:
    return torch.randn((2, 1, side, side), generator=torch.Generator().manual_seed(seed))


def test_channels_turn_and_mirror_with_the_image() -> None:
    images, recipe = noise(), ChannelRecipe()
    seen = channel_images(images, recipe)
    assert seen.shape == (2, recipe.count, 48, 48)
    torch.testing.assert_close(
        channel_images(images.rot90(1, (-2, -1)), recipe), seen.rot90(1, (-2, -1)), atol=1e-4, rtol=1e-4
    )
    torch.testing.assert_close(channel_images(images.flip(-1), recipe), seen.flip(-1), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("sign", ["rectified", "dropped"])
def test_a_negative_is_the_same_without_signs(sign: str) -> None:
    recipe = ChannelRecipe.model_validate({"sign": sign})
    torch.testing.assert_close(channel_images(-noise(), recipe), channel_images(noise(), recipe), atol=1e-5, rtol=1e-5)


def test_a_negative_differs_with_signs() -> None:
    recipe = ChannelRecipe()
    means = slice(-len(recipe.means), None)
    seen, negative = (channel_images(images, recipe)[:, means] for images in (noise(), -noise()))
    torch.testing.assert_close(negative, -seen, atol=1e-5, rtol=1e-5)
    assert float(seen.abs().max()) > 0.1


@pytest.mark.parametrize("band", [1, 4, 6])
def test_a_wave_is_strongest_in_its_band_and_has_its_power(band: int) -> None:
    recipe = ChannelRecipe(means=(), windows=(4.0,))
    fraction = recipe.lowest + band * (recipe.highest - recipe.lowest) / (recipe.bands - 1)
    x = torch.arange(96.0)
    wave = torch.cos(pi * fraction * x).expand(96, 96)[None, None] * 2.0**0.5  # of unit variance
    energies = channel_images(wave, recipe)[0, :, 40:56, 40:56].mean((-2, -1))
    assert int(energies.argmax()) == band
    assert float(energies[band]) == pytest.approx(0.0, abs=0.02)  # ln 1: the band passes its centre


def test_images_must_be_larger_than_the_border() -> None:
    with pytest.raises(PassbandError, match="sides above border=16 pixels"):
        channel_images(torch.zeros((1, 1, 16, 40)), ChannelRecipe())

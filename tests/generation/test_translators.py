"""Generators of translations: the papers' sizes, a start that changes nothing, and no column that moves."""

import numpy as np
import pytest
import torch

from passband.generation.translator_resnet import ResNetTranslator
from passband.generation.translator_unet import UNetTranslator

RECIPES = [UNetTranslator(width=4, depth=3), ResNetTranslator(width=4, blocks=2), ResNetTranslator(width=4, depth=1)]


def built(recipe: UNetTranslator | ResNetTranslator, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return recipe.build()


def test_the_unet_of_the_paper_has_its_parameters() -> None:
    # 54.4 M: rejects a level too many or too few, and skips that are left out
    with torch.device("meta"):
        network = UNetTranslator().build()
    assert sum(one.numel() for one in network.parameters()) == pytest.approx(54.4e6, rel=2e-3)


def test_the_residual_network_of_the_paper_has_its_parameters() -> None:
    # 11.4 M of CycleGAN's ResNet-9; upsampling by 3 × 3 convolutions, as there
    with torch.device("meta"):
        network = ResNetTranslator().build()
    assert sum(one.numel() for one in network.parameters()) == pytest.approx(11.37e6, rel=2e-3)


@pytest.mark.parametrize("recipe", RECIPES)
def test_sides_are_kept_and_features_are_as_said(recipe: UNetTranslator | ResNetTranslator) -> None:
    network = built(recipe)
    images = torch.randn(2, 1, 2 * recipe.stride, 3 * recipe.stride)
    assert network(images).shape == images.shape
    features = network.features(images)
    assert tuple(one.shape[1] for one in features) == recipe.widths
    assert features[0] is images


@pytest.mark.parametrize("recipe", RECIPES)
def test_an_untrained_residual_generator_changes_little(recipe: UNetTranslator | ResNetTranslator) -> None:
    images = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        assert float((built(recipe)(images) - images).std()) < 0.3
        plain = built(recipe.model_copy(update={"residual": False}))(images)
        assert float(plain.abs().max()) < 1.0


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_smallest_crop_has_a_gradient(recipe: UNetTranslator | ResNetTranslator) -> None:
    # the lowest level of a U-Net is one pixel, which has no variance to normalise with
    side = max(recipe.stride, 8)
    network = built(recipe)
    network(torch.randn(1, 1, side, side)).square().mean().backward()
    assert all(torch.isfinite(one.grad).all() for one in network.parameters())


def test_the_residual_network_moves_nothing() -> None:
    # with symmetric filters a symmetric image stays symmetric: rejects halving that keeps the first of two pixels
    network = built(ResNetTranslator(width=4, blocks=1))
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 4:
                parameter.copy_(parameter + parameter.flip(-1))
                parameter.copy_(parameter + parameter.flip(-2))
    y, x = np.mgrid[:32, :32] - 15.5
    image = torch.from_numpy(np.exp(-(y**2 + x**2) / 30).astype(np.float32))[None, None]
    out = network(image).detach()
    torch.testing.assert_close(out, out.flip(-1), atol=1e-5, rtol=0)
    torch.testing.assert_close(out, out.flip(-2), atol=1e-5, rtol=0)

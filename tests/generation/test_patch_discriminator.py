"""PatchGAN: one output sees 70 × 70 pixels, and fewer where crops are small; least squares at known values."""

import pytest
import torch

from passband.generation.patch_discriminator import PatchDiscriminator, discriminator_loss, generator_loss


@pytest.mark.parametrize(("halvings", "side"), [(3, 70), (2, 34), (1, 16)])
def test_one_output_sees_as_many_pixels_as_the_recipe_says(halvings: int, side: int) -> None:
    recipe = PatchDiscriminator(width=4, halvings=halvings)
    assert recipe.receptive_field == side
    torch.manual_seed(0)
    network = torch.nn.Sequential(  # normalisation sees the whole image
        *(layer for layer in recipe.build() if not isinstance(layer, torch.nn.InstanceNorm2d))
    ).double()
    image = torch.randn(1, 1, 160, 160, dtype=torch.float64, requires_grad=True)
    out = network(image)
    middle = out.shape[-1] // 2
    out[0, 0, middle, middle].backward()
    seen = image.grad[0, 0] != 0
    assert (int(seen.any(1).sum()), int(seen.any(0).sum())) == (side, side)


@pytest.mark.parametrize(
    ("sides", "halvings"), [((256, 129), 3), ((70, 70), 3), ((64, 64), 2), ((64, 33), 1), ((9, 9), 1)]
)
def test_small_crops_get_fewer_halvings(sides: tuple[int, int], halvings: int) -> None:
    recipe = PatchDiscriminator(width=4).fitted(sides)
    assert recipe.halvings == halvings
    assert recipe.build()(torch.randn(1, 1, *(max(side, 16) for side in sides))).numel() > 0


def test_more_halvings_than_asked_for_are_never_taken() -> None:
    assert PatchDiscriminator(halvings=1).fitted((256, 256)).halvings == 1


def test_least_squares_at_known_values() -> None:
    half, one, zero = (torch.full((2, 1, 3, 3), value) for value in (0.5, 1.0, 0.0))
    assert float(discriminator_loss(half, half)) == pytest.approx(0.25)
    assert float(discriminator_loss(one, zero)) == 0.0
    assert float(discriminator_loss(zero, one)) == pytest.approx(1.0)
    assert float(generator_loss(one)) == 0.0
    assert float(generator_loss(zero)) == pytest.approx(1.0)

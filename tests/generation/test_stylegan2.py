from collections.abc import Iterator

import pytest
import torch
from pydantic import ValidationError

from passband.generation.resampling import double
from passband.generation.stylegan2 import Discriminator, Generator, StyleGAN2

SMALL = StyleGAN2(size=32, latent=8, mapping_layers=2, capacity=256, most_channels=16)


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    torch.manual_seed(4)
    with torch.no_grad():
        yield


@pytest.fixture
def generator() -> Generator:
    torch.manual_seed(1)
    return SMALL.build()


def test_layers_and_channels_are_those_of_the_paper() -> None:
    """At 1,024 pixels the paper has 18 styles and 32 channels; the largest here is 512: 16 and 64."""
    paper = StyleGAN2(size=512, latent=512, capacity=32768, most_channels=512)
    assert paper.layers == 16
    assert [paper.channels(side) for side in paper.sides] == [512, 512, 512, 512, 512, 256, 128, 64]
    assert paper.noise_sides[:3] == (4, 8, 8)


def test_sizes_that_are_no_power_of_two_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"size=100 is not one of .* use 128"):
        StyleGAN2(size=100)


def test_images_and_logits_have_their_shapes(generator: Generator) -> None:
    for size in (32, 64):
        recipe = SMALL.model_copy(update={"size": size})
        images = recipe.build()(torch.randn(3, recipe.latents))
        assert images.shape == (3, 1, size, size)
        assert Discriminator(recipe)(images).shape == (3,)


def test_one_image_is_a_function_of_its_own_latents(generator: Generator) -> None:
    latents = torch.randn(4, SMALL.latents)
    torch.testing.assert_close(generator(latents)[2:3], generator(latents[2:3]))
    other = latents.clone()
    other[:, SMALL.latent :] = torch.randn(4, SMALL.latents - SMALL.latent)
    torch.testing.assert_close(generator(other), generator(latents))  # noise has no strength before training
    for layer in (generator.synthesis.first, *generator.synthesis.doubling, *generator.synthesis.keeping):
        layer.strength.data.fill_(0.1)
    assert not torch.allclose(generator(other), generator(latents))


def test_only_the_direction_of_z_counts(generator: Generator) -> None:
    z = torch.randn(3, SMALL.latent)
    torch.testing.assert_close(generator.mapping(3.0 * z), generator.mapping(z))


def test_truncation_at_zero_is_the_mean_image(generator: Generator) -> None:
    latents = torch.randn(3, SMALL.latents)
    generator.mapping.mean.copy_(torch.randn(SMALL.latent))
    mean = generator.for_all_layers(generator.mapping.mean.expand(3, -1))
    noise = list(generator.noise_of(latents[:, SMALL.latent :]))
    torch.testing.assert_close(generator(latents, truncation=0.0), generator.synthesis(mean, noise))
    whole, half = generator.mapping(latents[:, : SMALL.latent]), generator.mapping.mean
    styles = generator.for_all_layers(half + 0.5 * (whole - half))
    torch.testing.assert_close(generator(latents, truncation=0.5), generator.synthesis(styles, noise))


def test_each_style_is_used(generator: Generator) -> None:
    w = torch.randn(1, SMALL.layers, SMALL.latent)
    noise = list(generator.noise_of(torch.zeros(1, SMALL.latents - SMALL.latent)))
    base = generator.synthesis(w, noise)
    for layer in range(SMALL.layers):
        other = w.clone()
        other[:, layer] += 1.0
        assert not torch.allclose(generator.synthesis(other, noise), base)


def test_images_are_summed_from_all_sizes(generator: Generator) -> None:
    """Skips: without the later toRGB an image is the coarsest one, doubled three times."""
    latents, synthesis = torch.randn(2, SMALL.latents), generator.synthesis
    w = generator.for_all_layers(generator.mapping(latents[:, : SMALL.latent]))
    noise = list(generator.noise_of(latents[:, SMALL.latent :]))
    synthesis.level.fill_(0.3)
    whole = synthesis(w, noise)
    for to in synthesis.to_image[1:]:
        to.weight.data.zero_()
    features = synthesis.first(synthesis.constant.expand(2, -1, -1, -1), w[:, 0], noise[0])
    coarsest = synthesis.to_image[0](features, w[:, 1]) + 0.3
    torch.testing.assert_close(synthesis(w, noise), double(double(double(coarsest))))
    assert not torch.allclose(synthesis(w, noise), whole)


def test_logits_of_an_image_depend_on_the_others_by_their_deviation_alone() -> None:
    torch.manual_seed(2)
    discriminator, images = Discriminator(SMALL), torch.randn(4, 1, 32, 32)
    shuffled = discriminator(images[[2, 0, 3, 1]])
    torch.testing.assert_close(shuffled, discriminator(images)[[2, 0, 3, 1]])
    assert not torch.allclose(discriminator(images[:1].expand(4, -1, -1, -1))[0], discriminator(images)[0])

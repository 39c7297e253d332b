"""Whole images on their way to a network, whatever their gain, gradients, outliers and borders."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from passband.patches.preparing import Preparation, gaussian_average, robustly_scaled
from passband.patches.symmetry import dihedral


def _texture(side: int = 96, seed: int = 0) -> torch.Tensor:
    return torch.randn(1, 1, side, side, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=20, deadline=None)
@given(gain=st.floats(1e-3, 1e4), offset=st.floats(-1e2, 1e2))
def test_gain_and_offset_do_not_matter(gain: float, offset: float) -> None:
    image = _texture().double()
    seen = Preparation().prepare(image * gain + offset * gain)
    torch.testing.assert_close(seen, Preparation().prepare(image).to(seen.dtype), atol=5e-3, rtol=0)


def test_hot_pixels_do_not_change_the_scale_of_the_rest() -> None:
    image = _texture()
    hot = image.clone()
    hot[..., 5::31, 7::29] = 1e4
    plain, seen = (Preparation(high_pass=None).prepare(one) for one in (image, hot))
    cold = hot == image
    assert float((seen - plain)[cold].abs().max()) < 0.05  # the standard deviation would be hundreds of times larger
    assert float(seen.max()) == Preparation().clip


def test_the_scale_is_that_of_the_most_common_texture() -> None:
    image = _texture()
    image[..., :30, :] *= 10.0  # a third of the field varies more
    assert float(robustly_scaled(image, clip=1e6)[..., 30:, :].std()) == pytest.approx(1.0, rel=0.35)
    assert float((image / image.std())[..., 30:, :].std()) < 0.25  # what a standard deviation makes of it


def test_a_slow_gradient_is_taken_away_and_fringes_are_kept() -> None:
    y, x = torch.meshgrid(torch.arange(160.0), torch.arange(160.0), indexing="ij")
    fringes = torch.cos(2 * torch.pi * x / 3.0)
    gradient = 20.0 * (y / 160.0)
    seen = Preparation(high_pass=12.0).prepare((fringes + gradient)[None, None])[0, 0]
    inner = seen[40:-40, 40:-40]
    assert float(torch.corrcoef(torch.stack([inner.flatten(), fringes[40:-40, 40:-40].flatten()]))[0, 1]) > 0.999
    kept = Preparation(high_pass=None).prepare((fringes + gradient)[None, None])[0, 0, 40:-40, 40:-40]
    assert float(torch.corrcoef(torch.stack([kept.flatten(), fringes[40:-40, 40:-40].flatten()]))[0, 1]) < 0.5


@pytest.mark.parametrize("element", range(8))
def test_turned_images_are_prepared_alike(element: int) -> None:
    image = _texture(64)
    turned = Preparation().prepare(dihedral(image, element))
    torch.testing.assert_close(turned, dihedral(Preparation().prepare(image), element), atol=1e-4, rtol=0)


def test_each_image_and_channel_has_a_scale_of_its_own() -> None:
    images = torch.cat([_texture(64, 1), 5.0 + 3.0 * _texture(64, 2)], dim=1)  # (1, 2, y, x)
    both = Preparation().prepare(images)
    alone = Preparation().prepare(images[:, 1:])
    torch.testing.assert_close(both[:, 1:], alone)
    assert float(both[:, 0].std()) == pytest.approx(1.0, rel=0.1)


def test_a_wide_border_of_one_value_leaves_finite_numbers() -> None:
    image = _texture()
    image[..., :60, :] = -3.0
    seen = Preparation().prepare(image)
    assert bool(torch.isfinite(seen).all())
    assert float(seen[..., 80:, :].std()) > 0.3


def test_an_even_image_is_nothing() -> None:
    assert not Preparation().prepare(torch.full((2, 1, 40, 40), 7.0)).any()


def test_the_average_keeps_a_constant_also_in_images_smaller_than_the_kernel() -> None:
    for side in (2, 5, 80):
        torch.testing.assert_close(
            gaussian_average(torch.ones(1, 1, side, side + 1), 12.0), torch.ones(1, 1, side, side + 1)
        )


def test_the_average_is_a_gaussian() -> None:
    spike = torch.zeros(1, 1, 121, 121)
    spike[..., 60, 60] = 1.0
    seen = gaussian_average(spike, 8.0)[0, 0]
    assert float(seen[60, 68] / seen[60, 60]) == pytest.approx(0.6065, abs=1e-3)
    assert float(seen.sum()) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("shape", [(130, 97), (32, 321), (1, 40)])
@pytest.mark.parametrize("deviation", [3.0, 64.0])
def test_the_average_is_that_of_a_mirrored_image(shape: tuple[int, int], deviation: float) -> None:
    """Rejects borders that are wrapped or zero, and a mirror on the outermost pixel instead of its edge."""
    image = _texture(400)[..., : shape[0], : shape[1]].cumsum(-1)
    wanted = gaussian_filter(image[0, 0].double().numpy(), deviation, mode="reflect", truncate=8.0)
    torch.testing.assert_close(
        gaussian_average(image, deviation)[0, 0].double(), torch.from_numpy(wanted), atol=1e-4, rtol=0
    )


def test_an_average_is_of_shapes_alone_and_single_under_autocast() -> None:
    """Rejects autocast where a device has none, as where memory is foretold, and matrices multiplied in half."""
    assert gaussian_average(torch.ones(2, 1, 40, 48, device="meta"), 8.0).shape == (2, 1, 40, 48)
    image = torch.rand(1, 1, 40, 48, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = gaussian_average(image, 8.0)
    torch.testing.assert_close(found, gaussian_average(image, 8.0), atol=0, rtol=0)

"""Each change does what the paper says, apart from whether it happens."""

from math import cos, pi, sin

import numpy as np
import pytest
import torch
from torch import Tensor

from passband.generation import ada_filtering, ada_geometry, ada_values
from passband.generation.ada_blitting import blit
from passband.generation.ada_filtering import cut_out, filter_bands, noise
from passband.generation.ada_geometry import drawn_maps, resampled, warp
from passband.generation.ada_values import change_values


def blobs(side: int = 32) -> Tensor:
    """A smooth image without symmetry, (1, 1, side, side), double."""
    y, x = torch.meshgrid(*(torch.arange(side, dtype=torch.float64) / side - 0.5,) * 2, indexing="ij")
    image = torch.exp(-((x - 0.1) ** 2 + (y + 0.12) ** 2) / 0.02) - torch.exp(-((x + 0.2) ** 2 + y**2) / 0.01)
    return image[None, None]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_blit_moves_whole_pixels_and_keeps_their_values() -> None:
    image = torch.arange(32.0 * 32.0).reshape(1, 1, 32, 32)
    seen = blit(image.expand(500, -1, -1, -1), 1.0, seeded())[:, 0]
    middle = seen[:, 8:-8, 8:-8].flatten(1)
    assert all(len(set(one.tolist())) == 256 for one in middle)  # no value twice within
    centre = image[0, 0, 16, 16]
    unmoved = [image[0, 0].rot90(k) for k in range(4)] + [image[0, 0].flip(1).rot90(k) for k in range(4)]
    found = {number for one in seen for number, wanted in enumerate(unmoved) if torch.equal(one, wanted)}
    assert found <= set(range(8))
    places = {tuple((one == centre).nonzero()[0].tolist()) for one in seen}
    assert {abs(y - 15.5) // 1 for y, _ in places} == {0, 1, 2, 3, 4}  # up to an eighth of 32 pixels, both ways


def test_blit_without_quarters_keeps_rows_rows() -> None:
    rows = torch.arange(32.0)[:, None].expand(1, 1, 32, 32)
    seen = blit(rows.expand(100, -1, -1, -1), 1.0, seeded(), quarters=False)
    assert bool((seen == seen[..., :1]).all())
    assert not bool((blit(rows.expand(100, -1, -1, -1), 1.0, seeded()) == seen).all())


@pytest.mark.parametrize("seed", range(3))
def test_blit_is_the_matrix_of_a_permutation_away_from_borders(seed: int) -> None:
    """Its gradient goes back to the pixels that it came from."""
    image = torch.randn(4, 1, 16, 16, generator=seeded(seed)).requires_grad_()
    seen = blit(image, 1.0, seeded(seed))
    weights = torch.randn(seen.shape, generator=seeded(9))
    (gradient,) = torch.autograd.grad((seen * weights).sum(), image)
    torch.testing.assert_close((gradient * image).sum(), (seen * weights).sum())


@pytest.mark.parametrize(
    ("linear", "shift"),
    [
        ([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]),
        ([[1.0, 0.0], [0.0, 1.0]], [0.07, -0.05]),
        ([[cos(0.4), -sin(0.4)], [sin(0.4), cos(0.4)]], [0.0, 0.0]),
        ([[1.2, 0.0], [0.0, 0.8]], [0.1, 0.0]),
    ],
)
def test_resampling_shows_each_place_at_its_map(linear: list[list[float]], shift: list[float]) -> None:
    """Against the formula of the image at the mapped places: within 1 % of its height, away from the borders."""
    side = 64
    maps = torch.tensor([[[*row, at] for row, at in zip(linear, shift, strict=True)]], dtype=torch.float64)
    y, x = torch.meshgrid(*((torch.arange(side, dtype=torch.float64) + 0.5) / side * 2.0 - 1.0,) * 2, indexing="ij")
    places = torch.stack([x, y, torch.ones_like(x)], dim=-1) @ maps[0].T

    def drawn(x: Tensor, y: Tensor) -> Tensor:
        return torch.exp(-((x - 0.2) ** 2 + (y + 0.3) ** 2) / 0.05) - torch.exp(-((x + 0.3) ** 2 + y**2) / 0.03)

    seen = resampled(drawn(x, y)[None, None], maps)[0, 0]
    inside = slice(8, -8)
    wanted = drawn(places[..., 0], places[..., 1])
    assert float((seen - wanted)[inside, inside].abs().max()) < 0.01


def test_resampling_keeps_a_constant_and_does_not_alias() -> None:
    maps = torch.tensor([[[2.0, 0.0, 0.1], [0.0, 2.0, 0.0]]], dtype=torch.float64)  # drawn at half the size
    flat = torch.full((1, 1, 32, 32), 0.7, dtype=torch.float64)
    torch.testing.assert_close(resampled(flat, maps), flat, atol=2e-3, rtol=0)
    stripes = torch.cos(pi * 0.9 * torch.arange(32, dtype=torch.float64)).expand(1, 1, 32, 32)
    assert float(resampled(stripes, maps)[..., 11:-11, 11:-11].abs().max()) < 0.01  # beyond Nyquist: gone, not folded


def test_maps_have_the_distributions_of_the_paper() -> None:
    """At p = 1, of 20,000 maps: the area is exp(2 · 0.2 ln 2 · N), shifts have deviation 0.125 of a side."""
    maps, changed = drawn_maps(20_000, 1.0, seeded(), rotations=True)
    assert bool(changed.all())
    linear = maps[:, :, :2]
    logarithm = torch.linalg.det(linear).log()
    assert float(logarithm.std()) == pytest.approx(2 * 0.2 * np.log(2.0), rel=0.02)
    shift = torch.linalg.solve(linear, maps[:, :, 2])
    assert float(shift.std()) == pytest.approx(2 * 0.125, rel=0.02)
    stretch = torch.linalg.svdvals(linear)
    ratio = (stretch[:, 0] / stretch[:, 1]).log()  # |2 · 0.2 ln 2 · N|
    assert float(ratio.square().mean().sqrt()) == pytest.approx(2 * 0.2 * np.log(2.0), rel=0.02)
    upright, _ = drawn_maps(200, 1.0, seeded(), rotations=False)
    assert float(upright[:, 0, 1].abs().max()) == float(upright[:, 1, 0].abs().max()) == 0.0


def test_images_are_turned_with_probability_p() -> None:
    """Two turns of 1 − √(1 − p) each: 0.5 of 20,000 ± 0.01 (3 σ)."""
    maps, _ = drawn_maps(20_000, 0.5, seeded(), rotations=True)
    assert float((maps[:, 0, 1] != 0.0).double().mean()) == pytest.approx(0.5, abs=0.011)


def test_warp_leaves_the_others_as_they_are() -> None:
    images = torch.rand(200, 1, 32, 32, generator=seeded(3))
    seen = warp(images, 0.2, seeded(), rotations=True)
    _, changed = drawn_maps(200, 0.2, seeded(), rotations=True)
    assert torch.equal(seen[~changed], images[~changed])
    assert not any(torch.equal(one, other) for one, other in zip(seen[changed], images[changed], strict=True))


def test_values_have_the_distributions_of_the_paper() -> None:
    low, high = torch.tensor(-0.5), torch.tensor(0.5)
    images = torch.stack([low, high]).expand(20_000, 1, 1, 2)
    seen = change_values(images, 1.0, seeded())[:, 0, 0]
    gain = seen[:, 1] - seen[:, 0]
    assert float((gain < 0).double().mean()) == pytest.approx(0.5, abs=0.011)
    assert float(gain.abs().log().std()) == pytest.approx(0.5 * np.log(2.0), rel=0.02)
    level = seen.sum(1) / (2.0 * gain)  # (v + level) · gain of both, halved
    assert float(level.std()) == pytest.approx(ada_values.BRIGHTNESS, rel=0.02)


def test_bands_sum_to_the_identity_and_separate_frequencies() -> None:
    bands = torch.from_numpy(ada_filtering._matrices(128))
    torch.testing.assert_close(bands.sum(0), torch.eye(128))
    for number, frequency in enumerate((1 / 32, 3 / 16, 3 / 8, 0.9)):  # of Nyquist, in the middle of a band
        wave = torch.cos(pi * frequency * torch.arange(128.0))
        power = (bands @ wave)[:, 20:-20].square().mean(1)
        assert int(power.argmax()) == number


def test_filters_keep_the_expected_power() -> None:
    """A signal with the powers (10, 1, 1, 1) / 13 in the four bands has, after any gains of one band, power 1."""
    gains = torch.tensor([[3.0, 1.0, 1.0, 1.0], [1.0, 1.0, 0.2, 1.0]])
    power = torch.tensor(ada_filtering.POWER)
    assert float(power.sum()) == pytest.approx(1.0)
    normal = gains * torch.rsqrt((gains.square() * power).sum(1, keepdim=True))
    torch.testing.assert_close((normal.square() * power).sum(1), torch.ones(2))
    flat = torch.full((500, 1, 32, 32), 0.5)
    seen = filter_bands(flat, 1.0, seeded())[:, 0, 16, 16]
    assert float(seen.std()) > 0.1  # the gain of the lowest band
    assert bool((seen > 0.0).all())


def test_noise_and_holes() -> None:
    flat = torch.full((3000, 1, 32, 32), 0.5)
    deviation = (noise(flat, 1.0, seeded()) - flat).std((1, 2, 3))
    assert float(deviation.square().mean().sqrt()) == pytest.approx(ada_filtering.NOISE, rel=0.05)
    assert float(deviation.min()) < 0.005  # half-normal: some are all but free of noise
    holes = cut_out(flat, 1.0, seeded())[:, 0] == 0.0
    sides = holes.any(2).sum(1), holes.any(1).sum(1)
    assert int(sides[0].max()) == int(sides[1].max()) == 16
    assert float(sides[0].double().mean()) == pytest.approx(14.0, abs=0.2)  # 16, less where it is over the border
    assert all(one.sum() == height * width for one, height, width in zip(holes, *sides, strict=True))


def test_resampling_in_both_directions_is_adjoint_where_it_must_be() -> None:
    up, down = ada_geometry._matrices(32)
    np.testing.assert_allclose(up.sum(1), 1.0, atol=2e-3)
    np.testing.assert_allclose(down.sum(1), 1.0, atol=1e-6)
    np.testing.assert_allclose(up[10:-10], 2.0 * down.T[15:-15], atol=1e-6)  # twice the pixels is half of them, turned
    assert up.shape == (64, 32)
    assert down.shape == (32, 74)
    smooth = blobs()[0, 0].numpy()
    np.testing.assert_allclose(
        (down @ np.pad(up @ smooth, ((5, 5), (0, 0)), mode="symmetric"))[8:-8], smooth[8:-8], atol=0.01
    )

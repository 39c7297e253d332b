"""The spectrum of a discriminator: the same wherever the image lies, of known height, standardised."""

import numpy as np
import pytest
import torch

from passband.generation.log_spectrum import FLOOR, LogSpectrum, drawn_segments, spectrum_shape, windowed_power

SEGMENTS_64 = drawn_segments(64, np.random.default_rng(0))


def waves(offset: tuple[float, float], side: int = 64) -> torch.Tensor:
    """Two waves of whole periods in a segment, half the crop, and a brightness."""
    y, x = np.mgrid[:side, :side].astype(float)
    y, x = y + offset[0], x + offset[1]
    image = 0.3 * np.cos(2 * np.pi * (6 * y + 12 * x) / side) + 0.2 * np.cos(2 * np.pi * (-14 * y + 8 * x) / side) + 0.1
    return torch.from_numpy(image)[None, None].float()


def test_a_lattice_looks_the_same_wherever_it_lies() -> None:
    # rejects the real part, a phase, and a mean that is left in
    view = LogSpectrum(64)
    first = view(waves((0.0, 0.0)), SEGMENTS_64)
    for offset in ((3.0, 5.0), (0.37, 7.21), (31.5, 2.0)):
        torch.testing.assert_close(view(waves(offset), SEGMENTS_64), first, atol=2e-3, rtol=0)
    assert float((view(waves((0.0, 0.0)).transpose(-1, -2), SEGMENTS_64) - first).abs().max()) > 1.0


def test_brightness_is_not_told() -> None:
    # rejects a mean that is left in, which the window spreads over the lowest frequencies
    torch.testing.assert_close(
        windowed_power(waves((0.0, 0.0)) + 5.0, SEGMENTS_64),
        windowed_power(waves((0.0, 0.0)), SEGMENTS_64),
        atol=1e-4,
        rtol=0,
    )


def test_the_window_takes_the_cross_of_the_borders_away() -> None:
    # a wave of a broken period in a segment, far from it along both axes: a thousandth of the power without the window
    y, x = np.mgrid[:128, :128].astype(float)
    image = torch.from_numpy(np.cos(2 * np.pi * (10.5 * y + 10.5 * x) / 64)).float()[None, None]
    power = windowed_power(image, [(0, 0)])[0, 0]
    plain = torch.fft.fftshift(torch.fft.rfft2(image[..., :64, :64], norm="ortho").abs().square(), dim=-2)[0, 0]
    far = (slice(0, 8), slice(24, 33))
    assert float(power[far].mean()) < 1e-3 * float(plain[far].mean())


def test_a_known_wave_stands_where_it_should() -> None:
    y, _ = np.mgrid[:64, :64].astype(float)
    power = windowed_power(torch.from_numpy(np.cos(2 * np.pi * 5 * y / 32)).float()[None, None], SEGMENTS_64)[0]
    assert power.shape == (9, *spectrum_shape(64)) == (9, 32, 17)
    assert all(divmod(int(one.argmax()), 17) in ((16 + 5, 0), (16 - 5, 0)) for one in power)


def test_a_point_is_told_from_noise() -> None:
    # rejects the spectrum of the whole crop, in which a point in the middle is as white as noise
    point = torch.zeros(1, 1, 64, 64)
    point[..., 32, 32] = 1.0
    noise = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    segments = [(16, 16), (0, 0), (32, 0), (16, 32)]
    shares = [one.sum((-2, -1)) / one.sum() for one in (windowed_power(image, segments)[0] for image in (point, noise))]
    assert float(shares[0][0]) > 0.9  # the segment in the middle
    assert float(shares[1].max()) < 0.4


@pytest.mark.parametrize("side", [32, 128])
def test_white_noise_has_the_same_power_at_any_size(side: int) -> None:
    noise = 0.2 * torch.randn(64, 1, side, side, generator=torch.Generator().manual_seed(1))
    inner = windowed_power(noise, drawn_segments(side, np.random.default_rng(1)))[..., 2:-1]
    assert float(inner.mean()) == pytest.approx((3 / 8) ** 2 * 0.04, rel=0.05)


def test_measured_spectra_are_standardised() -> None:
    generator = torch.Generator().manual_seed(2)
    images = waves((0.0, 0.0)) + 0.1 * torch.randn(200, 1, 64, 64, generator=generator)
    view = LogSpectrum(64)
    view.measure(images[:100], SEGMENTS_64)
    shown = view(images[100:], SEGMENTS_64)
    assert float(shown.mean()) == pytest.approx(0.0, abs=0.03)
    assert float(shown.std()) == pytest.approx(1.0, abs=0.05)
    assert torch.isfinite(view(torch.zeros(1, 1, 64, 64), SEGMENTS_64)).all()
    assert float(view.state_dict()["mean"].mean()) > np.log(FLOOR)


def test_gradients_reach_the_image() -> None:
    image = (0.1 * torch.randn(1, 1, 32, 32)).requires_grad_()
    LogSpectrum(32)(image, [(0, 0), (7, 16)]).sum().backward()
    assert torch.isfinite(image.grad).all()
    assert float(image.grad.abs().max()) > 0.0


def test_segments_are_whole_and_lie_anywhere() -> None:
    rng = np.random.default_rng(2)
    corners = np.array([drawn_segments(64, rng) for _ in range(200)])
    assert corners.shape == (200, 9, 2)
    assert (corners.min(), corners.max()) == (0, 32)
    assert corners.mean() == pytest.approx(16.0, abs=1.0)

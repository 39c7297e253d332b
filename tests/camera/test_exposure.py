"""Before counting: motion and blur as their formulas say, illumination slow and of the amplitude asked for."""

from math import pi

import numpy as np
import pytest
import torch

from passband.camera.camera import Camera
from passband.camera.exposure import exposure_transfer, illumination
from passband.camera.recording import exposed
from passband.microscope.conditions import MTF, Conditions

PIXEL = 0.5  # Å


def grating(lines_y, lines_x, side=64):
    y, x = np.mgrid[:side, :side] / side
    return torch.from_numpy(1.0 + 0.3 * np.cos(2.0 * pi * (lines_y * y + lines_x * x)))


def amplitude(image):
    return float((image.max() - image.min()) / 2.0 / 0.3)


@pytest.mark.parametrize("drift", [0.0, 1.0, 2.0, 3.7])
def test_drift_leaves_a_sinc_of_a_line_grating_along_it_and_all_of_one_across(drift):
    # 8 lines on 32 Å: q = 0.25 Å⁻¹; a Gaussian of the same variance would leave exp(−π²q²d²/6)
    camera = Camera(drift=drift, drift_direction=0.0)
    along, across = (exposed(grating(*q), Conditions(), camera, pixel_size=PIXEL) for q in ((0, 8), (8, 0)))
    assert amplitude(along) == pytest.approx(abs(np.sinc(0.25 * drift)), abs=1e-9)
    assert amplitude(across) == pytest.approx(1.0)
    turned = exposed(grating(8, 0), Conditions(), Camera(drift=drift, drift_direction=pi / 2), pixel_size=PIXEL)
    assert amplitude(turned) == pytest.approx(abs(np.sinc(0.25 * drift)), abs=1e-9)


def test_direction_of_a_drift_turns_from_x_towards_y():
    camera = Camera(drift=4.0, drift_direction=pi / 4)
    with_it, against = (exposed(grating(*q), Conditions(), camera, pixel_size=PIXEL) for q in ((6, 6), (6, -6)))
    assert amplitude(against) == pytest.approx(1.0)
    assert amplitude(with_it) == pytest.approx(abs(np.sinc(4.0 * 6.0 * 2.0**0.5 / 32.0)), abs=1e-9)


def test_vibration_is_in_ångström_and_blur_in_camera_pixels():
    q, f = 8.0 / 32.0, 8.0 / 64.0
    for camera, expected in (
        (Camera(vibration=0.8), np.exp(-2.0 * (pi * 0.8 * q) ** 2)),
        (Camera(blur=0.8), np.exp(-2.0 * (pi * 0.8 * f) ** 2)),
    ):
        assert amplitude(exposed(grating(0, 8), Conditions(), camera, pixel_size=PIXEL)) == pytest.approx(expected)


def test_the_mtf_of_the_conditions_damps_beside_the_camera():
    both = exposed(grating(0, 8), Conditions(mtf=MTF(half_at=0.5)), Camera(blur=0.8), pixel_size=PIXEL)
    assert amplitude(both) == pytest.approx(0.5**0.25 * np.exp(-2.0 * (pi * 0.1) ** 2))


def test_a_camera_that_blurs_nothing_leaves_the_image():
    assert exposure_transfer((8, 8), Camera(gradient=0.5), pixel_size=1.0) is None
    image = torch.rand(8, 8)
    assert torch.equal(exposed(image, Conditions(), Camera(), pixel_size=1.0), image)


@pytest.mark.parametrize("shift", [0.25, -0.4, 3.0])
def test_shift_says_where_a_pixel_looks(shift):
    smooth = exposed(grating(3, 5), Conditions(), Camera(), pixel_size=PIXEL, shift=shift)
    y, x = (np.mgrid[:64, :64] + shift) / 64
    expected = torch.from_numpy(1.0 + 0.3 * np.cos(2.0 * pi * (3 * y + 5 * x)))
    torch.testing.assert_close(smooth, expected)


def slow(camera, seed=0, shape=(96, 96)):
    like = torch.ones(1, dtype=torch.float64)
    return illumination(shape, camera, like=like, generator=torch.Generator().manual_seed(seed))


def test_a_gradient_is_linear_and_as_steep_as_it_says():
    for seed in range(5):
        factor = slow(Camera(gradient=0.2), seed)
        steps_y, steps_x = factor.diff(dim=0), factor.diff(dim=1)
        torch.testing.assert_close(steps_y, steps_y[0, 0].expand_as(steps_y))
        assert float(torch.hypot(steps_y[0, 0], steps_x[0, 0])) == pytest.approx(0.2 / 96)
        assert float(factor.mean()) == pytest.approx(1.0)
    assert not torch.equal(slow(Camera(gradient=0.2), 1), slow(Camera(gradient=0.2), 2))


def test_an_uneven_field_is_slow():
    for seed in range(5):
        factor = slow(Camera(unevenness=0.05), seed)
        assert float(factor.std()) == pytest.approx(0.05, rel=1e-6)
        assert float(factor.mean()) == pytest.approx(1.0)
        # bumps of half a side and more: a polynomial of fourth order along each side leaves nothing
        basis = np.vander(np.linspace(-1.0, 1.0, 96), 5)
        smooth = np.linalg.pinv(basis) @ factor.numpy() @ np.linalg.pinv(basis).T
        left = factor.numpy() - basis @ smooth @ basis.T
        assert left.std() < 0.02 * 0.05
    assert slow(Camera()) is None

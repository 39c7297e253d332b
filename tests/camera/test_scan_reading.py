"""Ideal images and labels read along a path: the spline, tails, registration of image, labels and positions."""

from math import pi

import numpy as np
import pytest
import torch

from passband.camera.scan_path import recorded_positions, scan_path
from passband.camera.scan_reading import scanned, scanned_labels
from passband.camera.scanner import Scanner
from passband.recipe import PassbandError

PLAIN = {"dwell_time": 1e-5, "beam_current": 3e-11}


def drawn(shape=(64, 48), *, pixel_size=0.2, seed=0, origin=(0.0, 0.0), **values):
    return scan_path(
        Scanner(**PLAIN | values), shape, pixel_size=pixel_size, rng=np.random.default_rng(seed), origin=origin
    )


def columns_of_atoms(points, pixels, side, width):
    """Sum of Gaussians of standard deviation `width` Å at points (y, x) Å of a periodic square of `side` Å."""
    grid = torch.arange(pixels, dtype=torch.float64) * (side / pixels)
    image = torch.zeros(pixels, pixels, dtype=torch.float64)
    for y, x in points:
        away = [(grid - one + side / 2.0) % side - side / 2.0 for one in (y, x)]
        along = [torch.exp(-0.5 * (one / width) ** 2) for one in away]
        image += along[0][:, None] * along[1][None, :]
    return image


@pytest.mark.parametrize(("frequency", "most"), [(0.125, 2.2e-3), (0.25, 0.041)])
def test_waves_are_read_between_the_pixels(frequency, most):
    # a cubic spline errs by 0.107 % of a wave along one axis, and by 2.0 %; linear interpolation by 7.6 % and 29 %
    pixels, step = 64, torch.arange(64, dtype=torch.float64)
    ideal = torch.cos(2.0 * pi * frequency * step)[:, None] * torch.sin(2.0 * pi * frequency * step)[None, :]
    path = drawn((40, 40), pixel_size=0.137, origin=(-7.3, 11.1))
    y, x = (one / 0.1 for one in path.specimen(torch.arange(40.0).double()[:, None], torch.arange(40.0).double()))
    expected = torch.cos(2.0 * pi * frequency * y) * torch.sin(2.0 * pi * frequency * x)
    assert (scanned(ideal, path, pixel_size=0.1) - expected).abs().max() < most
    same = drawn((pixels, pixels), pixel_size=0.1)
    torch.testing.assert_close(scanned(ideal, same, pixel_size=0.1), ideal)


def test_the_image_is_that_of_the_path_and_the_input_is_left():
    ideal = columns_of_atoms([(3.0, 4.0), (6.5, 2.5)], 100, 10.0, 0.6)
    before = ideal.clone()
    path = drawn((60, 50), jitter=0.5, drift=20.0, drift_direction=1.0, rotation=0.3, flyback=3.0, hum=0.3)
    y, x = path.specimen(torch.arange(60.0).double()[:, None], torch.arange(50.0).double()[None, :])
    expected = sum(
        torch.exp(-0.5 * sum(((one - c + 5.0) % 10.0 - 5.0) ** 2 for one, c in zip((y, x), point, strict=True)) / 0.36)
        for point in ((3.0, 4.0), (6.5, 2.5))
    )
    torch.testing.assert_close(scanned(ideal, path, pixel_size=0.1), expected, rtol=0.0, atol=2e-4)
    assert torch.equal(ideal, before)
    single = scanned(ideal.float(), path, pixel_size=0.1)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), expected, rtol=0.0, atol=2e-4)


def test_atoms_are_brightest_where_their_positions_say():
    points = np.array([(5.0 + 4.0 * k, 4.0 + 3.0 * m) for k in range(4) for m in range(5)])
    ideal = columns_of_atoms(points, 250, 25.0, 0.5)
    path = drawn(
        (160, 140),
        pixel_size=0.12,
        origin=(3.0, 2.0),
        drift=6.0,
        drift_direction=2.2,
        rotation=0.2,
        flyback=3.0,
        settling_time=3e-4,
    )
    image, found = scanned(ideal, path, pixel_size=0.1).numpy(), recorded_positions(path, points)
    seen = [one for one in found if 14 <= one[0] < 146 and 14 <= one[1] < 126]
    assert len(seen) >= 12
    for place in seen:
        row, column = np.round(place).astype(int)
        inner = np.log(image[row - 2 : row + 3, column - 2 : column + 3])
        grid = np.mgrid[-2:3, -2:3].reshape(2, -1)
        terms = np.stack([np.ones(25), *grid, grid[0] ** 2, grid[0] * grid[1], grid[1] ** 2], axis=1)
        _, b, c, d, e, f = np.linalg.lstsq(terms, inner.ravel(), rcond=None)[0]
        away = np.linalg.solve(-np.array([[2.0 * d, e], [e, 2.0 * f]]), [b, c])
        np.testing.assert_allclose(away + np.array([row, column]), place, atol=0.01)


@pytest.mark.parametrize(("weighing", "spread"), [("least squares", 1.0 / np.sqrt(2.0)), ("counts", 1.0)])
def test_a_fit_finds_a_jittered_column_where_the_average_over_its_rows_says(weighing, spread):
    # the promise of `spread`: first-order shift of a fitted Gaussian, Σ w·j / Σ w over the rows of the image itself
    width, side = 3.0, 24.0  # pixels of 0.2 Å, Å
    points = np.array([(4.0 + 4.0 * k, 12.0) for k in range(5)])
    ideal = columns_of_atoms(points, 240, side, 0.2 * width)
    off, plain = [], []
    for seed in range(20):
        path = drawn((120, 120), jitter=0.2, seed=seed)
        image, found = (
            scanned(ideal, path, pixel_size=0.1).numpy(),
            recorded_positions(path, points, spread=spread * width),
        )
        for (row, _), place, without in zip(points / 0.2, found, recorded_positions(path, points), strict=True):
            rows = np.arange(int(row) - 9, int(row) + 10)
            columns = np.arange(40, 81)
            model = np.exp(-0.5 * ((rows[:, None] - row) ** 2 + (columns - 60.0) ** 2) / width**2)
            slope = model * (columns - 60.0) / width**2
            weight = np.ones_like(model) if weighing == "least squares" else 1.0 / model
            moved = np.sum(weight * slope * (image[rows][:, columns] - model)) / np.sum(weight * slope**2)
            off.append(60.0 + moved - place[1])
            plain.append(60.0 + moved - without[1])
    assert np.std(off) < 0.015
    assert np.std(plain) > 5.0 * np.std(off)


def test_tails_take_a_fraction_of_the_beam_far_away():
    ideal = torch.zeros(256, 256, dtype=torch.float64)
    ideal[128, 128] = 1.0
    path = drawn((256, 256), pixel_size=0.1, tails=0.3, tail_width=0.5)
    image = scanned(ideal, path, pixel_size=0.1)
    assert image.sum().item() == pytest.approx(1.0)  # no electron is lost
    r = torch.hypot(*torch.meshgrid(*[(torch.arange(256.0).double() - 128.0) * 0.1] * 2, indexing="ij"))
    law = 0.3 * 0.1**2 * 0.5 / (2.0 * pi * (r**2 + 0.25) ** 1.5)
    ring = (r > 1.0) & (r < 2.0)
    assert (image[ring].sum() / law[ring].sum()).item() == pytest.approx(1.0, abs=0.03)  # periodic images add 2 %
    assert image[128, 128].item() == pytest.approx(0.7, abs=0.01)


def test_labels_move_with_the_image():
    labels = torch.zeros(200, 200, dtype=torch.int64)
    labels[60:140, 40:90] = 3
    path = drawn((90, 90), pixel_size=0.2, drift=10.0, drift_direction=0.4, rotation=0.1, jitter=0.8)
    read = scanned_labels(labels, path, pixel_size=0.1)
    y, x = path.specimen(torch.arange(90.0).double()[:, None], torch.arange(90.0).double()[None, :])
    inside = (y > 5.95) & (y < 13.95) & (x > 3.95) & (x < 8.95)
    assert torch.equal(read, 3 * inside.long())
    assert read.dtype == labels.dtype
    assert labels.sum() == 3 * 80 * 50


def test_labels_of_a_pixel_are_the_commonest_over_its_area():
    labels = torch.zeros(40, 40, dtype=torch.int32)
    labels[:, ::4] = 7  # a quarter of each pixel of 4 × 4
    path = drawn((10, 10), pixel_size=0.4)
    assert scanned_labels(labels, path, pixel_size=0.1).eq(7).all()  # the middle of the pixel is at its first point
    assert scanned_labels(labels, path, pixel_size=0.1, samples=4).eq(0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda path: scanned(torch.zeros(3, 8, 8), path, pixel_size=0.1), r"an ideal image \(3, 8, 8\)"),
        (
            lambda path: scanned(torch.zeros(8, 8, dtype=torch.int32), path, pixel_size=0.1),
            "torch.int32 cannot be read",
        ),
        (
            lambda path: scanned(torch.zeros(8, 8), path, pixel_size=0.0),
            r"pixel_size=0.0 must be one or two",
        ),
        (lambda path: scanned_labels(torch.zeros(8, 8), path, pixel_size=0.1), "are not integers"),
        (lambda path: scanned_labels(torch.zeros(8, 8).long(), path, pixel_size=0.1, samples=0), "samples=0 reads no"),
    ],
)
def test_what_cannot_be_read_is_refused(call, message):
    with pytest.raises(PassbandError, match=message):
        call(drawn((4, 4)))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_device_reads_the_same_image():
    ideal = torch.rand(64, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    path = drawn((60, 50), jitter=0.5, drift=20.0, rotation=0.3, flyback=3.0, hum=0.3, tails=0.2)
    read = scanned(ideal.cuda(), path, pixel_size=0.2)
    assert read.is_cuda
    torch.testing.assert_close(read.cpu(), scanned(ideal, path, pixel_size=0.2))

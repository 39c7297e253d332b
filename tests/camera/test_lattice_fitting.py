"""Lattice, width of columns, source and drift are those that scans were made with."""

from math import cos, log, pi, sin, sqrt

import numpy as np
import pytest
import torch

from passband.camera.column_width import column_variance, probe_transfer
from passband.camera.fitted_noise import KnownScan
from passband.camera.lattice_fitting import drift_of, lattice_estimates
from passband.camera.lattice_spots import lattice_spots
from passband.microscope.scanning.probe import Probe, probe_intensity

WIDTH = sqrt(8.0 * log(2.0))
SQUARE, HEXAGONAL = (1.0, 0.5 * pi), (1.0, 2.0 * pi / 3.0)


def crystal(vectors, *, side=256, width=2.0, basis=((0.0, 0.0, 1.0),), noise=0.0, seed=0):
    """Gaussian columns of a standard deviation of `width` pixels at u·a + v·b; `basis` holds u, v and a weight."""
    cells = np.stack(np.meshgrid(*[np.arange(-80, 81)] * 2), axis=-1).reshape(-1, 2)
    y, x = np.arange(side), np.arange(side)
    image = np.zeros((side, side))
    for u, v, weight in basis:
        places = (cells + np.array([u, v])) @ np.array(vectors) + (0.37 * side, 0.61 * side)
        places = places[np.all((places > -20.0) & (places < side + 20.0), axis=1)]
        rows = np.exp(-0.5 * ((y[None] - places[:, :1]) / width) ** 2)
        columns = np.exp(-0.5 * ((x[None] - places[:, 1:]) / width) ** 2)
        image += weight * rows.T @ columns
    return image + noise * np.random.default_rng(seed).normal(size=image.shape)


def turned(vectors, angle):
    return np.array(vectors) @ np.array([[cos(angle), sin(angle)], [-sin(angle), cos(angle)]])


HONEYCOMB = turned([(0.0, 16.0), (16.0 * sin(2.0 * pi / 3.0), 16.0 * cos(2.0 * pi / 3.0))], 0.3)
TWO_SITES = ((0.0, 0.0, 1.0), (1.0 / 3.0, 2.0 / 3.0, 0.6))


@pytest.mark.parametrize("angle", [0.0, 0.2, 1.3])
@pytest.mark.parametrize("basis", [TWO_SITES[:1], TWO_SITES])
def test_the_vectors_of_a_lattice_are_found(angle, basis):
    vectors = turned([(0.0, 14.0), (19.0, 3.0)], angle)
    found = lattice_spots(crystal(vectors, basis=basis, noise=0.3))
    cells = found.vectors @ np.linalg.inv(vectors)
    np.testing.assert_allclose(cells, np.round(cells), atol=0.003)
    assert abs(np.linalg.det(np.round(cells))) == 1.0
    a, b = found.vectors
    assert a @ a <= b @ b
    assert -0.5 * a @ a - 1e-3 <= a @ b <= 1e-3


def test_amplitudes_of_spots_are_those_of_a_wave():
    y, x = np.mgrid[:200, :200] - 99.5
    image = 5.0 + 3.0 * np.cos(2.0 * pi * 0.0613 * y + 0.4) + 2.0 * np.cos(2.0 * pi * (0.02 * y + 0.071 * x) - 1.0)
    image += 0.5 * np.cos(2.0 * pi * (0.0813 * y + 0.071 * x))
    found = lattice_spots(image)
    first = np.argmin(np.hypot(*(np.abs(found.frequency) - (0.0613, 0.0)).T))
    assert abs(found.amplitude[first]) == pytest.approx(1.5, rel=0.01)


def test_noise_two_crystals_and_few_cells_are_no_lattice():
    rng = np.random.default_rng(0)
    assert lattice_spots(rng.normal(size=(128, 128))) is None
    assert lattice_spots(crystal([(0.0, 50.0), (50.0, 0.0)], side=128, width=6.0)) is None
    glass = rng.normal(size=(256, 256))
    ring = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(256)[None])
    assert lattice_spots(np.fft.irfft2(np.fft.rfft2(glass) * np.exp(-((ring - 0.08) ** 2) / 2e-4))) is None


@pytest.mark.parametrize("width", [1.6, 2.4])
@pytest.mark.parametrize("basis", [TWO_SITES[:1], TWO_SITES])
def test_the_width_of_columns_is_found_whatever_the_cell_holds(width, basis):
    spots = lattice_spots(crystal(HONEYCOMB, width=width, basis=basis, noise=0.05))
    assert column_variance(spots, np.ones(len(spots.indices))) == pytest.approx(width**2, rel=0.03)


def test_the_transfer_is_that_of_the_probe():
    probe, side = Probe(energy=80e3, semi_angle=25e-3), 40.0
    density = probe_intensity(probe, (400, 400), (side, side)) * (side / 400) ** 2
    transform = torch.fft.fft2(density).real[0, :40].numpy()
    q = np.arange(40) / side
    # the edge of the aperture of the probe is one frequency step wide
    np.testing.assert_allclose(probe_transfer(q, energy=80e3, semi_angle=25e-3), transform, atol=0.02)


@pytest.mark.parametrize("size", [0.6, 1.0])
def test_source_size_and_thermal_vibration_are_told_apart_from_the_probe(size):
    known = KnownScan(pixel_size=0.1, energy=80e3, semi_angle=30e-3, displacement=0.08)
    vectors, side = [(0.0, 32.0), (32.0, 0.0)], 256
    sharp = crystal(vectors, width=0.6)
    f = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]) / 0.1
    sigma = sqrt((size / WIDTH) ** 2 + 0.08**2 - 0.06**2)  # 0.6 pixels of the columns themselves
    passed = probe_transfer(f, energy=80e3, semi_angle=30e-3) * np.exp(-2.0 * (pi * sigma * f) ** 2)
    image = np.fft.irfft2(np.fft.rfft2(sharp) * passed, s=(side, side))
    image += 0.002 * image.max() * np.random.default_rng(1).normal(size=image.shape)
    found = lattice_estimates([image], known, 0.0)["source_size_A"]
    assert found.value == pytest.approx(size, rel=0.02)
    assert found.interval[0] < size < found.interval[1]
    # jitter that is known is taken out along the rows: half a pixel of them is 0.05 Å
    narrower = lattice_estimates([image], known, 0.5)["source_size_A"].value
    assert 0.9 * size < narrower < found.value - 1e-3


def test_no_source_has_limits():
    known = KnownScan(pixel_size=0.1, energy=80e3, semi_angle=30e-3)
    f = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(256)[None]) / 0.1
    passed = probe_transfer(f, energy=80e3, semi_angle=30e-3)
    image = np.fft.irfft2(np.fft.rfft2(crystal([(0.0, 32.0), (32.0, 0.0)], width=0.6)) * passed, s=(256, 256))
    image += 0.01 * image.max() * np.random.default_rng(0).normal(size=image.shape)
    found = lattice_estimates([image], known, 0.0)["source_size_A"]
    assert found.value is None
    assert found.limits[0] == 0.0
    assert 0.0 < found.limits[1] < 0.5


@pytest.mark.parametrize(("lattice", "vectors"), [(SQUARE, [(0.0, 18.0), (18.0, 0.0)]), (HEXAGONAL, HONEYCOMB)])
@pytest.mark.parametrize("drift", [(0.0, 0.0), (0.02, -0.013), (-0.03, 0.04)])
def test_drift_that_sheared_a_known_lattice_is_found(lattice, vectors, drift):
    moved = np.array([[1.0 - drift[0], 0.0], [-drift[1], 1.0]])  # pixels to specimen, (y, x)
    for angle in (0.0, 0.4):
        seen = turned(vectors, angle) @ np.linalg.inv(moved).T
        spots = lattice_spots(crystal(seen, noise=0.1))
        np.testing.assert_allclose(drift_of(spots.vectors, lattice), drift, atol=5e-4)


def test_a_lattice_that_is_not_the_given_one_tells_no_drift():
    vectors = [(0.0, 18.0), (18.0 * sqrt(2.0), 0.0)]  # a perovskite along [110], said to be along [001]
    found = lattice_estimates([crystal(vectors, noise=0.1)], KnownScan(lattice=SQUARE), 0.0)
    for name in ("drift_along_px", "drift_across_px"):
        assert found[name].value is None
        assert "not the one that was given" in found[name].note
    right = lattice_estimates([crystal(vectors, noise=0.1)], KnownScan(lattice=(sqrt(2.0), 0.5 * pi)), 0.0)
    assert right["drift_across_px"].interval[0] < 0.0 < right["drift_across_px"].interval[1]


def test_what_needs_more_to_be_known_says_so():
    image = crystal(HONEYCOMB, basis=TWO_SITES, noise=0.1)
    found = lattice_estimates([image], KnownScan(), 0.0)
    assert "--semi-angle" in found["source_size_A"].note
    assert "--pixel-size" in found["image_width_A"].note
    assert "--lattice" in found["drift_along_px"].note
    none = lattice_estimates([np.random.default_rng(0).normal(size=(128, 128))], KnownScan(pixel_size=0.2), 0.0)
    assert all(one.value is None and "no lattice" in one.note for one in none.values())

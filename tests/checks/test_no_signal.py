"""What is noise has no signal, whatever its spectrum; particles and films that were counted have one."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from tests.fixtures.drawn_micrographs import PIXEL, counted, darkness, film, micrograph, rule
from tests.fixtures.scripts import load_script

from passband.checks.grain import central, grain
from passband.checks.no_signal import COLOURED, NO_SIGNAL, UNEVEN, colour, unevenness
from passband.checks.subject import Subject, texture

noise_like = load_script("benchmarks/bench_flags.py").noise_like


def speaks(image: np.ndarray, pixel_size: float = PIXEL) -> bool:
    value = NO_SIGNAL.measure(Subject(rule(darkness), image, pixel_size, side=128))
    assert value is not None
    return value > NO_SIGNAL.least


@pytest.mark.parametrize("seed", range(4))
def test_noise_has_none(seed: int) -> None:
    # rejects tests of the spectrum alone, of the skewness alone, and of grey levels that are not normally distributed
    rng = np.random.default_rng(seed)
    assert speaks(rng.normal(size=(128, 128)))
    assert speaks(rng.poisson(1.0, size=(128, 128)))
    assert speaks(rng.poisson(50.0, size=(200, 200)), 0.5)
    assert speaks(rng.normal(size=(150, 150)), 0.9)  # between its pixels the variance is not the same everywhere
    assert speaks(noise_like(film(rng), rng))
    assert speaks(noise_like(micrograph(seed), rng))
    y = np.linspace(-1.0, 1.0, 128)[:, None]
    assert speaks(5.0 * y + rng.normal(size=(128, 128)))  # a slow field is none either
    assert speaks(np.full((64, 64), 3.0))


@pytest.mark.parametrize("seed", range(4))
def test_particles_and_a_film_have_one(seed: int) -> None:
    # rejects a check that takes a bare film for noise, which an empty mask is right for
    rng = np.random.default_rng(seed)
    assert not speaks(micrograph(seed))
    assert not speaks(counted(film(rng), rng, 40.0))
    assert not speaks(256.0 * micrograph(seed) + 1000.0)  # gain and offset


def test_nine_tenths_of_the_evidence_are_a_signal() -> None:
    # rejects a limit of 1; one of three quarters passes a ramp of noise, in the test below
    rng = np.random.default_rng(4)
    assert not speaks(counted(film(rng), rng, 300.0))


@pytest.mark.parametrize("seed", range(4))
def test_more_noise_where_more_electrons_come_is_none(seed: int) -> None:
    # rejects a variance of the local power that a ramp or a bend of the illumination raises, and a plane for a bend
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1.0:1.0:200j, -1.0:1.0:160j]
    assert speaks(rng.poisson(20.0 * np.exp(np.cos(seed) * x + np.sin(seed) * y)))
    assert speaks(rng.poisson(60.0 * np.exp(-1.5 * (x**2 + y**2))))
    uneven = micrograph(seed)
    y, x = np.mgrid[-1.0 : 1.0 : uneven.shape[0] * 1j, -1.0 : 1.0 : uneven.shape[1] * 1j]
    assert not speaks(rng.poisson(200.0 * np.maximum(uneven / uneven.mean() + 0.5 * x, 0.05)))


def test_unevenness_of_noise_is_a_standard_normal_number() -> None:
    # rejects a wrong spread, a wrong mean in small images, and frequencies that are counted twice
    rng = np.random.default_rng(0)
    for side, count in ((64, 60), (160, 40)):
        values = [unevenness(texture(rng.normal(size=(side, side)))) for _ in range(count)]
        assert abs(np.mean(values)) < 4.0 / np.sqrt(count)
        assert 0.6 < np.std(values) < 1.6
    assert unevenness(np.zeros((20, 20))) == unevenness(np.zeros((64, 64))) == 0.0
    assert unevenness(texture(micrograph())) > 2.0 * UNEVEN


def test_hot_pixels_are_no_signal() -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(size=(128, 128))
    image[rng.random(image.shape) < 1e-3] = 40.0
    assert speaks(image)


def test_grain_is_the_skewness_of_counting() -> None:
    rng = np.random.default_rng(0)
    flat = [grain(texture(rng.normal(size=(128, 128)))) for _ in range(40)]
    assert abs(np.mean(flat)) < 0.7  # 4 standard errors
    assert 0.6 < np.std(flat) < 1.5
    counts = texture(rng.poisson(25.0, size=(128, 128)))
    assert grain(counts) == pytest.approx(0.2 * np.sqrt(counts.size / 6.0), rel=0.35)  # 1/√25, less what is clipped
    assert grain(-counts) == pytest.approx(-grain(counts), rel=1e-6)
    assert grain(np.zeros((32, 32))) == 0.0
    half = np.arange(counts.shape[1])[None, :] < counts.shape[1] // 2
    mixed = np.where(half, counts, 2.0 * counts.mean() - counts)  # the other half is a negative
    left, right = (grain(mixed, np.broadcast_to(where, counts.shape)) for where in (half, ~half))
    assert left > 3.0
    assert right < -3.0
    assert grain(counts, np.zeros(counts.shape, dtype=bool)) == 0.0


def test_edges_are_no_grain() -> None:
    # rejects the plain skewness, which a hole in a film makes as negative as that of a negative
    counts = counted(np.ones((128, 128)), np.random.default_rng(0), 25.0)
    holes = counts.copy()
    holes[20:24, 30:90] = 0.0
    assert grain(texture(counts)) > grain(texture(holes)) > 2.0


def test_steps_between_opposite_borders_are_no_grain() -> None:
    for seed in range(3):
        noise = np.random.default_rng(seed).normal(size=(160, 160))
        smooth = gaussian_filter(noise, 2.0)[16:144, 16:144]
        assert abs(grain(texture(smooth))) < 5.5


def test_texture_leaves_out_what_is_slow_and_what_is_an_outlier() -> None:
    noise = np.random.default_rng(0).normal(size=(128, 128))
    slow = 5.0 * np.cos(np.linspace(0.0, 2.0, 128))[:, None]
    assert texture(noise + slow).std() == pytest.approx(texture(noise).std(), rel=0.1)  # raw: 3.4
    hot = noise.copy()
    hot[50, 60] = 100.0
    assert np.abs(texture(hot)).max() < 6.0


def test_colour_is_that_of_a_film() -> None:
    rng = np.random.default_rng(0)
    white = [colour(texture(rng.normal(size=(128, 128)))) for _ in range(60)]
    assert np.mean(white) == pytest.approx(5.0, abs=1.7)  # degrees of freedom; 1.7 is 4 standard errors
    assert max(white) < COLOURED < colour(texture(film(rng)))
    assert colour(np.zeros((32, 32))) == 0.0


def test_the_middle_of_an_image() -> None:
    image = np.arange(30).reshape(5, 6)
    assert central(image, 2).tolist() == [[8, 9], [14, 15]]
    assert central(image, 9).shape == (5, 6)


def test_a_lattice_that_is_the_same_everywhere_has_one() -> None:
    """Rejects the unevenness and the grain alone: clipped scans of a perfect lattice have neither."""
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:128, :128]
    lattice = np.cos(2.0 * np.pi * (0.11 * y + 0.13 * x)) + np.cos(2.0 * np.pi * (0.15 * y - 0.09 * x))
    image = lattice + 1.5 * rng.normal(size=(128, 128))
    assert unevenness(texture(image)) < 0.5 * UNEVEN
    assert not speaks(image)
    assert speaks(noise_like(image, rng))

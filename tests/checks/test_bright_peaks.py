"""Columns of a dark field are told from fringes and edges by how round, alike and dense bright peaks are."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from tests.description.column_scenes import draw, square
from tests.fixtures.drawn_micrographs import average, rule

from passband.checks.bright_peaks import BRIGHT_PEAKS, COEFFICIENTS, PIXEL, SIDE, appearance, seen_at_pixel
from passband.checks.stability import UNSTABLE_NOISE
from passband.checks.subject import Subject

Array = NDArray[np.float64]
SIGMA, SPACING, LENGTH = 3.0, 18.0, 180  # pixels


def network(finds: str = "column", pixel: float = PIXEL):
    return rule(lambda images: 6.0 * (average(images, 3) - 0.7), finds=finds, pixel=pixel)


def logit(image: Array, *, finds: str = "column", pixel: float = PIXEL) -> float | None:
    return BRIGHT_PEAKS.measure(Subject(network(finds), image, pixel, side=128))


def columns(
    heights: float | Array = 1.0, sigma: float | Array = SIGMA, *, aspect: float = 1.0, offset: float = 0.5
) -> Array:
    """Square lattice without noise."""
    return draw((LENGTH, LENGTH), square(10, SPACING, offset=offset), heights, sigma, aspect=aspect)


def counted(found: dict[str, float]) -> float:
    """Peaks that a density is of."""
    return found["density"] * LENGTH**2 / (np.exp(found["width"]) / PIXEL) ** 2


def fringes(rng: np.random.Generator) -> Array:
    """Lattice image of a crystal beside a film, on as many electrons everywhere."""
    y, x = np.mgrid[:LENGTH, :LENGTH]
    film = gaussian_filter(rng.normal(size=x.shape), 3.0) - gaussian_filter(rng.normal(size=x.shape), 6.0)
    crystal = np.where(x > 0.6 * LENGTH, np.cos(2.0 * np.pi / 14.0 * (x + 0.3 * y)), 0.0)
    return rng.poisson(200.0 * (1.0 + 0.1 * film / film.std() + 0.15 * crystal)).astype(float)


def terraces(rng: np.random.Generator) -> Array:
    """Secondary electrons of terraces with bright edges."""
    height = gaussian_filter(rng.normal(size=(LENGTH, LENGTH)), 9.0)
    level = np.round(3.0 * height / height.std())
    return rng.poisson(20.0 * (1.0 + gaussian_filter(np.hypot(*np.gradient(level)), 1.0))).astype(float)


def cracks(rng: np.random.Generator) -> Array:
    """Secondary electrons of a network of pores, brighter at the rim."""
    level = gaussian_filter(rng.normal(size=(LENGTH, LENGTH)), 5.0)
    solid = (np.abs(level) < 0.5 * level.std()).astype(float)
    rim = np.hypot(*np.gradient(gaussian_filter(solid, 1.0)))
    return rng.poisson(90.0 * (0.2 + gaussian_filter(solid, 0.7) + 2.0 * rim)).astype(float)


@pytest.mark.parametrize("seed", range(3))
def test_columns_are_told_from_fringes_and_edges(seed: int) -> None:
    """Rejects a logit of the other sign, and one that a coefficient of the wrong number spoils."""
    rng = np.random.default_rng(seed)
    dark = rng.poisson(5.0 + 60.0 * columns()).astype(float)
    images = {"negative": -dark, "fringes": fringes(rng), "terraces": terraces(rng), "cracks": cracks(rng)}
    assert logit(dark) < BRIGHT_PEAKS.least - 1.0
    found = {name: logit(image) for name, image in images.items()}
    assert all(value > BRIGHT_PEAKS.least for value in found.values()), found


def test_round_columns_of_one_width() -> None:
    """Rejects widths in pixels, curvatures of a blurred peak that are taken for its own, and columns counted twice."""
    found = appearance(columns())
    assert found["roundness"] == pytest.approx(1.0, abs=0.1)
    assert found["width_spread"] < 0.05
    assert found["width"] == pytest.approx(np.log(SIGMA * PIXEL), abs=0.15)  # of columns 6 σ apart
    assert counted(found) == pytest.approx(100)
    assert found["skewness"] > 0.5


def test_columns_cut_by_the_border_do_not_count() -> None:
    assert counted(appearance(columns(offset=0.0))) == pytest.approx(81)


def test_elongated_columns_are_less_round() -> None:
    # rejects the ratio of the curvatures turned over, or that of one axis to itself; twice as long: a quarter
    assert appearance(columns(aspect=2.0))["roundness"] == pytest.approx(0.25, abs=0.12)


def test_columns_of_two_widths_are_not_alike() -> None:
    # rejects a spread of the heights in place of the widths: these columns are equally high
    widths = np.where(np.arange(100) % 2, SIGMA, 1.6 * SIGMA)
    assert appearance(columns(sigma=widths))["width_spread"] > 0.2


def test_heights_alone_change_no_width() -> None:
    # rejects a width that grows with the height
    heights = np.random.default_rng(0).uniform(0.4, 1.0, 100)
    assert appearance(columns(heights))["width_spread"] < 0.06


def test_the_depth_of_valleys_varies_as_the_columns_of_the_negative_do() -> None:
    # rejects maxima in place of minima, and a spread that is not over the mean
    heights = np.random.default_rng(0).uniform(0.4, 1.0, 100)
    uneven, even = (appearance(5.0 - columns(one))["valley_spread"] for one in (heights, 1.0))
    assert uneven == pytest.approx(heights.std() / heights.mean(), rel=0.25)
    assert even < 0.25 * uneven


def test_fine_power_is_the_share_in_its_band() -> None:
    # rejects frequencies per pixel: waves of 10 and 1 Å of equal height have half of the power each
    y, x = PIXEL * np.mgrid[:LENGTH, :LENGTH]
    image = np.cos(2.0 * np.pi * x / 1.0) + np.cos(2.0 * np.pi * y / 2.0)
    assert appearance(image)["fine_power"] == pytest.approx(np.log10(0.5), abs=0.1)


def test_gain_offset_and_the_pixels_of_the_network_change_nothing() -> None:
    image = np.random.default_rng(0).poisson(5.0 + 60.0 * columns()).astype(float)
    assert logit(7.0 * image - 300.0) == pytest.approx(logit(image), abs=0.1)  # equal counts, ranked by rounding
    other = BRIGHT_PEAKS.measure(Subject(network(pixel=0.3), image, PIXEL, side=128))
    assert other == logit(image)


def test_the_middle_is_looked_at_with_pixels_of_one_size() -> None:
    # rejects a middle of as many recorded pixels, whatever their size
    image = np.random.default_rng(0).normal(size=(900, 700))
    assert seen_at_pixel(Subject(network(), image, PIXEL, side=128)).shape == (SIDE, SIDE)
    assert seen_at_pixel(Subject(network(), image, 0.5 * PIXEL, side=128)).shape in [(450, 350), (350, 450)]


def test_nothing_is_said_of_noise_that_was_clipped_away() -> None:
    image = np.random.default_rng(0).poisson(5.0 + 60.0 * columns()).astype(float)
    assert logit(np.minimum(image, np.quantile(image, 0.9))) is None
    assert logit(np.maximum(image, np.quantile(image, 0.9))) is not None  # no electron came


@pytest.mark.parametrize("image", [np.full((150, 150), 7.0), np.eye(12), columns()[:30, :20]])
def test_nothing_is_said_of_an_even_and_a_tiny_image(image: Array) -> None:
    assert appearance(image) is None


def test_networks_that_find_something_else_are_not_asked() -> None:
    assert logit(columns(), finds="particle") is None


def test_they_are_looked_at_in_place_of_a_mask_with_noise() -> None:
    image = np.random.default_rng(0).poisson(5.0 + 60.0 * columns()).astype(float)
    column, defect = (UNSTABLE_NOISE.measure(Subject(network(one), image, PIXEL, side=128)) for one in ("column", "x"))
    assert column is None
    assert defect is not None


def test_every_number_has_its_coefficient() -> None:
    assert list(appearance(columns())) == list(COEFFICIENTS)

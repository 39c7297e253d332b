"""An annular dark field is told from its negative, a bright field, fringes and noise; and columns from none."""

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.description.column_scenes import draw
from tests.fixtures.drawn_micrographs import average, rule

from passband.checks.check import Check
from passband.checks.columns import EXPLAINED, NO_COLUMNS, WIDE_COLUMNS
from passband.checks.damage import CLIPPED_COLUMNS
from passband.checks.dark_field import DARK_COLUMNS, GROWS, NO_DARK_FIELD
from passband.checks.subject import Subject

PIXEL = 0.16
Array = NDArray[np.float64]


def brightness(images):
    """Logit of a network that calls a column what is bright."""
    return 6.0 * (average(images, 3) - 0.7)


def value(check: Check, image: Array, *, finds: str = "column") -> float | None:
    return check.measure(Subject(rule(brightness, finds=finds, pixel=PIXEL), image, PIXEL, side=128))


def lattice(*, depth: float = 60.0, background: float = 6.0, spacing: float = 3.0) -> Array:
    """Mean counts of a square lattice of columns with a fainter one in the middle of each cell."""
    axis = np.arange(4.0, 160.0, spacing / PIXEL)
    corners = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    both = draw((150, 150), corners, depth, 2.6) + draw((150, 150), corners + 0.5 * spacing / PIXEL, 0.5 * depth, 2.6)
    return both + background


def scans(seed: int) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    mean = lattice()
    x = np.arange(150) * 2.0 * np.pi * PIXEL / 2.3
    fringes = 100.0 * (1.0 + 0.15 * np.cos(x)[None, :] + 0.15 * np.cos(0.3 * x[None, :] + 0.9 * x[:, None]))
    dark = rng.poisson(mean).astype(float)
    return {
        "dark field": dark,
        "negative": -dark,
        "bright field": rng.poisson(110.0 - mean).astype(float),
        "fringes": rng.poisson(fringes).astype(float),
        "noise": rng.poisson(20.0, size=mean.shape).astype(float),
    }


@pytest.mark.parametrize("seed", range(3))
def test_dark_columns_are_found_in_a_negative_and_in_a_bright_field_alone(seed: int) -> None:
    """Rejects a skewness with the other sign, and the better fit of the image in place of that of its negative."""
    found = {name: value(DARK_COLUMNS, image) for name, image in scans(seed).items()}
    assert all(found[name] > 0.1 for name in ("negative", "bright field")), found
    assert all(found[name] <= 0.1 for name in ("dark field", "fringes", "noise")), found


@pytest.mark.parametrize("seed", range(3))
def test_noise_and_detail_grow_with_the_brightness_of_a_dark_field_alone(seed: int) -> None:
    """Rejects the largest of both in place of the least evidence, and a correlation with the wrong sign."""
    found = {name: value(NO_DARK_FIELD, image) for name, image in scans(seed).items()}
    assert found.pop("dark field") < GROWS
    assert all(one > GROWS for one in found.values()), found


def test_gain_and_offset_change_nothing() -> None:
    image = scans(0)["dark field"]
    for check in (DARK_COLUMNS, NO_DARK_FIELD, WIDE_COLUMNS):
        assert value(check, 7.0 * image - 300.0) == pytest.approx(value(check, image), abs=0.01)


def test_nothing_is_said_of_noise_that_was_clipped_away() -> None:
    """Rejects bright places without noise that count as no dark field."""
    rng = np.random.default_rng(0)
    counts = rng.poisson(lattice(depth=600.0, background=60.0)).astype(float)
    clipped = np.minimum(counts, 200.0)
    assert value(CLIPPED_COLUMNS, clipped) > CLIPPED_COLUMNS.least
    assert value(NO_DARK_FIELD, clipped) == value(NO_DARK_FIELD, np.full((150, 150), 7.0)) == GROWS
    assert value(CLIPPED_COLUMNS, np.maximum(counts, 200.0)) == 0.0  # no electron came


def test_contrast_without_columns_is_told_from_columns_and_from_noise() -> None:
    """Rejects a share that noise counts in, and a word on images without contrast."""
    rng = np.random.default_rng(0)
    edge = rng.poisson(200.0 + 200.0 * (np.arange(150) > 70) + np.zeros((150, 150))).astype(float)
    assert value(NO_COLUMNS, scans(0)["dark field"]) < 0.5
    nothing = rule(lambda images: -9.0 + 0.0 * images, finds="column", pixel=PIXEL)
    assert NO_COLUMNS.measure(Subject(nothing, edge, PIXEL, side=128)) > 1.0 - EXPLAINED
    assert value(NO_COLUMNS, scans(0)["noise"]) is None  # another check's business


def test_a_pixel_size_that_is_told_twice_as_large_quadruples_width_times_distance() -> None:
    image = scans(0)["dark field"]
    model = rule(brightness, finds="column", pixel=PIXEL)
    right, wrong = (WIDE_COLUMNS.measure(Subject(model, image, pixel, side=128)) for pixel in (PIXEL, 2.0 * PIXEL))
    assert wrong - right == pytest.approx(np.log(4.0), abs=0.25)


@pytest.mark.parametrize("check", [DARK_COLUMNS, NO_DARK_FIELD, NO_COLUMNS, WIDE_COLUMNS])
def test_networks_that_find_something_else_are_not_asked(check: Check) -> None:
    assert value(check, scans(0)["dark field"], finds="particle") is None


def test_a_network_of_defects_is_asked_for_the_columns_that_the_image_shows() -> None:
    """Rejects the few defects that it sees in place of all columns."""
    image, blind = scans(0)["dark field"], rule(lambda images: -9.0 + 0.0 * images, finds="vacancy", pixel=PIXEL)
    blind.card.simulation["truth"] = "defect"
    assert NO_COLUMNS.measure(Subject(blind, image, PIXEL, side=128)) < 0.5
    assert DARK_COLUMNS.measure(Subject(blind, image, PIXEL, side=128)) <= 0.1
    assert DARK_COLUMNS.measure(Subject(blind, -image, PIXEL, side=128)) > 0.1

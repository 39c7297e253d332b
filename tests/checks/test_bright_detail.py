"""For networks of HRTEM: noise and detail that grow with the brightness are those of a dark field."""

import numpy as np
import pytest
from tests.checks.test_scanned_columns import lattice
from tests.fixtures.drawn_micrographs import PIXEL, darkness, rule

from passband.checks.dark_field import BRIGHT_DETAIL
from passband.checks.subject import Subject


def value(image: np.ndarray, pixel_size: float = PIXEL) -> float:
    found = BRIGHT_DETAIL.measure(Subject(rule(darkness), image, pixel_size, side=64))
    assert found is not None
    return found


def particles(seed: int) -> np.ndarray:
    """Mean counts of dark particles with fringes on a film with grain."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:160, :160]
    mean = 100.0 * (1.0 + 0.05 * rng.normal(size=(160, 160)))
    for top, left in ((50, 50), (110, 100)):
        inside = np.hypot(y - top, x - left) < 22.0
        mean = np.where(inside, 80.0 * (1.0 + 0.2 * np.cos(2.0 * np.pi * x / 3.0)), mean)
    return mean


@pytest.mark.parametrize("seed", range(3))
def test_a_scan_is_told_from_a_micrograph_at_any_pixel_size_that_is_told(seed: int) -> None:
    # rejects the other sign, the level of single pixels (noise is bright where it is strong), and a raw variance
    rng = np.random.default_rng(seed)
    scan = rng.poisson(lattice(spacing=4.0)).astype(float)
    assert value(scan) > BRIGHT_DETAIL.least
    assert value(rng.poisson(particles(seed)).astype(float)) < 0.0
    assert abs(value(rng.normal(size=(160, 160)))) < BRIGHT_DETAIL.least
    assert value(-np.abs(scan)) < -BRIGHT_DETAIL.least


def test_it_makes_doubtful_by_a_threshold_of_its_own() -> None:
    assert (BRIGHT_DETAIL.level, BRIGHT_DETAIL.calibrated, BRIGHT_DETAIL.modes) == (1, False, ("TEM",))

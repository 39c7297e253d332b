"""Every check says the same of all eight orientations, says something of any image, and another is one entry."""

import numpy as np
import pytest
from tests.fixtures.drawn_micrographs import PIXEL, darkness, micrograph, rule

from passband.checks.check import Check
from passband.checks.subject import Subject
from passband.checks.table import CHECKS, calibrated_checks, measured_checks


def measured(image: np.ndarray, pixel_size: float | tuple[float, float] = PIXEL) -> dict[str, float]:
    """Values of all checks: those that look at images of columns, and those that do not."""
    columns, particles = (
        Subject(rule(darkness, stride=32, finds=finds), image, pixel_size, side=64) for finds in ("column", "particle")
    )
    return measured_checks(particles, CHECKS.values()) | measured_checks(columns, CHECKS.values())


def test_the_eight_orientations_of_an_image_have_the_same_values() -> None:
    # rejects a corner that is looked at, rows that are taken for columns, and noise that is added as the image lies
    image, size = micrograph(side=160)[:150, :135], (PIXEL, 1.1 * PIXEL)
    expected = measured(image, size)
    assert len(expected) == len(CHECKS)
    for turns in range(4):
        turned, pair = np.rot90(image, turns), size if turns % 2 == 0 else size[::-1]
        for one in (turned, turned[:, ::-1]):
            assert measured(one, pair) == pytest.approx(expected, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("image", [np.zeros((40, 50)), np.eye(33) > 0, np.arange(20 * 200).reshape(20, 200)])
def test_any_image_has_finite_values(image: np.ndarray) -> None:
    assert all(np.isfinite(value) for value in measured(image).values())


def test_another_check_is_one_entry() -> None:
    CHECKS.add(
        Check("mean", word="bright", text="too bright", level=1, measure=lambda subject: subject.recorded.mean())
    )
    try:
        assert measured(np.full((64, 64), 7.0))["mean"] == 7.0
        assert "mean" in [check.name for check in calibrated_checks("TEM")]
        assert "saturated" not in [check.name for check in calibrated_checks("TEM")]
    finally:
        CHECKS.remove("mean")


def test_squares_lie_around_the_middles_of_the_halves() -> None:
    image = micrograph(side=200)
    subject = Subject(rule(darkness, stride=32), image, PIXEL, side=70)
    assert subject.squares.shape == (4, 64, 64)
    assert Subject(rule(darkness), image[:100], PIXEL, side=70).squares.shape == (2, 70, 70)
    assert Subject(rule(darkness, stride=32), image[:20, :20], PIXEL, side=70).foreground.shape == (1, 20, 20)

"""What a scanned image tells of its setting, and what it does not."""

import numpy as np
import pytest
from tests.description.column_scenes import draw, square

from passband.files.micrograph import Micrograph
from passband.microscope.instruments.stem import ScanDistribution
from passband.verdict.estimate import estimate_conditions
from passband.verdict.scan_fit import fit_scan

TRAINED = ScanDistribution.model_validate({"dose": {"log_uniform": [1e3, 1e6]}, "jitter": {"uniform": [0.0, 0.6]}})


def scan(jitter: float, *, width: float = 3.0, seed: int = 0) -> np.ndarray:
    """Lattice of columns whose rows are shifted by independent normal deviates, counted."""
    rng = np.random.default_rng(seed)
    side, reach = 192, 12
    wide = draw((side, side + 2 * reach), square(16, 14.0), 100.0, width, background=5.0)
    place = np.arange(side) + reach
    shifts = jitter * rng.normal(size=side)
    rows = [np.interp(place + dx, np.arange(len(row)), row) for row, dx in zip(wide, shifts, strict=True)]
    return rng.poisson(np.array(rows)).astype(float)


def test_jitter_is_told_with_an_interval() -> None:
    """Rejects an interval of the variance in place of the jitter, and one that the value is not in."""
    held = []
    for seed in range(6):
        found = fit_scan(scan(0.4, seed=seed))
        assert not isinstance(found, str)
        low, high = found.intervals["jitter"]
        assert low < found.values["jitter"] < high
        held.append(low < 0.4 < high)
    assert sum(held) >= 5
    assert found.guessed == ("jitter",)  # never puts an image outside


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (scan(0.0), "rows are out of line by less than"),
        (scan(0.3, width=1.2), "2 are needed"),
        (np.ones((100, 100)), "without contrast"),
        (np.zeros((20, 100)), "less than 64 pixels"),
    ],
)
def test_what_an_image_does_not_tell_is_said(image: np.ndarray, why: str) -> None:
    found = fit_scan(image)
    assert isinstance(found, str)
    assert found.startswith("no image tells its dose")
    assert why in found


def test_the_jitter_of_a_scan_is_fitted_beside_a_dose_that_was_given() -> None:
    """Rejects a fit that a given dose prevents, one in place of a given jitter, and one for a quantity never told."""
    image = Micrograph(scan(0.4), pixel_size=(0.1, 0.1), mode="STEM")
    both = estimate_conditions(image, TRAINED, given={"dose": 1e4})
    assert (both.source, both.values["dose"]) == ("fitted", 1e4)
    assert both.values["jitter"] == pytest.approx(0.4, rel=0.2)
    told = estimate_conditions(image, TRAINED, given={"dose": 1e4, "jitter": 0.1})
    assert (told.source, told.values) == ("given", {"dose": 1e4, "jitter": 0.1})
    alone = estimate_conditions(image, TRAINED, given={})
    assert set(alone.values) == {"jitter"}
    refused = estimate_conditions(Micrograph(scan(0.0), pixel_size=(0.1, 0.1)), TRAINED, given={"dose": 1e4})
    assert (refused.source, refused.values) == ("given", {"dose": 1e4})
    assert estimate_conditions(image, TRAINED, given={}, fit=False).values == {}

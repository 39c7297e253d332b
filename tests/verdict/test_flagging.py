"""Flags are raised against values inside the training, with a rate of false alarms that all checks share."""

import numpy as np
import pytest

from passband.checks.check import Check
from passband.checks.table import CHECKS, calibrated_checks
from passband.performance.table import PerformanceTable
from passband.verdict.flagging import FALSE_ALARMS, thresholds

NAMES = [check.name for check in calibrated_checks("TEM")]


def with_values(table: PerformanceTable, draw) -> tuple[PerformanceTable, dict[str, np.ndarray]]:
    """Table whose images have values of every calibrated check, and those of the images inside."""
    count = len(table.images["set"])
    values = draw(np.random.default_rng(0), count)
    inside = table.inside[np.asarray(table.images["set"], dtype=int)]
    images = {**table.images, **{name: tuple(map(float, one)) for name, one in values.items()}}
    return table.model_copy(update={"images": images}), {name: one[inside] for name, one in values.items()}


def spoken_of(values: dict[str, np.ndarray], limits: dict[str, float]) -> np.ndarray:
    return np.any([values[name] > limits[name] for name in limits], axis=0)


@pytest.mark.parametrize("alike", [False, True])
def test_all_checks_together_speak_of_as_many_images_inside_as_is_allowed(make, alike: bool) -> None:
    # rejects a rate for each check, and one that is divided by their number where they speak of the same images
    def draw(rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
        shared = rng.exponential(size=count)
        return {name: 10.0 * (shared if alike else rng.exponential(size=count)) for name in NAMES}

    table, inside = with_values(make(600), draw)
    limits = thresholds(table)
    assert set(limits) == set(NAMES)
    spoken = spoken_of(inside, limits)
    assert spoken.mean() <= FALSE_ALARMS
    assert spoken.sum() >= FALSE_ALARMS * len(spoken) - len(NAMES)
    share = np.mean(inside["gradient"] > limits["gradient"])
    assert (share > 0.9 * FALSE_ALARMS - 1 / len(spoken)) == alike


def test_values_that_are_never_spoken_of_leave_room_to_the_others(make) -> None:
    def draw(rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
        return {
            name: rng.uniform(-1.0, 0.0, count) if CHECKS[name].least > 0.0 else rng.exponential(size=count)
            for name in NAMES
        }

    table, inside = with_values(make(600), draw)
    limits = thresholds(table)
    silent = [name for name in NAMES if CHECKS[name].least > 0.0]
    assert silent
    assert all(limits[name] == CHECKS[name].least for name in silent)
    assert spoken_of(inside, limits).sum() >= FALSE_ALARMS * len(inside["gradient"]) - len(NAMES)


def test_too_few_images_or_none_say_nothing(make, table: PerformanceTable) -> None:
    def draw(rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
        return {name: rng.exponential(size=count) for name in NAMES}

    assert thresholds(table) == {}  # no values, as on cards of before
    assert thresholds(with_values(make(60), draw)[0]) == {}


def test_a_check_of_one_file_is_calibrated_by_its_column(make) -> None:
    toy = Check("toy", word="toy", text="a toy", level=1, measure=lambda subject: 1.0)
    CHECKS.add(toy)
    try:
        table, _ = with_values(make(600), lambda rng, count: {"toy": np.arange(count) / count})
        assert 0.9 < thresholds(table)["toy"] < 1.0
    finally:
        CHECKS.remove("toy")

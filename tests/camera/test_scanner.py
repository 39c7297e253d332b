"""Scans and their distribution: electrons, bounds with a cure, what is drawn."""

import numpy as np
import pytest

from passband.camera.scanner import QUANTITIES, Scanner, ScannerDistribution

PLAIN = {"dwell_time": 2e-5, "beam_current": 3e-11}


def test_electrons_of_a_dwell_time():
    assert Scanner(**PLAIN).electrons == pytest.approx(3745.0, abs=0.5)  # 30 pA × 20 µs, ../shared/spec/scanning.md
    assert Scanner(**PLAIN, flyback_time=1e-3).row_time(100) == pytest.approx(3e-3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dwell_time": -1e-6}, "dwell_time=-1e-06 is outside 1e-08 to 1; it is in s, so write 10 µs as 10e-6"),
        ({"beam_current": 30.0}, "beam_current=30 is outside 1e-14 to 1e-07; it is in A, so write 30 pA as 30e-12"),
        ({"rotation": 90.0}, "it is in rad"),
        ({"jitter": -0.1}, "jitter=-0.1 is outside 0 to 10; stay within these bounds"),
        ({"flyback": 5.1, "settling_time": 1e-4}, "flyback=5.1 pixels that settle in 5 pixels"),
        ({"bits": 12}, "bits"),
    ],
)
def test_what_cannot_be_is_refused_with_a_cure(values, message):
    with pytest.raises(ValueError, match="validation error") as raised:
        Scanner(**PLAIN | values)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"hum": {"uniform": [0.0, 30.0]}}, "hum=30 is outside 0 to 20"),
        ({"probability": {"hums": 0.5}}, "probability has no 'hums'"),
        ({"probability": {"hum": 1.5}}, "probability.hum=1.5 is outside 0 to 1"),
        ({"probability": {"dwell_time": 0.5}}, "probability.dwell_time cannot be given"),
    ],
)
def test_a_distribution_that_may_leave_its_bounds_is_refused(values, message):
    with pytest.raises(ValueError, match="validation error") as raised:
        ScannerDistribution(**PLAIN | values)
    assert message in str(raised.value)


def test_every_quantity_of_a_scan_has_bounds_and_varies_in_the_distribution():
    assert set(QUANTITIES) == set(Scanner.model_fields) - {"bits"}
    assert set(QUANTITIES) == set(ScannerDistribution.model_fields) - {"bits", "probability"}
    for name, field in ScannerDistribution.model_fields.items():
        if name in QUANTITIES and name not in ("dwell_time", "beam_current", "drift_direction"):
            assert field.default == Scanner.model_fields[name].default


def test_the_json_leaves_out_what_is_not_used():
    assert set(Scanner(**PLAIN, jitter=0.2).model_dump(mode="json")) == {"dwell_time", "beam_current", "jitter"}
    scanner = ScannerDistribution.wide().sample(np.random.default_rng(3))
    assert Scanner.model_validate(scanner.model_dump(mode="json")) == scanner


def test_the_wide_distribution_draws_scans_of_all_kinds_and_the_same_for_a_seed():
    wide = ScannerDistribution.wide()
    scans = [wide.sample(np.random.default_rng(seed)) for seed in range(400)]
    assert scans[7] == wide.sample(np.random.default_rng(7))
    for name in set(wide.probability):
        there = np.mean([getattr(one, name) > 0.0 for one in scans])
        assert there == pytest.approx(wide.probability[name], abs=0.1)  # 4 standard errors of 400 draws
    assert {one.bits for one in scans} == {8, 16}
    assert ScannerDistribution.model_validate(wide.model_dump(mode="json")) == wide


def test_a_flyback_that_is_drawn_shows_no_column_twice():
    steep = ScannerDistribution(**PLAIN, flyback=100.0, settling_time=1e-3)
    assert steep.sample(np.random.default_rng(0)).flyback == pytest.approx(25.0)  # half of 1 ms / 20 µs

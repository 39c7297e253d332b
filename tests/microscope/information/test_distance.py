"""Distances of settings to a training, up to the Nyquist frequency of a network's pixels."""

import pytest

from passband.microscope.conditions import ConditionDistribution, Conditions
from passband.microscope.information.distance import metrics_at, transfer_distances
from passband.microscope.information.information import compare_information
from passband.microscope.information.metric import Metric

PIXEL = 0.8


def lens(c10: float, **other: float) -> Conditions:
    return Conditions.model_validate({"aberrations": {"C10": c10, **other}, "focal_spread": 10.0})


@pytest.mark.parametrize("pixel_size", [0.8, 0.5])
def test_distances_count_what_the_pixels_carry(pixel_size: float) -> None:
    # the Nyquist frequency of the pixels is 1/(2·pixel): other ends of the band give other distances
    near, far = lens(-100.0), lens(-180.0, C30=1e5)
    trained = ConditionDistribution(aberrations={"C10": -100.0}, focal_spread=10.0)
    row = transfer_distances([far], trained, pixel_size=pixel_size)[0]
    for ending, options in (("", {}), ("_area", {"weight": "area", "power": 2})):
        metric = Metric(qmax=1.0 / (2.0 * pixel_size), radial_points=3000, azimuths=48, **options)
        found = compare_information([near], [far], metric=metric)
        assert row[f"epsilon{ending}"] == pytest.approx(float(found.epsilon_evaluation[0]), rel=1e-3)
        assert row[f"sigma{ending}"] == pytest.approx(float(found.sigma[0, 0]), rel=1e-3)
        assert row[f"delta_epsilon{ending}"] == pytest.approx(float(found.delta_epsilon[0, 0]), abs=1e-3)
    assert row["epsilon"] != pytest.approx(row["epsilon_area"], rel=0.02)
    assert sorted(transfer_distances([far], trained, pixel_size=pixel_size, area=False)[0]) == [
        "delta_epsilon",
        "epsilon",
        "sigma",
    ]


def test_radial_steps_follow_the_phase() -> None:
    # |dχ/dq| of 0.3 µm at Nyquist, in rad per step
    for metric in metrics_at(PIXEL).values():
        assert 2.0 * 3.1416 * 0.0197 * 3000.0 * metric.qmax * (metric.qmax / metric.radial_points) < 0.3


def test_the_training_itself_is_at_no_distance_and_no_phase_shares_nothing() -> None:
    trained = ConditionDistribution(aberrations={"C10": -100.0}, focal_spread=10.0)
    same, blind = transfer_distances([lens(-100.0), Conditions()], trained, pixel_size=PIXEL)
    assert (same["sigma"], same["delta_epsilon"]) == pytest.approx((1.0, 0.0), abs=1e-6)
    assert blind["sigma"] == 0.0

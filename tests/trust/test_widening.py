"""Settings to calibrate on: as trained, and beyond; the same ones whatever their number."""

import numpy as np
import pytest

from passband.distribution import limits
from passband.microscope.conditions import ConditionDistribution, ConditionMixture
from passband.recipe import PassbandError
from passband.trust.distance import outside_of, setting_row
from passband.trust.widening import camera_pixels, draw_settings, hull, trained_range, widened


def test_the_wider_distribution_holds_the_training_in_every_quantity(trained) -> None:
    inner, outer = trained_range(trained), trained_range(widened(trained))
    for name, (low, high) in inner.items():
        assert outer[name][0] <= low <= high <= outer[name][1], name
        assert outer[name][1] - outer[name][0] > high - low, name
    assert outer["C10"] == (-750.0, 750.0)
    assert outer["dose"] == (25.0, 3200.0)
    assert outer["C12"][0] == 0.0  # a magnitude


def test_half_of_the_settings_are_inside_and_the_others_mostly_not(trained) -> None:
    settings = draw_settings(trained, widened(trained), 400, seed=1)
    inside = np.mean([not outside_of(setting_row(one, 0.8), trained) for one in settings])
    assert 0.5 <= inside <= 0.62  # one in four draws few quantities from outside, and may by chance draw none


def test_a_setting_depends_on_its_number_alone(trained) -> None:
    many = draw_settings(trained, widened(trained), 30, seed=4)
    assert draw_settings(trained, widened(trained), 10, seed=4) == many[:10]
    assert draw_settings(trained, widened(trained), 10, seed=5) != many[:10]


def test_a_mixture_is_widened_from_what_holds_all_of_it() -> None:
    members = tuple(
        ConditionDistribution(aberrations={"C10": {"normal": [c, 10.0]}}, dose=400.0) for c in (-90.0, 90.0)
    )
    whole = hull(ConditionMixture(among=members))
    assert limits(whole.aberrations["C10"]) == (-120.0, 120.0)
    assert whole.dose == 400.0
    assert limits(widened(ConditionMixture(among=members)).aberrations["C10"]) == (-300.0, 300.0)


def test_a_training_without_noise_stays_without() -> None:
    assert widened(ConditionDistribution()).dose is None


def test_another_energy_cannot_be_calibrated(trained) -> None:
    with pytest.raises(PassbandError, match="of the wider conditions is not the training's"):
        draw_settings(trained, ConditionDistribution(energy=200e3), 3, seed=0)


def test_camera_pixels_stay_where_the_store_allows() -> None:
    rng = np.random.default_rng(0)
    drawn = [camera_pixels(0.8, rng, finest=0.7, coarsest=0.95) for _ in range(200)]
    assert min(drawn) == 0.7
    assert max(drawn) == 0.95
    assert np.mean(np.isclose(drawn, 0.8)) > 0.4

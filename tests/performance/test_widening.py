"""Settings to calibrate on: as trained, and beyond; the same ones whatever their number."""

import numpy as np
import pytest

from passband.distribution import limits
from passband.microscope.conditions import ConditionDistribution, ConditionMixture
from passband.performance.settings import outside_of, setting_row
from passband.performance.widening import bounding_distribution, camera_pixels, draw_settings, trained_range, widened
from passband.recipe import PassbandError


def test_the_wider_distribution_holds_the_training_in_every_quantity(trained) -> None:
    inner, outer = trained_range(trained), trained_range(widened(trained))
    for name, (low, high) in inner.items():
        assert outer[name][0] <= low <= high <= outer[name][1], name
        assert outer[name][1] - outer[name][0] > high - low, name
    assert outer["C10"] == (-750.0, 750.0)
    assert outer["dose"] == (25.0, 3200.0)
    assert outer["C12"][0] == 0.0  # a magnitude


def test_aberrations_that_the_training_lacked_point_anywhere_and_have_a_size(trained) -> None:
    lens = {name: limits(value) for name, value in widened(trained).aberrations.items()}
    # m-fold: the same again after a turn by 2π/m
    assert lens["phi12"] == pytest.approx((-np.pi / 2, np.pi / 2))
    assert lens["phi21"] == pytest.approx((-np.pi, np.pi))
    assert lens["phi23"] == pytest.approx((-np.pi / 3, np.pi / 3))
    assert lens["C12"] == (0.0, 50.0)
    assert lens["C21"] == lens["C23"] == (0.0, 1500.0)
    assert lens["C30"] == (-5e5, 5e5)  # half the training's width, 1e5, times 2.5 is less
    assert limits(widened(trained).focal_spread) == (0.0, 48.75)  # 5 to 30 Å, 2.5 times as wide
    assert limits(widened(trained).angular_spread) == (0.0, 3e-4)


def test_a_wide_training_is_not_widened_beyond_what_a_lens_can_have() -> None:
    wide = ConditionDistribution(aberrations={"C10": {"uniform": [-9e5, 9e5]}})
    assert limits(widened(wide).aberrations["C10"]) == (-1e6, 1e6)


def test_every_quantity_leaves_the_training_as_often_as_said(trained) -> None:
    # in a quarter of the settings on average, from a distribution 2.5 times as wide: 0.25 · 0.6
    settings = draw_settings(trained, widened(trained), 600, seed=2)
    outside = dict.fromkeys(("C10", "C12", "dose"), 0)
    for one in settings:
        for name in outside_of(setting_row(one, 0.8), trained):
            if name in outside:
                outside[name] += 1
    spread = 4.0 * np.sqrt(0.2 * 0.8 / 600)  # four standard errors
    assert outside["C10"] / 600 == pytest.approx(0.25 * 0.6, abs=spread)
    assert outside["C12"] / 600 == pytest.approx(0.25 * 0.9, abs=spread)  # 5 of 50 Å are forgiven
    assert outside["dose"] / 600 == pytest.approx(0.25 * 2.0 * np.log(4.0) / np.log(8.0 * 16.0), abs=spread)


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
    whole = bounding_distribution(ConditionMixture(among=members))
    assert limits(whole.aberrations["C10"]) == (-120.0, 120.0)
    assert whole.dose == 400.0
    assert limits(widened(ConditionMixture(among=members)).aberrations["C10"]) == (-300.0, 300.0)


def test_settings_beyond_may_come_from_a_mixture(trained) -> None:
    # rejects wider conditions of which only the first member is drawn
    sides = tuple(trained.model_copy(update={"aberrations": {"C10": c}}) for c in (-900.0, 900.0))
    drawn = draw_settings(trained, ConditionMixture(among=sides), 200, seed=0)
    beyond = {one.aberrations.C10 for one in drawn if abs(one.aberrations.C10) > 300.0}
    assert beyond == {-900.0, 900.0}


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
    free = [camera_pixels(0.8, rng, finest=0.1, coarsest=9.0) for _ in range(400)]
    others = np.array([size for size in free if not np.isclose(size, 0.8)])
    assert len(others) / 400 == pytest.approx(0.5, abs=0.1)
    assert (others.min(), others.max()) == pytest.approx((0.6, 1.0), abs=0.01)

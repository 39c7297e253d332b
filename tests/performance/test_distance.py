"""Numbers of a setting: its own, its distances to a training up to the network's Nyquist frequency, and what is new."""

import pytest

from passband.microscope.conditions import ConditionDistribution, ConditionMixture, Conditions
from passband.microscope.information import Metric, compare_information
from passband.performance.distance import distance_rows, log_dose, metrics_at, outside_of, setting_row

PIXEL = 0.8


def lens(c10: float, **other: float) -> Conditions:
    return Conditions.model_validate({"aberrations": {"C10": c10, **other}, "focal_spread": 10.0})


TRAINED = ConditionDistribution(
    aberrations={"C10": {"uniform": [-300.0, 200.0]}, "C30": 1e5},
    focal_spread={"uniform": [5.0, 10.0]},
    dose={"log_uniform": [100.0, 1000.0]},
)


def test_a_setting_is_its_own_numbers() -> None:
    full = {"aberrations": {"C10": -80.0, "C12": 5.0, "C21": 6.0, "C23": 7.0, "C30": 8.0, "C50": 9.0}, "dose": 40.0}
    row = setting_row(Conditions.model_validate({**full, "focal_spread": 11.0, "angular_spread": 1e-4}), 0.7)
    assert row == {
        **{"C10": -80.0, "C12": 5.0, "C21": 6.0, "C23": 7.0, "C30": 8.0},
        **{"focal_spread": 11.0, "angular_spread": 1e-4, "dose": 40.0, "pixel_size": 0.7},
    }
    assert setting_row(Conditions(), 0.7)["dose"] == 0.0


@pytest.mark.parametrize("pixel_size", [0.8, 0.5])
def test_distances_count_what_the_pixels_carry(pixel_size: float) -> None:
    # the Nyquist frequency of the pixels is 1/(2·pixel): other ends of the band give other distances
    near, far = lens(-100.0), lens(-180.0, C30=1e5)
    trained = ConditionDistribution(aberrations={"C10": -100.0}, focal_spread=10.0)
    row = distance_rows([far], trained, pixel_size=pixel_size)[0]
    for ending, options in (("", {}), ("_area", {"weight": "area", "power": 2})):
        metric = Metric(qmax=1.0 / (2.0 * pixel_size), radial_points=3000, azimuths=48, **options)
        found = compare_information([near], [far], metric=metric)
        assert row[f"epsilon{ending}"] == pytest.approx(float(found.epsilon_evaluation[0]), rel=1e-3)
        assert row[f"sigma{ending}"] == pytest.approx(float(found.sigma[0, 0]), rel=1e-3)
        assert row[f"delta_epsilon{ending}"] == pytest.approx(float(found.delta_epsilon[0, 0]), abs=1e-3)
    assert row["epsilon"] != pytest.approx(row["epsilon_area"], rel=0.02)
    assert sorted(distance_rows([far], trained, pixel_size=pixel_size, area=False)[0]) == [
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
    same, blind = distance_rows([lens(-100.0), Conditions()], trained, pixel_size=PIXEL)
    assert (same["sigma"], same["delta_epsilon"]) == pytest.approx((1.0, 0.0), abs=1e-6)
    assert blind["sigma"] == 0.0


def names_outside(**change: float) -> set[str]:
    row = setting_row(Conditions(), PIXEL) | {"C10": -50.0, "C30": 1e5, "focal_spread": 7.0, "dose": 300.0}
    return set(outside_of(row | change, TRAINED))


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("C10", (-309.0, 209.0), (-311.0, 211.0)),  # 2 % of a range of 500
        ("focal_spread", (4.91, 10.09), (4.89, 10.11)),
        ("dose", (83.0, 1017.0), (81.0, 1019.0)),
        ("C30", (0.51e5, 1.49e5), (0.49e5, 1.51e5)),  # one value: a tenth of the half width of 5e5 Å
        ("C12", (0.0, 4.9), (5.1, 20.0)),
        ("angular_spread", (0.0,), (1e-5,)),
    ],
)
def test_what_is_outside_of_a_training(name: str, inside: tuple[float, ...], outside: tuple[float, ...]) -> None:
    assert all(names_outside(**{name: value}) == set() for value in inside)
    assert all(names_outside(**{name: value}) == {name} for value in outside)


def test_no_noise_is_outside_of_a_training_with_noise_and_the_range_is_told() -> None:
    row = setting_row(lens(-400.0, C30=1e5), PIXEL)
    assert outside_of(row, TRAINED) == {"C10": (-400.0, (-300.0, 200.0)), "dose": (0.0, (100.0, 1000.0))}
    assert "dose" not in outside_of(row, ConditionDistribution())  # trained without noise: no dose to leave


def test_of_a_mixture_the_nearest_member_counts() -> None:
    both = ConditionMixture(
        among=tuple(ConditionDistribution(aberrations={"C10": {"uniform": [a, a + 50.0]}}) for a in (-150.0, 100.0))
    )
    row = setting_row(Conditions(), PIXEL)
    assert outside_of(row | {"C10": 120.0}, both) == {}
    assert list(outside_of(row | {"C10": 0.0}, both)) == ["C10"]


def test_doses_count_in_decades_up_to_what_no_longer_matters() -> None:
    assert [log_dose(dose) for dose in (0.01, 1.0, 400.0, 1e7, 0.0)] == pytest.approx([-2.0, 0.0, 2.60206, 5.0, 5.0])

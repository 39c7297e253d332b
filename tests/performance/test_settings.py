"""Numbers of a setting, and which of them a training did not cover."""

import pytest

from passband.microscope.conditions import ConditionDistribution, ConditionMixture, Conditions
from passband.performance.settings import outside_of, setting_row

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

"""Trust of a network that was trained on a mixture: what lies between its members is outside."""

from passband.microscope.conditions import ConditionDistribution, ConditionMixture, Conditions
from passband.performance.settings import outside_of, setting_row


def at(c10: float, c30: float = 0.0) -> ConditionDistribution:
    lens = {"C10": {"normal": [c10, 15.0]}, "C30": c30}
    return ConditionDistribution.model_validate({"aberrations": lens, "dose": 400.0})


SIDES = ConditionMixture(among=(at(-200.0), at(200.0, 5e5)), weights=(1.0, 3.0))


def row(c10: float, c30: float) -> dict[str, float]:
    conditions = Conditions.model_validate({"aberrations": {"C10": c10, "C30": c30}, "dose": 400.0})
    return setting_row(conditions, 0.8)


def test_a_setting_is_inside_a_mixture_where_it_is_inside_a_member() -> None:
    assert not outside_of(row(-190.0, 0.0), SIDES)
    assert not outside_of(row(210.0, 5e5), SIDES)
    assert list(outside_of(row(0.0, 0.0), SIDES)) == ["C10"]  # between the two
    assert list(outside_of(row(-200.0, 5e5), SIDES)) == ["C30"]  # the one's focus with the other's Cs

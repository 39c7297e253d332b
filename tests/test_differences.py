"""What two recipes differ in: named where it is, old before new, and only what differs."""

from passband.differences import differences


def test_only_what_differs_is_named_with_its_place_old_before_new() -> None:
    # rejects: whole tables instead of their keys, new before old, equal values, order of the old recipe
    there = {"seed": 0, "scene": {"field": 40.0, "materials": ["Au"], "bonds": {}}, "extra": True}
    now = {"scene": {"materials": ["Au", "Pt"], "field": 40.0, "bonds": {}}, "seed": 1, "more": None}
    assert differences(there, now, prefix="simulation.", most=9) == (
        'simulation.scene.materials ["Au"] → ["Au", "Pt"], simulation.seed 0 → 1, simulation.more (absent) → null, '
        "simulation.extra true → (absent)"
    )
    assert differences(now, now) == ""
    assert differences({"width": 2.0}, {"width": {"uniform": [1, 3]}}) == 'width 2.0 → {"uniform": [1, 3]}'


def test_of_many_the_first_are_named_and_the_others_counted() -> None:
    there, now = ({f"k{number}": value for number in range(9)} for value in (0, 1))
    assert differences(there, now, most=2) == "k0 0 → 1, k1 0 → 1 and 7 more"


def test_a_long_value_is_cut_but_not_equal_to_another_one_that_begins_alike() -> None:
    # rejects a comparison of the texts that are shown
    there, now = {"a": "x" * 100 + "y"}, {"a": "x" * 100 + "z"}
    assert differences(there, now) == "a " + " → ".join(['"' + "x" * 38 + "…"] * 2)

"""Campaigns that train on several conditions at once."""

from typing import Any

import pytest

from passband.campaign.experiment_run import prepare_stores, run_experiment
from passband.campaign.families import ConditionFamily
from passband.campaign.grid import OWN, CampaignPlan
from passband.campaign.trainings import model_folder, training_folder
from passband.distribution import Normal
from passband.experiment.plan import Plan
from passband.experiment.study import trained_conditions
from passband.microscope.conditions import ConditionMixture
from passband.microscope.instruments.stem import ScanDistribution
from passband.segmentation.model import load_model

POINTS = [{"defocus": 120.0, "Cs": 1e5}, {"C10": 40.0}]


def test_a_mixture_is_its_points_about_the_base() -> None:
    family = ConditionFamily.model_validate(
        {"base": {"aberrations": {"C30": 2e5}, "dose": 400.0}, "jitter": 15.0, "mixtures": {"two": POINTS}}
    )
    (named,) = family.conditions()
    assert named.name == "two"
    assert isinstance(named.conditions, ConditionMixture)
    assert [one.aberrations for one in named.conditions.among] == [
        {"C10": Normal(normal=(-120.0, 15.0)), "C30": 1e5},
        {"C10": Normal(normal=(40.0, 15.0)), "C30": 2e5},
    ]
    assert {one.dose for one in named.conditions.among} == {400.0}


def test_json_of_a_family_holds_mixtures_only_where_there_are_some() -> None:
    with_mixtures = ConditionFamily.model_validate({"mixtures": {"two": POINTS}})
    assert ConditionFamily.model_validate_json(with_mixtures.to_json()) == with_mixtures
    assert "mixtures" not in ConditionFamily(grid={"C10": (1.0,)}).to_json()


def test_identities_of_conditions_from_before_there_were_mixtures_still_hold(smallest: dict[str, Any]) -> None:
    # printed by the code of commit 86a9745, which knew no mixtures
    plan = CampaignPlan.model_validate(smallest)
    one = plan.experiments()[0]
    found = plan.families["two"].identity, one.evaluations[0].identity
    assert found == ("7c77106c801ea017", "6fb3f0ba91cfe10d")


@pytest.mark.parametrize(
    ("mixtures", "message"),
    [({"a": [{"C11": 1.0}]}, "C11"), ({"a": []}, "at least 1 item"), ({"a": [{"C10": "x"}]}, "valid number")],
)
def test_a_mixture_of_nothing_known_is_refused(mixtures: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ConditionFamily.model_validate({"mixtures": mixtures})


def test_networks_are_trained_on_a_mixture_and_their_card_says_so(smallest, tmp_path) -> None:
    families = smallest["families"] | {"mixed": {"mixtures": {"two": POINTS}, "base": {"dose": 400.0}}}
    part = smallest["parts"][0] | {"train_on": "mixed", "curves": False}
    plan = CampaignPlan.model_validate(smallest | {"families": families, "parts": [part]})
    prepare_stores(plan, tmp_path / "stores")
    (one,) = plan.experiments()
    rows = run_experiment(one, tmp_path / "run", stores=tmp_path / "stores", trainings=tmp_path / "trainings")
    assert {row["evaluation"] for row in rows} == {OWN, "defocus=100", "defocus=-100"}
    model = load_model(model_folder(training_folder(one, tmp_path / "trainings"), 0))
    mixture = plan.families["mixed"].conditions()[0].conditions
    assert trained_conditions(model, Plan.model_construct()) == mixture


SCAN = {"kind": "stem", "energy": 80e3, "semi_angle": 28e-3, "inner": 55e-3, "outer": 0.2, "dose": 1e4}


def test_a_grid_of_a_scan_has_numbers_and_coefficients() -> None:
    # rejects a base that became TEM's, a number taken for a coefficient, and an alias whose sign is lost
    grid = {"dose": [1e3, 1e5], "defocus": [40.0]}
    family = ConditionFamily.model_validate({"base": SCAN | {"source_size": 0.9}, "grid": grid, "jitter": 5.0})
    assert [one.name for one in family.conditions()] == ["dose=1000 defocus=40", "dose=100000 defocus=40"]
    for one, dose in zip(family.conditions(), (1e3, 1e5), strict=True):
        assert isinstance(one.conditions, ScanDistribution)
        assert (one.conditions.dose, one.conditions.source_size, one.conditions.semi_angle) == (dose, 0.9, 28e-3)
        assert one.conditions.aberrations == {"C10": Normal(normal=(-40.0, 5.0))}
    assert ConditionFamily.model_validate_json(family.to_json()) == family


def test_settings_of_a_scan_are_drawn() -> None:
    family = ConditionFamily.model_validate({"base": SCAN | {"dose": {"log_uniform": [1e3, 1e5]}}, "draw": 3})
    doses = [one.conditions.dose for one in family.conditions() if isinstance(one.conditions, ScanDistribution)]
    assert len(set(doses)) == 3
    assert all(1e3 <= dose <= 1e5 for dose in doses if isinstance(dose, float))


@pytest.mark.parametrize(
    ("family", "message"),
    [
        ({"base": SCAN, "mixtures": {"two": POINTS}}, "of a transmission microscope"),
        ({"base": SCAN, "grid": {"angular_spread": [1e-4]}}, "or write one of focal_spread, source_size, dose, jitter"),
        ({"base": {"among": [{"dose": 100.0}]}, "grid": {"C10": [1.0]}}, "base is a mixture"),
        ({"base": SCAN, "grid": {"source_size": [-1.0]}}, "source_size"),
    ],
)
def test_what_a_family_of_scans_cannot_have_is_said(family: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ConditionFamily.model_validate(family)


def test_a_grid_of_a_transmission_microscope_may_vary_the_dose() -> None:
    family = ConditionFamily.model_validate({"grid": {"dose": [100.0, 400.0]}})
    assert [getattr(one.conditions, "dose", None) for one in family.conditions()] == [100.0, 400.0]


def test_a_grid_over_two_coefficients_may_have_jitter_where_the_base_has_no_fixed_focus() -> None:
    base = {
        "aberrations": {"C10": {"uniform": [0.0, 9.0]}}
    }  # rejects values of C12 that are looked at alone with jitter
    family = ConditionFamily.model_validate({"base": base, "grid": {"C10": [5.0], "C12": [1.0, 2.0]}, "jitter": 3.0})
    assert len(family.conditions()) == 2

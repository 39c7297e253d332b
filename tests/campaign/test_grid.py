"""A campaign expands to experiments: which, how many, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from passband.campaign.families import ConditionFamily
from passband.campaign.grid import CampaignPlan, load_campaign
from passband.distribution import Normal, Uniform
from passband.experiment.plan_files import PlanError
from passband.recipe import PassbandError

STUDIES = Path(__file__).parents[2] / "studies"


def plan(raw: dict[str, Any], **changes: Any) -> CampaignPlan:
    return CampaignPlan.model_validate(raw | changes)


def part(raw: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return raw["parts"][0] | changes


def test_a_grid_is_every_combination_with_aliases_and_signs() -> None:
    family = ConditionFamily(grid={"defocus": (100.0, 0.0), "C30": (0.0, 5e5)}, jitter=15.0)
    conditions = family.conditions()
    assert [one.name for one in conditions] == [
        "defocus=100 C30=0",
        "defocus=100 C30=500000",
        "defocus=0 C30=0",
        "defocus=0 C30=500000",
    ]
    assert conditions[1].conditions.aberrations == {"C10": Normal(normal=(-100.0, 15.0)), "C30": 5e5}


def test_draws_are_fixed_settings_that_the_seed_decides() -> None:
    base = {"aberrations": {"C10": {"uniform": [-250.0, 250.0]}, "C12": {"uniform": [0.0, 50.0]}}}
    drawn = {seed: ConditionFamily(base=base, draw=4, seed=seed, jitter=15.0).conditions() for seed in (1, 2)}
    again = ConditionFamily(base=base, draw=4, seed=1, jitter=15.0).conditions()
    assert drawn[1] == again
    assert drawn[1] != drawn[2]
    assert [one.name for one in again] == ["set000", "set001", "set002", "set003"]
    centres = {one.conditions.aberrations["C10"].normal[0] for one in again}
    assert len(centres) == 4
    assert all(isinstance(one.conditions.aberrations["C12"], float) for one in again)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "no condition is given"),
        ({"grid": {"C10": (1.0,)}, "draw": 2}, "grid and draw are both given"),
        ({"grid": {"C11": (1.0,)}}, "C11"),
    ],
)
def test_a_family_that_is_none_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ConditionFamily(**changes)


def test_jitter_needs_a_fixed_focus() -> None:
    family = ConditionFamily(base={"aberrations": {"C10": {"uniform": [0, 9]}}}, grid={"C12": (1.0,)}, jitter=15.0)
    with pytest.raises(PassbandError, match="needs a fixed C10"):
        family.conditions()


def test_experiments_are_conditions_times_series_times_stacks(smallest: dict[str, Any]) -> None:
    series = [{"learning_rate": 0.1}, {"learning_rate": 0.2, "batch_size": 4}]
    together = plan(smallest, parts=[part(smallest, series=series)]).experiments()
    assert [(one.trained_on, one.training.learning_rate, one.training.batch_size, one.seeds) for one in together] == [
        ("defocus=100", 0.1, 2, (0, 1)),
        ("defocus=100", 0.2, 4, (0, 1)),
        ("defocus=-100", 0.1, 2, (0, 1)),
        ("defocus=-100", 0.2, 4, (0, 1)),
    ]
    apart = plan(smallest, parts=[part(smallest, together=False)]).experiments()
    assert [one.seeds for one in apart] == [(0,), (1,)] * 2
    assert len({one.training.seed for one in apart}) == 2  # each has its own stream of micrographs


def test_what_two_parts_share_is_run_once(smallest: dict[str, Any]) -> None:
    parts = [part(smallest), part(smallest, name="again", series=[{}, {"learning_rate": 0.5}])]
    assert len(plan(smallest, parts=parts).experiments()) == 4


def test_other_structures_differ_where_the_plan_says(smallest: dict[str, Any]) -> None:
    others = {"gold": {"scene": {"materials": ["Au"]}, "structures": 3}}
    two = plan(smallest, others=others, parts=[part(smallest, structures=["", "gold"])])
    one = two.experiments()[0]
    assert [(each.structures, each.name) for each in one.evaluations] == [
        ("", "defocus=100"),
        ("", "defocus=-100"),
        ("gold", "defocus=100"),
        ("gold", "defocus=-100"),
    ]
    gold = one.others["gold"]
    assert (gold.scene.materials, gold.structures, gold.scene.field) == (("Au",), 3, 32.0)
    assert one.simulation.scene.materials == ("CdSe",)


WRONG = {
    "unknown family": ({"train_on": "twoo"}, "names the family 'twoo'; known: random, two"),
    "unknown structures": ({"structures": ["gold"]}, "names the structures 'gold'"),
    "seed twice": ({"seeds": [1, 1]}, "has one twice"),
    "unknown training key": ({"series": [{"learning_rat": 0.1}]}, "learning_rat"),
}


@pytest.mark.parametrize(("changes", "message"), WRONG.values(), ids=WRONG)
def test_a_part_that_cannot_be_run_is_refused(smallest: dict[str, Any], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan(smallest, parts=[part(smallest, **changes)])


def test_a_gradient_limit_is_refused_where_networks_share_a_run(smallest: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="clip_norm couples"):
        plan(smallest, training=smallest["training"] | {"clip_norm": 1.0})


@pytest.mark.parametrize(
    "path", sorted(STUDIES.glob("ood_*/plan*.toml")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_every_plan_of_a_study_expands(path: Path) -> None:
    assert load_campaign(path).experiments()


def test_a_campaign_file_says_what_is_wrong_on_one_line(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    text = (STUDIES / "ood_defocus" / "plan_small.toml").read_text(encoding="utf-8")
    file.write_text(text.replace("epochs = 24", "epoch = 24"), encoding="utf-8")
    with pytest.raises(PlanError, match=r"plan.toml: training.epoch is not a known key; did you mean 'epochs'\?"):
        load_campaign(file)
    with pytest.raises(PlanError, match=r"training\.epochs"):
        load_campaign(STUDIES / "ood_defocus" / "plan_small.toml", ["training.epochs=0"])


def test_overrides_reach_every_experiment() -> None:
    changed = load_campaign(STUDIES / "ood_aberrations" / "plan_small.toml", ["families.random.draw=2", "images=4"])
    assert [one.images for one in changed.experiments()] == [4, 4]
    assert changed.families["random"].base.aberrations["C30"] == Uniform(uniform=(-5e5, 5e5))

"""Values that `--set` changes: one each, in TOML syntax, and what is malformed is refused."""

import pytest

from passband.distribution import Uniform
from passband.experiment.overrides import apply_override
from passband.experiment.plan import load_plan
from passband.experiment.plan_files import PlanError


def test_overrides_change_one_value_and_keep_the_rest() -> None:
    plain, changed = load_plan("demo"), load_plan("demo", ["training.epochs=7", "imaging.conditions.dose=123"])
    assert changed.training.epochs == 7
    assert changed.imaging.conditions.dose == 123
    assert changed.simulation == plain.simulation
    assert changed.identity != plain.identity


@pytest.mark.parametrize("text", ["tiny", '"tiny"'])
def test_a_bare_word_is_text(text: str) -> None:
    assert load_plan("demo", [f"network={text}"]).network.stem == 8


def test_a_table_and_a_list_item_can_be_set() -> None:
    plan = load_plan("demo", ["imaging.conditions.dose={uniform=[5, 6]}", "validation.1.name=other"])
    assert plan.imaging.conditions.dose == Uniform(uniform=(5.0, 6.0))
    assert plan.validation[1].name == "other"


BAD_OVERRIDES = ["training.epochs", "=3", "training..epochs=3", "training.epochs=[1", "a.b=1\nc=2", "name.x=3"]


@pytest.mark.parametrize("override", [*BAD_OVERRIDES, "validation.99.name='x'", "validation.one=3"])
def test_a_malformed_override_is_refused(override: str) -> None:
    with pytest.raises(PlanError, match="--set"):
        load_plan("demo", [override])


def test_an_override_of_a_raw_plan_makes_the_tables_on_its_way() -> None:
    raw: dict[str, object] = {}
    apply_override(raw, "a.b.c = 2")
    assert raw == {"a": {"b": {"c": 2}}}

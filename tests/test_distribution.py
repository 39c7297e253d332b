import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from scipy import stats

from passband.distribution import (
    Choice,
    LogUniform,
    Normal,
    Scalar,
    Uniform,
    check_weights,
    chosen,
    limits,
    sample,
)
from passband.recipe import PassbandError

FORMS = TypeAdapter(Scalar)


def drawn(scalar: Scalar, n: int = 4000) -> np.ndarray:
    rng = np.random.default_rng(7)
    return np.array([sample(scalar, rng) for _ in range(n)])


@pytest.mark.parametrize(
    ("scalar", "law"),
    [
        (Uniform(uniform=(-2.0, 6.0)), stats.uniform(-2, 8)),
        (Normal(normal=(3.0, 0.5)), stats.norm(3, 0.5)),
        (LogUniform(log_uniform=(0.1, 100.0)), stats.loguniform(0.1, 100)),
    ],
)
def test_draws_follow_the_named_law(scalar: Scalar, law: stats.rv_continuous) -> None:
    assert stats.kstest(drawn(scalar), law.cdf).pvalue > 1e-3


def test_choice_draws_every_value_equally() -> None:
    values, counts = np.unique(drawn(Choice(choice=(1.0, 5.0, 9.0))), return_counts=True)
    assert values.tolist() == [1.0, 5.0, 9.0]
    assert stats.chisquare(counts).pvalue > 1e-3


def test_a_number_leaves_the_generator_alone() -> None:
    rng = np.random.default_rng(0)
    assert sample(2.0, rng) == 2.0
    assert rng.random() == np.random.default_rng(0).random()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3.0),
        ({"uniform": [1, 2]}, Uniform(uniform=(1.0, 2.0))),
        ({"choice": [1, 2]}, Choice(choice=(1.0, 2.0))),
        ({"normal": [0, 1]}, Normal(normal=(0.0, 1.0))),
    ],
)
def test_the_forms_of_a_plan_are_understood(value: object, expected: Scalar) -> None:
    assert FORMS.validate_python(value) == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"uniform": [2, 1]}, "runs backwards; write the smaller value first"),
        ({"log_uniform": [0, 1]}, "must be positive; use uniform to include 0"),
        ({"normal": [0, -1]}, "negative standard deviation"),
        ({"choice": []}, "list at least one value"),
        ({"unifrom": [0, 1]}, "Extra inputs"),
    ],
)
def test_impossible_distributions_are_refused(value: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        FORMS.validate_python(value)


def test_limits_hold_every_draw() -> None:
    for scalar in (4.0, Uniform(uniform=(1.0, 2.0)), LogUniform(log_uniform=(1.0, 9.0)), Choice(choice=(3.0, 1.0))):
        low, high = limits(scalar)
        values = drawn(scalar, 200)
        assert low <= values.min() <= values.max() <= high
    assert limits(Normal(normal=(1.0, 2.0))) == (-5.0, 7.0)


def test_names_are_chosen_by_their_weights() -> None:
    rng = np.random.default_rng(0)
    found = [chosen({"a": 3.0, "b": 0.0, "c": 1.0}, rng) for _ in range(2000)]
    assert found.count("b") == 0
    assert found.count("a") == pytest.approx(1500, abs=80)


@pytest.mark.parametrize("weights", [{}, {"a": 0.0}, {"a": 2.0, "b": -1.0}])
def test_weights_that_choose_nothing_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(PassbandError, match=r"kinds=.* has no or a negative weight; weights are relative"):
        check_weights("kinds", weights)


def test_weights_that_cannot_be_added_are_refused() -> None:
    # rejects a check of each alone: their sum is beyond all numbers, and drawing from them fails
    with pytest.raises(PassbandError, match=r"^kinds: weights up to 1e\+308 cannot be added; they are relative"):
        check_weights("kinds", {"a": 1e308, "b": 0.9e308})
    check_weights("kinds", {"a": 1e308})

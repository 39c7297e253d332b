"""A mixture of conditions: how often each member comes, what it is as JSON, and what stands for it in σ and ε."""

from math import sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from passband.dataset.imaging import Imaging
from passband.dataset.named_conditions import NamedConditions
from passband.experiment.plan import plan_from
from passband.experiment.plan_files import PlanError
from passband.microscope.conditions import (
    AnyConditions,
    ConditionDistribution,
    ConditionMixture,
    validate_conditions,
)
from passband.microscope.information.condition_set import ConditionSet
from passband.microscope.information.polar import PolarLenses


def at(c10: float, jitter: float = 15.0) -> ConditionDistribution:
    return ConditionDistribution.model_validate({"aberrations": {"C10": {"normal": [c10, jitter]}}, "focal_spread": 10})


THREE = ConditionMixture(among=(at(-160.0), at(0.0), at(160.0)))


@pytest.mark.parametrize("weights", [None, (1.0, 2.0, 5.0)])
def test_each_member_comes_as_often_as_it_is_likely(weights: tuple[float, ...] | None) -> None:
    mixture = THREE.model_copy(update={"weights": weights})
    draws = 1500
    c10 = np.array([one.aberrations.C10 for one in mixture.sample(draws, np.random.default_rng(5))])
    for centre, probability in zip((-160.0, 0.0, 160.0), mixture.probabilities, strict=True):
        found = np.abs(c10 - centre) < 75.0  # five standard deviations of the jitter
        assert found.mean() == pytest.approx(probability, abs=4.5 * sqrt(probability * (1 - probability) / draws))
        assert c10[found].std() == pytest.approx(15.0, rel=0.25)


@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 12), k=st.integers(0, 12), seed=st.integers(0, 9))
def test_the_first_draws_do_not_depend_on_how_many_follow(n: int, k: int, seed: int) -> None:
    many = THREE.sample(n, np.random.default_rng(seed))
    assert THREE.sample(min(k, n), np.random.default_rng(seed)) == many[:k]


@pytest.mark.parametrize("conditions", [at(80.0), THREE, THREE.model_copy(update={"weights": (1.0, 1.0, 2.0)})])
def test_json_gives_the_same_conditions_and_identity_back(conditions: AnyConditions) -> None:
    imaging = Imaging(conditions=conditions, pixel_size=0.8, patch=128)
    again = Imaging.model_validate_json(imaging.to_json())
    assert again == imaging
    assert again.identity == imaging.identity
    assert validate_conditions(imaging.model_dump(mode="json")["conditions"]) == conditions


def test_identities_from_before_there_were_mixtures_still_hold() -> None:
    # printed by the code of commit 86a9745, which knew no mixtures
    old = {"aberrations": {"C10": {"normal": [-100.0, 15.0]}}, "dose": 400.0}
    assert NamedConditions(name="a", conditions=old).identity == "b808293d6024390f"


def test_a_mixture_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        ConditionMixture(among=())
    with pytest.raises(ValidationError, match="2 weights for 3 distributions; write one each"):
        ConditionMixture(among=THREE.among, weights=(1.0, 2.0))
    with pytest.raises(ValidationError, match="greater than 0"):
        ConditionMixture(among=THREE.among, weights=(1.0, 2.0, 0.0))
    with pytest.raises(ValidationError, match=r"weights up to 1e\+308 cannot be added"):
        ConditionMixture(among=THREE.among, weights=(1e308, 1e308, 1.0))


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"dosee": 1.0}, r"imaging.conditions.dosee is not a known key; did you mean 'dose'\?"),
        ({"among": [{"dosee": 1.0}]}, r"imaging.conditions.among.0.dosee is not a known key; did you mean 'dose'\?"),
        ({"among": [{"dose": 0.0}]}, r"imaging.conditions.among.0.dose: dose=0 .*write dose=null"),
    ],
)
def test_a_plan_says_where_in_a_mixture_it_is_wrong(conditions: dict[str, object], message: str) -> None:
    raw = {"name": "wrong", "imaging": {"pixel_size": 0.8, "patch": 64, "conditions": conditions}}
    with pytest.raises(PlanError, match=message):
        plan_from(raw)


def rms(data: ConditionSet) -> torch.Tensor:
    """T² of a data set along one azimuth, up to 1 Å⁻¹."""
    lenses = PolarLenses([data], odd="exact")
    q = torch.linspace(0.01, 1.0, 300, dtype=torch.float64)
    return lenses.along(q, 0.3, lenses.steady_envelope(q)).amplitude.square()[0]


@pytest.mark.parametrize("weights", [None, (3.0, 1.0, 4.0)])
def test_what_stands_for_a_mixture_transfers_the_mean_power_of_its_members(weights: tuple[float, ...] | None) -> None:
    mixture = THREE.model_copy(update={"weights": weights})
    data = ConditionSet.drawn(mixture)
    assert len(data.conditions) == (8 if weights else 3)  # one each, or in proportion: the computation stays small
    members = torch.stack([rms(ConditionSet.drawn(one)) for one in mixture.members])
    expected = torch.tensor(mixture.probabilities, dtype=torch.float64) @ members
    torch.testing.assert_close(rms(data), expected, rtol=1e-9, atol=1e-12)


def test_members_of_different_jitter_are_drawn() -> None:
    data = ConditionSet.drawn(ConditionMixture(among=(at(-200.0, 5.0), at(200.0, 30.0))), draws=200)
    c10 = np.array([one.aberrations.C10 for one in data.conditions])
    assert data.defocus_jitter == 0.0
    assert (len(c10[c10 < 0]), len(c10[c10 > 0])) == (200, 200)
    # 4.5 standard errors of a standard deviation of 200 draws
    assert c10[c10 < 0].std() == pytest.approx(5.0, rel=0.23)
    assert c10[c10 > 0].std() == pytest.approx(30.0, rel=0.23)


def test_a_plain_distribution_is_one_member_and_one_data_set_as_before() -> None:
    plain = at(-80.0)
    assert plain.members == (plain,)
    assert ConditionSet.drawn(plain) == ConditionSet.drawn(ConditionMixture(among=(plain,)))

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from passband.distribution import Normal
from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import MTF, ConditionDistribution, Conditions


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("energy", 300.0, "energies are in eV"),
        ("focal_spread", -1.0, "focal_spread=-1 Å"),
        ("angular_spread", -1e-3, "outside 0 to 0.5 rad"),
        ("angular_spread", 10.0, "write 10 mrad as angular_spread=10e-3"),
        ("aperture", 0.0, r"0 \(excluded\) to 0.5 rad"),
        ("aperture", 20.0, "angles are in rad"),
        ("dose", 0.0, "write dose=null"),
        ("dose", -400.0, "electrons per Å²"),
        ("readout_noise", -1.0, "rms number of electrons"),
    ],
)
@pytest.mark.parametrize("kind", [Conditions, ConditionDistribution])
def test_impossible_physics_is_refused_with_its_cure(kind: type, field: str, value: float, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        kind(**{field: value})


def test_the_limits_of_a_distribution_are_checked_too() -> None:
    with pytest.raises(ValidationError, match="write dose=null"):
        ConditionDistribution(dose={"uniform": [0.0, 400.0]})
    with pytest.raises(ValidationError, match="is beyond"):
        ConditionDistribution(aberrations={"C30": {"uniform": [0.0, 1e12]}})


@pytest.mark.parametrize("misspelt", ["C1O", "defocs", "Cs0"])
def test_a_misspelt_aberration_is_answered_with_a_near_name(misspelt: str) -> None:
    with pytest.raises(ValidationError, match="did you mean"):
        ConditionDistribution(aberrations={misspelt: 1.0})


def test_aliases_become_symbols_and_defocus_changes_its_sign() -> None:
    many = ConditionDistribution.model_validate(
        {"aberrations": {"Cs": 1e5, "defocus": {"uniform": [100.0, 250.0]}, "coma": {"choice": [0.0, 500.0]}}}
    )
    assert list(many.aberrations) == ["C10", "C21", "C30"]
    drawn = [one.aberrations.C10 for one in many.sample(200, np.random.default_rng(1))]
    assert -250.0 <= min(drawn) < -240.0
    assert -110.0 < max(drawn) <= -100.0


def test_an_aberration_given_twice_and_a_log_uniform_defocus_are_refused() -> None:
    with pytest.raises(ValidationError, match="C10 a second time"):
        ConditionDistribution(aberrations={"defocus": 1.0, "C10": 2.0})
    with pytest.raises(ValidationError, match="no log-uniform value is negative"):
        ConditionDistribution(aberrations={"defocus": {"log_uniform": [1.0, 2.0]}})


MANY = ConditionDistribution.model_validate(
    {
        "energy": {"choice": [200e3, 300e3]},
        "aberrations": {
            "C10": {"normal": [-50.0, 15.0]},
            "C12": {"uniform": [0.0, 50.0]},
            "phi12": {"uniform": [0.0, math.pi]},
        },
        "focal_spread": {"uniform": [5.0, 15.0]},
        "angular_spread": {"uniform": [0.0, 1e-4]},
        "aperture": {"uniform": [0.02, 0.03]},
        "dose": {"log_uniform": [30.0, 600.0]},
        "readout_noise": {"uniform": [0.0, 2.0]},
    }
)


def test_draws_depend_on_the_generator_alone_and_the_first_of_many_are_the_few() -> None:
    few, many = MANY.sample(3, np.random.default_rng(7)), MANY.sample(10, np.random.default_rng(7))
    assert few == many[:3]
    assert len({one.identity for one in many}) == 10
    assert MANY.sample(3, np.random.default_rng(8)) != few


def test_the_order_of_draws_is_fixed_by_the_fields_and_not_by_how_they_were_written() -> None:
    fields = MANY.model_dump()
    fields["aberrations"] = dict(reversed(fields["aberrations"].items()))
    reversed_fields = dict(reversed(fields.items()))
    again = ConditionDistribution.model_validate(reversed_fields)
    assert again.identity == MANY.identity
    assert again.sample(4, np.random.default_rng(0)) == MANY.sample(4, np.random.default_rng(0))
    rng = np.random.default_rng(0)
    expected = [rng.integers(2), rng.normal(-50.0, 15.0), rng.uniform(0.0, 50.0)]
    first = MANY.sample(1, np.random.default_rng(0))[0]
    assert expected[1] == first.aberrations.C10
    assert expected[2] == first.aberrations.C12


@given(st.integers(0, 2**16))
@settings(max_examples=20, deadline=None)
def test_the_unphysical_tail_of_a_normal_distribution_is_drawn_again(seed: int) -> None:
    close = ConditionDistribution(focal_spread=Normal(normal=(3.0, 1.0)))
    drawn = [one.focal_spread for one in close.sample(200, np.random.default_rng(seed))]
    assert min(drawn) >= 0.0
    assert len(set(drawn)) == 200


def test_exactly_gives_back_the_one_setting() -> None:
    here = Conditions(
        aberrations=Aberrations(C10=-80.0, C12=5.0, phi12=0.2), aperture=0.02, dose=400.0, mtf=MTF(half_at=0.6)
    )
    assert ConditionDistribution.exactly(here).sample(1, np.random.default_rng(0)) == [here]


def test_recipes_survive_their_json() -> None:
    assert ConditionDistribution.model_validate_json(MANY.to_json()) == MANY


@pytest.mark.parametrize(("shape", "expected"), [("gaussian", 0.5**4), ("lorentzian", 0.2)])
def test_mtf_is_one_half_where_it_says_and_falls_as_named(shape: str, expected: float) -> None:
    mtf = MTF.model_validate({"half_at": 0.5, "shape": shape})
    fraction = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    torch.testing.assert_close(mtf.transfer(fraction), torch.tensor([1.0, 0.5, expected], dtype=torch.float64))
    assert not mtf.identity_transfer


def test_identity_mtf_passes_everything_and_is_understood_as_a_word() -> None:
    assert Conditions(mtf="identity").mtf == MTF()  # type: ignore[arg-type]
    assert MTF().identity_transfer
    assert torch.equal(MTF().transfer(torch.rand(4)), torch.ones(4))

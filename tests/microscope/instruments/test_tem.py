"""The transmission microscope as an instrument: what its quantities are to an error model."""

import numpy as np
import pytest
import torch

from passband.electron import wavelength
from passband.microscope.aberrations import phase_aberration
from passband.microscope.conditions import ConditionDistribution, ConditionMixture, Conditions
from passband.microscope.instruments.choice import instrument_named, instrument_of, validate_distribution
from passband.recipe import PassbandError

TEM = instrument_named("tem")


def test_doses_count_in_decades_up_to_what_no_longer_matters() -> None:
    dose = TEM.quantity("dose")
    assert dose is not None
    seen = [dose.feature_values(value)[0] for value in (0.01, 1.0, 400.0, 1e7, 0.0)]
    assert seen == pytest.approx([-2.0, 0.0, 2.60206, 5.0, 5.0])


def test_the_oldest_kind_is_not_in_the_json() -> None:
    # rejects a field `kind` that is written: every identity of a store, a run and a card of before would change
    one = ConditionDistribution(aberrations={"C10": -80.0})
    for value in (Conditions(), one, ConditionMixture(among=(one, one))):
        assert "kind" not in value.to_json()
        assert (value.kind, instrument_of(value)) == ("tem", TEM)
    assert validate_distribution(one.model_dump(mode="json")) == one
    assert validate_distribution({"kind": "tem", **one.model_dump()}) == one
    with pytest.raises(PassbandError, match="kind='ten' is no instrument; did you mean 'tem'"):
        validate_distribution({"kind": "ten"})


def test_numbers_of_a_setting_make_the_setting_again() -> None:
    # rejects numbers that lack an azimuth or an aberration of higher order
    lens = {"C10": {"uniform": [-300.0, 300.0]}, "C12": 20.0, "phi12": {"uniform": [-1.0, 1.0]}}
    fifth = {"C56": 1e4, "phi56": 0.1}
    many = ConditionDistribution.model_validate({"aberrations": lens | fifth, "focal_spread": 9.0, "dose": 400.0})
    for one in many.sample(3, np.random.default_rng(0)):
        assert TEM.with_values(Conditions(), TEM.values(one)) == one
    assert TEM.with_values(Conditions(), {"defocus": 80.0}).aberrations.C10 == -80.0


def test_what_a_file_tells_has_c10_and_cs_and_no_other_coefficient_that_is_zero() -> None:
    assert TEM.known_values(Conditions(dose=90.0)) == {
        "C10": 0.0,
        "C30": 0.0,
        "focal_spread": 0.0,
        "angular_spread": 0.0,
        "dose": 90.0,
    }
    assert "dose" not in TEM.known_values(Conditions())


def test_a_setting_of_another_instrument_is_refused() -> None:
    with pytest.raises(PassbandError, match="ConditionDistribution is no Conditions of a transmission microscope"):
        TEM.values(ConditionDistribution())  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["C32", "C41", "C50"])
def test_a_coefficient_is_negligible_up_to_an_eighth_of_a_wave_at_the_edge_of_the_band(name: str) -> None:
    # rejects the limit of another order, of another frequency, and of another energy; the oracle is the phase itself
    setting = Conditions(energy=80e3)
    limit = TEM.negligible(name, setting, pixel_size=0.8)
    edge = torch.tensor([0.5 / 0.8], dtype=torch.float64)
    chi = phase_aberration(edge, torch.zeros_like(edge), {name: limit}, wavelength(80e3))
    assert float(chi) == pytest.approx(np.pi / 4.0)


def test_what_measurements_vary_is_never_negligible_and_what_cannot_show_neither() -> None:
    for name in ("C10", "C30", "dose", "phi32", "focal_spread"):
        assert TEM.negligible(name, Conditions(), pixel_size=0.8) is None

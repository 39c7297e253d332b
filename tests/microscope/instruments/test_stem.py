"""The scanning microscope as an instrument: what is refused, drawn, and written."""

import numpy as np
import pytest
from pydantic import ValidationError

from passband.microscope.conditions import Conditions
from passband.microscope.instruments.choice import instrument_named, instrument_of, validate_distribution
from passband.microscope.instruments.stem import ScanConditions, ScanDistribution
from passband.recipe import PassbandError

STEM = instrument_named("stem")
MANY = ScanDistribution.model_validate(
    {
        "energy": {"choice": [60e3, 80e3]},
        "semi_angle": {"uniform": [20e-3, 34e-3]},
        "inner": {"uniform": [30e-3, 90e-3]},
        "outer": {"uniform": [92e-3, 220e-3]},
        "aberrations": {"defocus": {"uniform": [-60.0, 20.0]}, "C12": 20.0, "Cs": 1e4},
        "source_size": {"uniform": [0.5, 1.2]},
        "dose": {"log_uniform": [1e3, 1e6]},
        "jitter": {"uniform": [0.0, 0.4]},
    }
)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"inner": 21e-3}, r"inner=0\.021 rad is within the disc of a beam of semi_angle=0\.022 rad"),
        ({"inner": 0.25}, r"inner=0\.25 rad is not below outer=0\.198 rad; exchange them"),
        ({"semi_angle": 22.0}, "semi_angle=22"),
        ({"inner": 66.0, "outer": 198.0}, "inner=66"),
        ({"outer": 198.0}, "outer=198"),
        ({"energy": 200.0}, "energies are in eV"),
        ({"source_size": -0.1}, "source_size=-0.1 Å is outside 0 to 100"),
        ({"jitter": 11.0}, "jitter=11 pixels is outside 0 to 10"),
        ({"dose": -1.0}, "dose"),
        ({"does": 1e4}, "did you mean 'dose'|does"),
    ],
)
@pytest.mark.parametrize("cls", [ScanConditions, ScanDistribution])
def test_what_is_not_physical_is_refused(cls, values, message):
    with pytest.raises((ValidationError, PassbandError), match=message):
        cls.model_validate(values)


def test_a_distribution_is_refused_where_no_draw_of_it_is_physical():
    # rejects a check of one end only: a detector that may begin outside the disc is drawn again, not refused
    ScanDistribution.model_validate({"inner": {"uniform": [20e-3, 60e-3]}})
    with pytest.raises(ValidationError, match="within the disc"):
        ScanDistribution.model_validate({"inner": {"uniform": [10e-3, 20e-3]}})


def test_draws_are_reproducible_differ_and_never_within_the_disc():
    # rejects detectors clipped or drawn once, and a draw that takes more of the generator than the next one knows
    some = MANY.sample(200, np.random.default_rng(3))
    assert some[:5] == MANY.sample(5, np.random.default_rng(3))
    assert MANY.sample(1, np.random.default_rng(4)) != some[:1]
    assert all(one.semi_angle <= one.inner < one.outer for one in some)
    assert {one.energy for one in some} == {60e3, 80e3}
    for name in ("semi_angle", "inner", "outer", "source_size", "dose", "jitter"):
        assert len({getattr(one, name) for one in some}) == 200
    c10 = [one.aberrations.C10 for one in some]
    assert -20.0 <= min(c10) < -15.0 < 50.0 < max(c10) <= 60.0  # the defocus with its sign turned
    assert {(one.aberrations.C12, one.aberrations.C30) for one in some} == {(20.0, 1e4)}


def test_a_setting_and_a_distribution_are_read_as_they_were_written():
    # rejects JSON without `kind`, which would be read as that of a transmission microscope
    for text in (MANY.model_dump(mode="json"), MANY):
        again = validate_distribution(text)
        assert (type(again), again, again.identity) == (ScanDistribution, MANY, MANY.identity)
    drawn = MANY.sample(1, np.random.default_rng(0))[0]
    assert ScanConditions.model_validate(drawn.model_dump(mode="json")) == drawn
    assert instrument_of(drawn) is instrument_of(MANY)
    assert instrument_of(MANY) == STEM


def test_exactly_draws_that_setting_alone():
    # rejects a distribution that loses an aberration, the detector, the dose or the jitter
    lens = {"C10": -30.0, "C12": 12.0, "phi12": 0.4, "C30": -5e3, "C56": 1e6, "phi56": 0.1}
    one = ScanConditions(
        energy=80e3,
        semi_angle=31e-3,
        aberrations=lens,
        focal_spread=20.0,
        source_size=0.6,
        inner=70e-3,
        outer=180e-3,
        dose=4e4,
        jitter=0.3,
    )
    for setting in (one, ScanConditions()):
        assert STEM.exactly(setting).sample(2, np.random.default_rng(0)) == [setting, setting]
    with pytest.raises(PassbandError, match="Conditions is no ScanConditions of a scanning microscope"):
        STEM.exactly(Conditions())


def test_numbers_of_a_setting_make_the_setting_again():
    # rejects values that lack an aberration or an azimuth, and an alias whose sign is not turned
    base = MANY.model_copy(update={"aberrations": {}, "energy": 60e3}).sample(1, np.random.default_rng(1))[0]
    for one in MANY.sample(3, np.random.default_rng(1)):
        again = STEM.with_values(one.model_copy(update={"dose": None, "jitter": None}), STEM.values(one))
        assert again == one
    changed = STEM.with_values(base, {"defocus": 80.0, "dose": 5e3, "C12": 30.0, "jitter": None})
    assert (changed.aberrations.C10, changed.aberrations.C12, changed.dose, changed.jitter) == (-80.0, 30.0, 5e3, None)
    kept = ("energy", "semi_angle", "inner", "outer", "source_size", "focal_spread")
    assert all(getattr(changed, name) == getattr(base, name) for name in kept)
    with pytest.raises((ValidationError, PassbandError), match="jitter=20"):
        STEM.with_values(base, {"jitter": 20.0})


def test_numbers_of_a_distribution_make_the_distribution_again():
    scalars = STEM.scalars(MANY)
    assert {"C10", "C12", "C30", "energy", "semi_angle", "inner", "outer", "dose", "jitter"} <= set(scalars)
    assert STEM.with_scalars(ScanDistribution(), scalars) == MANY
    assert STEM.with_scalars(MANY, {"dose": 5.0, "C10": 7.0}).sample(1, np.random.default_rng(0))[0].dose == 5.0


def test_what_is_known_of_a_setting():
    known = STEM.known_values(ScanConditions(dose=90.0))
    assert known == {"C10": 0.0, "focal_spread": 0.0, "source_size": 0.8, "dose": 90.0}
    assert STEM.unit("phi12") == "rad"
    assert STEM.quantity("C12").azimuth == ("phi12", 2)


def test_a_dose_is_what_is_set_from_image_to_image():
    """Rejects doses below 0, as of a lens that is focused to both sides, and advice on a defocus."""
    reachable = STEM.reachable((1e3, 1e6))
    assert (reachable[0], reachable[-1]) == pytest.approx((1e3, 1e6))
    assert np.diff(np.log(reachable)) == pytest.approx(np.log(1e3) / 30)
    setting = ScanConditions(dose=2.5e4)
    assert STEM.said(setting, advice=True) == "a dose of 2.5e+04 e⁻/Å²"
    assert STEM.axis_label("dose") == (1.0, "dose (e⁻/Å²)")
    assert STEM.axis_label("C10") == (10.0, "C10 = −defocus (nm)")


def test_a_coefficient_of_the_probe_is_negligible_up_to_an_eighth_of_a_wave_at_the_edge_of_its_disc():
    # rejects the limit of an image's frequencies: (2π/λ) C₃₄ α⁴/4 = π/4 at the semi-angle α
    limit = STEM.negligible("C34", ScanConditions(energy=80e3, semi_angle=25e-3), pixel_size=0.2)
    assert limit == pytest.approx(0.0417572 / (2.0 * 25e-3**4), rel=1e-5)

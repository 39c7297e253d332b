import math

import pytest

from passband.commands.terminal.quantities import (
    aberration,
    aberration_values,
    angle,
    assignments,
    changed_conditions,
    energy,
    signed_length,
)
from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import Conditions
from passband.recipe import PassbandError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-80", -80.0),
        ("2.5e5", 2.5e5),
        ("-8nm", -80.0),
        ("0.025mm", 2.5e5),
        ("25um", 2.5e5),
        ("+25 µm", 2.5e5),
        ("0nm", 0.0),
    ],
)
def test_lengths_keep_their_sign_and_unit(text: str, expected: float) -> None:
    assert signed_length(text, "c10") == pytest.approx(expected, rel=1e-12)


def test_the_typographic_minus_is_a_minus() -> None:
    assert signed_length("\u22128nm", "c10") == -80.0


@pytest.mark.parametrize("text", ["", "nm", "ten", "--8", "8 furlongs", "0 furlongs", "nan"])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(PassbandError, match=r"not a length|has the unit"):
        signed_length(text, "c10")


def test_angles_and_energies_understand_their_units() -> None:
    assert angle("10mrad", "aperture") == pytest.approx(0.01)
    assert angle("180 deg", "phi12") == pytest.approx(math.pi)
    assert energy("300kV") == energy("300e3") == energy("300 keV") == 300e3
    with pytest.raises(PassbandError, match="write rad"):
        angle("10 turns", "aperture")
    with pytest.raises(PassbandError, match="write eV"):
        energy("300 kW")


def test_names_need_no_capitals_and_defocus_changes_its_sign() -> None:
    assert aberration("c30", "25um") == ("C30", 2.5e5)
    assert aberration("DEFOCUS", "25nm") == ("C10", -250.0)
    assert aberration("Phi12", "0.3") == ("phi12", 0.3)


def test_a_coefficient_given_twice_is_refused() -> None:
    with pytest.raises(PassbandError, match="C10 a second time"):
        aberration_values([("c10", "1"), ("defocus", "2")])


@pytest.mark.parametrize("text", ["c10", "c10=", "=5", "c10=1,,c30=2"])
def test_assignments_without_a_side_are_refused(text: str) -> None:
    with pytest.raises(PassbandError, match="is not name=value"):
        assignments([text])


def test_changed_conditions_take_these_aberrations_and_no_others() -> None:
    here = Conditions(aberrations=Aberrations(C10=-80.0, C30=2.5e5), focal_spread=10.0, aperture=0.02)
    there = changed_conditions(here, "c10=-250,focal_spread=2nm")
    assert there.aberrations == Aberrations(C10=-250.0)
    assert (there.focal_spread, there.aperture, there.energy) == (20.0, 0.02, 300e3)
    assert changed_conditions(here, "cs=1um,energy=80kV,aperture=10mrad").energy == 80e3

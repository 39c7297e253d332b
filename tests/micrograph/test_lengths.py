import pytest
from hypothesis import given
from hypothesis import strategies as st

from passband.micrograph.lengths import clean_unit, is_reciprocal, parse_length, unit_in_angstrom
from passband.recipe import PassbandError


@pytest.mark.parametrize(
    ("text", "angstrom"),
    [
        ("0.776", 0.776),
        (0.776, 0.776),
        ("77.6pm", 0.776),
        ("0.0776nm", 0.776),
        ("0.776A", 0.776),
        ("0.776Å", 0.776),
        ("0.776 \u212b", 0.776),  # the Ångström sign, not the letter
        ("0.5 um", 5000.0),
        ("0.5 µm", 5000.0),  # the micro sign
        ("0.5 \u03bcm", 5000.0),  # the Greek letter
        ("2e-6 mm", 20.0),
        ("7.4984 pm/px", 0.074984),
        (" .2nm ", 2.0),
    ],
)
def test_lengths_are_understood_as_people_write_them(text: str | float, angstrom: float) -> None:
    assert parse_length(text) == pytest.approx(angstrom, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.2 furlong", "unit 'furlong'; known are pm"),
        ("5 px", "unit 'px'"),
        ("0", "finite and above 0"),
        ("-1 nm", "finite and above 0"),
        ("1e999", "finite and above 0"),
        ("nan", "not a number with a unit"),
        ("inf", "not a number with a unit"),
        ("0,776", "unit ',776'"),
        ("", "not a number with a unit"),
        ("nm", "not a number with a unit"),
        (float("nan"), "not a number with a unit"),
        (0.0, "finite and above 0"),
    ],
)
def test_bad_lengths_say_what_is_known(text: str | float, message: str) -> None:
    with pytest.raises(PassbandError, match=message):
        parse_length(text)


@given(st.floats(1e-3, 1e3), st.sampled_from([("pm", 1e-2), ("A", 1.0), ("nm", 10.0), ("um", 1e4), ("mm", 1e7)]))
def test_a_unit_only_scales(value: float, unit: tuple[str, float]) -> None:
    assert parse_length(f"{value!r} {unit[0]}") == pytest.approx(value * unit[1], rel=1e-12)


@pytest.mark.parametrize("unit", ["n_m", "[n_m]", "nm", " nm ", "[nm]"])
def test_units_of_instruments_are_cleaned(unit: str) -> None:
    assert unit_in_angstrom(unit) == 10.0


@pytest.mark.parametrize("unit", ["ƒÊm", "Âµm", "\\u00B5m", "micron", "µm", "um", "micrometer"])
def test_a_micrometre_survives_its_encodings(unit: str) -> None:
    assert unit_in_angstrom(unit) == 1e4


def test_millimetre_and_metre_and_mega_are_not_confused() -> None:
    assert unit_in_angstrom("mm") == 1e7
    assert unit_in_angstrom("m") == 1e10
    assert unit_in_angstrom("Mm") is None
    assert unit_in_angstrom("") is None
    assert unit_in_angstrom(None) is None


@pytest.mark.parametrize("unit", ["1/nm", "1/Å", "nm^-1", "nm-1", "Å⁻¹", "mrad", "[1/nm]"])
def test_diffraction_units_are_told(unit: str) -> None:
    assert is_reciprocal(unit)


@pytest.mark.parametrize("unit", ["nm", "", None, "px", "eV"])
def test_other_units_are_no_diffraction(unit: str | None) -> None:
    assert not is_reciprocal(unit)


def test_cleaning_keeps_a_plain_unit() -> None:
    assert clean_unit("pm") == "pm"

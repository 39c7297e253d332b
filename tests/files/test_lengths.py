import pytest
from hypothesis import given
from hypothesis import strategies as st

from passband.files.lengths import clean_unit, is_reciprocal, parse_length, parse_number, unit_in_angstrom
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
        ("0,776", 0.776),  # a decimal comma
        ("0,05nm", 0.5),
        (",5 nm", 5.0),
        ("1,5e-1 nm", 1.5),
        ("12,3456 pm", 0.123456),
        ("0.05 nanometres", 0.5),
        ("50 picometer per pixel", 0.5),
        ("0.5 ångström", 0.5),
        ("0.5 Angstroem", 0.5),
        ("0.05 nm px^-1", 0.5),
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
        ("1,234", "may mean thousands or a decimal comma; write it with a point"),
        ("1,234.5 nm", "may mean thousands|unit"),
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


@pytest.mark.parametrize(
    "unit",
    [
        *(
            "1/nm",
            "1 / nm",
            "1 / Å",
            "1 / px",
            "1/pixel",
            "[1/nm]",
            "1/[n_m]",
            "(1/nm)",
            "1/m",
            "1/Angstrom",
            "1 / ångström",
        ),
        *(
            "nm^-1",
            "nm-1",
            "nm⁻¹",
            "nm\u22121",
            "nm**-1",
            "nm^{-1}",
            "nm^(-1)",
            "$\\mathrm{nm}^{-1}$",
            "A-1",
            "A^-1",
            "Å⁻¹",
        ),
        *("m-1", "px^-1", "1/nm/px", "A^-1/pixel", "mrad", "rad", "µrad", "mrad/px", "deg", "°", "milliradians"),
        *("inverse nm", "reciprocal angstroms", "cycles/nm", "per nm", "1 per nm", "/nm", "rad/nm", "nmâ»Â¹"),
    ],
)
def test_diffraction_units_are_told_however_they_are_spelt(unit: str) -> None:
    assert is_reciprocal(unit)
    assert unit_in_angstrom(unit) is None


@pytest.mark.parametrize("unit", ["nm", "", None, "px", "eV", "nm/px", "nm px^-1", "percent", "person", "m", "°C", "s"])
def test_other_units_are_no_diffraction(unit: str | None) -> None:
    assert not is_reciprocal(unit)


@pytest.mark.parametrize(
    ("unit", "angstrom"),
    [
        *(
            (word, 10.0)
            for word in ("nanometre", "Nanometers", "nanomètre", "nanómetro", "NANOMETER", "nm/pixel", "nm / px")
        ),
        *((word, 10.0) for word in ("nm per pixel", "nm px^-1", "nm·px⁻¹", "nm/pix", "$nm$", "nanometres per pixel")),
        *((word, 0.01) for word in ("picometer", "picometre", "Pikometer", "pm")),
        *((word, 1e4) for word in ("micrometre", "Mikrometer", "&#181;m", "&micro;m", "&#xB5;m", "microns")),
        *(
            (word, 1.0)
            for word in ("ångström", "Ångström", "Angstroem", "angstroms", "&Aring;", "A\u030a", "\u212b", "Ang")
        ),
        *((word, 1e7) for word in ("millimetre", "millimeters")),
        *((word, 1e10) for word in ("metre", "meters")),
        *((word, None) for word in ("megametre", "nM", "Mm", "nms", "metered", "kilometre", "px", "pixel", "1/nm")),
    ],
)
def test_lengths_in_words(unit: str, angstrom: float | None) -> None:
    assert unit_in_angstrom(unit) == angstrom


@pytest.mark.parametrize(
    ("text", "value"),
    [("0,05", 0.05), ("1.5e3", 1500.0), (" -2 ", -2.0), ("12,5", 12.5), ("1,234", None), ("12,345", None),
     ("0,123", 0.123),
     ("1,234.5", None), ("5 nm", None), ("nan", None), ("1e999", None), ("", None), ("1,2,3", None)],
)  # fmt: skip
def test_numbers_with_a_decimal_comma_but_no_thousands(text: str, value: float | None) -> None:
    assert parse_number(text) == value


def test_cleaning_keeps_a_plain_unit() -> None:
    assert clean_unit("pm") == "pm"

"""Lengths as people and instruments write them, in Å: `77.6pm`, `0.5 µm`, `n_m`, `[nm]`, mojibake included."""

import math
import re
import unicodedata

from passband.recipe import PassbandError

_ANGSTROM = {
    "fm": 1e-5,
    "pm": 1e-2,
    "A": 1.0,
    "Å": 1.0,
    "ang": 1.0,
    "angstrom": 1.0,
    "angstroms": 1.0,
    "nm": 10.0,
    "nanometer": 10.0,
    "nanometers": 10.0,
    "um": 1e4,
    "μm": 1e4,
    "micron": 1e4,
    "microns": 1e4,
    "micrometer": 1e4,
    "micrometers": 1e4,
    "mm": 1e7,
    "cm": 1e8,
    "m": 1e10,
    "meter": 1e10,
    "inch": 2.54e8,
}
_MOJIBAKE = {
    "ƒÊ": "μ",
    "Âμ": "μ",
    "\\u00B5": "μ",
    "\\u03BC": "μ",
    "Ã\x85": "Å",
    "Ã…": "Å",
    "Å\x8d": "Å",
    "\\u00C5": "Å",
}
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*)", re.DOTALL)
_RECIPROCAL = re.compile(r"^1/|\^?-1$|^m?rad$|^deg$")
KNOWN_UNITS = "pm, Å (or A), nm, um (or µm), mm"


def clean_unit(unit: str | None) -> str:
    """Return one spelling of a unit: no brackets or underscores, µ as μ, and the two usual encodings accidents undone.

    Examples
    --------
    >>> clean_unit("[n_m]"), clean_unit("ƒÊm") == clean_unit("µm")
    ('nm', True)
    """
    text = unicodedata.normalize("NFKC", unit or "").strip().strip("[]()").replace("_", "").replace("\u2212", "-")
    for wrong, right in _MOJIBAKE.items():
        text = text.replace(wrong, right)
    return text.strip()


def unit_in_angstrom(unit: str | None) -> float | None:
    """Å in one `unit` of length, or None where the unit is missing, unknown or not a length."""
    cleaned = clean_unit(unit)
    return _ANGSTROM.get(cleaned, _ANGSTROM.get(cleaned.lower()) if len(cleaned) > 2 else None)


def is_reciprocal(unit: str | None) -> bool:
    """Whether a unit belongs to a diffraction pattern (1/nm, nm^-1, mrad …)."""
    return bool(_RECIPROCAL.search(clean_unit(unit)))


def parse_length(text: str | float) -> float:
    """Length in Å; a bare number is in Å already.

    Raises
    ------
    PassbandError
        No number, a unit that is not known, or a value that is not finite and positive.

    Examples
    --------
    >>> [round(parse_length(text), 6) for text in ("0.776", "77.6pm", "0.0776 nm", "0.5 µm")]
    [0.776, 0.776, 0.776, 5000.0]
    """
    shown = str(text).strip()
    match = _NUMBER.fullmatch(shown)
    if match is None:
        raise PassbandError(f"length {shown!r} is not a number with a unit; write it as 0.776, 77.6pm or 0.0776nm")
    unit = re.sub(r"\s*(/\s*|per\s+)(px|pixel)s?$", "", match[2], flags=re.IGNORECASE)
    factor = unit_in_angstrom(unit) if unit.strip() else 1.0
    if factor is None:
        raise PassbandError(f"length {shown!r} has the unit {unit.strip()!r}; known are {KNOWN_UNITS} (none means Å)")
    value = float(match[1]) * factor
    if not (math.isfinite(value) and value > 0):
        raise PassbandError(f"length {shown!r} must be finite and above 0; write it as 0.776, 77.6pm or 0.0776nm")
    return value

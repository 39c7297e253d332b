"""Lengths as people and instruments write them, in Å: `77.6pm`, `0,5 µm`, `n_m`, `nanometre`, `nm/pixel`, mojibake."""

import html
import math
import re
import unicodedata

from passband.recipe import PassbandError

_PREFIXES = {
    "femto": 1e-5,
    "pico": 1e-2,
    "piko": 1e-2,
    "nano": 10.0,
    "micro": 1e4,
    "mikro": 1e4,
    "milli": 1e7,
    "centi": 1e8,
    "zenti": 1e8,
    "": 1e10,
}
_METRES = ("meter", "meters", "metre", "metres", "metro", "metros")
_ABBREVIATIONS = {
    "fm": 1e-5,
    "pm": 1e-2,
    "A": 1.0,
    "Å": 1.0,
    "nm": 10.0,
    "um": 1e4,
    "μm": 1e4,
    "mm": 1e7,
    "cm": 1e8,
    "m": 1e10,
}
_WORDS = {
    **{prefix + metre: size for prefix, size in _PREFIXES.items() for metre in _METRES},
    **dict.fromkeys(("ang", "angs", "angstrom", "angstroms", "angstroem", "angstroems"), 1.0),
    **dict.fromkeys(("micron", "microns"), 1e4),
    **dict.fromkeys(("inch", "inches"), 2.54e8),
}
_ANGLES = {
    *("rad", "mrad", "urad", "μrad", "deg", "°"),
    *("radian", "radians", "milliradian", "milliradians", "microradian", "microradians", "degree", "degrees"),
}
_MOJIBAKE = {
    "ƒÊ": "μ",
    "Âμ": "μ",
    "Î¼": "μ",
    "\\u00B5": "μ",
    "\\u03BC": "μ",
    "Ã\x85": "Å",
    "Ã…": "Å",
    "Å\x8d": "Å",
    "\\u00C5": "Å",
    "â\x81»Â1": "-1",
    "â»Â1": "-1",
}
_PIXELS = ("pixels", "pixel", "pix", "px")
_PER_PIXEL = tuple(
    form.format(name)
    for name in _PIXELS
    for form in ("/{}", "per{}", "·{}^-1", ".{}^-1", "*{}^-1", "{}^-1", "·{}-1", "{}-1")
)
_MARKUP = re.compile(r"\\(?:mathrm|text|rm)|[\s_${}()\[\]\\]")
_NUMBER = re.compile(r"([+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?)(.*)", re.DOTALL)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_LONGEST = 100  # characters of a number with its unit, as anybody writes it
KNOWN_UNITS = "pm, Å (or A), nm, um (or µm), mm"


def clean_unit(unit: str | None) -> str:
    """Return one spelling of a unit.

    Blanks, brackets, underscores and TeX go, µ becomes μ, powers are written ^-1, "per pixel" goes, and the usual
    accidents of encodings are undone.

    Examples
    --------
    >>> [clean_unit(unit) for unit in ("[n_m]", "1 / nm", "nm⁻¹", "nm / pixel")]
    ['nm', '1/nm', 'nm^-1', 'nm']
    >>> clean_unit("ƒÊm") == clean_unit("&#181;m") == "μm"
    True
    """
    if len(unit or "") > _LONGEST:
        return f"{(unit or '')[:12]}…"
    text = unicodedata.normalize("NFKC", html.unescape(unit or "")).replace("\u2212", "-").replace("**", "^")
    for wrong, right in _MOJIBAKE.items():
        text = text.replace(wrong, right)
    text = _MARKUP.sub("", text)
    if text.endswith("-1") and not text.endswith(("^-1", "e-1")):
        text = f"{text[:-2]}^-1"
    lower = text.lower()
    ending = next((ending for ending in _PER_PIXEL if lower.endswith(ending)), "")
    rest = text[: len(text) - len(ending)]
    return rest if rest not in ("", "1") else text


def _plain_word(text: str) -> str:
    """Lower case without accents: ångström → angstrom."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))


def unit_in_angstrom(unit: str | None) -> float | None:
    """Å in one `unit` of length, or None where the unit is missing, unknown or not a length.

    Examples
    --------
    >>> [unit_in_angstrom(unit) for unit in ("nanometre", "ångström", "nm/px", "1/nm", "Mm")]
    [10.0, 1.0, 10.0, None, None]
    """
    cleaned = clean_unit(unit)
    return _ABBREVIATIONS.get(cleaned, _WORDS.get(_plain_word(cleaned)) if len(cleaned) > 2 else None)


def is_reciprocal(unit: str | None) -> bool:
    """Whether a unit belongs to a diffraction pattern (1/nm, nm^-1, mrad …), however it is spelt.

    Examples
    --------
    >>> all(is_reciprocal(unit) for unit in ("1 / nm", "Å⁻¹", "A-1", "1/px", "nm^{-1}", "inverse nanometers", "mrad"))
    True
    """
    cleaned = clean_unit(unit)
    return (
        cleaned.lower() in _ANGLES
        or cleaned.endswith("^-1")
        or cleaned.lower().startswith(("1/", "1per", "cycles/", "cyclesper", "rad/", "inverse", "reciprocal"))
        or (cleaned.startswith(("per", "/")) and unit_in_angstrom(cleaned.removeprefix("per").lstrip("/")) is not None)
    )


def parse_number(text: str) -> float | None:
    """Return the finite number that a text is, with a point or a decimal comma, or None.

    `1,234` may be a thousand or a decimal fraction, and is neither.

    Examples
    --------
    >>> [parse_number(text) for text in ("0,05", "1.5e3", "1,234", "1,234.5", "5 nm", "nan")]
    [0.05, 1500.0, None, None, None, None]
    """
    match = _NUMBER.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if match is None or match[2] or _THOUSANDS.fullmatch(match[1]):
        return None
    value = float(match[1].replace(",", "."))
    return value if math.isfinite(value) else None


def split_quantity(text: str) -> tuple[float, str] | None:
    """Return number and unit of a text such as `0,05 1/nm`, or None where it does not begin with one finite number."""
    match = _NUMBER.fullmatch(text.strip())
    value = parse_number(match[1]) if match else None
    return None if match is None or value is None else (value, match[2].strip())


def parse_length(text: str | float) -> float:
    """Length in Å; a bare number is in Å already.

    Raises
    ------
    PassbandError
        No number, a unit that is not known, or a value that is not finite and positive.

    Examples
    --------
    >>> [round(parse_length(text), 6) for text in ("0.776", "77.6pm", "0,0776 nm", "0.5 µm")]
    [0.776, 0.776, 0.776, 5000.0]
    """
    shown = str(text).strip()
    if len(shown) > _LONGEST:
        raise PassbandError(f"length {shown[:12]!r}… has {len(shown)} characters; write it as 0.776 or 77.6pm")
    match = _NUMBER.fullmatch(shown)
    if match is None:
        raise PassbandError(f"length {shown!r} is not a number with a unit; write it as 0.776, 77.6pm or 0.0776nm")
    if _THOUSANDS.fullmatch(match[1]):
        raise PassbandError(f"length {shown!r} may mean thousands or a decimal comma; write it with a point")
    unit = match[2].strip()
    factor = unit_in_angstrom(unit) if unit else 1.0
    if factor is None:
        raise PassbandError(f"length {shown!r} has the unit {unit!r}; known are {KNOWN_UNITS} (none means Å)")
    value = float(match[1].replace(",", ".")) * factor
    if not (math.isfinite(value) and value > 0):
        raise PassbandError(f"length {shown!r} must be finite and above 0; write it as 0.776, 77.6pm or 0.0776nm")
    return value

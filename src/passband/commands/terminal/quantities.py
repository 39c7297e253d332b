"""Optical settings as they are typed: `-8nm`, `25um`, `0.3mrad`, `300kV`, `c10=-250,c30=2.5e5`; to Å, rad and eV."""

import math
import re
from collections.abc import Callable, Iterable

from passband.files.lengths import parse_length
from passband.microscope.aberrations import resolve_name, resolve_values
from passband.microscope.conditions import Conditions
from passband.recipe import PassbandError

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(.*)", re.DOTALL)
_LONGEST = 100
_ANGLES = {
    "": 1.0,
    "rad": 1.0,
    "mrad": 1e-3,
    "urad": 1e-6,
    "µrad": 1e-6,
    "μrad": 1e-6,
    "deg": math.pi / 180.0,
    "°": math.pi / 180.0,
}
_ENERGIES = {"": 1.0, "ev": 1.0, "v": 1.0, "kev": 1e3, "kv": 1e3, "mev": 1e6, "mv": 1e6}


def _number(text: str) -> re.Match[str] | None:
    """Match a number and its unit; nobody writes them with more than a hundred characters."""
    return _NUMBER.fullmatch(text.replace("\u2212", "-").strip()) if len(text) <= _LONGEST else None


def signed_length(text: str, name: str) -> float:
    """Length in Å that may be negative or zero; a bare number is in Å.

    Raises
    ------
    PassbandError
        Not a number, or an unknown unit.

    Examples
    --------
    >>> [signed_length(text, "c10") for text in ("-80", "-8nm", "25um", "0")]
    [-80.0, -80.0, 250000.0, 0.0]
    """
    match = _number(text)
    if match is None:
        raise PassbandError(f"{name}={text[:60]!r} is not a length; write Å as -80, or as -8nm, 25um, 1.2mm")
    if float(match[1]) == 0.0:
        parse_length(f"1{match[2]}")
        return 0.0
    magnitude = parse_length(f"{match[1].lstrip('+-')}{match[2]}")
    return -magnitude if match[1].startswith("-") else magnitude


def _scaled(text: str, name: str, units: dict[str, float], rule: str) -> float:
    match = _number(text)
    factor = None if match is None else units.get(match[2].strip().lower())
    if match is None or factor is None:
        raise PassbandError(f"{name}={text[:60]!r} is not understood; {rule}")
    return float(match[1]) * factor


def angle(text: str, name: str) -> float:
    """Angle in rad; a bare number is in rad, `mrad` and `deg` are understood."""
    return _scaled(text, name, _ANGLES, "write rad as 0.3, or with a unit as 10mrad or 17deg")


def energy(text: str) -> float:
    """Beam energy in eV; a bare number is in eV, `kV` and `keV` are understood."""
    return _scaled(text, "energy", _ENERGIES, "write eV as 300e3, or with a unit as 300kV")


def aberration(name: str, text: str) -> tuple[str, float]:
    """Symbol and value (Å or rad) of one coefficient or alias in any capitals; `defocus` changes its sign."""
    symbol, _ = resolve_name(name)
    value = angle(text, name) if symbol.startswith("phi") else signed_length(text, name)
    [(symbol, value)] = resolve_values({name: value}).items()
    return symbol, value


def assignments(texts: Iterable[str]) -> list[tuple[str, str]]:
    """(name, value) of `a=1,b=2` texts.

    Raises
    ------
    PassbandError
        A part has no `=`, or nothing on one side of it.
    """
    pairs = []
    for part in (part for text in texts for part in text.split(",")):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not (equals and name and value):
            raise PassbandError(f"{part.strip()!r} is not name=value; write for example c10=-250,c30=2.5e5")
        pairs.append((name, value))
    return pairs


def aberration_values(pairs: Iterable[tuple[str, str]]) -> dict[str, float]:
    """Symbol → value of named coefficients; a coefficient given twice is refused."""
    values: dict[str, float] = {}
    for name, text in pairs:
        symbol, value = aberration(name, text)
        if symbol in values:
            raise PassbandError(f"{name}={text} gives {symbol} a second time; write it once")
        values[symbol] = value
    return values


def quantity_values(texts: Iterable[str]) -> dict[str, float]:
    """Quantities of a setting by name, from `source_size=0.8,jitter=0.3`: aberrations too, lengths in Å or with a unit.

    Raises
    ------
    PassbandError
        A value is not understood, or one is given twice.

    Examples
    --------
    >>> quantity_values(["source_size=80pm", "jitter=0.3,dose=1e4,defocus=5nm"])
    {'C10': -50.0, 'source_size': 0.8, 'jitter': 0.3, 'dose': 10000.0}
    """
    own, lens = list[tuple[str, str]](), list[tuple[str, str]]()
    for name, value in assignments(texts):
        (own if name in _OWN else lens).append((name, value))
    values = aberration_values(lens)
    for name, text in own:
        if name in values:
            raise PassbandError(f"{name}={text} gives {name} a second time; write it once")
        values[name] = _OWN[name](text, name)
    return values


def _plain(text: str, name: str) -> float:
    return _scaled(text, name, {"": 1.0}, "write a number")


_OWN: dict[str, Callable[[str, str], float]] = {
    "source_size": signed_length,
    "focal_spread": signed_length,
    "angular_spread": angle,
    "dose": _plain,
    "jitter": _plain,
}


def changed_conditions(conditions: Conditions, text: str) -> Conditions:
    """Return other conditions from `c10=-250,c30=2.5e5`: these aberrations and no others, the rest as in `conditions`.

    `energy`, `focal_spread`, `angular_spread` and `aperture` may be named too.
    """
    fields = conditions.model_dump()
    lens: list[tuple[str, str]] = []
    for name, value in assignments([text]):
        key = name.lower().replace("-", "_")
        if key == "energy":
            fields[key] = energy(value)
        elif key in ("angular_spread", "aperture"):
            fields[key] = angle(value, key)
        elif key == "focal_spread":
            fields[key] = signed_length(value, key)
        else:
            lens.append((name, value))
    return Conditions.model_validate({**fields, "aberrations": aberration_values(lens)})

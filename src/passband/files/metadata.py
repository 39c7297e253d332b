"""What the metadata of a file say, in house units: pixel size in Å, beam energy in eV, names as plain text."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from passband.files.lengths import clean_unit, is_reciprocal, parse_number, unit_in_angstrom

#: Å, of one pixel: below the finest STEM sampling by a hundred, above the widest SEM field by ten.
BELIEVED = (1e-4, 1e5)
_SHOWN = 40  # characters of a unit
_NO_UNIT = {"", "px", "pixel", "pixels", "<undefined>"}


@dataclass(frozen=True)
class AxisCalibration:
    """Pixel size (y, x) in Å or None, why the axes are not of real space (or None), and how this was found."""

    pixel_size: tuple[float, float] | None = None
    refusal: str | None = None
    notes: tuple[str, ...] = ()


def calibrate(scales: tuple[float, float], units: tuple[str | None, str | None], where: str) -> AxisCalibration:
    """Pixel size (y, x) from the scale and unit of each axis; `where` says in which metadata they stood.

    A size outside `BELIEVED` is left out with a note: it is a step of another space, or damage.
    """
    if any(is_spectral(unit) for unit in units):
        return AxisCalibration(refusal="holds spectra (an axis is in eV), not an image; sum or slice them first")
    if any(is_reciprocal(unit) for unit in units):
        scale, unit = next(pair for pair in zip(scales, units, strict=True) if is_reciprocal(pair[1]))
        shown = f"{scale:.6g} {clean_unit(unit)}"
        return AxisCalibration(refusal=f"is a diffraction pattern ({shown} per pixel), not a real-space image")
    factors = [unit_in_angstrom(unit) for unit in units]
    if factors[0] is None or factors[1] is None:
        return AxisCalibration(notes=_unknown_unit(scales, units, where))
    sizes = [abs(float(scale)) * factor for scale, factor in zip(scales, factors, strict=True) if factor is not None]
    if not all(math.isfinite(size) and size > 0 for size in sizes):
        return AxisCalibration(notes=(f"impossible pixel size {scales} in {where}, not used; give --pixel-size",))
    if not all(BELIEVED[0] <= size <= BELIEVED[1] for size in sizes):
        said = (
            f"a pixel size of {max(sizes):.5g} Å in {where} is not believed ({BELIEVED[0]:g} to {BELIEVED[1]:g} Å are)"
        )
        return AxisCalibration(notes=(f"{said}; is this a diffraction pattern? if not, give --pixel-size",))
    notes = [f"pixel size from {where}"]
    if units[0] and clean_unit(units[0]) != units[0].strip().replace("µ", "μ").replace("\u212b", "Å"):
        notes.append(f"unit {_quoted(units[0])} read as {clean_unit(units[0])}")
    if abs(sizes[0] - sizes[1]) > 1e-3 * max(sizes):
        notes.append(f"pixels are not square: {sizes[0]:.6g} Å high, {sizes[1]:.6g} Å wide")
    return AxisCalibration(pixel_size=(sizes[0], sizes[1]), notes=tuple(notes))


def _unknown_unit(scales: tuple[float, float], units: tuple[str | None, str | None], where: str) -> tuple[str, ...]:
    if scales == (1.0, 1.0) and all(clean_unit(unit).lower() in _NO_UNIT for unit in units):
        return ()
    if not any(clean_unit(unit) for unit in units):
        if not all(math.isfinite(scale) for scale in scales):
            return ()
        hint = f"if it is nm, give --pixel-size {scales[0]:.6g}nm"
        return (f"a scale of {scales[0]:.9g} without a unit in {where}, not used; {hint}",)
    shown = ", ".join(_quoted(unit) for unit in units)
    return (f"the units {shown} in {where} are no lengths that are known; give --pixel-size",)


def _quoted(unit: str | None) -> str:
    """Return a unit as it stands in a file, in quotes, or its beginning."""
    return repr(unit) if unit is None or len(unit) <= _SHOWN else f"{unit[:_SHOWN]!r}…"


def is_spectral(unit: str | None) -> bool:
    """Whether a unit is one of energy loss or X-ray energy."""
    return clean_unit(unit).lower() in {"ev", "kev", "mev"}


def number(value: object) -> float | None:
    """Return a finite float from a metadata value, or None; texts may have a decimal comma."""
    if isinstance(value, str):
        return parse_number(value)
    try:
        result = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


def beam_energy(value: object, *, kilo: bool = False) -> float | None:
    """Beam energy in eV from volts (or, with `kilo`, kilovolts), or None where it is missing or not one."""
    volts = number(value)
    if volts is None:
        return None
    volts = round(volts * (1e3 if kilo else 1.0), 6)
    return volts if 50.0 <= volts <= 4e6 else None


def spherical_aberration(value: object) -> float | None:
    """Cs in Å from millimetres; None where it is missing, or 0, which stands there when nobody entered one."""
    millimetres = number(value)
    return millimetres * 1e7 if millimetres is not None and 0.0 < millimetres <= 10.0 else None


def decoded(raw: bytes) -> str:
    """Return a text of UTF-8 or, as older programs write µ and Å, of Latin-1."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def text(value: object) -> str | None:
    """Return a non-empty, printable one-line string from a metadata value, or None."""
    if isinstance(value, bytes):
        value = decoded(value)
    if value is None or isinstance(value, Mapping | list | tuple | np.ndarray):
        return None
    cleaned = " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())
    return cleaned[:200] if cleaned and cleaned.lower() not in {"unknown", "none", "[]"} else None

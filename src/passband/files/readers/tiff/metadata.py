"""Pixel size, energy and microscope from the dialects of TIFF: FEI, Zeiss, Olympus, TVIPS, JEOL, Gatan, ImageJ, OME."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import tifffile

from passband.files.lengths import unit_in_angstrom
from passband.files.metadata import AxisCalibration, beam_energy, calibrate, number, text

_LARGEST_BELIEVED = 1e4  # Å: a resolution tag above 1 µm per pixel is a printer's (72 dpi = 353 µm)
_ZEISS_FULL_WIDTH = 1024
_TAG_ROUNDING = 1e-3  # of a pixel size, in a ratio of two 32-bit integers
_RESOLUTION_UNITS = {2: "inch", 3: "cm"}


@dataclass(frozen=True)
class TiffMetadata:
    """What the tags of a TIFF say about how it was taken."""

    format: str = "TIFF"
    calibration: AxisCalibration = field(default_factory=AxisCalibration)
    energy: float | None = None
    instrument: str | None = None
    mode: str | None = None
    notes: tuple[str, ...] = ()


def _tag(page: tifffile.TiffPage, code: int) -> Any:
    tag = page.tags.get(code)
    return tag.value if tag is not None else None


def _section(metadata: Any, *names: str) -> Mapping[str, Any]:
    for name in names:
        found = metadata.get(name) if isinstance(metadata, Mapping) else None
        if isinstance(found, Mapping):
            return found
    return {}


def _fei(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> TiffMetadata | None:
    metadata = tiff.fei_metadata
    if not metadata:
        return None
    beam = text(_section(metadata, "Beam").get("Beam")) or "Beam"
    scan = _section(metadata, text(_section(metadata, "Beam").get("Scan")) or "Scan", "EScan", "Scan", beam)
    sizes = tuple(number(scan.get(name)) or 0.0 for name in ("PixelHeight", "PixelWidth"))
    calibration = calibrate((sizes[0], sizes[1]), ("m", "m"), "the FEI metadata") if all(sizes) else AxisCalibration()
    volts = beam_energy(_section(metadata, beam, "EBeam", "Beam").get("HV"))
    bar = number(_section(metadata, "PrivateFei").get("DatabarHeight")) or 0
    notes = (f"data bar of {bar:.0f} rows at the bottom; crop it before segmenting",) if bar > 0 else ()
    name = text(_section(metadata, "System").get("SystemType"))
    return TiffMetadata("TIFF (FEI)", calibration, volts, name, "SEM" if volts and volts <= 30e3 else None, notes)


def _zeiss(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> TiffMetadata | None:
    metadata = tiff.sem_metadata
    if not metadata:
        return None
    numbers = metadata.get("", ())
    exact = (number(numbers[3]) if len(numbers) > 3 else None) or 0.0  # m, with more digits than the text
    # without an image pixel size, the value belongs to a scan that is 1024 pixels wide
    step = exact if "ap_image_pixel_size" in metadata else exact * _ZEISS_FULL_WIDTH / page.imagewidth
    calibration = calibrate((step, step), ("m", "m"), "the Zeiss metadata") if step else AxisCalibration()
    kilovolts = metadata.get("ap_actualkv", ("EHT", None, "kV"))
    energy = beam_energy(kilovolts[1], kilo=str(kilovolts[-1]) == "kV") if len(kilovolts) > 1 else None
    model = text(metadata.get("dp_sem", ("", None))[1]) or text(metadata.get("sv_serial_number", ("", None))[1])
    return TiffMetadata("TIFF (Zeiss)", calibration, energy, f"Zeiss {model}" if model else "Zeiss", "SEM")


def _olympus(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> TiffMetadata | None:
    metadata = _tag(page, 33560)
    if not isinstance(metadata, Mapping):
        return None
    sizes = tuple(number(metadata.get(name)) or 0.0 for name in ("pixelsizey", "pixelsizex"))
    calibration = (
        calibrate((sizes[0], sizes[1]), ("m", "m"), "the Olympus SIS tags") if all(sizes) else AxisCalibration()
    )
    name = text(metadata.get("cameraname")) or text(_tag(page, 272)) or text(_tag(page, 271))
    return TiffMetadata("TIFF (Olympus SIS)", calibration, None, name, "TEM")


def _tvips(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> TiffMetadata | None:
    metadata = tiff.tvips_metadata
    if not metadata:
        return None
    sizes = tuple(number(metadata.get(name)) or 0.0 for name in ("PixelSizeY", "PixelSizeX"))
    calibration = calibrate((sizes[0], sizes[1]), ("nm", "nm"), "the TVIPS tags") if all(sizes) else AxisCalibration()
    energy = beam_energy(metadata.get("TemHighTension")) or beam_energy(metadata.get("HighTension"))
    return TiffMetadata("TIFF (TVIPS)", calibration, energy, text(metadata.get("TemType")), "TEM")


def _jeol(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> TiffMetadata | None:
    xml = str(_tag(page, 270) or "")
    if "<TemReporter" not in xml[:400]:
        return None

    def value(pattern: str) -> str | None:
        found = re.search(pattern, xml, re.DOTALL)
        return text(found[1]) if found else None

    # pixels on the camera, divided by the magnification to it
    magnification = number(value(r"<SelectorValue>([^<]*)<"))
    calibration = AxisCalibration()
    if magnification and "<EosMode>eosTEM<" in xml and value(r"<ModeString>([^<]*)<") == "MAG":
        camera = _steps(page)
        if camera:
            steps = camera[0] / magnification, camera[1] / magnification
            unit = _RESOLUTION_UNITS.get(int(_tag(page, 296) or 2), "inch")
            calibration = calibrate(steps, (unit, unit), "the JEOL resolution tag and magnification")
    mode = "STEM" if re.search(r"<(?:Mode|EosMode)>\w*STEM<|<Modelname>(?:\w*DF\d*|BF\d*)<", xml) else "TEM"
    energy = beam_energy(value(r"<AccelerationVoltage>([^<]*)<"))
    return TiffMetadata("TIFF (JEOL)", calibration, energy, value(r"<Instruments>([^<]*)<"), mode)


def _gatan(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> TiffMetadata | None:
    scales = number(_tag(page, 65010)), number(_tag(page, 65009))
    if scales[0] is None or scales[1] is None:
        return None
    units = tuple(text(_tag(page, code)) for code in (65004, 65003))
    # the long name stands beside the short one, whose µ did not survive some encodings
    if any(unit_in_angstrom(unit) is None for unit in units):
        units = tuple(text(_tag(page, code)) or unit for code, unit in zip((65013, 65012), units, strict=True))
    calibration = calibrate((scales[0], scales[1]), (units[0], units[1]), "the Digital Micrograph tags")
    return TiffMetadata("TIFF (Digital Micrograph)", calibration)


def _steps(page: tifffile.TiffPage) -> tuple[float, float] | None:
    """Length of a pixel (y, x) in the unit of the resolution tags, or None where they are missing or zero."""
    pairs = [_tag(page, code) for code in (283, 282)]
    ratios = [pair[0] / pair[1] for pair in pairs if isinstance(pair, tuple) and len(pair) == 2 and all(pair)]
    return (1 / ratios[0], 1 / ratios[1]) if len(ratios) == 2 else None


def _resolution(page: tifffile.TiffPage, unit: str, where: str) -> AxisCalibration:
    steps = _steps(page)
    return calibrate(steps, (unit, unit), where) if steps else AxisCalibration()


def _unrounded(description: Mapping[str, Any], tagged: AxisCalibration) -> AxisCalibration:
    """Pixel size as passband writes it beside the resolution tag, which rounds; the tag wins where they disagree."""
    sides = [number(side) for side in str(description.get("pixel_size_angstrom", "")).split()]
    if len(sides) != 2 or tagged.pixel_size is None:
        return tagged
    pair = sides[0] or 0.0, sides[1] or 0.0
    agree = all(abs(side / tag - 1) < _TAG_ROUNDING for side, tag in zip(pair, tagged.pixel_size, strict=True))
    return AxisCalibration(pair, notes=tagged.notes) if agree else tagged


def _imagej(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> TiffMetadata | None:
    metadata = tiff.imagej_metadata
    if not metadata:
        return None
    unit, calibration = text(metadata.get("unit")), AxisCalibration()
    if unit and unit not in {"pixel", "pixels"}:
        calibration = _unrounded(metadata, _resolution(page, unit, "the ImageJ resolution tag"))
    return TiffMetadata("TIFF (ImageJ)", calibration)


def _ome(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> TiffMetadata | None:
    if not tiff.is_ome:
        return None
    xml = str(tiff.ome_metadata or "")
    sides, units = [], []
    for axis in "YX":
        size = re.search(rf"""PhysicalSize{axis}\s*=\s*["']([^"']*)["']""", xml)
        unit = re.search(rf"""PhysicalSize{axis}Unit\s*=\s*["']([^"']*)["']""", xml)
        sides.append((number(size[1]) if size else None) or 0.0)
        units.append(unit[1] if unit else "µm")  # the default of OME
    calibration = (
        calibrate((sides[0], sides[1]), (units[0], units[1]), "the OME metadata") if all(sides) else AxisCalibration()
    )
    return TiffMetadata("TIFF (OME)", calibration)


def _plain(page: tifffile.TiffPage) -> TiffMetadata:
    unit = _RESOLUTION_UNITS.get(int(_tag(page, 296) or 2), "")
    calibration = _resolution(page, unit, "the resolution tag") if unit else AxisCalibration()
    if calibration.pixel_size is None or max(calibration.pixel_size) > _LARGEST_BELIEVED:
        calibration = AxisCalibration()
    return TiffMetadata(calibration=calibration)


_DIALECTS: tuple[Callable[[tifffile.TiffFile, tifffile.TiffPage], TiffMetadata | None], ...] = (
    _fei,
    _zeiss,
    _olympus,
    _tvips,
    _gatan,
    _jeol,
    _imagej,
    _ome,
)


def tiff_metadata(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> TiffMetadata:
    """Return what the first dialect that the file speaks says; else what a plausible resolution tag says."""
    for dialect in _DIALECTS:
        found = dialect(tiff, page)
        if found is not None:
            return found
    return _plain(page)

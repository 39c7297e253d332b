"""Digital Micrograph files (.dm3, .dm4): a bounded walk over the tags, then the image that the file displays."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from passband.files.content import Content
from passband.files.formats import Format, reads
from passband.files.metadata import (
    AxisCalibration,
    beam_energy,
    calibrate,
    is_spectral,
    number,
    spherical_aberration,
    text,
)
from passband.files.source_file import FileBytes, SourceFile, plain_pixels

# encoded types and image types, as C. Boothroyd describes them: https://personal.ntu.edu.sg/cbb/info/dmformat/
_CODES = {2: "h", 3: "i", 4: "H", 5: "I", 6: "f", 7: "d", 8: "B", 9: "b", 10: "B", 11: "q", 12: "Q"}
_IMAGE = {
    1: "i2",
    2: "f4",
    3: "c8",
    6: "u1",
    7: "i4",
    9: "i1",
    10: "u2",
    11: "u4",
    12: "f8",
    13: "c16",
    14: "u1",
    39: "i8",
    40: "u8",
}
_THUMBNAIL = 23  # packed RGB
_MAX_DEPTH = 64
_MAX_INFO = 4096
_MAX_STRING = 2**16
_MAX_TAGS = 2**17
_MAX_KEPT = 2**26


@dataclass(frozen=True)
class _StoredArray:
    """Array that stays in the file: where it starts and how many bytes it has."""

    offset: int
    size: int


class _Tags:
    """Position in a tag tree; every length is checked against the file before it is used."""

    def __init__(self, data: FileBytes, source: SourceFile) -> None:
        self.data, self.source, self.position = data, source, 0
        self.tags = self.kept = 0
        self.version = int(self._take(">i"))
        if self.version not in (3, 4):
            raise source.error(
                f"is version {self.version} of Digital Micrograph; 3 and 4 can be read, export it as TIFF"
            )
        self.long = ">I" if self.version == 3 else ">Q"
        self._take(self.long)
        self.order = "<" if self._take(">i") else ">"

    def _take(self, code: str) -> Any:
        value = self.data.unpack(code, self.position)
        self.position += struct.calcsize(code)
        return value

    def _keep(self, size: int) -> None:
        """Count what stays in memory: tags, and the bytes of their values."""
        self.tags, self.kept = self.tags + 1, self.kept + size
        if self.tags > _MAX_TAGS or self.kept > _MAX_KEPT:
            raise self.source.error(
                f"holds more than {_MAX_TAGS} tags, or {_MAX_KEPT} bytes in them; export the image as TIFF"
            )

    def _skip(self, size: int) -> int:
        start = self.position
        if size > len(self.data) - start:
            left = len(self.data) - start
            raise self.source.error(f"a tag promises {size} bytes but {left} are left; it is truncated, copy it again")
        self.position += size
        return start

    def group(self, depth: int = 0) -> dict[str, Any]:
        if depth > _MAX_DEPTH:
            raise self.source.error(f"its tags are nested deeper than {_MAX_DEPTH}; the file is damaged")
        self._skip(2)
        count = int(self._take(self.long))
        found: dict[str, Any] = {}
        for index in range(count):  # every tag takes bytes of the file, so a false count ends at the file's end
            kind = self._take(">B")
            start = self._skip(self._take(">H"))
            name = self.data.at(start, self.position - start).decode("latin-1") or str(index)
            self._keep(len(name))
            if self.version == 4:
                self._skip(8)
            if kind not in (20, 21):
                raise self.source.error(f"a tag has the unknown kind {kind}; the file is damaged, copy it again")
            found[name] = self.group(depth + 1) if kind == 20 else self._value(name)
        return found

    def _value(self, name: str) -> Any:
        if self.data.at(self._skip(4), 4) != b"%%%%":
            raise self.source.error("a tag has no data mark; the file is damaged, copy it again")
        count = int(self._take(self.long))
        if not 1 <= count <= _MAX_INFO:
            raise self.source.error(f"a tag is described by {count} numbers; the file is damaged")
        info = [int(self._take(self.long)) for _ in range(count)]
        match info:
            case [kind] if kind in _CODES:
                return self._take(self.order + _CODES[kind])
            case [15, *_]:
                self._keep(8 * len(info))
                return [self._take(self.order + _CODES[self._simple(kind)]) for kind in info[4::2]]
            case [18, length]:
                return self._text(length)
            case [20, 15, _, _, *fields, length]:
                item = sum(struct.calcsize("<" + _CODES[self._simple(kind)]) for kind in fields[1::2])
                return _StoredArray(self._skip(length * item), length * item)
            case [20, kind, length] if kind in _CODES:
                return self._array(name, kind, length)
        raise self.source.error(f"a tag has the unknown type {info[:3]}; the file is damaged or newer than this reader")

    def _simple(self, kind: int) -> int:
        if kind not in _CODES:
            raise self.source.error(f"a tag has the unknown field type {kind}; the file is damaged")
        return kind

    def _text(self, length: int) -> str:
        start = self._skip(2 * length)
        size = min(2 * length, _MAX_STRING)
        self._keep(2 * size)
        return self.data.at(start, size).decode("utf-16" + self._suffix, "replace")

    def _array(self, name: str, kind: int, length: int) -> Any:
        size = length * struct.calcsize("<" + _CODES[kind])
        if kind == 4 and name != "Data" and size <= _MAX_STRING:
            return self._text(length)
        return _StoredArray(self._skip(size), size)

    @property
    def _suffix(self) -> str:
        return "-le" if self.order == "<" else "-be"


def _at(tree: Any, *names: str) -> Any:
    for name in names:
        tree = tree.get(name) if isinstance(tree, Mapping) else None
    return tree


def displayed_image(tree: dict[str, Any], source: SourceFile) -> dict[str, Any]:
    """Return the image that the file shows: the one its first source refers to, else the last that is no thumbnail."""
    images = [
        image for image in (_at(tree, "ImageList") or {}).values() if isinstance(_at(image, "ImageData"), Mapping)
    ]
    reference = _at(tree, "ImageSourceList", "0", "ImageRef")
    if isinstance(reference, int) and 0 <= reference < len(images):
        return dict(images[reference])
    images = [image for image in images if _at(image, "ImageData", "DataType") != _THUMBNAIL]
    if not images:
        raise source.error("holds no image besides a thumbnail; save it again in Digital Micrograph")
    return dict(images[-1])


def _calibration(data: Mapping[str, Any]) -> AxisCalibration:
    axes = list((_at(data, "Calibrations", "Dimension") or {}).values())[:2]
    if len(axes) < 2:
        return AxisCalibration()
    x, y = ((number(_at(axis, "Scale")) or 0.0, _at(axis, "Units")) for axis in axes)
    units = (y[1] if isinstance(y[1], str) else None, x[1] if isinstance(x[1], str) else None)
    return calibrate((y[0], x[0]), units, "the Digital Micrograph calibration")


def _refusal(image: Mapping[str, Any], shape: tuple[int, ...]) -> str | None:
    meta = _at(image, "ImageTags", "Meta Data")
    axes = _at(image, "ImageData", "Calibrations", "Dimension")
    units = [text(_at(axis, "Units")) for axis in axes.values()] if isinstance(axes, Mapping) else []
    if len(shape) < 2:
        return f"is a line of {sum(shape)} values (a spectrum or profile), not an image"
    if any(is_spectral(unit) for unit in units[: len(shape)]) or "spectrum" in str(_at(meta, "Format")).lower():
        kind = "spectrum image" if len(shape) > 2 else "line of spectra"
        return f"is a {kind} of shape {shape}, not a micrograph; sum or slice it along the energy first"
    if len(shape) > 3:
        return f"is {len(shape)}-dimensional {shape} (4D-STEM?), not a micrograph; make an image of it first"
    return None


def _mode(info: Mapping[str, Any]) -> str | None:
    written = f"{info.get('Illumination Mode')} {info.get('Operation Mode')}".upper()
    return "STEM" if "STEM" in written or "SCANNING" in written else "TEM" if "TEM" in written else None


class Described(NamedTuple):
    """What the tags of an image say."""

    calibration: AxisCalibration
    energy: float | None
    cs: float | None
    instrument: str | None
    mode: str | None
    refusal: str | None


def describe_image(image: Mapping[str, Any], shape: tuple[int, ...]) -> Described:
    """Return what the tags of an image of `shape` say, in .dm3, .dm4 or .dm5."""
    info = _at(image, "ImageTags", "Microscope Info") or {}
    return Described(
        _calibration(image["ImageData"]),
        beam_energy(_at(info, "Voltage")),
        spherical_aberration(_at(info, "Cs(mm)")),
        text(_at(info, "Name")),
        _mode(info) if isinstance(info, Mapping) else None,
        _refusal(image, shape),
    )


@reads(
    Format(
        name="DM3/DM4",
        endings=(".dm3", ".dm4"),
        marks=(b"\0\0\0\x03", b"\0\0\0\x04"),
        pixel_size_from="the calibration of the image",
        energy_from="Microscope Info",
        remark="the image that the file displays; image stacks too",
    )
)
def read_gatan(source: SourceFile) -> Content:
    """Describe the displayed image of a .dm3 or .dm4 file."""
    with source.path.open("rb") as file:
        tags = _Tags(FileBytes(file, source.size), source)
        tree = tags.group()
        version, order = tags.version, tags.order
    image = displayed_image(tree, source)
    pixels = image["ImageData"]
    kind, block = pixels.get("DataType"), pixels.get("Data")
    if kind not in _IMAGE or not isinstance(block, _StoredArray):
        raise source.error(f"has pixels of the Digital Micrograph type {kind}, which cannot be read; export it as TIFF")
    dtype = np.dtype(order + _IMAGE[kind])
    shape = tuple(int(side) for side in reversed(list(pixels.get("Dimensions", {}).values())))
    source.claim(shape[-2:], dtype)
    shape = tuple(side for side in shape[:-2] if side != 1) + shape[-2:]
    frames = shape[0] if len(shape) == 3 else 1
    stored = source.claim(shape[-2:], dtype, stored=block.size // frames if frames > 0 else 0)
    known = describe_image(image, shape)
    return Content(
        format=f"Digital Micrograph {version}",
        shape=shape,
        dtype=dtype,
        load=lambda frame: plain_pixels(source.path, shape[-2:], dtype, block.offset + frame * stored),
        axes=tuple(f"axis {i}" for i in range(len(shape))) if known.refusal else ("frame", "y", "x")[-len(shape) :],
        frames=frames,
        pixel_size=known.calibration.pixel_size,
        energy=known.energy,
        cs=known.cs,
        instrument=known.instrument,
        mode=known.mode,
        refusal=known.refusal or known.calibration.refusal,
        notes=known.calibration.notes,
    )

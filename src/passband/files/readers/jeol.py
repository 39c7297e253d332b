"""JEOL Analysis Station images (.img): a nested list of named values, among them the pixels and the magnification."""

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from passband.files.content import Content
from passband.files.formats import Format, reads
from passband.files.metadata import beam_energy, calibrate, number, text
from passband.files.source_file import FileBytes, SourceFile, plain_pixels

_MAGIC = 52
_MAX_DEPTH = 32
_MAX_ENTRIES = 2**16
_MAX_NAME = 2**10


class _NestedList:
    """Position in the nested list; every length is checked against the file before it is used."""

    def __init__(self, data: FileBytes, position: int, source: SourceFile) -> None:
        self.data, self.position, self.source, self.entries = data, position, source, 0

    def _take(self, size: int) -> int:
        start = self.position
        if size < 0 or start + size > len(self.data):
            raise self.source.error(
                f"an entry promises {size} bytes but {len(self.data) - start} are left; it is truncated"
            )
        self.position += size
        return start

    def group(self, depth: int = 0) -> dict[str, Any]:
        """Return the entries up to the end mark: groups as dictionaries, values as (offset, size, kind)."""
        found: dict[str, Any] = {}
        while self.position < len(self.data) and self.data.at(self._take(1), 1) == b"\1":
            if depth > _MAX_DEPTH:
                raise self.source.error(f"its entries are nested deeper than {_MAX_DEPTH}; the file is damaged")
            self.entries += 1
            if self.entries > _MAX_ENTRIES:
                raise self.source.error(f"holds more than {_MAX_ENTRIES} entries; the file is damaged")
            length = self.data.unpack("<I", self._take(4))
            start = self._take(length)
            name = self.data.at(start, min(length, _MAX_NAME)).rstrip(b"\0").decode("ascii", "ignore")
            kind, size = struct.unpack("<2I", self.data.at(self._take(8), 8))
            value = (self._take(size), size, kind)
            children = self.group(depth + 1)
            found[name] = children if kind == 0 else value
        return found


def _value(data: FileBytes, entry: Any) -> Any:
    """Plain value of an entry: text, or one or more numbers."""
    codes = {2: "<H", 3: "<i", 4: "<f", 5: "<d"}
    if not isinstance(entry, tuple):
        return None
    start, size, kind = entry
    if kind == 12:
        return data.at(start, min(size, _MAX_NAME)).split(b"\0")[0].decode("latin-1")
    code = codes.get(kind)
    return data.unpack(code, start) if code and size >= struct.calcsize(code) else None


@reads(
    Format(
        name="JEOL IMG",
        endings=(".img",),
        marks=(b"\x34\0\0\0JED-",),
        pixel_size_from="scan size and magnification",
        energy_from="the accelerating voltage",
    )
)
def read_jeol(source: SourceFile) -> Content:
    """Describe a JEOL .img file; the pixel size follows from the scan width and the magnification."""
    with source.path.open("rb") as file:
        return _described(FileBytes(file, source.size), source)


def _described(data: FileBytes, source: SourceFile) -> Content:
    if len(data) < 48 or data.unpack("<I", 0) != _MAGIC:
        raise source.error("does not begin as a JEOL .img file; it is of another kind or damaged")
    start = data.unpack("<I", 44)
    tree = _NestedList(data, start + 12, source).group()
    image, instrument = tree.get("Image"), tree.get("Instrument")
    if not isinstance(image, Mapping) or not isinstance(instrument, Mapping):
        raise source.error("has no image or no instrument entry; it is damaged, copy it again")
    bits, size = image.get("Bits"), image.get("Size")
    if not isinstance(bits, tuple) or not isinstance(size, tuple) or size[1] < 8:
        raise source.error("has no pixels; it is damaged, copy it again")
    columns, rows = struct.unpack("<2i", data.at(size[0], 8))
    dtype = np.dtype("u1") if bits[1] == rows * columns else np.dtype("<u2")
    source.claim((rows, columns), dtype, stored=bits[1])
    width, magnification = (number(_value(data, instrument.get(name))) or 0.0 for name in ("ScanSize", "Mag"))
    field = width / magnification if magnification > 0 else 0.0  # mm
    calibration = calibrate((field / rows, field / columns), ("mm", "mm"), "the JEOL scan size and magnification")
    kilovolts = number(_value(data, instrument.get("AccV")))
    return Content(
        format="JEOL img",
        shape=(rows, columns),
        dtype=dtype,
        load=lambda _: plain_pixels(source.path, (rows, columns), dtype, bits[0]),
        pixel_size=calibration.pixel_size,
        energy=beam_energy(kilovolts, kilo=True),
        instrument=text(_value(data, instrument.get("Name"))),
        mode=None if kilovolts is None else "SEM" if kilovolts <= 30 else "STEM",
        notes=calibration.notes,
    )

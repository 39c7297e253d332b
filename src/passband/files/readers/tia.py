"""FEI/Thermo TIA series (.ser, with what its .emi knows) and the .emi itself, which only points at its .ser files."""

import re
import struct
from pathlib import Path

import numpy as np

from passband.documents import DocumentError, naming, read_beginning, read_document
from passband.files.content import Content
from passband.files.formats import Format, reads
from passband.files.metadata import beam_energy, calibrate, text
from passband.files.source_file import FormatError, SourceFile, plain_pixels

# data types and layout, as C. Boothroyd describes them: https://personal.ntu.edu.sg/cbb/info/TIAformat/
_TYPES = {1: "u1", 2: "u2", 3: "u4", 4: "i1", 5: "i2", 6: "i4", 7: "f4", 8: "f8", 9: "c8", 10: "c16"}
_SPECTRA, _IMAGES = 0x4120, 0x4122
_ELEMENT = "<ddiddihii"  # offset, step and reference of x, then of y; type; width, height
_MAX_EMI = 2**26
_MAX_XML = 2**20
_MAX_ELEMENTS = 2**18


def _description(path: Path) -> str:
    """Return the XML of an .emi file as text, or nothing where there is none."""
    try:
        content = read_document(path, most=_MAX_EMI)
    except (OSError, DocumentError):
        return ""
    start = content.find(b"<ObjectInfo>")
    end = content.find(b"</ObjectInfo>", start)
    return content[start : min(end, start + _MAX_XML)].decode("utf-8", "replace") if 0 <= start < end else ""


def _label(xml: str, label: str) -> str | None:
    found = re.search(rf"<Label>{re.escape(label)}</Label><Value>([^<]*)</Value>", xml)
    return text(found[1]) if found else None


@reads(
    Format(
        name="EMI",
        endings=(".emi",),
        marks=(b"JK",),
        pixel_size_from="the first .ser beside it",
        energy_from="its own XML",
        remark="has no pixels of its own: NAME.emi needs NAME_1.ser beside it",
    )
)
def read_emi(source: SourceFile) -> Content:
    """Describe the first .ser that lies beside an .emi file."""
    with source.path.open("rb") as file:
        if file.read(2) != b"JK" or source.size < 64:
            raise source.error("is not a TIA .emi file; open the .ser file that belongs to it")
    pattern = re.compile(re.escape(source.path.stem) + r"_\d+\.ser", re.IGNORECASE)
    series = sorted(path for path in source.path.parent.iterdir() if pattern.fullmatch(path.name))
    if not series:
        raise source.error(f"an .emi holds no pixels; put {source.path.stem}_1.ser beside it, or open the .ser file")
    with naming(series[0], FormatError):
        read_beginning(series[0], 1)  # a pipe of that name would wait for ever
    content = read_ser(SourceFile(series[0], series[0].stat().st_size, source.max_bytes))
    others = f"; beside it are {', '.join(path.name for path in series[1:4])}" if len(series) > 1 else ""
    return Content(**{**vars(content), "notes": (f"pixels from {series[0].name}{others}", *content.notes)})


def _offsets(source: SourceFile, head: bytes) -> tuple[int, tuple[int, ...]]:
    """Kind of the elements and where each starts."""
    if len(head) < 30 or head[:4] != b"II\x97\x01":
        raise source.error("does not begin as a TIA .ser file; it is damaged, copy it again")
    version, kind, _, _, valid = struct.unpack_from("<H4i", head, 4)
    wide = version >= 0x220
    (table,) = struct.unpack_from("<q" if wide else "<i", head, 22)
    size = valid * (8 if wide else 4)
    if valid < 1 or table < 0 or table + size > source.size:
        raise source.error(
            f"promises {valid} images but has {source.size} bytes; it is empty or truncated, copy it again"
        )
    if valid > _MAX_ELEMENTS:
        raise source.error(f"holds {valid} images, more than {_MAX_ELEMENTS}; split it")
    with source.path.open("rb") as file:
        file.seek(table)
        return kind, struct.unpack(f"<{valid}{'q' if wide else 'i'}", file.read(size))


@reads(
    Format(
        name="SER",
        endings=(".ser",),
        marks=(b"II\x97\x01",),
        pixel_size_from="the TIA calibration",
        energy_from="the .emi beside it",
        remark="image stacks too",
    )
)
def read_ser(source: SourceFile) -> Content:
    """Describe the image or images of a .ser file."""
    with source.path.open("rb") as file:
        kind, offsets = _offsets(source, file.read(64))
        if kind == _SPECTRA:
            raise source.error("holds spectra, not images")
        file.seek(max(offsets[0], 0))
        element = file.read(struct.calcsize(_ELEMENT))
    if kind != _IMAGES or len(element) < struct.calcsize(_ELEMENT):
        raise source.error(f"has an image element of unknown kind {kind:#x} or is truncated; copy it again")
    _, step_x, _, _, step_y, _, code, columns, rows = struct.unpack(_ELEMENT, element)
    if code not in _TYPES:
        raise source.error(f"has pixels of the TIA type {code}; known are {sorted(_TYPES)}, export it as TIFF")
    dtype, start = np.dtype("<" + _TYPES[code]), struct.calcsize(_ELEMENT)
    source.claim((rows, columns), dtype, stored=source.size - max(offsets) - start)
    xml = _description(source.path.with_name(re.sub(r"_\d+$", "", source.path.stem) + ".emi"))
    mode = _label(xml, "Mode") or ""
    scanning = "STEM" in mode
    diffraction = "diffraction" in mode.lower() and not scanning
    unit = "1/m" if diffraction else "m"
    calibration = calibrate((step_y, step_x), (unit, unit), "the TIA calibration")
    volts = re.search(r"<AcceleratingVoltage>([^<]*)<", xml)
    shape = (rows, columns) if len(offsets) == 1 else (len(offsets), rows, columns)
    return Content(
        format="TIA series",
        shape=shape,
        dtype=dtype,
        load=lambda frame: plain_pixels(source.path, (rows, columns), dtype, offsets[frame] + start)[
            ::-1
        ],  # stored bottom up
        axes=("frame", "y", "x")[-len(shape) :],
        frames=len(offsets),
        pixel_size=calibration.pixel_size,
        energy=beam_energy(volts[1]) if volts else beam_energy(_label(xml, "High tension"), kilo=True),
        instrument=(_label(xml, "Microscope") or "").removeprefix("Microscope ") or None,
        mode="STEM" if scanning else "TEM" if "TEM" in mode else None,
        refusal=calibration.refusal,
        notes=calibration.notes + (("energy and instrument from the .emi beside it",) if xml else ()),
    )

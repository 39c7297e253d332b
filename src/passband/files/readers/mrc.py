"""MRC files (.mrc, .mrcs, .st, .rec): a header of 1024 bytes, then pixels; the energy where FEI wrote it between."""

import struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from passband.files.content import Content
from passband.files.formats import Format, reads
from passband.files.metadata import AxisCalibration, beam_energy, calibrate, text
from passband.files.source_file import SourceFile, plain_pixels

# https://www.ccpem.ac.uk/mrc_format/mrc2014.php; mode 3 is a pair of int16 and only described
_MODES = {0: "i1", 1: "i2", 2: "f4", 3: "i4", 4: "c8", 6: "u2", 12: "f2", 101: "u1"}
_COMPLEX_INTEGERS, _BYTES, _NIBBLES = 3, 0, 101
_HEADER = 1024
# "IMOD" in word 39, flags in word 40: https://bio3d.colorado.edu/imod/doc/mrc_format.txt
_IMOD_STAMP, _SIGNED = 1146047817, 1
_SAMPLE = 2**20  # bytes of pixels that decide on a sign that the header leaves open


class _Header(NamedTuple):
    columns: int
    rows: int
    sections: int
    mode: int
    order: str
    offset: int

    @property
    def row_bytes(self) -> int:
        """Bytes of one row in the file; two pixels share a byte in mode 101."""
        return (self.columns + 1) // 2 if self.mode == _NIBBLES else self.columns * np.dtype(_MODES[self.mode]).itemsize


def _header(head: bytes, source: SourceFile) -> _Header:
    """Size, mode and byte order; where the machine stamp is missing, the order in which the mode is one that exists."""
    if len(head) < _HEADER:
        raise source.error(
            f"is not a {source.path.suffix.lower() or '.mrc'} file: {len(head)} bytes, less than an MRC header (1024); "
            "it is truncated or has a wrong name, copy it again"
        )
    modes = {order: struct.unpack_from(f"{order}i", head, 12)[0] for order in "<>"}
    stamped = {b"\x11\x11": ">", b"DD": "<", b"DA": "<"}.get(head[212:214])
    order = stamped or next((order for order, mode in modes.items() if mode in _MODES), "<")
    columns, rows, sections, mode = struct.unpack_from(order + "4i", head, 0)
    if mode not in _MODES:
        raise source.error(f"has the MRC mode {mode}; known are {sorted(_MODES)}, convert it to 2 (float32)")
    (extended,) = struct.unpack_from(order + "i", head, 92)
    return _Header(columns, rows, sections, mode, order, _HEADER + max(extended, 0))


def _byte_type(head: bytes, header: _Header, source: SourceFile) -> tuple[str, str]:
    """Sign of the pixels of mode 0, and who says so: IMOD's stamp, the header's extremes, or the pixels themselves.

    MRC2014 means int8, but IMOD before 4.2 and its kin wrote 0 to 255. Read with the wrong sign, neighbouring pixels
    jump by 256, so that where nothing else tells, the reading with the smaller steps is taken.
    """
    stamp, flags = struct.unpack_from(header.order + "2i", head, 152)
    if stamp == _IMOD_STAMP:
        return "i1" if flags & _SIGNED else "u1", "the IMOD stamp"
    low, high = struct.unpack_from(header.order + "2f", head, 76)
    if low < high and (low < 0) != (high > 127):
        return "i1" if low < 0 else "u1", "the extremes in the header"
    if low < high and low >= 0:
        return "i1", ""  # 0 to 127: both readings are the same
    with source.path.open("rb") as file:
        file.seek(header.offset)
        sample = np.frombuffer(file.read(_SAMPLE), np.uint8)
    steps = {
        kind: int(np.abs(np.diff(sample.view(kind).astype(np.int16))).sum(dtype=np.int64)) for kind in ("i1", "u1")
    }
    return min(steps, key=lambda kind: steps[kind]), "the pixels, as the header does not say"


def _calibration(head: bytes, order: str, columns: int, rows: int) -> AxisCalibration:
    sampling_x, sampling_y = struct.unpack_from(order + "2i", head, 28)
    cell_x, cell_y = struct.unpack_from(order + "2f", head, 40)
    if sampling_x <= 0 or sampling_y <= 0 or cell_x <= 0 or cell_y <= 0:
        return AxisCalibration()
    if (cell_x, cell_y) == (sampling_x, sampling_y) == (columns, rows):
        return AxisCalibration(
            notes=("the MRC cell equals the pixel count, which means not calibrated; give --pixel-size",)
        )
    return calibrate((cell_y / sampling_y, cell_x / sampling_x), ("Å", "Å"), "the MRC header")


def _microscope(path_head: bytes, order: str) -> tuple[float | None, str | None]:
    """Energy and instrument of an FEI1 or FEI2 extended header: name at byte 20, high tension at byte 84."""
    if path_head[104:108] not in (b"FEI1", b"FEI2") or len(path_head) < _HEADER + 92:
        return None, None
    name = path_head[_HEADER + 20 : _HEADER + 36].split(b"\0")[0]
    return beam_energy(struct.unpack_from(order + "d", path_head, _HEADER + 84)[0]), text(name)


def _nibbles(packed: NDArray[np.uint8], columns: int) -> NDArray[Any]:
    """Unpack two pixels of 4 bits from each byte, the low half first."""
    pairs = np.stack([packed & 15, packed >> 4], axis=-1)
    return pairs.reshape(len(packed), -1)[:, :columns]


@reads(
    Format(
        name="MRC",
        endings=(".mrc", ".mrcs", ".st", ".rec", ".ali", ".preali", ".ccp4"),
        marks=((208, b"MAP"),),
        mark_optional=True,
        pixel_size_from="cell and sampling in the header",
        energy_from="the extended header of FEI (FEI1, FEI2)",
        remark="stacks too",
    )
)
def read_mrc(source: SourceFile) -> Content:
    """Describe an MRC image or stack."""
    with source.path.open("rb") as file:
        head = file.read(_HEADER + 128)
    header = _header(head, source)
    columns, rows, sections, mode, order, offset = header
    room = (source.size - offset) * (2 if mode == _NIBBLES else 1)
    source.claim((rows, columns), _MODES[mode], stored=room)
    source.claim((sections, rows, columns), _MODES[mode], stored=room, limited=False)
    code, signs = _byte_type(head, header, source) if mode == _BYTES else (_MODES[mode], "")
    dtype = np.dtype("c8") if mode == _COMPLEX_INTEGERS else np.dtype(order + code)
    calibration = _calibration(head, order, columns, rows)
    energy, instrument = _microscope(head, order)
    shape = (rows, columns) if sections == 1 else (sections, rows, columns)

    def load(frame: int) -> NDArray[Any]:
        start = offset + frame * rows * header.row_bytes
        if mode == _NIBBLES:
            return _nibbles(plain_pixels(source.path, (rows, header.row_bytes), np.uint8, start), columns)
        return plain_pixels(source.path, (rows, columns), dtype, start)

    kind = "signed" if code == "i1" else "unsigned"
    return Content(
        format="MRC",
        shape=shape,
        dtype=dtype,
        load=load,
        axes=("frame", "y", "x")[-len(shape) :],
        frames=sections,
        pixel_size=calibration.pixel_size,
        energy=energy,
        instrument=instrument,
        notes=(*((f"bytes read as {kind}, by {signs}",) if signs else ()), *calibration.notes),
    )

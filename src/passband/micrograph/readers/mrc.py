"""MRC files (.mrc, .st, .rec): a header of 1024 bytes, then pixels; the energy where FEI wrote it between them."""

import struct

import numpy as np

from passband.micrograph.readers.content import Calibration, Content, Source, beam_energy, calibrate, plain_pixels, text

# https://www.ccpem.ac.uk/mrc_format/mrc2014.php
_MODES = {0: "i1", 1: "i2", 2: "f4", 4: "c8", 6: "u2", 12: "f2"}
_HEADER = 1024


def looks_like_mrc(head: bytes) -> bool:
    """Whether a file begins with an MRC2014 header."""
    return len(head) >= 216 and head[208:211] == b"MAP"


def _calibration(head: bytes, order: str, columns: int, rows: int) -> Calibration:
    sampling_x, sampling_y = struct.unpack_from(order + "2i", head, 28)
    cell_x, cell_y = struct.unpack_from(order + "2f", head, 40)
    if sampling_x <= 0 or sampling_y <= 0 or cell_x <= 0 or cell_y <= 0:
        return Calibration()
    if (cell_x, cell_y) == (sampling_x, sampling_y) == (columns, rows):
        return Calibration(
            notes=("the MRC cell equals the pixel count, which means not calibrated; give --pixel-size",)
        )
    return calibrate((cell_y / sampling_y, cell_x / sampling_x), ("Å", "Å"), "the MRC header")


def _microscope(path_head: bytes, order: str) -> tuple[float | None, str | None]:
    """Energy and instrument of an FEI1 or FEI2 extended header: name at byte 20, high tension at byte 84."""
    if path_head[104:108] not in (b"FEI1", b"FEI2") or len(path_head) < _HEADER + 92:
        return None, None
    name = path_head[_HEADER + 20 : _HEADER + 36].split(b"\0")[0]
    return beam_energy(struct.unpack_from(order + "d", path_head, _HEADER + 84)[0]), text(name)


def read_mrc(source: Source) -> Content:
    """Describe an MRC image or stack."""
    with source.path.open("rb") as file:
        head = file.read(_HEADER + 128)
    if len(head) < _HEADER:
        raise source.error(f"has {len(head)} bytes, less than an MRC header (1024); it is truncated, copy it again")
    order = ">" if head[212:214] == b"\x11\x11" else "<"
    columns, rows, sections, mode = struct.unpack_from(order + "4i", head, 0)
    (extended,) = struct.unpack_from(order + "i", head, 92)
    if mode not in _MODES:
        raise source.error(f"has the MRC mode {mode}; known are {sorted(_MODES)}, convert it to 2 (float32)")
    dtype = np.dtype(order + _MODES[mode])
    offset = _HEADER + max(extended, 0)
    plane = source.claim((rows, columns), dtype, stored=source.size - offset)
    shape = (rows, columns) if sections == 1 else (sections, rows, columns)
    source.claim((sections, rows, columns), dtype, stored=source.size - offset, limited=False)
    calibration = _calibration(head, order, columns, rows)
    energy, instrument = _microscope(head, order)
    return Content(
        format="MRC",
        shape=shape,
        dtype=dtype,
        load=lambda frame: plain_pixels(source.path, (rows, columns), dtype, offset + frame * plane),
        axes=("frame", "y", "x")[-len(shape) :],
        frames=sections,
        pixel_size=calibration.pixel_size,
        energy=energy,
        instrument=instrument,
        refusal="is a complex image (a Fourier transform); transform it back first" if dtype.kind == "c" else None,
        notes=calibration.notes,
    )

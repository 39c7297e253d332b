"""NanoMegas block files (.blo): scanned diffraction, described so that it can be refused with reason."""

import struct

import numpy as np

from passband.files.content import Content
from passband.files.formats import Format, reads
from passband.files.metadata import beam_energy
from passband.files.source_file import SourceFile, plain_pixels


@reads(
    Format(
        name="BLO",
        endings=(".blo",),
        marks=(b"IMGBLO",),
        remark="4D-STEM: described by inspect, but no micrograph; make an image of it first",
    )
)
def read_blockfile(source: SourceFile) -> Content:
    """Describe a block file: a diffraction pattern of side `side` at each of rows × columns positions."""
    with source.path.open("rb") as file:
        head = file.read(96)
    if len(head) < 96:
        raise source.error(f"has {len(head)} bytes, less than a block file's header; it is truncated, copy it again")
    offset, _, side = struct.unpack_from("<IIH", head, 12)[0], 0, struct.unpack_from("<H", head, 20)[0]
    columns, rows = struct.unpack_from("<2H", head, 24)
    source.claim((rows, columns, side, side), np.uint8, stored=source.size)
    return Content(
        format="block file",
        shape=(rows, columns, side, side),
        dtype=np.dtype(np.uint8),
        load=lambda _: plain_pixels(source.path, (side, side), np.uint8, offset + 6),
        axes=("scan y", "scan x", "dy", "dx"),
        energy=beam_energy(None),
        refusal=f"is 4D-STEM: {rows} × {columns} diffraction patterns of {side} × {side}; make an image of it first",
    )

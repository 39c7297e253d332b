"""TIFF within bounds: directories that end, tags that fit the file, strips that unpack to what they promise."""

import math
import struct
from typing import BinaryIO, NamedTuple

import tifffile

from passband.files.source_file import SourceFile

_MAX_PAGES = 20_000
_MAX_TAGS = 4096  # of a page
_MAX_TAG_BYTES = 2**26
_MAX_TAG_NUMBERS = 2**20  # each becomes a Python number
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_BYTES = {1, 2, 6, 7}  # types that stay one string
_LARGEST_PIECE = 2**27  # bytes of an unpacked strip or tile: it is in memory up to four times at once
_MOST_COMPRESSED = 2**16  # no codec packs an image tighter; deflate reaches 2**10
_NONE, _JPEG = 1, 7
#: Compressions that are unpacked into a buffer of the promised length, and JPEG, whose own header is compared first.
BOUNDED = {1, 2, 3, 4, 5, _JPEG, 8, 32773, 32946, 34925, 50000}
_JPEG_TABLES = 347
_SOF = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length
_MAX_MARKERS = 1000


class _Form(NamedTuple):
    """How numbers are laid out: struct codes of a pointer, of the number of tags, and the bytes of a tag."""

    order: str
    pointer: str
    tags: str
    size: int

    def unpack(self, code: str, data: bytes) -> int:
        """Return one number."""
        (value,) = struct.unpack(self.order + code, data)
        return int(value)


def check_directories(file: BinaryIO, source: SourceFile) -> None:
    """Walk the chain of pages before a library does.

    Raises
    ------
    FormatError
        A page or the value of a tag lies behind the end of the file, the pages go round in a circle or are more than
        20,000, or a page has thousands of tags or a tag of millions of values.
    """
    head = file.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = struct.unpack(order + "H", head[2:4])[0] == 43
    form = _Form(order, "Q", "Q", 20) if big else _Form(order, "I", "H", 12)
    page = form.unpack(form.pointer, head[8:16] if big else head[4:8])
    seen: set[int] = set()
    while page:
        if page in seen:
            raise source.error(
                f"has a page whose next one is the earlier one at byte {page}; it is damaged, copy it again"
            )
        seen.add(page)
        if len(seen) > _MAX_PAGES:
            raise source.error(f"has more than {_MAX_PAGES} pages; split it into shorter stacks")
        page = _check_page(file, form, page, source)


def _check_page(file: BinaryIO, form: _Form, page: int, source: SourceFile) -> int:
    """Check the tags of a page and return where the next one is."""
    counted, pointer = struct.calcsize(form.order + form.tags), struct.calcsize(form.order + form.pointer)
    if page + counted > source.size:
        raise source.error(f"has a page at byte {page} of {source.size}; it is truncated, copy it again")
    file.seek(page)
    count = form.unpack(form.tags, file.read(counted))
    if count > _MAX_TAGS:
        raise source.error(f"has a page of {count} tags; it is damaged, copy it again")
    data = file.read(count * form.size + pointer)
    if len(data) < count * form.size + pointer:
        raise source.error(f"has a page at byte {page} of {source.size}; it is truncated, copy it again")
    for start in range(0, count * form.size, form.size):
        _check_tag(data[start : start + form.size], form, source)
    return form.unpack(form.pointer, data[-pointer:])


def _check_tag(data: bytes, form: _Form, source: SourceFile) -> None:
    pointer = struct.calcsize(form.order + form.pointer)
    code, kind = struct.unpack(form.order + "2H", data[:4])
    number = form.unpack(form.pointer, data[4 : 4 + pointer])
    size = number * _TYPE_BYTES.get(kind, 1)
    if size <= pointer:
        return
    start = form.unpack(form.pointer, data[4 + pointer :])
    if start + size > source.size:
        raise source.error(f"has a tag ({code}) of {size} bytes at byte {start} of {source.size}; it is truncated")
    if size > _MAX_TAG_BYTES or (number > _MAX_TAG_NUMBERS and kind not in _BYTES):
        raise source.error(f"has a tag ({code}) of {number} values, more than any microscope writes; it is damaged")


def check_page(page: tifffile.TiffPage, source: SourceFile) -> None:
    """Compare what a page promises with the file before its pixels are unpacked.

    Raises
    ------
    FormatError
        They lie behind the end of the file, are too many or too few for it, or packed in a way without bounds.
    """
    if page.dtype is None:
        raise source.error(
            f"has {page.bitspersample} bits per sample in a form that is not known; save it as 8 or 16 bits"
        )
    if page.imagedepth > 1 or page.samplesperpixel > 4:
        raise source.error(
            f"has {page.samplesperpixel} channels and a depth of {page.imagedepth}; save one image of it"
        )
    shape = (int(page.imagelength), int(page.imagewidth), int(page.samplesperpixel))
    ends = [start + count for start, count in zip(page.dataoffsets, page.databytecounts, strict=False)]
    if not ends or max(ends) > source.size:
        raise source.error(
            f"has pixels up to byte {max(ends, default=0)} of {source.size}; it is truncated, copy it again"
        )
    packed = int(page.compression) != _NONE
    stored = min(sum(page.databytecounts), source.size if packed else sum(page.databytecounts))
    plain = not packed and page.bitspersample >= 8
    source.claim(shape, page.dtype, stored=stored, expansion=1 if plain else _MOST_COMPRESSED)
    if packed or page.is_tiled:
        _check_pieces(page, source)


def _piece(page: tifffile.TiffPage) -> tuple[int, int]:
    """Rows and columns of a strip or a tile."""
    if page.is_tiled:
        return int(page.tilelength), int(page.tilewidth)
    return min(int(page.rowsperstrip) or int(page.imagelength), int(page.imagelength)), int(page.imagewidth)


def _check_pieces(page: tifffile.TiffPage, source: SourceFile) -> None:
    if int(page.compression) not in BOUNDED or page.is_ndpi:
        name = "NDPI" if page.is_ndpi else getattr(page.compression, "name", str(page.compression))
        raise source.error(f"is compressed with {name}, which is not unpacked here; save it with LZW or deflate")
    rows, columns = _piece(page)
    samples = int(page.samplesperpixel) if int(page.planarconfig) == 1 else 1
    size = source.claim((rows, columns, samples), page.dtype or "u1")
    kind = "tile" if page.is_tiled else "strip"
    if size > _LARGEST_PIECE:
        raise source.error(
            f"packs {rows} × {columns} pixels in one {kind}, above the limit of {_LARGEST_PIECE} bytes; "
            "save it uncompressed or in smaller pieces"
        )
    planes = 1 if int(page.planarconfig) == 1 else int(page.samplesperpixel)
    expected = math.ceil(int(page.imagelength) / rows) * math.ceil(int(page.imagewidth) / columns) * planes
    if len(page.dataoffsets) != expected:
        raise source.error(f"has {len(page.dataoffsets)} {kind}s of {expected}; it is truncated, copy it again")
    if int(page.compression) == _JPEG:
        _check_jpeg(page, (rows, columns, samples), source)


def _check_jpeg(page: tifffile.TiffPage, piece: tuple[int, int, int], source: SourceFile) -> None:
    """Compare the size that each JPEG stream gives itself with that of the strip or tile."""
    tables = page.tags.get(_JPEG_TABLES)
    if tables is not None and any(tables.value.find(bytes([0xFF, code])) >= 0 for code in _SOF):
        raise source.error("has an image among its JPEG tables; it is damaged or hostile")
    file = page.parent.filehandle
    for start, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        if count == 0:
            continue
        found = _jpeg_size(file, start, start + count)
        if found is None:
            raise source.error(f"has a JPEG stream without a size at byte {start}; it is damaged, copy it again")
        if any(side > most for side, most in zip(found, piece, strict=True)):
            said = " × ".join(map(str, found))
            raise source.error(
                f"has a JPEG stream of {said} for a piece of {' × '.join(map(str, piece))}; it is damaged or hostile"
            )


def _jpeg_size(file: tifffile.FileHandle, start: int, end: int) -> tuple[int, int, int] | None:
    """Rows, columns and colours of the frame header of a JPEG stream, or None where there is none."""
    for _ in range(_MAX_MARKERS):
        file.seek(start)
        data = file.read(min(10, end - start))
        if len(data) < 2 or data[0] != 0xFF:
            return None
        if data[1] == 0xFF or data[1] in _ALONE:  # a filling byte, or the beginning
            start += 1 if data[1] == 0xFF else 2
        elif len(data) < 10 or data[1] in (0xD9, 0xDA):
            return None
        elif data[1] in _SOF:
            _, rows, columns, colours = struct.unpack(">B2HB", data[4:10])
            return (rows, columns, colours) if rows and columns else None
        else:
            start += 2 + struct.unpack(">H", data[2:4])[0]
    return None

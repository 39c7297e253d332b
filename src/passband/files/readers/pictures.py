"""PNG, JPEG, BMP and GIF pictures, told by their first bytes and not by their names."""

import struct
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from passband.files.content import Content
from passband.files.formats import Format, reads
from passband.files.source_file import SourceFile

if TYPE_CHECKING:
    from PIL import Image

_FORMATS = (
    Format(name="PNG", endings=(".png",), marks=(b"\x89PNG",), remark="no pixel size: give it"),
    Format(
        name="JPEG",
        endings=(".jpg", ".jpeg", ".jpe"),
        marks=(b"\xff\xd8\xff",),
        remark="no pixel size: give it; lossy, so that fine detail may be an artefact",
    ),
    Format(name="BMP", endings=(".bmp",), marks=(b"BM",), remark="no pixel size: give it"),
    Format(name="GIF", endings=(".gif",), marks=(b"GIF8",), remark="no pixel size: give it; no animations"),
)
_MOST_COMPRESSED = 2**15  # deflate reaches 2**10, a blank progressive JPEG more
_LARGEST_COLOUR_JPEG = 10**8  # pixels: a progressive one is kept in coefficients of two bytes until it is whole
_STRIP = 2**20  # pixels
_MODES = {"1": "u1", "L": "u1", "P": "u1", "LA": "u1", "RGB": "u1", "RGBA": "u1", "CMYK": "u1", "YCbCr": "u1"}
_DEEP = {"I;16": "<u2", "I;16L": "<u2", "I;16B": ">u2", "I": "<i4", "F": "<f4"}


def _open(source: SourceFile) -> "Image.Image":
    from PIL import Image

    with warnings.catch_warnings():
        # the size is checked against our own limit, before any pixel is decoded
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(source.path, formats=("PNG", "JPEG", "BMP", "GIF"))


def _deep_channels(source: SourceFile) -> int:
    """Channels of a PNG of 16 bits with colour or transparency, of which Pillow keeps only 8 bits; else 0."""
    with source.path.open("rb") as file:
        head = file.read(26)
    if len(head) < 26 or head[12:16] != b"IHDR":
        return 0
    bits, kind = struct.unpack_from(">2B", head, 24)
    return {2: 3, 4: 2, 6: 4}.get(kind, 0) if bits == 16 else 0


def _load_deep(source: SourceFile, sides: tuple[int, int, int]) -> NDArray[Any]:
    import imagecodecs

    source.claim((source.size,), np.uint8)  # what lies behind the picture is read with it
    array = np.asarray(imagecodecs.png_decode(source.path.read_bytes()))
    # transparency of one colour alone (tRNS) comes as a channel more
    return array if array.shape[:2] == sides[:2] and array.ndim == 3 else array.reshape(sides)


def _load(source: SourceFile) -> NDArray[Any]:
    """Pixels strip by strip: a conversion of the whole, and NumPy's own, would each hold the image once more."""
    with _open(source) as image:
        columns, rows = image.size
        step = max(1, _STRIP // columns)
        colours = image.mode in {"P", "CMYK", "YCbCr"}
        target = "RGBA" if "transparency" in image.info else "RGB"
        result: NDArray[Any] | None = None
        for start in range(0, rows, step):
            strip = image.crop((0, start, columns, min(start + step, rows)))
            part = np.asarray(strip.convert(target) if colours else strip)
            if result is None:
                result = np.empty((rows, *part.shape[1:]), np.uint8 if part.dtype == bool else part.dtype)
            result[start : start + step] = part
        assert result is not None
        return result


@reads(*_FORMATS)
def read_picture(source: SourceFile) -> Content:
    """Describe a picture; it has no pixel size."""
    from PIL import Image

    try:
        with _open(source) as image:
            (columns, rows), mode, kind = image.size, image.mode, str(image.format)
            kind = "JPEG" if kind == "MPO" else kind  # with more pictures behind the first
            animated = kind == "GIF" and bool(getattr(image, "is_animated", False))  # counting takes long
    except Image.DecompressionBombError as bomb:
        raise source.error("promises more pixels than any camera has; it is damaged or hostile") from bomb
    deep = _deep_channels(source) if kind == "PNG" else 0
    dtype = np.dtype("u2" if deep else _DEEP.get(mode) or _MODES.get(mode, "u1"))
    channels = deep or (Image.getmodebands(mode) if mode in _MODES and mode != "P" else 1)
    sides = (rows, columns, max(channels, 3 if mode == "P" else 1))
    source.claim(sides, dtype, stored=source.size, expansion=_MOST_COMPRESSED)
    if kind == "JPEG" and channels > 1 and rows * columns > _LARGEST_COLOUR_JPEG:
        raise source.error(
            f"is a colour JPEG of {rows} × {columns} pixels, of which {_LARGEST_COLOUR_JPEG} can be unpacked; "
            "save it as a grey TIFF"
        )
    shape = (rows, columns, channels) if channels > 1 else (rows, columns)
    endings = next(entry.endings for entry in _FORMATS if entry.name == kind)
    suffix = source.path.suffix.lower()
    notes = () if suffix in endings else (f"{kind} in a {suffix or 'nameless'} name",)
    return Content(
        format=kind,
        shape=shape,
        dtype=dtype,
        load=lambda _: _load_deep(source, (rows, columns, deep)) if deep else _load(source),
        axes=("y", "x", "channel")[: len(shape)],
        refusal="is an animation; save the frame you mean as PNG" if animated else None,
        notes=(*notes, *(("JPEG is lossy: fine detail may be an artefact",) if kind == "JPEG" else ())),
    )

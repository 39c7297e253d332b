"""TIFF in every dialect that microscopes and ImageJ write: which page is the micrograph, and how it is read."""

import logging
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from passband.micrograph.readers.content import Content, Source, plain_pixels
from passband.micrograph.readers.tiff_metadata import Acquisition, acquisition

# its complaints about odd tags are for developers of TIFF writers, not for who reads one line on a terminal
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_MAX_PAGES = 20_000
_MOST_COMPRESSED = 2**16  # no codec packs an image tighter; deflate reaches 2**10
_WHITE_IS_ZERO = 0
_PALETTE = 3


def _check_chain(tiff: tifffile.TiffFile, source: Source) -> None:
    """Refuse a file whose next page lies behind its end: a cut stack must not pass for a shorter one."""
    form, file = tiff.tiff, tiff.filehandle
    position = form.offsetsize  # of the first pointer: byte 4, in a BigTIFF byte 8
    seen: set[int] = set()
    while len(seen) < _MAX_PAGES:
        file.seek(position)
        (page,) = struct.unpack(form.offsetformat, file.read(form.offsetsize))
        if page == 0 or page in seen:
            return
        if page + form.tagnosize > source.size:
            raise source.error(f"has a page at byte {page} of {source.size}; it is truncated, copy it again")
        seen.add(page)
        file.seek(page)
        (tags,) = struct.unpack(form.tagnoformat, file.read(form.tagnosize))
        position = page + form.tagnosize + tags * form.tagsize
    raise source.error(f"has more than {_MAX_PAGES} pages; split it into shorter stacks")


def _pages(tiff: tifffile.TiffFile, source: Source) -> list[tifffile.TiffPage]:
    _check_chain(tiff, source)
    pages = []
    for index in range(_MAX_PAGES):
        try:
            page = tiff.pages[index]
        except IndexError:
            break
        if isinstance(page, tifffile.TiffFrame):
            page = page.aspage()
        pages.append(page)
    if not pages:
        raise source.error("is a TIFF without any image; it is truncated, copy it again")
    return pages


def _plane(page: tifffile.TiffPage) -> tuple[int, int]:
    return int(page.imagelength), int(page.imagewidth)


def _main(pages: Sequence[tifffile.TiffPage]) -> list[tifffile.TiffPage]:
    """Pages of the micrograph: the largest, grey before colour, deep before shallow; with all alike, a stack."""

    def rank(page: tifffile.TiffPage) -> tuple[int, bool, int]:
        rows, columns = _plane(page)
        return rows * columns, page.samplesperpixel == 1, page.dtype.itemsize if page.dtype is not None else 0

    best = max(pages, key=rank)
    alike = [page for page in pages if rank(page) == rank(best) and _plane(page) == _plane(best)]
    return alike if best.samplesperpixel == 1 else alike[:1]


def _check(page: tifffile.TiffPage, source: Source) -> None:
    """Compare what a page promises with the file before anything is allocated."""
    if page.dtype is None:
        raise source.error(
            f"has {page.bitspersample} bits per sample in a form that is not known; save it as 8 or 16 bits"
        )
    if page.imagedepth > 1 or page.samplesperpixel > 4:
        raise source.error(
            f"has {page.samplesperpixel} channels and a depth of {page.imagedepth}; save one image of it"
        )
    shape = (*_plane(page), int(page.samplesperpixel))
    ends = [start + count for start, count in zip(page.dataoffsets, page.databytecounts, strict=False)]
    if not ends or max(ends) > source.size:
        raise source.error(
            f"has pixels up to byte {max(ends, default=0)} of {source.size}; it is truncated, copy it again"
        )
    plain = int(page.compression) == 1 and page.bitspersample >= 8
    source.claim(shape, page.dtype, stored=sum(page.databytecounts), expansion=1 if plain else _MOST_COMPRESSED)
    tile = (int(page.tilelength or 1), int(page.tilewidth or 1), int(page.samplesperpixel))
    source.claim(tile, page.dtype)


def _load(source: Source, index: int) -> NDArray[Any]:
    """Pixels of one page, colour as the last axis, palette and inversion undone."""
    with tifffile.TiffFile(source.path) as tiff:
        page = tiff.pages[index]
        if isinstance(page, tifffile.TiffFrame):
            page = page.aspage()
        _check(page, source)
        array: NDArray[Any] = np.asarray(page.asarray())
        if page.axes.startswith("S"):  # one plane per colour
            array = np.moveaxis(array, 0, -1)
        array = _upright(page, array)
        return _painted(page, array) if int(page.photometric) == _PALETTE else array


def _inverts(page: tifffile.TiffPage) -> bool:
    """Whether the values of a page are inverted: only unsigned ones have a white to count from."""
    return int(page.photometric) == _WHITE_IS_ZERO and np.dtype(page.dtype or np.uint8).kind in "ub"


def _upright(page: tifffile.TiffPage, array: NDArray[Any]) -> NDArray[Any]:
    """Values that grow with brightness, within the bits that a sample has."""
    if not _inverts(page):
        return array
    return ~array if array.dtype.kind == "b" else array.dtype.type(2 ** int(page.bitspersample) - 1) - array


def _painted(page: tifffile.TiffPage, array: NDArray[Any]) -> NDArray[Any]:
    """Colours of a palette image; a grey palette leaves the stored numbers, as SEM makers mean them."""
    table = np.asarray(page.colormap)
    if table.ndim != 2 or np.ptp(table.astype(np.int64), axis=0).max() == 0:
        return array
    return np.moveaxis((table >> 8).astype(np.uint8)[:, array], 0, -1)


def _notes(tiff: tifffile.TiffFile, pages: list[tifffile.TiffPage], main: list[tifffile.TiffPage]) -> list[str]:
    notes = []
    first = main[0]
    if int(first.compression) != 1:
        notes.append(f"compressed with {tifffile.COMPRESSION(first.compression).name}")
    if tiff.is_bigtiff:
        notes.append("BigTIFF")
    if tiff.byteorder == ">":
        notes.append("stored big-endian")
    if int(first.photometric) == _WHITE_IS_ZERO:
        signed = "stored with white as zero, but its values are signed or floating and have no white; kept as they are"
        notes.append("stored with white as zero; inverted" if _inverts(first) else signed)
    if len(main) < len(pages):
        others = ", ".join(f"{_plane(page)[0]} × {_plane(page)[1]}" for page in pages if page not in main)
        notes.append(f"page {pages.index(first)} is the micrograph; other pages are not used ({others[:80]})")
    return notes


def _contiguous_frames(tiff: tifffile.TiffFile, page: tifffile.TiffPage, source: Source) -> int:
    """Frames of an ImageJ stack that lie behind a single page, as ImageJ writes them above 4 GB."""
    promised = (tiff.imagej_metadata or {}).get("images", 1) if tiff.is_imagej else 1
    if not isinstance(promised, int) or promised <= 1 or int(page.compression) != 1 or page.dtype is None:
        return 1
    plane = source.claim(_plane(page), page.dtype)
    if page.dataoffsets[0] + promised * plane > source.size:
        raise source.error(
            f"ImageJ promises {promised} frames but the file ends before; it is truncated, copy it again"
        )
    return promised


def read_tiff(source: Source) -> Content:
    """Describe the micrograph, or stack of them, in a TIFF file."""
    with tifffile.TiffFile(source.path) as tiff:
        pages = _pages(tiff, source)
        main = _main(pages)
        first = main[0]
        _check(first, source)
        known = acquisition(tiff, first)
        notes = _notes(tiff, pages, main)
        indices = [pages.index(page) for page in main]
        shape, dtype = _plane(first), np.dtype(first.dtype or np.uint8).newbyteorder(tiff.byteorder)
        hidden = _contiguous_frames(tiff, first, source) if len(pages) == 1 else 1
        colour, start = int(first.samplesperpixel), int(first.dataoffsets[0])
    if hidden > 1:
        size = int(np.prod(shape)) * dtype.itemsize

        def load(frame: int) -> NDArray[Any]:
            return _upright(first, plain_pixels(source.path, shape, dtype, start + frame * size))

        return _content((hidden, *shape), dtype, known, notes, load)
    full = (len(main), *shape) if len(main) > 1 else (*shape, colour) if colour > 1 else shape
    return _content(full, dtype, known, notes, lambda frame: _load(source, indices[frame]))


def _content(shape: tuple[int, ...], dtype: np.dtype[Any], known: Acquisition, notes: list[str], load: Any) -> Content:
    colour = len(shape) == 3 and shape[-1] in (2, 3, 4) and shape[0] > 4
    return Content(
        format=known.format,
        shape=shape,
        dtype=dtype,
        load=load,
        axes=("y", "x", "channel") if colour else ("frame", "y", "x")[-len(shape) :],
        frames=shape[0] if len(shape) == 3 and not colour else 1,
        pixel_size=known.calibration.pixel_size,
        energy=known.energy,
        instrument=known.instrument,
        mode=known.mode,
        refusal=known.calibration.refusal,
        notes=(*notes, *known.calibration.notes, *known.notes),
    )

"""TIFF in every dialect that microscopes and ImageJ write: which page is the micrograph, and how it is read."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from passband.files.content import Content
from passband.files.readers.tiff.metadata import TiffMetadata, tiff_metadata
from passband.files.readers.tiff.structure import check_directories, check_page
from passband.files.source_file import SourceFile, plain_pixels

# its complaints about odd tags are for developers of TIFF writers, not for who reads one line on a terminal
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_READ_AT_ONCE = 2**25  # bytes of packed strips
_WHITE_IS_ZERO = 0
_PALETTE = 3


def _pages(tiff: tifffile.TiffFile, source: SourceFile) -> list[tifffile.TiffPage]:
    pages = []
    for index in range(len(tiff.pages)):
        page = tiff.pages[index]
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


def _load(source: SourceFile, index: int) -> NDArray[Any]:
    """Pixels of one page, colour as the last axis, palette and inversion undone."""
    with tifffile.TiffFile(source.path) as tiff:
        page = tiff.pages[index]
        if isinstance(page, tifffile.TiffFrame):
            page = page.aspage()
        check_page(page, source)
        array: NDArray[Any] = np.asarray(page.asarray(maxworkers=1, buffersize=_READ_AT_ONCE))
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


def _contiguous_frames(tiff: tifffile.TiffFile, page: tifffile.TiffPage, source: SourceFile) -> int:
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


def describe_tiff(source: SourceFile) -> Content:
    """Describe the micrograph, or stack of them, in a TIFF file."""
    with source.path.open("rb") as file:
        check_directories(file, source)
    with tifffile.TiffFile(source.path) as tiff:
        pages = _pages(tiff, source)
        main = _main(pages)
        first = main[0]
        check_page(first, source)
        known = tiff_metadata(tiff, first)
        notes = _notes(tiff, pages, main)
        chosen = {id(page) for page in main}
        indices = [index for index, page in enumerate(pages) if id(page) in chosen]
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


def _content(shape: tuple[int, ...], dtype: np.dtype[Any], known: TiffMetadata, notes: list[str], load: Any) -> Content:
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

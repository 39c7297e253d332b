"""Any microscope file in, one micrograph in house units out; `inspect_file` says how it was understood."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from passband.documents import DocumentError, read_beginning
from passband.files.format_table import HEAD, KNOWN_FORMATS, SUFFIXES, Format, folder_format, identify
from passband.files.grey import NotGreyError, data_bar_rows, to_grey
from passband.files.lengths import parse_length
from passband.files.micrograph import Micrograph
from passband.files.outliers import Cleaned, without_outliers
from passband.files.readers.content import MAX_BYTES, Content, FormatError, Source, is_complex
from passband.files.writing import write_image_tiff, write_mask_tiff, write_overlay_png
from passband.recipe import PassbandError

T = TypeVar("T")

__all__ = [
    "MAX_BYTES",
    "SUFFIXES",
    "FormatError",
    "inspect_file",
    "parse_length",
    "read_micrograph",
    "write_image_tiff",
    "write_mask_tiff",
    "write_overlay_png",
]

_BLOCK = 2**22  # pixels
_SQUARABLE = 1e100  # the squares of larger values, summed, overflow double precision
_IMAGE_AXES = {"frame", "y", "x", "channel"}


def _open(path: str | Path, max_bytes: int) -> tuple[Source, Content]:
    """Describe a file without reading its pixels.

    Raises
    ------
    FormatError
        Whatever a library found wrong with the file, as one line.
    """
    path = Path(path)
    source = Source(path, 0, max_bytes)
    if path.is_dir():
        known = folder_format(path)
        raise source.error(known.advice if known else "is a folder; name a file in it")
    try:
        head = read_beginning(path, HEAD)
        source = Source(path, path.stat().st_size, max_bytes)
    except DocumentError as failure:
        raise source.error(str(failure)) from failure
    except (OSError, ValueError) as failure:
        raise source.error(
            f"cannot be opened ({getattr(failure, 'strerror', None) or failure}); check the name and permissions"
        ) from failure
    if not head:
        raise source.error("is empty (0 bytes); copy it again")
    reader = _identified(source, head).load()
    return source, _guarded(source, lambda: reader(source))


def _identified(source: Source, head: bytes) -> Format:
    """Return the entry of the table that can read a file, or say what the file is instead."""
    found, suffix = identify(source.path, head), source.path.suffix.lower()
    if found is not None and found.reader:
        return found
    if found is not None:
        raise source.error(found.advice)
    if suffix in SUFFIXES:
        shown = head[:8].hex(" ")
        raise source.error(f"is not a {suffix} file (it begins with {shown}); it is damaged or has a wrong name")
    raise source.error(f"is of a kind that is not known; readable are {KNOWN_FORMATS}")


def _guarded(source: Source, action: Callable[[], T]) -> T:
    """Do `action`; an exception of a reading library becomes one line that names the file and a cure."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return action()
    except PassbandError:
        raise
    except MemoryError as failure:
        raise source.error("needs more memory than there is; crop or bin it first") from failure
    except Exception as failure:
        reason = " ".join(str(failure).split())[:160] or type(failure).__name__
        raise source.error(f"cannot be read ({reason}); it is truncated or damaged, copy it again") from failure


def _described_fault(source: Source, content: Content, frame: int | None) -> str | None:
    """Return why a file cannot be used as one image, as far as its description tells; None where it can.

    Raises
    ------
    FormatError
        `frame` is not in the file.
    """
    kind = content.dtype.kind
    if is_complex(content.dtype):
        return "is a complex array (a wave or a Fourier transform), not an image; take its modulus or intensity first"
    if content.refusal:
        return content.refusal
    if kind not in "biuf":
        return f"holds values of type {content.dtype}, not numbers; save the image as uint16 or float32"
    if len(content.shape) < 2:
        return f"has the shape {content.shape}, a line or a number, not an image"
    if len(content.shape) > 3:
        sides = f"{len(content.shape)}-dimensional {content.shape}"
        return f"is {sides} (4D-STEM?), not a micrograph; make an image of it first"
    if frame is None and content.frames > 1:
        names = ", ".join(f"{index} {name}" for index, name in enumerate(content.frame_names))
        return f"holds {content.frames} frames{f' ({names})' if names else ''}; choose one with --frame N, from 0"
    _check_frame(source, content, frame or 0)
    return None


def _check_frame(source: Source, content: Content, frame: int) -> None:
    if 0 <= frame < content.frames:
        return
    if content.frames == 1:
        raise source.error(f"frame={frame} is not there: the file holds one image; leave --frame out")
    raise source.error(f"frame={frame} is not there: the file holds frames 0 to {content.frames - 1}")


def _native(array: NDArray[Any]) -> NDArray[Any]:
    """Return the values in memory, in the machine's byte order; booleans as 0 and 1."""
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))


def _pixels(
    source: Source, content: Content, frame: int, *, keep_outliers: bool = False
) -> tuple[NDArray[Any] | None, tuple[str, ...], str | None]:
    """Return one grey image (y, x) or None, what was done to it, and why it cannot be used (None where it can)."""
    array = _guarded(source, lambda: _native(content.load(frame)))
    notes: tuple[str, ...] = ()
    if array.ndim == 3:
        try:
            array, notes = to_grey(array)
        except NotGreyError as failure:
            return None, (), str(failure)
    bad = 0 if array.dtype.kind in "iu" else int(np.count_nonzero(~np.isfinite(array)))
    if bad:
        fault = f"{bad} of {array.size} pixels are NaN or infinite; replace them by their neighbours' median"
        return array, notes, fault
    if keep_outliers:
        return array, notes, None
    cleaned = without_outliers(array)
    return cleaned.array, (*notes, *_outlier_notes(cleaned)), None


def _outlier_notes(cleaned: Cleaned) -> tuple[str, ...]:
    if cleaned.left:
        return (f"{cleaned.left} or more single pixels stand out, too many for X-ray hits; left as they are",)
    if not cleaned.replaced:
        return ()
    pixels = (
        "outlier (an X-ray hit, hot or dead pixel?)"
        if cleaned.replaced == 1
        else "outliers (X-ray hits, hot or dead pixels?)"
    )
    return (f"{cleaned.replaced} {pixels} up to {cleaned.extreme:.6g} replaced by the median of the pixels around",)


def read_micrograph(
    path: str | Path,
    *,
    pixel_size: float | str | None = None,
    frame: int | None = None,
    keep_outliers: bool = False,
    max_bytes: int = MAX_BYTES,
) -> Micrograph:
    """Read one real-space image of any known format.

    Parameters
    ----------
    path
        File; its kind is told by its content, not by its name.
    pixel_size
        In Å, or a text with a unit such as "77.6pm"; replaces what the file says.
    frame
        Which image of a stack, from 0.
    keep_outliers
        Leave X-ray hits, hot and dead pixels as they are stored. Otherwise those that no lens can have imaged
        (`passband.files.outliers`) are replaced by the median around them, and a note says how many.
    max_bytes
        Largest image, as stored, that is read at all.

    Raises
    ------
    FormatError
        The file is empty, truncated, damaged or of an unknown kind; it is no real-space image (diffraction, spectrum
        image, 4-D, colour); it is a stack and no frame is named; or some of its pixels are not finite.
    PassbandError
        `pixel_size` cannot be understood.
    """
    given = None if pixel_size is None else parse_length(pixel_size)
    source, content = _open(path, max_bytes)
    fault = _described_fault(source, content, frame)
    if fault:
        raise source.error(fault)
    array, notes, fault = _pixels(source, content, frame or 0, keep_outliers=keep_outliers)
    if fault or array is None:
        raise source.error(fault or "is no grey image")
    notes = (*content.notes, *notes)
    if given is not None:
        said = f"; the file says {content.pixel_size}" if content.pixel_size else ""
        notes = (*notes, f"pixel size {given:g} Å given{said}")
    return Micrograph(
        array=array,
        pixel_size=(given, given) if given is not None else content.pixel_size,
        energy=content.energy,
        instrument=content.instrument,
        mode=content.mode,
        provenance={
            "path": str(path),
            "format": content.format,
            "frame": frame if content.frames > 1 else None,
            "notes": list(notes),
        },
    )


def _statistics(array: NDArray[Any]) -> dict[str, float | int]:
    """Extremes, mean and spread of the finite pixels, how many are not, and the fraction at the type's maximum."""
    # block by block: a float64 copy of a large image would take eight times its memory
    flat = array.reshape(-1)
    blocks = [flat[start : start + _BLOCK] for start in range(0, flat.size, _BLOCK)]
    finite = blocks if array.dtype.kind in "iu" else [block[np.isfinite(block)] for block in blocks]
    finite = [block for block in finite if block.size]
    count = sum(block.size for block in finite)
    result: dict[str, float | int] = {"not_finite": array.size - count}
    if count:
        low, high = min(float(block.min()) for block in finite), max(float(block.max()) for block in finite)
        top = max(-low, high)
        unit = top if top > _SQUARABLE else 1.0
        mean = sum(float((block.astype(np.float64) / unit).sum()) for block in finite) / count
        variance = sum(float(np.square(block.astype(np.float64) / unit - mean).sum()) for block in finite) / count
        result |= {"min": low, "max": high, "mean": mean * unit, "std": variance**0.5 * unit}
    if array.dtype.kind in "iu":
        top = np.iinfo(array.dtype).max
        result["fraction_saturated"] = sum(int(np.count_nonzero(block == top)) for block in blocks) / array.size
    return result


def _remarks(array: NDArray[Any], statistics: dict[str, float | int]) -> list[str]:
    """Return what a microscopist should know of the pixels before she segments them."""
    rows = data_bar_rows(array)
    remarks = [f"data bar in the bottom {rows} rows? crop it before segmenting"] if rows else []
    if statistics.get("min") == statistics.get("max"):
        remarks.append("every pixel has the same value")
    return remarks


def inspect_file(path: str | Path, *, frame: int | None = None, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """Describe what a file holds and how it was understood, as plain JSON values.

    Returns
    -------
    dict
        `path`, `format`, `shape`, `axes`, `dtype`, `pixel_size_A` ([y, x] or None), `energy_eV`, `instrument`, `mode`,
        `frames`, `usable` (whether `read_micrograph` would take it), `reason` (why not), `statistics` (of one image as
        it is read, outliers replaced, or None), `notes`.

    Raises
    ------
    FormatError
        The file cannot be understood at all.
    """
    source, content = _open(path, max_bytes)
    shape, axes, notes, statistics = content.shape, content.axes, list(content.notes), None
    reason = _described_fault(source, content, frame)
    if len(shape) in (2, 3) and content.dtype.kind in "biuf" and _IMAGE_AXES.issuperset(axes):
        array, grey, fault = _pixels(source, content, frame or 0)
        reason, notes = reason or fault, [*notes, *grey]
        if array is not None:
            statistics = _statistics(array)
            notes += _remarks(array, statistics)
            if content.frames == 1 or frame is not None:
                shape, axes = array.shape, ("y", "x")
    if content.frames > 1 and frame is None:
        notes += [f"frame {index}: {name}" for index, name in enumerate(content.frame_names)]
    return {
        "path": str(path),
        "format": content.format,
        "shape": [int(side) for side in shape],
        "axes": list(axes),
        "dtype": content.dtype.newbyteorder("=").name,
        "pixel_size_A": list(content.pixel_size) if content.pixel_size else None,
        "energy_eV": content.energy,
        "instrument": content.instrument,
        "mode": content.mode,
        "frames": content.frames,
        "usable": reason is None,
        "reason": reason,
        "statistics": statistics,
        "notes": notes,
    }

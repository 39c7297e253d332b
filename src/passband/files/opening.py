"""Open a file of any format and load one grey image of it: what reading and inspecting share."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from passband.documents import DocumentError, read_beginning
from passband.files.content import Content, is_complex
from passband.files.formats import HEAD, Reader, folder_format, identify, readable_endings, readable_names
from passband.files.grey import NotGreyError, to_grey
from passband.files.outliers import without_outliers
from passband.files.source_file import SourceFile
from passband.recipe import PassbandError

T = TypeVar("T")


def open_file(path: str | Path, max_bytes: int) -> tuple[SourceFile, Content]:
    """Describe a file without reading its pixels.

    Raises
    ------
    FormatError
        Whatever a library found wrong with the file, as one line.
    """
    path = Path(path)
    source = SourceFile(path, 0, max_bytes)
    if path.is_dir():
        known = folder_format(path)
        raise source.error(known.advice if known else "is a folder; name a file in it")
    try:
        head = read_beginning(path, HEAD)
        source = SourceFile(path, path.stat().st_size, max_bytes)
    except DocumentError as failure:
        raise source.error(str(failure)) from failure
    except (OSError, ValueError) as failure:
        raise source.error(
            f"cannot be opened ({getattr(failure, 'strerror', None) or failure}); check the name and permissions"
        ) from failure
    if not head:
        raise source.error("is empty (0 bytes); copy it again")
    reader = _reader(source, head)
    return source, _guarded(source, lambda: reader(source))


def _reader(source: SourceFile, head: bytes) -> Reader:
    """Return what can read a file, or say what the file is instead."""
    found, suffix = identify(source.path, head), source.path.suffix.lower()
    if found is not None and found.reader:
        return found.reader
    if found is not None:
        raise source.error(found.advice)
    if suffix in readable_endings():
        shown = head[:8].hex(" ")
        raise source.error(f"is not a {suffix} file (it begins with {shown}); it is damaged or has a wrong name")
    raise source.error(f"is of a kind that is not known; readable are {readable_names()}")


def _guarded(source: SourceFile, action: Callable[[], T]) -> T:
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


def unusable_reason(source: SourceFile, content: Content, frame: int | None) -> str | None:
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


def _check_frame(source: SourceFile, content: Content, frame: int) -> None:
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


def load_image(
    source: SourceFile, content: Content, frame: int, *, keep_outliers: bool = False
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
        cure = "replace them by their neighbours' median, or a border of them by 0"
        fault = f"{bad} of {array.size} pixels are NaN or infinite; {cure}"
        return array, notes, fault
    if keep_outliers:
        return array, notes, None
    cleaned = without_outliers(array)
    return cleaned.array, (*notes, *cleaned.notes), None

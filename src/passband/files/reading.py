"""Any microscope file in, one micrograph in house units out."""

from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.files.content import Content
from passband.files.lengths import parse_length
from passband.files.micrograph import Micrograph
from passband.files.opening import load_image, open_file, unusable_reason
from passband.files.outliers import without_outliers
from passband.files.own_files import is_result
from passband.files.source_file import MAX_BYTES, SourceFile
from passband.pixels import pixel_pair, pixel_text
from passband.recipe import PassbandError


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
    source, content = open_file(path, max_bytes)
    return read_frame(source, content, frame, pixel_size=given, keep_outliers=keep_outliers)


def read_frame(
    source: SourceFile,
    content: Content,
    frame: int | None = None,
    *,
    pixel_size: float | None = None,
    keep_outliers: bool = False,
) -> Micrograph:
    """Read one image of a file that `opening.open_file` described; arguments and errors as `read_micrograph`."""
    fault = unusable_reason(source, content, frame)
    if fault:
        raise source.error(fault)
    array, notes, fault = load_image(source, content, frame or 0, keep_outliers=keep_outliers)
    if fault or array is None:
        raise source.error(fault or "is no grey image")
    notes = (*content.notes, *notes)
    if pixel_size is not None:
        said = f"; the file says {pixel_text(content.pixel_size)}" if content.pixel_size else ""
        notes = (*notes, f"pixel size {pixel_text(pixel_size)} given{said}")
    return Micrograph(
        array=array,
        pixel_size=(pixel_size, pixel_size) if pixel_size is not None else content.pixel_size,
        energy=content.energy,
        cs=content.cs,
        instrument=content.instrument,
        mode=content.mode,
        provenance={
            "path": str(source.path),
            "format": content.format,
            "frame": frame if content.frames > 1 else None,
            "notes": list(notes),
        },
    )


def open_micrograph(
    path: Path, *, pixel_size: float | None = None, frame: int | None = None, need_pixel_size: bool = True
) -> Micrograph:
    """Read a micrograph whose pixel size its file or the user says, in Å; `frame` is that of a stack.

    Without `need_pixel_size` nobody need say it.

    Raises
    ------
    PassbandError
        The file cannot be read as one image, nobody says its pixel size, or it is a result of passband.
    """
    if is_result(path):
        raise PassbandError(f"{path} is what passband made of a micrograph; give the micrograph itself")
    micrograph = read_micrograph(path, pixel_size=pixel_size, frame=frame)
    _ = micrograph.known_pixel_size if need_pixel_size else None
    return micrograph


def as_micrograph(
    image: Micrograph | ArrayLike | str | PathLike[str],
    *,
    pixel_size: float | str | tuple[float, float] | None = None,
    need_pixel_size: bool = True,
) -> Micrograph:
    """Return a micrograph of known pixel size: one that is there, an array, or one that is read from a file.

    Parameters
    ----------
    image
        Micrograph, array (y, x), or path of a file. Outliers of an array are replaced as those of a file are; a
        micrograph is taken as it is.
    pixel_size
        In Å, one number or (y, x), or a text with a unit such as "77.6pm"; replaces what a micrograph or a file says.
    need_pixel_size
        Refuse a micrograph whose pixel size nobody says.

    Raises
    ------
    PassbandError
        The pixel size is unknown or cannot be understood, the array is not 2-D, or as `read_micrograph`.

    Examples
    --------
    >>> as_micrograph(np.ones((64, 64)), pixel_size="50pm").pixel_size
    (0.5, 0.5)
    """
    if isinstance(image, str | PathLike):
        found = read_micrograph(Path(image))
    else:
        found = image if isinstance(image, Micrograph) else _of_array(np.asarray(image))
    if pixel_size is not None:
        given = parse_length(pixel_size) if isinstance(pixel_size, str) else pixel_size
        found = replace(found, pixel_size=pixel_pair(given))
    _ = found.known_pixel_size if need_pixel_size else None
    return found


def _of_array(array: NDArray[Any]) -> Micrograph:
    """Micrograph of an array, without X-ray hits, hot and dead pixels; what cannot be an image is left to others."""
    if array.ndim != 2 or not array.size or array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        return Micrograph(array)
    cleaned = without_outliers(array)
    return Micrograph(cleaned.array, provenance={"notes": list(cleaned.notes)} if cleaned.notes else {})

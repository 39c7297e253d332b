"""Any microscope file in, one micrograph in house units out."""

from pathlib import Path

from passband.files.lengths import parse_length
from passband.files.micrograph import Micrograph
from passband.files.opening import load_image, open_file, unusable_reason
from passband.files.source_file import MAX_BYTES


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
    fault = unusable_reason(source, content, frame)
    if fault:
        raise source.error(fault)
    array, notes, fault = load_image(source, content, frame or 0, keep_outliers=keep_outliers)
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

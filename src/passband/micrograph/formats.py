"""Any microscope file in, one micrograph in house units out; `inspect_file` says how it was understood."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from passband.micrograph.grey import data_bar_rows, to_grey
from passband.micrograph.lengths import parse_length
from passband.micrograph.micrograph import Micrograph
from passband.micrograph.readers.content import MAX_BYTES, Content, FormatError, Source
from passband.micrograph.writing import write_image_tiff, write_mask_tiff, write_overlay_png
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
KNOWN_FORMATS = "TIFF, PNG, JPEG, DM3/DM4, EMD, HSPY/HDF5, SER/EMI, MRC, NPY/NPZ, PRZ, JEOL IMG"
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"\x89PNG", "picture"),
    (b"\xff\xd8\xff", "picture"),
    (b"BM", "picture"),
    (b"GIF8", "picture"),
    (b"\x93NUMPY", "npy"),
    (b"PK\x03\x04", "npz"),
    (b"\x89HDF\r\n\x1a\n", "hdf5"),
    (b"\0\0\0\x03", "gatan"),
    (b"\0\0\0\x04", "gatan"),
    (b"II\x97\x01", "ser"),
    (b"JK", "emi"),
    (b"IMGBLO", "blockfile"),
    (b"\x34\0\0\0JED-", "jeol"),
)
SUFFIXES = {
    **dict.fromkeys((".tif", ".tiff"), "tiff"),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".bmp", ".gif"), "picture"),
    **dict.fromkeys((".dm3", ".dm4"), "gatan"),
    **dict.fromkeys((".emd", ".hspy", ".hdf5", ".h5"), "hdf5"),
    **dict.fromkeys((".npz", ".prz"), "npz"),
    **dict.fromkeys((".mrc", ".st", ".rec"), "mrc"),
    **{".npy": "npy", ".ser": "ser", ".emi": "emi", ".img": "jeol", ".blo": "blockfile"},
}
_CURES = {
    b"\x1f\x8b": "is compressed with gzip; unpack it first",
    b"%PDF": "is a PDF; export the image itself as TIFF",
    b"\x80\x04": "is a Python pickle, which can run code and is never loaded; save the image as .npy or TIFF",
    b"\x80\x05": "is a Python pickle, which can run code and is never loaded; save the image as .npy or TIFF",
    b"MATLAB": "is a MATLAB file; save the image as TIFF",
}


def _reader(family: str) -> Callable[[Source], Content]:
    """Return the reader of a family; imported only now, so that one format does not cost the start-up of all."""
    from importlib import import_module

    modules = {
        "tiff": ("tiff", "read_tiff"),
        "picture": ("pictures", "read_picture"),
        "npy": ("arrays", "read_npy"),
        "npz": ("arrays", "read_npz"),
        "hdf5": ("hdf5", "read_hdf5"),
        "gatan": ("gatan", "read_gatan"),
        "mrc": ("mrc", "read_mrc"),
        "ser": ("tia", "read_ser"),
        "emi": ("tia", "read_emi"),
        "jeol": ("jeol", "read_jeol"),
        "blockfile": ("blockfile", "read_blockfile"),
    }
    module, name = modules[family]
    function: Callable[[Source], Content] = getattr(import_module(f"passband.micrograph.readers.{module}"), name)
    return function


def _family(source: Source, head: bytes) -> str:
    """Tell the kind of file by its first bytes, and by its name only for MRC without a mark."""
    suffix = source.path.suffix.lower()
    for mark, family in _SIGNATURES:
        if head.startswith(mark) and not (family == "npz" and _is_other_zip(source)):
            return family
    if head[208:211] == b"MAP" or suffix in {".mrc", ".st", ".rec"}:
        return "mrc"
    for mark, cure in _CURES.items():
        if head.startswith(mark):
            raise source.error(cure)
    if suffix in SUFFIXES:
        shown = head[:8].hex(" ")
        raise source.error(f"is not a {suffix} file (it begins with {shown}); it is damaged or has a wrong name")
    raise source.error(f"is of a kind that is not known; readable are {KNOWN_FORMATS}")


def _is_other_zip(source: Source) -> bool:
    if source.path.suffix.lower() in {".npz", ".prz"}:
        return False
    raise source.error("is a ZIP archive; unpack it and open the file inside")


def _open(path: str | Path, max_bytes: int) -> Content:
    """Describe a file without reading its pixels.

    Raises
    ------
    FormatError
        Whatever a library found wrong with the file, as one line.
    """
    path = Path(path)
    if path.is_dir():
        raise FormatError(
            f"{path}: is a folder; name a file in it (a .zarr or .zspy store: export it as .hspy or TIFF)"
        )
    try:
        source = Source(path, path.stat().st_size, max_bytes)
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as failure:
        raise FormatError(
            f"{path}: cannot be opened ({failure.strerror or failure}); check the name and permissions"
        ) from failure
    if not head:
        raise source.error("is empty (0 bytes); copy it again")
    family = _family(source, head)
    return _guarded(source, lambda: _reader(family)(source))


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


def _choose(source: Source, content: Content, frame: int | None) -> int:
    """Return the frame to read; a stack needs one to be named."""
    if content.frames == 1:
        if frame not in (None, 0):
            raise source.error(f"frame={frame} is not there: the file holds one image; leave --frame out")
        return 0
    if frame is None:
        names = ", ".join(f"{index} {name}" for index, name in enumerate(content.frame_names))
        raise source.error(
            f"holds {content.frames} frames{f' ({names})' if names else ''}; choose one with --frame N, from 0"
        )
    if not 0 <= frame < content.frames:
        raise source.error(f"frame={frame} is not there: the file holds frames 0 to {content.frames - 1}")
    return frame


def _native(array: NDArray[Any]) -> NDArray[Any]:
    """Return the values in memory, in the machine's byte order; booleans as 0 and 1."""
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))


def _pixels(source: Source, content: Content, frame: int) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return one grey image (y, x), and how it became grey."""
    array = _guarded(source, lambda: _native(content.load(frame)))
    return to_grey(array, source.error) if array.ndim == 3 else (array, ())


def read_micrograph(
    path: str | Path,
    *,
    pixel_size: float | str | None = None,
    frame: int | None = None,
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
    source = Source(Path(path), 0, max_bytes)
    content = _open(path, max_bytes)
    if content.refusal:
        raise source.error(content.refusal)
    chosen = _choose(source, content, frame)
    array, notes = _pixels(source, content, chosen)
    bad = 0 if array.dtype.kind in "iu" else int(np.count_nonzero(~np.isfinite(array)))
    if bad:
        raise source.error(
            f"{bad} of {array.size} pixels are NaN or infinite; replace them by their neighbours' median"
        )
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
            "frame": chosen if content.frames > 1 else None,
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
        result["fraction_saturated"] = float(np.mean(array == np.iinfo(array.dtype).max))
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
        `frames`, `usable` (whether `read_micrograph` would take it), `reason` (why not), `statistics` (of one image, or
        None), `notes`.

    Raises
    ------
    FormatError
        The file cannot be understood at all.
    """
    content = _open(path, max_bytes)
    source = Source(Path(path), 0, max_bytes)
    shape, axes, notes = content.shape, content.axes, list(content.notes)
    reason, statistics = content.refusal, None
    readable = len(shape) <= 3 and len(shape) >= 2 and content.dtype.kind != "c"
    if readable and not (reason and "spectr" in reason):
        chosen = _choose(source, content, frame) if frame is not None else 0
        try:
            array, grey = _pixels(source, content, chosen)
        except FormatError as failure:
            if "colour" not in str(failure):
                raise
            reason = reason or str(failure).removeprefix(f"{path}: ")
        else:
            statistics = _statistics(array)
            notes += [*grey, *_remarks(array, statistics)]
            if content.frames == 1 or frame is not None:
                shape, axes = array.shape, ("y", "x")
            if statistics["not_finite"]:
                reason = reason or f"{statistics['not_finite']} of {array.size} pixels are NaN or infinite"
    if content.frames > 1 and frame is None:
        reason = reason or f"holds {content.frames} frames; choose one with --frame N, from 0"
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

"""What a file holds and how it was understood, with statistics of its pixels and estimates of its camera."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from passband.files.grey import data_bar_rows
from passband.files.opening import load_image, open_file, unusable_reason
from passband.files.source_file import MAX_BYTES
from passband.recipe import PassbandError

_BLOCK = 2**22  # pixels
_SQUARABLE = 1e100  # the squares of larger values, summed, overflow double precision
_IMAGE_AXES = {"frame", "y", "x", "channel"}


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


def _camera(array: NDArray[Any]) -> dict[str, Any] | None:
    """Return what the image above a data bar says of its camera, or None of pixels that no network may look at."""
    from passband.camera.estimates import estimate_camera  # loads scipy

    try:
        return estimate_camera(array[: array.shape[0] - data_bar_rows(array)]).as_dict()
    except PassbandError:
        return None


def inspect(path: str | Path, *, frame: int | None = None, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """Describe what a file holds and how it was understood, as plain JSON values.

    Parameters
    ----------
    path
        File; its kind is told by its content, not by its name.
    frame
        Which image of a stack is described, from 0; the whole stack by default.
    max_bytes
        Largest image, as stored, that is read at all.

    Returns
    -------
    dict
        `path`, `format`, `shape`, `axes`, `dtype`, `pixel_size_A` ([y, x] or None), `energy_eV`, `instrument`, `mode`,
        `frames`, `usable` (whether `read_micrograph` would take it), `reason` (why not), `statistics` (of one image as
        it is read, outliers replaced, or None), `camera` (`camera.estimates.CameraEstimate` of the same image, or
        None), `notes`.

    Raises
    ------
    FormatError
        The file cannot be understood at all.
    """
    source, content = open_file(path, max_bytes)
    shape, axes, notes, statistics, camera = content.shape, content.axes, list(content.notes), None, None
    reason = unusable_reason(source, content, frame)
    if len(shape) in (2, 3) and content.dtype.kind in "biuf" and _IMAGE_AXES.issuperset(axes):
        array, grey, fault = load_image(source, content, frame or 0)
        reason, notes = reason or fault, [*notes, *grey]
        if array is not None:
            statistics = _statistics(array)
            notes += _remarks(array, statistics)
            camera = _camera(array)
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
        "camera": camera,
        "notes": notes,
    }

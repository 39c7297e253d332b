"""What a reader says of a file before any pixel is read: its axes, its pixel size, and how one image is loaded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Content:
    """What a file holds, before any pixel is read.

    `load(frame)` returns one image (y, x) or, for colour, (y, x, channel). `axes` names the axes of `shape`.
    `refusal` says why the file is no real-space image, where it is not one. `pixel_size` is (y, x) in Å, `energy` in
    eV, `cs` the spherical aberration in Å.
    """

    format: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    load: Callable[[int], NDArray[Any]]
    axes: tuple[str, ...] = ("y", "x")
    frames: int = 1
    frame_names: tuple[str, ...] = ()
    pixel_size: tuple[float, float] | None = None
    energy: float | None = None
    cs: float | None = None
    instrument: str | None = None
    mode: str | None = None
    refusal: str | None = None
    notes: tuple[str, ...] = ()


def is_complex(dtype: np.dtype[Any]) -> bool:
    """Whether values have a real and an imaginary part, as NumPy's or as a pair of fields (Velox, MATLAB)."""
    names = [name.lower() for name in dtype.names or ()]
    return dtype.kind == "c" or (len(names) == 2 and names[0].startswith("r") and names[1].startswith("i"))


def many_axes(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the axes of more than one value; of two axes or more, at least two."""
    axes = [axis for axis, side in enumerate(shape) if side != 1]
    single = [axis for axis in reversed(range(len(shape))) if axis not in axes]
    return tuple(sorted(axes + single[: max(0, 2 - len(axes))]))


def axis_names(shape: Sequence[int]) -> tuple[str, ...]:
    """Names of the axes of a bare array: a short last axis of three is colour, else the first one counts frames."""
    if len(shape) == 3:
        return ("y", "x", "channel") if shape[-1] in (3, 4) and shape[0] > 4 else ("frame", "y", "x")
    return ("y", "x") if len(shape) == 2 else tuple(f"axis {k}" for k in range(len(shape)))

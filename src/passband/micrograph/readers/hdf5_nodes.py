"""Walking an HDF5 file safely: plain links only, and every data set is checked before its pixels are asked for."""

import math
from dataclasses import dataclass, field
from typing import Any

import h5py

from passband.micrograph.readers.content import Calibration, Source

MAX_NODES = 20_000
_MAX_UNWRITTEN = 2**26


@dataclass(frozen=True)
class Found:
    """One image data set, before it is checked: which axis counts frames, and what its neighbours say."""

    name: str
    label: str
    frame_axis: int | None = None
    axes: tuple[str, ...] = ()
    calibration: Calibration = field(default_factory=Calibration)
    energy: float | None = None
    instrument: str | None = None
    mode: str | None = None
    refusal: str | None = None
    derived: bool = False  # an element map or the like, made from the acquired signal


def hard_linked(group: Any, *names: str) -> Any:
    """Follow plain links only: a link into another file must not be opened."""
    for name in names:
        if not isinstance(group, h5py.Group) or not isinstance(group.get(name, getlink=True), h5py.HardLink):
            return None
        group = group[name]
    return group


def children(group: Any) -> list[tuple[str, Any]]:
    """Name and node of what lies in a group."""
    names = list(group)[:MAX_NODES] if isinstance(group, h5py.Group) else []
    return [(name, child) for name in names if (child := hard_linked(group, name)) is not None]


def attribute(node: Any, name: str) -> Any:
    """Return an attribute, bytes as text; None where it is missing or cannot be read."""
    try:
        value = node.attrs.get(name)
    except (OSError, TypeError, ValueError):
        return None
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def check_pixels(data: h5py.Dataset, source: Source) -> None:
    """Refuse pixels that lie in another file, that were never written, or whose promised size is absurd."""
    if data.is_virtual or data.external:
        raise source.error(
            f"keeps the pixels of {data.name} in another file, which is not opened; save a copy with them inside"
        )
    if data.dtype.kind not in "biufc":
        raise source.error(
            f"holds values of type {data.dtype} in {data.name}, not numbers; save the image as uint16 or float32"
        )
    promised = math.prod(int(side) for side in data.shape) * data.dtype.itemsize
    if data.id.get_storage_size() == 0 and promised > _MAX_UNWRITTEN:
        raise source.error(f"promises {data.shape} pixels in {data.name} but none were ever written; record it again")
    if data.chunks:
        source.claim(data.chunks, data.dtype)  # one is unpacked at a time, whatever part of it is wanted
    elif data.ndim < 4:
        source.claim(data.shape, data.dtype, stored=source.size if data.id.get_storage_size() else None)

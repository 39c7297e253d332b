"""HDF5: Velox .emd, open EMD, HyperSpy, .dm5, and any other file in which one image can be told."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from passband.files.content import Content, axis_names, is_complex, many_axes
from passband.files.metadata import AxisCalibration
from passband.files.readers.hdf5.data import check_stored, read_region
from passband.files.readers.hdf5.emd import find_emd
from passband.files.readers.hdf5.gatan import find_gatan
from passband.files.readers.hdf5.hyperspy import find_hyperspy
from passband.files.readers.hdf5.nodes import Found, data_set, image_plane, opened, walk
from passband.files.readers.hdf5.velox import find_velox
from passband.files.source_file import SourceFile

_MOST_NAMES = 6
_ONE = {
    "Fourier transforms": "Fourier transform",
    "diffraction patterns": "diffraction pattern",
    "maps computed from spectra": "map computed from spectra",
    "stacks": "stack",
    "waves or transforms": "wave or transform",
}


class _DataSet(NamedTuple):
    """A data set, and how its axes are understood: (y, x), (y, x, channel), (frame, y, x) or more."""

    found: Found
    shape: tuple[int, ...]
    axes: tuple[str, ...]
    frame_axis: int | None
    dtype: np.dtype[Any]

    @property
    def frames(self) -> int:
        return self.shape[0] if "frame" in self.axes else 1

    @property
    def fits(self) -> bool:
        """Whether it can be an image or a stack of them."""
        return not self.refusal and self.dtype.kind in "biuf" and len(self.shape) in (2, 3)

    @property
    def refusal(self) -> str | None:
        return self.found.refusal or self.found.calibration.refusal

    def kind(self) -> str:
        """Return what it is, in the plural, where it is not the micrograph."""
        if self.found.aside or is_complex(self.dtype):
            return self.found.aside or "waves or transforms"
        for word, kind in (("diffraction", "diffraction patterns"), ("spectr", "spectra")):
            if word in (self.refusal or ""):
                return kind
        return "stacks" if self.frames > 1 else f"of {len(self.shape)} dimensions"

    def name(self) -> str:
        return f"{self.found.label} {' × '.join(str(side) for side in self.shape)}"


def _candidate(file: h5py.File, found: Found, source: SourceFile) -> _DataSet:
    data = data_set(file, found.name, source)
    full = tuple(int(side) for side in data.shape)
    if len(full) < 2:
        return _DataSet(found, full, axis_names(full), None, data.dtype)
    plane = found.plane or image_plane(full)
    others = [axis for axis in many_axes(full) if axis not in plane and axis != found.channel]
    frame = others[0] if len(others) == 1 else None
    if len(others) > 1:
        shape = tuple(full[axis] for axis in sorted((*others, *plane)))
        return _DataSet(found, shape, axis_names(shape), None, data.dtype)
    sides = full[plane[0]], full[plane[1]]
    if found.channel is not None:
        return _DataSet(found, (*sides, full[found.channel]), ("y", "x", "channel"), None, data.dtype)
    if frame is not None:
        return _DataSet(found, (full[frame], *sides), ("frame", "y", "x"), frame, data.dtype)
    return _DataSet(found, sides, ("y", "x"), None, data.dtype)


def _any(file: h5py.File, source: SourceFile) -> list[Found]:
    """Every numeric data set of two or more dimensions, in a file of no known layout."""
    return [
        Found(name=name, label=name, **_colour(node.shape))
        for name, node in walk(file, source)
        if isinstance(node, h5py.Dataset) and node.ndim >= 2 and node.dtype.kind in "biufc"
    ]


def _colour(shape: tuple[int, ...]) -> dict[str, Any]:
    """Axes of a colour picture, where the shape looks like one."""
    axes = many_axes(shape)
    if axis_names(tuple(int(shape[axis]) for axis in axes))[-1] != "channel":
        return {}
    return {"plane": (axes[0], axes[1]), "channel": axes[2]}


def _load(source: SourceFile, image: _DataSet, frame: int) -> NDArray[Any]:
    with opened(source) as file:
        data = data_set(file, image.found.name, source)
        plane = image.found.plane or image_plane(data.shape)
        whole = {*plane, image.found.channel}
        first = {axis: frame if axis == image.frame_axis else 0 for axis in range(data.ndim) if axis not in whole}
        region = [(first[k], first[k] + 1) if k in first else (0, int(side)) for k, side in enumerate(data.shape)]
        return read_region(data, source, region).squeeze(tuple(first))


def _chosen(candidates: list[_DataSet]) -> list[_DataSet]:
    """Return the micrographs: what was acquired, rather than computed; one image rather than stacks beside it."""
    fitting = [image for image in candidates if image.fits and not image.found.aside]
    fitting = fitting or [image for image in candidates if image.fits]
    single = [image for image in fitting if image.frames == 1]
    return single if len(single) == 1 else fitting or candidates[:1]


def _not_used(candidates: list[_DataSet], chosen: list[_DataSet]) -> Iterable[str]:
    """Name what else the file holds, kind by kind."""
    kinds: dict[str, list[str]] = {}
    for other in candidates:
        if other not in chosen:
            kinds.setdefault(other.kind(), []).append(other.name())
    for kinds_of, names in kinds.items():
        kind = kinds_of if len(names) > 1 else _ONE.get(kinds_of, kinds_of)
        more = ", …" if len(names) > _MOST_NAMES else ""
        subject = f"{chosen[0].found.label} is the micrograph" if len(chosen) == 1 else "the frames are micrographs"
        yield f"{subject}; {len(names)} {kind} ({', '.join(names[:_MOST_NAMES])}{more}) not used"


def _content(file: h5py.File, source: SourceFile, kind: str, found: list[Found]) -> Content:
    candidates = [_candidate(file, each, source) for each in found]
    chosen = _chosen(candidates)
    first = chosen[0]
    data = data_set(file, first.found.name, source)
    if first.dtype.kind in "biufc":  # others are refused by their type
        check_stored(data, source)
    if len(first.shape) >= 2:
        source.claim(first.shape[-2:] if first.axes[-1] == "x" else first.shape, first.dtype)
    notes = list(_not_used(candidates, chosen)) if first.fits else []
    if data.ndim > len(first.shape) >= 2:
        squeezed = "(y, x, 1)" if data.ndim == 3 and data.shape[-1] == 1 else str(tuple(data.shape))
        notes.append(f"{kind} {squeezed} squeezed")
    if len(chosen) > 1 and all(image.shape == first.shape and image.frames == 1 for image in chosen):
        return _several(source, kind, chosen, notes)
    names = ", ".join(image.found.label for image in chosen[:_MOST_NAMES])
    several = f"holds {len(chosen)} different images ({names}); export the one you mean as TIFF"
    return Content(
        format=kind,
        shape=first.shape,
        dtype=first.dtype,
        load=lambda frame: _load(source, first, frame),
        axes=first.axes if first.kind() != "spectra" else tuple(f"axis {k}" for k in range(len(first.shape))),
        frames=first.frames,
        pixel_size=first.found.calibration.pixel_size,
        energy=first.found.energy,
        cs=first.found.cs,
        instrument=first.found.instrument,
        mode=first.found.mode,
        refusal=first.refusal or (several if len(chosen) > 1 else None),
        notes=(*notes, *first.found.calibration.notes),
    )


def _several(source: SourceFile, kind: str, images: list[_DataSet], notes: list[str]) -> Content:
    """Images of one size, recorded together: frames with names, and a pixel size if they share it."""
    first = images[0].found
    labels = [image.found.label for image in images]
    names = tuple(f"{label} {k}" if labels.count(label) > 1 else label for k, label in enumerate(labels))
    calibration = first.calibration
    if any(image.found.calibration.pixel_size != calibration.pixel_size for image in images):
        calibration = AxisCalibration(notes=("the frames have different pixel sizes; give --pixel-size",))
    return Content(
        format=kind,
        shape=(len(images), *images[0].shape),
        dtype=images[0].dtype,
        load=lambda frame: _load(source, images[frame], 0),
        axes=("frame", "y", "x"),
        frames=len(images),
        frame_names=names,
        pixel_size=calibration.pixel_size,
        energy=first.energy,
        cs=first.cs,
        instrument=first.instrument,
        mode=first.mode,
        notes=(*notes, *calibration.notes),
    )


_LAYOUTS: tuple[tuple[str, Callable[[h5py.File, SourceFile], list[Found]]], ...] = (
    ("Velox EMD", find_velox),
    ("HyperSpy", find_hyperspy),
    ("Digital Micrograph 5", find_gatan),
    ("EMD", find_emd),
    ("HDF5", _any),
)


def describe_hdf5(source: SourceFile) -> Content:
    """Describe the micrograph in an HDF5 file of any of the known layouts."""
    with opened(source) as file:
        for kind, find in _LAYOUTS:
            found = find(file, source)
            if found:
                return _content(file, source, kind, found)
    raise source.error("holds no image; expected Velox, EMD or HyperSpy data, or one array of two dimensions")

"""HDF5: Velox and NCEM .emd, HyperSpy .hspy, and any other file in which one image can be told."""

from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from passband.micrograph.readers.content import Content, Source
from passband.micrograph.readers.hdf5_data import check_stored, read_region
from passband.micrograph.readers.hdf5_emd import find_emd
from passband.micrograph.readers.hdf5_hyperspy import find_hyperspy
from passband.micrograph.readers.hdf5_nodes import Found, data_set, walk
from passband.micrograph.readers.hdf5_velox import find_velox


def _any(file: h5py.File, source: Source) -> list[Found]:
    """Every numeric data set of two or more dimensions, in a file of no known layout."""
    return [
        Found(name=name, label=name, frame_axis=0)
        for name, node in walk(file, source)
        if isinstance(node, h5py.Dataset) and node.ndim >= 2 and node.dtype.kind in "biuf"
    ]


def _load(source: Source, found: Found, frame: int) -> NDArray[Any]:
    with h5py.File(source.path, "r") as file:
        data = data_set(file, found.name, source)
        region = [(0, int(side)) for side in data.shape]
        if data.ndim == 2:
            return read_region(data, source, region)
        axis = 2 if found.frame_axis == 2 else 0
        region[axis] = (frame, frame + 1)
        return read_region(data, source, region).squeeze(axis)


def _layout(shape: tuple[int, ...], found: Found) -> tuple[tuple[int, ...], tuple[str, ...], int]:
    """Shape as (y, x) or (frame, y, x), names of its axes, number of frames."""
    if len(shape) == 3:
        frames = shape[found.frame_axis or 0]
        plane = shape[:2] if found.frame_axis == 2 else shape[1:]
        return (plane, ("y", "x"), 1) if frames == 1 else ((frames, *plane), ("frame", "y", "x"), frames)
    return shape, (("y", "x") if len(shape) == 2 else tuple(f"axis {k}" for k in range(len(shape)))), 1


def _content(file: h5py.File, source: Source, kind: str, images: list[Found]) -> Content:
    acquired = [image for image in images if not image.derived] or images
    first = acquired[0]
    data = data_set(file, first.name, source)
    check_stored(data, source)
    shape, axes, frames = _layout(tuple(int(side) for side in data.shape), first)
    source.claim(shape[-2:], data.dtype)
    notes: list[str] = []
    names: tuple[str, ...] = ()
    if data.ndim == 3 and frames == 1:
        notes.append(f"{kind} (y, x, 1) squeezed" if first.frame_axis == 2 else "single frame squeezed")
    if len(acquired) > 1:
        names = tuple(image.label for image in acquired)
    elif len(images) > 1:
        notes.append(f"{first.label} is the micrograph; {len(images) - 1} maps computed from spectra are not used")
    refusal = first.refusal or first.calibration.refusal
    if len(shape) > 3:
        refusal = (
            first.refusal or f"is {len(shape)}-dimensional {shape} (4D-STEM?), not a micrograph; make an image of it"
        )
    if names and all(data_set(file, image.name, source).shape == data.shape for image in acquired) and frames == 1:
        return _several(source, kind, acquired, shape, data.dtype)
    if names:
        refusal = (
            refusal or f"holds {len(names)} different images ({', '.join(names[:6])}); export the one you mean as TIFF"
        )
    return Content(
        format=kind,
        shape=shape,
        dtype=data.dtype,
        load=lambda frame: _load(source, first, frame),
        axes=axes,
        frames=frames,
        pixel_size=first.calibration.pixel_size,
        energy=first.energy,
        instrument=first.instrument,
        mode=first.mode,
        refusal=refusal,
        notes=(*notes, *first.calibration.notes),
    )


def _several(source: Source, kind: str, images: list[Found], shape: tuple[int, ...], dtype: np.dtype[Any]) -> Content:
    """Images of several detectors, recorded together: frames with names."""
    first = images[0]
    return Content(
        format=kind,
        shape=(len(images), *shape),
        dtype=dtype,
        load=lambda frame: _load(source, images[frame], 0),
        axes=("frame", "y", "x"),
        frames=len(images),
        frame_names=tuple(image.label for image in images),
        pixel_size=first.calibration.pixel_size,
        energy=first.energy,
        instrument=first.instrument,
        mode=first.mode,
        refusal=first.refusal or first.calibration.refusal,
        notes=first.calibration.notes,
    )


def read_hdf5(source: Source) -> Content:
    """Describe the micrograph in an HDF5 file of any of the known layouts."""
    with h5py.File(source.path, "r") as file:
        for kind, reader in (
            ("Velox EMD", find_velox),
            ("HyperSpy", find_hyperspy),
            ("NCEM EMD", find_emd),
            ("HDF5", _any),
        ):
            images = reader(file, source)
            if images:
                return _content(file, source, kind, images)
    raise source.error("holds no image; expected Velox, EMD or HyperSpy data, or one array of two dimensions")

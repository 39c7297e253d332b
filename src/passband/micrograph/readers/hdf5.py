"""HDF5: Velox and NCEM .emd, HyperSpy .hspy, and any other file in which one image can be told."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from passband.micrograph.readers.content import Calibration, Content, Source, beam_energy, calibrate, number, text

_MAX_NODES = 20_000
_MAX_VELOX_TEXT = 2**22
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


def _get(group: Any, *names: str) -> Any:
    """Follow plain links only: a link into another file must not be opened."""
    for name in names:
        if not isinstance(group, h5py.Group) or not isinstance(group.get(name, getlink=True), h5py.HardLink):
            return None
        group = group[name]
    return group


def _children(group: Any) -> list[tuple[str, Any]]:
    names = list(group)[:_MAX_NODES] if isinstance(group, h5py.Group) else []
    return [(name, child) for name in names if (child := _get(group, name)) is not None]


def _attribute(node: Any, name: str) -> Any:
    try:
        value = node.attrs.get(name)
    except (OSError, TypeError, ValueError):
        return None
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _velox_metadata(group: Any, source: Source) -> Mapping[str, Any]:
    """JSON of the first frame, padded with zero bytes."""
    stored = _get(group, "Metadata")
    if not isinstance(stored, h5py.Dataset) or stored.ndim != 2 or stored.shape[0] > _MAX_VELOX_TEXT:
        return {}
    _check(stored, source)
    raw = bytes(np.asarray(stored[:, 0], dtype=np.uint8)).split(b"\0")[0]
    try:
        found = json.loads(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}


def _section(metadata: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        found = metadata.get(name)
        metadata = found if isinstance(found, Mapping) else {}
    return metadata


def _velox(file: h5py.File, source: Source) -> list[Found]:
    images = []
    for name, group in _children(_get(file, "Data", "Image")):
        metadata = _velox_metadata(group, source)
        result, optics = _section(metadata, "BinaryResult"), _section(metadata, "Optics")
        sizes = [number(_section(result, "PixelSize").get(side)) or 0.0 for side in ("height", "width")]
        units = text(result.get("PixelUnitY")), text(result.get("PixelUnitX"))
        instrument = _section(metadata, "Instrument")
        detector = text(result.get("Detector")) or "image"
        images.append(
            Found(
                name=f"Data/Image/{name}/Data",
                label=detector,
                frame_axis=2,
                calibration=calibrate((sizes[0], sizes[1]), units, "the Velox metadata"),
                energy=beam_energy(optics.get("AccelerationVoltage")),
                instrument=text(instrument.get("InstrumentModel")) or text(instrument.get("InstrumentClass")),
                mode={"1": "TEM", "2": "STEM"}.get(str(optics.get("OperatingMode"))),
                derived=detector.startswith("SuperX") or not metadata,
            )
        )
    return images


def _dimension(group: h5py.Group, index: int) -> tuple[float, str | None, str]:
    """Step, unit and name of an NCEM axis, from its first two values."""
    axis = _get(group, f"dim{index}")
    if not isinstance(axis, h5py.Dataset) or axis.ndim != 1 or axis.shape[0] < 2:
        return 1.0, None, ""
    values = np.asarray(axis[:2], dtype=float)
    return float(values[1] - values[0]), text(_attribute(axis, "units")), text(_attribute(axis, "name")) or ""


def _ncem(file: h5py.File, source: Source) -> list[Found]:
    found: list[str] = []

    def visit(name: str, node: Any) -> None:
        if (
            isinstance(node, h5py.Group)
            and _attribute(node, "emd_group_type") is not None
            and _get(node, "data") is not None
        ):
            found.append(name)

    file.visititems(visit)
    voltage = number(_attribute(_get(file, "microscope"), "voltage")) if _get(file, "microscope") is not None else None
    images = []
    for name in found:
        group, data = file[name], _get(file[name], "data")
        if not isinstance(data, h5py.Dataset):
            continue
        steps = [_dimension(group, index + 1) for index in range(data.ndim)]
        (scale_y, unit_y, _), (scale_x, unit_x, _) = steps[-2:] if len(steps) > 1 else ((1.0, None, ""),) * 2
        calibration = calibrate((scale_y, scale_x), (unit_y, unit_x), "the EMD axes")
        images.append(
            Found(
                name=f"{name}/data",
                label=name.rsplit("/", 1)[-1],
                frame_axis=0,
                calibration=calibration,
                refusal=calibration.refusal,
                energy=beam_energy(voltage, kilo=voltage is not None and voltage < 4e3),
                instrument=text(_attribute(_get(file, "microscope"), "name")) if _get(file, "microscope") else None,
            )
        )
    return images


def _hyperspy_axes(group: h5py.Group, ndim: int) -> list[tuple[float, str | None, str, bool]]:
    axes = []
    for index in range(ndim):
        node = _get(group, f"axis-{index}")
        read = (lambda name, node=node: _attribute(node, name)) if node is not None else (lambda _: None)
        scale = number(read("scale"))
        axes.append(
            (1.0 if scale is None else scale, text(read("units")), text(read("name")) or "", bool(read("navigate")))
        )
    return axes


def _hyperspy(file: h5py.File, source: Source) -> list[Found]:
    images = []
    for name, group in _children(_get(file, "Experiments")):
        data = _get(group, "data")
        if not isinstance(data, h5py.Dataset) or data.ndim < 2:
            continue
        axes = _hyperspy_axes(group, data.ndim)
        signals = [axis for axis in axes if not axis[3]]
        plane = axes[-2:]
        calibration = calibrate((plane[0][0], plane[1][0]), (plane[0][1], plane[1][1]), "the HyperSpy axes")
        refusal = calibration.refusal
        if len(signals) == 1:
            refusal = f"is a spectrum image of shape {data.shape}, not a micrograph; sum or slice it first"
        images.append(
            Found(name=f"Experiments/{name}/data", label=name, frame_axis=0, calibration=calibration, refusal=refusal)
            if (known := _hyperspy_instrument(group)) is None
            else Found(
                name=f"Experiments/{name}/data",
                label=name,
                frame_axis=0,
                calibration=calibration,
                refusal=refusal,
                energy=known[0],
                instrument=known[1],
                mode=known[2],
            )
        )
    return images


def _hyperspy_instrument(group: h5py.Group) -> tuple[float | None, str | None, str | None] | None:
    for kind in ("TEM", "SEM"):
        node = _get(group, "metadata", "Acquisition_instrument", kind)
        if node is not None and _attribute(node, "beam_energy") is not None:
            mode = text(_attribute(node, "acquisition_mode")) or kind
            energy = beam_energy(_attribute(node, "beam_energy"), kilo=True)
            return energy, text(_attribute(node, "microscope")), mode if mode in {"TEM", "STEM", "SEM"} else None
    return None


def _any(file: h5py.File, source: Source) -> list[Found]:
    """Every numeric data set of two or more dimensions, in a file of no known layout."""
    found: list[Found] = []

    def visit(name: str, node: Any) -> bool | None:
        if isinstance(node, h5py.Dataset) and node.ndim >= 2 and node.dtype.kind in "biuf":
            found.append(Found(name=name, label=name, frame_axis=0))
        return True if len(found) >= _MAX_NODES else None

    file.visititems(visit)
    return found


def _check(data: h5py.Dataset, source: Source) -> None:
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


def _load(source: Source, found: Found, frame: int) -> NDArray[Any]:
    with h5py.File(source.path, "r") as file:
        data = file[found.name]
        if data.ndim == 2:
            return np.asarray(data[()])
        return np.asarray(data[..., frame] if found.frame_axis == 2 else data[frame])


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
    data = file[first.name]
    _check(data, source)
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
    if names and all(tuple(file[image.name].shape) == tuple(data.shape) for image in acquired) and frames == 1:
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
        for kind, reader in (("Velox EMD", _velox), ("HyperSpy", _hyperspy), ("NCEM EMD", _ncem), ("HDF5", _any)):
            images = reader(file, source)
            if images:
                return _content(file, source, kind, images)
    raise source.error("holds no image; expected Velox, EMD or HyperSpy data, or one array of two dimensions")

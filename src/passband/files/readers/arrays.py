"""NumPy arrays (.npy, .npz) and Panta Rhei (.prz), with their JSON; a pickle in any of them is never loaded."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.lib import format as npy
from numpy.typing import NDArray

from passband.documents import DocumentError, parse_json, read_document
from passband.files.content import Content, axis_names, many_axes
from passband.files.formats import Format, reads
from passband.files.lengths import split_quantity
from passband.files.metadata import AxisCalibration, beam_energy, calibrate, number, text
from passband.files.readers.archives import (
    MAX_MEMBERS,
    Header,
    length,
    open_archive,
    open_member,
    read_frame,
    read_header,
)
from passband.files.source_file import SourceFile
from passband.recipe import PassbandError

_MAX_JSON = 2**22
_SIZE_KEYS = ("pixel_size", "pixelsize", "pixel_size_a", "pixel_size_nm", "pixel_size_pm")


def _sidecar(path: Path) -> Mapping[str, Any]:
    """Return the JSON object in the file of the same stem, or nothing."""
    try:
        found = parse_json(read_document(path.with_suffix(".json"), most=_MAX_JSON), lenient=True)
    except (OSError, DocumentError):
        return {}
    return found if isinstance(found, Mapping) else {}


def _flat(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Lower-case keys of a nested object at any level; the outer ones win."""
    found: dict[str, Any] = {}
    level = [tree]
    while level:
        pairs = [(str(key).lower(), value) for one in level for key, value in one.items()]
        for key, value in pairs:
            if not isinstance(value, Mapping):
                found.setdefault(key, value)
        level = [value for _, value in pairs if isinstance(value, Mapping)]
    return found


def _quantity(value: object, unit: object) -> tuple[float, str] | None:
    """Return number and unit, from a text with both or from two values; None where there is no number."""
    found = split_quantity(str(value))
    return None if found is None else (found[0], found[1] or str(unit or ""))


def _json_calibration(keys: Mapping[str, Any], shape: tuple[int, ...]) -> AxisCalibration:
    """Pixel size from `pixel_size` with a unit, or from the field of view over the number of pixels."""
    for name in _SIZE_KEYS:
        own = {"pm": "pm", "nm": "nm", "a": "Å"}.get(name.rsplit("_", 1)[-1])
        found = _quantity(keys.get(name), own or keys.get("pixel_size_units"))
        if found is not None and not found[1]:
            return AxisCalibration(
                notes=(f"the JSON gives {name}={str(keys[name])[:40]} without a unit, not used; give --pixel-size",)
            )
        if found is not None:
            return calibrate((found[0], found[0]), (found[1], found[1]), "the JSON beside the file")
    unit = keys.get("field_of_view_units")
    fields = [_quantity(keys.get(f"field_of_view_{axis}"), unit) for axis in "yx"]
    if fields[0] and fields[1] and fields[0][1] and fields[1][1] and len(shape) >= 2:
        sides = fields[0][0] / shape[-2], fields[1][0] / shape[-1]
        return calibrate(sides, (fields[0][1], fields[1][1]), "the JSON field of view")
    return AxisCalibration()


def _energy(keys: Mapping[str, Any]) -> float | None:
    written = str(keys.get("voltage") or keys.get("acceleration_voltage") or keys.get("energy") or "").split()
    if len(written) == 1 and written[0].lower().endswith("kv"):
        written = [written[0][:-2], "kv"]
    unit = written[1].lower() if len(written) == 2 else ""
    return beam_energy(written[0], kilo=unit in {"kv", "kev"}) if unit in {"v", "ev", "kv", "kev"} else None


def _mode(keys: Mapping[str, Any]) -> str | None:
    kind = f"{keys.get('experiment_type', '')} {keys.get('acquisition.mode', '')}".upper()
    return next((mode for mode in ("STEM", "SEM", "TEM") if mode in kind), None)


def _dense(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape without axes of one value, as networks want them; the order in memory stays the same."""
    return tuple(shape[axis] for axis in many_axes(shape))


def _dropped(full: tuple[int, ...], shape: tuple[int, ...]) -> tuple[str, ...]:
    return (f"axes of one value dropped: {full} read as {shape}",) if full != shape else ()


def _frames(shape: tuple[int, ...]) -> int:
    return shape[0] if "frame" in axis_names(shape) else 1


@reads(
    Format(
        name="NPY",
        endings=(".npy",),
        marks=(b"\x93NUMPY",),
        pixel_size_from="a JSON file of the same stem: pixel_size with its unit, or the field of view",
        energy_from="the same JSON: voltage or energy with its unit",
        remark="the first of three axes counts frames",
    )
)
def read_npy(source: SourceFile) -> Content:
    """Describe a .npy array, with what the JSON of the same stem says."""
    with source.path.open("rb") as file:
        full, _, dtype = read_header(file, source)
        shape = _dense(full)
        source.claim(shape or (1,), dtype, stored=source.size - file.tell(), limited=len(shape) != 3)
    keys = _flat(_sidecar(source.path))
    calibration = _json_calibration(keys, shape)
    axes, frames = axis_names(shape), _frames(shape)

    def load(frame: int) -> NDArray[Any]:
        with source.path.open("rb") as file:
            return read_frame(file, source, shape, frame if axes[0] == "frame" else None)

    return Content(
        format="NumPy",
        shape=shape,
        dtype=dtype,
        load=load,
        axes=axes,
        frames=frames,
        pixel_size=calibration.pixel_size,
        energy=_energy(keys),
        instrument=text(keys.get("instrument") or keys.get("microscope")),
        mode=_mode(keys),
        refusal=calibration.refusal,
        notes=(*_dropped(full, shape), *calibration.notes),
    )


def _members(archive: zipfile.ZipFile, source: SourceFile) -> dict[str, Header]:
    """Headers of the plain arrays in the archive that may be images."""
    found = {}
    for entry in archive.infolist()[:MAX_MEMBERS]:
        if not entry.filename.endswith(".npy"):
            continue
        with open_member(archive, entry.filename, source) as file:
            try:
                header = read_header(file, source)
            except PassbandError:
                continue  # a pickle: not loaded, the other arrays still are
            if len(header[0]) >= 2:
                source.claim(header[0], header[2], stored=length(entry, source), limited=len(_dense(header[0])) != 3)
                found[entry.filename.removesuffix(".npy")] = header
    return found


def _load_member(source: SourceFile, name: str, shape: tuple[int, ...], frame: int | None) -> NDArray[Any]:
    with open_archive(source) as archive, open_member(archive, f"{name}.npy", source) as file:
        return read_frame(file, source, shape, frame)


def _metadata(source: SourceFile) -> Mapping[str, Any] | None:
    """Return the JSON metadata of Panta Rhei ≥ 24.03; None where the archive has only the older pickled one."""
    with open_archive(source) as archive:
        names = {entry.filename: entry for entry in archive.infolist()}
        entry = names.get("meta_data_json.npy") or names.get("meta_data.npy")
        if entry is None or entry.file_size > _MAX_JSON:
            return {}
        with open_member(archive, entry.filename, source) as file:
            content = file.read(_MAX_JSON)
    try:
        array = npy.read_array(io.BytesIO(content), allow_pickle=False)
        found = parse_json(str(array.reshape(-1)[0]), lenient=True)
    except (ValueError, IndexError):
        return None
    found = found[0] if isinstance(found, list) and found else found
    return found if isinstance(found, Mapping) else {}


def _panta_rhei(metadata: Mapping[str, Any]) -> tuple[AxisCalibration, float | None, str | None]:
    """Calibration, energy and mode; the length of a pixel is `value` × `pixel_factor` (binning and crop)."""
    axes = [axis for axis in metadata.get("device.calib") or [] if isinstance(axis, Mapping)]
    steps = [(number(axis.get("value")) or 0.0) * (number(axis.get("pixel_factor")) or 1.0) for axis in axes]
    units = [text(axis.get("unit")) for axis in axes]
    calibration = AxisCalibration()
    if len(steps) >= 2 and all(steps[:2]):
        calibration = calibrate((steps[1], steps[0]), (units[1], units[0]), "the Panta Rhei metadata")
    mode = text(metadata.get("condenser.mode")) or ("STEM" if metadata.get("source.type") == "scan_generator" else None)
    return calibration, beam_energy(metadata.get("electron_gun.voltage")), mode if mode in {"STEM", "TEM"} else None


@reads(
    Format(
        name="NPZ/PRZ",
        endings=(".npz", ".prz"),
        marks=(b"PK\x03\x04",),
        shared_mark=True,
        pixel_size_from="Panta Rhei's metadata",
        energy_from="Panta Rhei's metadata",
        remark="of several arrays, the one called data; pickled metadata are never loaded",
    )
)
def read_npz(source: SourceFile) -> Content:
    """Describe the one image of a .npz or .prz archive."""
    with open_archive(source) as archive:
        members = _members(archive, source)
    if not members:
        raise source.error("holds no plain array of numbers (a pickle is never loaded); save the image with numpy.save")
    name = "data" if "data" in members else next(iter(members))
    if len(members) > 1 and name != "data":
        raise source.error(
            f"holds {len(members)} arrays ({', '.join(list(members)[:6])}); save the one you mean as .npy"
        )
    full, _, dtype = members[name]
    shape = _dense(full)
    metadata = _metadata(source)
    calibration, energy, mode = _panta_rhei(metadata or {})
    notes = () if metadata is not None else ("its metadata is a pickle, which can run code and is never loaded",)
    axes, frames = axis_names(shape), _frames(shape)
    return Content(
        format="Panta Rhei" if source.path.suffix.lower() == ".prz" else "NumPy archive",
        shape=shape,
        dtype=dtype,
        load=lambda frame: _load_member(source, name, shape, frame if axes[0] == "frame" else None),
        axes=axes,
        frames=frames,
        pixel_size=calibration.pixel_size,
        energy=energy,
        mode=mode,
        refusal=calibration.refusal,
        notes=(*notes, *_dropped(full, shape), *calibration.notes),
    )

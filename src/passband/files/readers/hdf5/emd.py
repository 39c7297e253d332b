"""Open EMD in its dialects: NCEM's, emdfile's (py4DSTEM) and Prismatic's; a marked group with pixels and its axes.

Sources: https://emdatasets.com/format (0.2: `data`, `dim1` …), https://github.com/py4dstem/emdfile (1.0: `dim0` …),
`src/fileIO.cpp` of Prismatic (`realslice`, x before y, angles behind).
"""

import h5py

from passband.files.content import many_axes
from passband.files.lengths import unit_in_angstrom
from passband.files.metadata import beam_energy, calibrate, is_spectral, number, text
from passband.files.readers.hdf5.data import read_region
from passband.files.readers.hdf5.nodes import Found, attribute, hard_linked, image_plane, walk
from passband.files.source_file import SourceFile

_PIXELS = ("data", "realslice", "datacube", "diffractionslice", "counted_datacube")


def _axis(group: h5py.Group, index: int, source: SourceFile) -> tuple[float, str | None]:
    """Step and unit of an axis, from its first two values; axes count from 1, in EMD 1.0 from 0."""
    first = 0 if hard_linked(group, "dim0") is not None else 1
    axis = hard_linked(group, f"dim{index + first}")
    if not isinstance(axis, h5py.Dataset) or axis.size is None or axis.dtype.kind not in "iuf":
        return 1.0, None
    unit = text(attribute(axis, "units"))
    if axis.ndim == 0 or axis.shape[0] < 2 or axis.size != axis.shape[0]:
        return 1.0, unit
    region = ((0, 2), *(((0, 1),) * (axis.ndim - 1)))
    values = read_region(axis, source, region).astype(float).reshape(-1)
    return float(values[1] - values[0]), unit


def _plane(shape: tuple[int, ...], units: list[str | None]) -> tuple[int, int]:
    """Return the two axes that are lengths, if others are not; else the last two."""
    lengths = [axis for axis in many_axes(shape) if unit_in_angstrom(units[axis]) is not None]
    return (lengths[0], lengths[1]) if len(lengths) == 2 else image_plane(shape)


def _marked(file: h5py.File, source: SourceFile) -> list[tuple[str, h5py.Group, h5py.Dataset]]:
    """Path, group and pixels of every group that is marked as EMD, itself or by its data set, or has EMD's axes."""
    found: list[tuple[str, h5py.Group, h5py.Dataset]] = []
    for name, node in walk(file, source):
        pixels = [hard_linked(node, each) for each in _PIXELS] if isinstance(node, h5py.Group) else []
        data = next((each for each in pixels if isinstance(each, h5py.Dataset)), None)
        if data is None:
            continue
        marked = any(attribute(each, "emd_group_type") is not None for each in (node, data))
        if marked or isinstance(hard_linked(node, "dim1"), h5py.Dataset):
            found.append((name, node, data))
    return found


def find_emd(file: h5py.File, source: SourceFile) -> list[Found]:
    """Return the images of the groups that are marked as EMD."""
    microscope = hard_linked(file, "microscope")
    voltage = number(attribute(microscope, "voltage"))
    images = []
    for name, group, data in _marked(file, source):
        shape = tuple(int(side) for side in data.shape)
        plane = None
        axes = [_axis(group, index, source) for index in range(data.ndim)]
        calibration = calibrate((1.0, 1.0), (None, None), "the EMD axes")
        if data.ndim > 1:
            plane = _plane(shape, [unit for _, unit in axes])
            (scale_y, unit_y), (scale_x, unit_x) = (axes[axis] for axis in plane)
            calibration = calibrate((scale_y, scale_x), (unit_y, unit_x), "the EMD axes")
        spectral = any(is_spectral(unit) for _, unit in axes)
        images.append(
            Found(
                name=data.name.lstrip("/"),
                label=name.rsplit("/", 1)[-1],
                plane=plane,
                calibration=calibration,
                refusal=f"holds spectra of shape {shape}, not an image; sum or slice it first" if spectral else None,
                energy=beam_energy(voltage, kilo=voltage is not None and voltage < 4e3),
                instrument=text(attribute(microscope, "name")),
            )
        )
    return images

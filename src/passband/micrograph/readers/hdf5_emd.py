"""EMD of Berkeley's NCEM and its kin: groups marked as EMD, each with `data` and one data set per axis."""

import h5py

from passband.micrograph.readers.content import Source, beam_energy, calibrate, number, text
from passband.micrograph.readers.hdf5_data import read_region
from passband.micrograph.readers.hdf5_nodes import Found, attribute, hard_linked, walk


def _dimension(group: h5py.Group, index: int, source: Source) -> tuple[float, str | None, str]:
    """Step, unit and name of an NCEM axis, from its first two values."""
    axis = hard_linked(group, f"dim{index}")
    if not isinstance(axis, h5py.Dataset) or axis.ndim != 1 or axis.shape[0] < 2 or axis.dtype.kind not in "biuf":
        return 1.0, None, ""
    values = read_region(axis, source, ((0, 2),)).astype(float)
    return float(values[1] - values[0]), text(attribute(axis, "units")), text(attribute(axis, "name")) or ""


def find_emd(file: h5py.File, source: Source) -> list[Found]:
    """Return the images of the groups that are marked as EMD."""
    found = [
        name
        for name, node in walk(file, source)
        if isinstance(node, h5py.Group)
        and attribute(node, "emd_group_type") is not None
        and hard_linked(node, "data") is not None
    ]
    voltage = (
        number(attribute(hard_linked(file, "microscope"), "voltage"))
        if hard_linked(file, "microscope") is not None
        else None
    )
    images = []
    for name in found:
        group, data = file[name], hard_linked(file[name], "data")
        if not isinstance(data, h5py.Dataset):
            continue
        steps = [_dimension(group, index + 1, source) for index in range(data.ndim)]
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
                instrument=text(attribute(hard_linked(file, "microscope"), "name"))
                if hard_linked(file, "microscope")
                else None,
            )
        )
    return images

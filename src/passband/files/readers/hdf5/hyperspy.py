"""HyperSpy .hspy: signals with named axes, which say themselves what is scanned and what is seen."""

import h5py

from passband.files.metadata import beam_energy, calibrate, number, text
from passband.files.readers.hdf5.nodes import Found, attribute, children, hard_linked, image_plane
from passband.files.source_file import SourceFile


def find_hyperspy(file: h5py.File, source: SourceFile) -> list[Found]:
    """Return the signals of a HyperSpy file."""
    images = []
    for name, group in children(hard_linked(file, "Experiments")):
        data = hard_linked(group, "data")
        if not isinstance(data, h5py.Dataset):
            continue
        shape = tuple(int(side) for side in data.shape)
        axes = _axes(group, data.ndim)
        signals = tuple(index for index, axis in enumerate(axes) if not axis[2])
        plane = (signals[0], signals[1]) if len(signals) == 2 else image_plane(shape) if len(shape) > 1 else None
        (scale_y, unit_y, _), (scale_x, unit_x, _) = (
            (axes[axis] for axis in plane) if plane else ((1.0, None, False),) * 2
        )
        energy, instrument, mode = _instrument(group)
        spectra = f"is a spectrum image of shape {shape}, not a micrograph; sum or slice it first"
        images.append(
            Found(
                name=f"Experiments/{name}/data",
                label=name,
                plane=plane,
                calibration=calibrate((scale_y, scale_x), (unit_y, unit_x), "the HyperSpy axes"),
                refusal=spectra if len(signals) == 1 and len(shape) > 1 else None,
                energy=energy,
                instrument=instrument,
                mode=mode,
            )
        )
    return images


def _axes(group: h5py.Group, ndim: int) -> list[tuple[float, str | None, bool]]:
    """Step, unit and whether it is scanned, of every axis."""
    axes = []
    for index in range(ndim):
        node = hard_linked(group, f"axis-{index}")
        scale = number(attribute(node, "scale"))
        axes.append(
            (1.0 if scale is None else scale, text(attribute(node, "units")), bool(attribute(node, "navigate")))
        )
    return axes


def _instrument(group: h5py.Group) -> tuple[float | None, str | None, str | None]:
    for kind in ("TEM", "SEM"):
        node = hard_linked(group, "metadata", "Acquisition_instrument", kind)
        if attribute(node, "beam_energy") is not None:
            mode = text(attribute(node, "acquisition_mode")) or kind
            energy = beam_energy(attribute(node, "beam_energy"), kilo=True)
            return energy, text(attribute(node, "microscope")), mode if mode in {"TEM", "STEM", "SEM"} else None
    return None, None, None

"""HyperSpy .hspy: signals with named axes, which say themselves what is scanned and what is seen."""

import h5py

from passband.micrograph.readers.content import Source, beam_energy, calibrate, number, text
from passband.micrograph.readers.hdf5_nodes import Found, attribute, children, hard_linked


def _hyperspy_axes(group: h5py.Group, ndim: int) -> list[tuple[float, str | None, str, bool]]:
    axes = []
    for index in range(ndim):
        node = hard_linked(group, f"axis-{index}")
        read = (lambda name, node=node: attribute(node, name)) if node is not None else (lambda _: None)
        scale = number(read("scale"))
        axes.append(
            (1.0 if scale is None else scale, text(read("units")), text(read("name")) or "", bool(read("navigate")))
        )
    return axes


def find_hyperspy(file: h5py.File, source: Source) -> list[Found]:
    """Return the signals of a HyperSpy file."""
    images = []
    for name, group in children(hard_linked(file, "Experiments")):
        data = hard_linked(group, "data")
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
        node = hard_linked(group, "metadata", "Acquisition_instrument", kind)
        if node is not None and attribute(node, "beam_energy") is not None:
            mode = text(attribute(node, "acquisition_mode")) or kind
            energy = beam_energy(attribute(node, "beam_energy"), kilo=True)
            return energy, text(attribute(node, "microscope")), mode if mode in {"TEM", "STEM", "SEM"} else None
    return None

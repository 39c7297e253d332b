"""Velox .emd: images of each detector, with the JSON that the microscope wrote beside each frame."""

from collections.abc import Mapping
from typing import Any

import h5py

from passband.documents import DocumentError, parse_json
from passband.files.content import is_complex
from passband.files.metadata import beam_energy, calibrate, number, text
from passband.files.readers.hdf5.data import read_region
from passband.files.readers.hdf5.nodes import Found, children, hard_linked
from passband.files.source_file import SourceFile

_MAX_TEXT = 2**22


def _velox_metadata(group: Any, source: SourceFile) -> Mapping[str, Any]:
    """JSON of the first frame, padded with zero bytes."""
    stored = hard_linked(group, "Metadata")
    if not isinstance(stored, h5py.Dataset) or stored.ndim != 2 or stored.shape[0] > _MAX_TEXT:
        return {}
    if stored.dtype.itemsize != 1 or 0 in stored.shape:
        return {}
    raw = read_region(stored, source, ((0, stored.shape[0]), (0, 1))).tobytes().split(b"\0")[0]
    try:
        found = parse_json(raw, lenient=True)
    except DocumentError:
        return {}
    return found if isinstance(found, Mapping) else {}


def _section(metadata: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        found = metadata.get(name)
        metadata = found if isinstance(found, Mapping) else {}
    return metadata


def find_velox(file: h5py.File, source: SourceFile) -> list[Found]:
    """Return the images of a Velox file."""
    images = []
    for name, group in children(hard_linked(file, "Data", "Image")):
        if not isinstance(hard_linked(group, "Data"), h5py.Dataset):
            continue
        metadata = _velox_metadata(group, source)
        result, optics = _section(metadata, "BinaryResult"), _section(metadata, "Optics")
        sizes = [number(_section(result, "PixelSize").get(side)) or 0.0 for side in ("height", "width")]
        units = text(result.get("PixelUnitY")), text(result.get("PixelUnitX"))
        instrument = _section(metadata, "Instrument")
        detector = text(result.get("Detector")) or "image"
        transform = is_complex(group["Data"].dtype)
        computed = detector.startswith("SuperX") or not metadata
        images.append(
            Found(
                name=f"Data/Image/{name}/Data",
                label=f"FFT of {detector}" if transform else detector,
                plane=(0, 1),
                calibration=calibrate((sizes[0], sizes[1]), units, "the Velox metadata"),
                energy=beam_energy(optics.get("AccelerationVoltage")),
                instrument=text(instrument.get("InstrumentModel")) or text(instrument.get("InstrumentClass")),
                mode={"1": "TEM", "2": "STEM"}.get(str(optics.get("OperatingMode"))),
                aside="Fourier transforms" if transform else "maps computed from spectra" if computed else "",
            )
        )
    return images + _spectra(file)


def _spectra(file: h5py.File) -> list[Found]:
    """Return the other signals, to be named beside the images."""
    refusal = "holds X-ray or energy-loss spectra, not an image; open it in Velox and export the image as TIFF"
    return [
        Found(name=f"Data/{kind}/{name}/Data", label=kind, refusal=refusal, aside="spectra")
        for kind in ("Spectrum", "SpectrumImage", "SpectrumStream", "Line")
        for name, group in children(hard_linked(file, "Data", kind))
        if isinstance(hard_linked(group, "Data"), h5py.Dataset)
    ]

"""Digital Micrograph files that hold spectra, however the tags say it, and images that only look like them."""

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from passband.files.inspection import inspect
from passband.files.reading import read_micrograph
from passband.files.source_file import FormatError


def _name(name: str) -> bytes:
    return struct.pack(">H", len(name)) + name.encode()


def _scalar(name: str, code: int, form: str, value: float) -> bytes:
    return b"\x15" + _name(name) + b"%%%%" + struct.pack(">2I", 1, code) + struct.pack(f"<{form}", value)


def _words(name: str, text: str) -> bytes:
    return b"\x15" + _name(name) + b"%%%%" + struct.pack(">4I", 3, 20, 4, len(text)) + text.encode("utf-16-le")


def _group(name: str, *tags: bytes) -> bytes:
    return b"\x14" + _name(name) + b"\0\0" + struct.pack(">I", len(tags)) + b"".join(tags)


def write_dm3(
    path: Path,
    array: NDArray[np.generic],
    axes: Sequence[tuple[float, str]],
    *,
    datatype: int = 2,
    code: int = 6,
    form: str = "",
    signal: str = "",
    shape: tuple[int, int] | None = None,
    cs: float | None = None,
) -> None:
    """`axes` are (scale, unit) of x, then y."""
    data = b"\x15" + _name("Data") + b"%%%%" + struct.pack(">4I", 3, 20, code, array.size) + array.tobytes()
    sides = _group("Dimensions", *[_scalar("", 5, "I", side) for side in (shape or array.shape)[::-1]])
    dimensions = [_group("", _scalar("Scale", 6, "f", scale), _words("Units", unit)) for scale, unit in axes]
    calibrations = _group("Calibrations", _group("Dimension", *dimensions))
    meta = _group("Meta Data", *[_words(key, text) for key, text in (("Format", form), ("Signal", signal)) if text])
    told = [_scalar("Voltage", 7, "d", 3e5), *([_scalar("Cs(mm)", 7, "d", cs)] if cs is not None else [])]
    info = _group("Microscope Info", *told)
    pixels = _group("ImageData", calibrations, data, _scalar("DataType", 5, "I", datatype), sides)
    image = _group("", pixels, _group("ImageTags", info, meta))
    path.write_bytes(
        struct.pack(">3I", 3, 0, 1) + b"\0\0" + struct.pack(">I", 1) + _group("ImageList", image) + bytes(8)
    )


LINE = np.random.default_rng(0).random((40, 128)).astype("<f4")


@pytest.mark.parametrize(
    ("axes", "form", "signal"),
    [
        ([(0.5, "eV"), (1.2, "nm")], "Spectrum image", "EELS"),
        ([(0.5, "eV"), (1.2, "nm")], "", ""),
        ([(0.0005, "keV"), (1.2, "nm")], "", "X-ray"),
        ([(1.2, "nm"), (0.5, "eV")], "", ""),
        ([(0.5, "eV"), (1.0, "")], "", ""),
        ([(1.0, ""), (1.0, "")], "Spectrum image", "EELS"),
        ([(500.0, "meV"), (1.2, "nm")], "", ""),
    ],
)
def test_lines_of_spectra_are_refused(tmp_path: Path, axes: list[tuple[float, str]], form: str, signal: str) -> None:
    write_dm3(tmp_path / "a.dm3", LINE, axes, form=form, signal=signal)
    described = inspect(tmp_path / "a.dm3")
    assert (described["usable"], described["pixel_size_A"]) == (False, None)
    with pytest.raises(FormatError, match=r"is a line of spectra of shape \(40, 128\), not a micrograph") as caught:
        read_micrograph(tmp_path / "a.dm3")
    assert str(caught.value) == f"{tmp_path / 'a.dm3'}: {described['reason']}"


@pytest.mark.parametrize("form", ["", "Image"])
def test_an_energy_filtered_image_is_an_image(tmp_path: Path, form: str) -> None:
    write_dm3(tmp_path / "a.dm3", LINE, [(0.05, "nm"), (0.05, "nm")], form=form, signal="EELS")
    micrograph = read_micrograph(tmp_path / "a.dm3")
    np.testing.assert_array_equal(micrograph.array, LINE)
    assert micrograph.pixel_size == pytest.approx((0.5, 0.5))
    assert micrograph.energy == 300e3


@pytest.mark.parametrize(("written", "understood"), [(1.2, 1.2e7), (0.0, None), (None, None), (-1.0, None)])
def test_cs_is_read_and_an_empty_field_is_no_cs(
    tmp_path: Path, written: float | None, understood: float | None
) -> None:
    # rejects a Cs of 0 Å from a field that nobody filled in: the focus fitted with it would be wrong in silence
    write_dm3(tmp_path / "a.dm3", LINE, [(0.05, "nm"), (0.05, "nm")], cs=written)
    assert read_micrograph(tmp_path / "a.dm3").cs == (None if understood is None else pytest.approx(understood))


def test_a_wave_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.dm3"
    write_dm3(path, LINE.astype("<c8").view("<f4"), [(0.05, "nm")] * 2, datatype=3, shape=LINE.shape)
    with pytest.raises(FormatError, match="is a complex array"):
        read_micrograph(path)
    assert not inspect(path)["usable"]

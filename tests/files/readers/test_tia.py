"""TIA series without their .emi: what the file alone can tell."""

import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from passband.files.inspection import inspect
from passband.files.reading import read_micrograph
from passband.files.source_file import FormatError

IMAGE = np.arange(24 * 31, dtype=np.uint16).reshape(24, 31)


def write_ser(path: Path, image: NDArray[np.generic], code: int, *, step: float) -> None:
    rows, columns = image.shape
    head = b"II" + struct.pack("<2H4iqi", 0x197, 0x220, 0x4122, 0x4152, 1, 1, 34, 0)
    element = struct.pack("<ddiddihii", 0, step, 0, 0, step, 0, code, columns, rows)
    path.write_bytes(head.ljust(34, b"\0") + struct.pack("<2q", 50, 0) + element + image[::-1].tobytes())


@pytest.mark.parametrize("step", [1.0157e8, 3e6, 1e10])
def test_a_step_in_reciprocal_metres_is_no_pixel_size(tmp_path: Path, step: float) -> None:
    write_ser(tmp_path / "diffraction_1.ser", IMAGE, 2, step=step)
    micrograph = read_micrograph(tmp_path / "diffraction_1.ser")
    assert micrograph.pixel_size is None
    np.testing.assert_array_equal(micrograph.array, IMAGE)
    notes = inspect(tmp_path / "diffraction_1.ser")["notes"]
    assert any("is not believed" in note and "diffraction" in note for note in notes)


def test_a_step_in_metres_is_the_pixel_size(tmp_path: Path) -> None:
    write_ser(tmp_path / "a_1.ser", IMAGE, 2, step=5e-11)
    assert read_micrograph(tmp_path / "a_1.ser").pixel_size == pytest.approx((0.5, 0.5))


@pytest.mark.parametrize(("code", "dtype"), [(9, "c8"), (10, "c16")])
def test_a_wave_is_refused(tmp_path: Path, code: int, dtype: str) -> None:
    write_ser(tmp_path / "wave_1.ser", IMAGE.astype(dtype), code, step=5e-11)
    assert not inspect(tmp_path / "wave_1.ser")["usable"]
    with pytest.raises(FormatError, match="complex array"):
        read_micrograph(tmp_path / "wave_1.ser")

"""The readers against mrcfile and ncempy, on files of instruments and on files that these two write."""

import importlib
import sys
import types
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from passband.files.reading import read_micrograph
from passband.files.source_file import FormatError

mrcfile = pytest.importorskip("mrcfile")

pytestmark = pytest.mark.filterwarnings("ignore")
RNG = np.random.default_rng(0)
METRE = {"m": 1e10, "nm": 10.0, "µm": 1e4}


@pytest.fixture
def ncempy(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Its readers; hdf5plugin, which it imports for Dectris files alone, may be missing."""
    if find_spec("ncempy") is None:
        pytest.skip("ncempy is not installed; it comes with the dev extra")
    if find_spec("hdf5plugin") is None:
        monkeypatch.setitem(sys.modules, "hdf5plugin", types.ModuleType("hdf5plugin"))
    return importlib.import_module("ncempy.io")


@pytest.mark.parametrize(
    "name",
    [
        "atomic_stem/example_Se_implanted_MoS2.dm3",
        "native_formats/digitalmicrograph/2D/test_STEM_image.dm3",
        "native_formats/digitalmicrograph/Fei_HAADF-UK_location.dm3",
        "native_formats/tiff/test_dm_image_um_unit.dm3",
        "stem_misc/particlespy/JEOL_HAADF_Image.dm4",
        "native_formats/tia/new/128x128_TEM_acquire-sum1_1.ser",
        "native_formats/tia/old/03_Scanning_Preview_1.ser",
        "stem_misc/hrstem_example.ser",
    ],
)
def test_files_of_gatan_and_tia_agree_with_ncempy(shared_data: Path, ncempy: Any, name: str) -> None:
    read = ncempy.ser.serReader if name.endswith("ser") else ncempy.dm.dmReader
    theirs = read(str(shared_data / name))
    frames = theirs["data"] if theirs["data"].ndim == 3 else theirs["data"][None]
    sizes = [float(size) * METRE[unit] for size, unit in zip(theirs["pixelSize"], theirs["pixelUnit"], strict=True)]
    for index, frame in enumerate(frames):
        ours = read_micrograph(shared_data / name, frame=index if len(frames) > 1 else None, keep_outliers=True)
        np.testing.assert_array_equal(ours.array, frame)
        assert ours.pixel_size == pytest.approx(sizes[-2:], rel=1e-6)


def test_an_mrc_of_an_instrument_agrees_with_mrcfile(shared_data: Path) -> None:
    path = shared_data / "native_formats/mrc/HAADFscan.mrc"
    with mrcfile.open(path, permissive=True) as theirs:
        ours = read_micrograph(path)
        np.testing.assert_array_equal(ours.array, theirs.data)
        assert ours.pixel_size == pytest.approx((float(theirs.voxel_size.y), float(theirs.voxel_size.x)))


@pytest.mark.parametrize("dtype", ["i1", "i2", "u2", "f2", "f4"])
@pytest.mark.parametrize("shape", [(24, 31), (3, 24, 31)])
@pytest.mark.parametrize("order", ["<", ">"])
def test_what_mrcfile_writes_is_read(tmp_path: Path, dtype: str, shape: tuple[int, ...], order: str) -> None:
    data = (30 * RNG.standard_normal(shape)).astype(order + dtype) if dtype != "u2" else np.ones(shape, order + "u2")
    with mrcfile.new(tmp_path / "a.mrc") as theirs:
        theirs.set_data(data)
        theirs.voxel_size = (0.5, 0.25, 1.0)  # x, y, z
    for frame in range(shape[0]) if len(shape) == 3 else [None]:
        ours = read_micrograph(tmp_path / "a.mrc", frame=frame)
        np.testing.assert_array_equal(ours.array, data if frame is None else data[frame])
        assert ours.pixel_size == pytest.approx((0.25, 0.5))


def test_a_transform_that_mrcfile_writes_is_refused(tmp_path: Path) -> None:
    with mrcfile.new(tmp_path / "a.mrc") as theirs:
        theirs.set_data(np.ones((24, 31), np.complex64))
    with pytest.raises(FormatError, match="is a complex array"):
        read_micrograph(tmp_path / "a.mrc")


def test_what_ncempy_writes_as_emd_is_read(tmp_path: Path, ncempy: Any) -> None:
    data = RNG.integers(0, 1000, (24, 31)).astype(np.uint16)
    theirs = ncempy.emd.fileEMD(str(tmp_path / "a.emd"), readonly=False)
    dims = ((np.arange(24) * 0.05, "y", "[n_m]"), (np.arange(31) * 0.025, "x", "[n_m]"))
    theirs.put_emdgroup("image", data, dims)
    del theirs
    ours = read_micrograph(tmp_path / "a.emd")
    np.testing.assert_array_equal(ours.array, data)
    assert ours.pixel_size == pytest.approx((0.5, 0.25))

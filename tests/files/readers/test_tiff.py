"""TIFF pages whose values fall with brightness: what the note says is what was done."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from passband.files.inspection import inspect
from passband.files.reading import read_micrograph
from passband.files.source_file import FormatError

IMAGE = (1000 + 50 * np.random.default_rng(0).standard_normal((24, 31))).astype(np.uint16)


def _note(path: Path) -> str:
    return next(note for note in inspect(path)["notes"] if "white as zero" in note)


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4"])
def test_unsigned_values_are_inverted(tmp_path: Path, dtype: str) -> None:
    image = (IMAGE // 8).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="miniswhite")
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.tif").array, np.iinfo(dtype).max - image)
    assert _note(tmp_path / "a.tif") == "stored with white as zero; inverted"


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "f2", "f4", "f8"])
def test_signed_and_floating_values_have_no_white_and_stay(tmp_path: Path, dtype: str) -> None:
    image = ((IMAGE.astype(int) - 1000) // 4).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="miniswhite")
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.tif").array, image)
    note = _note(tmp_path / "a.tif")
    assert "kept as they are" in note
    assert "inverted" not in note


def test_black_and_white_bits_are_inverted(tmp_path: Path) -> None:
    image = np.random.default_rng(1).random((24, 32)) > 0.5
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="miniswhite")
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.tif").array, 1 - image.astype(np.uint8))


def test_every_frame_of_a_stack_is_inverted(tmp_path: Path) -> None:
    stack = np.stack([IMAGE, IMAGE // 2])
    tifffile.imwrite(tmp_path / "pages.tif", stack, photometric="miniswhite")
    # as ImageJ writes large stacks: frames behind a single page
    description = "ImageJ=1.53t\nimages=2\nframes=2\n"
    with tifffile.TiffWriter(tmp_path / "hidden.tif") as writer:
        writer.write(IMAGE, photometric="miniswhite", description=description, metadata=None)
    with tifffile.TiffFile(tmp_path / "hidden.tif") as tiff:
        end = tiff.pages[0].dataoffsets[0] + IMAGE.nbytes
    raw = (tmp_path / "hidden.tif").read_bytes()[:end]
    (tmp_path / "hidden.tif").write_bytes(raw + (IMAGE // 2).tobytes())
    for name in ("pages", "hidden"):
        for frame in range(2):
            read = read_micrograph(tmp_path / f"{name}.tif", frame=frame).array
            np.testing.assert_array_equal(read, 65535 - stack[frame])


def test_a_wave_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", IMAGE.astype(np.complex64))
    assert not inspect(tmp_path / "a.tif")["usable"]
    with pytest.raises(FormatError, match="is a complex array"):
        read_micrograph(tmp_path / "a.tif")

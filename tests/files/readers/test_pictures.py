"""PNG pictures of 16 bits in colour or with transparency, of which common programs keep only 8 bits."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from passband.files.inspection import inspect
from passband.files.reading import read_micrograph
from passband.files.source_file import FormatError

DEEP = (1000 + 50 * np.random.default_rng(0).standard_normal((24, 31))).astype(np.uint16)
OPAQUE = np.full_like(DEEP, 65535)


def write_png(path: Path, image: NDArray[np.generic], kind: int, *, bits: int = 16, extra: bytes = b"") -> None:
    """`image` is (y, x, channel); kind 0 grey, 2 RGB, 4 grey and alpha, 6 RGB and alpha."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + row.astype(f">u{bits // 8}").tobytes() for row in image)
    head = struct.pack(">2I5B", image.shape[1], image.shape[0], bits, kind, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("kind", "channels"),
    [(0, [DEEP]), (2, [DEEP] * 3), (4, [DEEP, OPAQUE]), (6, [DEEP, DEEP, DEEP, OPAQUE])],
)
def test_sixteen_bits_of_equal_channels_are_kept(tmp_path: Path, kind: int, channels: list[NDArray[np.uint16]]) -> None:
    write_png(tmp_path / "a.png", np.stack(channels, axis=-1), kind)
    micrograph = read_micrograph(tmp_path / "a.png")
    assert micrograph.array.dtype == np.uint16
    np.testing.assert_array_equal(micrograph.array, DEEP)
    described = inspect(tmp_path / "a.png")
    assert (described["dtype"], described["shape"], described["usable"]) == ("uint16", [24, 31], True)


def test_a_transparent_colour_of_a_deep_png_does_no_harm(tmp_path: Path) -> None:
    mark = struct.pack(">I", 6) + b"tRNS" + bytes(6) + struct.pack(">I", zlib.crc32(b"tRNS" + bytes(6)))
    write_png(tmp_path / "a.png", np.stack([DEEP] * 3, axis=-1), 2, extra=mark)
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.png").array, DEEP)


@pytest.mark.parametrize(("kind", "channels"), [(4, [DEEP, DEEP]), (6, [DEEP] * 4)])
def test_partly_transparent_deep_pictures_are_refused(
    tmp_path: Path, kind: int, channels: list[NDArray[np.uint16]]
) -> None:
    write_png(tmp_path / "a.png", np.stack(channels, axis=-1), kind)
    with pytest.raises(FormatError, match="partly transparent"):
        read_micrograph(tmp_path / "a.png")
    assert not inspect(tmp_path / "a.png")["usable"]


@pytest.mark.parametrize("scale", [1, 40])
def test_colour_is_judged_by_what_the_picture_holds(tmp_path: Path, scale: int) -> None:
    """A dark coloured picture of 16 bits is no grey one, though its channels differ by little of 65,535."""
    write_png(tmp_path / "a.png", np.stack([DEEP, DEEP // 2, DEEP // 3], axis=-1) * scale, 2)
    with pytest.raises(FormatError, match="is a colour picture"):
        read_micrograph(tmp_path / "a.png")


def test_a_coloured_label_in_a_deep_picture_becomes_luminance(tmp_path: Path) -> None:
    picture = np.stack([DEEP] * 3, axis=-1)
    picture[2:4, 3:6] = (2000, 0, 0)
    write_png(tmp_path / "a.png", picture, 2)
    array = read_micrograph(tmp_path / "a.png").array
    assert array[2, 3] == round(0.2126 * 2000)
    np.testing.assert_array_equal(array[5:], DEEP[5:])


@pytest.mark.parametrize("channels", [3, 4])
def test_deep_colour_in_tiff_keeps_its_bits(tmp_path: Path, channels: int) -> None:
    picture = np.stack([DEEP, DEEP, DEEP, OPAQUE][:channels], axis=-1)
    extra = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    tifffile.imwrite(tmp_path / "a.tif", picture, photometric="rgb", **extra)
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.tif").array, DEEP)


def test_a_cut_deep_png_gets_one_line(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", np.stack([DEEP] * 3, axis=-1), 2)
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:600])
    with pytest.raises(FormatError, match="truncated or damaged") as caught:
        read_micrograph(tmp_path / "a.png")
    assert "\n" not in str(caught.value)

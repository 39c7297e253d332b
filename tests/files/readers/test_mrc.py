"""MRC as many programs write it: signs of bytes, packed pixels, both byte orders, marks that are missing."""

import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from passband.files.inspection import inspect
from passband.files.reading import read_micrograph
from passband.files.source_file import FormatError

RNG = np.random.default_rng(3)
BYTES = np.clip(128 + 40 * RNG.standard_normal((30, 41)), 0, 255).astype(np.uint8)
BYTES[0, :2] = 0, 255


def write_mrc(
    path: Path,
    data: NDArray[np.generic],
    mode: int,
    *,
    order: str = "<",
    columns: int | None = None,
    extremes: tuple[float, float] | None = None,
    imod: int | None = None,
    mark: bytes = b"MAP ",
    stamp: bytes | None = None,
) -> None:
    """Write planes (frame, y, x) or one (y, x), with `extremes` in the header and IMOD's flags where given."""
    planes = data if data.ndim == 3 else data[None]
    sections, rows, stored = planes.shape
    head = bytearray(1024)
    columns = columns or stored
    struct.pack_into(f"{order}10i", head, 0, columns, rows, sections, mode, 0, 0, 0, columns, rows, sections)
    struct.pack_into(f"{order}6f", head, 40, columns * 0.5, rows * 0.5, sections, 90, 90, 90)
    low, high = extremes if extremes is not None else (float(np.abs(data).min()), float(np.abs(data).max()))
    struct.pack_into(f"{order}3f", head, 76, low, high, 0.0)
    if imod is not None:
        struct.pack_into(f"{order}2i", head, 152, 1146047817, imod)
    head[208:212] = mark
    head[212:216] = stamp if stamp is not None else (b"\x11\x11\0\0" if order == ">" else b"DD\0\0")
    path.write_bytes(bytes(head) + planes.astype(planes.dtype.newbyteorder(order)).tobytes())


SIGNED = (BYTES.astype(int) - 128).astype(np.int8)
UNKNOWN = (0.0, -1.0)  # MRC2014: a maximum below the minimum is not determined


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("data", "extremes", "imod", "by"),
    [
        (BYTES, (0, 255), 0, "the IMOD stamp"),
        (BYTES, UNKNOWN, 0, "the IMOD stamp"),
        (BYTES, UNKNOWN, 16, "the IMOD stamp"),  # other flags are set, not the one of signed bytes
        (SIGNED, (-128, 127), 1, "the IMOD stamp"),
        (SIGNED, UNKNOWN, 17, "the IMOD stamp"),
        (BYTES, (0, 255), None, "the extremes in the header"),
        (BYTES, (0, 128), None, "the extremes in the header"),
        (SIGNED, (-128, 127), None, "the extremes in the header"),
        (SIGNED, (-1, 100), None, "the extremes in the header"),
        (BYTES, UNKNOWN, None, "the pixels"),
        (SIGNED, UNKNOWN, None, "the pixels"),
        (BYTES, (0, 0), None, "the pixels"),
        (SIGNED, (0, 0), None, "the pixels"),
        (SIGNED, (-300, 300), None, "the pixels"),  # no byte has these extremes
    ],
)
def test_the_sign_of_bytes(
    tmp_path: Path, data: NDArray[np.generic], extremes: tuple[float, float], imod: int | None, by: str, order: str
) -> None:
    write_mrc(tmp_path / "a.mrc", data, 0, extremes=extremes, imod=imod, order=order)
    micrograph = read_micrograph(tmp_path / "a.mrc")
    assert micrograph.array.dtype == data.dtype
    np.testing.assert_array_equal(micrograph.array, data)
    assert any(by in note for note in inspect(tmp_path / "a.mrc")["notes"])


def test_bytes_up_to_127_need_no_remark(tmp_path: Path) -> None:
    write_mrc(tmp_path / "a.mrc", BYTES // 2, 0, extremes=(0, 127))
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.mrc").array, BYTES // 2)
    assert not any("bytes" in note for note in inspect(tmp_path / "a.mrc")["notes"])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("mode", "dtype"), [(1, "i2"), (2, "f4"), (6, "u2"), (12, "f2")])
@pytest.mark.parametrize("stamp", [None, bytes(4)])
def test_every_real_mode_in_both_orders_with_and_without_a_stamp(
    tmp_path: Path, mode: int, dtype: str, order: str, stamp: bytes | None
) -> None:
    stack = (1000 * RNG.standard_normal((3, 5, 7))).astype(dtype)
    write_mrc(tmp_path / "a.mrc", stack, mode, order=order, stamp=stamp)
    for frame in range(3):
        micrograph = read_micrograph(tmp_path / "a.mrc", frame=frame)
        np.testing.assert_array_equal(micrograph.array, stack[frame])
        assert micrograph.pixel_size == (0.5, 0.5)


@pytest.mark.parametrize("columns", [6, 7])
def test_two_pixels_in_a_byte(tmp_path: Path, columns: int) -> None:
    stack = RNG.integers(0, 16, (2, 5, columns)).astype(np.uint8)
    even = np.pad(stack, ((0, 0), (0, 0), (0, columns % 2)))
    write_mrc(tmp_path / "a.mrc", even[..., ::2] | even[..., 1::2] << 4, 101, columns=columns)
    for frame in range(2):
        np.testing.assert_array_equal(read_micrograph(tmp_path / "a.mrc", frame=frame).array, stack[frame])


@pytest.mark.parametrize(("mode", "data"), [(3, np.zeros((4, 6), "i4")), (4, np.zeros((4, 6), "c8"))])
def test_transforms_are_refused(tmp_path: Path, mode: int, data: NDArray[np.generic]) -> None:
    write_mrc(tmp_path / "a.mrc", data, mode)
    with pytest.raises(FormatError, match="complex array"):
        read_micrograph(tmp_path / "a.mrc")
    assert not inspect(tmp_path / "a.mrc")["usable"]


@pytest.mark.parametrize("suffix", [".mrc", ".mrcs", ".st", ".rec", ".ali"])
def test_the_mark_may_be_missing(tmp_path: Path, suffix: str) -> None:
    stack = RNG.standard_normal((3, 5, 7)).astype("f4")
    write_mrc(tmp_path / f"a{suffix}", stack, 2, mark=bytes(4), stamp=bytes(4))
    np.testing.assert_array_equal(read_micrograph(tmp_path / f"a{suffix}", frame=2).array, stack[2])

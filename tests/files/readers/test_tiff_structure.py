"""TIFF that lies: endless chains, tags of gigabytes, strips that unpack to more than they promise."""

import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

from passband.files.inspection import inspect
from passband.files.reading import read_micrograph
from passband.files.source_file import FormatError

RNG = np.random.default_rng(5)
Tag = tuple[int, int, int, int]  # code, type, count, value or offset


def page(at: int, tags: list[Tag], following: int, *, order: str = "<", big: bool = False) -> bytes:
    counted, entry, pointer = ("Q", "HHQQ", "Q") if big else ("H", "HHII", "I")
    data = struct.pack(order + counted, len(tags))
    for code, kind, count, value in sorted(tags):
        if count == 1 and order == ">":  # a short number lies at the left of its field
            value <<= {3: 16, 4: 0}[kind] + 32 * big
        data += struct.pack(order + entry, code, kind, count, value)
    assert at >= 8
    return data + struct.pack(order + pointer, following)


def head(first: int, *, order: str = "<", big: bool = False) -> bytes:
    mark = b"II" if order == "<" else b"MM"
    return mark + (struct.pack(order + "3HQ", 43, 8, 0, first) if big else struct.pack(order + "HI", 42, first))


def tags(
    columns: int = 8, rows: int = 8, *, at: int = 4000, count: int = 64, compression: int = 1, **more: int
) -> list[Tag]:
    found: dict[int, Tag] = {
        256: (256, 4, 1, columns), 257: (257, 4, 1, rows), 258: (258, 3, 1, 8), 259: (259, 3, 1, compression),
        262: (262, 3, 1, 1), 273: (273, 4, 1, 4000), 277: (277, 3, 1, 1), 278: (278, 4, 1, more.get("strip", rows)),
        279: (279, 4, 1, count),
    }  # fmt: skip
    return list(found.values())


def chain(*places: int, order: str = "<", big: bool = False, end: int = 0) -> bytes:
    """Pages at these places, each leading to the next and the last one to `end`."""
    data = bytearray(8192)
    data[: len(head(0, big=big))] = head(places[0], order=order, big=big)
    for place, following in zip(places, [*places[1:], end], strict=True):
        one = page(place, tags(), following, order=order, big=big)
        data[place : place + len(one)] = one
    return bytes(data)


def refused(path: Path, said: str, most: float = 8e6) -> None:
    lines = []
    for read in (read_micrograph, inspect):
        tracemalloc.start()
        try:
            with pytest.raises(FormatError, match=said) as caught:
                read(path)
            assert tracemalloc.get_traced_memory()[1] < most
        finally:
            tracemalloc.stop()
        lines.append(str(caught.value))
    assert lines[0] == lines[1]
    assert "\n" not in lines[0]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("places", [(100,), (100, 400), (1000, 400, 700)])
def test_chains_that_go_round_are_refused_and_others_read(tmp_path: Path, places: Any, big: bool, order: str) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(chain(*places, order=order, big=big))
    assert inspect(path)["frames"] == len(places)
    for back in places:
        path.write_bytes(chain(*places, order=order, big=big, end=back))
        refused(path, f"next one is the earlier one at byte {back}")
    path.write_bytes(chain(*places, order=order, big=big, end=8190))
    refused(path, "has a page at byte 8190 of 8192; it is truncated")


def test_no_more_pages_than_a_movie_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("passband.files.readers.tiff.structure._MAX_PAGES", 5)
    (tmp_path / "a.tif").write_bytes(chain(*range(1000, 6000, 1000)))
    assert inspect(tmp_path / "a.tif")["frames"] == 5
    (tmp_path / "a.tif").write_bytes(chain(*range(1000, 7000, 1000)))
    refused(tmp_path / "a.tif", "has more than 5 pages")


def with_tag(*extra: Tag, size: int = 8192, big: bool = False) -> bytes:
    data = bytearray(size)
    data[: len(head(0, big=big))] = head(100, big=big)
    one = page(100, [*tags(), *extra], 0, big=big)
    data[100 : 100 + len(one)] = one
    return bytes(data)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ((270, 2, 2**31, 500), r"a tag \(270\) of 2147483648 bytes at byte 500 of 8192"),
        ((65000, 12, 2**29, 500), r"a tag \(65000\) of 4294967296 bytes"),
        ((65000, 3, 5000, 500), r"a tag \(65000\) of 10000 bytes"),
        ((330, 4, 2**30, 500), r"a tag \(330\)"),
        ((34665, 99, 2**31, 500), r"a tag \(34665\)"),
    ],
)
def test_tags_longer_than_the_file_are_refused(tmp_path: Path, tag: Tag, said: str, big: bool) -> None:
    (tmp_path / "a.tif").write_bytes(with_tag(tag, big=big))
    refused(tmp_path / "a.tif", said)


def test_counts_of_bigtiff_are_numbers_of_64_bits(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(with_tag((270, 2, 2**62, 500), big=True))
    refused(tmp_path / "a.tif", r"a tag \(270\) of 4611686018427387904 bytes")
    data = bytearray(with_tag(big=True))
    data[100:108] = struct.pack("<Q", 2**60)
    (tmp_path / "a.tif").write_bytes(data)
    refused(tmp_path / "a.tif", "has a page of 1152921504606846976 tags")


def test_tags_of_millions_of_numbers_are_refused_though_the_file_has_them(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(with_tag((65000, 3, 2**20 + 1, 500), size=2**22))
    refused(tmp_path / "a.tif", "of 1048577 values, more than any microscope writes")
    with (tmp_path / "b.tif").open("wb") as file:
        file.write(with_tag((270, 2, 2**26 + 1, 500)))
        file.truncate(2**27)
    refused(tmp_path / "b.tif", r"a tag \(270\) of 67108865 values")


def one_strip(content: bytes, compression: int, columns: int = 64, rows: int = 64, **more: int) -> bytes:
    data = bytearray(4000)
    data[:8] = head(100)
    one = page(100, tags(columns, rows, count=len(content), compression=compression, **more), 0)
    data[100 : 100 + len(one)] = one
    return bytes(data) + content


def jpeg(rows: int, columns: int) -> bytes:
    """A small JPEG stream whose header claims another size."""
    stream = bytearray(imagecodecs.jpeg8_encode(np.full((16, 16), 7, "u1")))
    at = next(k for k in range(len(stream)) if stream[k] == 0xFF and stream[k + 1] in (0xC0, 0xC1, 0xC2))
    stream[at + 5 : at + 9] = struct.pack(">2H", rows, columns)
    return bytes(stream)


BOMBS: dict[str, tuple[bytes, str]] = {
    "deflate": (one_strip(zlib.compress(bytes(2 * 10**8)), 8), "cannot be read"),
    "old deflate": (one_strip(zlib.compress(bytes(2 * 10**8)), 32946), "cannot be read"),
    "zstd": (one_strip(imagecodecs.zstd_encode(bytes(2 * 10**8)), 50000), "cannot be read"),
    "jpeg": (one_strip(jpeg(65500, 65500), 7), "a JPEG stream of 65500 × 65500 × 1 for a piece of 64 × 64 × 1"),
    "jpeg, wide": (one_strip(jpeg(1, 65), 7), "a JPEG stream of 1 × 65 × 1"),
    "jpeg without a size": (one_strip(b"\xff\xd8\xff\xda" + bytes(64), 7), "without a size"),
    "jpeg without rows": (one_strip(jpeg(0, 64), 7), "without a size"),
    "no jpeg": (one_strip(b"nonsense" * 9, 7), "without a size"),
    "endless jpeg header": (one_strip(b"\xff\xd8" + b"\xff\xe1\0\2" * 5000, 7), "without a size"),
    "jpeg 2000": (one_strip(bytes(64), 34712), "is compressed with APERIO_JP2000|is compressed with J"),
    "webp": (one_strip(bytes(64), 50001), "is compressed with WEBP"),
    "jpeg xl": (one_strip(bytes(64), 50002), "is compressed with JPEGXL"),
    "unknown": (one_strip(bytes(64), 54321), "is compressed with|cannot be read"),
    "one strip of gigabytes": (
        one_strip(zlib.compress(bytes(3 * 10**7)), 8, 30000, 30000),
        "in one strip, above the limit",
    ),
    "strips that are not there": (one_strip(zlib.compress(bytes(64)), 8, 64, 64, strip=1), "has 1 strips of 64"),
    "rows that are not there": (
        one_strip(zlib.compress(bytes(64 * 64)), 8, 64, 2**31, strip=2**32 - 1),
        "promises|limit",
    ),
}


@pytest.mark.parametrize(("content", "said"), BOMBS.values(), ids=BOMBS)
def test_strips_that_unpack_to_more_are_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.tif").write_bytes(content)
    refused(tmp_path / "a.tif", said)


def test_a_stream_that_is_cut_off_at_the_promised_length_is_an_image(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(one_strip(imagecodecs.lzma_encode(bytes(2 * 10**7)), 34925))
    tracemalloc.start()
    try:
        assert read_micrograph(tmp_path / "a.tif").array.shape == (64, 64)
        assert tracemalloc.get_traced_memory()[1] < 8e6
    finally:
        tracemalloc.stop()


def test_an_image_among_the_jpeg_tables_is_refused(tmp_path: Path) -> None:
    stream = jpeg(65500, 65500)
    data = bytearray(one_strip(imagecodecs.jpeg8_encode(np.zeros((64, 64), "u1")), 7))
    assert len(stream) < 1500
    data[2000 : 2000 + len(stream)] = stream
    one = page(100, [*tags(64, 64, count=len(data) - 4000, compression=7), (347, 7, len(stream), 2000)], 0)
    data[100 : 100 + len(one)] = one
    (tmp_path / "a.tif").write_bytes(data)
    refused(tmp_path / "a.tif", "an image among its JPEG tables")


@pytest.mark.parametrize("side", [2**15, 2**31 - 16])
def test_tiles_far_above_the_image_are_refused(tmp_path: Path, side: int) -> None:
    packed = zlib.compress(bytes(10**6))
    found = [one for one in tags(64, 64, compression=8) if one[0] not in (273, 278, 279)]
    found += [(322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, 4000), (325, 4, 1, len(packed))]
    data = bytearray(4000)
    data[:8] = head(100)
    one = page(100, found, 0)
    data[100 : 100 + len(one)] = one
    (tmp_path / "a.tif").write_bytes(bytes(data) + packed)
    refused(tmp_path / "a.tif", "in one tile, above the limit|above the limit of 2147483648")


WRITTEN: dict[str, dict[str, Any]] = {
    "plain": {},
    "big-endian": {"byteorder": ">"},
    "bigtiff": {"bigtiff": True},
    "deflate": {"compression": "zlib", "rowsperstrip": 7},
    "deflate, predicted": {"compression": "zlib", "predictor": True, "tile": (32, 48)},
    "lzw": {"compression": "lzw", "byteorder": ">"},
    "packbits": {"compression": "packbits"},
    "zstd": {"compression": "zstd", "tile": (16, 16)},
    "lzma": {"compression": "lzma"},
}


@pytest.mark.parametrize("options", WRITTEN.values(), ids=WRITTEN)
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "i2"])
def test_honest_files_are_read(tmp_path: Path, options: dict[str, Any], dtype: str) -> None:
    image = RNG.integers(0, 120, (70, 90)).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", image, **options)
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.tif", keep_outliers=True).array, image)


@pytest.mark.parametrize("options", [{"rowsperstrip": 16}, {"tile": (64, 64)}, {}])
def test_honest_jpeg_is_read(tmp_path: Path, options: dict[str, Any]) -> None:
    image = np.add.outer(np.arange(70), np.arange(90)).astype("u1")
    tifffile.imwrite(tmp_path / "a.tif", image, compression="jpeg", compressionargs={"level": 95}, **options)
    found = read_micrograph(tmp_path / "a.tif", keep_outliers=True).array
    assert np.abs(found.astype(int) - image).max() < 8


def test_colours_in_planes_are_counted(tmp_path: Path) -> None:
    image = np.repeat(RNG.integers(0, 255, (1, 70, 90)), 3, axis=0).astype("u1")
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="rgb", planarconfig="separate", compression="zlib")
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.tif", keep_outliers=True).array, image[0])


def test_a_long_movie_is_read_in_time_that_grows_with_its_length(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for number in range(2000):
            writer.write(np.full((8, 8), number % 251, "u1"), contiguous=False, metadata=None)
    assert inspect(tmp_path / "a.tif")["frames"] == 2000
    assert int(read_micrograph(tmp_path / "a.tif", frame=1999).array[0, 0]) == 1999 % 251

"""Arrays, archives, tag trees, pictures and names that are no files: bounded before anything is unpacked."""

import contextlib
import io
import json
import os
import re
import socket
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from passband.commands.terminal.quantities import angle, signed_length
from passband.files.formats import readable_endings
from passband.files.inspection import inspect
from passband.files.lengths import parse_length
from passband.files.reading import read_micrograph
from passband.files.source_file import FormatError
from passband.recipe import PassbandError


def refused(path: Path, said: str, most: float = 8e6) -> None:
    """Both doors answer with the same one line, and hardly any memory was asked for."""
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
    assert re.sub("0x[0-9a-f]+", "", lines[0]) == re.sub("0x[0-9a-f]+", "", lines[1])
    assert "\n" not in lines[0]
    assert len(lines[0]) < 600


# names that are no regular files


def fifo(path: Path) -> None:
    os.mkfifo(path)


def bound(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("suffix", [*sorted(readable_endings()), ""])
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (fifo, r"is a named pipe \(FIFO\); name a regular file"),
        (bound, "is a socket"),
        (device, "is a device"),
        (Path.mkdir, "folder|directory"),
        (lambda path: path.symlink_to("nowhere"), "No such file"),
        (lambda path: path.symlink_to(path.name), "cannot be opened"),
    ],
    ids=["pipe", "socket", "device", "folder", "dangling link", "link to itself"],
)
def test_a_name_that_is_no_file_gets_one_line_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, make: Callable[[Path], None], said: str
) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    path = Path(f"x{suffix}")
    make(path)
    refused(path, said)


def test_companions_that_are_pipes_do_not_wait(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((4, 4), "u1"))
    os.mkfifo(tmp_path / "a.json")
    assert inspect(tmp_path / "a.npy")["usable"]
    (tmp_path / "b.emi").write_bytes(b"JK" + bytes(100))
    os.mkfifo(tmp_path / "b_1.ser")
    refused(tmp_path / "b.emi", r"b_1\.ser is a named pipe")


# NumPy


def npy_file(shape: str, dtype: str = "<u2", *, order: bool = False, length: int | None = None) -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': {order}, 'shape': {shape}}}".encode()
    return b"\x93NUMPY\2\0" + struct.pack("<I", len(text) if length is None else length) + text


NPY = {
    "a header of gigabytes": (npy_file("(4, 4)", length=2**32 - 1), "a NumPy header of 4294967295 bytes"),
    "a header of megabytes": (npy_file("(4, 4)", length=2**22) + b" " * 2**22, "a NumPy header of 4194304 bytes"),
    "sides of thousands of digits": (npy_file(f"({'9' * 3000}, 4)"), "more than 10²⁰ × 4|cannot be read"),
    "a side above 64 bits": (npy_file(f"({2**70}, 1)"), "more than 10²⁰ × 1 pixels"),
    "negative sides": (npy_file("(-4, -4)"), "empty or damaged"),
    "a side of zero": (npy_file("(0, 4)"), "empty or damaged"),
    "no tuple": (npy_file("4"), "cannot be read"),
    "deep brackets": (npy_file("(" * 3000 + ")" * 3000), "cannot be read"),
    "code": (npy_file("__import__('os').getcwd()"), "cannot be read"),
    "a wide type": (npy_file("(4, 4)", f"<U{2**28}"), "not numbers"),
    "objects": (npy_file("(4, 4)", "|O"), "pickled Python objects"),
    "an unknown version": (b"\x93NUMPY\7\0" + bytes(64), "cannot be read"),
    "a stack of a frame too many": (npy_file("(3, 4, 4)") + bytes(95), "but the file holds 95"),
    "a cut header": (b"\x93NUMPY\1\0\x80", "cannot be read"),
}


@pytest.mark.parametrize(("content", "said"), NPY.values(), ids=NPY)
def test_headers_of_arrays_that_lie(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    refused(tmp_path / "a.npy", said)


@pytest.mark.parametrize("packed", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_one_frame_of_a_large_stack_is_all_that_is_kept(
    tmp_path: Path, order: str, packed: Callable[..., None]
) -> None:
    stack = np.asarray(np.arange(80 * 200 * 300).reshape(80, 200, 300) % 65521, "u2", order=order)  # type: ignore[call-overload]
    np.save(tmp_path / "a.npy", stack)
    packed(tmp_path / "b.npz", a=stack)
    for name in ("a.npy", "b.npz"):
        for frame in (0, 17, 79):
            tracemalloc.start()
            try:
                array = read_micrograph(tmp_path / name, frame=frame, keep_outliers=True).array
                assert tracemalloc.get_traced_memory()[1] < 6e6  # the stack has 9.6 MB
            finally:
                tracemalloc.stop()
            np.testing.assert_array_equal(array, stack[frame])


def test_arrays_of_either_order_are_read_alike(tmp_path: Path) -> None:
    image = np.arange(35, dtype=">f4").reshape(5, 7)
    for number, array in enumerate((image, np.asfortranarray(image))):
        np.save(tmp_path / f"{number}.npy", array)
        np.testing.assert_array_equal(read_micrograph(tmp_path / f"{number}.npy").array, image)


# archives


def archive(members: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def with_false_size(content: bytes) -> bytes:
    """Say in every directory of an archive that its members have 4 × 10⁹ bytes."""
    data = bytearray(content)
    for mark, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        at = data.find(mark)
        data[at + offset : at + offset + 4] = struct.pack("<I", 4 * 10**9)
    return bytes(data)


ARCHIVES = {
    "a header of gigabytes": (archive({"a.npy": npy_file("(4, 4)", length=2**31) + bytes(10**7)}), "no plain array"),
    "an array of gigabytes": (archive({"a.npy": npy_file("(65536, 65536)") + bytes(10**7)}), "promises 65536 × 65536"),
    "a false size": (with_false_size(archive({"a.npy": npy_file("(40000, 40000)", "|u1") + bytes(10**6)})),
                     "cannot be read|but the file holds"),
    "bzip2": (archive({"a.npy": npy_file("(4, 4)") + bytes(10**7)}, zipfile.ZIP_BZIP2), "in an unusual way"),
    "lzma": (archive({"a.npy": npy_file("(4, 4)") + bytes(10**7)}, zipfile.ZIP_LZMA), "in an unusual way"),
    "a long table of contents": (archive({f"{'n' * 200}{k}": b"" for k in range(5000)}), "more than a megabyte"),
    "no array": (archive({"a.txt": b""}), "holds no plain array"),
    "a cut end": (archive({"a.npy": npy_file("(4, 4)") + bytes(32)})[:-30], "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "said"), ARCHIVES.values(), ids=ARCHIVES)
def test_archives_that_lie(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    refused(tmp_path / "a.npz", said)


# what stands beside an array


@pytest.mark.parametrize(
    "value",
    [
        "1x" + " " * 60_000 + "y",
        "1" + " " * 60_000 + "nm x",
        "9" * 60_000,
        "1" + "&#9;" * 20_000,
        "1/" * 30_000,
        "(" * 60_000,
    ],
)
def test_long_texts_are_no_lengths(tmp_path: Path, value: str) -> None:
    np.save(tmp_path / "a.npy", np.arange(16.0).reshape(4, 4))
    (tmp_path / "a.json").write_text(json.dumps({"pixel_size": value, "field_of_view_y": value}))
    found = inspect(tmp_path / "a.npy")
    assert found["usable"]
    assert found["pixel_size_A"] is None
    assert all(len(note) < 300 for note in found["notes"])
    for parse in (parse_length, lambda text: signed_length(text, "c10"), lambda text: angle(text, "phi")):
        with pytest.raises(PassbandError) as caught:
            parse(value)
        assert len(str(caught.value)) < 300
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", ["9" * 400, "9" * 5000, "NaN", "1e999", "-Infinity"])
@pytest.mark.parametrize("key", ["pixel_size_nm", "voltage", "field_of_view_x"])
def test_numbers_that_are_none_cost_only_themselves(tmp_path: Path, key: str, number: str) -> None:
    np.save(tmp_path / "a.npy", np.arange(16.0).reshape(4, 4))
    (tmp_path / "a.json").write_text(f'{{"{key}": {number}, "instrument": "known"}}')
    found = inspect(tmp_path / "a.npy")
    assert (found["usable"], found["pixel_size_A"], found["instrument"]) == (True, None, "known")


def test_nested_keys_are_flattened_in_linear_time(tmp_path: Path) -> None:
    """The square of 60,000 small tables would be billions of steps."""
    np.save(tmp_path / "a.npy", np.arange(16.0).reshape(4, 4))
    inner = {str(number): {f"k{number}": number} for number in range(60_000)}
    text = {"b": {"pixel_size": "3 nm", "microscope": "inner"}, **inner, "pixel_size": "2 nm"}
    (tmp_path / "a.json").write_text(json.dumps(text))
    found = inspect(tmp_path / "a.npy")
    assert (found["pixel_size_A"], found["instrument"]) == ([20.0, 20.0], "inner")


# tag trees


def dm(tags: bytes, count: int) -> bytes:
    return struct.pack(">3i", 3, 0, 1) + b"\0\0" + struct.pack(">I", count) + tags


def test_too_many_tags_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("passband.files.readers.gatan._MAX_TAGS", 1000)
    tag = b"\x15\0\0%%%%" + struct.pack(">2I", 1, 10) + b"x"
    (tmp_path / "a.dm3").write_bytes(dm(tag * 1001, 1001))
    refused(tmp_path / "a.dm3", "more than 1000 tags")


def test_long_texts_in_tags_are_refused(tmp_path: Path) -> None:
    text = b"\x15\0\1t%%%%" + struct.pack(">3I", 2, 18, 2**15) + b"a\0" * 2**15
    (tmp_path / "a.dm3").write_bytes(dm(text * 1100, 1100))
    refused(tmp_path / "a.dm3", "67108864 bytes in them", 100e6)


def jeol(entries: bytes) -> bytes:
    return (struct.pack("<I", 52) + b"JED-").ljust(44, b"\0") + struct.pack("<I", 36) + entries


def test_a_large_jeol_file_is_not_read_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = b"\1" + struct.pack("<I", 4) + b"abc\0" + struct.pack("<2I", 1, 5 * 10**7) + bytes(5 * 10**7) + b"\0"
    (tmp_path / "a.img").write_bytes(jeol(entry))
    refused(tmp_path / "a.img", "no image or no instrument")
    small = b"\1" + struct.pack("<I", 1) + b"\0" + struct.pack("<2I", 1, 0) + b"\0"
    (tmp_path / "b.img").write_bytes(jeol(small * 1001))
    monkeypatch.setattr("passband.files.readers.jeol._MAX_ENTRIES", 1000)
    refused(tmp_path / "b.img", "more than 1000 entries")


def test_a_series_of_millions_of_images_is_refused(tmp_path: Path) -> None:
    count = 300_000
    head = b"II" + struct.pack("<2H4iqi", 0x197, 0x220, 0x4122, 0x4152, count, count, 50, 0)
    (tmp_path / "a.ser").write_bytes(head.ljust(50, b"\0") + bytes(8 * count))
    refused(tmp_path / "a.ser", "holds 300000 images")


def test_a_description_without_end_is_none(tmp_path: Path) -> None:
    """A pattern that searches the end anew from each beginning takes the square of their number."""
    head = b"II" + struct.pack("<2H4iqi", 0x197, 0x220, 0x4122, 0x4152, 1, 1, 34, 0)
    element = struct.pack("<ddiddihii", 0, 1e-9, 0, 0, 1e-9, 0, 1, 4, 4) + bytes(16)
    (tmp_path / "a_1.ser").write_bytes(head.ljust(34, b"\0") + struct.pack("<2q", 50, 0) + element)
    (tmp_path / "a.emi").write_bytes(b"JK" + b"<ObjectInfo>" * 10**6)
    assert inspect(tmp_path / "a_1.ser")["energy_eV"] is None


# pictures


def png(columns: int, rows: int, *chunks: tuple[bytes, bytes], colour: int = 0, depth: int = 8) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">2I5B", columns, rows, depth, colour, 0, 0, 0))
    body = zlib.compress((b"\0" + bytes(columns)) * min(rows, 64))
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + b"".join(chunk(*one) for one in chunks)
        + chunk(b"IDAT", body)
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("name", [b"zTXt", b"iTXt", b"iCCP"])
def test_texts_and_profiles_of_pictures_are_no_bombs(tmp_path: Path, name: bytes) -> None:
    flags = {b"zTXt": b"k\0\0", b"iTXt": b"k\0\1\0\0\0", b"iCCP": b"k\0\0"}[name]
    bomb = zlib.compress(bytes(10**8))
    (tmp_path / "a.png").write_bytes(png(8, 8, (name, flags + bomb)))
    tracemalloc.start()
    try:
        with contextlib.suppress(FormatError):  # Pillow may call it an image without that text, or none
            assert read_micrograph(tmp_path / "a.png").array.shape == (8, 8)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_an_animation_is_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [Image.fromarray(np.full((4, 4), number % 256, "u1")) for number in range(300)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(FormatError, match="is an animation; save the frame you mean as PNG"):
        read_micrograph(tmp_path / "a.gif")
    monkeypatch.setattr("PIL.GifImagePlugin.GifImageFile.n_frames", property(pytest.fail))
    assert "is an animation" in inspect(tmp_path / "a.gif")["reason"]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16", "CMYK"])
def test_strips_of_pictures_are_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setattr("passband.files.readers.pictures._STRIP", 700)
    grey = Image.fromarray(np.arange(50 * 90, dtype="u4").reshape(50, 90).astype("u2" if mode == "I;16" else "u1"))
    picture = (
        grey if mode == "I;16" else grey.convert("RGB").convert(mode) if mode in ("P", "CMYK") else grey.convert(mode)
    )
    if mode == "P":
        picture = grey.copy()
        picture.putpalette([level // 3 for level in range(768)])
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    picture.save(path)
    with Image.open(path) as whole:
        expected = np.asarray(whole.convert("RGB") if mode in ("P", "CMYK") else whole)
    found = read_micrograph(path, keep_outliers=True).array
    np.testing.assert_array_equal(found, expected if expected.ndim == 2 else expected[..., 0])


def test_a_large_colour_jpeg_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("passband.files.readers.pictures._LARGEST_COLOUR_JPEG", 100)
    Image.new("RGB", (11, 10)).save(tmp_path / "a.jpg")
    Image.new("L", (11, 10)).save(tmp_path / "b.jpg")
    refused(tmp_path / "a.jpg", "is a colour JPEG of 10 × 11 pixels")
    assert read_micrograph(tmp_path / "b.jpg").array.shape == (10, 11)

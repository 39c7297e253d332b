"""Memory of a reading process, for files that lie and for large honest ones: at most twice the image and 0.5 GB."""

import json
import math
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

SPARE = 0.5e9  # bytes, the interpreter and its libraries included
OWN = SPARE / 2  # what is taken of it whatever the size of the image; the rest is for larger ones
SIDE = 4096
BOMB = zlib.compress(bytes(8 * 10**8), 1)
# The peak of one file is told from those before it: Linux forgets it where it is asked to.
CHILD = """
import json, resource, sys
from pathlib import Path
from passband.files.inspection import inspect
from passband.files.reading import read_micrograph

def forget():
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass

def peak():
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

for path in sys.argv[1:]:
    forget()
    said, shape = "", None
    for read in (inspect, lambda path: read_micrograph(path, frame=0)):
        try:
            found = read(path)
        except ValueError as error:
            said = str(error)
            continue
        if not isinstance(found, dict):
            shape = [*found.array.shape, found.array.dtype.itemsize]
        del found
    print(json.dumps({"name": Path(path).name, "peak": peak(), "shape": shape, "said": said}), flush=True)
"""


def measured(paths: list[Path]) -> dict[str, dict[str, Any]]:
    """Peak in bytes, shape and bytes of a pixel, and the error, of each file, read in one process for all."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *map(str, paths)], capture_output=True, text=True, timeout=300, check=True
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["name"]: row for row in rows}


@cache
def image() -> np.ndarray[Any, np.dtype[np.uint16]]:
    rng = np.random.default_rng(1)
    row = rng.poisson(300, (64, SIDE)).astype("u2")
    return np.tile(row, (SIDE // 64, 1))


def gatan(array: np.ndarray[Any, Any]) -> bytes:
    def group(name: bytes, *tags: bytes) -> bytes:
        return b"\x14" + struct.pack(">H", len(name)) + name + b"\0\0" + struct.pack(">I", len(tags)) + b"".join(tags)

    def scalar(name: bytes, value: int) -> bytes:
        head = b"\x15" + struct.pack(">H", len(name)) + name + b"%%%%"
        return head + struct.pack(">2I", 1, 5) + struct.pack("<I", value)

    data = b"\x15\0\x04Data%%%%" + struct.pack(">4I", 3, 20, 4, array.size) + array.astype("<u2").tobytes()
    sides = group(b"Dimensions", scalar(b"", array.shape[1]), scalar(b"", array.shape[0]))
    whole = group(b"", group(b"ImageData", data, scalar(b"DataType", 10), sides))
    return struct.pack(">3i", 3, 0, 1) + b"\0\0" + struct.pack(">I", 1) + group(b"ImageList", whole)


def mrc(array: np.ndarray[Any, Any]) -> bytes:
    rows, columns = array.shape
    head = bytearray(struct.pack("<10i", columns, rows, 1, 6, 0, 0, 0, columns, rows, 1).ljust(1024, b"\0"))
    head[208:216] = b"MAP DD\0\0"
    return bytes(head) + array.astype("<u2").tobytes()


def ser(array: np.ndarray[Any, Any]) -> bytes:
    head = b"II" + struct.pack("<2H4iqi", 0x197, 0x220, 0x4122, 0x4152, 1, 1, 34, 0)
    element = struct.pack("<ddiddihii", 0, 1e-9, 0, 0, 1e-9, 0, 2, array.shape[1], array.shape[0])
    return head.ljust(34, b"\0") + struct.pack("<2q", 50, 0) + element + array.astype("<u2").tobytes()


def hdf5(**options: Any) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with h5py.File(path, "w") as file:
            file.create_dataset("image", data=image(), **options)

    return make


def honest() -> dict[str, Callable[[Path], object]]:
    array = image()
    wide = np.repeat((array >> 2).astype("u1")[..., None], 3, axis=2)
    return {
        "deflate.tif": lambda path: tifffile.imwrite(path, array, compression="zlib", predictor=True, byteorder=">"),
        "one strip.tif": lambda path: tifffile.imwrite(path, array, compression="zlib", rowsperstrip=SIDE),
        "colour.tif": lambda path: tifffile.imwrite(path, wide, photometric="rgb", compression="zlib"),
        "chunks.h5": hdf5(chunks=(256, 256), compression="lzf", shuffle=True),
        "one chunk.h5": hdf5(
            chunks=(SIDE, SIDE), compression="gzip", compression_opts=1, shuffle=True, fletcher32=True
        ),
        "columns.npy": lambda path: np.save(path, np.asfortranarray(array)),
        "packed.npz": lambda path: np.savez_compressed(path, image=array),
        "gatan.dm3": lambda path: path.write_bytes(gatan(array)),
        "map.mrc": lambda path: path.write_bytes(mrc(array)),
        "series.ser": lambda path: path.write_bytes(ser(array)),
        "grey.png": lambda path: Image.fromarray(array).save(path, compress_level=1),
        "colour.png": lambda path: Image.fromarray(wide).save(path, compress_level=1),
        "colour.jpg": lambda path: Image.fromarray(wide).save(path, progressive=True),
    }


@pytest.mark.slow
def test_large_honest_files_cost_twice_their_size_at_most(tmp_path: Path) -> None:
    paths = []
    for name, make in honest().items():
        paths.append(tmp_path / name)
        make(paths[-1])
    found = measured(paths)
    assert len(found) == len(paths)
    for name, row in found.items():
        assert row["shape"], row
        size = math.prod(row["shape"]) * (3 if "colour" in name else 1)
        assert size >= SIDE * SIDE
        assert row["peak"] <= 2 * size + OWN, row


def _tags(columns: int, rows: int, count: int, compression: int) -> bytes:
    tags = [
        (256, 4, 1, columns), (257, 4, 1, rows), (258, 3, 1, 8), (259, 3, 1, compression), (262, 3, 1, 1),
        (273, 4, 1, 200), (277, 3, 1, 1), (278, 4, 1, rows), (279, 4, 1, count),
    ]  # fmt: skip
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(struct.pack("<2H2I", *tag) for tag in tags)
    return (head + bytes(4)).ljust(200, b"\0")


def tiff_bomb(compression: int, content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(_tags(64, 64, len(content), compression) + content)


def chunk_bomb(path: Path) -> None:
    with h5py.File(path, "w") as file:
        data = file.create_dataset("image", (2048, 2048), "u2", chunks=(2048, 2048), compression="gzip")
        data.id.write_direct_chunk((0, 0), BOMB)


def wide_chunk(path: Path) -> None:
    with h5py.File(path, "w") as file:
        data = file.create_dataset(
            "a", (64, 64), "u1", chunks=(2**15, 2**15), maxshape=(None, None), compression="gzip"
        )
        data.id.write_direct_chunk((0, 0), BOMB)


def tiny_chunks(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("image", (1500, 1500), "u2", chunks=(1, 1))[0, 0] = 1


def header_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w") as member:
        member.write(b"\x93NUMPY\2\0" + struct.pack("<I", 2**31))
        for _ in range(8):
            member.write(bytes(10**8))


def stretched(start: bytes, size: int) -> Callable[[Path], None]:
    """A file that begins so and goes on with zeros, which take no space on the disk."""

    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.write(start)
            file.truncate(size)

    return make


def hostile() -> dict[str, Callable[[Path], object]]:
    jpeg = b"\xff\xd8\xff\xc0\0\x0b\x08\xff\xdc\xff\xdc\x01\x01\x11\0" + bytes(400)
    return {
        "jpeg.tif": tiff_bomb(7, jpeg),
        "deflate.tif": tiff_bomb(8, BOMB),
        "long tag.tif": stretched(b"II*\0" + struct.pack("<IH2H2I", 8, 1, 270, 2, 2**30, 100), 2**31),
        "strips.tif": stretched(b"II*\0" + struct.pack("<IH2H2I", 8, 1, 273, 4, 2**28, 100), 2**31),
        "chunk.h5": chunk_bomb,
        "wide chunk.h5": wide_chunk,
        "tiny chunks.h5": tiny_chunks,
        "header.npz": header_bomb,
        "header.npy": stretched(b"\x93NUMPY\2\0" + struct.pack("<I", 2**31), 2**32),
        "long.img": stretched((struct.pack("<I", 52) + b"JED-").ljust(44, b"\0") + struct.pack("<I", 36), 2**31 - 1),
        "long.dm3": stretched(struct.pack(">3i", 3, 0, 1) + b"\0\0" + struct.pack(">I", 2**31), 2**31),
        "series.ser": stretched(
            b"II" + struct.pack("<2H4iqi", 0x197, 0x220, 0x4122, 0x4152, 2**27, 2**27, 34, 0), 2**31
        ),
    }


@pytest.mark.slow
def test_hostile_files_cost_no_more_than_any_other(tmp_path: Path) -> None:
    paths = []
    for name, make in hostile().items():
        paths.append(tmp_path / name)
        make(paths[-1])
    found = measured(paths)
    assert len(found) == len(paths)
    for row in found.values():
        assert row["said"], row
        assert "\n" not in row["said"]
        assert row["peak"] <= SPARE, row


def test_a_stack_of_gigabytes_costs_one_frame(tmp_path: Path) -> None:
    text = b"{'descr': '|u1', 'fortran_order': False, 'shape': (4096, 1024, 1024)}"
    stretched(b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text, 10 + len(text) + 2**32)(tmp_path / "a.npy")
    head = bytearray(struct.pack("<10i", 1024, 1024, 4096, 0, 0, 0, 0, 1, 1, 1).ljust(1024, b"\0"))
    head[208:216] = b"MAP DD\0\0"
    stretched(bytes(head), 1024 + 2**32)(tmp_path / "b.mrc")
    for row in measured([tmp_path / "a.npy", tmp_path / "b.mrc"]).values():
        assert row["shape"] == [1024, 1024, 1]
        assert row["peak"] <= OWN


@pytest.mark.parametrize("name", ["a.npy"])
def test_the_measurement_sees_what_a_process_takes(tmp_path: Path, name: str) -> None:
    """Without this a child that measures nothing would pass all the others."""
    np.save(tmp_path / name, np.ones((2**14, 2**14), "u1"))
    (row,) = measured([tmp_path / name]).values()
    assert row["peak"] >= 2**28

"""HDF5 chunk by chunk: the numbers that HDF5 itself reads, and never more memory than the header was allowed."""

import contextlib
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from passband.files.inspection import inspect
from passband.files.readers.hdf5.data import read_region
from passband.files.reading import read_micrograph
from passband.files.source_file import FormatError, SourceFile

RNG = np.random.default_rng(7)
STORED = {
    "plain": {},
    "chunks": {"chunks": (7, 13)},
    "one chunk": {"chunks": (40, 50)},
    "gzip": {"chunks": (16, 16), "compression": "gzip"},
    "gzip in one chunk": {"chunks": (40, 50), "compression": "gzip", "shuffle": True},
    "lzf": {"chunks": (9, 50), "compression": "lzf"},
    "checksum": {"chunks": (7, 13), "fletcher32": True},
    "all": {"chunks": (11, 17), "compression": "gzip", "shuffle": True, "fletcher32": True},
    "all, lzf": {"chunks": (40, 50), "compression": "lzf", "shuffle": True, "fletcher32": True},
    "growing": {"chunks": (64, 64), "compression": "gzip", "maxshape": (None, None)},
}


@pytest.mark.parametrize("options", STORED.values(), ids=STORED)
@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "<i4", "<f4", ">f8", "f2", "?", "<u8"])
def test_every_way_of_storing_gives_the_numbers_of_hdf5(tmp_path: Path, options: dict[str, Any], dtype: str) -> None:
    array = (RNG.random((40, 50)) * 250).astype(dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("image", data=array, **options)
    found = read_micrograph(tmp_path / "a.h5").array
    np.testing.assert_array_equal(found, array)
    assert found.dtype == (np.dtype("u1") if dtype == "?" else np.dtype(dtype).newbyteorder("="))


@pytest.mark.parametrize("chunks", [None, (1, 40, 50), (3, 40, 50), (2, 7, 13), (5, 40, 1)])
def test_a_frame_of_a_stack(tmp_path: Path, chunks: tuple[int, ...] | None) -> None:
    stack = (RNG.random((5, 40, 50)) * 65535).astype("u2")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("stack", data=stack, chunks=chunks, compression=chunks and "gzip")
    for frame in range(5):
        np.testing.assert_array_equal(read_micrograph(tmp_path / "a.h5", frame=frame).array, stack[frame])


def test_what_was_never_written_has_the_fill_value(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("image", (40, 50), "u2", chunks=(8, 8), compression="gzip", fillvalue=77)
        data[10:20, 10:20] = 5
        expected = data[()]
    assert {5, 77} == set(np.unique(expected).tolist())
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.h5").array, expected)


@pytest.mark.parametrize("size", [1, 2, 3, 719, 720, 721, 65537, 10**6 + 1, 2**20 * 3 + 1])
@pytest.mark.parametrize("values", ["random", "zero", "full"])
def test_the_checksum_is_that_of_hdf5(tmp_path: Path, size: int, values: str) -> None:
    array = {"random": RNG.integers(0, 256, size), "zero": np.zeros(size), "full": np.full(size, 255)}[values]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("a", data=array.astype("u1")[None], chunks=(1, size), fletcher32=True)
        source = SourceFile(tmp_path / "a.h5", 10**9)
        np.testing.assert_array_equal(read_region(data, source, ((0, 1), (0, size)))[0], array)
        _, raw = data.id.read_direct_chunk((0, 0))
        damaged = bytearray(raw)
        damaged[size // 2] ^= 4
        data.id.write_direct_chunk((0, 0), bytes(damaged))
        with pytest.raises(FormatError, match="does not fit its checksum"):
            read_region(data, source, ((0, 1), (0, size)))


@contextlib.contextmanager
def little_memory(most: float = 8e6):
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def one_chunk(content: bytes, mask: int = 0, **options: Any) -> Callable[[h5py.File], None]:
    """An image of 64 × 64 bytes, the one chunk of which holds `content`."""

    def fill(file: h5py.File) -> None:
        data = file.create_dataset("image", (64, 64), "u1", chunks=(64, 64), **options)
        data.id.write_direct_chunk((0, 0), content, filter_mask=mask)

    return fill


def with_filter(code: int, *values: int) -> Callable[[h5py.File], None]:
    """An image that is said to be packed by some filter, which need not be installed."""

    def fill(file: h5py.File) -> None:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((64, 64))
        plist.set_filter(code, h5py.h5z.FLAG_OPTIONAL, values)
        space = h5py.h5s.create_simple((64, 64))
        name = h5py.h5d.create(file.id, b"image", h5py.h5t.NATIVE_UINT8, space, plist)
        name.write_direct_chunk((0, 0), bytes(4096))

    return fill


def dataset(*args: Any, **options: Any) -> Callable[[h5py.File], None]:
    def fill(file: h5py.File) -> None:
        file.create_dataset("image", *args, **options)[:2, :2] = 1

    return fill


def lzf_bomb() -> bytes:
    """Runs that repeat the byte before: 264 bytes from three, for ever."""
    return b"\0a" + b"\xe0\xff\0" * 100_000


HOSTILE = [
    ("deflate that goes on for ever", one_chunk(zlib.compress(bytes(8 * 10**6)), compression="gzip"), "is not what"),
    ("lzf that goes on for ever", one_chunk(lzf_bomb(), compression="lzf"), "is not what|a chunk of"),
    ("deflate that ends early", one_chunk(zlib.compress(bytes(99)), compression="gzip"), "99 bytes, for 4096 bytes"),
    ("no deflate at all", one_chunk(b"nonsense", compression="gzip"), "is not what"),
    ("an overlong chunk", one_chunk(bytes(10**6), compression="gzip"), "a chunk of 1000000 bytes, for 4096"),
    ("a chunk shorter than its checksum", one_chunk(b"abc", fletcher32=True), "does not fit its checksum"),
    ("tiny chunks", dataset((1500, 1500), "u2", chunks=(1, 1)), "in 2250000 chunks, above the limit of 131072"),
    ("thin chunks", dataset((8, 2**21), "u1", chunks=(8, 1)), "in 2097152 chunks"),
    ("a chunk far above the image", dataset((64, 64), "u2", chunks=(2**13, 2**14), maxshape=(None, None)),
     r"chunks of \(8192, 16384\), 268435456 bytes each, far more than the image"),
    ("a chunk of many frames", dataset((9, 64, 64), "u2", chunks=(2**15, 64, 64), maxshape=(None, 64, 64)),
     "far more than the image"),
    ("szip", with_filter(4, 36, 8), r"HDF5 filter 4 \("),
    ("nbit", with_filter(5, 8, 0, 4096), r"HDF5 filter 5 \("),
    ("scale and offset", dataset((64, 64), "u2", chunks=(64, 64), scaleoffset=0), "HDF5 filter 6 "),
    ("blosc", with_filter(32001, 2, 2, 1, 4096), "HDF5 filter 32001 .*save it with gzip"),
    ("a plugin nobody has", with_filter(65000), "HDF5 filter 65000"),
    ("deflate in deflate", lambda file: _twice(file), "HDF5 filter 1 "),
    ("nothing written", lambda file: file.create_dataset("image", (2**14, 2**14), "u2", chunks=(64, 64), fillvalue=3),
     "none were ever written"),
    ("nothing written, whole", lambda file: file.create_dataset("image", (2**14, 2**14), "f8"),
     "none were ever written"),
]  # fmt: skip


def _twice(file: h5py.File) -> None:
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((64, 64))
    plist.set_filter(1, h5py.h5z.FLAG_MANDATORY, (4,))
    plist.set_filter(1, h5py.h5z.FLAG_MANDATORY, (4,))
    made = h5py.h5d.create(file.id, b"image", h5py.h5t.NATIVE_UINT8, h5py.h5s.create_simple((64, 64)), plist)
    made.write_direct_chunk((0, 0), zlib.compress(zlib.compress(bytes(10**8))))


@pytest.mark.parametrize(("fill", "said"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_hostile_chunks_and_filters_get_one_line(tmp_path: Path, fill: Callable[..., Any], said: str) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        fill(file)
    for read in (lambda: read_micrograph(path, frame=0), lambda: inspect(path)):
        with pytest.raises(FormatError, match=said) as caught, little_memory():
            read()
        assert "\n" not in str(caught.value)


def elsewhere(kind: str, folder: Path) -> Callable[[h5py.Group, str], None]:
    """Makes a data set of 4 × 4 bytes whose numbers lie in another file, or a link that leads there."""
    secret, raw = folder / "secret.h5", folder / "secret.bin"
    raw.write_bytes(bytes(range(16)))
    with h5py.File(secret, "w") as file:
        file["image"] = np.arange(16, dtype="u1").reshape(4, 4)

    def make(group: h5py.Group, name: str) -> None:
        if kind == "virtual":
            layout = h5py.VirtualLayout((4, 4), "u1")
            layout[:] = h5py.VirtualSource(str(secret), "image", (4, 4))
            group.create_virtual_dataset(name, layout)
        elif kind == "external":
            group.create_dataset(name, (4, 4), "u1", external=[(str(raw), 0, 16)])
        else:
            group[f"way_{name}"] = h5py.ExternalLink(str(secret), "image")
            group[name] = group.get(f"way_{name}", getlink=True) if kind == "link" else h5py.SoftLink(f"way_{name}")

    return make


@pytest.mark.parametrize("kind", ["virtual", "external"])
@pytest.mark.parametrize("layout", ["Data/Image/{}/Data", "Experiments/{}/data"])
def test_every_frame_is_checked_and_not_only_the_first(tmp_path: Path, kind: str, layout: str) -> None:
    path = tmp_path / "a.emd"
    elsewhere(kind, tmp_path)
    with h5py.File(path, "w") as file:
        shape = (4, 4, 1) if "Image" in layout else (4, 4)
        file[layout.format("a")] = np.arange(16, dtype="u1").reshape(shape)
        folder, name = layout.format("b").rsplit("/", 1)
        if kind == "virtual":
            source = h5py.VirtualLayout(shape, "u1")
            source[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "image", (4, 4))
            file.create_group(folder).create_virtual_dataset(name, source)
        else:
            file.create_group(folder).create_dataset(
                name, shape, "u1", external=[(str(tmp_path / "secret.bin"), 0, 16)]
            )
    assert read_micrograph(path, frame=0).array.shape == (4, 4)
    for read in (read_micrograph, inspect):
        with pytest.raises(FormatError, match="in another file, which is not opened"):
            read(path, frame=1)


@pytest.mark.parametrize("kind", ["virtual", "external"])
@pytest.mark.parametrize("target", ["metadata", "axis"])
def test_calibrations_and_texts_are_checked_too(tmp_path: Path, kind: str, target: str) -> None:
    path = tmp_path / "a.emd"
    options: dict[str, Any] = {"external": [(str(tmp_path / "secret.bin"), 0, 16)]}
    (tmp_path / "secret.bin").write_bytes(b'{"Instrument":{"InstrumentModel":"secret"}}')
    with h5py.File(path, "w") as file:
        if target == "metadata":
            file["Data/Image/a/Data"] = np.zeros((4, 4, 1), "u1")
            group, name, shape = file["Data/Image/a"], "Metadata", (16, 1)
        else:
            file["g/data"] = np.zeros((4, 4), "u1")
            file["g"].attrs["emd_group_type"] = 1
            file["g/dim2"] = np.arange(4.0)
            group, name, shape = file["g"], "dim1", (16,)
        if kind == "virtual":
            layout = h5py.VirtualLayout(shape, "u1")
            layout[:] = h5py.VirtualSource("secret.h5", "image", shape)
            group.create_virtual_dataset(name, layout)
        else:
            group.create_dataset(name, shape, "u1", **options)
    with pytest.raises(FormatError, match="in another file, which is not opened"):
        inspect(path)


@pytest.mark.parametrize("kind", ["link", "soft"])
@pytest.mark.parametrize("place", ["image", "Experiments/a/data", "Data/Image/a/Data", "g/data"])
def test_links_that_leave_the_file_are_not_followed(tmp_path: Path, kind: str, place: str) -> None:
    make = elsewhere(kind, tmp_path)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        folder, _, name = place.rpartition("/")
        group = file.require_group(folder) if folder else file
        group.attrs["emd_group_type"] = 1
        make(group, name)
    with pytest.raises(FormatError, match=r"holds no image|a link is not followed"):
        read_micrograph(tmp_path / "a.h5")


def test_a_group_inside_itself_ends(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a/b/image"] = np.ones((4, 4), "u1")
        file["a/b/again"] = file["a"]
        file["a/b/root"] = file["/"]
        file["twice"] = file["a/b/image"]
    assert read_micrograph(tmp_path / "a.h5").array.shape == (4, 4)


def _deep(file: h5py.File) -> None:
    group = file
    for _ in range(500):
        group = group.create_group("g")
    group["image"] = np.ones((4, 4), "u1")


def _many(file: h5py.File) -> None:
    file["image"] = np.ones((4, 4), "u1")
    group = h5py.h5g.create(file.id, b"g")
    for number in range(20_001):
        file.id.links.create_hard(b"g/%d" % number, file.id, b"image") if number % 2 else h5py.h5g.create(
            group, b"%d" % number
        )


@pytest.mark.parametrize(
    ("fill", "said"), [(_deep, "groups deeper than 32 levels"), (_many, "more than 20000 groups and data sets")]
)
def test_deep_and_wide_trees_are_refused(tmp_path: Path, fill: Callable[[h5py.File], None], said: str) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        fill(file)
    with pytest.raises(FormatError, match=said):
        inspect(tmp_path / "a.h5")


def test_long_attributes_are_not_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.hspy", "w", libver="latest") as file:
        file["Experiments/a/data"] = np.ones((4, 4), "u1")
        for axis in range(2):
            node = file.create_group(f"Experiments/a/axis-{axis}")
            node.attrs["scale"], node.attrs["units"] = 0.5, "nm"
            node.attrs["name"] = np.full((10**6,), b"x")
            node.attrs.create("navigate", np.zeros((10**6,), "f8"))
    with little_memory(4e6):
        found = inspect(tmp_path / "a.hspy")
    assert found["usable"]
    assert found["pixel_size_A"] == [5.0, 5.0]

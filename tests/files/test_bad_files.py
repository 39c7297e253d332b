"""Files that lie, are cut short or are hostile: one clear line each, and never more memory than the file deserves."""

import contextlib
import json
import pickle
import resource
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from passband.files.formats import readable_endings
from passband.files.inspection import inspect
from passband.files.reading import read_micrograph
from passband.files.source_file import FormatError

Maker = Callable[[Path], None]
HUGE = 10**6  # per side: 10¹² pixels


def _npy(shape: tuple[int, ...], dtype: str = "<u2", payload: bytes = b"\0" * 64) -> bytes:
    text = repr({"descr": dtype, "fortran_order": False, "shape": shape}).encode()
    text = text.ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + payload


def _mrc(columns: int, rows: int, sections: int, *, mode: int = 2, payload: int = 64) -> bytes:
    head = bytearray(struct.pack("<10i", columns, rows, sections, mode, 0, 0, 0, 1, 1, 1).ljust(1024, b"\0"))
    head[208:216] = b"MAP DD\0\0"
    return bytes(head) + bytes(payload)


def _tiff(columns: int, rows: int, *, compression: int = 1, payload: bytes = b"\0" * 64) -> bytes:
    tags = [
        (256, 4, 1, columns), (257, 4, 1, rows), (258, 3, 1, 8), (259, 3, 1, compression), (262, 3, 1, 1),
        (273, 4, 1, 8 + 2 + 10 * 12 + 4), (277, 3, 1, 1), (278, 4, 1, rows), (279, 4, 1, len(payload)), (284, 3, 1, 1),
    ]  # fmt: skip
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<2H2I", *tag) for tag in tags) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8) + directory + payload


def _png(columns: int, rows: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">2I5B", columns, rows, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(64))) + chunk(b"IEND", b"")


def _bmp(columns: int, rows: int) -> bytes:
    return (
        b"BM"
        + struct.pack("<IHHI", 118, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, columns, rows, 1, 24, *[0] * 6)
        + bytes(64)
    )


def _ser(columns: int, rows: int, *, count: int = 1, code: int = 2) -> bytes:
    head = b"II" + struct.pack("<2H4iqi", 0x197, 0x220, 0x4122, 0x4152, count, count, 34, 0)
    return (
        head.ljust(34, b"\0")
        + struct.pack("<2q", 50, 0)
        + struct.pack("<ddiddihii", 0, 1e-9, 0, 0, 1e-9, 0, code, columns, rows)
        + bytes(64)
    )


def _dm(*, value: bytes, version: int = 3) -> bytes:
    """Return a Digital Micrograph file of one unnamed data tag."""
    wide = ">I" if version == 3 else ">Q"
    size = struct.pack(">Q", len(value)) if version == 4 else b""
    head = struct.pack(">i", version) + struct.pack(wide, 0) + struct.pack(">i", 1)
    return head + b"\0\0" + struct.pack(wide, 1) + b"\x15" + struct.pack(">H", 1) + b"x" + size + b"%%%%" + value


def _dm_image(columns: int, rows: int, kind: int = 10) -> bytes:
    """Return a Digital Micrograph 3 file whose image promises more than its 64 bytes."""

    def group(name: bytes, *tags: bytes) -> bytes:
        return b"\x14" + struct.pack(">H", len(name)) + name + b"\0\0" + struct.pack(">I", len(tags)) + b"".join(tags)

    def scalar(name: bytes, number: int) -> bytes:
        return (
            b"\x15"
            + struct.pack(">H", len(name))
            + name
            + b"%%%%"
            + struct.pack(">2I", 1, 5)
            + struct.pack("<I", number)
        )

    data = b"\x15\0\x04Data%%%%" + struct.pack(">4I", 3, 20, 4, 32) + bytes(64)
    sides = group(b"Dimensions", scalar(b"", columns), scalar(b"", rows))
    image = group(b"", group(b"ImageData", data, scalar(b"DataType", kind), sides))
    return struct.pack(">3i", 3, 0, 1) + b"\0\0" + struct.pack(">I", 1) + group(b"ImageList", image)


def _nested_dm() -> bytes:
    level = b"\x14\0\x01g\0\0" + struct.pack(">I", 1)
    return struct.pack(">3i", 3, 0, 1) + b"\0\0" + struct.pack(">I", 1) + level * 5000


def _bytes(data: bytes) -> Maker:
    return lambda path: path.write_bytes(data) and None


def _hdf5(fill: Callable[[h5py.File], object]) -> Maker:
    def make(path: Path) -> None:
        with h5py.File(path, "w") as file:
            fill(file)

    return make


def _hdf5_external(path: Path) -> None:
    secret = path.with_name("secret.h5")
    with h5py.File(secret, "w") as file:
        file["image"] = np.zeros((4, 4))
    with h5py.File(path, "w") as file:
        file["Experiments/a/data"] = h5py.ExternalLink(str(secret), "image")


def _hdf5_virtual(path: Path) -> None:
    layout = h5py.VirtualLayout((4, 4), "u1")
    layout[:] = h5py.VirtualSource("secret.h5", "image", (4, 4))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("image", layout)


def _hdf5_external_storage(path: Path) -> None:
    path.with_name("secret.bin").write_bytes(bytes(16))
    with h5py.File(path, "w") as file:
        file.create_dataset("image", (4, 4), "u1", external=[(str(path.with_name("secret.bin")), 0, 16)])


def _npz(members: dict[str, bytes]) -> Maker:
    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                archive.writestr(name, data)

    return make


class _Bomb:
    """A pickle that would write a file if it were ever loaded."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.write_text, (self.target, "the pickle ran")


def _pickled(path: Path) -> None:
    array = np.empty((2, 2), object)
    array[0, 0] = _Bomb(path.with_name("ran"))
    np.save(path, array, allow_pickle=True)


def _bare_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(_Bomb(path.with_name("ran"))))


def _pickled_member(path: Path) -> None:
    array = np.empty((2, 2), object)
    array[0, 0] = _Bomb(path.with_name("ran"))
    with path.open("wb") as file:
        np.savez(file, allow_pickle=True, data=array)


def _saved(array: np.ndarray) -> Maker:
    def make(path: Path) -> None:
        np.save(path, array)

    return make


def _seven_channels(path: Path) -> None:
    tifffile.imwrite(path, np.zeros((9, 9, 7), "u1"), photometric="minisblack", planarconfig="contig")


def _nan(path: Path) -> None:
    image = np.zeros((8, 8), np.float32)
    image[2, 3:6] = np.nan
    image[7, 7] = np.inf
    tifffile.imwrite(path, image)


BAD: list[tuple[str, Maker, str]] = [
    # empty, wrong and unknown
    *[(f"empty{suffix}", _bytes(b""), "is empty") for suffix in sorted(readable_endings())],
    *[
        (f"text{suffix}", _bytes(b"This is not an image at all, whatever the name says.\n"), f"is not a {suffix} file")
        for suffix in sorted(readable_endings())
    ],
    ("text.mrc", _bytes(b"short"), "less than an MRC header"),
    ("notes.xyz", _bytes(b"hello hello"), "kind that is not known; readable are DM3/DM4, .*TIFF, .*PNG"),
    ("paper.pdf", _bytes(b"%PDF-1.7 ..."), "is a PDF; export the image"),
    ("packed.gz", _bytes(b"\x1f\x8b\x08\0\0\0\0\0"), "compressed with gzip; unpack it first"),
    ("a.zip", _npz({"readme.txt": b"x"}), "ZIP archive; unpack it"),
    # pickles
    ("objects.npy", _pickled, "pickled Python objects, which can run code and are never loaded"),
    ("objects.npz", _pickled_member, "no plain array of numbers"),
    ("objects.prz", _pickled_member, "no plain array of numbers"),
    ("a.pkl", _bare_pickle, "Python pickle, which can run code and is never loaded"),
    # headers that promise 10¹² pixels
    ("huge.npy", _bytes(_npy((HUGE, HUGE))),
     r"promises 1000000 × 1000000 pixels \(2000000000000 bytes\) but the file holds 64"),
    ("huge3.npy", _bytes(_npy((HUGE, HUGE, 3))), "but the file holds 64"),
    ("minus.npy", _bytes(_npy((-4, 4))), "empty or damaged"),
    ("huge.npz", _npz({"a.npy": _npy((HUGE, HUGE))}), "promises 1000000 × 1000000 pixels"),
    ("huge.mrc", _bytes(_mrc(HUGE, HUGE, 1)), "promises 1000000 × 1000000 pixels"),
    ("stack.mrc", _bytes(_mrc(4, 4, 2**31 - 1)), "promises 2147483647 × 4 × 4 pixels"),
    ("minus.mrc", _bytes(_mrc(-4, 4, 1)), "empty or damaged"),
    ("none.mrc", _bytes(_mrc(4, 4, 0)), "empty or damaged"),
    ("mode.mrc", _bytes(_mrc(4, 4, 1, mode=77)), "MRC mode 77; known are"),
    ("huge.tif", _bytes(_tiff(HUGE, HUGE)), "promises 1000000 × 1000000 × 1 pixels"),
    ("packed.tif", _bytes(_tiff(HUGE, HUGE, compression=8, payload=zlib.compress(bytes(999)))),
     "promises 1000000 × 1000000"),
    ("bomb.tif", _bytes(_tiff(60000, 60000, compression=8, payload=bytes(10**5))),
     "above the limit of 2147483648; crop or bin"),
    ("none.tif", _bytes(_tiff(0, 8)), r"truncated|empty|damaged"),
    ("huge.png", _bytes(_png(HUGE, HUGE)), "promises 1000000 × 1000000 × 1 pixels|more pixels than any camera"),
    ("huge.bmp", _bytes(_bmp(HUGE, HUGE)), "pixels"),
    ("huge.ser", _bytes(_ser(HUGE, HUGE)), "promises 1000000 × 1000000 pixels"),
    ("many.ser", _bytes(_ser(4, 4, count=2**31 - 1)), "promises 2147483647 images"),
    ("code.ser", _bytes(_ser(4, 4, code=99)), "TIA type 99"),
    ("huge.dm3", _bytes(_dm_image(HUGE, HUGE)), r"promises 1000000 × 1000000 pixels"),
    ("larger.dm3", _bytes(_dm_image(100, 100)), r"promises 100 × 100 pixels \(20000 bytes\) but the file holds 64"),
    ("kind.dm3", _bytes(_dm_image(4, 8, kind=99)), "Digital Micrograph type 99"),
    ("array.dm3", _bytes(_dm(value=struct.pack(">4I", 3, 20, 5, 2**32 - 1))),
     "a tag promises 17179869180 bytes but 0 are left"),
    ("array.dm4", _bytes(_dm(value=struct.pack(">4Q", 3, 20, 12, 2**60), version=4)),
     "a tag promises 9223372036854775808 bytes"),
    ("text.dm3", _bytes(_dm(value=struct.pack(">3I", 2, 18, 2**31))), "a tag promises 4294967296 bytes"),
    ("void.dm3", _bytes(_dm(value=struct.pack(">6I", 5, 20, 15, 0, 0, 2**31))), "cannot be read|no image"),
    ("info.dm3", _bytes(_dm(value=struct.pack(">I", 2**31))), "described by 2147483648 numbers"),
    ("deep.dm3", _bytes(_nested_dm()), "nested deeper than 64"),
    ("version.dm3", _bytes(b"\0\0\0\x03" + bytes(6)), "cannot be read|truncated"),
    (
        "chunked.h5",
        _hdf5(lambda f: f.create_dataset("a", (HUGE, HUGE), "u2", chunks=(64, 64), compression="gzip").write_direct(
            np.ones((64, 64), "u2"), np.s_[:, :], np.s_[:64, :64])),
        r"promises 1000000 × 1000000 pixels \(2000000000000 bytes\), above the limit",
    ),
    ("unwritten.emd", _hdf5(lambda f: f.create_dataset("a", (HUGE, HUGE), "u2", chunks=(64, 64))),
     "none were ever written"),
    ("chunk.h5", _hdf5(lambda f: f.create_dataset("a", (8, 2**29), "u2", chunks=(4, 2**29 - 1), fillvalue=1)),
     "none were ever|limit"),
    ("strings.h5", _hdf5(lambda f: f.create_dataset("a", (4, 4), h5py.string_dtype())), "holds no image"),
    ("nothing.hspy", _hdf5(lambda f: f.create_group("Experiments")), "holds no image"),
    ("link.hspy", _hdf5_external, "holds no image"),
    ("virtual.h5", _hdf5_virtual, "in another file, which is not opened"),
    ("elsewhere.h5", _hdf5_external_storage, "in another file, which is not opened"),
    # not an image of real space
    ("line.npy", _saved(np.zeros(7)), "a line or a number, not an image"),
    ("scalar.npy", _saved(np.array(3.0)), "a line or a number, not an image"),
    ("4d.npy", _saved(np.zeros((2, 3, 4, 5))), r"4-dimensional \(2, 3, 4, 5\)"),
    ("wave.npy", _saved(np.zeros((4, 4), complex)), "complex array"),
    ("words.npy", _saved(np.array([["a", "b"]])), "values of type <U1, not numbers"),
    ("4d.h5", _hdf5(lambda f: f.create_dataset("a", data=np.zeros((2, 3, 4, 5)))), "4-dimensional"),
    ("two.h5", _hdf5(lambda f: [f.create_dataset(n, data=np.zeros((k, 4))) for k, n in ((3, "a"), (4, "b"))]),
     "2 different images"),
    ("two.npz", lambda path: np.savez(path, a=np.zeros((2, 2)), b=np.zeros((2, 2))), "holds 2 arrays"),
    ("many.tif", _seven_channels,
     "7 channels"),
    ("red.png", lambda path: Image.fromarray(np.full((9, 9, 3), (200, 0, 0), "u1")).save(path),
     r"colour picture \(100% of its"),
    ("clear.png", lambda path: Image.fromarray(np.arange(324, dtype="u1").reshape(9, 9, 4)).save(path),
     "partly transparent"),
    ("nan.tif", _nan, r"4 of 64 pixels are NaN or infinite; replace them"),
    ("nan.npy", _saved(np.array([[1.0, np.nan]])), "1 of 2 pixels are NaN or infinite"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "make", "message"), BAD, ids=[case[0] for case in BAD])
def test_a_bad_file_gets_one_clear_line(tmp_path: Path, name: str, make: Maker, message: str) -> None:
    path = tmp_path / name
    make(path)
    tracemalloc.start()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        with pytest.raises(FormatError, match=message) as caught:
            read_micrograph(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    assert not (tmp_path / "ran").exists()
    assert peak < 100e6
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


WHOLE = [
    "atomic_stem/example_Se_implanted_MoS2.dm3",
    "stem_misc/particlespy/JEOL_HAADF_Image.dm4",
    "stem_misc/hrstem_example.ser",
    "stem_misc/particlespy/SiO2_HAADF_Image.hspy",
    "stem_misc/high_entropy_alloy.npy",
    "hrtem/low_dose_tem_16bit/train_0001.tif",
    "hrtem/au_scott_lab/au_hrtem_image.png",
    "stem_nanoparticles/images/Cu1.jpg",
    "sem_nanoporous_gold/Sample.tif",
    "native_formats/mrc/HAADFscan.mrc",
    "native_formats/pantarhei/panta_rhei_sample.prz",
    "native_formats/jeol/Sample/00_View000/View000_0000000.img",
    "native_formats/velox_from_hyperspy_1.7.6/fei_emd_image.emd",
    "native_formats/emd/example_image.emd",
    "native_formats/tiff/test_loading_image_saved_with_DM.tif",
]


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("kept", [0.0005, 0.03, 0.5])
def test_a_truncated_file_gets_one_clear_line(shared_data: Path, tmp_path: Path, name: str, kept: float) -> None:
    whole = (shared_data / name).read_bytes()
    path = tmp_path / Path(name).name
    path.write_bytes(whole[: max(1, int(kept * len(whole)))])
    for read in (read_micrograph, inspect):
        with pytest.raises(FormatError, match=r"truncated|damaged|cannot be read|not a|less than") as caught:
            read(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", WHOLE)
def test_damage_anywhere_is_an_image_or_one_line(shared_data: Path, tmp_path: Path, name: str) -> None:
    whole = bytearray((shared_data / name).read_bytes())
    rng = np.random.default_rng(len(whole))
    path = tmp_path / Path(name).name
    for _ in range(12):
        damaged = bytearray(whole)
        reach = min(len(whole), 4096)
        for position in rng.integers(0, reach, 8):
            damaged[position] = rng.integers(256)
        path.write_bytes(damaged)
        # any other exception fails the test
        with contextlib.suppress(FormatError):
            read_micrograph(path)


def test_the_limit_can_be_set(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((100, 100), np.uint8))
    assert read_micrograph(tmp_path / "a.npy", max_bytes=10_000).array.shape == (100, 100)
    with pytest.raises(FormatError, match="above the limit of 9999; crop or bin it first, or raise max_bytes"):
        read_micrograph(tmp_path / "a.npy", max_bytes=9_999)


def test_a_stack_longer_than_the_limit_gives_its_frames(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(400).reshape(4, 10, 10).astype(np.uint16))
    assert read_micrograph(tmp_path / "a.npy", frame=3, max_bytes=200).array[0, 0] == 300


def test_a_name_that_is_not_there_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"cannot be opened \(No such file or directory\); check the name"):
        read_micrograph(tmp_path / "nowhere.tif")
    with pytest.raises(FormatError, match="is a folder; name a file in it"):
        read_micrograph(tmp_path)


def test_inspect_counts_what_is_not_finite(tmp_path: Path) -> None:
    _nan(tmp_path / "a.tif")
    described = inspect(tmp_path / "a.tif")
    assert described["statistics"]["not_finite"] == 4
    assert described["statistics"]["max"] == 0.0
    assert "4 of 64 pixels" in described["reason"]
    json.dumps(described, allow_nan=False)


def test_a_large_compressed_image_costs_no_more_than_its_pixels(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4000, 8000), np.uint8), compression="zlib")
    tracemalloc.start()
    try:
        inspect(tmp_path / "a.tif")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 32e6 * 2 + 4 * 8 * 2**22  # the image twice, and a few blocks in double precision


def test_a_cut_stack_does_not_pass_for_a_shorter_one(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        for index in range(3):
            writer.write(np.full((20, 20), index, np.uint8), contiguous=False)
    with tifffile.TiffFile(path) as tiff:
        third = tiff.pages[2].offset
    whole = path.read_bytes()
    path.write_bytes(whole[:third])
    with pytest.raises(FormatError, match=rf"has a page at byte {third} of {third}; it is truncated"):
        read_micrograph(path, frame=0)

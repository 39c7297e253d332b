"""One table of formats: what it lists is what is read, and what it does not read it names with a cure."""

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image
from typer.testing import CliRunner

from passband.commands.cli import app
from passband.files.formats import Format, formats, identify, readable_endings, readable_names
from passband.files.inspection import inspect
from passband.files.listing import find_images
from passband.files.reading import read_micrograph
from passband.files.source_file import FormatError
from passband.recipe import PassbandError

READ = [entry for entry in formats() if entry.reader]
NOT_READ = [(entry, suffix) for entry in formats() if not entry.reader for suffix in entry.endings]
IMAGE = np.arange(96 * 128, dtype=np.uint16).reshape(96, 128)


@pytest.mark.parametrize("entry", READ, ids=lambda entry: entry.name)
def test_an_entry_that_reads_names_a_function_that_is_there(entry: Format) -> None:
    assert callable(entry.reader)
    assert entry.endings
    assert not entry.advice
    assert entry.marks
    assert entry.name in readable_names()


def test_no_ending_belongs_to_two_entries() -> None:
    endings = [suffix for entry in formats() for suffix in entry.endings]
    assert len(endings) == len(set(endings))
    assert all(ending.startswith(".") and ending == ending.lower() for ending in endings)


@pytest.mark.parametrize(("entry", "suffix"), NOT_READ, ids=[suffix for _, suffix in NOT_READ])
def test_a_kind_that_is_not_read_says_what_it_is_and_what_to_do(tmp_path: Path, entry: Format, suffix: str) -> None:
    path = tmp_path / f"a{suffix.upper()}"
    path.write_bytes(b"\x01\x00\x00\x01 what such files begin with is not looked at here")
    for read in (read_micrograph, inspect):
        with pytest.raises(FormatError) as caught:
            read(path)
        said = str(caught.value)
        assert said == f"{path}: {entry.advice}"
        assert ";" in said  # what it is; the cure
        assert "\n" not in said
    assert suffix not in readable_endings()


@pytest.mark.parametrize(
    ("suffix", "words"),
    [
        (".tvips", "EMMENU"), (".bcf", "Esprit"), (".asw", "open the .img files"), (".zspy", "save it as .hspy"),
        (".unf", "SEMPER"), (".msa", "spectrum"), (".eds", "spectra"), (".spc", "spectra"), (".czi", "Zeiss CZI"),
        (".lif", "Leica"), (".sxm", "Nanonis"), (".ibw", "Igor"), (".raw", "numpy.fromfile"),
        (".dat", "numpy.fromfile"),
        (".nd2", "Nikon"), (".mib", "Merlin"), (".hdr", "name the image file"), (".oif", "Olympus"),
    ],
)  # fmt: skip
def test_kinds_that_laboratories_have_are_known(tmp_path: Path, suffix: str, words: str) -> None:
    (tmp_path / f"a{suffix}").write_bytes(b"\1\2\3\4")
    with pytest.raises(FormatError, match=words):
        read_micrograph(tmp_path / f"a{suffix}")


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        (b"AAMVHFSS", "Bruker"), (b"ZISRAWFILE\0", "CZI"), (b"\xda\xce\xbe\x0a", "ND2"),
        (b":NANONIS_VERSION:\n", "Nanonis"),
        (b"#FORMAT      : EMSA/MAS", "EMSA"), (b"SIMPLE  =   T", "FITS"),
        (b"\x1f\x8b\x08", "gzip"), (b"BZh9", "unpack it"),
        (b"\x80\x02]q\0", "pickle"), (b"\x80\x05\x95", "pickle"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "OLE"),
    ],
)  # fmt: skip
def test_a_mark_is_known_whatever_the_name(tmp_path: Path, mark: bytes, words: str) -> None:
    for name in ("a.tif", "a", "a.xyz"):
        (tmp_path / name).write_bytes(mark + bytes(600))
        with pytest.raises(FormatError, match=words):
            read_micrograph(tmp_path / name)


def test_content_wins_over_a_name_of_another_kind(tmp_path: Path) -> None:
    for name in ("a.raw", "a.dat", "a.tvips", "a.map", "a"):
        with (tmp_path / name).open("wb") as file:
            np.save(file, IMAGE)
        np.testing.assert_array_equal(read_micrograph(tmp_path / name).array, IMAGE)


def test_an_mrc_whose_width_looks_like_a_pickle_is_an_mrc() -> None:
    for width in (640, 1152, 1408):  # 80 02 00 00, 80 04 00 00, 80 05 00 00
        found = identify(Path("a.mrc"), width.to_bytes(4, "little") + bytes(508))
        assert found is not None
        assert found.name == "MRC"


TIFF, ZIPPED = b"II*\0", b"PK\x03\x04"


@pytest.mark.parametrize(
    ("name", "marks", "kind"),
    [
        ("a.zspy", {0: ZIPPED}, "ZSPY"),  # a mark with the name that belongs to it tells more than the mark
        ("a.docx", {0: ZIPPED}, "Office document"),
        ("a.tif", {0: ZIPPED}, "ZIP"),  # and a shared mark without it nothing
        ("a.tif", {0: TIFF, 128: b"DICM"}, "TIFF"),  # of two long marks the one nearer to the start
        ("a", {0: b"BM\0\0", 208: b"MAP "}, "MRC"),  # 19,778 columns look like a bitmap: the longer mark tells more
        ("a", {0: b"RIFF", 8: b"WEBP"}, "picture"),
        ("a", {8: TIFF}, None),
    ],
)
def test_of_several_marks_the_surest_counts(name: str, marks: dict[int, bytes], kind: str | None) -> None:
    """Rejects the order of the table, the order of names, and marks looked for at the start alone."""
    head = bytearray(512)
    for offset, mark in marks.items():
        head[offset : offset + len(mark)] = mark
    found = identify(Path(name), bytes(head))
    assert (found.name if found else None) == kind


@pytest.mark.parametrize("suffix", sorted(readable_endings()))
def test_a_folder_is_searched_for_every_ending_that_is_read(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a{suffix.upper()}").write_bytes(b"")
    (tmp_path / "a.tvips").write_bytes(b"")
    (tmp_path / "notes.txt").write_bytes(b"")
    assert find_images([str(tmp_path)]) == [tmp_path / f"a{suffix.upper()}"]


@pytest.mark.parametrize("name", ["map.bcf", "store.zspy", "movie.tvips"])
def test_a_folder_of_what_is_not_read_says_what_it_holds(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir() if name.endswith("zspy") else (tmp_path / name).write_bytes(b"")
    with pytest.raises(PassbandError, match=rf"holds no micrograph that can be read; {name} is .*; .*(save|export)"):
        find_images([str(tmp_path)])


@pytest.mark.parametrize("name", ["a.zspy", "a.zarr"])
def test_a_store_that_is_a_folder_is_one_data_set(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "image.tif").write_bytes(b"")
    assert find_images([str(tmp_path / name)]) == [tmp_path / name]
    for command in (["inspect"], ["segment", "-o", str(tmp_path / "out")]):
        result = CliRunner().invoke(app, [*command, str(tmp_path / name)])
        assert result.exit_code == 2
        assert "Zarr" in result.stderr
        assert "TIFF" in result.stderr
        assert "Traceback" not in result.stderr


def _line(path: Path) -> None:
    with h5py.File(path, "w") as file:
        group = file.create_group("data/line")
        group.attrs["emd_group_type"] = 1
        group["data"] = np.arange(10)
        group["dim1"] = np.arange(10)


UNFIT = [
    ("line.emd", _line, "a line or a number, not an image"),
    ("line.npy", lambda path: np.save(path, np.zeros(7)), "a line or a number"),
    ("4d.npy", lambda path: np.save(path, np.zeros((2, 3, 4, 5))), "4-dimensional"),
    ("wave.npy", lambda path: np.save(path, np.zeros((4, 4), complex)), "complex array"),
    ("nan.npy", lambda path: np.save(path, np.array([[1.0, np.nan]])), "NaN or infinite"),
    ("stack.npy", lambda path: np.save(path, np.zeros((5, 4, 6))), "holds 5 frames"),
    ("colour.npy", lambda path: np.save(path, np.full((10, 10, 3), (200, 0, 0), "u1")),
     "colour picture"),
    ("image.npy", lambda path: np.save(path, IMAGE), None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "make", "reason"), UNFIT, ids=[case[0] for case in UNFIT])
def test_inspect_says_usable_where_it_can_be_read(tmp_path: Path, name: str, make: object, reason: str | None) -> None:
    make(tmp_path / name)  # type: ignore[operator]
    described = inspect(tmp_path / name)
    json.dumps(described, allow_nan=False)
    assert described["usable"] == (reason is None)
    if reason is None:
        read_micrograph(tmp_path / name)
        return
    assert reason in described["reason"]
    with pytest.raises(FormatError, match=reason) as caught:
        read_micrograph(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name}: {described['reason']}"


LOADED = """
import sys
from pathlib import Path
from passband.files.reading import read_micrograph
read_micrograph(Path(sys.argv[1]))
print(*sorted({"h5py", "tifffile", "PIL", "torch"} & set(sys.modules)))
"""


@pytest.mark.parametrize(("name", "needs"), [("a.npy", ""), ("a.tif", "tifffile"), ("a.png", "PIL")])
def test_only_what_a_file_needs_is_imported(tmp_path: Path, name: str, needs: str) -> None:
    """Rejects a reader module that imports its library at the top, where all of them are looked through."""
    path = tmp_path / name
    match path.suffix:
        case ".npy":
            np.save(path, IMAGE)
        case ".tif":
            tifffile.imwrite(path, IMAGE)
        case _:
            Image.fromarray(IMAGE.astype(np.uint8)).save(path)
    done = subprocess.run([sys.executable, "-c", LOADED, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == needs.split()


def test_every_row_says_where_a_pixel_size_comes_from_or_that_there_is_none() -> None:
    for entry in READ:
        assert entry.pixel_size_from or "no pixel size" in entry.remark or "no micrograph" in entry.remark
        assert bool(entry.energy_from) <= bool(entry.pixel_size_from)

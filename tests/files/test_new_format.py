"""To add a format is to write one file: a toy one, known nowhere else, is read, described, found and named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.fixtures.scripts import load_script

from passband.files import formats
from passband.files.content import Content
from passband.files.formats import Format, reads
from passband.files.inspection import inspect
from passband.files.listing import find_images
from passband.files.reading import read_micrograph
from passband.files.source_file import FormatError, SourceFile, plain_pixels
from passband.recipe import PassbandError

Run = Callable[..., Any]  # the fixture `run`, see conftest
ROOT = Path(__file__).parents[2]
IMAGE = np.arange(48, dtype=np.uint8).reshape(6, 8)
TOY = Format(
    name="TOY", endings=(".toy",), marks=(b"TOY!",), pixel_size_from="nowhere: it is always 2 Å", remark="a joke"
)


def read_toy(source: SourceFile) -> Content:
    """Describe two bytes of size, then pixels."""
    rows, columns = source.path.read_bytes()[4:6]
    source.claim((rows, columns), np.uint8, stored=source.size - 6)
    return Content(
        format="Toy",
        shape=(rows, columns),
        dtype=np.dtype(np.uint8),
        load=lambda _: plain_pixels(source.path, (rows, columns), np.uint8, 6),
        pixel_size=(2.0, 2.0),
        energy=300e3,
    )


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    formats.formats()  # the others first, as in a program
    monkeypatch.setattr(formats, "_registered", dict(formats._registered))
    reads(TOY)(read_toy)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of the toy format."""
    path = tmp_path / "a.toy"
    path.write_bytes(b"TOY!" + bytes(IMAGE.shape) + IMAGE.tobytes())
    return path


def test_it_is_read_by_its_content_whatever_its_name(path: Path) -> None:
    for ending in (".toy", ".dat"):
        path = path.rename(path.with_suffix(ending))
        micrograph = read_micrograph(path)
        np.testing.assert_array_equal(micrograph.array, IMAGE)
        assert (micrograph.pixel_size, micrograph.energy) == ((2.0, 2.0), 300e3)


def test_a_folder_is_searched_for_it(path: Path) -> None:
    (path.parent / "notes.txt").write_text("text")
    assert find_images([str(path.parent)]) == [path]
    (path.parent / "a.mask.tif").write_bytes(b"")  # the mask of a.toy, drawn by hand
    assert find_images([str(path.parent)]) == [path]


def test_inspect_describes_it(path: Path, run: Run) -> None:
    assert inspect(path)["pixel_size_A"] == [2.0, 2.0]
    assert json.loads(run("inspect", path.parent, "--json").out)["format"] == "Toy"


def test_errors_name_it(path: Path) -> None:
    path.write_bytes(b"nothing of that kind")
    with pytest.raises(FormatError, match=r"is not a \.toy file \(it begins with"):
        read_micrograph(path)
    (path.parent / "unknown.qqq").write_bytes(b"\1\2\3")
    with pytest.raises(FormatError, match=r"is of a kind that is not known; readable are .*TIFF, TOY, "):
        read_micrograph(path.parent / "unknown.qqq")
    path.unlink()
    with pytest.raises(PassbandError, match=r"files in it that end in .*\.toy"):
        find_images([str(path.parent)])


def test_a_damaged_one_is_one_line(path: Path) -> None:
    path.write_bytes(b"TOY!\x06")
    with pytest.raises(FormatError, match=r"a\.toy: cannot be read \(.*\); it is truncated or damaged, copy it again"):
        read_micrograph(path)


def test_the_page_of_formats_has_it(tmp_path: Path) -> None:
    tables = load_script("docs/format_tables.py")
    tables.write(tmp_path)
    page = (tmp_path / "generated" / "formats_read.inc").read_text()
    assert "| TOY | `.toy` | nowhere: it is always 2 Å | nothing | a joke |" in page


@pytest.mark.parametrize(
    "other",
    [
        Format(name="TOY", advice="is taken; no"),
        Format(name="second", endings=(".x", ".toy"), advice="shares an ending; no"),
        Format(name="third", endings=(".y",)),
    ],
)
def test_what_would_be_ambiguous_is_a_mistake(other: Format) -> None:
    with pytest.raises(AssertionError):
        formats.register(other)

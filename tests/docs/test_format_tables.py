"""The tables of formats have a row for each kind of file, with its endings and where its pixel size comes from."""

from pathlib import Path

import pytest
from tests.fixtures.scripts import load_script

from passband.files.formats import formats


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    module = load_script("docs/format_tables.py")
    docs = tmp_path_factory.mktemp("docs")
    module.write(docs)
    return docs / "generated"


@pytest.mark.parametrize(("name", "columns"), [("formats_read", 5), ("formats_refused", 3)])
def test_every_kind_of_file_has_its_row(folder: Path, name: str, columns: int) -> None:
    rows = (folder / f"{name}.inc").read_text(encoding="utf-8").splitlines()[2:]
    wanted = [entry.name for entry in formats() if bool(entry.reader) == (name == "formats_read")]
    assert sorted(row.split(" | ")[0].removeprefix("| ") for row in rows) == sorted(wanted)  # rejects a lost entry
    assert {row.count("|") for row in rows} == {columns + 1}  # rejects a text with a bar, which would end its cell

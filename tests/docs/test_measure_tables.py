"""The tables of measures, overlaps and scores have a row for each entry, and none of its bars ends a cell."""

from pathlib import Path

import pytest
from tests.fixtures.scripts import load_script

from passband.forecast.tables import MEASURES
from passband.microscope.information.overlaps import OVERLAPS
from passband.scores.overlap import SCORES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    module = load_script("docs/measure_tables.py")
    docs = tmp_path_factory.mktemp("docs")
    module.write(docs)
    return docs / "generated"


@pytest.mark.parametrize(
    ("name", "entries", "columns"), [("measures", MEASURES, 4), ("overlaps", OVERLAPS, 2), ("scores", SCORES, 2)]
)
def test_every_entry_has_its_row(folder: Path, name: str, entries: object, columns: int) -> None:
    lines = (folder / f"{name}.inc").read_text(encoding="utf-8").splitlines()
    assert [line.split("`")[1] for line in lines[2:]] == list(entries)  # type: ignore[call-overload]
    for line in lines:  # rejects |T| that was not escaped
        assert line.replace("\\|", "").count("|") == columns + 1

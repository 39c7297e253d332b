"""Texts of strangers in a spreadsheet: shown, never computed."""

import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from passband.tabular import write_columns, write_csv

FORMULAS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    '=HYPERLINK("http://x")',
    "  =1+1",
    "＝1+1",
    "-a",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_in_tables_are_text(tmp_path: Path, text: str) -> None:
    write_csv(tmp_path / "a.csv", [{"image": text, text: 1}])
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        header, row = csv.reader(file)
    assert row == [f"'{text}", "1"]
    assert header == ["image", f"'{text}"]


def test_numbers_and_plain_texts_stay(tmp_path: Path) -> None:
    row = {"a": -1.5, "b": "-80", "c": "+2.5e-3", "d": "a=b", "e": -3, "f": "x-1", "g": None, "h": "-inf", "i": "'"}
    write_csv(tmp_path / "a.csv", [row])
    assert (tmp_path / "a.csv").read_text().splitlines() == ["a,b,c,d,e,f,g,h,i", "-1.5,-80,+2.5e-3,a=b,-3,x-1,,-inf,'"]


def test_columns_become_a_table(tmp_path: Path) -> None:
    # rejects texts as objects that other readers do not know
    columns = {"frame": np.array([0, 1]), "class": np.array(["C", "Si"]), "z1": np.array([0.5, -1.0])}
    write_columns(tmp_path / "t.parquet", columns)
    assert pq.read_table(tmp_path / "t.parquet").to_pydict() == {
        "frame": [0, 1],
        "class": ["C", "Si"],
        "z1": [0.5, -1.0],
    }

"""`passband classify`: tables, JSON and errors that scripts rely on."""

import csv
import json
from pathlib import Path

import pytest
from tests.fixtures.command_line import Run

from passband.description.known_particles import CLASS, forest_of
from passband.description.particle_classes import CLASSES
from passband.description.particle_features import FEATURES


@pytest.mark.slow
def test_particles_get_a_class_and_the_table_grows_a_forest(run: Run, picture: Path, tmp_path: Path) -> None:
    done = run("classify", picture, "-o", tmp_path / "out", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    (row,) = found["images"]
    assert found["failed"] == []
    assert 0.5 < found["forest"]["out_of_bag"] <= 1.0
    assert set(row["classes"]) == {*CLASSES, "too small"}
    assert sum(row["classes"].values()) == row["particles"]
    table = Path(row["table"])
    assert table.name == f"{picture.stem}.classes.csv"
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == row["particles"]
    with table.open("w", newline="") as file:  # corrected by hand
        writer = csv.DictWriter(file, [*FEATURES, CLASS])
        writer.writeheader()
        for number in range(8):
            writer.writerow({**dict.fromkeys(FEATURES, number), CLASS: "AB"[number % 2]})
    assert forest_of([table]).card.shape.classes == ("A", "B")


def test_a_file_that_is_none_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text.tif").write_text("no image")
    done = run("classify", tmp_path / "text.tif", "-o", tmp_path / "out")
    assert done.code == 2
    assert "text.tif" in done.err
    assert len(done.error_lines) == 1

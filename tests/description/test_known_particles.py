"""Tables of known particles: the one of the package, corrected ones, and what is no such table."""

import csv
from pathlib import Path

import numpy as np
import pytest

from passband.description.known_particles import CLASS, forest_of
from passband.description.particle_classes import CLASSES
from passband.description.particle_features import FEATURES
from passband.recipe import PassbandError


def written(path: Path, classes: list[str], *, first: str = "0") -> Path:
    rng = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["label", *FEATURES, CLASS])
        for number, name in enumerate(classes):
            values = rng.normal(size=len(FEATURES)) + 4.0 * (name == "B")
            writer.writerow([number, *values.tolist(), name])
    if first != "0":
        lines = path.read_text().splitlines()
        lines[1] = ",".join([lines[1].split(",")[0], first, *lines[1].split(",")[2:]])
        path.write_text("\n".join(lines))
    return path


def test_the_particles_of_the_package_are_of_three_classes() -> None:
    card = forest_of([]).card
    assert card.shape.classes == CLASSES
    assert min(card.particles.values()) >= 20
    assert card.out_of_bag > 0.75
    assert card.shape.trees == 500


def test_tables_add_up_and_rows_without_a_class_are_left_out(tmp_path: Path) -> None:
    # rejects the last table alone, classes by their order in the file, and an empty class as one of its own
    first = written(tmp_path / "a.csv", ["B", "A", "", "fringes", " A "])
    second = written(tmp_path / "b.csv", ["A", "B", "fringes", "fringes"])
    card = forest_of([first, second], seed=3).card
    assert card.shape.classes == ("fringes", "A", "B")
    assert card.particles == {"fringes": 3, "A": 3, "B": 2}
    assert card.seed == 3


def test_what_is_no_table_of_particles(tmp_path: Path) -> None:
    (tmp_path / "plain.csv").write_text("x,y\n1,2\n")
    with pytest.raises(PassbandError, match=r"plain\.csv has no column 'spectrum_mean'"):
        forest_of([tmp_path / "plain.csv"])
    with pytest.raises(PassbandError, match=r"1 classes are too few"):
        forest_of([written(tmp_path / "one.csv", ["A", "A"])])
    with pytest.raises(PassbandError, match=r"a feature is no number .*'high'.*mend the row"):
        forest_of([written(tmp_path / "word.csv", ["A", "A", "B", "B"], first="high")])
    with pytest.raises(PassbandError, match="1 particles of class 'B' are too few"):
        forest_of([written(tmp_path / "few.csv", ["A", "A", "B"])])

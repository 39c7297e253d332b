"""Particles of a drawn micrograph get the class of their own spectrum, in a table that a forest can be grown on."""

import csv
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from passband.description.known_particles import CLASS, forest_of
from passband.description.particle_classes import grow_forest
from passband.description.particle_features import FEATURES, particle_features
from passband.description.particles import measure_particles
from passband.files.micrograph import Micrograph
from passband.segmentation.segmenter import Segmentation
from passband.verdict.classifying import FileClassifier
from passband.verdict.segmenting import FileSegmenter, Segmented
from passband.verdict.verdict import Verdict

STEP = 0.5  # Å
TOUCHING = 62.0  # Å: discs of two materials


def drawn(seed: int = 0, right: float = 96.0) -> tuple[np.ndarray, np.ndarray]:
    """A disc with fringes to the left and one without at `right`, and a speck; their mask."""
    y, x = np.mgrid[:128, :256] * STEP
    left, other = np.hypot(y - 32.0, x - 32.0) < 16.0, np.hypot(y - 32.0, x - right) < 16.0
    speck = np.hypot(y - 6.0, x - 112.0) < 3.0
    image = np.random.default_rng(seed).normal(0.0, 0.3, y.shape) + left * np.cos(2.0 * np.pi * x / 3.5)
    return image, (left | other | speck).astype(np.uint8)


class _Segmenter:
    """Finds the drawn mask."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self.classes = classes

    def segmented(self, micrograph: Micrograph) -> Segmented:
        _, mask = drawn(right=TOUCHING if len(self.classes) > 2 else 96.0)
        if len(self.classes) > 2:
            mask = mask * (1 + (np.arange(256) >= 94)).astype(np.uint8)
        found = Segmentation(mask, self.classes, (STEP, STEP))
        rows = measure_particles(mask, STEP, classes=self.classes)
        return Segmented(found, rows, Verdict("no objection", ()))


@pytest.mark.parametrize("classes", [("background", "particle"), ("background", "Au", "C")])
def test_each_particle_gets_its_own_class(tmp_path: Path, classes: tuple[str, ...]) -> None:
    # rejects rows joined by their order (the speck comes first), a material for a class, two materials in one particle
    values, label = [], []
    for seed in range(1, 13):
        image, mask = drawn(seed)
        numbers = mask.astype(int) * (1 + (np.arange(256) > 150))
        values.append(particle_features(image, numbers, STEP).values)
        label += [0, 1]
    forest = grow_forest(np.concatenate(values), label, FEATURES, classes=("lattice", "none"), trees=50)
    place = 96.0 if len(classes) == 2 else TOUCHING
    image, _ = drawn(right=place)
    sorter = FileClassifier(cast(FileSegmenter, _Segmenter(classes)), forest)
    micrograph = Micrograph(image, pixel_size=(STEP, STEP))
    row = sorter.write(micrograph, Path("drawn.tif"), tmp_path, stem="drawn")
    assert row["classes"] == {"lattice": 1, "none": 1, "too small": 1}
    assert (row["particles"], row["warning"], row["verdict"]) == (3, "", "no objection")
    with Path(row["table"]).open(newline="") as file:
        rows = {round(float(one["centroid_x_nm"])): one for one in csv.DictReader(file)}
    assert {place: one[CLASS] for place, one in rows.items()} == {
        3: "lattice",
        round(place / 10.0): "none",
        11: "",
    }
    assert float(rows[3]["probability lattice"]) > 0.5
    assert float(rows[3]["peak"]) > 2.0 * float(rows[round(place / 10.0)]["peak"])
    assert rows[11]["peak"] == ""
    assert rows[3].get("class") == (None if len(classes) == 2 else "Au")
    assert (tmp_path / "drawn.mask.tif").exists()

    with pytest.raises(ValueError, match="1 particles of class"):
        forest_of([Path(row["table"])])

"""One micrograph after the other: its particles segmented by a network, and each given a class."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from skimage.measure import label

from passband.description.known_particles import CLASS
from passband.description.particle_classes import ParticleClassifier
from passband.description.particle_features import FEATURES, particle_features
from passband.description.particles import particle_columns
from passband.files.micrograph import Micrograph
from passband.files.own_files import CLASSES_ENDING
from passband.tabular import write_csv
from passband.verdict.segmenting import FileSegmenter, warning


class FileClassifier:
    """A network that finds particles and a forest that tells their classes.

    Parameters
    ----------
    segmenter
        The network.
    classifier
        The forest.
    """

    def __init__(self, segmenter: FileSegmenter, classifier: ParticleClassifier) -> None:
        self.segmenter, self.classifier = segmenter, classifier

    def write(self, micrograph: Micrograph, path: Path, output: Path, *, stem: str) -> dict[str, Any]:
        """Write the mask and the tables of a micrograph of known pixel size; return one row that says what was found.

        The class of a particle that is too small to be described is empty.

        Raises
        ------
        PassbandError
            The network cannot look at the image, or its pixels show no fringes.
        """
        found = self.segmenter.segmented(micrograph)
        mask = found.segmentation.labels
        several = len(found.segmentation.classes) > 2
        numbers = np.asarray(label(mask if several else mask != 0, connectivity=2))  # type: ignore[no-untyped-call]
        told = particle_features(micrograph.array, numbers, found.segmentation.pixel_size)
        names = self.classifier.card.shape.classes
        chances = self.classifier.probabilities(told.values)
        of_number = {
            int(number): {
                CLASS: names[int(np.argmax(chance))],
                **{f"probability {name}": one for name, one in zip(names, chance, strict=True)},
                **dict(zip(FEATURES, values, strict=True)),
            }
            for number, values, chance in zip(told.label, told.values.tolist(), chances.tolist(), strict=True)
        }
        rows = [{**row, CLASS: "", **of_number.get(row["label"], {})} for row in found.particles]
        found.write(micrograph, output, stem=stem)
        table, known = output / f"{stem}{CLASSES_ENDING}", particle_columns(found.segmentation.classes)
        columns = (*known, CLASS, *(f"probability {name}" for name in names), *FEATURES)
        write_csv(table, rows, columns, digits=5, line_end="\n")
        counts = Counter(row[CLASS] or "too small" for row in rows)
        return {
            "image": str(path),
            "table": str(table),
            "particles": len(rows),
            "classes": {name: counts[name] for name in (*names, "too small")},
            "verdict": found.verdict.outcome,
            "warning": warning(path, found.verdict),
        }

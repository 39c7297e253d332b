"""One micrograph after the other through a network: segmented, assessed, and written with the table of particles."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from passband.description.particles import measure_particles, particle_columns
from passband.files.micrograph import Micrograph
from passband.segmentation.model import load_model
from passband.segmentation.results import write_results
from passband.segmentation.segment import segment
from passband.segmentation.segmenter import Segmentation
from passband.segmentation.specks import SPECK
from passband.verdict.assessment import Assessor
from passband.verdict.verdict import Verdict


class Segmented(NamedTuple):
    """A micrograph's segmentation, and the particles in it."""

    segmentation: Segmentation
    particles: list[dict[str, Any]]

    def write(self, micrograph: Micrograph, output: Path, *, stem: str) -> dict[str, Path]:
        """Write the four files of one image; errors as `segmentation.results.write_results`."""
        columns = particle_columns(self.segmentation.classes)
        return write_results(self.segmentation, micrograph.array, self.particles, output, stem=stem, columns=columns)


class FileSegmenter:
    """A loaded network, what to weigh its answers by, and how to apply it to one file after the other."""

    def __init__(
        self, folder: Path, *, device: str = "cpu", tta: bool = False, minimum_area_nm2: float = SPECK
    ) -> None:
        self.folder = folder
        self.model = load_model(folder, device=device)
        self.assessor = Assessor(self.model)
        self.tta = tta
        self.minimum_area_nm2 = minimum_area_nm2

    def segmented(self, micrograph: Micrograph) -> Segmented:
        """Return the segmentation and the particles of a micrograph of known pixel size."""
        found = segment(micrograph, self.model, symmetries=8 if self.tta else 1, minimum_area_nm2=self.minimum_area_nm2)
        particles = measure_particles(
            found.labels, found.pixel_size, probability=found.foreground, classes=found.classes
        )
        return Segmented(found, particles)

    def write(self, micrograph: Micrograph, path: Path, output: Path, *, stem: str) -> dict[str, Any]:
        """Segment a micrograph of known pixel size and write its results; return one row that says what was written.

        Raises
        ------
        PassbandError
            The network cannot look at it.
        """
        found = self.segmented(micrograph)
        outputs = found.write(micrograph, output, stem=stem)
        labels = found.segmentation.labels
        # a verdict for every image of a session should cost no more than its mask; `passband trust` takes its time
        verdict = self.assessor.assess(micrograph, quick=True)
        diameters = [float(row["equivalent_diameter_nm"]) for row in found.particles]
        return {
            "image": str(path),
            "mask": str(outputs["mask"]),
            "shape": list(labels.shape),
            "pixel_size_A": list(found.segmentation.pixel_size),
            "particles": len(found.particles),
            "coverage": float((labels > 0).mean()),
            "mean_diameter_nm": float(np.mean(diameters)) if diameters else None,
            "model": str(self.folder),
            "verdict": verdict.outcome,
            "trust": verdict.line(),
            "predicted_dice": None if verdict.dice is None else verdict.dice.value,
            "predicted_loss": None if verdict.loss is None else verdict.loss.value,
            "warning": warning(path, verdict),
            "outputs": {kind: str(file) for kind, file in outputs.items()},
        }


def warning(path: Path, verdict: Verdict) -> str:
    """Return why a mask should not be believed, or nothing."""
    reasons = "; ".join(verdict.reasons)
    return f"{path}: do not trust this mask: {reasons}" if verdict.outcome == "outside" else ""

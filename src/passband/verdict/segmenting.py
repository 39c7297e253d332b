"""One micrograph after the other through a network: segmented, assessed, and written with the table of particles."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from passband.camera.image_area import image_area
from passband.description.particles import measure_particles, particle_columns
from passband.files.micrograph import Micrograph
from passband.segmentation.model import load_model
from passband.segmentation.results import write_results
from passband.segmentation.segmenter import Segmentation
from passband.segmentation.specks import SPECK, without_specks
from passband.verdict.assessment import Assessor
from passband.verdict.verdict import Verdict


class Segmented(NamedTuple):
    """A micrograph's segmentation, the particles in it, and the verdict on it."""

    segmentation: Segmentation
    particles: list[dict[str, Any]]
    verdict: Verdict

    def write(self, micrograph: Micrograph, output: Path, *, stem: str) -> dict[str, Path]:
        """Write the four files of one image; errors as `segmentation.results.write_results`."""
        columns = particle_columns(self.segmentation.classes)
        doubt, target = self.verdict.error_probability, output / stem
        return write_results(
            self.segmentation, micrograph.array, self.particles, target, columns=columns, error_probability=doubt
        )


class FileSegmenter:
    """A loaded network, what to weigh its answers by, and how to apply it to one file after the other."""

    def __init__(
        self, folder: Path, *, device: str = "cpu", tta: bool = False, minimum_area_nm2: float = SPECK
    ) -> None:
        self.folder = folder
        self.model = load_model(folder, device=device)
        self.assessor = Assessor(self.model, symmetries=8 if tta else 1)
        self.minimum_area_nm2 = minimum_area_nm2

    def segmented(self, micrograph: Micrograph) -> Segmented:
        """Return segmentation, particles and verdict of a micrograph of known pixel size, from one pass of the network.

        No better setting is looked for; `passband trust` takes that time.
        """
        verdict = self.assessor.assess(micrograph, quick=True)
        assert verdict.segmentation is not None
        found = without_specks(verdict.segmentation, minimum_area_nm2=self.minimum_area_nm2)
        particles = measure_particles(
            found.labels,
            found.pixel_size,
            probability=found.foreground,
            classes=found.classes,
            image_area=image_area(micrograph.array),
        )
        return Segmented(found, particles, verdict)

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
        verdict = found.verdict
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
            "predicted_error_area": None if verdict.error_area is None else verdict.error_area.as_dict(),
            "failure_probability": verdict.failure_probability,
            "failure_limit": verdict.failure_limit,
            "flags": list(verdict.flags),
            "predicted_dice": None if verdict.dice is None else verdict.dice.value,
            "predicted_loss": None if verdict.loss is None else verdict.loss.value,
            "warning": warning(path, verdict),
            "outputs": {kind: str(file) for kind, file in outputs.items()},
        }


def warning(path: Path, verdict: Verdict) -> str:
    """Return why a mask should not be believed, and what needs no network; or nothing."""
    if verdict.outcome != "outside":
        return ""
    reasons = "; ".join(verdict.reasons)
    return f"{path}: do not trust this mask: {reasons}; passband zeroshot finds materials without a network"

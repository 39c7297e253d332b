"""One micrograph through a network: predict, judge, and write mask, probability, overlay and table of particles."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from passband.description.particles import measure_particles, without_specks, write_particles
from passband.files.micrograph import Micrograph
from passband.files.writing import write_image_tiff, write_mask_tiff, write_overlay_png
from passband.segmentation.model import load_model
from passband.segmentation.results import result_files
from passband.verdict.assessment import Assessor
from passband.verdict.verdict import Verdict

#: nm²; a disc of 0.5 nm across, a fraction of the smallest particle that a network is trained on.
SPECK = 0.2


class Segmentation(NamedTuple):
    """What a network says about one micrograph."""

    probability: NDArray[np.float32]  # (y, x), of anything that is not background
    mask: NDArray[np.uint8]  # (y, x), 0 = background
    particles: list[dict[str, Any]]


class Segmenter:
    """A loaded network and how to apply it."""

    def __init__(
        self, folder: Path, *, device: str = "cpu", tta: bool = False, minimum_area_nm2: float = SPECK
    ) -> None:
        self.folder = folder
        self.model = load_model(folder, device=device)
        self.assessor = Assessor(self.model)
        self.tta = tta
        self.minimum_area_nm2 = minimum_area_nm2

    def predict(self, image: NDArray[Any], pixel_size: tuple[float, float]) -> Segmentation:
        """Return the mask and the particles of an image (y, x) of `pixel_size` (y, x) Å."""
        probabilities = self.model.predict(image, pixel_size, symmetries=8 if self.tta else 1)  # (classes, y, x)
        classes = np.asarray(probabilities.argmax(axis=0), dtype=np.uint8)
        mask = without_specks(classes, pixel_size, minimum_area_nm2=self.minimum_area_nm2)
        probability = np.asarray(1.0 - probabilities[0], dtype=np.float32)
        return Segmentation(probability, mask, measure_particles(mask, pixel_size, probability=probability))

    def segment(self, micrograph: Micrograph, path: Path, output: Path, *, stem: str) -> dict[str, Any]:
        """Segment a micrograph of known pixel size and write its results; return one row that says what was written.

        Raises
        ------
        PassbandError
            The network cannot look at it.
        """
        pixel_size = micrograph.known_pixel_size
        result = self.predict(micrograph.array, pixel_size)
        outputs = write_results(result, micrograph.array, pixel_size, output, stem=stem)
        # a verdict for every image of a session should cost no more than its mask; `passband trust` takes its time
        verdict = self.assessor.assess(micrograph, quick=True)
        diameters = [float(row["equivalent_diameter_nm"]) for row in result.particles]
        return {
            "image": str(path),
            "mask": str(outputs["mask"]),
            "shape": list(result.mask.shape),
            "pixel_size_A": list(pixel_size),
            "particles": len(result.particles),
            "coverage": float((result.mask > 0).mean()),
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


def write_results(
    result: Segmentation, image: NDArray[Any], pixel_size: tuple[float, float], output: Path, *, stem: str
) -> dict[str, Path]:
    """Write the four files of one image; the mask comes last, so that its presence means that all are there.

    Raises
    ------
    PassbandError
        A mask or an image that is not passband's has the name of one of them.
    """
    files = result_files(output, stem)
    write_image_tiff(files["probability"], result.probability, pixel_size)
    write_overlay_png(files["overlay"], image, result.mask, pixel_size)
    write_particles(result.particles, files["particles"])
    write_mask_tiff(files["mask"], result.mask, pixel_size)
    return files

"""The images of the study: pristine simulations, the held-out microscope's, and crops of real micrographs."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from passband.dataset.acquisition import Acquisition
from passband.dataset.scan_imaging import ScanImaging
from passband.dataset.scan_simulation import ScanSimulation
from passband.dataset.simulate import simulate
from passband.dataset.store import WaveStore
from passband.durable import write_atomically
from passband.files.reading import read_micrograph
from passband.patches.resampling import resample_to_pixel
from passband.specimen.scanned import ScannedSpecimens
from studies.realism.study import RealFile, StudyPlan

#: Added to a seed: sets of one repetition share no structure.
SIMULATED, REAL, TESTED = 0, 100_000, 200_000

Images = NDArray[np.float32]


class Imaged(NamedTuple):
    """Images (n, y, x), classes of their defects, and where they show columns; both (n, y, x), uint8."""

    images: Images
    masks: NDArray[np.uint8]
    columns: NDArray[np.uint8]


class Makes(NamedTuple):
    """What images are made of: specimens, how many, and the seed of structures, places and electrons."""

    specimens: ScannedSpecimens
    number: int
    seed: int

    def simulation(self, truth: str) -> ScanSimulation:
        """Return the structures, with one truth; the same ones for each."""
        values = {"specimens": self.specimens, "structures": self.number, "seed": self.seed, "truth": truth}
        return ScanSimulation.model_validate(values | {"displacement": 0.06})

    def store(self, work: Path, truth: str = "defect") -> WaveStore:
        """Return the store of the structures."""
        recipe = self.simulation(truth)
        return simulate(recipe, work / "stores" / recipe.identity)


def imaged(makes: Makes, imaging: ScanImaging, work: Path) -> Imaged:
    """Image every structure once; what is there is read back."""
    path = work / "images" / f"{makes.simulation('defect').identity}-{imaging.identity}-{makes.seed}.npz"
    if path.exists():
        with np.load(path) as kept:
            return Imaged(kept["images"], kept["masks"], kept["columns"])
    parts = []
    for truth in ("defect", "kind"):
        one = Acquisition(makes.store(work, truth), imaging, seed=makes.seed, in_turn=True)
        batches = [one.batch(step, 1) for step in range(makes.number)]
        parts.append((np.stack([batch.images[0, 0].numpy() for batch in batches]), [b.masks[0] for b in batches]))
    defects, columns = (np.stack([mask.numpy() for mask in masks]).astype(np.uint8) for _, masks in parts)
    found = Imaged(parts[0][0], defects, columns)
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, **found._asdict())
    return found


def _write(path: Path, **arrays: NDArray[np.generic]) -> None:
    import io

    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    write_atomically(path, buffer.getvalue())


def at_size(plan: StudyPlan, imaging: ScanImaging) -> ScanImaging:
    """Return an imaging with the pixels and the side of the study's images."""
    return imaging.at_pixel(plan.pixel_size, plan.side).model_copy(update={"patches_per_field": 1})


class RealCrops(NamedTuple):
    """Crops of the left half of a real micrograph, to be imitated, and of the right half, to be scored against.

    `raw` is the left half as it was recorded, (1, y, x), and `raw_pixel` its pixel size, Å.
    """

    imitated: Images
    held: Images
    raw: Images
    raw_pixel: float


def real_crops(plan: StudyPlan, one: RealFile, folder: Path) -> RealCrops:
    """Read a real micrograph."""
    micrograph = read_micrograph(folder / one.file)
    halves = np.array_split(micrograph.array.astype(np.float32), 2, axis=1)
    size = micrograph.known_pixel_size
    left, right = (np.stack(_tiles(resample_to_pixel(half, size, plan.pixel_size), plan.side)) for half in halves)
    return RealCrops(left, right, halves[0][None], float(np.mean(size)))


def _tiles(image: Images, side: int) -> list[Images]:
    """Cut tiles that overlap as little as they can; smaller ones where the image is."""
    side = min(side, *image.shape)
    starts = [np.linspace(0, length - side, -(-length // side)).round().astype(int) for length in image.shape]
    return [image[top : top + side, left : left + side] for top in starts[0] for left in starts[1]]

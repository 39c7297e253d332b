"""Micrographs of a plan as files beside their masks, for translations and for other programs."""

from pathlib import Path

from passband.camera.scanner import ScannerDistribution
from passband.dataset.acquisition import Acquisition
from passband.dataset.beam_path import ImagingRecipe, of_kind
from passband.dataset.scan_imaging import ScanImaging
from passband.dataset.store import WaveStore
from passband.experiment.plan import Plan
from passband.files.writing import write_image_tiff, write_mask_tiff
from passband.progress import ProgressCallback

STILL = ScannerDistribution(dwell_time=2e-5, beam_current=1e-7)  # some 10⁷ electrons a position: next to no noise


def pristine(imaging: ImagingRecipe) -> ScanImaging:
    """Return the imaging of a scan without a scan and without noise: the probe and its spread of settings alone.

    Raises
    ------
    PassbandError
        It is of another beam path.
    """
    scan = of_kind(imaging, ScanImaging)
    conditions = scan.conditions.model_copy(update={"dose": None, "jitter": None})
    return scan.model_copy(update={"camera": STILL, "conditions": conditions, "steps": None})


def write_micrographs(
    plan: Plan, store: WaveStore, folder: Path, count: int, *, progress: ProgressCallback | None = None
) -> None:
    """Write micrographs of a plan, one structure after the other, as `0000.tif` with `0000.mask.tif` beside it.

    Parameters
    ----------
    plan
        Says how they are taken, and with its seed of the training what is drawn; images are of `imaging.patch` pixels.
    store
        Of its structures.
    folder
        Made where it is not there.
    count
        How many; the first are the same for any number.
    progress
        Called with micrographs done, micrographs in all and a note.
    """
    imaging = plan.imaging.model_copy(update={"patches_per_field": 1})
    stream = Acquisition(store, imaging, seed=plan.training.seed, in_turn=True)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        batch = stream.batch(number, 1)
        side = float(batch.rows[0]["pixel_size"])
        write_mask_tiff(folder / f"{number:04d}.mask.tif", batch.masks[0].cpu().numpy(), (side, side))
        write_image_tiff(folder / f"{number:04d}.tif", batch.images[0, 0].cpu().numpy(), (side, side))
        if progress is not None:
            progress(number + 1, count, note="")

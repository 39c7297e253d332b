"""A plan as one session would record it, and what its images look like."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from passband.camera.fitted_noise import FittedNoise, KnownScan
from passband.dataset.acquisition import Acquisition
from passband.dataset.fitted_imaging import fitted_imaging
from passband.dataset.scan_imaging import ScanImaging
from passband.dataset.scan_simulation import ScanSimulation
from passband.dataset.store import WaveStore
from passband.experiment.evaluation import structures
from passband.experiment.plan import Plan
from passband.files.listing import find_images
from passband.files.reading import open_micrograph
from passband.files.session_noise import fit_session
from passband.scores.session_reference import SessionReference

FRAMES, FRAME = 48, 192  # images of the training that a network's own are told by, and pixels of them


def wants_session(plan: Plan) -> bool:
    """Whether the network of a plan is to tell images of another session: one that finds defects."""
    return isinstance(plan.simulation, ScanSimulation) and plan.simulation.truth == "defect"


def simulated_session(plan: Plan, store: WaveStore) -> SessionReference:
    """Return what the images of a plan's training look like."""
    imaging = plan.imaging.model_copy(update={"patch": FRAME, "patches_per_field": 1})
    indices = structures(plan.experiment(), store, "train")
    stream = Acquisition(store, imaging, indices=indices, seed=plan.training.seed)
    return SessionReference.of_images([stream.batch(step, 1).images[0, 0].numpy() for step in range(FRAMES)])


def session_imaging(imaging: ScanImaging, noise: FittedNoise, store: WaveStore, *, seed: int = 0) -> ScanImaging:
    """Replace what an imaging says of the scan by what was fitted to a session; errors as `fitted_imaging`.

    The source size that is fitted holds all that widens columns, so that aberrations and focal spread go with it.
    """
    if noise.source_size_A.value is not None:
        sharp = imaging.conditions.model_copy(update={"aberrations": {}, "focal_spread": 0.0})
        imaging = imaging.model_copy(update={"conditions": sharp})
    return fitted_imaging(imaging, noise, store, seed=seed)


def session_noise(
    session: Sequence[str | Path], imaging: ScanImaging, *, pixel_size: float | None = None
) -> FittedNoise:
    """Noise of a session: read from what `passband translate fit-noise` wrote, or fitted to its images.

    Parameters
    ----------
    session
        One JSON file of that command, or images, folders of them, or patterns.
    imaging
        Of a plan: its semi-angle, and its energy where the files say none.
    pixel_size
        Å; replaces what the files say.

    Raises
    ------
    PassbandError
        A file cannot be read, or the images are not of one session.
    """
    if len(session) == 1 and Path(session[0]).suffix.lower() == ".json":
        return FittedNoise.read(session[0])
    paths = find_images([str(one) for one in session])
    real = [open_micrograph(path, pixel_size=pixel_size, need_pixel_size=False) for path in paths]
    beam = imaging.conditions.sample(1, np.random.default_rng(0))[0]
    said = any(one.energy is not None for one in real)
    known = KnownScan(pixel_size=pixel_size, energy=None if said else beam.energy, semi_angle=beam.semi_angle)
    return fit_session(real, known)

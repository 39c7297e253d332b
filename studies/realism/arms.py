"""Ways from pristine simulations to training images that look like a session's."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter

from passband.camera.fitted_noise import FittedNoise, KnownScan
from passband.camera.noise_fitting import fit_noise
from passband.camera.scanner import ScannerDistribution
from passband.dataset.scan_imaging import ScanImaging
from passband.experiment.session import session_imaging
from passband.generation.domain import Domain
from passband.generation.translation import Translation
from passband.generation.translation_training import train_translation
from studies.realism.images import Imaged, Images, Makes, imaged
from studies.realism.study import CEILING, Arm, Translations

SHEAR, SCALE, JITTER = 0.01, 0.01, 1.0  # of the paper's manual noise: parts, and pixels
NOISE = 0.15  # of the range of an image: the middle of the paper's 0.1 to 0.2
SLOW = 15.0  # pixels: what is slower of a real image is its background


class Imitation(NamedTuple):
    """Training images that an arm made, their masks, what they were made of where that is pixel by pixel, and notes."""

    images: Images
    masks: NDArray[np.uint8]
    source: Images | None
    translation: Translation | None
    about: dict[str, Any]


class Imitated(NamedTuple):
    """What is imitated, and what of: unlabelled real images (n, y, x), pristine ones, and how these are made.

    `raw` are the real images on the pixels that they were recorded with, of `raw_pixel` Å: resampling changes noise.
    `recorded` is how the session records, which no arm knows; None of real files.
    """

    real: Images
    pristine: Imaged
    makes: Makes
    imaging: ScanImaging
    pixel_size: float
    raw: Images
    raw_pixel: float
    recorded: ScanImaging | None = None


def imitation(arm: Arm, session: Imitated, how: Translations, work: Path) -> Imitation:
    """Make training images with an arm that sees the unlabelled images of a session."""
    real, pristine, makes = session.real, session.pristine, session.makes
    if arm == "pristine":
        return Imitation(pristine.images, pristine.masks, pristine.images, None, {})
    if arm == "manual noise":
        images, masks = manual_noise(pristine, real, seed=makes.seed)
        return Imitation(images, masks, None, None, {})
    if arm == "fitted physics":
        beam = session.imaging.conditions.sample(1, np.random.default_rng(0))[0]
        known = KnownScan(
            pixel_size=session.raw_pixel,
            energy=beam.energy,
            semi_angle=beam.semi_angle,
            lattice=(1.0, 2.0 * np.pi / 3.0),
        )
        fitted = fit_noise(list(session.raw), known)
        found = imaged(makes, physics(session, fitted, work), work)
        return Imitation(found.images, found.masks, None, None, {"fitted": fitted.model_dump(mode="json")})
    if arm == CEILING:
        assert session.recorded is not None  # real files have no such arm
        found = imaged(makes, session.recorded, work)
        return Imitation(found.images, found.masks, None, None, {})
    translation = translated(arm, session, how, work)
    pixel_size = session.pixel_size
    made = [translation.apply(image, pixel_size, seed=number) for number, image in enumerate(pristine.images)]
    about = {"alarms": list(translation.card.alarms), "seconds": translation.card.seconds}
    return Imitation(np.stack(made), pristine.masks, pristine.images, translation, about)


def manual_noise(pristine: Imaged, real: Images, *, seed: int) -> tuple[Images, NDArray[np.uint8]]:
    """Noise as Khan et al. put it on by hand: shear, contraction, shifted rows, white noise, a real background.

    Their background is a high-passed experiment's; here it is what the high pass takes off a real image.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 11]))
    images, masks = [], []
    for image, mask in zip(pristine.images, pristine.masks, strict=True):
        matrix = np.eye(2) * (1.0 + rng.normal(0.0, SCALE)) + np.array([[0.0, rng.normal(0.0, SHEAR)], [0.0, 0.0]])
        offset = 0.5 * (np.array(image.shape) - 1) @ (np.eye(2) - matrix).T
        moved = affine_transform(image, matrix, offset, order=1, mode="reflect")
        shifts = np.rint(rng.normal(0.0, JITTER, len(image))).astype(int)
        rows = np.stack([np.roll(row, shift) for row, shift in zip(moved, shifts, strict=True)])
        low, high = np.quantile(rows, (0.001, 0.999))
        noisy = rows + NOISE * 0.5 * (high - low) * rng.normal(size=rows.shape)
        images.append(noisy + _background(real, image.shape, rng) * rows.std())
        masks.append(affine_transform(mask, matrix, offset, order=0, mode="reflect"))
    return np.stack(images).astype(np.float32), np.stack(masks)


def _background(real: Images, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return what is slow in a real image, in units of the deviation of that image."""
    chosen = real[int(rng.integers(len(real)))].astype(np.float64)
    slow = gaussian_filter(chosen, SLOW) - chosen.mean()
    wide = [max(0, side - have) for side, have in zip(shape, slow.shape, strict=True)]
    padded = np.pad(slow, [(0, more) for more in wide], mode="symmetric")
    inside = padded[: shape[0], : shape[1]] / chosen.std()
    return np.asarray(inside)


def physics(session: Imitated, fitted: FittedNoise, work: Path) -> ScanImaging:
    """Return the imaging whose noise and scan are those that were fitted; what was not told is left out."""
    still = ScannerDistribution(dwell_time=2e-5, beam_current=3e-11)
    plain = session.imaging.model_copy(update={"camera": still})
    made = session_imaging(plain, fitted, session.makes.store(work), seed=session.makes.seed)
    return made.model_copy(update={"steps": None}) if session.raw_pixel == session.pixel_size else made


def translated(arm: Arm, session: Imitated, how: Translations, work: Path) -> Translation:
    """Train the generator of an arm; stopped, the same call goes on."""
    chosen = {
        "method": how.contrastive if arm == "contrastive" else how.cyclegan,
        "spectrum": arm != "cyclegan without spectra",
    }
    recipe = how.recipe.model_copy(update=chosen)
    pristine = session.pristine
    simulated = Domain.of_arrays("simulated", pristine.images, session.pixel_size, pristine.columns)
    real = Domain.of_arrays("real", session.real, session.pixel_size)
    training = how.training.model_copy(update={"seed": session.makes.seed})
    return train_translation(simulated, real, recipe, work, training=training)

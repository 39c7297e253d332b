"""Is the mask stable: under another pixel size, a slight blur and added noise."""

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.ndimage import gaussian_filter

from passband.checks.check import Check
from passband.checks.subject import Array, Image, Subject
from passband.patches.resampling import resample
from passband.patches.standardising import standardised
from passband.segmentation.catalogue import finds_columns

SCALE = 1.2
BLUR = 1.0  # pixels
NOISE = 0.5  # of the standard deviation of the image


def _changed(subject: Subject, disturb: Callable[[Image], Image]) -> float:
    """Median over squares of the share of the area that changes when each is disturbed, seen at its own size again."""
    shape = (subject.squares.shape[1], subject.squares.shape[2])
    disturbed = np.stack([standardised(disturb(square)) for square in subject.squares])
    found: Array = np.clip(resample(subject.segmented(disturbed), shape), 0.0, 1.0).astype(np.float64)
    return float(np.median(np.abs(found - subject.foreground).mean(axis=(1, 2))))


def _scaled(square: Image, factor: float) -> Image:
    return resample(square, (round(factor * square.shape[0]), round(factor * square.shape[1])))


def _blurred(square: Image) -> Image:
    return np.asarray(gaussian_filter(square, BLUR), dtype=np.float32)


def _noisy(square: Image) -> Image:
    noise = np.random.default_rng(0).normal(size=square.shape)
    return np.asarray(square + NOISE * square.std() * noise, dtype=np.float32)


def _scale(subject: Subject) -> float:
    return max(_changed(subject, partial(_scaled, factor=factor)) for factor in (SCALE, 1.0 / SCALE))


def _noise(subject: Subject) -> float | None:
    """Nothing of networks that find columns: whatever it found, the probability that the mask fails had told."""
    return None if finds_columns(subject.model.card) else _changed(subject, _noisy)


LOOK = "look at the mask before using it"
TOLD = 0  # what it says of a mask, the probability that it fails says too

UNSTABLE_SCALE = Check(
    modes=("TEM", "SEM"),
    name="unstable_scale",
    word="unstable scale",
    text=f"the mask is another one for a pixel size that is 20 % larger or smaller: check the pixel size, and {LOOK}",
    level=TOLD,
    measure=_scale,
)
UNSTABLE_BLUR = Check(
    modes=("TEM", "SEM"),
    name="unstable_blur",
    word="unstable blur",
    text=f"the mask is another one after a blur of one pixel: {LOOK}",
    level=TOLD,
    measure=lambda subject: _changed(subject, _blurred),
)
UNSTABLE_NOISE = Check(
    name="unstable_noise",
    word="unstable noise",
    text=f"the mask is another one with a little more noise: {LOOK}",
    level=TOLD,
    measure=_noise,
)

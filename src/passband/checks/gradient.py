"""Is the image uneven from one side to the other: a gradient or a bend that is stronger than what is in the image."""

import numpy as np

from passband.checks.check import Check
from passband.checks.subject import Subject, fitted_surface
from passband.patches.resampling import resample

COARSE = 64  # pixels along each side, which a slow change is seen on as well


def _gradient(subject: Subject) -> float:
    """Share of the variance of the image that a quadratic surface explains."""
    image = np.asarray(subject.image, dtype=np.float64)
    means = resample(image, (min(COARSE, image.shape[0]), min(COARSE, image.shape[1])))
    fitted = fitted_surface(means)
    total = float(image.var())
    return float(fitted.var()) / total if total > 0 else 0.0


GRADIENT = Check(
    modes=("TEM", "SEM"),
    name="gradient",
    word="gradient",
    text="a slow gradient is a large part of its contrast: take it away by a flat-field correction or a fit",
    level=1,
    measure=_gradient,
    least=0.3,
)

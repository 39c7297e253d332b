"""Is the contrast inverted: in bright field, particles are darker than the film, and electrons make bright grain.

The negative is segmented too. In it, what was darker is brighter, so that one number tells an image from its negative:
how the masks of both go with the grey level of the image.
"""

import numpy as np
from scipy.ndimage import gaussian_filter

from passband.checks.check import Check
from passband.checks.grain import central, grain
from passband.checks.subject import Array, Subject, texture
from passband.patches.resampling import resample

BLUR = 4.0  # pixels, of the grey level
DARK = -0.4  # brightness of particles that are dark beyond doubt
FAINT = 0.05  # standard deviation of a probability, of a mask that hardly says anything


def brightness(foreground: Array, image: Array) -> float:
    """Correlation of a mask (y, x) with the grey level of an image: negative where particles are dark."""
    level = gaussian_filter(np.asarray(image, dtype=np.float64), BLUR)
    deviation = float(level.std())
    shared = float(((foreground - foreground.mean()) * level).mean())
    return shared / ((float(foreground.std()) + FAINT) * deviation) if deviation > 0 else 0.0


def _bright_particles(subject: Subject) -> float:
    """Median over squares of the brightness of what the image and its negative show as particles."""
    both = zip(subject.foreground, subject.negative, subject.squares, strict=True)
    return float(np.median([brightness(one, image) + brightness(other, image) for one, other, image in both]))


def _dark_grain(subject: Subject) -> float:
    """Of the film alone, as fringes are skewed by themselves, and on the scale of images as large as `Subject.side`.

    Without that scale a large image would exceed what is rare for the images that the network was measured on. A tone
    curve that is bent down (a gamma below 1) skews the grain as a negative does, but leaves particles dark: of images
    whose particles are dark beyond doubt, no dark grain is told.
    """
    middle = central(subject.recorded)
    particles = subject.segmented(subject.model.at_network(middle, subject.pixel_size)[None])
    film = resample(particles[0], (middle.shape[0], middle.shape[1])) < 0.5
    scale = subject.side / max(subject.side, float(np.sqrt(np.count_nonzero(film))))
    dark = -grain(texture(middle), film) * scale
    return min(dark, 0.0) if _bright_particles(subject) < DARK else dark


def _follows_grey(subject: Subject) -> float:
    """Median over squares of the share of the area that changes when the image is made its negative."""
    return float(np.median(np.abs(subject.foreground - subject.negative).mean(axis=(1, 2))))


CURE = "if the file is a negative, or dark field, or STEM, make it bright field: dark particles on a bright film"

BRIGHT_PARTICLES = Check(
    modes=("TEM",),
    name="bright_particles",
    word="inverted",
    text=f"the particles are brighter than the film: {CURE}",
    level=2,
    measure=_bright_particles,
)
DARK_GRAIN = Check(
    modes=("TEM",),
    name="dark_grain",
    word="inverted",
    text=f"the noise is skewed to the dark side, as in a negative: {CURE}",
    level=2,
    measure=_dark_grain,
    least=2.5,
    calibrated=False,
)
FOLLOWS_GREY = Check(
    modes=("TEM", "SEM"),
    name="follows_grey",
    word="unstable contrast",
    text="the mask of its negative is quite another one, so the network follows grey levels and no structure: look at "
    "the mask before using it",
    level=1,
    measure=_follows_grey,
)

"""Is it phase contrast: in HRTEM a film has grain, so that the power of an image does not fall from slow to fast.

What an annular detector or secondary electrons show follows mass, thickness and edges: nearly all of its power is slow,
and what is fast is noise. In lattice images of particles on a film, however dark the particles, both have their share.
"""

import numpy as np

from passband.checks.check import Check
from passband.checks.grain import central, periodic_spectrum, squared_modulus
from passband.checks.subject import Subject

SLOW, GRAIN = (0.02, 0.05), (0.1, 0.2)  # of the pixel frequency of the network: 16 to 40 Å, and 4 to 8 Å, at 0.8 Å
TINY = 1e-12  # of the whole power: an image without any grain has a finite ratio


def slowness(subject: Subject) -> float:
    """Decimal logarithm of the mean power at slow frequencies over that at those of a film's grain."""
    image = central(subject.image).astype(np.float64)
    power = squared_modulus(periodic_spectrum(image - image.mean()))
    q = np.hypot(np.fft.fftfreq(image.shape[0])[:, None], np.fft.fftfreq(image.shape[1])[None, :])
    bands = [power[(q >= low) & (q < high)] for low, high in (SLOW, GRAIN)]
    least = TINY * float(power.mean())
    if not least > 0.0 or any(band.size == 0 for band in bands):
        return 0.0
    slow, grain = (float(band.mean()) + least for band in bands)
    return float(np.log10(slow / grain))


SLOW_CONTRAST = Check(
    modes=("TEM",),
    name="slow_contrast",
    word="slow contrast",
    text="nearly all contrast is slow, as of mass and thickness, and the film has no grain: if this is STEM, SEM or an "
    "image of low resolution, the network does not know its kind",
    level=1,
    measure=slowness,
    least=0.5,
)

"""Was the image recorded on the pixels that it has: an enlarged one has no detail, nor noise, as fine as they are."""

import numpy as np
from scipy.fft import fft2

from passband.checks.check import Check
from passband.checks.grain import squared_modulus
from passband.checks.subject import Subject

MIDDLE, FINE = (0.12, 0.2), (0.38, 0.5)  # of the pixel frequency


def _empty_magnification(subject: Subject) -> float:
    """Decades by which the power of the finest detail, at the network's pixel size, lies below that of middling."""
    power = squared_modulus(fft2(subject.texture))
    shape = power.shape
    q = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None, :])
    middle, fine = (power[(q >= low) & (q < high)] for low, high in (MIDDLE, FINE))
    if not middle.size or not middle.mean() > 0:
        return 0.0
    return -float(np.log10(max(float(fine.mean() / middle.mean()), 1e-12)))


EMPTY_MAGNIFICATION = Check(
    modes=("TEM", "SEM"),
    name="empty_magnification",
    word="empty magnification",
    text="it holds no detail as fine as the network expects, so it was enlarged or its pixel size is wrong by a factor "
    "of two: give the pixel size of the recording",
    level=1,
    measure=_empty_magnification,
    least=1.5,
)

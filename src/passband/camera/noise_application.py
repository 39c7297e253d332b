"""Fitted noise on simulated images: the scanner that makes an expected image as noisy as the real ones.

What real images tell whatever their offset and gain is the noise over the contrast, and that is always kept. Where the
gain is told, the contrast in electrons says how many of them count; what they do not explain of the noise is read
noise. Simulated specimens with more signal under their contrast would be noisier than the real ones at as many
electrons: they get more, and no read noise.
"""

from math import atan2, hypot, log, sqrt

import numpy as np
import torch
from torch import Tensor

from passband.camera.fitted_noise import Estimate, FittedNoise
from passband.camera.quantities import check_quantity
from passband.camera.scan_path import scan_path
from passband.camera.scan_reading import scanned
from passband.camera.scan_readout import detected
from passband.camera.scanner import QUANTITIES, Scanner
from passband.camera.shot_noise import levelled
from passband.electron import ELEMENTARY_CHARGE
from passband.microscope.frequencies import half_plane
from passband.microscope.scanning.probe import Probe, source_transfer
from passband.recipe import PassbandError

CURRENT = 1e-12  # A: the dwell time follows
UNTOLD = 0.01  # of the variance of the noise that is counted where the gain is not told: the rest does not grow


class ExpectedSignal:
    """Mean and contrast of an expected image (y, x), in its unit, which is 0 for no electrons."""

    def __init__(self, image: Tensor) -> None:
        values = image.detach().double().cpu().numpy()
        self.mean = float(values.mean())
        self.contrast = float(levelled(values).std())
        if not (np.isfinite(self.mean) and self.mean > 0.0 and self.contrast > 1e-6 * self.mean):
            raise PassbandError(
                f"an expected image of mean {self.mean:g} and contrast {self.contrast:g} shows nothing; give a "
                "fraction of the beam, 0 or more, that varies"
            )


def apply_noise(noise: FittedNoise, expected: Tensor, *, pixel_size: float, generator: torch.Generator) -> Tensor:
    """Scan an expected image with fitted noise: source, jitter, drift, background, electrons, grey values of the real.

    Parameters
    ----------
    noise
        What was fitted; what it does not tell is left out.
    expected
        (y, x), floating point, 0 where there are no electrons: what a perfect scan expects, without a source. Periodic;
        of a crop, the borders see those opposite. Left as it is.
    pixel_size
        Å, of the image and of the scan.
    generator
        On the device of the image; the same state gives the same image.

    Returns
    -------
    Tensor
        (y, x), of the mean and the contrast of the real images; rounded and clipped where these have 8 or 16 bits.

    Raises
    ------
    PassbandError
        The noise tells no noise, or the expected image nothing.
    """
    if expected.ndim != 2 or not expected.is_floating_point():
        raise PassbandError(
            f"an expected image {tuple(expected.shape)} of {expected.dtype} cannot be scanned; give (y, x), floating"
        )
    blurred = _seen_by_source(expected, noise.source_size_A, pixel_size)
    blurred = blurred / blurred.amax().clamp(min=1e-30)
    signal = ExpectedSignal(blurred)
    scanner = fitted_scanner(noise, signal, columns=expected.shape[1], pixel_size=pixel_size)
    seed = int(torch.randint(2**62, (1,), generator=generator, device=expected.device))
    rng = np.random.default_rng(seed)
    path = scan_path(scanner, (expected.shape[0], expected.shape[1]), pixel_size=pixel_size, rng=rng)
    read = scanned(blurred, path, pixel_size=pixel_size)
    frame = detected(read, scanner, generator=generator)
    return _as_real(noise, (frame.image - frame.image.mean()) / (signal.contrast * scanner.electrons))


def fitted_scanner(
    noise: FittedNoise, signal: ExpectedSignal, *, columns: int, pixel_size: float, dwell_time: float | None = None
) -> Scanner:
    """Scanner of frames of so many columns whose electrons make the fitted noise on an expected signal.

    Parameters
    ----------
    noise, signal
        What was fitted, and what is expected: the electrons of the scanner are those of its unit.
    columns
        Of the frames, without a time between rows; for the drift.
    pixel_size
        Å.
    dwell_time
        s; of a small current by default.

    Raises
    ------
    PassbandError
        The images that the noise was fitted to tell no noise, or no scanner has so many electrons.
    """
    rise = max(_beyond_doubt(noise.slow_rise), 0.0) * signal.contrast
    mean = signal.mean + 0.5 * rise  # that of all rows
    electrons, read_variance = _electrons(noise, mean, signal.contrast)
    dwell = dwell_time or electrons * ELEMENTARY_CHARGE / CURRENT
    values = {
        "dwell_time": dwell,
        "beam_current": electrons * ELEMENTARY_CHARGE / dwell,
        "jitter": noise.row_jitter_px.value or 0.0,
        "contamination": rise / signal.mean,
        "charging": abs(_beyond_doubt(noise.fast_rise)) * signal.contrast / signal.mean,
        "amplifier_noise": sqrt(read_variance),
        "amplifier_time": _lasting(noise, electrons * mean, read_variance, dwell),
        **_drift(noise, pixel_size / (columns * dwell)),
    }
    for name, value in values.items():
        check_quantity(
            name, value, QUANTITIES, cure="the fitted noise has no scanner here; give another expected image"
        )
    return Scanner(**values)


def _electrons(noise: FittedNoise, mean: float, shown: float) -> tuple[float, float]:
    """Electrons of the unit of a signal of some mean and contrast `shown`, and the variance of the read noise."""
    ratio, contrast = noise.noise_to_contrast.value, noise.contrast_electrons.value
    if ratio is None:
        why = noise.noise_to_contrast.note or "the images do not tell it"
        raise PassbandError(f"the fitted noise has no noise_to_contrast ({why}); fit other images")
    counted = mean / (ratio * shown) ** 2  # if electrons make all of the noise
    if contrast is None:
        electrons = counted / UNTOLD
        return electrons, (1.0 - UNTOLD) * (ratio * shown * electrons) ** 2
    electrons = max(contrast / shown, counted)
    return electrons, max((ratio * shown * electrons) ** 2 - electrons * mean, 0.0)


def _lasting(noise: FittedNoise, shot_variance: float, read_variance: float, dwell: float) -> float:
    """Time constant of read noise that makes all noise as correlated along the rows as it is seen, s."""
    seen = _beyond_doubt(noise.noise_correlation)
    if seen <= 0.0 or read_variance <= 0.0:
        return 0.0
    kept = min(seen * (1.0 + shot_variance / read_variance), 0.95)
    return -dwell / log(kept)


def _drift(noise: FittedNoise, speed: float) -> dict[str, float]:
    """Drift where it is told; `speed` is a pixel per row, Å/s."""
    along, across = noise.drift_along_px.value or 0.0, noise.drift_across_px.value or 0.0
    if not along and not across:
        return {}
    return {"drift": hypot(along, across) * speed, "drift_direction": atan2(across, along)}


def _beyond_doubt(estimate: Estimate) -> float:
    """Value of an estimate whose interval leaves 0 out, else 0."""
    if estimate.value is None or estimate.interval is None or estimate.interval[0] <= 0.0 <= estimate.interval[1]:
        return 0.0
    return estimate.value


def _seen_by_source(expected: Tensor, source: Estimate, pixel_size: float) -> Tensor:
    """Image (y, x) that a source blurs, where its size is told."""
    if not source.value:
        return expected
    probe = Probe(energy=1e5, semi_angle=0.01, source_size=source.value)  # of which only the source counts
    shape = (expected.shape[0], expected.shape[1])
    rows, columns = (one / pixel_size for one in half_plane(shape, expected.device))
    factor = source_transfer(probe, rows**2 + columns**2).to(expected.dtype)
    blurred: Tensor = torch.fft.irfft2(torch.fft.rfft2(expected) * factor, s=shape)
    return blurred


def _as_real(noise: FittedNoise, contrasts: Tensor) -> Tensor:
    """Grey values of an image in units of the contrast, about its mean."""
    grey = contrasts * (noise.contrast or 1.0) + noise.mean
    if noise.bits in (8, 16):
        grey = grey.round().clamp(0.0, 2.0**noise.bits - 1.0)
    return grey

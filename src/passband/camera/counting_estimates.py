"""Estimates that follow from how the noise of scans grows with their mean: gain, dose, read noise, contrast."""

from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from passband.camera.bootstrap import BootstrapInterval, Solve, solved
from passband.camera.fitted_noise import Estimate, KnownScan, estimate_of
from passband.camera.shot_noise import COUNT, SQUARE, VARIANCE, NoiseBand, level, slope

FloatArray = NDArray[np.float64]
NO_OFFSET = "the level of no electrons is not known: give it (--offset)"


class CountingNoise(NamedTuple):
    """Tables of the images, (blocks, 8) each.

    Attributes
    ----------
    tables
        Of `noise_table`.
    band
        That they were made with.
    rounding
        Variance of rounding, grey values squared.
    """

    tables: list[FloatArray]
    band: NoiseBand
    rounding: float

    def solve(self, quantity: Solve) -> BootstrapInterval | None:
        """Value and interval of a quantity of sums (..., 8)."""
        return solved(self.tables, quantity)

    def total(self, sums: FloatArray) -> FloatArray:
        """Variance of the noise at the mean grey value, rounding included."""
        return self.band.variance(sums)

    def variance(self, sums: FloatArray) -> FloatArray:
        """Variance of the noise at the mean grey value, in grey values squared, without rounding."""
        return self.total(sums) - self.rounding

    def contrast(self, sums: FloatArray) -> FloatArray:
        """Return the standard deviation of the grey values without noise."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.sqrt(sums[..., SQUARE] / sums[..., COUNT] - self.total(sums)))

    def relative(self, sums: FloatArray) -> FloatArray:
        """Noise over the contrast."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.sqrt(self.variance(sums)) / self.contrast(sums))

    def read_variance(self, sums: FloatArray, offset: float) -> FloatArray:
        """Variance of the noise that does not grow, effective electrons squared."""
        gain = slope(sums)
        return np.asarray((self.variance(sums) - gain * (level(sums) - offset)) / gain**2)


def counting_estimates(noise: CountingNoise, known: KnownScan, darkest: float) -> dict[str, Any]:
    """Estimate what follows from how noise grows with the mean; no electrons are no brighter than `darkest`."""
    contrast, variance = noise.solve(noise.contrast), noise.solve(noise.variance)
    told: dict[str, Any] = {
        "contrast": None if contrast is None else contrast.value,
        "noise": None if variance is None or variance.value <= 0.0 else sqrt(variance.value),
        "noise_to_contrast": estimate_of(noise.solve(noise.relative)),
    }
    gain, correlation = noise.solve(slope), noise.solve(noise.band.correlation)
    told["noise_correlation"] = estimate_of(correlation)
    if gain is None or not gain.beyond():
        note = "noise does not grow with the signal beyond doubt, so that grey values are not told in electrons"
        units = {"dose": "e-/A^2", "gain": "levels/e-", "read_noise": "e-", "contrast_electrons": "e-"}
        return told | {name: Estimate(unit=unit, note=note) for name, unit in units.items()}
    told["gain"] = estimate_of(gain, "levels/e-")
    told["contrast_electrons"] = estimate_of(noise.solve(lambda sums: noise.contrast(sums) / slope(sums)), "e-")
    if correlation is not None and correlation.beyond():
        times = noise.solve(lambda sums: noise.total(sums) * sums[..., COUNT] / sums[..., VARIANCE])
        factor = 1.0 if times is None else max(times.value, 1.0)
        note = f"up to {factor:.3g} times larger if what correlates the noise smoothed the counts too"
        told["gain"] = estimate_of(gain, "levels/e-", note)
    told["read_noise"], electrons = (
        _unknown_offset(noise, darkest) if known.offset is None else _known_offset(noise, known.offset)
    )
    return told | {"dose": _per_area(electrons, known.pixel_size)}


def _known_offset(noise: CountingNoise, offset: float) -> tuple[Estimate, Estimate]:
    """Read noise and electrons a pixel, where the level of no electrons is known."""
    electrons = estimate_of(noise.solve(lambda sums: (level(sums) - offset) / slope(sums)))
    variance = noise.solve(lambda sums: noise.read_variance(sums, offset))
    if variance is None:
        return Estimate(unit="e-", note="the images do not tell it"), electrons
    if not variance.beyond():
        limit = sqrt(max(variance.high, 0.0))
        return Estimate(unit="e-", limits=(0.0, limit), note="not told from 0"), electrons
    return estimate_of(BootstrapInterval(*(sqrt(one) for one in variance)), "e-"), electrons


def _unknown_offset(noise: CountingNoise, darkest: float) -> tuple[Estimate, Estimate]:
    """Limits of both: no electrons are no brighter than the darkest place, nor is the read noise less than none."""
    highest = noise.solve(lambda sums: noise.read_variance(sums, darkest))
    fewest = noise.solve(lambda sums: (level(sums) - darkest) / slope(sums))
    most = noise.solve(lambda sums: noise.variance(sums) / np.square(slope(sums)))
    read = None if highest is None else (0.0, sqrt(max(highest.high, 0.0)))
    electrons = None if fewest is None or most is None else (max(fewest.low, 0.0), most.high)
    return Estimate(unit="e-", limits=read, note=NO_OFFSET), Estimate(limits=electrons, note=NO_OFFSET)


def _per_area(electrons: Estimate, pixel_size: float | None) -> Estimate:
    """Electrons per Å² of those in a pixel."""
    if pixel_size is None:
        return Estimate(unit="e-/A^2", note="the pixel size is not known: give it (--pixel-size)")
    area = pixel_size**2
    low, high = electrons.limits or (None, None)
    value, interval = electrons.value, electrons.interval
    return Estimate(
        value=None if value is None else value / area,
        interval=None if interval is None else (interval[0] / area, interval[1] / area),
        limits=None if low is None or high is None else (low / area, high / area),
        unit="e-/A^2",
        note=electrons.note,
    )

"""Fit the noise and the scan of one session to a handful of its images (`docs/fitted_noise.md`)."""

from collections.abc import Sequence
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter

from passband.camera.bootstrap import BootstrapInterval, Solve, ratio, solved
from passband.camera.fitted_noise import Estimate, FittedNoise, KnownScan
from passband.camera.lattice_fitting import lattice_estimates
from passband.camera.noise import middle
from passband.camera.scan_estimates import (
    LARGEST,
    SMALLEST,
    estimate_scan,
    jitter_variance,
    noise_products,
    shift_products,
)
from passband.camera.shot_noise import (
    COUNT,
    SQUARE,
    VARIANCE,
    band_end,
    in_band_variance,
    level,
    noise_table,
    share_in_band,
    slope,
)
from passband.camera.slow_background import contamination, rise, rise_table
from passband.patches.standardising import check_image
from passband.recipe import PassbandError

FloatArray = NDArray[np.float64]
ROWS = 8  # of a block whose shifts are taken together
ROUNDING = 1.0 / 12.0  # variance of rounding to whole grey values
DARK, SMOOTH = 0.05, 1.5  # quantile of the pixels, and pixels that these are averaged over, for the darkest level
PLAIN = 0.05  # of the noise is correlated from pixel to pixel: less counts as white
NO_OFFSET = "the level of no electrons is not known: give it (--offset)"
SHARE = ratio(0, 1)  # of tables of products
THICKER = "a specimen that gets thicker looks the same"


class _Noise(NamedTuple):
    """Tables of the images, and by how much the variance in the band falls short of that of all frequencies."""

    tables: list[FloatArray]
    share: float
    rounding: float

    def solve(self, quantity: Solve) -> BootstrapInterval | None:
        return solved(self.tables, quantity)

    def variance(self, sums: FloatArray) -> FloatArray:
        """Variance of the noise at the mean grey value, in grey values squared, without rounding."""
        return in_band_variance(sums) / self.share - self.rounding

    def contrast(self, sums: FloatArray) -> FloatArray:
        """Return the standard deviation of the grey values without noise."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.sqrt((sums[..., SQUARE] - sums[..., VARIANCE] / self.share) / sums[..., COUNT])

    def read_variance(self, sums: FloatArray, offset: float) -> FloatArray:
        """Variance of the noise that does not grow, effective electrons squared."""
        gain = slope(sums)
        return (self.variance(sums) - gain * (level(sums) - offset)) / gain**2


def fit_noise(images: Sequence[ArrayLike], known: KnownScan | None = None) -> FittedNoise:
    """Fit noise and scan to images (y, x) of one session, whose rows were scanned along x.

    Parameters
    ----------
    images
        One or more, as stored: grey values that are linear in the signal, of one gain. The middle 1024² of each counts.
    known
        What the images do not tell.

    Raises
    ------
    PassbandError
        There are none; one is not (y, x), smaller than 64 × 64, of one level or not finite; or they are stored in
        different types.
    """
    known = known or KnownScan()
    pixels = [_checked(image) for image in images]
    types = sorted({str(one.dtype) for one in pixels})
    if not pixels:
        raise PassbandError("no images tell no noise; give one or more of one session")
    if len(types) > 1:
        raise PassbandError(
            f"images of {', '.join(types)} have no common grey value per electron; fit those of each kind by themselves"
        )
    grey = [one.astype(np.float64) for one in pixels]
    bits = 8 * pixels[0].dtype.itemsize if pixels[0].dtype.kind in "iu" else 0
    along = float(np.mean([estimate_scan(one).along for one in grey]))
    end = band_end(grey)
    found: dict[str, Any] = {
        "images": len(grey),
        "pixel_size": known.pixel_size,
        "bits": bits,
        "offset": known.offset,
        "mean": float(np.mean([one.mean() for one in grey])),
        "row_jitter_px": _jitter(grey),
    }
    found |= lattice_estimates(grey, known, found["row_jitter_px"].value or 0.0)
    slow, fast = ([rise_table(one) for one in images] for images in (grey, [one.T for one in grey]))
    found |= {
        "noise_correlation": _estimate(solved([_summed(noise_products(one)) for one in grey], SHARE)),
        "contamination": _contamination(slow, known.offset),
    }
    if end is None:
        note = "no frequency along the rows is free of the specimen: coarse pixels, smoothed rows, or few pixels"
        for name in ("dose", "gain", "read_noise", "contrast_electrons", "noise_to_contrast", "slow_rise", "fast_rise"):
            found[name] = Estimate(unit=FittedNoise.model_fields[name].default.unit, note=note)
        return FittedNoise(**found)
    correlated = along if along > PLAIN else 0.0
    noise = _Noise([noise_table(one, end) for one in grey], share_in_band(end, correlated), ROUNDING * (bits > 0))
    told = _counting(noise, known, _darkest(grey))
    for name, tables in (("slow_rise", slow), ("fast_rise", fast)):
        found[name] = _rise(tables, told["contrast"])
    return FittedNoise(**found, **told)


def _checked(image: ArrayLike) -> NDArray[np.generic]:
    pixels = middle(check_image(image), LARGEST)
    low, high = float(pixels.min()), float(pixels.max())
    if min(pixels.shape) < SMALLEST or not low < high:
        size = f"{pixels.shape[0]} × {pixels.shape[1]} from {low:g} to {high:g}"
        raise PassbandError(f"an image of {size} tells no noise; give {SMALLEST} × {SMALLEST} with contrast")
    return pixels


def _rise(tables: Sequence[FloatArray], contrast: float | None) -> Estimate:
    """Rise of the background in units of the contrast."""
    if not contrast:
        return Estimate(note="there is no contrast beyond the noise")
    return _estimate(solved(tables, lambda sums: rise(sums) / contrast), note=THICKER)


def _contamination(tables: Sequence[FloatArray], offset: float | None) -> Estimate:
    if offset is None:
        return Estimate(note=NO_OFFSET)
    return _estimate(solved(tables, lambda sums: contamination(sums, offset)), note=THICKER)


def _darkest(images: Sequence[FloatArray]) -> float:
    """Level that no electrons cannot exceed: that of the darkest places."""
    return float(np.median([np.quantile(gaussian_filter(one, SMOOTH), DARK) for one in images]))


def _jitter(images: Sequence[FloatArray]) -> Estimate:
    tables = [_summed(shift_products(one)) for one in images]
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = solved(tables, jitter_variance)
        steep = solved(tables, lambda sums: sums[..., 1])
    if variance is None or steep is None or not steep.beyond():
        return Estimate(unit="px", note="nothing in the images is steep enough along the rows")
    if not variance.beyond():
        return Estimate(unit="px", limits=(0.0, sqrt(max(variance.high, 0.0))), note="not told from 0")
    return _estimate(BootstrapInterval(*(sqrt(one) for one in variance)), "px")


def _summed(rows: FloatArray) -> FloatArray:
    """Add up a table (rows, k) over blocks of rows."""
    return np.add.reduceat(rows, np.arange(0, len(rows), ROWS), axis=0)


def _estimate(found: BootstrapInterval | None, unit: str = "", note: str = "") -> Estimate:
    if found is None:
        return Estimate(unit=unit, note=note or "the images do not tell it")
    return Estimate(value=found.value, interval=(found.low, found.high), unit=unit, note=note)


def _counting(noise: _Noise, known: KnownScan, darkest: float) -> dict[str, Any]:
    """Everything that follows from how noise grows with the mean."""
    contrast, variance = noise.solve(noise.contrast), noise.solve(noise.variance)
    told: dict[str, Any] = {
        "contrast": None if contrast is None else contrast.value,
        "noise": None if variance is None or variance.value <= 0.0 else sqrt(variance.value),
        "noise_to_contrast": _estimate(noise.solve(lambda sums: np.sqrt(noise.variance(sums)) / noise.contrast(sums))),
    }
    gain = noise.solve(slope)
    if gain is None or not gain.beyond():
        note = "noise does not grow with the signal beyond doubt, so that grey values are not told in electrons"
        units = {"dose": "e-/A^2", "gain": "levels/e-", "read_noise": "e-", "contrast_electrons": "e-"}
        return told | {name: Estimate(unit=unit, note=note) for name, unit in units.items()}
    told["gain"] = _estimate(gain, "levels/e-")
    told["contrast_electrons"] = _estimate(noise.solve(lambda sums: noise.contrast(sums) / slope(sums)), "e-")
    told["read_noise"], electrons = (
        _unknown_offset(noise, darkest) if known.offset is None else _known_offset(noise, known.offset)
    )
    return told | {"dose": _per_area(electrons, known.pixel_size)}


def _known_offset(noise: _Noise, offset: float) -> tuple[Estimate, Estimate]:
    """Read noise and electrons a pixel, where the level of no electrons is known."""
    electrons = _estimate(noise.solve(lambda sums: (level(sums) - offset) / slope(sums)))
    variance = noise.solve(lambda sums: noise.read_variance(sums, offset))
    if variance is None:
        return Estimate(unit="e-", note="the images do not tell it"), electrons
    if not variance.beyond():
        limit = sqrt(max(variance.high, 0.0))
        return Estimate(unit="e-", limits=(0.0, limit), note="not told from 0"), electrons
    return _estimate(BootstrapInterval(*(sqrt(one) for one in variance)), "e-"), electrons


def _unknown_offset(noise: _Noise, darkest: float) -> tuple[Estimate, Estimate]:
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

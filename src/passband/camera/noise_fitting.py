"""Fit the noise and the scan of one session to a handful of its images (`docs/fitted_noise.md`)."""

from collections.abc import Iterator, Sequence
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter

from passband.camera.artefacts import block_artefacts, clipped_shares
from passband.camera.bootstrap import BootstrapInterval, solved
from passband.camera.counting_estimates import NO_OFFSET, CountingNoise, counting_estimates
from passband.camera.fitted_noise import Estimate, FittedNoise, KnownScan, estimate_of
from passband.camera.lattice_fitting import lattice_estimates
from passband.camera.noise import middle
from passband.camera.scan_estimates import LARGEST, SMALLEST, jitter_variance, shift_products
from passband.camera.shot_noise import NoiseBand, band_end, noise_table
from passband.camera.slow_background import contamination, rise, rise_table
from passband.patches.standardising import check_image
from passband.recipe import PassbandError

FloatArray = NDArray[np.float64]
ROWS = 8  # of a block whose shifts are taken together
ROUNDING = 1.0 / 12.0  # variance of rounding to whole grey values
DARK, SMOOTH = 0.05, 1.5  # quantile of the pixels, and pixels that these are averaged over, for the darkest level
CLIPPED = 1e-3  # of the pixels: more are told
IN_BAND = (
    "dose",
    "gain",
    "read_noise",
    "contrast_electrons",
    "noise_to_contrast",
    "noise_correlation",
    "slow_rise",
    "fast_rise",
)
THICKER = "a specimen that gets thicker looks the same"


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
    pixels = [usable_scan(image) for image in images]
    types = sorted({str(one.dtype) for one in pixels})
    if not pixels:
        raise PassbandError("no images tell no noise; give one or more of one session")
    if len(types) > 1:
        raise PassbandError(
            f"images of {', '.join(types)} have no common grey value per electron; fit those of each kind by themselves"
        )
    grey = [one.astype(np.float64) for one in pixels]
    bits = 8 * pixels[0].dtype.itemsize if pixels[0].dtype.kind in "iu" else 0
    end = band_end(grey)
    found: dict[str, Any] = {
        "images": len(grey),
        "pixel_size": known.pixel_size,
        "bits": bits,
        "offset": known.offset,
        "mean": float(np.mean([one.mean() for one in grey])),
        "row_jitter_px": _jitter(grey),
        "notes": tuple(_notes(pixels)),
    }
    found |= lattice_estimates(grey, known, found["row_jitter_px"].value or 0.0)
    slow, fast = ([rise_table(one) for one in images] for images in (grey, [one.T for one in grey]))
    found["contamination"] = _contamination(slow, known.offset)
    if end is None:
        note = "no frequency along the rows is free of the specimen: coarse pixels, smoothed rows, or few pixels"
        for name in IN_BAND:
            found[name] = Estimate(unit=FittedNoise.model_fields[name].default.unit, note=note)
        return FittedNoise(**found)
    band = NoiseBand.above(end)
    tables = [noise_table(one, band) for one in grey]
    noise = CountingNoise(tables, band, ROUNDING * (bits > 0))
    told = counting_estimates(noise, known, _darkest(grey))
    for name, rises in (("slow_rise", slow), ("fast_rise", fast)):
        found[name] = _rise(rises, told["contrast"])
    return FittedNoise(**found, **told)


def usable_scan(image: ArrayLike) -> NDArray[np.generic]:
    """Middle of an image (y, x) that noise can be fitted to.

    Raises
    ------
    PassbandError
        It is not (y, x), smaller than 64 × 64, of one level or not finite.
    """
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
    return estimate_of(solved(tables, lambda sums: rise(sums) / contrast), note=THICKER)


def _contamination(tables: Sequence[FloatArray], offset: float | None) -> Estimate:
    if offset is None:
        return Estimate(note=NO_OFFSET)
    return estimate_of(solved(tables, lambda sums: contamination(sums, offset)), note=THICKER)


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
    return estimate_of(BootstrapInterval(*(sqrt(one) for one in variance)), "px")


def _summed(rows: FloatArray) -> FloatArray:
    """Add up a table (rows, k) over blocks of rows."""
    return np.add.reduceat(rows, np.arange(0, len(rows), ROWS), axis=0)


def _notes(images: Sequence[NDArray[np.generic]]) -> Iterator[str]:
    """Say what about the stored images limits all estimates, one line each."""
    if images[0].dtype.itemsize == 1:
        yield "images of 8 bits: grey values are often stretched or not linear in the signal, and then no counts"
    low, high = np.mean([clipped_shares(one) for one in images], axis=0)
    if high > CLIPPED:
        yield f"{high:.2%} of the pixels are clipped at the highest grey value; they are left out of the noise"
    if low > CLIPPED:
        yield f"{low:.2%} of the pixels have the lowest grey value: none counted, or clipped"
    if any(block_artefacts(one) > 0.0 for one in images):
        yield "blocks of JPEG are seen, which takes noise away"

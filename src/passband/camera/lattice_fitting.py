"""What the lattice in scans tells: how wide the source is and how fast the specimen drifts, tile by tile.

Jitter widens columns along the rows; it is taken out by its own factor. Drift by **v** pixels a row makes of the
lattice V = A Mᵀ, with A as seen and M = ((1 − v_y, 0), (−v_x, 1)) in (y, x). A lattice known but for its size and
orientation, V Vᵀ ∝ B, gives MᵀM up to a factor, and so both parts of **v**. Tiles are small, so that slow wobble does
not count.
"""

from collections.abc import Sequence
from math import cos, log, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from passband.camera.bootstrap import BootstrapInterval, solved
from passband.camera.column_width import column_variance, probe_transfer
from passband.camera.fitted_noise import Estimate, KnownScan
from passband.camera.lattice_spots import LatticeSpots, lattice_spots

FloatArray = NDArray[np.float64]
TILE = (128, 256)  # pixels along each side, half of an image where that is between these
FEWEST = 2  # tiles with a lattice
OUTLYING = 5.0  # median absolute deviations from the median
WIDTH = sqrt(8.0 * log(2.0))  # full width at half maximum over standard deviation
#: Å²: by how much s² may be off whatever the dose: the width of what scatters, columns too weak to be seen.
SYSTEMATIC = 0.02
STRAIN = 1e-3  # of a lattice: how well it is known, whatever the dose
FASTEST = 0.1  # pixels a row: a lattice that needs more is another one
NO_LATTICE = "no lattice of a few cells is seen in most of the images"
NO_PROBE = "the probe is not known: give pixel size, energy and semi-angle (--pixel-size, --energy, --semi-angle)"
NO_PIXEL = "the pixel size is not known: give it (--pixel-size)"
UNKNOWN_LATTICE = "the lattice of the specimen is not known: give it (--lattice)"
OTHER_LATTICE = "the lattice that is seen is not the one that was given (--lattice): see its zone axis and its pixels"
CALIBRATION = "a scan whose axes are not calibrated looks the same"
ABERRATIONS = "source, aberrations and focal spread together"


def lattice_estimates(images: Sequence[FloatArray], known: KnownScan, jitter: float) -> dict[str, Estimate]:
    """Estimate the source size, the width of columns, and drift from images (y, x); `jitter` is in pixels."""
    found = [[spots for tile in _tiles(image) if (spots := lattice_spots(tile)) is not None] for image in images]
    per_image = [tiles for tiles in found if tiles]
    if sum(map(len, per_image)) < FEWEST:
        units = {"source_size_A": "A", "image_width_A": "A", "drift_along_px": "px/row", "drift_across_px": "px/row"}
        return {name: Estimate(unit=unit, note=NO_LATTICE) for name, unit in units.items()}
    along, across = _drift(per_image, known.lattice)
    return {
        "source_size_A": _source(per_image, known, jitter),
        "image_width_A": _image_width(per_image, known, jitter),
        "drift_along_px": along,
        "drift_across_px": across,
    }


def _tiles(image: FloatArray) -> list[FloatArray]:
    """Tiles of an image that overlap by less than half."""
    sides = [min(size, int(np.clip(size // 2, *TILE))) for size in image.shape]
    starts = [
        np.linspace(0, size - side, max(1, size // side)).astype(int)
        for size, side in zip(image.shape, sides, strict=True)
    ]
    return [image[top : top + sides[0], left : left + sides[1]] for top in starts[0] for left in starts[1]]


def _mean(values: Sequence[Sequence[float]]) -> BootstrapInterval | None:
    """Mean of what tiles of images say, without those that are far off."""
    every = np.array([value for image in values for value in image])
    if len(every) < FEWEST:
        return None
    middle = float(np.median(every))
    reach = OUTLYING * max(float(np.median(np.abs(every - middle))), 1e-12)
    tables = [np.array([(1.0, value) for value in image if abs(value - middle) <= reach]) for image in values]
    return solved([table for table in tables if len(table)], lambda sums: sums[..., 1] / sums[..., 0])


def _variances(
    per_image: Sequence[Sequence[LatticeSpots]], known: KnownScan, jitter: float, *, probe: bool
) -> BootstrapInterval | None:
    """Variance in pixels² that columns have beyond jitter, and beyond the probe where that is asked."""
    found: list[list[float]] = []
    for image in per_image:
        found.append([])
        for spots in image:
            transfer = np.exp(-2.0 * np.square(pi * jitter * spots.frequency[:, 1]))
            if probe:
                assert known.energy is not None  # the caller has asked
                assert known.semi_angle is not None
                assert known.pixel_size is not None
                q = np.hypot(*spots.frequency.T) / known.pixel_size
                transfer = transfer * probe_transfer(q, energy=known.energy, semi_angle=known.semi_angle)
            variance = column_variance(spots, transfer)
            if variance is not None:
                found[-1].append(variance)
    return _mean(found)


def _image_width(per_image: Sequence[Sequence[LatticeSpots]], known: KnownScan, jitter: float) -> Estimate:
    if known.pixel_size is None:
        return Estimate(unit="A", note=NO_PIXEL)
    found = _variances(per_image, known, jitter, probe=False)
    if found is None or found.low <= 0.0:
        return Estimate(unit="A", note=NO_LATTICE)
    value, low, high = (WIDTH * known.pixel_size * sqrt(one) for one in found)
    return Estimate(value=value, interval=(low, high), unit="A")


def _source(per_image: Sequence[Sequence[LatticeSpots]], known: KnownScan, jitter: float) -> Estimate:
    if known.pixel_size is None or known.energy is None or known.semi_angle is None:
        return Estimate(unit="A", note=NO_PROBE)
    found = _variances(per_image, known, jitter, probe=True)
    if found is None:
        return Estimate(unit="A", note=NO_LATTICE)
    value, low, high = (one * known.pixel_size**2 - known.displacement**2 for one in found)
    low, high = low - SYSTEMATIC, high + SYSTEMATIC
    if low <= 0.0:
        return Estimate(unit="A", limits=(0.0, WIDTH * sqrt(max(high, 0.0))), note=f"not told from 0; {ABERRATIONS}")
    return Estimate(
        value=WIDTH * sqrt(value), interval=(WIDTH * sqrt(low), WIDTH * sqrt(high)), unit="A", note=ABERRATIONS
    )


def _drift(
    per_image: Sequence[Sequence[LatticeSpots]], lattice: tuple[float, float] | None
) -> tuple[Estimate, Estimate]:
    if lattice is None:
        none = Estimate(unit="px/row", note=UNKNOWN_LATTICE)
        return none, none
    told = [[drift_of(spots.vectors, lattice) for spots in image] for image in per_image]
    parts = [_mean([[one[axis] for one in image] for image in told]) for axis in (1, 0)]
    if any(part is None or abs(part.value) > FASTEST for part in parts):
        other = Estimate(unit="px/row", note=OTHER_LATTICE)
        return other, other
    known = [
        Estimate(value=part.value, interval=(part.low - STRAIN, part.high + STRAIN), unit="px/row", note=CALIBRATION)
        for part in parts
        if part is not None
    ]
    return known[0], known[1]


def drift_of(vectors: FloatArray, lattice: tuple[float, float]) -> tuple[float, float]:
    """Drift (y, x) in pixels a row that makes a lattice of vectors (2, 2), y and x, |a| ≤ |b|, of the known one."""
    ratio, angle = lattice
    metric = np.array([[1.0, ratio * cos(angle)], [ratio * cos(angle), ratio**2]])
    inverse = np.linalg.inv(vectors)
    product = inverse @ metric @ inverse.T
    along = float(product[0, 1] / product[1, 1])
    return 1.0 - sqrt(max(float(product[0, 0] / product[1, 1]) - along**2, 0.0)), -along

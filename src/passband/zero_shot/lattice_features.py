"""What tells textures apart, cell by cell: the local spectrum and the local brightness, in units of their noise."""

from itertools import product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import dctn, idctn, rfft2
from scipy.ndimage import gaussian_filter, map_coordinates, uniform_filter

from passband.zero_shot.lattice_scale import TextureScale

Array = NDArray[np.float32]

COMPONENTS = 12  # of the spectra
FITTED = 4096  # windows that the components are fitted to, at most
HIGHEST = 3.2  # times the frequency of the lattice: what is finer is noise
PLAIN_HIGHEST = 8  # bins, where there is no lattice
FLOOR = 0.3  # of the rms of a spectrum: weaker frequencies count as that
PLAIN_TEXTURE = 0.3  # weight where there is no lattice: what is small beside a window counts by its brightness
BLUR = 0.75  # periods, or cells, standard deviation of the local mean
QUANTILE, GAUSSIAN = 0.25, 0.3186  # of differences that are noise alone, and what it is of a normal deviate
NEARER = 0.02  # of a change, for each cell of distance: of like places the nearer one counts
SLOW = 8.0  # the same: what changes slowly by less is left in
UNUSUAL = 2.5  # deviations of the differences of neighbouring cells: larger ones are steps
STEADY = 0.03  # of a feature's spread: its noise is at least that, so that a slow gradient is no boundary


def cell_features(image: Array, scale: TextureScale, *, mean_weight: float) -> Array:
    """Features (rows, columns, n) of the cells of an image (y, x): in units of the noise between like windows.

    Spectra of contrast-normalised Hann windows, as logarithms, are reduced to their principal components; the
    logarithm of the contrast and the local mean stand beside them. Each is divided by its noise, which is what windows
    that do not overlap differ by in the median, and multiplied by the part of its variance that is more than noise, so
    that what says nothing counts for nothing.

    Parameters
    ----------
    image
        (y, x).
    scale
        Windows and cells.
    mean_weight
        Of the local mean, against the spectra.
    """
    centres = [_centres(length, count) for length, count in zip(image.shape, scale.grid(image.shape), strict=True)]
    spectra, contrast = _spectra(image, scale, centres)
    blur = BLUR * (scale.cell if scale.period is None else scale.period)
    smooth = gaussian_filter(image, blur, mode="nearest", truncate=3.0)
    mean = map_coordinates(smooth, np.meshgrid(*centres, indexing="ij"), order=1, mode="nearest")
    if scale.period is not None:
        mean, contrast = without_slow_changes(mean), without_slow_changes(contrast)
    lag, near = _steps(scale.window, scale), _steps(3.0 * blur, scale)
    texture = _in_noise(np.concatenate([_components(spectra), contrast[..., None]], axis=2), lag)
    texture = _steadied(texture, _steps(scale.window / 2, scale))
    brightness = mean_weight * _in_noise(mean[..., None], near)
    if scale.period is None:
        return np.concatenate([PLAIN_TEXTURE * texture, brightness], axis=2)
    return np.concatenate([texture, _steadied(brightness, 1)], axis=2)


def _steps(length: float, scale: TextureScale) -> int:
    """Cells that span a length in pixels."""
    return max(1, int(np.ceil(length / scale.cell)))


def _centres(length: int, count: int) -> Array:
    """Middles of the cells along one side, pixels."""
    return ((np.arange(count) + 0.5) * length / count - 0.5).astype(np.float32)


def _spectra(image: Array, scale: TextureScale, centres: list[Array]) -> tuple[Array, Array]:
    """Logarithms of the local spectra (rows, columns, bins), and of the contrast of the windows (rows, columns)."""
    side = scale.window
    first = [
        np.clip(np.rint(middle - (side - 1) / 2).astype(np.int64), 0, length - side)
        for middle, length in zip(centres, image.shape, strict=True)
    ]
    taper = np.hanning(side + 2)[1:-1].astype(np.float32)
    taper2 = taper[:, None] * taper
    highest = PLAIN_HIGHEST if scale.period is None else HIGHEST * side / scale.period
    y, x = np.fft.fftfreq(side, 1 / side)[:, None], np.arange(side // 2 + 1)
    bins = (np.hypot(y, x) <= min(highest, side / 2)) & ((x > 0) | (y > 0))
    views = sliding_window_view(image, (side, side))
    least = 1e-3 * float(image.std()) + 1e-12
    spectra = np.empty((len(first[0]), len(first[1]), np.count_nonzero(bins)), dtype=np.float32)
    contrast = np.empty(spectra.shape[:2], dtype=np.float32)
    for row, top in enumerate(first[0]):
        windows = views[top, first[1]]
        windows = windows - windows.mean((1, 2), keepdims=True)
        spread = windows.std((1, 2)) + least
        amplitude = np.abs(rfft2(windows * (taper2 / spread[:, None, None])))[:, bins]
        floor = FLOOR * np.sqrt((taper2**2).sum())
        spectra[row] = np.log(amplitude + floor)
        contrast[row] = np.log(spread)
    return spectra, contrast


def _components(spectra: Array) -> Array:
    """Principal components (rows, columns, ≤ 12) of spectra (rows, columns, bins)."""
    flat = spectra.reshape(-1, spectra.shape[2])
    some = flat[:: max(1, len(flat) // FITTED)]
    mean = some.mean(0)
    _, vectors = np.linalg.eigh(np.cov(some - mean, rowvar=False))
    chosen = vectors[:, ::-1][:, :COMPONENTS].astype(np.float32)
    return np.asarray(((flat - mean) @ chosen).reshape(*spectra.shape[:2], -1), dtype=np.float32)


def _in_noise(values: Array, lag: int) -> Array:
    """Values (rows, columns, n) in units of their noise, less where they are little more than noise."""
    away = [
        np.abs(values[lag:] - values[:-lag]).reshape(-1, values.shape[2]),
        np.abs(values[:, lag:] - values[:, :-lag]).reshape(-1, values.shape[2]),
    ]
    spread = values.std((0, 1))
    differences = np.concatenate(away)
    noise = np.quantile(differences, QUANTILE, axis=0) / (GAUSSIAN * np.sqrt(2.0)) if len(differences) else spread
    noise = np.maximum(noise, STEADY * spread) + 1e-12
    told = np.clip(1.0 - (noise / np.maximum(spread, 1e-12)) ** 2, 0.0, 1.0)
    return np.asarray((values - values.mean((0, 1))) * (told / noise), dtype=np.float32)


def without_slow_changes(values: Array) -> Array:
    """Values (rows, columns) without what changes slowly, as over a wedge, where that is much; steps stay.

    Differences of neighbours that are no larger than usual are set to zero, and the field is put together again that
    has the others, by least squares (Retinex after Horn, Computer Graphics and Image Processing 3 (1974) 277).
    """
    steps = [np.diff(values.astype(np.float64), axis=axis) for axis in (0, 1)]
    usual = float(np.median(np.abs(np.concatenate([step.ravel() for step in steps])))) / 0.6745
    divergence = np.zeros(values.shape)
    for axis, step in enumerate(steps):
        kept = np.where(np.abs(step) > UNUSUAL * usual, step, 0.0)
        pad = [(1, 1) if other == axis else (0, 0) for other in (0, 1)]
        divergence += np.diff(np.pad(kept, pad), axis=axis)
    waves = [2.0 * np.cos(np.pi * np.arange(length) / length) - 2.0 for length in values.shape]
    laplacian = waves[0][:, None] + waves[1]
    laplacian[0, 0] = 1.0  # the mean is free
    steep = np.asarray(idctn(dctn(divergence, type=2) / laplacian, type=2), dtype=np.float32)
    slow = values - values.mean() - steep
    return steep if slow.std() > SLOW * usual else values


def local_change(values: Array) -> Array:
    """How much features (rows, columns, n) change around each cell: their squared gradient, over 3 × 3 cells."""
    if min(values.shape[:2]) < 2:
        return np.zeros(values.shape[:2], dtype=np.float32)
    change = sum(np.square(np.gradient(values, axis=axis)).sum(2) for axis in (0, 1))
    return np.asarray(uniform_filter(change, 3, mode="nearest"), dtype=np.float32)


def _steadied(values: Array, reach: int) -> Array:
    """Give each cell the features of the most homogeneous place within `reach` cells, so that boundaries are sharp.

    A window that stands across a boundary shows both sides; the place beside it that changes least shows one
    (after Kuwahara et al., Digital Processing of Biomedical Images, 1976).
    """
    if min(values.shape[:2]) < 2:
        return values
    change = local_change(values)
    rows, columns = change.shape
    padded = np.pad(change, reach, mode="constant", constant_values=np.inf)
    best = np.full(change.shape, np.inf)
    place = np.zeros((2, rows, columns), dtype=np.int64)
    y, x = np.mgrid[:rows, :columns]
    for dy, dx in product(range(-reach, reach + 1), repeat=2):
        away = np.hypot(dy, dx)
        if away > reach + 0.5:
            continue
        there = padded[reach + dy : reach + dy + rows, reach + dx : reach + dx + columns] * (1.0 + NEARER * away)
        better = there < best
        best[better] = there[better]
        place[:, better] = (y + dy)[better], (x + dx)[better]
    return np.asarray(values[place[0], place[1]])

"""Where the particles are: masks, labels and points from the atoms alone, whatever the imaging conditions.

The recipe of the field (spec §4) is the phase of the exit wave of the particles alone, above π/16, with a Gaussian
blur of 1.6 Å. Three choices in it are ours, and `docs/decisions` says why:

* The phase is the projected one, σ·ΣV, of the particles' atoms. The phase of a wave is known modulo 2π only, and gold
  wraps within 80 Å; the projected phase cannot wrap, needs no multislice, and has its atoms where the atoms are.
* The threshold comes before the blur. After a blur of 1.6 Å it would cut 3 to 5 Å off the thin rim of a CdSe sphere
  and reach 2 Å beyond a thick gold crystal: the boundary would depend on the element and the thickness.
* Between the two, gaps between columns up to 2.5 times the blur are closed, so that a crystal is one region, also along
  a zone axis with tunnels.

The radius of gold, copper, silicon, carbon and CdSe spheres of 20 to 80 Å then is 0.2 to 2 Å below that of their
outermost atoms (the thinnest rim, a lone atom or two, is left out), where the other order is 0.1 to 10 Å below.
"""

from functools import lru_cache
from math import ceil, pi
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.spatial import cKDTree
from torch import Tensor

from passband.electron import wavelength
from passband.microscope.band import Band, exact_grid, highest_indices, spectral_power
from passband.recipe import PassbandError

Mask = npt.NDArray[np.bool_]
Array = npt.NDArray[np.float64]

ATOM_WIDTH = 0.3  # Å, std: resolution at which a phase meets the threshold; one atom of copper then exceeds π/16
CLOSING = 1.25  # radius of the closing disc in units of the blur; 2 Å bridges the tunnels of wurtzite along [0001]


def particle_mask(
    phase: npt.NDArray[np.floating], *, pixel_size: float, threshold: float = pi / 16, blur: float = 1.6
) -> Mask:
    """Pixels that belong to a particle: phase above the threshold, gaps closed, outline smoothed.

    Parameters
    ----------
    phase
        Projected phase σ·ΣV of the particles alone in rad, `(y, x)`, periodic.
    pixel_size
        Å; at most 0.5 Å, so that an atom covers a pixel.
    threshold
        rad; π/16 in the authors' recipe.
    blur
        Standard deviation of the Gaussian that smooths the outline, Å; gaps of up to 2.5 times this are closed first.

    Returns
    -------
    ndarray of bool, `(y, x)`

    Raises
    ------
    PassbandError
        The phase is not finite, or the pixels are too coarse.
    """
    if not np.isfinite(phase).all():
        raise PassbandError("the particles' phase has NaN or infinite pixels; the structure or its potential is broken")
    if not 0.0 < pixel_size <= 0.5:
        raise PassbandError(f"pixel_size={pixel_size:g} Å is outside 0 to 0.5 Å for a mask; compute the phase finer")
    sharp = gaussian_filter(np.asarray(phase, dtype=np.float64), ATOM_WIDTH / pixel_size, mode="wrap", truncate=5.0)
    covered = sharp > threshold
    if not covered.any() or blur == 0.0:
        return covered
    closed = _close(covered, CLOSING * blur / pixel_size)
    smooth = gaussian_filter(closed.astype(np.float64), blur / pixel_size, mode="wrap")
    return np.asarray(smooth > 0.5)


def _close(mask: Mask, radius: float) -> Mask:
    """Morphological closing of a periodic mask by a disc of `radius` pixels, from two distance maps."""
    margin = min(2 * ceil(radius) + 1, *mask.shape)
    padded = np.pad(mask, margin, mode="wrap")
    dilated = distance_transform_edt(~padded) <= radius
    closed = distance_transform_edt(dilated) > radius if not dilated.all() else dilated
    return np.asarray((closed | padded)[margin:-margin, margin:-margin])


def particle_labels(
    mask: Mask, positions: npt.NDArray[np.floating], particle_of: npt.NDArray[np.integer], *, pixel_size: float
) -> npt.NDArray[np.uint16]:
    """Which particle each pixel of the mask belongs to: that of the nearest atom.

    Parameters
    ----------
    mask
        From `particle_mask`, `(y, x)`.
    positions
        Of the particles' atoms, Å, `(n, 3)` in x, y, z; periodic in x and y.
    particle_of
        Number of each atom's particle from 0, `(n,)`. Where atoms share a pixel the one nearest the exit plane counts.

    Returns
    -------
    ndarray of uint16, `(y, x)`
        0 = no particle, k + 1 = particle k.
    """
    labels = np.zeros(mask.shape, dtype=np.uint16)
    if not len(positions) or not mask.any():
        return labels
    order = np.argsort(positions[:, 2], kind="stable")
    columns = np.rint(positions[order, :2] / pixel_size).astype(np.int64)
    labels[columns[:, 1] % mask.shape[0], columns[:, 0] % mask.shape[1]] = particle_of[order] + 1
    margin = min(ceil(8.0 / pixel_size), *mask.shape)
    padded = np.pad(labels, margin, mode="wrap")
    nearest = distance_transform_edt(padded == 0, return_distances=False, return_indices=True)
    spread = padded[tuple(nearest)][margin:-margin, margin:-margin]
    return np.where(mask, spread, 0).astype(np.uint16)


def atom_columns(positions: npt.NDArray[np.floating], *, tolerance: float = 0.6) -> Array:
    """Point truth: projected atomic columns, atoms whose projections lie within `tolerance` being one column.

    Parameters
    ----------
    positions
        Å, `(n, 3)` in x, y, z.
    tolerance
        Å. Columns grow from the atoms of most neighbours, so two columns further apart than this are never joined.

    Returns
    -------
    ndarray, `(columns, 3)`
        x and y of the mean of each column's atoms in Å, and the number of its atoms.

    Examples
    --------
    >>> atom_columns(np.array([[0.0, 0.0, 0.0], [0.0, 0.2, 3.0], [2.0, 0.0, 1.0]])).tolist()
    [[0.0, 0.1, 2.0], [2.0, 0.0, 1.0]]
    """
    if not len(positions):
        return np.zeros((0, 3))
    flat = np.asarray(positions[:, :2], dtype=np.float64)
    neighbours: Any = cKDTree(flat).query_ball_point(flat, tolerance, return_sorted=True)
    order = np.argsort([-len(near) for near in neighbours], kind="stable")
    free = np.ones(len(flat), dtype=bool)
    columns = []
    for atom in order:
        if free[atom]:
            members = [other for other in neighbours[atom] if free[other]]
            free[members] = False
            columns.append((*flat[members].mean(axis=0), len(members)))
    return np.array(columns)


def resample_mask(
    mask: npt.NDArray[np.generic],
    shape: tuple[int, int],
    *,
    part: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None = None,
) -> Mask:
    """Mask on another grid over the same periodic field: a pixel is set if more than half of its area was.

    Pixel i of a grid of n covers (i ± ½)/n of the field, as in the images. Of a `part`, which rows and which columns of
    the grid, in that order; all by default.

    Examples
    --------
    >>> int(resample_mask(np.eye(4, dtype=bool), (4, 4)).trace())
    4
    """
    rows, columns = (_area_weights(old, new) for old, new in zip(mask.shape, shape, strict=True))
    if part is not None:
        rows, columns = rows[part[0]], columns[part[1]]
    return np.asarray(rows @ mask.astype(np.float32) @ columns.T > 0.5 + 1e-4)  # not a tie decided by rounding


@lru_cache(maxsize=64)  # a few MB; camera pixels that vary come back to the same whole numbers
def _area_weights(old: int, new: int) -> npt.NDArray[np.float32]:
    """Share of each of `old` periodic pixels in each of `new` ones, `(new, old)`; every row sums to 1."""
    start = (np.arange(new)[:, None] - 0.5) * old / new
    weights = np.zeros((new, old))
    for shift in (-1, 0, 1):
        left = np.arange(old)[None, :] - 0.5 + shift * old
        weights += np.clip(np.minimum(start + old / new, left + 1) - np.maximum(start, left), 0.0, None)
    return (weights * new / old).astype(np.float32)


def minimum_contrast_defocus(
    wave: Tensor, *, pixel_size: float, energy: float, search: tuple[float, float], coarse: float = 1.0
) -> float:
    """C10 in Å at which the intensity of a wave varies least: the zero of the authors' defocus scale.

    A grid of `coarse` steps over `search`, then one of a tenth of that about its best, on the variance of |ψ|² over
    the field, without aliases. For a weak phase object that is the plane through the middle of the object.

    Parameters
    ----------
    wave
        Exit wave of the particles in vacuum, `(y, x)`, complex.
    pixel_size, energy
        Å and eV.
    search
        Smallest and largest C10 looked at, Å.

    Raises
    ------
    PassbandError
        The search range runs backwards.
    """
    low, high = search
    if low > high:
        raise PassbandError(f"search={search} Å runs backwards; write the smaller C10 first")
    spectrum = torch.fft.fft2(wave)
    highest = highest_indices(spectral_power(spectrum[None]))
    reach = (2 * highest[0], 2 * highest[1])  # of the intensity, all of which counts
    band = Band((wave.shape[-2], wave.shape[-1]), highest, grid=exact_grid(highest, reach))
    spectra = band.select(spectrum.t()) * band.scale
    squares = [q.to(wave.device) ** 2 * (pi * wavelength(energy)) for q in band.frequencies(pixel_size)]

    def best(grid: list[float]) -> float:
        return min(grid, key=lambda c10: _contrast(band, spectra, squares, c10))

    steps = int((high - low) / coarse + 1e-9)
    rough = best([low + coarse * step for step in range(steps + 1)])
    return round(best([rough + 0.1 * coarse * step for step in range(-10, 11)]), 6)


def _contrast(band: Band, spectra: Tensor, squares: list[Tensor], c10: float) -> float:
    """Mean square of the intensity at a focus; its mean is the same at every focus, so the variance is least with it.

    exp(−iπλC10 q²) is a product of a factor along y and one along x; `squares` are πλq² along each.
    """
    along_y, along_x = (torch.exp(-1j * c10 * square).to(spectra.dtype) for square in squares)
    squared = torch.view_as_real(band.inverse(spectra, (along_y, along_x))).square()
    intensity = squared[..., 0] + squared[..., 1]
    return float(intensity.square().mean(dtype=torch.float64))

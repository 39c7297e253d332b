"""Phases told apart by brightness alone, where an image has no lattice: levels without noise and without shading.

A crop of a noisy image scatters by its noise, and where phases are finely mixed it shows several. The brightness of
cells, less noise, keeps to a few levels where there are phases, and to none where it varies by itself.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter
from skimage.restoration import denoise_tv_chambolle

from passband.zero_shot.clusters import Cloud, Clusters, well_separated
from passband.zero_shot.grouping import Merging
from passband.zero_shot.lattice_features import GAUSSIAN, QUANTILE
from passband.zero_shot.lattice_scale import TextureScale
from passband.zero_shot.local_levels import LocalLevels, finest_levels, local_levels, shifted_levels, steps_of_two

Array = NDArray[np.float64]

WEIGHT = 1.0  # of the total variation, in deviations of the noise
STEPS = 300  # of its minimisation, at most
LAG = 2  # cells: noise of a detector reaches no further
ORDER = 3  # of the polynomial that shading is taken for
REACH = 8  # cells between two places whose difference it is fitted to: without noise a slope is a stair of some cells
FITTED = 16000  # such differences, about
ROUNDS = 20  # of the fit
STEEP = 2.0  # deviations of the differences: far steeper ones count for nothing, as they are boundaries
CALM = 0.6  # of the cells: those about which brightness changes least show one phase each
LEAST = 100  # of these cells that a level holds: in images of 50 to 100 pixels noise has blots of fewer
SAMPLE = 4096  # of these cells that levels are found in, at most
APART = 4.0  # Ashman's D of two levels, at least: of one material the largest was 3.8 (112 drawn images)
GRADIENT = 12.0**0.5  # Ashman's D of halves of a gradient: levels that were asked for are further apart


@dataclass(frozen=True, eq=False)
class Phases:
    """Phases by brightness.

    Attributes
    ----------
    labels
        (rows, columns): number of the phase of each cell, from 1, the largest first.
    confidence
        (rows, columns): how much nearer a cell is to its level than to the next: (d₂ − d₁)/(d₂ + d₁).
    materials
        How many there are.
    """

    labels: NDArray[np.int64]
    confidence: Array
    materials: int


def brightness_phases(image: NDArray[np.float32], scale: TextureScale, rules: Merging) -> Phases | None:
    """Find phases that differ in brightness; None where they are fewer than two, or than are asked for.

    Levels are as many as are all further apart than `APART`: one normal population of brightness has an Ashman's D of
    2.6, a gradient of 3.5, however little noise there is. It can be less than for crops, of which there are few. Levels
    that are asked for must be further apart than those of a gradient.

    Parameters
    ----------
    image
        (y, x), in any units.
    scale
        Its cells.
    rules
        Number of materials, or how many at most, and how large they are.
    """
    if not 2 <= (rules.materials or 2) <= rules.most:
        return None
    quiet = quiet_brightness(image, scale)
    cloud = _cloud(_calm(quiet), rules.seed)
    splits = cloud.splits(most=rules.most, smallest=rules.smallest, seed=rules.seed)
    splits = [one for one in splits if _held(one, cloud)]
    found = well_separated(splits, APART)
    if rules.materials is not None:
        found = cloud.clusters(rules.materials, found=found, seed=rules.seed)
    enough = len(found.centres) >= (rules.materials or 2) and found.separation > GRADIENT and _held(found, cloud)
    if enough:
        return _phases(shifted_levels(quiet, found.centres[:, 0]))
    return _two_by_outlines(quiet, splits, rules) if rules.materials in (None, 2) else None


def brightness_levels(image: NDArray[np.float32], scale: TextureScale, rules: Merging) -> Phases | None:
    """Find as many levels of brightness as materials are said to be, apart or not; None where there are not so many.

    See `brightness_phases`. To be asked where nothing else tells materials apart that somebody sees.
    """
    if not 2 <= (rules.materials or 1) <= rules.most:
        return None
    quiet = quiet_brightness(image, scale)
    cloud = _cloud(_calm(quiet), rules.seed)
    centres = cloud.splits(most=rules.materials or 1, smallest=0.0, seed=rules.seed)[-1].centres
    found = local_levels(quiet, centres[:, 0])
    return _phases(found) if len(np.unique(found.number)) == rules.materials else None


def _two_by_outlines(quiet: Array, splits: list[Clusters], rules: Merging) -> Phases | None:
    """Find two phases whose levels shift from place to place further than they are apart; None if none are there."""
    two = [one for one in splits if len(one.centres) == 2]
    if not two:
        return None
    found = local_levels(quiet, np.sort(two[0].centres[:, 0]))
    cloud = _cloud(_calm(found.values), rules.seed)
    held = _held(Clusters(found.centres[:, None], 0.0), cloud)
    if not held or cloud.measured(found.centres[:, None]).separation <= GRADIENT:
        return None
    steps = steps_of_two(quiet, found)
    return _phases(finest_levels(quiet, found)) if steps.sharp and steps.alike else None


def _phases(found: LocalLevels) -> Phases:
    """Make phases of levels, numbered by how much each holds."""
    away = np.abs(found.values[..., None] - found.centres)
    order = np.argsort(-np.bincount(found.number.ravel(), minlength=len(found.centres)), kind="stable")
    first, second = np.moveaxis(np.partition(away, 1, axis=2)[..., :2], 2, 0)
    return Phases(np.argsort(order)[found.number] + 1, (second - first) / (second + first), len(order))


def _calm(quiet: Array) -> Array:
    """Values (n,) of the cells about which brightness changes least."""
    change = maximum_filter(quiet, 3) - minimum_filter(quiet, 3)
    return np.asarray(quiet[change <= np.quantile(change, CALM)])


def _cloud(values: Array, seed: int) -> Cloud:
    """Choose some of the values (n,); each stands for as many as it was chosen from."""
    some = np.random.default_rng(seed).permutation(values)[:SAMPLE, None]
    return Cloud(some, np.ones(len(some)), np.full(len(some), len(values) / len(some)), np.zeros(1))


def _held(found: Clusters, cloud: Cloud) -> bool:
    """Whether levels are each held by so many cells that no blot of noise makes one; a single one is."""
    sizes = np.bincount(found.nearest(cloud.places), cloud.sizes, minlength=len(found.centres))
    return len(sizes) == 1 or bool(sizes.min() >= LEAST)


def quiet_brightness(image: NDArray[np.float32], scale: TextureScale) -> Array:
    """Brightness (rows, columns) of the cells of an image (y, x) without noise and shading, in deviations of the noise.

    Noise goes by total variation (Chambolle, J. Math. Imaging Vis. 20, 89, 2004), which keeps steps.
    """
    means = _cell_means(image, scale)
    differences = np.abs(np.concatenate(_steps(means[..., None], LAG)))
    noise = float(np.quantile(differences, QUANTILE)) / (GAUSSIAN * np.sqrt(2.0))
    values = (means - means.mean()) / max(noise, 1e-6 * float(means.std()), 1e-12)
    quiet = denoise_tv_chambolle(values, weight=WEIGHT, max_num_iter=STEPS, eps=1e-5)  # type: ignore[no-untyped-call]
    return without_shading(np.asarray(quiet, dtype=np.float64))


def without_shading(values: Array) -> Array:
    """Values (rows, columns) less the polynomial across the image whose differences most of theirs follow.

    The differences of places `REACH` cells apart are fitted, by least squares with weights that fall with what is left:
    those across boundaries of phases are steep, and count for little.
    """
    y, x = np.meshgrid(*(np.linspace(-1.0, 1.0, side) for side in values.shape), indexing="ij")
    powers = [(i, j) for i in range(ORDER + 1) for j in range(ORDER + 1 - i) if i + j]
    terms = np.stack([y**i * x**j for i, j in powers], axis=-1)
    reach = min(REACH, max(values.shape) // 2)
    slopes, differences = (np.concatenate(_steps(of, reach)) for of in (terms, values[..., None]))
    every = max(1, len(differences) // FITTED)
    slopes, differences = slopes[::every], differences[::every, 0]
    weights = np.ones(len(differences))
    for _ in range(ROUNDS):
        normal = (slopes * weights[:, None]).T @ slopes
        ridge = 1e-9 * np.trace(normal) / len(normal) + 1e-12
        found = np.linalg.solve(normal + ridge * np.eye(len(normal)), (slopes * weights[:, None]).T @ differences)
        left = differences - slopes @ found
        deviation = float(np.median(np.abs(left))) / 0.6745 + 1e-12
        weights = 1.0 / np.square(1.0 + np.square(left / (STEEP * deviation)))
    return np.asarray(values - terms @ found)


def _steps(values: Array, lag: int) -> list[Array]:
    """Differences (n, terms) of values (rows, columns, terms) so many cells apart, down and across."""
    count = values.shape[2]
    return [(values[lag:] - values[:-lag]).reshape(-1, count), (values[:, lag:] - values[:, :-lag]).reshape(-1, count)]


def _cell_means(image: NDArray[np.float32], scale: TextureScale) -> Array:
    """Mean (rows, columns) of the pixels of each cell."""
    means = image.astype(np.float64)
    for axis, (length, count) in enumerate(zip(image.shape, scale.grid(image.shape), strict=True)):
        edges = np.rint(np.arange(count + 1) * length / count).astype(np.int64)
        sizes = np.diff(edges)
        means = np.add.reduceat(means, edges[:-1], axis=axis) / (sizes[:, None] if axis == 0 else sizes)
    return means

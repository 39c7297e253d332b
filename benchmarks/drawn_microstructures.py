"""Drawn microstructures, of several materials without a lattice and of one, with labels: for `bench_phases`."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, distance_transform_edt, gaussian_filter, zoom
from scipy.spatial import cKDTree

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
Generator = np.random.Generator

LEAST_PHASE = 0.03  # of the image: a smaller share of a phase is drawn again


class DrawnImage(NamedTuple):
    """An image, its labels (from 0) and what it was drawn with.

    `noise` is the standard deviation of the noise of a pixel, `shading` the range of the shading, both in units of the
    smallest step between two materials (infinite where there is none); for one material, in units of the noise.
    """

    kind: str
    image: NDArray[np.float32]
    labels: Labels
    noise: float
    shading: float

    @property
    def materials(self) -> int:
        return len(np.unique(self.labels))


def random_field(shape: tuple[int, int], width: float, rng: Generator) -> Array:
    """Gaussian random field of mean 0 and deviation 1, correlated over a Gaussian of this standard deviation."""
    field = gaussian_filter(rng.standard_normal(shape), width, mode="wrap")
    return np.asarray((field - field.mean()) / field.std())


def discs(
    shape: tuple[int, int], share: float, radii: tuple[float, float], rng: Generator, *, power: float = 2.0
) -> Labels:
    """Discs (power 2) or cuboids with round corners (4), turned alike, that do not touch, until their share is met."""
    turn, found = rng.uniform(0, np.pi / 2), np.zeros(shape, np.int64)
    for _ in range(6000):
        if found.mean() >= share:
            break
        radius, cy, cx = rng.uniform(*radii), rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        aspect, reach = rng.uniform(0.8, 1.25), 1.6 * radius + 4.0
        box = tuple(slice(max(0, int(c - reach)), int(c + reach) + 1) for c in (cy, cx))
        y, x = np.ogrid[: shape[0], : shape[1]]
        y, x = y[box[0]], x[:, box[1]]
        along = (np.cos(turn) * (y - cy) + np.sin(turn) * (x - cx)) / (radius * aspect)
        across = (np.cos(turn) * (x - cx) - np.sin(turn) * (y - cy)) * aspect / radius
        far = np.abs(along) ** power + np.abs(across) ** power
        gap = (1.0 + max(2.5, 0.15 * radius) / radius) ** power
        if not found[box][far < gap].any():
            found[box][far < 1.0] = 1
    return found


def alloy(shape: tuple[int, int], rng: Generator) -> Labels:
    """Cuboids with narrow channels between them."""
    radius = rng.uniform(10, 28)
    return discs(shape, rng.uniform(0.35, 0.65), (0.6 * radius, radius), rng, power=4.0)


def particles(shape: tuple[int, int], rng: Generator) -> Labels:
    """Round particles in a matrix."""
    radius = rng.uniform(8, 40)
    return discs(shape, rng.uniform(0.08, 0.3), (0.6 * radius, radius), rng)


def labyrinth(shape: tuple[int, int], rng: Generator) -> Labels:
    """Two phases that interpenetrate."""
    field = random_field(shape, rng.uniform(7, 20), rng)
    return (field > np.quantile(field, rng.uniform(0.35, 0.75))).astype(np.int64)


def coating(shape: tuple[int, int], rng: Generator, *, layers: int = 0) -> Labels:
    """Two to four layers with rough interfaces, in any direction."""
    layers = layers or int(rng.integers(2, 5))
    angle = rng.uniform(-0.25, 0.25) + rng.choice([0, np.pi / 2])
    y, x = np.mgrid[: shape[0], : shape[1]] / max(shape)
    place = np.cos(angle) * y + np.sin(angle) * x
    place = place + rng.uniform(0, 0.012) * random_field(shape, rng.uniform(4, 12), rng)
    place = (place - np.quantile(place, 0.01)) / np.ptp(np.quantile(place, [0.01, 0.99]))
    edges = np.cumsum(rng.uniform(0.5, 1.5, layers))
    return np.asarray(np.searchsorted(edges[:-1] / edges[-1], place), dtype=np.int64)


def three_phases(shape: tuple[int, int], rng: Generator) -> Labels:
    """A matrix with large and with small particles of another phase."""
    labels = discs(shape, rng.uniform(0.15, 0.35), (18, 40), rng)
    other = discs(shape, rng.uniform(0.2, 0.35), (10, 24), rng, power=4.0)
    return np.where(labels == 1, 1, np.where(gaussian_filter(labels * 1.0, 2) < 0.02, 2 * other, 0))


def blurred_particles(shape: tuple[int, int], rng: Generator) -> Labels:
    """One to three large particles; their outlines are blurred when the image is drawn."""
    return discs(shape, rng.uniform(0.08, 0.25), (40, 80), rng)


def textures(shape: tuple[int, int], rng: Generator) -> Labels:
    """Two layers of one brightness, as different as their noise is when the image is drawn."""
    return coating(shape, rng, layers=2)


def levels_of(count: int, rng: Generator) -> Array:
    """Grey levels of materials, 1 to 1.8 apart, in any order."""
    return rng.permutation(np.cumsum(rng.uniform(1.0, 1.8, count)))


def shade(shape: tuple[int, int], rng: Generator) -> Array:
    """Shading of range 1: a slope and what varies over a third of the image."""
    slope = sum(rng.normal() * axis for axis in np.ogrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j])
    coarse = gaussian_filter(rng.standard_normal((24, 24)), 8.0, mode="reflect")
    field = zoom(coarse, np.array(shape) / 24.0, order=3, mode="nearest", grid_mode=True)[: shape[0], : shape[1]]
    field = slope + rng.uniform(0.3, 1.5) * field / field.std()
    return np.asarray(field / np.ptp(field))


def noise_of(shape: tuple[int, int], rng: Generator) -> Array:
    """Noise of deviation 1, for half of the images correlated over a pixel or so, as of a detector or of resampling."""
    return random_field(shape, rng.uniform(0.5, 1.2), rng) if rng.random() < 0.5 else rng.standard_normal(shape)


SEVERAL: dict[str, Callable[[tuple[int, int], Generator], Labels]] = {
    "alloy": alloy,
    "particles": particles,
    "labyrinth": labyrinth,
    "coating": coating,
    "three phases": three_phases,
    "blurred particles": blurred_particles,
    "textures": textures,
}


def draw_several(kind: str, rng: Generator) -> DrawnImage:
    """Image of several materials; half of them under shading, some with brightness that varies by itself."""
    shape = (int(rng.integers(300, 560)), int(rng.integers(300, 560)))
    labels = SEVERAL[kind](shape, rng)
    while np.bincount(labels.ravel()).min() < LEAST_PHASE * labels.size:
        labels = SEVERAL[kind](shape, rng)
    clean = levels_of(int(labels.max()) + 1, rng)[labels]
    clean = gaussian_filter(clean, rng.uniform(5, 14) if kind == "blurred particles" else rng.uniform(0.4, 1.6))
    if kind == "textures":
        fine, coarse = (
            rng.standard_normal(shape),
            rng.uniform(1.0, 1.8) * random_field(shape, rng.uniform(1.2, 2.5), rng),
        )
        return DrawnImage(kind, np.where(labels == 1, coarse, fine).astype(np.float32), labels, np.inf, 0.0)
    noise = float(np.exp(rng.uniform(np.log(0.1), np.log(1.2))))
    shading = float(rng.choice([0.0, rng.uniform(0.3, 1.5)]))
    varying = float(rng.choice([0.0, rng.uniform(0.05, 0.15)]))
    image = clean + shading * shade(shape, rng) + varying * random_field(shape, rng.uniform(4, 30), rng)
    return DrawnImage(kind, (image + noise * noise_of(shape, rng)).astype(np.float32), labels, noise, shading)


def channels(shape: tuple[int, int], rng: Generator) -> Labels:
    """Large particles of any shape with narrow channels between them, on half of the images not everywhere."""
    seeds = rng.random((int(rng.integers(15, 60)), 2)) * shape
    y, x = np.mgrid[: shape[0], : shape[1]]
    bent = rng.uniform(3, 9) * np.stack([random_field(shape, rng.uniform(12, 30), rng) for _ in range(2)], axis=-1)
    distance, _ = cKDTree(seeds).query(np.stack([y, x], axis=-1) + bent, k=2)
    labels = np.diff(distance, axis=-1)[..., 0] > rng.uniform(8, 24)
    if rng.random() < 0.5:
        labels &= random_field(shape, rng.uniform(20, 40), rng) > -rng.uniform(0.3, 1.2)
    return labels.astype(np.int64)


def draw_rims(rng: Generator) -> DrawnImage:
    """Image of an etched alloy: channels, particles or a labyrinth with rims that fade on both sides of outlines.

    Half of the images have small particles beside the large ones. The matrix is brighter or darker towards an outline
    by up to 1.2 of the step, the particles by up to 0.6; brightness varies by 0.1 to 0.5, and shading has a range of
    0.3 to 4.
    """
    shape = (int(rng.integers(300, 560)), int(rng.integers(300, 560)))
    kind = (channels, alloy, labyrinth, particles)[int(rng.integers(4))]
    labels = kind(shape, rng)
    while np.bincount(labels.ravel(), minlength=2).min() < 0.1 * labels.size:
        labels = kind(shape, rng)
    if rng.random() < 0.5:
        small = discs(shape, rng.uniform(0.01, 0.05), (3, 6), rng)
        labels = np.where(binary_dilation(labels, iterations=4), labels, np.maximum(labels, small))
    step, sign = rng.uniform(1.0, 1.8), rng.choice([-1, 1])
    inside, outside = (np.maximum(distance_transform_edt(one) - 1.0, 0.0) for one in (labels, 1 - labels))
    clean = step * (labels - rng.uniform(0.2, 1.2) * np.exp(-outside / rng.uniform(3, 9)) * (1 - labels))
    clean += step * rng.uniform(-0.6, 0.6) * np.exp(-inside / rng.uniform(5, 15)) * labels
    clean = sign * clean + rng.uniform(0.1, 0.5) * random_field(shape, rng.uniform(15, 60), rng)
    shading = rng.uniform(0.3, 4.0)
    image = gaussian_filter(clean + shading * shade(shape, rng), rng.uniform(0.4, 1.6))
    noise = float(np.exp(rng.uniform(np.log(0.15), np.log(0.8))))
    return DrawnImage("rims", (image + noise * noise_of(shape, rng)).astype(np.float32), labels, noise, shading)


def flat(shape: tuple[int, int], rng: Generator) -> Array:
    """Nothing at all."""
    return np.zeros(shape)


def cloud(shape: tuple[int, int], rng: Generator) -> Array:
    """Brightness that varies smoothly at random, as a film of uneven thickness shows."""
    return rng.uniform(0.3, 2.0) * random_field(shape, rng.uniform(5, 60), rng)


def rough(shape: tuple[int, int], rng: Generator) -> Array:
    """Brightness that varies on all scales, with power falling as a power of frequency."""
    wave = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1]))
    wave[0, 0] = np.inf
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) * wave ** -rng.uniform(0.8, 1.8), shape)
    return np.asarray(rng.uniform(0.5, 2.0) * field / field.std())


def grains(shape: tuple[int, int], rng: Generator) -> Array:
    """Many grains, each of a brightness of its own (normal), some with dark boundaries."""
    seeds = rng.random((int(rng.integers(30, 90)), 2)) * shape
    y, x = np.mgrid[: shape[0], : shape[1]]
    distance, nearest = cKDTree(seeds).query(np.stack([y, x], axis=-1), k=2)
    boundary = np.exp(-np.square(np.diff(distance, axis=-1)[..., 0] / 2.0))
    levels = rng.uniform(0.0, 1.5) * rng.standard_normal(len(seeds))
    return np.asarray(levels[np.asarray(nearest)[..., 0]] - rng.choice([0.0, 2.0]) * boundary)


def lattice(shape: tuple[int, int], rng: Generator) -> Array:
    """One lattice, its contrast slowly changing, as over a wedge."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    turn, period = rng.uniform(0, np.pi), rng.uniform(7, 14)
    waves = sum(np.cos(2 * np.pi * (np.cos(a) * x + np.sin(a) * y) / period) for a in (turn, turn + np.pi / 2))
    return np.asarray(waves * rng.uniform(0.5, 2.0) * (1.0 + rng.uniform(0, 0.6) * 2 * shade(shape, rng)))


ONE: dict[str, Callable[[tuple[int, int], Generator], Array]] = {
    "noise": flat,
    "cloud": cloud,
    "rough": rough,
    "grains": grains,
    "lattice": lattice,
}


def draw_one(kind: str, rng: Generator) -> DrawnImage:
    """Image of one material; two thirds of them under shading."""
    shape = (int(rng.integers(300, 560)), int(rng.integers(300, 560)))
    shading = float(rng.choice([0.0, *rng.uniform(0.5, 6.0, 2)]))
    image = ONE[kind](shape, rng) + shading * shade(shape, rng) + noise_of(shape, rng)
    return DrawnImage(kind, image.astype(np.float32), np.zeros(shape, np.int64), 1.0, shading)


def drawn_images(each: int, seed: int) -> Iterator[DrawnImage]:
    """Images of every kind; the first ones of a kind are the same however many there are."""
    draws: list[Callable[[Generator], DrawnImage]] = [partial(draw_several, kind) for kind in SEVERAL]
    draws += [*(partial(draw_one, kind) for kind in ONE), draw_rims]
    for number, draw in enumerate(draws):
        for index in range(each):
            yield draw(np.random.default_rng([seed, number, index]))

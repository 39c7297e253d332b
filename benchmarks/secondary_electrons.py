"""Images as secondary electrons make them, of nine kinds of specimens: for `columns_or_not.py`; lengths in pixels."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.spatial import cKDTree

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Array]


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def rough(rng: np.random.Generator, side: int, slope: float) -> Array:
    """Surface whose power falls with the frequency to the power of `slope`, of standard deviation 1."""
    q = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None, :])
    q[0, 0] = 1.0 / side
    found = np.fft.ifft2(np.fft.fft2(rng.normal(size=(side, side))) * q ** (-0.5 * slope)).real
    return np.asarray((found - found.mean()) / found.std())


def smooth(rng: np.random.Generator, side: int, length: float) -> Array:
    """Noise blurred over a length, of standard deviation 1."""
    found = gaussian_filter(rng.normal(size=(side, side)), length, mode="wrap")
    return np.asarray(found / found.std())


def lit(rng: np.random.Generator, height: Array) -> Array:
    """Yield of a surface of some height: more from slopes and edges, from one side, and from what is high."""
    along, across = np.gradient(height)
    steep = np.hypot(along, across)
    unit, angle = float(np.quantile(steep, 0.99)) + 1e-9, rng.uniform(0.0, 2.0 * np.pi)
    side = (np.cos(angle) * across + np.sin(angle) * along) / unit
    level = (height - height.min()) / (float(np.ptp(height)) + 1e-9)
    return np.asarray(1.0 + rng.uniform(0.5, 3.0) * steep / unit + rng.uniform(0.0, 1.0) * side + rng.uniform() * level)


def _cells(rng: np.random.Generator, side: int, size: float) -> tuple[Array, NDArray[np.int64], int]:
    """Distance to the border of cells about as large as `size`, the number of each pixel's cell, and how many."""
    seeds = rng.uniform(-size, side + size, size=(int((side + 2.0 * size) ** 2 / size**2) + 2, 2))
    y, x = np.mgrid[:side, :side]
    distance, number = map(np.asarray, cKDTree(seeds).query(np.column_stack([y.ravel(), x.ravel()]), k=2))
    gap = (distance[:, 1] - distance[:, 0]).reshape(side, side)
    return gap, number[:, 0].reshape(side, side), len(seeds)


def _lattice(rng: np.random.Generator, side: int, spacing: float, disorder: float) -> Array:
    """Places (n, 2) of a square or hexagonal lattice of some disorder, around the field."""
    angle, between = rng.uniform(0.0, np.pi), float(rng.choice([np.pi / 3.0, np.pi / 2.0]))
    vectors = spacing * np.array([[np.cos(one), np.sin(one)] for one in (angle, angle + between)])
    reach = int(1.5 * side / spacing) + 2
    steps = np.stack(np.meshgrid(np.arange(-reach, reach), np.arange(-reach, reach)), axis=-1).reshape(-1, 2)
    places = steps @ vectors + 0.5 * side
    places += disorder * spacing * rng.normal(size=places.shape)
    inside = np.all((places > -spacing) & (places < side + spacing), axis=1)
    return np.asarray(places[inside][:1500])


def particles(rng: np.random.Generator, side: int) -> Array:
    """Spheres or flat discs on a surface, at random or packed."""
    radius, spread, flat = log_uniform(rng, 2.5, 25.0), rng.uniform(0.02, 0.5), rng.random() < 0.4
    packed = rng.random() < 0.25
    count = min(600, int(rng.uniform(0.2, 1.2) * side**2 / (np.pi * radius**2)) + 1)
    places = _lattice(rng, side, 2.05 * radius, 0.05) if packed else rng.uniform(-radius, side + radius, (count, 2))
    height, y, x = np.zeros((side, side)), *np.ogrid[:side, :side]
    for cy, cx in places:
        own = radius * float(np.exp(spread * rng.normal()))
        part = tuple(slice(max(0, int(c - own - 1)), max(0, int(c + own + 2))) for c in (cy, cx))
        square = ((y[part[0]] - cy) ** 2 + (x[:, part[1]] - cx) ** 2) / own**2
        body = (square < 1.0) * (np.ones_like(square) if flat else np.sqrt(np.maximum(1.0 - square, 0.0)))
        height[part] = np.maximum(height[part], own * body)
    return lit(rng, gaussian_filter(height, 0.7))


def fibres(rng: np.random.Generator, side: int) -> Array:
    """Bent fibres over each other."""
    width, height = log_uniform(rng, 1.5, 12.0), np.zeros((side, side))
    y, x = np.mgrid[:side, :side].astype(np.float64)
    for _ in range(int(rng.uniform(0.5, 2.0) * side / width)):
        angle, (cy, cx), bend = rng.uniform(0.0, np.pi), rng.uniform(0.0, side, 2), 0.3 * rng.normal() / side
        along = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
        off = (y - cy) * np.cos(angle) - (x - cx) * np.sin(angle) + bend * along**2
        own = width * float(np.exp(0.3 * rng.normal()))
        body = own * np.sqrt(np.maximum(1.0 - (off / own) ** 2, 0.0))
        height = np.maximum(height, np.where(body > 0.0, body + rng.uniform(0.0, 2.0 * width), 0.0))
    return lit(rng, gaussian_filter(height, 0.8))


def pores(rng: np.random.Generator, side: int) -> Array:
    """Solid with dark pores and bright rims, or a network of ligaments."""
    level = smooth(rng, side, log_uniform(rng, 2.0, 20.0))
    solid = level > rng.uniform(-1.0, 0.3) if rng.random() < 0.5 else np.abs(level) < rng.uniform(0.3, 1.0)
    depth, edge = np.asarray(distance_transform_edt(~solid)), np.asarray(distance_transform_edt(solid))
    bright = 1.0 + rng.uniform(0.0, 2.0) * np.exp(-edge / rng.uniform(0.8, 3.0))
    dark = rng.uniform(0.05, 0.4) * np.exp(-depth / rng.uniform(2.0, 10.0))
    return np.asarray(np.where(solid, bright, dark) * (1.0 + 0.1 * rough(rng, side, 2.0)))


def cracked(rng: np.random.Generator, side: int) -> Array:
    """Rough coating with dark cracks."""
    gap, _, _ = _cells(rng, side, log_uniform(rng, 8.0, 80.0))
    width, wave = rng.uniform(0.5, 3.0), 0.4 * smooth(rng, side, 2.0)
    rim = np.exp(-np.maximum(gap - width, 0.0) / rng.uniform(1.0, 3.0))
    body = 1.0 + rng.uniform(0.0, 1.0) * rim + rng.uniform(0.0, 0.3) * rough(rng, side, rng.uniform(1.0, 3.0))
    return np.asarray(0.15 + body / (1.0 + np.exp(-np.clip((gap + wave - width) / 0.4, -50.0, 50.0))))


def grains(rng: np.random.Generator, side: int) -> Array:
    """Grains of different brightness with bright or dark boundaries."""
    gap, number, count = _cells(rng, side, log_uniform(rng, 5.0, 60.0))
    edge = rng.normal() * np.exp(-gap / rng.uniform(0.7, 3.0))
    return np.asarray(gaussian_filter(rng.uniform(0.5, 1.5, count)[number] + edge, rng.uniform(0.3, 1.5)))


def precipitates(rng: np.random.Generator, side: int) -> Array:
    """Cuboids in rows, brighter or darker than what is between them."""
    spacing, angle, power = log_uniform(rng, 6.0, 50.0), rng.uniform(0.0, 0.5 * np.pi), float(rng.choice([2, 3, 6]))
    size, body = rng.uniform(0.25, 0.46) * spacing, np.zeros((side, side))
    y, x = np.mgrid[:side, :side].astype(np.float64)
    for cy, cx in _lattice(rng, side, spacing, rng.uniform(0.05, 0.25)):
        own = size * float(np.exp(0.25 * rng.normal()))
        part = tuple(slice(max(0, int(c - 1.5 * own - 2)), max(0, int(c + 1.5 * own + 3))) for c in (cy, cx))
        down, right = y[part] - cy, x[part] - cx
        sides = np.abs([down * np.cos(angle) + right * np.sin(angle), right * np.cos(angle) - down * np.sin(angle)])
        distance = (sides**power).sum(axis=0) ** (1.0 / power)
        body[part] = np.maximum(body[part], 1.0 / (1.0 + np.exp(np.clip((distance - own) / 0.6, -50.0, 50.0))))
    edges = rng.uniform(0.0, 2.0) * np.hypot(*np.gradient(body))
    return np.asarray(1.0 + rng.choice([-0.5, 0.5]) * body + edges + 0.05 * rough(rng, side, 2.0))


def steps(rng: np.random.Generator, side: int) -> Array:
    """Terraces with bright edges."""
    angle, width = rng.uniform(0.0, 2.0 * np.pi), log_uniform(rng, 6.0, 60.0)
    y, x = np.mgrid[:side, :side]
    height = (np.cos(angle) * x + np.sin(angle) * y) / width + rng.uniform(0.0, 0.3) * smooth(rng, side, 8.0)
    edge = np.exp(-(height % 1.0) * width / rng.uniform(0.8, 3.0))
    return np.asarray(1.0 + rng.uniform(0.2, 2.0) * edge + 0.1 * rough(rng, side, 2.0))


def fractal(rng: np.random.Generator, side: int) -> Array:
    """Rough surface without a length of its own."""
    return np.asarray(np.exp(rng.uniform(0.1, 0.6) * rough(rng, side, rng.uniform(1.5, 4.0))))


def lumps(rng: np.random.Generator, side: int) -> Array:
    """Lumps on an even surface."""
    surface = np.maximum(rough(rng, side, rng.uniform(2.0, 4.0)), 0.0)
    return lit(rng, gaussian_filter(surface, rng.uniform(0.5, 2.0)))


SPECIMENS: tuple[Draw, ...] = (particles, fibres, pores, cracked, grains, precipitates, steps, fractal, lumps)


def _charged(rng: np.random.Generator, image: Array) -> Array:
    """Image whose rows stay brighter or darker behind bright places."""
    above, keep, trail = np.maximum(image - image.mean(), 0.0), np.exp(-1.0 / rng.uniform(3.0, 30.0)), image * 0.0
    for k in range(1, image.shape[1]):
        trail[:, k] = keep * trail[:, k - 1] + (1.0 - keep) * above[:, k - 1]
    return np.asarray(image + rng.choice([-1.0, 1.0]) * rng.uniform(0.3, 2.0) * trail)


def secondary_electrons(rng: np.random.Generator, side: int, draw: Draw) -> Array:
    """Counts of one specimen (side, side): charged, blurred, noisy, with a gamma and in 8 bit, each in some images."""
    mean = np.maximum(draw(rng, side), 0.0)
    mean = mean / mean.mean()
    if rng.random() < 0.3:
        mean = _charged(rng, mean)
    if rng.random() < 0.2:
        mean = mean * (1.0 + rng.uniform(0.02, 0.3) * rng.normal(size=(side, 1)))
    mean = np.maximum(gaussian_filter(mean, log_uniform(rng, 0.3, 2.5)), 0.01)
    electrons, background = 10.0 ** rng.uniform(0.3, 3.0), rng.choice([0.0, rng.uniform()])
    image = rng.poisson((mean + background) * electrons) / electrons
    if rng.random() < 0.3:
        image = image + rng.uniform(0.02, 0.3) * rng.normal(size=image.shape)
    if rng.random() < 0.3:
        image = np.sign(image) * np.abs(image) ** rng.uniform(0.5, 1.2)
    if rng.random() < 0.7:
        low, high = np.quantile(image, (rng.uniform(0.0, 0.01), 1.0 - rng.uniform(0.0, 0.01)))
        image = np.round(255.0 * np.clip((image - low) / (high - low), 0.0, 1.0))
    return np.asarray(image, dtype=np.float64)

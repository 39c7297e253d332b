"""Atoms: positions of columns against the Cramér–Rao bound, and the time to find them.

    OMP_NUM_THREADS=1 python benchmarks/bench_atoms.py

Drawn images of 256² pixels: a square lattice of columns 10 pixels apart, each displaced by 0.6 pixels rms, σ of 2.2
pixels, on a flat background; Poisson noise of the electrons given for a column. No network: the blobs of the image
itself are fitted. "found" counts columns within 2 pixels of the truth, which at 0.2 Å pixels is 0.4 Å, "false" those
that are not. The ratio is the rms error, along x and y, of the columns 10 pixels and more from the edge, over the
bound of the image: all columns of a patch of 5 × 5 around each, and a plane under them, are unknown in it. "pull" is
the rms of error over estimated error. Pairs are 3 σ apart, one pair on each site of a lattice of 22 pixels. CPU
seconds are of one thread, for the whole of `find_columns`, the smaller of two.

Remarks
-------
Where columns are found the fit is as good as it can be, down to 300 electrons a column. Without a network, pairs that
are nearer than 3 σ become one wide column.
"""

import argparse
import time

import numpy as np
from numpy.typing import NDArray

from passband.description.atoms import find_columns
from passband.description.columns import AtomColumns
from passband.description.gaussian_sum import GaussianSum

Array = NDArray[np.float64]
SIGMA, SPACING, PIXEL, NEAR = 2.2, 10.0, 0.2, 2.0
DOSES = ((20_000, 5), (5_000, 20), (1_000, 20), (1_000, 200), (300, 20))  # electrons of a column, of a background pixel


def lattice(side: int, spacing: float, rng: np.random.Generator) -> Array:
    """Places (n, 2) in x and y."""
    axis = np.arange(0.7 * spacing, side - 0.3 * spacing, spacing)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    return np.asarray(grid + rng.normal(0.0, 0.6, grid.shape))


def pairs(side: int, rng: np.random.Generator) -> Array:
    """Places (n, 2) of pairs at any angle, 3 σ apart."""
    middle = lattice(side, 22.0, rng)
    turn = rng.uniform(0.0, np.pi, len(middle))
    half = 1.5 * SIGMA * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return np.concatenate([middle + half, middle - half])


def drawn(side: int, places: Array, height: float, background: float) -> Array:
    """Mean image (y, x)."""
    frame = int(6 * SIGMA)
    parameters = np.column_stack([places + frame, np.full(len(places), height), np.full(len(places), np.log(SIGMA))])
    padded = GaussianSum(parameters, (side + 2 * frame,) * 2, (frame, frame)).image()
    return padded[frame:-frame, frame:-frame] + background


def bound(mean: Array, columns: Array, number: int, half: float) -> Array:
    """Cramér–Rao bound (2,) of the errors of x and y of one column of an image of counted electrons.

    `mean` (y, x) is the image without noise. Columns (n, 4) are x, y, height and σ in pixels; those within `half` along
    both axes and a plane under them are unknown.
    """
    low = np.maximum(np.rint(columns[number, :2]).astype(int) - int(half), 0)
    high = np.minimum(np.rint(columns[number, :2]).astype(int) + int(half) + 1, mean.shape[::-1])
    y, x = np.mgrid[low[1] : high[1], low[0] : high[0]].astype(float)
    near = np.flatnonzero(np.abs(columns[:, :2] - columns[number, :2]).max(axis=1) < half)
    rows: list[Array] = []
    for px, py, height, sigma in columns[[number, *near[near != number]]]:
        g = np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2.0 * sigma**2))
        rows += [height * g * (x - px) / sigma**2, height * g * (y - py) / sigma**2, g]
        rows += [height * g * ((x - px) ** 2 + (y - py) ** 2) / sigma**2]
    rows += [np.ones_like(x), x - x.mean(), y - y.mean()]
    derivatives = np.array(rows).reshape(len(rows), -1)
    information = (derivatives / mean[low[1] : high[1], low[0] : high[0]].ravel()) @ derivatives.T
    scale = 1.0 / np.sqrt(np.diag(information))
    inverse = np.linalg.inv(information * scale[:, None] * scale)
    return np.asarray(np.sqrt(np.diag(inverse))[:2] * scale[:2])


def row(name: str, side: int, places: Array, electrons: float, background: float) -> str:
    """Line of the table for one kind of image."""
    height = electrons / (2.0 * np.pi * SIGMA**2)
    image = drawn(side, places, height, background)
    counted = np.random.default_rng(1).poisson(image).astype(np.float64)
    seconds, columns = timed(counted)
    found = np.stack([columns.x, columns.y], axis=1)
    distance = np.hypot(*(places[:, None] - found[None]).transpose(2, 0, 1))
    hit, match = distance.min(axis=1) < NEAR, distance.argmin(axis=1)
    false = int(np.count_nonzero(distance.min(axis=0) >= NEAR))
    inside = np.flatnonzero(hit & ((places > 10) & (places < side - 10)).all(axis=1))
    error = found[match[inside]] - places[inside]
    known = np.column_stack([places, np.full((len(places), 2), (height, SIGMA))])
    limit = np.array([bound(image, known, int(number), 2.5 * SPACING) for number in inside[:150]])
    estimate = np.stack([columns.x_error, columns.y_error], axis=1)[match[inside]]
    rms, least = float(np.sqrt(np.mean(error**2))), float(np.sqrt(np.mean(limit**2)))
    pull = float(np.sqrt(np.mean((error / estimate) ** 2)))
    return (
        f"| {name} | {electrons} | {background} | {hit.sum()} of {len(places)} | {false} | {100 * PIXEL * rms:.2f} | "
        f"{rms / least:.2f} | {pull:.2f} | {1e3 * seconds / len(places):.2f} |"
    )


def timed(image: Array) -> tuple[float, AtomColumns]:
    """CPU seconds and columns."""
    best = np.inf
    for _ in range(2):
        start = time.process_time()
        columns = find_columns(image, PIXEL)
        best = min(best, time.process_time() - start)
    return float(best), columns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=256, help="pixels of the images")
    side = parser.parse_args().side
    print(
        "| scene | e⁻ a column | e⁻ a pixel | found | false | rms error, pm | over the bound | pull | CPU-ms a column |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for electrons, background in DOSES:
        print(row("lattice", side, lattice(side, SPACING, np.random.default_rng(0)), electrons, background))
    for electrons, background in DOSES[:2]:
        print(row("pairs", side, pairs(side, np.random.default_rng(0)), electrons, background))
    large = lattice(1024, SPACING, np.random.default_rng(2))
    image = drawn(1024, large, 5_000 / (2.0 * np.pi * SIGMA**2), 20.0)
    seconds, columns = timed(np.random.default_rng(3).poisson(image).astype(np.float64))
    print(f"\n{len(columns)} of {len(large)} columns of an image of 1024² pixels in {seconds:.1f} CPU-seconds.")


if __name__ == "__main__":
    main()

"""Scanner: the cost of a frame, the truth of its positions, and estimates of jitter and noise against known scans.

    OMP_NUM_THREADS=1 python benchmarks/bench_scanner.py

Columns of two heights, Gaussians on a square lattice of 20 pixels, turned by 0.3 rad against the rows, are scanned. A
frame of 1024² pixels has every effect. "Between" is where a column is found by least squares, without noise, less where
`recorded_positions` has it, along the row: pointwise, and averaged over rows with 0.7 of the standard deviation of the
column. Estimates are the mean ± the standard deviation of one image of 512² over 12 seeds; "seen" is the part of the
jitter that the rows around do not share, "told" how often it was told from 0, "limit" how often it is below
`jitter_limit`. Electrons are those of the brightest point. Where the jitter is 0 or 0.3 the amplifier adds noise of 3
electrons that lasts for one dwell time; "along" is the correlation of all noise from pixel to pixel.

Remarks
-------
The mean jitter of columns that are 1.5 pixels wide or more is right to some 5 %, but for the widest at few electrons,
where only the largest of few are told from 0. Where rows share their shifts the estimate is of the part that they do
not share. The correlation of noise is overestimated where strong jitter of narrow columns
leaves more than the noise.
"""

import time
from collections.abc import Callable
from math import exp, pi

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from passband.camera.scan_estimates import INDEPENDENT, WEIGHTS, ScanEstimate, estimate_scan
from passband.camera.scan_path import ScanPath, recorded_positions, scan_path, seen_positions
from passband.camera.scan_reading import scanned, scanned_labels
from passband.camera.scan_readout import detected, scan_frames
from passband.camera.scanner import Scanner, ScannerDistribution
from passband.electron import ELEMENTARY_CHARGE

SPACING, BRIGHTEST, TURN, DWELL = 20.0, 0.05, 0.3, 1e-5  # pixels; of the beam; rad; s
SEEDS = 12
REPEATS = 5


def lattice(side: int, width: float) -> tuple[Tensor, NDArray[np.float64]]:
    """Columns of a standard deviation of `width` pixels on a periodic square, and their places (n, 2)."""
    f = torch.fft.fftfreq(side, dtype=torch.float64)
    step = side / round(side / SPACING)
    along = np.arange(0.0, side - 0.5 * step, step)
    spectrum = torch.zeros(side, side, dtype=torch.complex128)
    places = []
    for offset, height in ((0.0, 1.0), (0.5 * step, 0.4)):
        centres = along + offset
        waves = torch.exp(-2j * pi * f[:, None] * torch.from_numpy(centres)).sum(dim=1)
        waves = waves * torch.exp(-2.0 * (pi * width * f) ** 2)
        spectrum += height * waves[:, None] * waves[None, :]
        places.append(np.stack(np.meshgrid(centres, centres, indexing="ij"), axis=-1).reshape(-1, 2))
    image = torch.fft.ifft2(spectrum).real
    return (BRIGHTEST * image / image.max()).float(), np.concatenate(places)


def cpu_seconds(call: Callable[[], object]) -> float:
    """Least CPU time of a few calls."""
    found = []
    for _ in range(REPEATS):
        start = time.process_time()
        call()
        found.append(time.process_time() - start)
    return min(found)


def print_costs() -> None:
    """Print what a frame of 1024² with every effect costs."""
    ideal, places = lattice(1024, 2.5)
    wide = ScannerDistribution.wide().model_copy(update={"probability": {}})
    scanner = wide.sample(np.random.default_rng(1))

    def path() -> ScanPath:
        return scan_path(scanner, (1024, 1024), pixel_size=0.2, rng=np.random.default_rng(1))

    drawn, generator = path(), torch.Generator().manual_seed(1)
    image, labels = scanned(ideal, drawn, pixel_size=0.2), (ideal > 0.01).int()
    steps: dict[str, Callable[[], object]] = {
        "path of the beam": path,
        "reading the ideal image": lambda: scanned(ideal, drawn, pixel_size=0.2),
        "electrons, noise, converter": lambda: detected(image, scanner, generator=generator),
        "all of these": lambda: scan_frames(ideal[None], [path()], pixel_size=0.2, generators=[generator]),
        "labels": lambda: scanned_labels(labels, drawn, pixel_size=0.2),
        f"{len(places):,} positions": lambda: seen_positions(drawn, places * 0.2, field=(204.8, 204.8), spread=2.0),
        "estimates": lambda: estimate_scan(image),
    }
    print("| 1024² | CPU s |\n|---|---|")
    for name, call in steps.items():
        print(f"| {name} | {cpu_seconds(call):.3f} |")


def fitted(image: NDArray[np.float64], place: NDArray[np.float64], width: float) -> float:
    """Shift along the row of a column that is fitted by least squares about a place, to first order, pixels."""
    reach = int(3.0 * width)
    row, column = np.round(place).astype(int)
    rows, columns = np.arange(row - reach, row + reach + 1), np.arange(column - reach, column + reach + 1)
    model = np.exp(-0.5 * ((rows[:, None] - place[0]) ** 2 + (columns - place[1]) ** 2) / width**2)
    slope, patch = model * (columns - place[1]) / width**2, image[rows][:, columns]
    height = np.sum(patch * model) / np.sum(model * model)
    return float(np.sum(slope * (patch - height * model)) / np.sum(height * slope * slope))


def print_truth(width: float = 2.5) -> None:
    """Print how far fits are from the positions that are told."""
    ideal, places = lattice(512, width)
    print("\n| jitter, pixels rms | rows | between, pointwise, pixels rms | averaged over rows |\n|---|---|---|---|")
    for jitter, rows in ((0.1, 0.0), (0.3, 0.0), (0.3, 5.0), (0.6, 0.0)):
        scanner = Scanner(
            dwell_time=DWELL,
            beam_current=1e-9,
            flyback_time=1e-3,
            rotation=TURN,
            jitter=jitter,
            jitter_correlation=rows,
        )
        path = scan_path(scanner, (512, 512), pixel_size=1.0, rng=np.random.default_rng(0))
        image = scanned(ideal.double(), path, pixel_size=1.0).numpy()
        averaged = seen_positions(path, places, field=(512.0, 512.0), spread=0.7 * width)[1]
        inside = np.all((averaged > 12.0) & (averaged < 499.0), axis=1)
        pointwise = recorded_positions(path, path_places(path, averaged[inside], 0.7 * width))
        off = np.array([fitted(image, place, width) for place in averaged[inside]])
        apart = averaged[inside][:, 1] + off - pointwise[:, 1]
        print(f"| {jitter} | {rows:g} | {np.std(apart):.4f} | {np.std(off):.4f} |")


def path_places(path: ScanPath, pixels: NDArray[np.float64], spread: float) -> NDArray[np.float64]:
    """Å on the specimen of pixels (n, 2) in a frame whose shifts are averaged over rows."""
    rows, columns = torch.from_numpy(pixels.T.copy())
    return torch.stack(path.averaged(spread).specimen(rows, columns), dim=1).numpy()


def estimates(width: float, electrons: float, jitter: tuple[float, float], lasting: bool) -> list[ScanEstimate]:
    """Estimates of several images of one kind of scan; `jitter` is its rms and the rows that it lasts."""
    ideal, _ = lattice(512, width)
    scanner = Scanner(
        dwell_time=DWELL,
        beam_current=electrons / BRIGHTEST * ELEMENTARY_CHARGE / DWELL,
        flyback_time=1e-3,
        rotation=TURN,
        jitter=jitter[0],
        jitter_correlation=jitter[1],
        amplifier_noise=3.0 if lasting else 0.0,
        amplifier_time=DWELL if lasting else 0.0,
    )
    paths = [scan_path(scanner, (512, 512), pixel_size=1.0, rng=np.random.default_rng(seed)) for seed in range(SEEDS)]
    generators = [torch.Generator().manual_seed(seed) for seed in range(SEEDS)]
    frames = scan_frames(ideal.expand(SEEDS, -1, -1), paths, pixel_size=1.0, generators=generators)
    return [estimate_scan(frame.image.numpy()) for frame in frames]


def seen_jitter(rms: float, rows: float) -> float:
    """Part of a jitter that the rows around do not share, as `ScanEstimate.jitter` counts it."""
    apart = np.abs(np.subtract.outer(np.arange(len(WEIGHTS)), np.arange(len(WEIGHTS))))
    correlation = np.exp(-apart / rows) if rows else (apart == 0).astype(float)
    return rms * float(np.sqrt(WEIGHTS @ correlation @ WEIGHTS / INDEPENDENT))


def print_estimates() -> None:
    """Print bias and spread of the estimates of jitter and of the correlation of noise."""
    print("\n| width, pixels | electrons | jitter | rows | seen | found | told | limit | along | found | across, 0 |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for width in (1.5, 2.5, 4.0):
        mean = float(lattice(512, width)[0].mean()) / BRIGHTEST
        for electrons in (15.0, 150.0):
            for jitter in ((0.0, 0.0), (0.1, 0.0), (0.3, 0.0), (0.6, 0.0), (0.4, 2.0)):
                lasting = jitter[0] in (0.0, 0.3)
                found = estimates(width, electrons, jitter, lasting)
                told = [one.jitter for one in found if one.jitter is not None]
                shown = f"{np.mean(told):.3f} ± {np.std(told):.3f}" if told else "–"
                seen = seen_jitter(*jitter)
                below = np.mean([one.jitter_limit is not None and one.jitter_limit > seen for one in found])
                along = exp(-1.0) * 9.0 / (9.0 + mean * electrons) if lasting else 0.0
                print(
                    f"| {width} | {electrons:g} | {jitter[0]:g} | {jitter[1]:g} | {seen:.3f} | {shown} "
                    f"| {len(told)}/{SEEDS} | {below:.0%} | {along:.3f} | {np.mean([one.along for one in found]):.3f} "
                    f"| {np.mean([one.across for one in found]):.3f} |"
                )


if __name__ == "__main__":
    print_costs()
    print_truth()
    print_estimates()

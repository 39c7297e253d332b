"""Order parameters of a long movie: what `passband explore` costs, and its memory against the number of frames.

    OMP_NUM_THREADS=1 python benchmarks/bench_explored_movie.py [--frames 5 75] [--epochs 8] [--whole 75]

A movie of drawn graphene, 200 × 200 pixels of 0.3 Å with the noise of 50 electrons on an atom, and the table of its
atoms, some 1,060 of which have a whole window of 7.2 Å, 24 × 24 pixels: 75 frames are 80,000 patches, for which the
command takes 8 epochs. A child runs `passband explore MOVIE --atoms TABLE --window 7.2A --epochs 8` from start to
report; no atoms are looked for. CPU s and the largest resident memory are those of the child, one thread.

Where the longest movie has fewer frames than the whole, a last line extends the CPU seconds and the memory of the two
longest to it, along a line: an estimate. Aim: 80,000 patches within 20 minutes on two cores; memory flat.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile

SIDE, PIXEL, WINDOW, BOND = 200, 0.3, 7.2, 1.42
COMMAND = "from passband.commands.cli import main; main()"


def write_movie(folder: Path, frames: int) -> tuple[Path, Path, int]:
    """Write a movie and the table of its atoms; return also how many windows are whole."""
    rng = np.random.default_rng(0)
    i, j = (axis.ravel() for axis in np.meshgrid(np.arange(-5, 40), np.arange(-5, 40)))
    cell = BOND * np.sqrt(3.0)
    first = np.stack([cell * (i + 0.5 * (j % 2)), 1.5 * BOND * j], axis=1)
    places = np.concatenate([first, first + np.array((0.0, BOND))])
    turn = np.array([[np.cos(0.2), -np.sin(0.2)], [np.sin(0.2), np.cos(0.2)]])
    places = places @ turn
    axis = PIXEL * np.arange(SIDE)
    movie, table = folder / "movie.tif", folder / "atoms.csv"
    whole = 0
    images = []
    with table.open("w", encoding="utf-8") as rows:
        rows.write("frame,atom,x_px,y_px,class\n")
        for frame in range(frames):
            here = places + 0.05 * rng.standard_normal(places.shape)
            inside = ((here > 0.0) & (here < (SIDE - 1) * PIXEL)).all(1)
            across, down = (np.exp(-((axis - here[inside, n, None]) ** 2) / 0.5) for n in (0, 1))
            images.append(rng.poisson(50.0 * (down.T @ across) + 5.0).astype(np.uint16))
            whole += int((np.abs(here - 0.5 * (SIDE - 1) * PIXEL).max(1) <= 0.5 * (SIDE * PIXEL - WINDOW)).sum())
            for atom in np.flatnonzero(inside):
                rows.write(f"{frame},{atom},{here[atom, 0] / PIXEL:.4f},{here[atom, 1] / PIXEL:.4f},C\n")
    tifffile.imwrite(movie, np.stack(images), imagej=True, metadata={"axes": "TYX"})
    return movie, table, whole


def explored(movie: Path, table: Path, folder: Path, epochs: int) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and the largest resident memory, MB, of the command."""
    options = ["--atoms", table, "--window", f"{WINDOW}A", "--pixel-size", PIXEL, "--epochs", epochs, "-o", folder]
    begun = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-c", COMMAND, "explore", str(movie), *map(str, options), "--quiet"])
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"passband explore failed with status {status}")
    return time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, nargs="+", default=[5, 75])
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--whole", type=int, default=75)
    chosen = parser.parse_args()
    print("| frames | patches | epochs | s | CPU s | largest memory, MB |\n|---|---|---|---|---|---|")
    done = []
    for frames in sorted(chosen.frames):
        with tempfile.TemporaryDirectory() as folder:
            movie, table, patches = write_movie(Path(folder), frames)
            wall, cpu, memory = explored(movie, table, Path(folder) / "out", chosen.epochs)
        done.append((frames, patches, cpu, memory))
        print(f"| {frames} | {patches:,} | {chosen.epochs} | {wall:.0f} | {cpu:.0f} | {memory:.0f} |", flush=True)
    if len(done) > 1 and done[-1][0] < chosen.whole:
        before, after = (np.array(one, dtype=np.float64) for one in done[-2:])
        step = (chosen.whole - before[0]) / (after[0] - before[0])
        _, patches, cpu, memory = before + step * (after - before)
        print(f"| {chosen.whole}, estimated | {patches:,.0f} | {chosen.epochs} | | {cpu:.0f} | {memory:.0f} |")


if __name__ == "__main__":
    main()

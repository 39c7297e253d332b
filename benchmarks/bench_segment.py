"""Segmenting: CPU seconds and memory of `passband segment` with the shipped network, of the first and of further files.

    OMP_NUM_THREADS=1 python benchmarks/bench_segment.py [--source DIR]

CPU s are user and system seconds of one process with one thread. The micrographs are drawn: an amorphous film of 0.4 Å
pixels through the transfer of a lens, with discs of lattice fringes. *First* is a process that segments one file;
*further* the difference to one that segments four, over three; *nothing* is a file that does not exist. `--source`
measures another checkout's `src`. Aim: 2048² in 6 CPU s alone and 4 for each further file, a missing file told in 1 s.

Remarks
-------
Commit 2227254, before verdict, overlay and imports were worked on again, and 83ba0b2 after it, measured in turn in the
same way (`--source`, 2026-11-27, load 3 to 4), each twice, 2048²:

| commit | first (CPU s) | further (CPU s) | imports | network and signals | ring fit | checks | forecast | overlay |
|---|---|---|---|---|---|---|---|---|
| 2227254 | 6.84, 8.10 | 4.95, 4.45 | 2.52, 2.47 | 1.45, 1.61 | 1.08, 1.07 | 1.02, 1.09 | 0.36, 0.38 | 0.46, 0.45 |
| 83ba0b2 | 5.37, 5.61 | 3.84, 3.60 | 2.50, 2.13 | 1.12, 1.07 | 0.73, 0.69 | 0.89, 0.84 | 0.35, 0.28 | 0.34, 0.28 |

PNG files and splines by our own code took 0.15 and 0.04 CPU s less (83ba0b2, whose table was 5.66 and 3.12); they were
put back to Pillow and SciPy, as libraries are preferred here. Afterwards on the same machine, which had become slower,
in turn: 6.51 and 6.48 (f162146, with our own), 6.93 and 7.43 (0279b4f), and the table above some minutes later.

With what was done for speed alone, masks, words and flags of the six open crops, the larger one, the soot, two low-dose
images and 48 simulated, drawn or spoiled ones stay the same; fitted conditions agree to 5e-9, probabilities and what
follows from them to 3e-5, since the slow field that is taken off an image is summed from other terms. Beyond the pass
of the network (0.9 CPU s) the verdict takes 1.9: checks, of which seven passes over four squares are 0.45, ring fit,
forecast and signals. Peak memories until that day were those of the benchmark's own process, with which a new one
begins.

Commit deea4b4, before this was worked on, measured just before in the same way (`--source`, 2026-11-26, load 13 to 16,
which lengthens CPU seconds too):

| micrograph | first (CPU s) | further (CPU s) | peak memory (MB) |
|---|---|---|---|
| nothing | 4.17 | | 403 |
| 130² | 4.86 | 0.53 | 450 |
| 2048² | 9.43 | 4.95 | 882 |

Tiles of up to 640 pixels and no larger than an image needs, in place of 512, alternating in one process (2026-11-27,
load 7): 0.85 to 1.13 CPU s instead of 1.31 to 1.44 for the network on 1032² of its pixels, 1.85 to 1.97 instead of 2.29
to 2.45 on 1548². On six such films, with `au_hrtem` and `hrtem_particles`, 6 to 53 pixels in a million changed (Dice
0.9995 to 0.9999); against the whole image at once 3 to 19 differ, and 3 to 34 with the old tiles. Images of up to 512
pixels of the network, such as the open patches, are one tile as before.

Of 2048² there: imports 2.90, overlay 1.95, network 1.20, ring fit 1.17, calibration read and fitted 0.51, forecast
0.43, signals 0.22. `write_overlay_png` of 4096² raised the peak memory of its process by 1,311 MB there and by 276 MB
here.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from math import pi
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from passband.files.writing import write_image_tiff
from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import Conditions
from passband.microscope.form_factors import scattering_factor
from passband.microscope.frequencies import spatial_frequencies
from passband.microscope.transfer import contrast_transfer

PIXEL, FRINGE, RADIUS = 0.4, 2.35, 30.0  # Å
SIDES = (130, 2048)
FURTHER = 3
#: What is timed inside: where it is defined or imported, and what it is.
PARTS = {
    "passband.verdict.segmenting.load_model": "network read",
    "passband.verdict.segmenting.Assessor": "calibration read",
    "passband.verdict.assessment.examine": "network and signals",
    "passband.segmentation.results.write_overlay_png": "overlay",
    "passband.verdict.segmenting.measure_particles": "particles",
    "passband.verdict.assessment.estimate_conditions": "ring fit",
    "passband.verdict.assessment.weigh": "forecast",
    "passband.verdict.assessment.image_flags": "checks",
}
#: Runs a command and prints its CPU seconds and peak memory in MB: the peak of a process begins with the memory of its
#: parent, which would be this script.
STARTER = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024.0)
"""
#: Runs the command in a process that times the parts, and prints `name<TAB>seconds` for each.
PROBE = """
import sys, time
from functools import wraps
import passband.commands.cli, passband.verdict.segmenting
parts, spent = {parts!r}, {{"imports": time.process_time()}}
def timed(function, name):
    @wraps(function, updated=())
    def call(*given, **named):
        begun = time.process_time()
        try:
            return function(*given, **named)
        finally:
            spent[name] = spent.get(name, 0.0) + time.process_time() - begun
    return call
for path, name in parts.items():
    place, _, attribute = path.rpartition(".")
    owner = sys.modules.get(place) or getattr(sys.modules[place.rpartition(".")[0]], place.rpartition(".")[2])
    setattr(owner, attribute, timed(getattr(owner, attribute), name))
try:
    passband.commands.cli.app({arguments!r})
except SystemExit:
    pass
spent["other"] = time.process_time() - sum(spent.values())
for name, seconds in spent.items():
    print(name, seconds, sep="\\t")
"""


def film(side: int, seed: int) -> NDArray[np.float64]:
    """Micrograph (y, x) of a film with three discs in each 400 Å square, of Poisson noise at 400 e⁻/Å²."""
    rng = np.random.default_rng(seed)
    q, azimuth = spatial_frequencies((side, side), PIXEL, dtype=torch.float64)
    conditions = Conditions(aberrations=Aberrations(C10=-400.0, C12=60.0, phi12=0.5), focal_spread=10.0)
    transfer = contrast_transfer(q, azimuth, conditions).numpy() * scattering_factor(6, q.numpy())
    scattered = np.fft.ifft2(np.fft.fft2(rng.normal(size=(side, side))) * transfer).real
    intensity = 1.0 + 0.1 * scattered / scattered.std()
    y, x = np.mgrid[:side, :side] * PIXEL
    for _ in range(max(1, 3 * round((side * PIXEL / 400.0) ** 2))):
        centre, angle = rng.uniform(0.0, side * PIXEL, 2), rng.uniform(0.0, pi)
        inside = np.hypot(y - centre[0], x - centre[1]) < RADIUS
        fringes = np.cos(2.0 * pi / FRINGE * (y * np.sin(angle) + x * np.cos(angle)))
        intensity = np.where(inside, intensity - 0.1 + 0.2 * fringes, intensity)
    electrons = 400.0 * PIXEL**2
    return np.asarray(rng.poisson(electrons * intensity.clip(0.05)), dtype=np.float64)


def run(arguments: list[str], source: Path) -> tuple[float, float]:
    """CPU seconds and peak memory in MB of a process that runs Python with these arguments."""
    environment = os.environ | {"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    started = [sys.executable, "-c", STARTER, sys.executable, *arguments]
    done = subprocess.run(started, env=environment, capture_output=True, text=True, check=True)
    seconds, memory = map(float, done.stdout.split())
    return seconds, memory


def command(arguments: list[str], source: Path) -> tuple[float, float]:
    """Measure `passband` with these arguments, like `run`."""
    return run(["-c", f"from passband.commands.cli import app; app({arguments!r})"], source)


def parts(arguments: list[str], source: Path) -> dict[str, float]:
    """CPU seconds of each part of `passband` with these arguments."""
    code = PROBE.format(parts=PARTS, arguments=[*arguments, "--quiet"])
    environment = os.environ | {"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    rows = (line.split("\t") for line in done.stdout.splitlines() if "\t" in line)
    return {name: float(seconds) for name, seconds in rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, default=Path(__file__).resolve().parents[1] / "src")
    source = parser.parse_args().source
    shares: dict[int, dict[str, float]] = {}
    print("| micrograph | first (CPU s) | further (CPU s) | peak memory (MB) |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        output = ["-o", str(Path(folder) / "masks"), "--quiet"]
        seconds, memory = command(["segment", str(Path(folder) / "gone.tif"), *output], source)
        print(f"| nothing | {seconds:.2f} | | {memory:.0f} |")
        for side in SIDES:
            files = [Path(folder) / f"{side}_{number}.tif" for number in range(1 + FURTHER)]
            for number, file in enumerate(files):
                write_image_tiff(file, film(side, number), (PIXEL, PIXEL))
            first, memory = command(["segment", str(files[0]), *output], source)
            together, _ = command(["segment", *map(str, files), *output], source)
            print(f"| {side}² | {first:.2f} | {(together - first) / FURTHER:.2f} | {memory:.0f} |")
            shares[side] = parts(["segment", str(files[0]), *output[:2]], source)
    names = list(shares[SIDES[0]])
    print(f"\n| CPU s of | {' | '.join(names)} |\n{'|---' * (len(names) + 1)}|")
    for side, found in shares.items():
        print(f"| {side}² | {' | '.join(f'{found[name]:.2f}' for name in names)} |")


if __name__ == "__main__":
    main()

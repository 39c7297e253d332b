"""Movies: the time to find and link the atoms of a damaged sheet of graphene, and what comes of it against the truth.

    OMP_NUM_THREADS=1 python benchmarks/bench_movie.py
    OMP_NUM_THREADS=1 python benchmarks/bench_movie.py --whole 100
    OMP_NUM_THREADS=1 python benchmarks/bench_movie.py --whole 1000
    OMP_NUM_THREADS=1 python benchmarks/bench_movie.py --whole 200 --network haadf_atoms

A sheet with a hole under the beam (`damage_movie`), 60 kV, 32 mrad, by the incoherent model; frames of 256² pixels of
0.2 Å, row jitter of 0.03 Å, counted electrons, and a drift of 0.1 Å a frame. "missed" and "false" count atoms and
columns further than 1 Å from the border that have none within 0.5 Å. "changed" are links from frame to frame in which
a number passes from one atom to another, "broken" those in which an atom that was seen in both frames gets a new one.
CPU seconds are of one process with one thread, for reading, finding and linking; writing takes little more.

A whole movie, 30 frames there and back again (the sheet would be gone by frame 150): `passband atoms MOVIE` from start
to the last file written, without a network or with one, by as many processes as the machine has processors, by the
clock and in CPU seconds of all; memory is that of the largest process.
Aim: 1,000 frames of 256² in 10 minutes on two cores, and memory that does not grow.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from passband.camera.scan_path import scan_path
from passband.camera.scan_readout import scan_frames
from passband.camera.scanner import Scanner
from passband.description.tracks import LinkedColumns, linked_columns
from passband.files.movie import open_movie
from passband.microscope.scanning.annular import Annulus, Detectors
from passband.microscope.scanning.columns import Incoherent
from passband.microscope.scanning.image import scan_image
from passband.microscope.scanning.probe import Probe
from passband.microscope.scanning.scan import Scan
from passband.specimen.sheets.damage import BeamDamage, damage_movie
from passband.specimen.sheets.graphene import Graphene
from passband.verdict.finding import ColumnFinder
from passband.verdict.finding_pool import columns_in_order

SIDE, PIXEL, FIELD, NEAR, MARGIN = 256, 0.2, 70.0, 0.5, 1.0  # pixels; Å
DRIFT = np.array([0.09, -0.045])  # x, y in Å a frame
CURRENTS = (100e-12, 25e-12)  # A
THERE = 30  # frames
Truth = list[tuple[NDArray[np.int64], NDArray[np.float64]]]


def filmed(frames: int, current: float, path: Path) -> Truth:
    """Write a movie as TIFF; return the numbers of the atoms and their x, y in Å in each frame."""
    sheet = Graphene(field=FIELD, orientation=0.2, periodic=False, holes=1, hole_diameter=12.0)
    damage = BeamDamage(frames=frames, knock_on_edge=0.05)
    scanner = Scanner(dwell_time=30e-6, beam_current=current, jitter=0.15, flyback_time=1e-4, bits=16)
    probe = Probe(energy=60e3, semi_angle=32e-3, source_size=0.8)
    detectors = Detectors(annuli={"ADF": Annulus(inner=60e-3, outer=200e-3)})
    size = round(FIELD / PIXEL)
    scan = Scan(probe=probe, detectors=detectors, shape=(size, size), pixel_size=FIELD / size)
    rng, generator = np.random.default_rng(5), torch.Generator().manual_seed(0)
    images, truth = [], []
    for number, atoms in enumerate(damage_movie(sheet, damage, rng=np.random.default_rng(1))):
        image = scan_image(atoms.atoms, scan, model=Incoherent())
        x, y = 9.0 - number * DRIFT
        way = scan_path(scanner, (SIDE, SIDE), pixel_size=PIXEL, rng=rng, origin=(y, x))
        [frame] = scan_frames(image, [way], pixel_size=FIELD / size, generators=[generator])
        images.append(frame.image.numpy().astype(np.uint16))
        truth.append((atoms.identity, atoms.atoms.positions[:, :2] - (x, y)))
    tifffile.imwrite(path, np.stack(images), imagej=True, metadata={"axes": "TYX"})
    return truth


def row(frames: int, current: float) -> str:
    """Line of the table for one beam current."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "movie.tif"
        truth = filmed(frames, current, path)
        movie = open_movie(path, pixel_size=PIXEL)
        start = time.process_time()
        found = list(linked_columns(columns_in_order(movie, ColumnFinder("none"), 0, workers=1)))
        seconds = time.process_time() - start
    counts = np.array([misses(one, *known) for one, known in zip(found, truth, strict=True)])
    missed, false, total = counts.sum(axis=0).tolist()
    changed, broken, links = passed_on(found, truth)
    return (
        f"| {1e12 * current:g} | {missed} of {total} | {false} | {changed} of {links} | {broken} | "
        f"{seconds / frames:.2f} |"
    )


def misses(one: LinkedColumns, _: NDArray[np.int64], places: NDArray[np.float64]) -> tuple[int, int, int]:
    """Atoms that were missed, columns that are none, and atoms, further than the margin from the border."""
    assert one.found.columns is not None
    here = one.found.columns.positions
    inner = [((at > MARGIN) & (at < SIDE * PIXEL - MARGIN)).all(axis=1) for at in (places, here)]
    away, wrong = (
        np.asarray(cKDTree(other).query(at[chosen])[0])
        for at, chosen, other in zip((places, here), inner, (here, places), strict=True)
    )
    return int(np.count_nonzero(away > NEAR)), int(np.count_nonzero(wrong > NEAR)), int(np.count_nonzero(inner[0]))


def passed_on(found: list[LinkedColumns], truth: Truth) -> tuple[int, int, int]:
    """Links in which a number changes its atom, atoms that get another number, and links."""
    changed = broken = links = 0
    before: dict[int, int] = {}  # number of each true atom in the frame before
    for one, (identity, places) in zip(found, truth, strict=True):
        assert one.found.columns is not None
        distance, nearest = (np.asarray(part) for part in cKDTree(places).query(one.found.columns.positions))
        sure = distance < NEAR
        now = dict(zip(identity[nearest[sure]].tolist(), one.identity[sure].tolist(), strict=True))
        owner = {number: atom for atom, number in before.items()}
        links += sum(number in owner for number in now.values())
        changed += sum(owner.get(number, atom) != atom for atom, number in now.items())
        broken += sum(before.get(atom, number) != number for atom, number in now.items())
        before = now
    return changed, broken, links


def whole(frames: int, network: str) -> None:
    """Print what the command takes for a movie of so many frames."""
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "movie.tif", Path(folder) / "out"
        filmed(THERE, CURRENTS[0], path)
        once = tifffile.imread(path)
        back = np.concatenate([once, once[-2:0:-1]])  # there and back
        whole_movie = np.take(back, np.arange(frames), axis=0, mode="wrap")
        tifffile.imwrite(path, whole_movie, imagej=True, metadata={"axes": "TYX"})
        arguments = ["atoms", str(path), "-o", str(out), "--model", network, "--pixel-size", f"{PIXEL}", "--quiet"]
        spent, begun = _children(), time.perf_counter()
        code = f"from passband.commands.cli import app; app({arguments!r})"
        subprocess.run([sys.executable, "-c", code], check=True)
        seconds, cpu = time.perf_counter() - begun, _children() - spent
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024.0
        rows = sum(len(table.read_bytes().splitlines()) - 1 for table in out.glob("*.atoms.csv"))
    print("| network | frames | s | CPU s | memory, MB | atoms a frame |")
    print("|---|---|---|---|---|---|")
    print(f"| {network} | {frames} | {seconds:.0f} | {cpu:.0f} | {memory:.0f} | {rows / frames:.0f} |")


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--whole", type=int, metavar="FRAMES", help="time the command on a movie of so many frames")
    parser.add_argument("--network", default="none")
    chosen = parser.parse_args()
    if chosen.whole:
        whole(chosen.whole, chosen.network)
        return
    print("| beam, pA | missed | false | changed | broken | CPU s a frame |")
    print("|---|---|---|---|---|---|")
    for current in CURRENTS:
        print(row(chosen.frames, current), flush=True)


if __name__ == "__main__":
    main()

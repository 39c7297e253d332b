"""Atoms beside atomap: columns found in the same simulated micrographs.

    OMP_NUM_THREADS=1 python benchmarks/bench_atom_programs.py [--peer PYTHON] [--model MODEL]

Frames of 256² pixels by the incoherent model: SrTiO3 [001] (200 kV, 22 mrad, 60 to 180 mrad, pixels of 0.15 Å; the Sr
column scatters 6 % of the beam, as in some 20 nm), and MoS2 (80 kV, 30 mrad, 0.125 Å) and graphene (60 kV, 32 mrad, 0.1
Å) at 54 to 200 mrad; a source of 0.8 Å. Distorted scans have jitter of 0.3 pixels rms, drift of 0.2 Å/s and 0.2 ms of
flyback. One frame of each kind. F1 counts columns within 0.5 Å of a true one, one to one, and farther from the edge
than the nearest distance, for atomap finds none there; columns of oxygen alone count neither way. The error is the
median distance. The bound is that of Cramér and Rao: the frame without noise is fitted by Gaussians, and places,
heights and widths within 2.5 nearest distances and a plane are unknown; the ratio is the median over found columns of
the distance over the bound along an axis, over √(2 ln 2), its median for normal errors of the bound. CPU seconds are
of one thread, for one frame.

`$PASSBAND_ATOMAP` or `--peer` names a Python that has atomap; without one its columns stay empty. atomap does as its
guide says: maxima that are `separation` apart, the centre of mass, Gaussians. Its separation (0.5, 0.7 or 0.85 of the
nearest distance) and whether it prepares the image (principal components, background, normalisation) are those with the
best F1 on a frame of another seed, by the truth; passband is told nothing.

The columns below the name of a network are those of passband where it says that they are; below "both" those that
`passband atoms` finds, by the network and the image. The network was trained on lattices at random, sheets of MoS2 and
graphene, and films of oxides, at 1,500 e⁻/Å² and more.

Remarks
-------
The first columns and atomap are without a network. Where few columns stand out of the noise atomap finds maxima of it,
with which it has an F1 of 0.5 by chance: half an Ångström around the columns of graphene is a third of the image.
AtomAI finds columns by networks whose weights do not come with it; `bench_atomai.py` trains one.
"""

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from atomap_columns import find_in_files
from bench_atoms import bound
from numpy.typing import NDArray
from scanned_columns import FOUND, Ideal, Scene, Truth, ideal_image, matched, scanned_frame, scenes

from passband.description.atoms import find_columns
from passband.description.lattice import nearest_distances
from passband.description.probabilities import find_candidates
from passband.description.refinement import Refinement, refine
from passband.description.selection import ColumnFinding, kept_columns
from passband.files.micrograph import Micrograph
from passband.verdict.finding import ColumnFinder

Array = NDArray[np.float64]
SIDE, SEEDS, OTHER_SEED = 256, (0,), 7
DOSES = {"SrTiO3": (1e3, 1e4, 1e5), "MoS2": (1e3, 1e4, 1e5), "graphene": (1e3, 1e4, 1e5, 1e6)}
DISTORTIONS = {"jitter": 0.3, "drift": 0.2, "drift_direction": 1.0, "flyback_time": 2e-4}
SEPARATIONS, PREPARED = (0.5, 0.7, 0.85), (False, True)
QUIET = 1e8  # e⁻/Å²: a frame without noise
FEW = 20  # columns: fewer have no median
MEDIAN = float(np.sqrt(2.0 * np.log(2.0)))  # of a Rayleigh distribution, in its σ


class Found(NamedTuple):
    """Columns of one frame by one program: places (n, 2) in pixels and CPU seconds."""

    places: Array
    seconds: float


class Frames(NamedTuple):
    """Frames of one kind, their true columns with their bounds (n,) along an axis, pixels; and one of another seed."""

    scene: Scene
    label: str
    images: list[Array]
    truths: list[Truth]
    bounds: list[Array]
    other: tuple[Array, Truth]


def frames(scene: Scene, ideal: Ideal, dose: float, *, distorted: bool) -> Frames:
    """Simulate the frames of a line of the table."""
    scan = DISTORTIONS if distorted else {}
    made = [scanned_frame(scene, ideal, dose, side=SIDE, seed=seed, **scan) for seed in (*SEEDS, OTHER_SEED)]
    quiet = [scanned_frame(scene, ideal, QUIET, side=SIDE, seed=seed, **scan)[0] for seed in SEEDS]
    truths = [one for _, one in made[:-1]]
    bounds = [bounds_of(mean * (dose / QUIET), one.columns, scene) for mean, one in zip(quiet, truths, strict=True)]
    label = f"{scene.name} | {dose:.0e} | {'distorted' if distorted else '–'}"
    return Frames(scene, label, [one for one, _ in made[:-1]], truths, bounds, made[-1])


def bounds_of(mean: Array, places: Array, scene: Scene) -> Array:
    """Bound (n,) of the error of each column, along x and y rms, pixels."""
    start = np.column_stack([places, np.full(len(places), 0.45 / scene.pixel_size)])
    fit = refine(mean, start, refinement=Refinement(noise="gaussian", steps=30)).parameters
    columns = np.column_stack([fit[:, :3], np.exp(fit[:, 3])])
    half = 2.5 * float(np.median(nearest_distances(places)))
    mean = np.maximum(mean, 1e-3 * mean.max())
    return np.array([np.sqrt(np.mean(bound(mean, columns, k, half) ** 2)) for k in range(len(places))])


def by_passband(image: Array, scene: Scene) -> Found:
    """Columns of an image without a network."""
    start = time.process_time()
    columns = find_columns(image, scene.pixel_size)
    return Found(np.stack([columns.x, columns.y], axis=1), time.process_time() - start)


def by_network(image: Array, scene: Scene, finder: ColumnFinder) -> Found:
    """Columns of an image where a network says that they are, fitted, whatever the image shows."""
    start = time.process_time()
    seen = seen_by(image, scene, finder)
    found = find_candidates(seen["probabilities"].astype(np.float64))
    places = np.column_stack([found.places, np.full(len(found.places), found.sigma)])
    fit = refine(image, places)
    kept = kept_columns(fit, 1.0, ColumnFinding(), network=True)
    return Found(fit.parameters[kept, :2], time.process_time() - start)


def by_both(image: Array, scene: Scene, finder: ColumnFinder) -> Found:
    """Columns that the image shows or the network sees, as `passband atoms` finds them."""
    start = time.process_time()
    columns = find_columns(image, scene.pixel_size, **seen_by(image, scene, finder))
    return Found(np.stack([columns.x, columns.y], axis=1), time.process_time() - start)


def seen_by(image: Array, scene: Scene, finder: ColumnFinder) -> dict[str, Any]:
    """Probabilities and classes of a network."""
    return finder.view(Micrograph(image, pixel_size=(scene.pixel_size,) * 2), judged=False).maps()


def by_atomap(
    peer: Path, images: Sequence[Array], settings: Sequence[tuple[float, bool, bool]]
) -> tuple[list[Found], str]:
    """Columns of images by atomap in its own process, and its versions."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "images.npz", Path(folder) / "found.npz"
        given = {f"image{number}": image for number, image in enumerate(images)}
        np.savez(source, settings=np.array(settings, dtype=float), **given)  # type: ignore[arg-type]
        module, name = find_in_files.__module__, find_in_files.__name__
        command = f"from {module} import {name}; {name}({str(source)!r}, {str(target)!r})"
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
        subprocess.run([peer, "-c", command], check=True, env=environment)
        with np.load(target) as told:
            versions = ", ".join(told["versions"].tolist())
            found = [Found(told[f"places{number}"], float(told[f"seconds{number}"])) for number in range(len(images))]
    return found, versions


def f1(found: Array, truth: Truth, scene: Scene) -> float:
    """Harmonic mean of precision and recall within 0.5 Å, farther from the edge than the nearest distance.

    What is found of faint columns is not counted.
    """
    mine, _ = matched(found, truth.columns, FOUND / scene.pixel_size)
    others = np.setdiff1d(np.arange(len(found)), mine)
    faint, _ = matched(found[others], truth.faint, FOUND / scene.pixel_size)
    found = np.delete(found, others[faint], axis=0)
    mine, theirs = matched(found, truth.columns, FOUND / scene.pixel_size)
    margin = scene.separation / scene.pixel_size
    right = counted = 0
    for places, pairs in ((found, mine), (truth.columns, theirs)):
        inner = np.abs(places - (SIDE - 1) / 2.0).max(axis=1, initial=0.0) < (SIDE - 1) / 2.0 - margin
        right, counted = right + int(np.count_nonzero(inner[pairs])), counted + int(np.count_nonzero(inner))
    return right / max(1, counted)


def cells(found: Sequence[Found], one: Frames) -> str:
    """F1, median error in pm, ratio to the bound and CPU seconds of some frames, as cells of the table."""
    errors, ratios, scores = list[float](), list[float](), list[float]()
    for program, truth, least in zip(found, one.truths, one.bounds, strict=True):
        mine, theirs = matched(program.places, truth.columns, FOUND / one.scene.pixel_size)
        away = np.hypot(*(program.places[mine] - truth.columns[theirs]).T)
        errors += away.tolist()
        ratios += (away / least[theirs]).tolist()
        scores.append(f1(program.places, truth, one.scene))
    told = (
        [100.0 * one.scene.pixel_size * float(np.median(errors)), float(np.median(ratios)) / MEDIAN] if errors else []
    )
    shown = [f"{told[0]:.1f}", f"{told[1]:.2f}"] if len(errors) > FEW else ["–", "–"]
    return " | ".join([f"{np.mean(scores):.3f}", *shown, f"{np.mean([program.seconds for program in found]):.2f}"])


def peers_of(peer: Path, lines: Sequence[Frames]) -> tuple[list[list[Found]], str]:
    """Columns by atomap of each line's frames, with the settings that do best on its other frame."""
    choices = list(product(SEPARATIONS, PREPARED))
    nearest = [one.scene.separation / one.scene.pixel_size for one in lines]
    tried, _ = by_atomap(
        peer,
        [one.other[0] for one in lines for _ in choices],
        [(share * near, prepared, False) for near in nearest for share, prepared in choices],
    )
    settings: list[tuple[float, bool, bool]] = []
    for number, (one, near) in enumerate(zip(lines, nearest, strict=True)):
        scores = [f1(tried[number * len(choices) + k].places, one.other[1], one.scene) for k in range(len(choices))]
        share, prepared = choices[int(np.argmax(scores))]
        settings += [(share * near, prepared, True)] * len(SEEDS)
    found, versions = by_atomap(peer, [image for one in lines for image in one.images], settings)
    return [found[k : k + len(SEEDS)] for k in range(0, len(found), len(SEEDS))], versions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", help="a Python that has atomap", default=os.environ.get("PASSBAND_ATOMAP"))
    parser.add_argument("--model", default="haadf_atoms", help="a network that finds columns")
    given = parser.parse_args()
    peer, finder = given.peer, ColumnFinder(given.model)
    torch.set_num_threads(1)
    lines = []
    for scene in scenes():
        ideal = ideal_image(scene)
        doses = DOSES[scene.name]
        lines += [frames(scene, ideal, dose, distorted=True) for dose in doses]
        lines.append(frames(scene, ideal, doses[-1], distorted=False))
    ours = [[by_passband(image, one.scene) for image in one.images] for one in lines]
    seen = [[by_network(image, one.scene, finder) for image in one.images] for one in lines]
    together = [[by_both(image, one.scene, finder) for image in one.images] for one in lines]
    theirs, versions = peers_of(Path(peer), lines) if peer else ([], "no atomap")
    print(f"{versions}.\n")
    print("| lattice | e⁻/Å² | scan | columns | F1 | error, pm | over the bound | s |", end="")
    for name in (given.model, "both"):
        print(f" {name}: F1 | error, pm | over the bound | s |", end="")
    print(" atomap: F1 | error, pm | over the bound | s |\n" + "|---" * 20 + "|")
    for number, one in enumerate(lines):
        told = [cells(program[number], one) for program in (ours, seen, together)]
        told.append(cells(theirs[number], one) if theirs else " | ".join("–" * 4))
        print(f"| {one.label} | {sum(len(truth.columns) for truth in one.truths)} | {' | '.join(told)} |")


if __name__ == "__main__":
    main()

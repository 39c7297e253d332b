"""Carbon films: hard spheres, network and a published cell, by their bonds, their images and the time to make them.

    OMP_NUM_THREADS=1 python benchmarks/bench_film.py

Films of 50 × 50 × 40 Å at 2.2 g/cm³, the density of the published cell: 2,758 atoms on 50 × 50 × 10 Å, periodic, by
Ricolleau et al. from emicroml, which is only compared with. Four such blocks, each mirrored and shifted at random, are
a film. Multislice at 0.2 Å and 300 kV, 16 films of each kind; images at C10 = −600 Å with a focal spread of 15 Å. Power
is that of the phase of the exit wave, and of the image, averaged over azimuth, in units of what atoms at random places
give (hard spheres with nothing but a least distance of 0.3 Å); it is good to 5 % in a band. Neighbours are those within
1.85 Å. CPU seconds are of one thread for a film of 160 × 160 × 50 Å at 2 g/cm³, the best of three.

Remarks
-------
It matters. Hard spheres have their grain evenly from 0.5 Å⁻¹ on and half as much of it as the published cell at 0.3 to
0.4 Å⁻¹, where images of 0.8 Å pixels are; the cell and the network rise there, as graphite's layers do, fall by a third
at 0.6 Å⁻¹ and rise by half at 0.9 Å⁻¹. The network follows the cell within a fifth from 0.3 Å⁻¹ on, and has more grain
than it at 0.1 to 0.3 Å⁻¹. The first band holds few waves, and of the cell only those of one block: no more is to be
learnt from its 2.13 than that it is not very even. The network has fewer neighbours: a sixth of its atoms have two.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import Conditions
from passband.microscope.imaging import form_images
from passband.microscope.multislice import exit_waves
from passband.specimen.film import FilmMaterial

FIELD, THICKNESS, PIXELS = 50.0, 40.0, 250
DENSITY = 2.2  # g/cm³
BANDS = np.array([0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])  # Å⁻¹
Maker = Callable[[np.random.Generator], Atoms]


def material(structure: str, density: float = DENSITY) -> FilmMaterial:
    """What a film of that kind is made of."""
    return FilmMaterial(
        "C", density, 0.3 if structure == "gas" else None, "network" if structure == "network" else "spheres"
    )


def stacked(cell: NDArray[np.float64], rng: np.random.Generator) -> Atoms:
    """Film of four blocks of the published cell."""
    layers = []
    for k in range(4):
        block = cell[:, [*rng.permutation(2).tolist(), 2]] * rng.choice([-1.0, 1.0], 3)
        block[:, :2] = (block[:, :2] + rng.uniform(0.0, FIELD, 2)) % FIELD
        block[:, 2] = block[:, 2] % 10.0 + 10.0 * k
        layers.append(block)
    positions = np.concatenate(layers)
    return Atoms(np.full(len(positions), 6), positions, cell=[FIELD, FIELD, THICKNESS], pbc=(True, True, False))


def makers(published: Path) -> dict[str, Maker]:
    """Functions that make a film of each kind; the published cell where it is."""
    kinds: dict[str, Maker] = {
        kind: partial(material(kind).filled, FIELD, THICKNESS) for kind in ("gas", "spheres", "network")
    }
    if published.exists():
        rows = [line.split() for line in published.read_text(encoding="utf-8").splitlines()[2:]]
        cell = np.array([[float(word) for word in row[1:4]] for row in rows if len(row) >= 4])
        kinds["published cell"] = partial(stacked, cell)
    return kinds


def banded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Power of an image in each band."""
    power = np.abs(np.fft.fft2(values - values.mean())) ** 2
    q = np.hypot(*np.meshgrid(*[np.fft.fftfreq(PIXELS, FIELD / PIXELS)] * 2))
    return np.array([power[(q >= low) & (q < high)].mean() for low, high in pairwise(BANDS)])


def spectra(film: Atoms, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Power of the phase of the exit wave, and of the image, by band."""
    wave = exit_waves(
        film,
        energy=300e3,
        shape=(PIXELS, PIXELS),
        pixel_size=FIELD / PIXELS,
        displacement=0.08,
        rng=np.random.default_rng(seed),
    )
    conditions = Conditions(energy=300e3, focal_spread=15.0, aberrations=Aberrations(C10=-600.0))
    image = form_images(wave[None], [conditions], pixel_size=FIELD / PIXELS)[0]
    return banded(wave[0].angle().double().numpy()), banded(image.double().numpy())


def shells(film: Atoms) -> tuple[float, float, float]:
    """Neighbours within 1.85 Å, their mean distance in Å, and the density at 2.5 Å over that at 2 Å."""
    box = np.array([FIELD, FIELD, 0.0])
    inner = film.positions[(film.positions[:, 2] > 4.0) & (film.positions[:, 2] < THICKNESS - 4.0)]
    around = cKDTree(film.positions, boxsize=box)
    pairs = cKDTree(inner, boxsize=box).sparse_distance_matrix(around, 2.6, output_type="coo_matrix")
    distance: NDArray[np.float64] = pairs.data[pairs.data > 0]
    bonds = distance[distance < 1.85]
    second, gap = (float(np.mean(np.abs(distance - r) < 0.1)) / r**2 for r in (2.5, 2.0))
    return len(bonds) / len(inner), float(bonds.mean()), second / max(gap, 1e-9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shared = Path(__file__).resolve().parents[2] / "shared/data/structures/amorphous_carbon_5x5x1nm.xyz"
    parser.add_argument("--published", type=Path, default=shared, help="cell to compare with")
    parser.add_argument("--films", type=int, default=16, help="of each kind")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    kinds = makers(arguments.published)
    means, facts = {}, {}
    for name, make in kinds.items():
        films = [make(np.random.default_rng(seed)) for seed in range(arguments.films)]
        facts[name] = np.mean([shells(film) for film in films], axis=0)
        means[name] = np.mean([spectra(film, seed) for seed, film in enumerate(films)], axis=0)
    print("\n| film | neighbours | their distance, Å | density at 2.5 Å over that at 2.0 Å |")
    print("|---|---|---|---|")
    for name, (bonds, distance, ratio) in facts.items():
        print(f"| {name} | {bonds:.2f} | {distance:.3f} | {ratio:.1f} |")
    others = [name for name in kinds if name != "gas"]
    print("\n| band, Å⁻¹ | " + " | ".join(f"{what}: {name}" for what in ("phase", "image") for name in others) + " |")
    print("|---" * (1 + 2 * len(others)) + "|")
    for k, (low, high) in enumerate(pairwise(BANDS)):
        cells = [f"{means[name][what][k] / means['gas'][what][k]:.2f}" for what in (0, 1) for name in others]
        print(f"| {low:g} to {high:g} | " + " | ".join(cells) + " |")
    print("\n| film | CPU s |")
    print("|---|---|")
    for name in ("spheres", "network"):
        times = []
        for seed in range(3):
            start = time.process_time()
            material(name, 2.0).filled(160.0, 50.0, np.random.default_rng(seed))
            times.append(time.process_time() - start)
        print(f"| {name} | {min(times):.2f} |")


if __name__ == "__main__":
    main()

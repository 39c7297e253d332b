"""Waves: exit waves and images beside abTEM, focal nodes against error, and cost against size.

    python benchmarks/bench_waves.py --threads 2 --only peers --repeats 9
    python benchmarks/bench_waves.py --threads 1 --clock cpu --only nodes
    python benchmarks/bench_waves.py --threads 1 --clock cpu --only scaling

Both programs run in one process and are warm, and their repeats alternate, so that what else the machine does falls on
both. A ratio is the median of the ratios of neighbouring repeats. abTEM runs in single precision (its default) with its
FFTW on the same threads, and computes at once (dask.lazy off). Aims: 3× for the exit wave, 5× for the 61 defoci.

Remarks
-------
The last column of the focal nodes is what `form_images` chooses for a worst-case factor error of 1e-3. The carbon of
that scene has no minimum distance between atoms, which overstates what happens at 0.1 Å.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk

from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import Conditions
from passband.microscope.imaging import enough_focal_nodes, form_images
from passband.microscope.multislice import exit_waves

warnings.simplefilter("ignore")
ENERGY = 300e3


def scene(side: float = 128.0, height: float = 90.0, film: float = 40.0, radius: float = 25.0) -> Atoms:
    """A CdSe sphere on carbon (0.0993 atoms/Å³, random places); 67,411 atoms as it stands."""
    rng = np.random.default_rng(0)
    carbon = rng.uniform(0.0, 1.0, (round(film * side * side * 0.0993), 3)) * [side, side, film]
    repeats = int(2 * radius / 3.5) + 4
    crystal = bulk("CdSe", "wurtzite", a=4.2985, c=7.0152).repeat((repeats, repeats, repeats))
    crystal.positions -= crystal.positions.mean(axis=0)
    crystal = crystal[(crystal.positions**2).sum(axis=1) < radius**2]
    crystal.rotate(17, "x")
    crystal.rotate(31, "y")
    crystal.positions += [side / 2, side / 2, height - radius - 0.5]
    numbers = np.concatenate((np.full(len(carbon), 6), crystal.numbers))
    return Atoms(numbers, np.concatenate((carbon, crystal.positions)), cell=[side, side, height], pbc=(1, 1, 0))


CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
clock = time.perf_counter


def seconds(function: Callable[[], object]) -> float:
    start = clock()
    function()
    return clock() - start


def beside(name: str, ours: Callable[[], object], theirs: Callable[[], object], repeats: int) -> None:
    for _ in range(2):
        ours(), theirs()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(repeats)]
    mine, other = ([pair[index] for pair in pairs] for index in (0, 1))
    ratio = statistics.median(b / a for a, b in pairs)
    print(
        f"| {name} | {statistics.median(mine):.3f} ({min(mine):.3f}) | {statistics.median(other):.3f} "
        f"({min(other):.3f}) | {ratio:.1f}× | {min(other) / min(mine):.1f}× |",
        flush=True,
    )


def wave_of(atoms: Atoms, pixels: int, **arguments: object) -> torch.Tensor:
    size = float(atoms.cell[0, 0]) / pixels
    return exit_waves(atoms, energy=ENERGY, shape=(pixels, pixels), pixel_size=size, phonons=0, **arguments)


def defoci(count: int) -> list[Conditions]:
    return [Conditions(aberrations=Aberrations(C10=float(value))) for value in np.linspace(-300.0, 300.0, count)]


def peers(threads: int, repeats: int) -> None:
    import abtem

    abtem.config.set({"diagnostics.progress_bar": False, "dask.lazy": False, "fftw.threads": threads})
    atoms = scene()

    def their_wave() -> object:
        potential = abtem.Potential(atoms, gpts=512, slice_thickness=2.0, projection="infinite")
        return abtem.PlaneWave(energy=ENERGY).multislice(potential).array

    print(f"\n### Beside abTEM {abtem.__version__}: seconds, median (best)\n")
    print("| what | passband | abTEM | ratio, median | ratio of the best |\n|---|---|---|---|---|")
    beside(f"exit wave, 512², 45 slices, {len(atoms):,} atoms", lambda: wave_of(atoms, 512), their_wave, repeats)
    limited = {"limit_transmission": True}
    beside("the same, exp(iσV) band-limited as in abTEM", lambda: wave_of(atoms, 512, **limited), their_wave, repeats)
    wave = wave_of(atoms, 512)
    theirs = abtem.Waves(wave[0].numpy().T.copy(), energy=ENERGY, sampling=0.25)
    series = np.linspace(-300.0, 300.0, 61)
    beside(
        "61 defoci of one wave, 512²",
        lambda: form_images(wave[None], defoci(61), pixel_size=0.25),
        lambda: theirs.apply_ctf(C10=series).intensity().array,
        repeats,
    )
    general = [Conditions(aberrations=Aberrations(C10=float(c), C12=20.0, C30=2.5e5 + float(c))) for c in series]
    beside(
        "16 different lenses, 512²",
        lambda: form_images(wave[None], general[:16], pixel_size=0.25),
        lambda: [
            theirs.apply_ctf(C10=one.aberrations.C10, C12=20.0, C30=one.aberrations.C30).intensity().array
            for one in general[:16]
        ],
        repeats,
    )


def focal_nodes() -> None:
    print("\n### Focal nodes against error (rms over contrast; 300 kV, C10 −80 Å, C30 25 µm, against 101 nodes)\n")
    counts = (1, 2, 3, 4, 5, 6, 7, 9, 11, 15)
    print(
        f"| pixel, Å | Δ, Å | {' | '.join(map(str, counts))} | 25 equidistant | chosen |\n|{'---|' * (len(counts) + 4)}"
    )
    atoms = scene(side=25.6, height=40.0, film=20.0, radius=8.0)
    for pixels, pixel_size in ((256, 0.1), (128, 0.2), (64, 0.4)):
        wave = wave_of(atoms, pixels, dtype=torch.complex128)[None]
        for spread in (10.0, 30.0):
            one = [Conditions(aberrations=Aberrations(C10=-80.0, C30=2.5e5), focal_spread=spread)]
            many = form_images(wave, one, pixel_size=pixel_size, focal_nodes=101)
            row = [form_images(wave, one, pixel_size=pixel_size, focal_nodes=count) for count in counts]
            row.append(form_images(wave, one, pixel_size=pixel_size, focal_nodes=25, quadrature="equidistant"))
            errors = [float((image - many).square().mean().sqrt() / many.std()) for image in row]
            chosen = enough_focal_nodes(spread, ENERGY, 1.0 / (3.0 * pixel_size))
            print(
                f"| {pixel_size} | {spread:g} | {' | '.join(f'{error:.0e}' for error in errors)} | {chosen} |",
                flush=True,
            )


def exponent(sizes: list[float], times: list[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def scaling(repeats: int) -> None:
    print("\n### Cost against N (best of the repeats; exponent of a power law through all points)\n")
    print("| N | sizes | seconds | exponent |\n|---|---|---|---|")

    def row(name: str, sizes: list[float], tasks: list[Callable[[], object]]) -> None:
        for task in tasks:
            task()
        times = [min(seconds(task) for _ in range(repeats)) for task in tasks]
        listed = [", ".join(f"{value:.{digits}g}" for value in values) for values, digits in ((sizes, 6), (times, 3))]
        print(f"| {name} | {listed[0]} | {listed[1]} | {exponent(sizes, times):.2f} |", flush=True)

    full = scene()
    some = [full[:: 2**power] for power in (3, 2, 1, 0)]
    row("atoms (512², 45 slices)", [len(a) for a in some], [lambda a=a: wave_of(a, 512) for a in some])
    thick = [11.25, 5.0, 2.0, 1.0]
    row("slices (512², 67,411 atoms)", [90.0 / t for t in thick],
        [lambda t=t: wave_of(full, 512, slice_thickness=t) for t in thick])  # fmt: skip
    sides = [128, 256, 512, 1024]
    row(
        "pixels (45 slices, 67,411 atoms)", [float(n * n) for n in sides], [lambda n=n: wave_of(full, n) for n in sides]
    )
    wave, counts = wave_of(full, 512)[None], [4, 16, 61, 244]
    row("conditions (512²)", counts, [lambda c=c: form_images(wave, defoci(c), pixel_size=0.25) for c in counts])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu, with one thread, on a machine in use")
    parser.add_argument("--only", choices=["peers", "nodes", "scaling"])
    chosen = parser.parse_args()
    global clock
    clock = CLOCKS[chosen.clock]
    torch.set_num_threads(chosen.threads)
    if chosen.only in (None, "peers"):
        peers(chosen.threads, chosen.repeats)
    if chosen.only in (None, "nodes"):
        focal_nodes()
    if chosen.only in (None, "scaling"):
        scaling(max(3, chosen.repeats // 3))


if __name__ == "__main__":
    main()

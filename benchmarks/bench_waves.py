"""Waves: exit waves and images beside abTEM and beside bare transforms, focal nodes against error, cost against size.

    python benchmarks/bench_waves.py --threads 1 --only peers --repeats 15
    python benchmarks/bench_waves.py --threads 2 --only peers --repeats 15
    python benchmarks/bench_waves.py --threads 1 --clock cpu --only nodes
    python benchmarks/bench_waves.py --threads 1 --clock cpu --only scaling

Both programs and the bare transforms run in one process and are warm, and their repeats alternate, so that what else
the machine does falls on all. A ratio is the median of the ratios of neighbouring repeats. abTEM runs in single
precision (its default) with its FFTW on the same threads, and computes at once (dask.lazy off).

"Bare" are the Fourier transforms that the formulas ask for, by `torch.fft` on whole grids and one after the other: for
an exit wave two for each slice, one real one for each element in it and one real one back; for a defocus one, and where
|ψ|² does not fit on the pixels that one on the finer grid, a real one of its square and a real one back. passband skips
the empty rows and columns, so it can need less. Aims: 3× abTEM for the exit wave, 1.25 × bare for both.

Remarks
-------
61 defoci are taken of a wave that reaches to half the Nyquist frequency, where both programs compute the same, and of
one that reaches to 2/3. The intensity of the latter does not fit on its pixels: passband squares it on 600² pixels and
crops its spectrum to 512², exactly. abTEM squares it as it stands, where what is beyond comes back as lower
frequencies; it does what passband does when it is given the wave on 600² pixels and asked to interpolate the images.

The last column of the focal nodes is what `form_images` chooses for a worst-case factor error of 1e-3. The carbon of
that scene has no minimum distance between atoms, which overstates what happens at 0.1 Å.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk

from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import Conditions
from passband.microscope.frequencies import fourier_resample, spatial_frequencies
from passband.microscope.imaging import enough_focal_nodes, form_images
from passband.microscope.multislice import exit_waves
from passband.microscope.potential import even_slices, slice_atoms

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


Task = Callable[[], object]


def beside(name: str, ours: Task, theirs: Task, bare: Task, repeats: int) -> None:
    for _ in range(2):
        ours(), theirs(), bare()
    times = [(seconds(ours), seconds(theirs), seconds(bare)) for _ in range(repeats)]
    cells = [f"{statistics.median(times):.3f} ({min(times):.3f})" for times in zip(*times, strict=True)]
    faster = statistics.median(other / own for own, other, _ in times)
    slower = statistics.median(own / least for own, _, least in times)
    print(f"| {name} | {' | '.join(cells)} | {faster:.1f}× | {slower:.2f}× |", flush=True)


def wave_of(atoms: Atoms, pixels: int, **arguments: Any) -> torch.Tensor:
    size = float(atoms.cell[0, 0]) / pixels
    return exit_waves(atoms, energy=ENERGY, shape=(pixels, pixels), pixel_size=size, phonons=0, **arguments)


def defoci(count: int) -> list[Conditions]:
    return [Conditions(aberrations=Aberrations(C10=float(value))) for value in np.linspace(-300.0, 300.0, count)]


def transforms(counts: Mapping[str, int], pixels: int) -> Task:
    """So many whole Fourier transforms of `pixels`², after one another: of "fft2", "ifft2", "rfft2" and "irfft2"."""
    real = torch.randn((pixels, pixels))
    fields = {"fft2": torch.complex(real, real), "ifft2": torch.complex(real, real), "rfft2": real}
    fields["irfft2"] = torch.fft.rfft2(real)

    def run() -> None:
        for name, count in counts.items():
            for _ in range(count):
                getattr(torch.fft, name)(fields[name])

    return run


def exit_wave_transforms(atoms: Atoms, pixels: int, thickness: float, *, limited: bool) -> Task:
    edges = even_slices(float(atoms.cell[2, 2]), thickness)
    sliced = slice_atoms(atoms.positions, atoms.numbers, slice_edges=edges)
    layers = len({run.layer for run in sliced.runs})
    pairs = layers * (2 if limited else 1)
    counts = {"fft2": pairs, "ifft2": pairs, "rfft2": len(sliced.runs), "irfft2": layers}
    return transforms(counts, pixels)


def peers(threads: int, repeats: int) -> None:
    import abtem

    settings = {"diagnostics.progress_bar": False, "dask.lazy": False, "fftw.threads": threads}
    abtem.config.set(settings)
    atoms = scene()

    def their_wave() -> object:
        potential = abtem.Potential(atoms, gpts=512, slice_thickness=2.0, projection="infinite")
        return abtem.PlaneWave(energy=ENERGY).multislice(potential).array

    print(f"\n### Beside abTEM {abtem.__version__}, {threads} threads: seconds, median (best)\n")
    print("| what | passband | abTEM | bare | abTEM / passband | passband / bare |\n|---|---|---|---|---|---|")
    for name, limited in (
        (f"exit wave, 512², 45 slices, {len(atoms):,} atoms", False),
        ("the same, exp(iσV) band-limited as in abTEM", True),
    ):
        bare = exit_wave_transforms(atoms, 512, 2.0, limited=limited)
        beside(name, partial(wave_of, atoms, 512, limit_transmission=limited), their_wave, bare, repeats)
    image_peers(wave_of(atoms, 512)[0], abtem, repeats)


def image_peers(wave: torch.Tensor, abtem: Any, repeats: int) -> None:
    """`wave` (512, 512) reaches to 2/3 of the Nyquist frequency."""
    half = behind_aperture(wave, 0.5)
    lenses = [Aberrations(C10=float(c), C12=20.0, C30=2.5e5 + float(c)) for c in np.linspace(-300.0, 300.0, 16)]
    series = np.linspace(-300.0, 300.0, 61)

    def ours(psi: torch.Tensor, conditions: list[Conditions]) -> Task:
        return lambda: form_images(psi[None, None], conditions, pixel_size=0.25).numpy()

    def theirs(psi: torch.Tensor) -> Any:
        return abtem.Waves(psi.numpy().T.copy(), energy=ENERGY, sampling=128.0 / psi.shape[0])

    def their_lenses() -> Any:
        found = [their_half.apply_ctf(C10=one.C10, C12=20.0, C30=one.C30).intensity().array for one in lenses]
        return np.stack(found).swapaxes(-1, -2)

    their_half, their_wave, their_fine = theirs(half), theirs(wave), theirs(fourier_resample(wave, (600, 600)))
    least = transforms({"ifft2": 61}, 512)
    finer = [transforms({"ifft2": 61, "rfft2": 61}, 600), transforms({"irfft2": 61}, 512)]
    plain: dict[str, tuple[Callable[[], Any], Callable[[], Any], Task]] = {
        "61 defoci, 512², wave to half the Nyquist frequency": (
            ours(half, defoci(61)),
            lambda: their_half.apply_ctf(C10=series).intensity().array.swapaxes(-1, -2),
            least,
        ),
        "16 different lenses, the same wave": (
            ours(half, [Conditions(aberrations=one) for one in lenses]),
            their_lenses,
            transforms({"ifft2": 16}, 512),
        ),
        "61 defoci, wave to 2/3 of it, no aliases in both": (
            ours(wave, defoci(61)),
            lambda: their_fine.apply_ctf(C10=series).intensity().interpolate(gpts=(512, 512)).array.swapaxes(-1, -2),
            lambda: [bare() for bare in finer],
        ),
        "the same, aliases in abTEM's": (
            ours(wave, defoci(61)),
            lambda: their_wave.apply_ctf(C10=series).intensity().array.swapaxes(-1, -2),
            least,
        ),
    }
    for name, (mine, other, bare) in plain.items():
        difference = float(np.abs(mine() - other()).max())
        beside(f"{name} (largest difference {difference:.0e})", mine, other, bare, repeats)


def behind_aperture(wave: torch.Tensor, fraction: float) -> torch.Tensor:
    """The part of a wave within `fraction` of the Nyquist frequency, in every direction."""
    q, _ = spatial_frequencies((wave.shape[-2], wave.shape[-1]), 0.5)
    stopped: torch.Tensor = torch.fft.ifft2(torch.fft.fft2(wave) * (q <= fraction))
    return stopped


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


def exponent(sizes: Sequence[float], times: Sequence[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def scaling(repeats: int) -> None:
    print("\n### Cost against N (best of the repeats; exponent of a power law through all points)\n")
    print("| N | sizes | seconds | exponent |\n|---|---|---|---|")

    def row(name: str, sizes: Sequence[float], tasks: Sequence[Callable[[], object]]) -> None:
        for task in tasks:
            task()
        times = [min(seconds(task) for _ in range(repeats)) for task in tasks]
        listed = [", ".join(f"{value:.{digits}g}" for value in values) for values, digits in ((sizes, 6), (times, 3))]
        print(f"| {name} | {listed[0]} | {listed[1]} | {exponent(sizes, times):.2f} |", flush=True)

    full = scene()
    some = [full[:: 2**power] for power in (3, 2, 1, 0)]
    row("atoms (512², 45 slices)", [len(a) for a in some], [partial(wave_of, a, 512) for a in some])
    thick = [11.25, 5.0, 2.0, 1.0]
    row("slices (512², 67,411 atoms)", [90.0 / t for t in thick],
        [partial(wave_of, full, 512, slice_thickness=t) for t in thick])  # fmt: skip
    sides = [128, 256, 512, 1024]
    row("pixels (45 slices, 67,411 atoms)", [float(n * n) for n in sides], [partial(wave_of, full, n) for n in sides])
    wave, counts = wave_of(full, 512)[None], [4, 16, 61, 244]
    row("conditions (512²)", counts, [partial(form_images, wave, defoci(c), pixel_size=0.25) for c in counts])


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

"""Scans: multislice beside abTEM, the incoherent model beside multislice over thickness, and what finer pixels change.

    OMP_NUM_THREADS=1 python benchmarks/bench_scanning.py --only speed
    OMP_NUM_THREADS=1 python benchmarks/bench_scanning.py --only oracle
    OMP_NUM_THREADS=1 python benchmarks/bench_scanning.py --only incoherent
    OMP_NUM_THREADS=1 python benchmarks/bench_scanning.py --only cross_sections
    OMP_NUM_THREADS=1 python benchmarks/bench_scanning.py --only sampling
    OMP_NUM_THREADS=1 python benchmarks/bench_scanning.py --only thickness --phonons 2 --thickest 400

Speed: a scan of 64 × 64 positions over the cell, one frozen configuration, single precision, CPU seconds of one thread,
in one process. abTEM has the same atoms, grid and slices, computes at once (dask.lazy off), and is given the potential,
whose making is not counted; passband's time is that of everything. "PRISM, exact" is abTEM's scattering matrix without
interpolation, the algorithm nearest to passband's. The difference is that of the images on equal potentials (exp(iσV)
on the pixels of the wave in both), of the brightest pixel. Aim: 3 × abTEM's multislice.

Oracle: 16 × 16 positions by passband and by abTEM on equal potentials (exp(iσV) on the pixels of the wave in both) of
one frozen configuration, with defocus, C12, C21 and C30, to 20 nm. Aim: 1 % of the brightest.

Incoherent: 1024² pixels, two detectors, five elements, a new probe each time with focal spread and source.

Sampling: largest error of the image of one layer, of its brightest pixel, against pixels of two thirds and exp(iσV) on
four times finer ones.

Thickness: signal at the centre of a column (a source of 0.8 Å; 200 kV, 22 mrad, 66 to 180 mrad; focus on the entrance
face) by multislice with frozen phonons over that by the linear incoherent model, and the law that `fit_absorption`
finds for 2 nm and more, with its largest error. SrTiO3 along [001]; sheets of WSe2 and of graphene one exactly above
the other (AA), so that a column is of one kind: no natural crystal, but columns of W, Se2 and C.

Remarks
-------
Where the largest error of the law is above some 10 %, the incoherent model is not to be used for intensities of that
column and thickness; positions and contrast between neighbours are another question.
"""

import argparse
import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
import torch
from ase import Atoms
from ase.build import graphene, mx2

from passband.electron import REST_ENERGY, wavelength
from passband.microscope.aberrations import Aberrations
from passband.microscope.form_factors import scattering_factor
from passband.microscope.multislice import box_sides
from passband.microscope.potential import even_slices, projected_potential
from passband.microscope.scanning.absorption import Absorption, fit_absorption
from passband.microscope.scanning.annular import Annulus, Detectors, coarsest_pixel
from passband.microscope.scanning.columns import Columns, Incoherent
from passband.microscope.scanning.cross_sections import cross_section
from passband.microscope.scanning.detected_beams import Multislice
from passband.microscope.scanning.image import images_of_columns, scan_image
from passband.microscope.scanning.probe import Probe
from passband.microscope.scanning.scan import Scan

warnings.simplefilter("ignore")
#: Å: rms along one axis at room temperature; SrTiO3 from B of 0.62, 0.44 and 0.73 Å² (the specification)
MOTION = {"Sr": 0.089, "Ti": 0.075, "O": 0.096, "W": 0.055, "Se": 0.075, "C": 0.065}


def cpu_seconds(function: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def strontium_titanate(repeats: tuple[int, int, int]) -> Atoms:
    fractions = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    cell = Atoms(["Sr", "Ti", "O", "O", "O"], scaled_positions=fractions, cell=[3.905] * 3, pbc=True)
    atoms: Atoms = cell.repeat(repeats)
    atoms.positions += [0.9, 0.9, 0.1]
    return atoms


def stack(sheet: Atoms, spacing: float, layers: int) -> Atoms:
    """Sheets one exactly above the other, in a right-angled cell."""
    right = sheet.repeat((1, 2, 1))
    side = float(sheet.cell.lengths()[0])
    right.set_cell([side, sqrt(3.0) * side, spacing])
    right.positions[:, 2] += 0.5 * spacing - right.positions[:, 2].mean()
    right.wrap(pbc=(True, True, False))
    atoms: Atoms = right.repeat((round(12.0 / side), round(12.0 / (sqrt(3.0) * side)), layers))
    atoms.positions[:, :2] += [0.9, 0.7]
    return atoms


def specimen(name: str, thickness: float) -> Atoms:
    match name:
        case "SrTiO3":
            return strontium_titanate((3, 3, max(1, round(thickness / 3.905))))
        case "WSe2":
            return stack(mx2("WSe2", a=3.28, thickness=3.34, vacuum=3.0), 6.48, max(1, round(thickness / 6.48)))
        case _:
            return stack(graphene(a=2.46), 3.35, max(1, round(thickness / 3.35)))


def moved(atoms: Atoms, seed: int = 0) -> Atoms:
    atoms = atoms.copy()
    atoms.positions += 0.07 * np.random.default_rng(seed).standard_normal(atoms.positions.shape)
    atoms.positions[:, 2] = atoms.positions[:, 2].clip(0.0, atoms.cell[2, 2] - 1e-9)
    return atoms


class Setting(NamedTuple):
    """One scan to be timed."""

    name: str
    atoms: Atoms
    probe: Probe
    annulus: Annulus

    def both(self, abtem: Any, positions: int) -> tuple[Scan, Mapping[str, Callable[[], Any]]]:
        """Scan of passband over the cell, and abTEM's on the same potential."""
        detectors = Detectors(annuli={"ADF": self.annulus})
        side_y, side_x, height = box_sides(self.atoms)
        step = min(side_y, side_x) / positions
        shape = Multislice().grid((side_y, side_x), self.probe, detectors)
        potential = projected_potential(
            self.atoms.positions, self.atoms.numbers, shape=shape, pixel_size=(side_y / shape[0], side_x / shape[1]),
            slice_edges=even_slices(height, 2.0),
        )  # fmt: skip
        scan = Scan(probe=self.probe, detectors=detectors, shape=(positions, positions), pixel_size=step)
        return scan, their_scans(abtem, self, potential, (side_x, side_y), height, scan)


def settings() -> list[Setting]:
    lens = Aberrations(C10=-30.0, C12=10.0, C21=300.0)
    return [
        Setting(
            "SrTiO3 [001], 15.6 Å, 5 cells, 200 kV, 20 mrad, 60–120 mrad",
            strontium_titanate((4, 4, 5)),
            Probe(energy=200e3, semi_angle=20e-3, aberrations=lens),
            Annulus(inner=60e-3, outer=120e-3),
        ),
        Setting(
            "WSe2, one sheet, 13 Å, 80 kV, 25 mrad, 60–180 mrad",
            specimen("WSe2", 6.0),
            Probe(energy=80e3, semi_angle=25e-3, aberrations=lens),
            Annulus(inner=60e-3, outer=180e-3),
        ),
    ]


def speed() -> None:
    import abtem

    abtem.config.set({"diagnostics.progress_bar": False, "dask.lazy": False, "fftw.threads": 1})
    print(f"\n### 64 × 64 positions, beside abTEM {abtem.__version__}: CPU seconds of one thread\n")
    print("| scan | grid | beams | passband | abTEM multislice | abTEM PRISM, exact | ratios | difference |")
    print("|---|---|---|---|---|---|---|---|")
    for setting in settings():
        setting = setting._replace(atoms=moved(setting.atoms))
        scan, theirs = setting.both(abtem, 64)
        atoms = setting.atoms
        side_y, side_x, _ = box_sides(atoms)
        shape = Multislice().grid((side_y, side_x), setting.probe, scan.detectors)
        scan_image(atoms[:1], scan, model=Multislice())  # warm
        ours, _ = cpu_seconds(partial(scan_image, atoms, scan, model=Multislice()))
        equal = scan_image(atoms, scan, model=Multislice(oversampling=1))[0].numpy()
        times, images = zip(*(cpu_seconds(one) for one in theirs.values()), strict=True)
        difference = np.abs(equal - images[0]).max() / images[0].max()
        beams = round(np.pi * setting.probe.highest_frequency**2 * side_x * side_y)
        ratios = ", ".join(f"{one / ours:.1f}×" for one in times)
        cells = f"{ours:.1f} | {times[0]:.1f} | {times[1]:.1f} | {ratios} | {difference:.0e}"
        print(f"| {setting.name} | {shape[0]} × {shape[1]} | {beams} | {cells} |", flush=True)


def oracle() -> None:
    import abtem

    abtem.config.set({"diagnostics.progress_bar": False, "dask.lazy": False, "fftw.threads": 1})
    print(f"\n### 16 × 16 positions beside abTEM {abtem.__version__}, equal potentials\n")
    print("| specimen | thickness, nm | energy, kV | largest difference, % of the brightest |")
    print("|---|---|---|---|")
    lens = Aberrations(C10=-40.0, C12=15.0, phi12=0.4, C21=400.0, phi21=-0.7, C30=2e4)
    annulus = Annulus(inner=66e-3, outer=160e-3)
    for name, thick, energy in (
        ("SrTiO3", 50.0, 80e3), ("SrTiO3", 200.0, 200e3), ("SrTiO3", 200.0, 300e3),
        ("graphene", 1.0, 80e3), ("WSe2", 1.0, 80e3), ("WSe2", 1.0, 300e3),
    ):  # fmt: skip
        probe = Probe(energy=energy, semi_angle=22e-3, aberrations=lens)
        setting = Setting(name, moved(specimen(name, thick)), probe, annulus)
        scan, theirs = setting.both(abtem, 16)
        ours = scan_image(setting.atoms, scan, model=Multislice(oversampling=1))[0].numpy()
        other = theirs["probes"]()
        error = 100.0 * np.abs(ours - other).max() / other.max()
        print(f"| {name} | {box_sides(setting.atoms)[2] / 10.0:.1f} | {energy / 1e3:g} | {error:.1g} |", flush=True)


def their_scans(
    abtem: Any, setting: Setting, potential: torch.Tensor, extent: tuple[float, float], height: float, scan: Scan
) -> Mapping[str, Callable[[], Any]]:
    array = potential.numpy().transpose(0, 2, 1).copy()
    given = abtem.PotentialArray(array, slice_thickness=height / len(array), extent=extent)
    detector = abtem.AnnularDetector(1e3 * setting.annulus.inner, 1e3 * setting.annulus.outer)
    count, end = scan.shape[0], scan.shape[0] * scan.pixel_size
    raster = abtem.GridScan(start=(0, 0), end=(end, end), gpts=count, endpoint=False)
    lens, angle = setting.probe.aberrations.nonzero(), 1e3 * setting.probe.semi_angle

    def probes() -> Any:
        probe = abtem.Probe(energy=setting.probe.energy, semiangle_cutoff=angle, aberrations=lens)
        return probe.scan(given, scan=raster, detectors=detector).array.T

    def prism() -> Any:
        matrix = abtem.SMatrix(
            potential=given, energy=setting.probe.energy, semiangle_cutoff=angle, interpolation=1, downsample=False
        )
        return matrix.scan(scan=raster, detectors=detector, ctf=abtem.CTF(aberration_coefficients=lens)).array.T

    return {"probes": probes, "prism": prism}


def incoherent() -> None:
    print("\n### Incoherent images of 1024², five elements, two detectors: CPU seconds of one thread\n")
    print("| columns | field, Å | energy, kV | semi-angle, mrad | first of an energy | with another probe |")
    print("|---|---|---|---|---|---|")
    rng = np.random.default_rng(0)
    for count, field, energy, angle in ((20_000, 100.0, 200e3, 22e-3), (100_000, 200.0, 300e3, 25e-3)):
        columns = Columns(
            rng.uniform(0.0, field, (count, 2)), rng.choice([8, 22, 26, 38, 57], count), rng.uniform(5.0, 50.0, count),
            np.zeros(count, dtype=np.int64), np.zeros(1), (field, field),
        )  # fmt: skip
        times = []
        for change in (0.0, 1e-4, 2e-4):
            probe = Probe(
                energy=energy, semi_angle=angle + change, focal_spread=30.0, source_size=0.8,
                aberrations=Aberrations(C10=-60.0 - 1e4 * change, C12=15.0, C21=200.0),
            )  # fmt: skip
            annuli = {"ADF": Annulus(inner=35e-3, outer=60e-3), "HAADF": Annulus(inner=66e-3, outer=180e-3)}
            scan = Scan(probe=probe, detectors=Detectors(annuli=annuli), shape=(1024, 1024), pixel_size=field / 1024)
            times.append(cpu_seconds(partial(images_of_columns, columns, scan, displacement=0.08))[0])
        print(
            f"| {count:,} | {field:g} | {energy / 1e3:g} | {1e3 * angle:g} | {times[0]:.2f} | {min(times[1:]):.2f} |",
            flush=True,
        )


def cross_sections() -> None:
    print("\n### Cross-sections of single atoms, Å², over those of first Born\n")
    elements = {"C": 6, "O": 8, "Si": 14, "Ti": 22, "Se": 34, "Sr": 38, "W": 74}
    print(f"| energy, kV; semi-angle; detector, mrad | {' | '.join(elements)} | exponent of Z, C–Si | Si–W |")
    print(f"|---|{'---|' * len(elements)}---|---|")
    for energy, angle, inner in ((80e3, 25.2e-3, 63e-3), (200e3, 22e-3, 66e-3), (300e3, 20e-3, 60e-3)):
        probe, annulus = Probe(energy=energy, semi_angle=angle), Annulus(inner=inner, outer=180e-3)
        found = {name: cross_section(number, probe, annulus) for name, number in elements.items()}
        cells = [f"{found[name]:.3g} ({found[name] / born(elements[name], probe, annulus):.3f})" for name in elements]
        exponents = [
            np.log(found[heavy] / found[light]) / np.log(elements[heavy] / elements[light])
            for light, heavy in (("C", "Si"), ("Si", "W"))
        ]
        which = f"{energy / 1e3:g}; {1e3 * angle:g}; {1e3 * inner:g}–180"
        print(f"| {which} | {' | '.join(cells)} | {exponents[0]:.2f} | {exponents[1]:.2f} |", flush=True)


def born(number: int, probe: Probe, annulus: Annulus) -> float:
    """Cross-section in Å² of the first Born approximation for a beam that does not converge: γ²λ² ∫ f² 2πq dq."""
    q = np.linspace(annulus.inner, annulus.outer, 4000) / wavelength(probe.energy)
    scale = ((1.0 + probe.energy / REST_ENERGY) * wavelength(probe.energy)) ** 2
    return float(scale * np.trapezoid(scattering_factor(number, q) ** 2 * 2.0 * np.pi * q, q))


def sampling() -> None:
    print("\n### Error of one layer, % of the brightest pixel: 40–80 mrad / 80–180 mrad, 20 mrad\n")
    print("| specimen | energy, kV | exp(iσV) on the pixels of the wave | 2 a side | 3 (default) | 4 |")
    print("|---|---|---|---|---|---|")
    annuli = {"ADF": Annulus(inner=40e-3, outer=80e-3), "HAADF": Annulus(inner=80e-3, outer=180e-3)}
    for name, energy in (("SrTiO3", 80e3), ("SrTiO3", 200e3), ("WSe2", 80e3), ("WSe2", 300e3), ("graphene", 80e3)):
        atoms = moved(specimen(name, 1.0))
        probe = Probe(energy=energy, semi_angle=20e-3)
        scan = Scan(probe=probe, detectors=Detectors(annuli=annuli), shape=(16, 16), pixel_size=0.6)
        fine = Multislice(pixel_size=0.65 * coarsest_pixel(0.2, energy), oversampling=4)
        expected = scan_image(atoms, scan, model=fine)
        cells = []
        for oversampling in (1, 2, 3, 4):
            found = scan_image(atoms, scan, model=Multislice(oversampling=oversampling))
            error = 100.0 * (found - expected).abs().amax((1, 2)) / expected.amax((1, 2))
            cells.append(f"{float(error[0]):.2g} / {float(error[1]):.2g}")
        print(f"| {name} | {energy / 1e3:g} | {' | '.join(cells)} |", flush=True)


#: Columns (x, y) in Å of the specimens, by name.
COLUMNS: dict[str, dict[str, tuple[float, float] | None]] = {
    "SrTiO3": {"Sr": (4.805, 4.805), "Ti–O": (2.8525, 2.8525), "O": (2.8525, 4.805)},
    "WSe2": {"W": None, "Se2": None},
    "graphene": {"C": None},
}


def centre_of(atoms: Atoms, kind: str) -> tuple[float, float]:
    """Place (x, y) of a column of the element that begins its name, away from the edges of the cell."""
    symbol = "".join(letter for letter in kind if letter.isalpha())
    chosen = atoms.positions[[one == symbol for one in atoms.get_chemical_symbols()], :2]
    middle = np.diag(atoms.cell)[:2] / 2.0
    x, y = chosen[np.argmin(((chosen - middle) ** 2).sum(axis=1))]
    return float(x), float(y)


def thickness(phonons: int, thickest: float) -> None:
    wanted = [one for one in (1.0, 20.0, 50.0, 100.0, 200.0, 400.0) if one <= thickest]
    named = " | ".join(f"{one / 10:g} nm" for one in wanted[1:])
    print(f"\n### Multislice ({phonons} phonons) over the linear incoherent model, at the centre of columns\n")
    print(f"| column | one layer | {named} | enhancement | μ, 1/nm | largest error |")
    print(f"|---|{'---|' * len(wanted)}---|---|---|")
    probe = Probe(energy=200e3, semi_angle=22e-3, source_size=0.8)
    detectors = Detectors(annuli={"HAADF": Annulus(inner=66e-3, outer=180e-3)})
    for name, places in COLUMNS.items():
        ratios: dict[str, list[float]] = {kind: [] for kind in places}
        heights = []
        for one in wanted:
            atoms = specimen(name, one)
            motion = {symbol: MOTION[symbol] for symbol in set(atoms.get_chemical_symbols())}
            heights.append(float(np.ptp(atoms.positions[:, 2])))
            linear = Incoherent(displacement=motion, absorption=Absorption(coefficients=0.0, thickest=1e4))
            model = Multislice(phonons=phonons, displacement=motion)
            for kind, signals in signals_at(atoms, probe, detectors, places, (model, linear)).items():
                ratios[kind].append(signals[0] / signals[1])
        for kind, found in ratios.items():
            fit = fit_absorption(heights[1:], found[1:])
            cells = " | ".join(f"{one:.2f}" for one in found)
            law = f"{fit.enhancement:.2f} | {10.0 * fit.coefficient:.4f} | {100.0 * fit.largest_error:.0f} %"
            print(f"| {kind} | {cells} | {law} |", flush=True)


def signals_at(
    atoms: Atoms,
    probe: Probe,
    detectors: Detectors,
    places: Mapping[str, tuple[float, float] | None],
    models: tuple[Multislice, Incoherent],
) -> dict[str, list[float]]:
    """Signals of both models at the columns, from one simulation each."""
    grid = 96
    side_y, side_x, _ = box_sides(atoms)
    step = min(side_y, side_x) / grid
    scan = Scan(probe=probe, detectors=detectors, shape=(grid, grid), pixel_size=step)
    images = [scan_image(atoms, scan, model=model, rng=np.random.default_rng(0))[0].numpy() for model in models]
    found = {}
    for kind, place in places.items():
        x, y = place or centre_of(atoms, kind)
        found[kind] = [float(image[round(y / step) % grid, round(x / step) % grid]) for image in images]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["speed", "oracle", "incoherent", "cross_sections", "sampling", "thickness"])
    parser.add_argument("--phonons", type=int, default=2)
    parser.add_argument("--thickest", type=float, default=400.0, help="Å")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    parts: dict[str, Callable[[], None]] = {
        "speed": speed,
        "oracle": oracle,
        "incoherent": incoherent,
        "cross_sections": cross_sections,
        "sampling": sampling,
        "thickness": partial(thickness, chosen.phonons, chosen.thickest),
    }
    for name, part in parts.items():
        if chosen.only in (None, name):
            part()


if __name__ == "__main__":
    main()

"""Thick gold: exit waves of heavy particles against a four times finer grid and against abTEM.

    OMP_NUM_THREADS=1 python benchmarks/bench_thick.py

A gold sphere at rest in vacuum, tilted off every zone axis, and a block of the same thickness along [001], the hardest
case: columns of atoms. Slices of 2 Å. Errors are rms differences of the waves below the band of the coarser grid (at
most 0.83 Å⁻¹), as a fraction of the rms of the scattered wave ψ − 1 there. "limited" also band-limits exp(iσV), as
abTEM does; "free" is passband's default. abTEM has the same atoms, grid and slices, its infinite projection and the
Lobato parametrization. The beam held is the mean of |ψ|².

Remarks
-------
Which default follows: a limited transmission costs two more transforms a slice; compare the two columns. What the grid
costs is in the columns of the finer grid: it is the sampling that decides, not the limit.
"""

import argparse
import warnings

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk
from torch import Tensor

from passband.microscope.frequencies import resize_spectrum, spatial_frequencies
from passband.microscope.multislice import exit_waves

warnings.simplefilter("ignore")
FIELD = 12 * 4.078 * 2  # Å: whole cells, so that the block is periodic too
SLICE = 2.0


def sphere(diameter: float) -> Atoms:
    crystal = bulk("Au", "fcc", a=4.078, cubic=True).repeat(round(diameter / 4.078) + 3)
    crystal.positions -= crystal.positions.mean(axis=0)
    crystal = crystal[(crystal.positions**2).sum(axis=1) <= (diameter / 2) ** 2]
    crystal.rotate(17, "x")
    crystal.rotate(31, "y")
    crystal.positions += [FIELD / 2, FIELD / 2, diameter / 2 + SLICE]
    return boxed(crystal, diameter)


def block(thickness: float) -> Atoms:
    cells = bulk("Au", "fcc", a=4.078, cubic=True).repeat((6, 6, round(thickness / 4.078)))
    cells.positions += [FIELD / 4 + 0.21, FIELD / 4 + 0.13, SLICE + 1.0]
    return boxed(cells, thickness)


def boxed(atoms: Atoms, thickness: float) -> Atoms:
    height = SLICE * round((thickness + 3 * SLICE) / SLICE)
    return Atoms(atoms.numbers, atoms.positions, cell=[FIELD, FIELD, height], pbc=(1, 1, 0))


def ours(atoms: Atoms, pixel_size: float, energy: float, *, limited: bool) -> Tensor:
    pixels = round(FIELD / pixel_size)
    settings = {"slice_thickness": SLICE, "phonons": 0, "limit_transmission": limited}
    return exit_waves(atoms, energy=energy, shape=(pixels, pixels), pixel_size=FIELD / pixels, **settings)[0]


def theirs(atoms: Atoms, pixel_size: float, energy: float) -> Tensor:
    import abtem
    import dask

    abtem.config.set({"dask.lazy": False, "local_diagnostics.progress_bar": False})
    pixels = round(FIELD / pixel_size)
    with dask.config.set(scheduler="synchronous"):
        potential = abtem.Potential(
            atoms, gpts=pixels, slice_thickness=SLICE, projection="infinite", parametrization="lobato"
        )
        return torch.from_numpy(np.ascontiguousarray(abtem.PlaneWave(energy=energy).multislice(potential).array.T))


def difference(wave: Tensor, reference: Tensor) -> float:
    """Rms difference below the band of 0.4 Å, over the rms of the scattered part of the reference."""
    pixels = round(FIELD / 0.4)
    ours, other = (
        resize_spectrum(torch.fft.fft2(one.to(torch.complex128), norm="forward"), (pixels, pixels))
        for one in (wave, reference)
    )
    q, _ = spatial_frequencies((pixels, pixels), FIELD / pixels, dtype=torch.float64)
    band = (q > 0) & (q < 0.95 / (3 * 0.4))
    return float(((ours - other)[band].abs().square().sum() / other[band].abs().square().sum()).sqrt())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--thicknesses", type=float, nargs="+", default=[40.0, 60.0, 90.0], metavar="Å")
    parser.add_argument("--energies", type=float, nargs="+", default=[80e3, 200e3, 300e3], metavar="eV")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(
        "| specimen | kV | multislice, Å | beam held: limited | free | to a 4 × finer grid: limited | free "
        "| to abTEM: limited | free | abTEM to the finer grid |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, build in (("sphere", sphere), ("[001] block", block)):
        for thickness in arguments.thicknesses:
            atoms = build(thickness)
            for energy in arguments.energies:
                rows(f"{name}, {thickness:g} Å", atoms, energy)


def rows(name: str, atoms: Atoms, energy: float) -> None:
    fine: dict[float, Tensor] = {}
    for pixel_size in (0.4, 0.2):
        reference = fine.setdefault(pixel_size / 4, ours(atoms, pixel_size / 4, energy, limited=True))
        abtem = theirs(atoms, pixel_size, energy)
        pair = [ours(atoms, pixel_size, energy, limited=limited) for limited in (True, False)]
        held = [f"{100 * float(wave.abs().square().mean()):.2f} %" for wave in pair]
        errors = [f"{difference(wave, other):.3f}" for other in (reference, abtem) for wave in pair]
        cells = [name, f"{energy / 1e3:g}", f"{pixel_size:g}", *held, *errors, f"{difference(abtem, reference):.3f}"]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

"""Thick gold: exit waves of heavy particles against a four times finer grid and against abTEM.

    OMP_NUM_THREADS=1 python benchmarks/bench_thick.py

A gold sphere at rest in vacuum, off every zone axis, and a block of the same thickness seen along [001], the hardest
case: columns of atoms. Slices of 2 Å. Errors are rms differences of waves below 0.79 Å⁻¹, within the band of every
grid, from the wave of 0.05 Å (four times finer than 0.2 Å), as a fraction of the rms of the scattered wave ψ − 1 there.
"limited" also band-limits exp(iσV), as abTEM does; "free" is passband's default. abTEM has the same atoms, grid and
slices, its infinite projection and the Lobato parametrization. The beam held is the mean of |ψ|².

Remarks
-------
Sampling decides, not the limit of the transmission, which costs two more transforms a slice: so it stays off by
default. Particles off zone axes are well served by 0.2 Å, the default of `Simulation` and what `au_hrtem` has. Columns
of gold are not: at 40 Å and more a crystal on a zone axis wants 0.1 Å, in abTEM as in passband.
"""

import argparse
import warnings
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk
from torch import Tensor

from passband.microscope.frequencies import resize_spectrum, spatial_frequencies
from passband.microscope.multislice import exit_waves

warnings.simplefilter("ignore")
SLICE, FINEST = 2.0, 0.05


def sphere(diameter: float) -> Atoms:
    crystal = bulk("Au", "fcc", a=4.078, cubic=True).repeat(round(diameter / 4.078) + 3)
    crystal.positions -= crystal.positions.mean(axis=0)
    crystal = crystal[(crystal.positions**2).sum(axis=1) <= (diameter / 2) ** 2]
    crystal.rotate(17, "x")
    crystal.rotate(31, "y")
    crystal.positions += [0.5 * diameter + 8.0, 0.5 * diameter + 8.0, diameter / 2 + SLICE]
    return boxed(crystal, diameter + 16.0, diameter)


def block(thickness: float) -> Atoms:
    cells = bulk("Au", "fcc", a=4.078, cubic=True).repeat((6, 6, round(thickness / 4.078)))
    cells.positions += [16.21, 16.13, SLICE + 1.0]
    return boxed(cells, 56.0, thickness)


def boxed(atoms: Atoms, field: float, thickness: float) -> Atoms:
    height = SLICE * round((thickness + 3 * SLICE) / SLICE)
    return Atoms(atoms.numbers, atoms.positions, cell=[field, field, height], pbc=(1, 1, 0))


def field_of(atoms: Atoms) -> float:
    return float(atoms.cell[0, 0])


def ours(atoms: Atoms, pixel_size: float, energy: float, *, limited: bool) -> Tensor:
    pixels = round(field_of(atoms) / pixel_size)
    settings: dict[str, Any] = {"slice_thickness": SLICE, "phonons": 0, "limit_transmission": limited}
    return exit_waves(atoms, energy=energy, shape=(pixels, pixels), pixel_size=field_of(atoms) / pixels, **settings)[0]


def theirs(atoms: Atoms, pixel_size: float, energy: float) -> Tensor:
    import abtem
    import dask

    abtem.config.set({"dask.lazy": False, "local_diagnostics.progress_bar": False})
    pixels = round(field_of(atoms) / pixel_size)
    with dask.config.set(scheduler="synchronous"):
        potential = abtem.Potential(
            atoms, gpts=pixels, slice_thickness=SLICE, projection="infinite", parametrization="lobato"
        )
        return torch.from_numpy(np.ascontiguousarray(abtem.PlaneWave(energy=energy).multislice(potential).array.T))


def difference(wave: Tensor, reference: Tensor, field: float) -> float:
    """Rms difference below the band of 0.4 Å, over the rms of the scattered part of the reference."""
    pixels = round(field / 0.4)
    one, other = (
        resize_spectrum(torch.fft.fft2(wave.to(torch.complex128), norm="forward"), (pixels, pixels))
        for wave in (wave, reference)
    )
    q, _ = spatial_frequencies((pixels, pixels), field / pixels, dtype=torch.float64)
    band = q < 0.95 / (3 * 0.4)
    scattered = other.clone()
    scattered[0, 0] -= 1.0
    return float(((one - other)[band].abs().square().sum() / scattered[band].abs().square().sum()).sqrt())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--thicknesses", type=float, nargs="+", default=[40.0, 60.0, 90.0], metavar="Å")
    parser.add_argument("--energies", type=float, nargs="+", default=[80e3, 200e3, 300e3], metavar="eV")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(
        "| specimen | kV | multislice, Å | beam held: limited | free | error: limited | free | abTEM "
        "| to abTEM: limited | free |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, build in (("sphere", sphere), ("[001] block", block)):
        for thickness in arguments.thicknesses:
            atoms = build(thickness)
            for energy in arguments.energies:
                rows(f"{name}, {thickness:g} Å", atoms, energy)


def rows(name: str, atoms: Atoms, energy: float) -> None:
    field = field_of(atoms)
    reference = ours(atoms, FINEST, energy, limited=False)
    for pixel_size in (0.4, 0.2, 0.1):
        abtem = theirs(atoms, pixel_size, energy)
        pair = [ours(atoms, pixel_size, energy, limited=limited) for limited in (True, False)]
        held = [f"{100 * float(wave.abs().square().mean()):.2f} %" for wave in pair]
        errors = [f"{difference(wave, reference, field):.3f}" for wave in (*pair, abtem)]
        beside = [f"{difference(wave, abtem, field):.3f}" for wave in pair]
        cells = [name, f"{energy / 1e3:g}", f"{pixel_size:g}", *held, *errors, *beside]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

"""The electron wave behind a specimen: transmit through a slice, propagate to the next, again and again.

ψ ← F⁻¹{P · F{t ψ}}, with t = exp(iσV) and P(q) = exp(−iπλΔz q²) band-limited to 2/3 of the Nyquist frequency (Kirkland,
Advanced Computing in Electron Microscopy (2010), ch. 6; the order of the steps and the aperture are those of abTEM). A
slice acts at its upper face, where the wave enters, and the wave is then propagated through the slice's thickness: the
last wave is the one at the lower face of the box, z = height. The wave that enters is 1, so vacuum has intensity 1.
Slices without atoms are crossed in one propagation, exactly.
"""

from functools import lru_cache
from itertools import pairwise
from math import pi

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray
from torch import Tensor

from passband.electron import interaction_constant, wavelength
from passband.microscope.band import Band
from passband.microscope.phase_polynomial import phasor
from passband.microscope.potential import (
    CUTOFF,
    Displacement,
    SlicedAtoms,
    antialias_aperture,
    check_atoms,
    displaced,
    even_slices,
    iterate_slices,
    slice_atoms,
)
from passband.pixels import pixel_pair
from passband.recipe import PassbandError

_REAL = {torch.complex64: torch.float32, torch.complex128: torch.float64}


def exit_waves(  # noqa: PLR0913
    atoms: Atoms,
    *,
    energy: float,
    shape: tuple[int, int],
    pixel_size: float,
    slice_thickness: float = 2.0,
    phonons: int = 1,
    displacement: Displacement = 0.0,
    rng: np.random.Generator | None = None,
    limit_transmission: bool = False,
    dtype: torch.dtype = torch.complex64,
    device: torch.device | str | None = None,
) -> Tensor:
    """Exit waves of a specimen, one for each frozen-phonon configuration, at the lower face of its cell.

    Parameters
    ----------
    atoms
        Orthogonal cell (x, y, height), periodic in x and y; the beam enters at z = 0 and leaves at z = height.
    energy
        eV.
    shape, pixel_size
        Pixels (y, x) and their side in Å; shape × pixel_size must be the cell's sides.
    slice_thickness
        Å; the box is cut into equal slices none of which is thicker.
    phonons
        Configurations. With 0 the lattice is static and undamped whatever `displacement`, and one wave comes back.
    displacement
        Rms thermal displacement along one axis in Å, one number or {symbol: value}.
    rng
        Draws the displacements; needed unless they are all zero.
    limit_transmission
        Band-limit exp(iσV) too, which costs two more Fourier transforms a slice. The wave is band-limited in any case.
        It brings the wave of 40 to 90 Å of gold no nearer to that of a finer grid (`benchmarks/bench_thick.py`); finer
        pixels do: 0.2 Å for particles, 0.1 Å for heavy crystals of 40 Å and more on a zone axis.
    dtype, device
        Of the result; complex64 or complex128.

    Returns
    -------
    Tensor
        Complex, (max(phonons, 1), y, x); intensity 1 in vacuum.

    Raises
    ------
    PassbandError
        The cell does not fit the grid, `rng` is missing, or as `projected_potential`.
    """
    height = _check_box(atoms, shape, pixel_size)
    positions, numbers = atoms.get_positions(), atoms.get_atomic_numbers()
    edges = even_slices(height, slice_thickness)
    check_atoms(positions, numbers, edges)  # before any is displaced
    if dtype not in _REAL:
        raise PassbandError(f"dtype={dtype} is not complex; waves are torch.complex64 or torch.complex128")
    waves = torch.empty((max(phonons, 1), *shape), dtype=dtype, device=device)
    for index in range(len(waves)):
        moved = phonon_configuration(positions, numbers, displacement, rng=rng, height=height) if phonons else positions
        sliced = slice_atoms(moved, numbers, slice_edges=edges)
        waves[index] = _exit_wave(sliced, waves[index], edges, energy, pixel_size, limit_transmission)
    return waves


def box_sides(atoms: Atoms) -> tuple[float, float, float]:
    """Sides (y, x, height) in Å of a right-angled cell.

    Raises
    ------
    PassbandError
        The cell has other angles, or a side that is not positive.
    """
    cell = np.asarray(atoms.cell)
    sides = np.diag(cell)
    if np.abs(cell - np.diag(sides)).max() > 1e-6 or not (sides > 0).all():
        raise PassbandError(f"the cell {cell.tolist()} is not a box; give a right-angled cell with three sides > 0")
    return float(sides[1]), float(sides[0]), float(sides[2])


def _check_box(atoms: Atoms, shape: tuple[int, int], pixel_size: float) -> float:
    """Height of the cell in Å, once its sides are those of the grid."""
    cell_y, cell_x, height = box_sides(atoms)
    side_y, side_x = shape[0] * pixel_size, shape[1] * pixel_size
    if abs(side_x - cell_x) > 1e-3 * side_x or abs(side_y - cell_y) > 1e-3 * side_y:
        cure = "choose shape and pixel_size so that shape × pixel_size is the cell"
        raise PassbandError(
            f"the grid covers {side_x:g} × {side_y:g} Å but the cell is {cell_x:g} × {cell_y:g} Å; {cure}"
        )
    return height


def phonon_configuration(
    positions: NDArray[np.float64],
    numbers: NDArray[np.int64],
    displacement: Displacement,
    *,
    rng: np.random.Generator | None,
    height: float,
) -> NDArray[np.float64]:
    """Displaced positions (n, 3); an atom that leaves the box through its top or bottom stays in the outermost slice.

    Raises
    ------
    PassbandError
        A displacement without `rng`, or one that is not physical.
    """
    if rng is None:
        if displacement == 0.0:
            return positions
        raise PassbandError("displacement needs rng, a numpy.random.Generator; pass rng=np.random.default_rng(seed)")
    moved = displaced(positions, numbers, displacement, rng=rng)
    moved[:, 2] = moved[:, 2].clip(0.0, height)
    return moved


def _exit_wave(
    sliced: SlicedAtoms,
    like: Tensor,
    edges: NDArray[np.float64],
    energy: float,
    pixel_size: float,
    limited: bool,
) -> Tensor:
    """Exit wave (y, x) of one configuration, with the shape, dtype and device of `like`."""
    phases = iterate_slices(
        sliced,
        shape=(like.shape[-2], like.shape[-1]),
        pixel_size=pixel_size,
        scale=interaction_constant(energy),
        dtype=_REAL[like.dtype],
        device=like.device,
    )
    occupied = sorted({run.layer for run in sliced.runs})
    neighbours = pairwise([*occupied, sliced.slices])
    step = _Step(torch.ones_like(like), pixel_size=pixel_size, energy=energy, limited=limited)
    thickness = float(edges[1] - edges[0])
    for (layer, following), (_, phase) in zip(neighbours, phases, strict=True):
        step.transmit(phase)
        step.propagate(thickness, steps=following - layer)
    return step.waves


def multislice(
    waves: Tensor,
    potential: Tensor,
    *,
    slice_thickness: float,
    energy: float,
    pixel_size: float,
    limit_transmission: bool = True,
) -> Tensor:
    """Waves behind given projected potentials.

    Parameters
    ----------
    waves
        Complex, (..., y, x), in front of the first slice; 1 for a plane wave.
    potential
        (slices, y, x) in V·Å, or (..., slices, y, x) with a potential for every wave.
    slice_thickness
        Å.
    energy, pixel_size
        eV, Å.
    limit_transmission
        Band-limit exp(iσV) as well; see `exit_waves`. On by default, because nothing is known of the potential.

    Returns
    -------
    Tensor
        (..., y, x), the broadcast of the leading axes of both; the inputs are untouched.

    Raises
    ------
    PassbandError
        The waves are not complex, or the two grids differ.
    """
    if waves.dtype not in _REAL or waves.shape[-2:] != potential.shape[-2:]:
        raise PassbandError(
            f"waves {tuple(waves.shape)} of {waves.dtype} and a potential {tuple(potential.shape)} do not fit; "
            "give complex waves (..., y, x) and a potential (..., slices, y, x) on the same grid"
        )
    leading = np.broadcast_shapes(waves.shape[:-2], potential.shape[:-3])
    psi = waves.expand(*leading, *waves.shape[-2:]).clone()
    step = _Step(psi, pixel_size=pixel_size, energy=energy, limited=limit_transmission)
    sigma = interaction_constant(energy)
    for index in range(potential.shape[-3]):
        step.transmit(potential[..., index, :, :].to(_REAL[waves.dtype]) * sigma)
        step.propagate(slice_thickness)
    return step.waves


def propagate(waves: Tensor, distance: float, *, energy: float, pixel_size: float) -> Tensor:
    """Waves (..., y, x) after `distance` Å of vacuum, without any aperture; negative distances go back."""
    shape = (waves.shape[-2], waves.shape[-1])
    kernel = fresnel_propagator(shape, pixel_size, distance, energy, dtype=waves.dtype, device=waves.device)
    moved: Tensor = torch.fft.ifft2(torch.fft.fft2(waves) * kernel)
    return moved


def fresnel_propagator(
    shape: tuple[int, int],
    pixel_size: float | tuple[float, float],
    distance: float,
    energy: float,
    *,
    dtype: torch.dtype = torch.complex64,
    device: torch.device | str | None = None,
) -> Tensor:
    """exp(−iπλ·distance·q²), (y, x), corner origin; the product of one factor along y and one along x."""
    curvature = pi * wavelength(energy) * distance
    sides = zip(shape, pixel_pair(pixel_size), strict=True)
    along = [torch.fft.fftfreq(size, d=pixel, dtype=torch.float64).square_() * curvature for size, pixel in sides]
    factor_y, factor_x = (torch.polar(torch.ones_like(phase), -phase) for phase in along)
    return (factor_y[:, None] * factor_x[None, :]).to(dtype).to(device)


@lru_cache(maxsize=16)
def limited_propagator(  # noqa: PLR0913 (the key of the cache)
    shape: tuple[int, int],
    pixel_size: float | tuple[float, float],
    thickness: float,
    steps: int,
    energy: float,
    dtype: torch.dtype,
    device: torch.device,
) -> Tensor:
    """Propagator (kept kx, y) through `steps` slices with the aperture of each: exactly that many single steps.

    With 0 steps it is the aperture alone.
    """
    kernel = fresnel_propagator(shape, pixel_size, thickness * steps, energy, dtype=torch.complex128)
    aperture = antialias_aperture(shape, pixel_size, dtype=torch.float64)
    kept = propagation_band(shape).select((kernel * aperture ** max(steps, 1)).t())
    return kept.to(dtype).contiguous().to(device)


def propagation_band(shape: tuple[int, int]) -> Band:
    """All rows, and the columns within the aperture: only they are skipped in a transform along y."""
    return Band(shape, (shape[0], int(0.5 * CUTOFF * shape[1])))


class _Step:
    """The two steps of the multislice, on `waves` (..., y, x); the tensor given first is changed in place."""

    def __init__(self, waves: Tensor, *, pixel_size: float, energy: float, limited: bool) -> None:
        self.waves = waves
        self.pixel_size = pixel_size
        self.energy = energy
        self.limited = limited
        self.band = propagation_band((waves.shape[-2], waves.shape[-1]))

    def transmit(self, phase: Tensor) -> None:
        """Multiply the waves by exp(i·phase); `phase` in rad, with the shape of the waves or one for all."""
        transmission = phasor(phase)
        if self.limited:
            transmission = self._filter(transmission, 0.0, 0)
        self.waves.mul_(transmission)

    def propagate(self, thickness: float, *, steps: int = 1) -> None:
        """Propagate the waves through `steps` empty slices of `thickness` Å at once."""
        self.waves = self._filter(self.waves, thickness, steps)

    def _filter(self, waves: Tensor, thickness: float, steps: int) -> Tensor:
        kernel = limited_propagator(
            self.band.shape, self.pixel_size, thickness, steps, self.energy, waves.dtype, waves.device
        )
        return self.band.inverse(self.band.forward(waves).mul_(kernel))

"""The electron wave behind a specimen: transmit through a slice, propagate to the next, again and again.

ψ ← F⁻¹{P · F{t ψ}}, with t = exp(iσV) band-limited and P(q) = exp(−iπλΔz q²) (Kirkland, Advanced Computing in Electron
Microscopy (2010), ch. 6; the same order and the same aperture as abTEM). A slice acts at its upper face, where the wave
enters; the wave is then propagated through the slice's thickness. The wave so obtained is the one at the lower face of the
box, z = height. The plane wave that enters is 1, so that vacuum has intensity 1.
"""

from functools import lru_cache
from math import pi

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray
from torch import Tensor

from passband.electron import interaction_constant, wavelength
from passband.microscope.potential import (
    Displacement,
    antialias_aperture,
    displaced,
    even_slices,
    iterate_slices,
    slice_atoms,
)
from passband.recipe import PassbandError

_REAL = {torch.complex64: torch.float32, torch.complex128: torch.float64}


def exit_waves(
    atoms: Atoms,
    *,
    energy: float,
    shape: tuple[int, int],
    pixel_size: float,
    slice_thickness: float = 2.0,
    phonons: int = 1,
    displacement: Displacement = 0.0,
    rng: np.random.Generator | None = None,
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
    slice_atoms(positions, numbers, slice_edges=edges)  # refuses atoms outside the box before any is displaced
    waves = torch.empty((max(phonons, 1), *shape), dtype=dtype, device=device)
    for wave in waves:
        if phonons:
            moved = _configuration(positions, numbers, displacement, rng=rng, height=height)
        else:
            moved = positions
        _exit_wave(moved, numbers, wave, edges=edges, energy=energy, pixel_size=pixel_size)
    return waves


def _check_box(atoms: Atoms, shape: tuple[int, int], pixel_size: float) -> float:
    """Height of the cell in Å, once its sides are those of the grid."""
    cell = np.asarray(atoms.cell)
    if np.abs(cell - np.diag(np.diag(cell))).max() > 1e-6 or not (np.diag(cell) > 0).all():
        raise PassbandError(f"the cell {cell.tolist()} is not a box; give a right-angled cell with three sides > 0")
    side_y, side_x = shape[0] * pixel_size, shape[1] * pixel_size
    if abs(side_x - cell[0, 0]) > 1e-3 * pixel_size * shape[1] or abs(side_y - cell[1, 1]) > 1e-3 * side_y:
        cure = "choose shape and pixel_size so that shape × pixel_size is the cell"
        raise PassbandError(
            f"the grid covers {side_x:g} × {side_y:g} Å but the cell is {cell[0, 0]:g} × {cell[1, 1]:g} Å; {cure}"
        )
    return float(cell[2, 2])


def _configuration(
    positions: NDArray[np.float64],
    numbers: NDArray[np.int64],
    displacement: Displacement,
    *,
    rng: np.random.Generator | None,
    height: float,
) -> NDArray[np.float64]:
    """Displaced positions; an atom that leaves the box through its top or bottom stays in the outermost slice."""
    if rng is None:
        if displacement == 0.0:
            return positions
        raise PassbandError("displacement needs rng, a numpy.random.Generator; pass rng=np.random.default_rng(seed)")
    moved = displaced(positions, numbers, displacement, rng=rng)
    moved[:, 2] = moved[:, 2].clip(0.0, height)
    return moved


def _exit_wave(
    positions: NDArray[np.float64],
    numbers: NDArray[np.int64],
    wave: Tensor,
    *,
    edges: NDArray[np.float64],
    energy: float,
    pixel_size: float,
) -> None:
    """Write the exit wave of one configuration into `wave` (y, x)."""
    shape = (wave.shape[-2], wave.shape[-1])
    sliced = slice_atoms(positions, numbers, slice_edges=edges)
    occupied = [*sorted({run[0] for run in sliced.runs}), sliced.slices]
    step = Multislice(shape, pixel_size=pixel_size, energy=energy, dtype=wave.dtype, device=wave.device)
    wave.fill_(1.0)
    phases = iterate_slices(
        sliced,
        shape=shape,
        pixel_size=pixel_size,
        scale=interaction_constant(energy),
        dtype=_REAL[wave.dtype],
        device=wave.device,
    )
    thickness = float(edges[1] - edges[0])
    for following, (index, phase) in zip(occupied[1:], phases, strict=True):
        step.transmit_(wave, phase)
        step.propagate_(wave, thickness, steps=following - index)


def multislice(
    waves: Tensor, potential: Tensor, *, slice_thickness: float, energy: float, pixel_size: float
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

    Returns
    -------
    Tensor
        (..., y, x), the broadcast of the leading axes of both; the inputs are untouched.
    """
    leading = torch.broadcast_shapes(waves.shape[:-2], potential.shape[:-3])
    shape = (waves.shape[-2], waves.shape[-1])
    psi = waves.expand(*leading, *shape).clone()
    step = Multislice(shape, pixel_size=pixel_size, energy=energy, dtype=waves.dtype, device=waves.device)
    sigma = interaction_constant(energy)
    for index in range(potential.shape[-3]):
        step.transmit_(psi, potential[..., index, :, :].to(_REAL[waves.dtype]) * sigma)
        step.propagate_(psi, slice_thickness)
    return psi


def propagate(waves: Tensor, distance: float, *, energy: float, pixel_size: float) -> Tensor:
    """Waves (..., y, x) after `distance` Å of vacuum, without any aperture; negative distances go back."""
    shape = (waves.shape[-2], waves.shape[-1])
    kernel = fresnel_propagator(shape, pixel_size, distance, energy, dtype=waves.dtype, device=waves.device)
    return torch.fft.ifft2(torch.fft.fft2(waves) * kernel)


def fresnel_propagator(
    shape: tuple[int, int],
    pixel_size: float,
    distance: float,
    energy: float,
    *,
    dtype: torch.dtype = torch.complex64,
    device: torch.device | str | None = None,
) -> Tensor:
    """exp(−iπλ·distance·q²), (y, x), corner origin; the product of one factor along y and one along x."""
    curvature = pi * wavelength(energy) * distance
    along = [torch.fft.fftfreq(size, d=pixel_size, dtype=torch.float64).square_() * curvature for size in shape]
    factor_y, factor_x = (torch.polar(torch.ones_like(phase), -phase) for phase in along)
    return (factor_y[:, None] * factor_x[None, :]).to(dtype).to(device)


@lru_cache(maxsize=16)
def _limited_propagator(
    shape: tuple[int, int],
    pixel_size: float,
    thickness: float,
    steps: int,
    energy: float,
    dtype: torch.dtype,
    device: torch.device,
) -> Tensor:
    """Propagator through `steps` slices with the aperture of each: exactly that many single steps in one."""
    kernel = fresnel_propagator(shape, pixel_size, thickness * steps, energy, dtype=torch.complex128)
    aperture = antialias_aperture(shape, pixel_size, dtype=torch.float64)
    return (kernel * aperture**steps).to(dtype).to(device)


class Multislice:
    """One grid's propagators, aperture and work space; its two steps change the wave in place."""

    def __init__(
        self,
        shape: tuple[int, int],
        *,
        pixel_size: float,
        energy: float,
        dtype: torch.dtype = torch.complex64,
        device: torch.device | str | None = None,
    ) -> None:
        if dtype not in _REAL:
            raise PassbandError(f"dtype={dtype} is not complex; waves are torch.complex64 or torch.complex128")
        self._grid = (tuple(shape), pixel_size)
        self._energy = energy
        self._device = torch.device(device or "cpu")
        self._dtype = dtype
        self._aperture = _cached_aperture(shape, pixel_size, _REAL[dtype], self._device)

    def transmit_(self, waves: Tensor, phase: Tensor) -> None:
        """Multiply `waves` (..., y, x) by the band-limited exp(i·phase), `phase` (..., y, x) in rad."""
        transmission = torch.complex(torch.cos(phase), torch.sin(phase))
        spectrum = torch.fft.fft2(transmission).mul_(self._aperture)
        waves.mul_(torch.fft.ifft2(spectrum))

    def propagate_(self, waves: Tensor, thickness: float, *, steps: int = 1) -> None:
        """Propagate `waves` (..., y, x) through `steps` empty slices of `thickness` Å at once."""
        shape, pixel_size = self._grid
        kernel = _limited_propagator(shape, pixel_size, thickness, steps, self._energy, self._dtype, self._device)
        torch.fft.ifft2(torch.fft.fft2(waves).mul_(kernel), out=waves)


@lru_cache(maxsize=8)
def _cached_aperture(
    shape: tuple[int, int], pixel_size: float, dtype: torch.dtype, device: torch.device
) -> Tensor:
    return antialias_aperture(shape, pixel_size, dtype=dtype, device=device)

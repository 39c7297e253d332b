"""Incoherent scans: every atom counts by its cross-section, seen through the intensity of the probe.

    I(R) = Σ_j c_j exp(−μ_j z_j) (|P|² ⊗ o_j ⊗ N(u_j))(R_j − R),

with o the object that the detector sees an atom as, whose integral is the cross-section (`cross_sections`), N(u) the
Gaussian of its vibration, u rms along each axis, and an absorption law (`absorption`). For dark-field detectors outside
the disc of the beam. Thick columns channel: that is right as far as the law was fitted (docs/scanning.md).

The image is periodic with the cell. Atoms are deposited by element between the pixels of a grid that holds the band
of the image, 2·semi-angle/λ (`spreading`); the probe is a factor on its Fourier coefficients.
"""

from collections.abc import Iterator
from math import ceil, pi
from typing import Literal, NamedTuple

import numpy as np
import torch
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray
from pydantic import Field
from scipy.fft import next_fast_len
from torch import Tensor

from passband.microscope.frequencies import resize_spectrum, spatial_frequencies
from passband.microscope.multislice import box_sides
from passband.microscope.potential import displacements_of
from passband.microscope.scanning.absorption import Absorption
from passband.microscope.scanning.annular import Detectors
from passband.microscope.scanning.cross_sections import NODES, ObjectTransfer, object_transfer
from passband.microscope.scanning.probe import Probe, check_probe_fits, probe_intensity, probe_reach
from passband.microscope.spreading import OVERSAMPLING, WIDTH, Spread, kernel_transform
from passband.recipe import PassbandError, Recipe

LINEAR = 10.0  # Å: thickest specimen without an absorption law; on a zone axis columns channel at once
_SAME = 1e-3  # Å: atoms nearer than that, seen along the beam, are one column


class Incoherent(Recipe):
    """How a scan is simulated by the incoherent model.

    Attributes
    ----------
    displacement
        Rms thermal displacement along one axis in Å, one number or {symbol: value}.
    absorption
        None is a linear model, for specimens of 10 Å at most, from the first atom to the last.
    depth_step
        Å: atoms in layers of that thickness see the probe at the depth of the layer; None is the probe at the entrance
        face for all.
    """

    kind: Literal["incoherent"] = "incoherent"
    displacement: float | dict[str, float] = 0.0
    absorption: Absorption | None = None
    depth_step: float | None = Field(default=None, gt=0.0)


class Columns(NamedTuple):
    """Atoms of one element one behind the other, for the incoherent model: plain arrays that a store can hold.

    `positions` (n, 2) x, y in Å; atomic `numbers` (n,); `atoms` (n,) effective number, after absorption; `layers` (n,),
    which of the `depths` (layers,) in Å below the entrance face the probe is seen at; `sides` (y, x) of the cell in Å.
    """

    positions: NDArray[np.float64]
    numbers: NDArray[np.int64]
    atoms: NDArray[np.float64]
    layers: NDArray[np.int64]
    depths: NDArray[np.float64]
    sides: tuple[float, float]


def columns_of(atoms: Atoms, model: Incoherent) -> Columns:
    """Columns of a specimen: its atoms, those above one another taken together.

    Parameters
    ----------
    atoms
        Orthogonal cell (x, y, height), periodic in x and y; the beam enters at z = 0.
    model
        Its absorption and depth step.

    Raises
    ------
    PassbandError
        The atoms are thicker than the absorption law holds for, or the cell is no box.
    """
    side_y, side_x, _ = box_sides(atoms)
    place, numbers = atoms.get_positions(), atoms.get_atomic_numbers().astype(np.int64)
    depth = place[:, 2] - place[:, 2].min(initial=np.inf)
    _check_thickness(float(depth.max(initial=0.0)), model.absorption)
    weights = _weights(numbers, depth, model.absorption)
    step = model.depth_step or np.inf
    layers = np.floor(place[:, 2] / step).astype(np.int64)
    flat = np.mod(place[:, :2], [side_x, side_y])
    order, starts = _together(numbers, layers, flat)
    found, which = np.unique(layers[order[starts]], return_inverse=True)
    depths = (found + 0.5) * step if model.depth_step else np.zeros(len(found))
    return Columns(
        flat[order[starts]],
        numbers[order[starts]],
        np.add.reduceat(weights[order], starts) if len(starts) else np.zeros(0),
        which,
        depths,
        (side_y, side_x),
    )


def _together(
    numbers: NDArray[np.int64], layers: NDArray[np.int64], flat: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Order (n,) of atoms with those of a column one after the other, and where each column starts."""
    cells = np.round(flat / _SAME).astype(np.int64)
    order = np.lexsort((cells[:, 1], cells[:, 0], layers, numbers))
    keys = np.column_stack((numbers, layers, cells))[order]
    changes = np.ones(len(keys), dtype=bool)
    changes[1:] = (keys[1:] != keys[:-1]).any(axis=1)
    return order, np.flatnonzero(changes)


def _check_thickness(thickness: float, absorption: Absorption | None) -> None:
    if absorption is None:
        if thickness > LINEAR:
            raise PassbandError(
                f"the specimen is {thickness:.4g} Å thick and the linear model holds to {LINEAR:g} Å; give an "
                "absorption fitted to multislice (fit_absorption), or use multislice"
            )
    elif not absorption.thinnest <= thickness <= absorption.thickest:
        raise PassbandError(
            f"the specimen is {thickness:.4g} Å thick and its absorption law holds from {absorption.thinnest:g} to "
            f"{absorption.thickest:g} Å; fit it to multislice of that thickness, or use multislice"
        )


def _weights(
    numbers: NDArray[np.int64], depth: NDArray[np.float64], absorption: Absorption | None
) -> NDArray[np.float64]:
    weights = np.ones(len(numbers))
    if absorption is not None:
        for number in np.unique(numbers):
            chosen = numbers == number
            weights[chosen] = absorption.weights(chemical_symbols[number], depth[chosen])
    return weights


def incoherent_series(
    columns: Columns,
    probe: Probe,
    detectors: Detectors,
    *,
    displacement: float | dict[str, float] = 0.0,
    device: torch.device | str | None = None,
) -> Tensor:
    """Fourier coefficients (detectors, y, x) of incoherent images, corner origin, in steps of 1/side of the cell.

    In fractions of the beam, single precision; the source is left out.

    Parameters
    ----------
    columns
        Of `columns_of`.
    probe, detectors
        The detectors lie outside the disc of the beam.
    displacement
        Rms along one axis in Å, one number or {symbol: value}.
    device
        Of the result.

    Raises
    ------
    PassbandError
        A detector begins within the disc of the beam, the probe does not fit into the cell, or an element has no form
        factor.
    """
    check_probe_fits(probe, columns.sides)
    annuli = list(detectors.annuli.values())
    highest = [ceil(2.0 * probe.highest_frequency * side) + 1 for side in columns.sides]
    kept = (2 * highest[0] + 1, 2 * highest[1] + 1)
    grid = _Deposit.for_band(highest, columns.sides, device)
    radii = _Radii.of(kept, columns.sides, 2.0 * probe.highest_frequency, device)
    series = torch.zeros((len(annuli), *kept), dtype=torch.complex64, device=device)
    for layer, depth in enumerate(columns.depths):
        seen = torch.zeros_like(series)
        for number, part in _elements(columns, layer):
            smear = float(displacements_of(np.array([number]), displacement)[0])
            spectrum = grid.spectrum(part, kept, smear)
            for image, annulus in zip(seen, annuli, strict=True):
                image.addcmul_(spectrum, radii.interpolated(object_transfer(number, probe, annulus)))
        series += seen * _probe_transfer(probe, columns.sides, kept, depth, device)
    return series


def _elements(columns: Columns, layer: int) -> Iterator[tuple[int, Columns]]:
    """Yield each element of a layer with its columns."""
    for number in np.unique(columns.numbers[columns.layers == layer]):
        chosen = (columns.layers == layer) & (columns.numbers == number)
        yield int(number), columns._replace(positions=columns.positions[chosen], atoms=columns.atoms[chosen])


def _probe_transfer(
    probe: Probe, sides: tuple[float, float], kept: tuple[int, int], depth: float, device: torch.device | str | None
) -> Tensor:
    """Fourier transform (y, x) of |P(−r)|² over the area of the cell: what an object of 1 Å² at the origin gives, Å⁻².

    The probe is made on a part of the cell that holds it (`probe_reach`).
    """
    shape = [int(next_fast_len(size)) for size in kept]
    reach = probe_reach(probe, float(depth))
    part = [
        min(size, int(next_fast_len(ceil(2.0 * reach * size / side)))) for size, side in zip(shape, sides, strict=True)
    ]
    window = (sides[0] * part[0] / shape[0], sides[1] * part[1] / shape[1])
    density = probe_intensity(probe, (part[0], part[1]), window, depth=float(depth), device=device)
    whole = torch.zeros(shape, dtype=torch.float32, device=device)
    middle = (part[0] // 2, part[1] // 2)
    whole[: part[0], : part[1]] = torch.roll(density, middle, (0, 1))
    spectrum = torch.fft.fft2(torch.roll(whole, (-middle[0], -middle[1]), (0, 1)))
    return resize_spectrum(spectrum, kept).conj() / (shape[0] * shape[1])


class _Radii(NamedTuple):
    """Where the kept frequencies (y, x) lie between those of a table: the node below, and how far on."""

    node: Tensor
    beyond: Tensor

    @classmethod
    def of(
        cls, kept: tuple[int, int], sides: tuple[float, float], highest: float, device: torch.device | str | None
    ) -> "_Radii":
        """For tables of `NODES` even steps from 0 to `highest` Å⁻¹; the image has no frequencies beyond."""
        q, _ = spatial_frequencies(kept, (sides[0] / kept[0], sides[1] / kept[1]), device=device)
        steps = q * ((NODES - 1) / highest)
        node = steps.to(torch.int32).clamp_(max=NODES - 2)
        return cls(node, steps - node)

    def interpolated(self, transfer: ObjectTransfer) -> Tensor:
        """Values (y, x) of a table, float32."""
        values = torch.tensor(transfer.values, dtype=torch.float32, device=self.node.device)
        steps = torch.diff(values, append=values[-1:])
        return values[self.node] + steps[self.node] * self.beyond


class _Deposit(NamedTuple):
    """A grid `shape` (y, x) over `sides` (y, x) Å that points are deposited on."""

    shape: tuple[int, int]
    sides: tuple[float, float]
    device: torch.device | str | None

    @classmethod
    def for_band(cls, highest: list[int], sides: tuple[float, float], device: torch.device | str | None) -> "_Deposit":
        """Make the grid that is exact up to the frequencies `highest` (y, x), in steps of 1/side."""
        rows, columns = (int(next_fast_len(ceil(2.0 * OVERSAMPLING * most))) for most in highest)
        return cls((rows, columns), sides, device)

    def spectrum(self, columns: Columns, kept: tuple[int, int], smear: float) -> Tensor:
        """Σ_j n_j exp(−2πi **q**·**R**_j) exp(−2π²u²q²) at the `kept` frequencies (y, x), complex64."""
        pixel = (self.sides[0] / self.shape[0], self.sides[1] / self.shape[1])
        spread = Spread.of(columns.positions, self.shape, pixel, dtype=torch.float32, device=self.device)
        image = torch.zeros(self.shape, dtype=torch.float32, device=self.device)
        weights = torch.as_tensor(columns.atoms, dtype=torch.float32, device=self.device)
        spread.add_to(image, 0, len(columns.atoms), weights=weights)
        along_y, along_x = (self._along(axis, kept[axis], smear) for axis in (0, 1))
        return resize_spectrum(torch.fft.fft2(image), kept) * along_y[:, None] * along_x[None, :]

    def _along(self, axis: int, kept: int, smear: float) -> Tensor:
        """Vibration over the kernel's transform, at the `kept` frequencies of one axis."""
        order = np.fft.fftfreq(kept, d=1.0 / kept).astype(np.int64)
        kernel = kernel_transform(self.shape[axis], WIDTH[torch.float32])[order]
        factor = np.exp(-2.0 * (pi * smear * order / self.sides[axis]) ** 2) / kernel
        return torch.as_tensor(factor, dtype=torch.float32, device=self.device)

"""Where the atoms of a bonded sheet come to rest: springs along bonds and at angles, in the plane.

E = Σ_bonds ½ k (r − r₀)² + Σ_angles ½ κ (θ − θ₀)² + Σ_contacts ½ k_c (r − r_c)². k = 2Da² = 43.8 eV/Å², of a Morse bond
with D = 5.7 eV and a = 1.96 Å⁻¹, and κ = 7.0 eV/rad² are those that Kalosakas et al., J. Appl. Phys. 113 (2013) 134307,
fitted to density functional theory of graphene; their anharmonic terms are left out. k alone makes the bulk modulus of
the plane, k/(2√3) = 203 N/m. Angles are those between neighbours of an atom that follow one another around it: θ₀ is
120° with two or three of them, 90° with four. A bond of silicon has the same k, and r₀ the sum of the covalent radii of
Cordero et al., Dalton Trans. (2008) 2832. Contacts keep edge atoms that are not bonded apart, below r_c = 2.1 Å, with
k_c = k/4: numbers that were chosen so that few bonds give way.

What it leaves out: buckling (a sheet under pressure stays flat), the second bond of a dangling atom (edges and
vacancies do not rehybridise), and bonds that break under strain.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from passband.specimen.crystal import FloatArray

IntArray = NDArray[np.int64]

BOND = 43.8  # eV/Å²
ANGLE = 7.0  # eV/rad²
CARBON_BOND = 1.42  # Å
SILICON_BOND = 1.11 + 0.73  # Å: silicon and sp² carbon
SILICON_SILICON = 2.0 * 1.11  # Å
PUSH = BOND / 4.0  # eV/Å², of a contact
CONTACT = 2.1  # Å; the corners across a ring of four are 2.0 Å apart, and no contact
APPROACH = 0.4  # Å that atoms may come nearer while they come to rest
FORCE = 0.05  # eV/Å, at which an atom is at rest: k makes 0.001 Å of it
MOST = 4  # neighbours of an atom


@dataclass(frozen=True)
class Springs:
    """Springs around some atoms, one entry for each directed bond e from an atom to a neighbour; places are x + iy.

    `start` and `end` (e,) are rows of an array of places, `image` (e,) takes the end to the place next to the start,
    across the border of a periodic cell, and `length` (e,) is at rest. `after` and `before` (e,) are the bonds that
    follow around the same atom counter- and clockwise, `angle` (e,) is that from a bond to the one after it, at rest,
    and `held` (e,) is 1 where it has a spring and 0 where not. `apart` (e,) marks contacts: they push and never pull.
    """

    start: IntArray
    end: IntArray
    image: NDArray[np.complex128]
    length: FloatArray
    after: IntArray
    before: IntArray
    angle: FloatArray
    held: FloatArray
    apart: NDArray[np.bool_]

    def energy(self, places: NDArray[np.complex128]) -> tuple[float, NDArray[np.complex128]]:
        """Energy in eV and its gradient (n,) in eV/Å at places (n,); a bond counts half from each end."""
        vector = places[self.end] - places[self.start] + self.image
        distance = np.abs(vector)
        stretch = distance - self.length
        stretch[self.apart] = np.minimum(stretch[self.apart], 0.0)
        force = np.where(self.apart, PUSH, BOND) * stretch
        direction = np.arctan2(vector.imag, vector.real)
        bend = (((direction[self.after] - direction) % (2.0 * np.pi)) - self.angle) * self.held
        torque = bend[self.before] - bend
        pull = vector * (0.5 * force / distance + 1j * ANGLE * torque / distance**2)
        rows, values = np.concatenate([self.end, self.start]), np.concatenate([pull, -pull])
        gradient = np.empty(len(places), complex)
        gradient.real = np.bincount(rows, values.real, len(places))
        gradient.imag = np.bincount(rows, values.imag, len(places))
        energy = 0.25 * np.vdot(force, stretch) + 0.5 * ANGLE * np.vdot(bend, bend)
        return float(energy), gradient


def shortest(offset: FloatArray, cell: FloatArray | None) -> FloatArray:
    """Offsets (…, 2) between atoms the short way, across the border of a periodic cell where that is shorter."""
    return offset if cell is None else offset - cell * np.round(offset / cell)


def inside(positions: FloatArray, cell: FloatArray) -> FloatArray:
    """Positions (…, 2) brought into a periodic cell."""
    wrapped: FloatArray = positions % cell
    return np.where(wrapped >= cell, 0.0, wrapped)  # −tiny % cell rounds up to the cell


def bond_length(first: IntArray, second: IntArray) -> FloatArray:
    """Rest lengths in Å between atoms of atomic numbers 6 and 14."""
    silicon = (first == 14).astype(int) + (second == 14)
    lengths: FloatArray = np.array([CARBON_BOND, SILICON_BOND, SILICON_SILICON])[silicon]
    return lengths


def springs(
    table: IntArray, positions: FloatArray, numbers: IntArray, *, around: IntArray, cell: FloatArray | None
) -> Springs:
    """Springs of the atoms `around`, from a table (n, 4) of neighbours in their order, −1 where there are no more."""
    rows = table[around]
    bonded = rows >= 0
    degree = bonded.sum(axis=1)
    close = contacts(table, positions, around[degree < 3], around, cell=cell)
    start = np.concatenate([np.repeat(around, degree), *close.T])
    end = np.concatenate([rows[bonded], *close.T[::-1]])
    degrees = np.repeat(degree, degree)
    entry, slot, bonds = np.arange(len(start)), np.nonzero(bonded)[1], len(degrees)
    after, before = entry.copy(), entry.copy()
    after[:bonds] += np.where(slot + 1 < degrees, 1, 1 - degrees)
    before[:bonds] += np.where(slot > 0, -1, degrees - 1)
    offset = positions[end] - positions[start]
    shift = shortest(offset, cell) - offset
    direction = np.arctan2(*(offset + shift).T[::-1])
    wide = (direction[after] - direction) % (2.0 * np.pi) > np.pi
    held = np.zeros(len(start))
    held[:bonds] = (degrees > 1) & ~((degrees == 2) & wide[:bonds])  # of the two angles of two bonds, the smaller
    angle = np.full(len(start), 2.0 * np.pi / 3.0)
    angle[:bonds][degrees == MOST] = np.pi / 2.0
    length = np.where(entry < bonds, bond_length(numbers[start], numbers[end]), CONTACT)
    return Springs(start, end, shift @ [1.0, 1.0j], length, after, before, angle, held, entry >= bonds)


def contacts(
    table: IntArray, positions: FloatArray, loose: IntArray, around: IntArray, *, cell: FloatArray | None
) -> IntArray:
    """Pairs (c, 2) of an atom of `loose` and another that may touch, and are not bonded, nor both to a third."""
    if not len(loose):
        return np.zeros((0, 2), np.int64)
    offset = shortest(positions[loose][:, None] - positions[around], cell)
    near = np.argwhere(np.einsum("abi,abi->ab", offset, offset) < (CONTACT + APPROACH) ** 2)
    first, second = loose[near[:, 0]], around[near[:, 1]]
    mine, other = np.column_stack([first, table[first]]), np.column_stack([second, table[second]])
    linked = ((mine[:, :, None] == other[:, None, :]) & (mine[:, :, None] >= 0)).any(axis=(1, 2))
    pairs: IntArray = np.column_stack([first, second])[~linked]
    return pairs


def rest(spring: Springs, positions: FloatArray, free: IntArray, *, steps: int = 200) -> FloatArray:
    """Positions (n, 2) after the atoms `free` came to rest among the others, by at most `steps` steps of L-BFGS."""
    used, row = np.unique(np.concatenate([free, spring.start, spring.end]), return_inverse=True)
    mine, start, end = np.split(row, [len(free), len(free) + len(spring.start)])
    local = replace(spring, start=start, end=end)
    places = positions[used] @ [1.0, 1.0j]

    def along(flat: FloatArray) -> tuple[float, FloatArray]:
        places[mine] = flat.view(complex)
        energy, gradient = local.energy(places)
        return energy, gradient[mine].view(float)

    options = {"maxiter": steps, "gtol": FORCE, "ftol": 0.0, "maxcor": 8}
    start_at: FloatArray = places[mine].view(float)
    found = minimize(along, start_at, jac=True, method="L-BFGS-B", options=options)  # type: ignore[call-overload]
    moved = positions.copy()
    moved[free] = found.x.reshape(-1, 2)
    return moved

"""Crystals from a space group, a lattice and a basis, or read from CIF; `materials` has the built-in ones.

Cells are in Å and degrees; the Cartesian frame is ASE's: **a** along x, **b** in the xy plane.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
from ase import Atoms
from ase.cell import Cell
from ase.data import chemical_symbols
from ase.spacegroup import Spacegroup
from ase.spacegroup import crystal as build_crystal
from ase.spacegroup.spacegroup import SpacegroupError
from numpy.typing import NDArray
from pydantic import Field, ValidationError, model_validator
from scipy.spatial import cKDTree

from passband.recipe import PassbandError, Recipe
from passband.validation import first_error

if TYPE_CHECKING:
    from passband.specimen.cif import Structure
    from passband.specimen.space_group import SpaceGroup

Vector = tuple[float, float, float]
FloatArray = NDArray[np.float64]

MERGED = 0.2  # Å: images of a site nearer than this are one atom, whose coordinates are rounded
SLOW = 2000  # sites × operations, for which ASE takes seconds
NEAREST = 0.5  # Å: no two atoms of a crystal are nearer; H2 has 0.74 Å


def nearest_name(name: str, known: list[str]) -> str:
    """End of an error message: `did you mean 'Au'? known: …`, without regard to case."""
    folded = {key.lower(): key for key in known}
    near = get_close_matches(name.lower(), list(folded), n=1, cutoff=0.4)
    guess = f"did you mean '{folded[near[0]]}'? " if near else ""
    return f"{guess}known: {', '.join(known)}"


def check_symbol(symbol: str) -> str:
    """Return `symbol` if it is an element; the error names a near one."""
    if symbol not in chemical_symbols[1:]:
        swapped = symbol.capitalize()
        cure = f"write '{swapped}'" if swapped in chemical_symbols[1:] else "write it as in the periodic table"
        raise PassbandError(f"'{symbol}' is not a chemical element; {cure}")
    return symbol


class Crystal(Recipe):
    """A crystal: space group, cell and the atoms of its asymmetric unit, all sites fully occupied.

    Attributes
    ----------
    name
        What messages and scene parameters call it.
    spacegroup
        Number in the International Tables.
    cell
        a, b, c in Å; α, β, γ in degrees.
    symbols
        Element on each site of the asymmetric unit.
    basis
        Fractional coordinates of each site.
    setting
        ASE's number of the setting (2: origin at the inversion centre, where there are two), or the Hall symbol of a
        setting that ASE has no number for.
    """

    name: str
    spacegroup: int = Field(ge=1, le=230)
    cell: tuple[float, float, float, float, float, float]
    symbols: tuple[str, ...]
    basis: tuple[Vector, ...]
    setting: Annotated[int, Field(ge=1, le=2)] | str = 1

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.symbols or len(self.symbols) != len(self.basis):
            raise PassbandError(
                f"{self.name}: {len(self.symbols)} symbols and {len(self.basis)} sites; give one symbol for each site"
            )
        for symbol in self.symbols:
            check_symbol(symbol)
        if min(self.cell[:3]) <= 0 or not all(0 < angle < 180 for angle in self.cell[3:]):
            raise PassbandError(
                f"{self.name}: cell={self.cell} is no cell; give a, b, c in Å > 0 and angles in degrees"
            )
        cosines = np.cos(np.deg2rad(self.cell[3:]))
        if 1.0 + 2.0 * np.prod(cosines) - np.sum(cosines**2) <= 1e-9:  # (volume / abc)²
            raise PassbandError(f"{self.name}: cell={self.cell} encloses no volume; check the three angles")
        if isinstance(self.setting, str) and _hall_group(self.setting).number != self.spacegroup:
            raise PassbandError(
                f"{self.name}: '{self.setting}' is no setting of space group {self.spacegroup}; correct one"
            )
        return self


def _hall_group(symbol: str) -> "SpaceGroup":
    from passband.specimen.space_group import hall_group

    return hall_group(symbol)


@lru_cache(maxsize=64)
def _cached_cell(material: Crystal) -> Atoms:
    if isinstance(material.setting, str):
        orbits = _orbits(_hall_group(material.setting), material.cell, material.basis, material.symbols)
        symbols = [symbol for symbol, places in zip(material.symbols, orbits, strict=True) for _ in places]
        built = Atoms(symbols, scaled_positions=np.concatenate(orbits), cell=material.cell, pbc=True)
        if _nearest(built) < MERGED:
            raise PassbandError(f"{material.name}: two sites coincide; check spacegroup, setting and basis")
        return built
    try:
        atoms = build_crystal(
            list(material.symbols),
            basis=list(material.basis),
            spacegroup=material.spacegroup,
            setting=material.setting,
            cellpar=list(material.cell),
            onduplicates="error",
        )
    except (ValueError, SpacegroupError) as error:  # two sites coincide, or the space group has no second setting
        raise PassbandError(f"{material.name}: {error}; check spacegroup, setting and basis") from error
    return Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)


def _orbits(
    group: "SpaceGroup", cell: Sequence[float], sites: Sequence[Vector], names: Sequence[str]
) -> list[FloatArray]:
    """Places (n, 3), fractional, of each site under every operation."""
    from passband.specimen.space_group import orbit

    vectors = Cell.fromcellpar(cell).array
    found = []
    for site, name in zip(sites, names, strict=True):
        try:
            found.append(orbit(group, np.array(site), vectors, MERGED))
        except PassbandError as error:
            raise PassbandError(f"site {name}: {error}") from error
    return found


def unit_cell(material: Crystal) -> Atoms:
    """Conventional unit cell, periodic, in Å: every site of the asymmetric unit under every symmetry operation."""
    cell: Atoms = _cached_cell(material).copy()
    return cell


@lru_cache(maxsize=64)
def nearest_distance(material: Crystal) -> float:
    """Shortest distance between two atoms of the crystal, Å."""
    return _nearest(_cached_cell(material))


def _nearest(cell: Atoms) -> float:
    shifts = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), -1).reshape(-1, 3) @ cell.cell.array
    images = (cell.positions[None] + shifts[:, None]).reshape(-1, 3)
    distances = np.asarray(cKDTree(images).query(cell.positions, k=2)[0])
    return float(distances[:, 1].min())


def equivalent_planes(material: Crystal, plane: tuple[int, int, int]) -> FloatArray:
    """Return the unit normals (n, 3), Cartesian, of the planes that the crystal class makes equivalent to (h k l).

    Friedel pairs are not added: in wurtzite (001) and (00-1) are different surfaces.
    """
    if isinstance(material.setting, str):
        turns = list(_hall_group(material.setting).rotations)
    else:
        turns = [turn for turn, _ in Spacegroup(material.spacegroup, material.setting).get_symop()]
    rotations = {tuple(int(k) for k in np.rint(np.asarray(plane) @ turn)) for turn in turns}
    normals = np.array(sorted(rotations), float) @ unit_cell(material).cell.reciprocal().array
    unit: FloatArray = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    return unit


def read_cif(path: str | Path, *, block: str | None = None) -> Crystal:
    """Crystal from a CIF file, in the axes and with the origin of the file.

    Parameters
    ----------
    path
        The file.
    block
        Name of the data block; needed where several hold atoms.

    Raises
    ------
    PassbandError
        The file is missing, no CIF, or does not say cell, symmetry and atoms without doubt; sites are partly occupied,
        or atoms nearer than 0.5 Å to one another.
    """
    from passband.specimen.cif import read_structure

    path = Path(path)
    found = read_structure(path, block)
    try:
        material = _described(path.stem, found)
        nearest = nearest_distance(material)
    except ValidationError as error:
        raise PassbandError(f"{path}: {first_error(error)}") from error
    except PassbandError as error:
        raise PassbandError(f"{path}: {error}") from error
    if nearest < NEAREST:
        raise PassbandError(f"{path}: two atoms are {nearest:.2f} Å apart; list each atom once, and the cell in Å")
    return material


def _described(name: str, found: "Structure") -> Crystal:
    """Crystal with the symmetry of the file; all atoms of the cell in P 1 where no symbol names its axes."""
    group = found.group
    Crystal(name=name, spacegroup=1, cell=found.cell, symbols=found.symbols, basis=found.sites)  # is it a cell at all?
    setting = _setting(group) if len(found.sites) * len(group.rotations) < SLOW else group.hall or None
    orbits = _orbits(group, found.cell, found.sites, found.labels)
    kept = [places if setting is None else places[:1] for places in orbits]
    return Crystal(
        name=name,
        spacegroup=1 if setting is None else group.number,
        setting=1 if setting is None else setting,
        cell=found.cell,
        symbols=tuple(symbol for symbol, places in zip(found.symbols, kept, strict=True) for _ in places),
        basis=tuple((float(x), float(y), float(z)) for places in kept for x, y, z in places),
    )


def _setting(group: "SpaceGroup") -> int | str | None:
    """ASE's number of a setting where it has one, else the Hall symbol, else None."""
    from passband.specimen.space_group import same_operations

    for number in (1, 2) if group.number else ():
        try:
            rotations, translations = zip(*Spacegroup(group.number, number).get_symop(), strict=True)
        except SpacegroupError:
            continue
        if same_operations(group, rotations, translations):
            return number
    return group.hall or None

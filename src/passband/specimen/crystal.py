"""Crystals from a space group, a lattice and a basis, built in or read from CIF.

Cells are in Å and degrees; the Cartesian frame is ASE's: **a** along x, **b** in the xy plane.
"""

import warnings
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Self

import ase.io
import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from ase.spacegroup import Spacegroup
from ase.spacegroup import crystal as build_crystal
from ase.spacegroup.spacegroup import SpacegroupError
from numpy.typing import NDArray
from pydantic import Field, model_validator
from scipy.spatial import cKDTree

from passband.recipe import PassbandError, Recipe

Vector = tuple[float, float, float]
FloatArray = NDArray[np.float64]


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
    spacegroup, setting
        Number in the International Tables and ASE's setting (2 = origin at the inversion centre, where there are two).
    cell
        a, b, c in Å; α, β, γ in degrees.
    symbols, basis
        Element and fractional coordinates of each site of the asymmetric unit.
    """

    name: str
    spacegroup: int = Field(ge=1, le=230)
    cell: tuple[float, float, float, float, float, float]
    symbols: tuple[str, ...]
    basis: tuple[Vector, ...]
    setting: int = Field(default=1, ge=1, le=2)

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
        return self


def _cubic(name: str, spacegroup: int, a: float, **sites: Vector) -> Crystal:
    cell = (a, a, a, 90.0, 90.0, 90.0)
    return Crystal(name=name, spacegroup=spacegroup, cell=cell, symbols=tuple(sites), basis=tuple(sites.values()))


def _spinel(name: str, metal: str, a: float, u: float) -> Crystal:
    """Make a normal spinel, origin at inversion: metal on 8a (⅛⅛⅛) and 16d (½½½), oxygen on 32e (u, u, u)."""
    return Crystal(
        name=name,
        spacegroup=227,
        setting=2,
        cell=(a, a, a, 90.0, 90.0, 90.0),
        symbols=(metal, metal, "O"),
        basis=((0.125, 0.125, 0.125), (0.5, 0.5, 0.5), (u, u, u)),
    )


def _wurtzite(name: str, metal: str, anion: str, a: float, c: float, u: float) -> Crystal:
    """Wurtzite, both elements on 2b (⅓ ⅔ z), the bond along +c pointing from metal to anion."""
    return Crystal(
        name=name,
        spacegroup=186,
        cell=(a, a, c, 90.0, 90.0, 120.0),
        symbols=(metal, anion),
        basis=((1 / 3, 2 / 3, 0.0), (1 / 3, 2 / 3, u)),
    )


CRYSTALS: dict[str, Crystal] = {
    "CdSe": _wurtzite("CdSe", "Cd", "Se", 4.2985, 7.0152, 0.376),  # cell of the data recipe; u near the ideal 3/8
    "ZnS": _wurtzite("ZnS", "Zn", "S", 3.8227, 6.2607, 0.3748),  # Kisi & Elcombe, Acta Cryst. C 45 (1989) 1867
    "Au": _cubic("Au", 225, 4.07825, Au=(0.0, 0.0, 0.0)),  # this and the next four: Wyckoff (1963) by way of COD
    "Cu": _cubic("Cu", 225, 3.61496, Cu=(0.0, 0.0, 0.0)),
    "Ag": _cubic("Ag", 225, 4.0862, Ag=(0.0, 0.0, 0.0)),
    "C": _cubic("C", 227, 3.56679, C=(0.0, 0.0, 0.0)),  # diamond
    "Si": _cubic("Si", 227, 5.4307, Si=(0.0, 0.0, 0.0)),
    "Fe": _cubic("Fe", 229, 2.8665, Fe=(0.0, 0.0, 0.0)),
    "Fe3O4": _spinel("Fe3O4", "Fe", 8.3941, 0.2549),  # Fleet, Acta Cryst. B 37 (1981) 917
    "Co3O4": _spinel("Co3O4", "Co", 8.084, 0.263),  # ICDD 42-1467; u: Roth, J. Phys. Chem. Solids 25 (1964) 1
}


def crystal(name: str) -> Crystal:
    """Built-in crystal of that name.

    Raises
    ------
    PassbandError
        The name is not in `CRYSTALS`; the message suggests the nearest one.

    Examples
    --------
    >>> crystal("Au").spacegroup
    225
    """
    if name not in CRYSTALS:
        raise PassbandError(f"unknown material '{name}'; {nearest_name(name, list(CRYSTALS))}; or use read_cif")
    return CRYSTALS[name]


@lru_cache(maxsize=64)
def _cached_cell(material: Crystal) -> Atoms:
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


def unit_cell(material: Crystal) -> Atoms:
    """Conventional unit cell, periodic, in Å: every site of the asymmetric unit under every symmetry operation."""
    cell: Atoms = _cached_cell(material).copy()
    return cell


@lru_cache(maxsize=64)
def nearest_distance(material: Crystal) -> float:
    """Shortest distance between two atoms of the crystal, Å."""
    cell = _cached_cell(material)
    shifts = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), -1).reshape(-1, 3) @ cell.cell.array
    images = (cell.positions[None] + shifts[:, None]).reshape(-1, 3)
    distances = np.asarray(cKDTree(images).query(cell.positions, k=2)[0])
    return float(distances[:, 1].min())


def equivalent_planes(material: Crystal, plane: tuple[int, int, int]) -> FloatArray:
    """Return the unit normals (n, 3), Cartesian, of the planes that the crystal class makes equivalent to (h k l).

    Friedel pairs are not added: in wurtzite (001) and (00-1) are different surfaces.
    """
    group = Spacegroup(material.spacegroup, material.setting)
    rotations = {tuple(int(k) for k in np.rint(np.asarray(plane) @ rotation)) for rotation, _ in group.get_symop()}
    normals = np.array(sorted(rotations), float) @ unit_cell(material).cell.reciprocal().array
    unit: FloatArray = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    return unit


def read_cif(path: str | Path) -> Crystal:
    """Crystal from the first structure of a CIF file; partly occupied sites are refused.

    Raises
    ------
    PassbandError
        The file is missing, is no CIF, holds no atoms, or a site is not fully occupied.
    """
    path = Path(path)
    if not path.is_file():
        raise PassbandError(f"{path} does not exist; give the path of a CIF file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # ASE on "crystal system is not interpreted": checked against its cell below
            atoms = ase.io.read(path, format="cif", fractional_occupancies=True)
    except Exception as error:  # ASE raises whatever its parser stumbles over
        raise PassbandError(
            f"{path} cannot be read as CIF ({type(error).__name__}: {error}); check the file"
        ) from error
    if not isinstance(atoms, Atoms) or len(atoms) == 0:
        raise PassbandError(f"{path} holds no atoms; give a CIF with _atom_site coordinates")
    _check_occupancy(path, atoms)
    return _reduced(path.stem, atoms)


def _check_occupancy(path: Path, atoms: Atoms) -> None:
    for site in atoms.info.get("occupancy", {}).values():
        if any(abs(part - 1.0) > 1e-3 for part in site.values()):
            raise PassbandError(f"{path}: site {site} is partly occupied; give an ordered structure")


def _reduced(name: str, atoms: Atoms) -> Crystal:
    """Asymmetric unit of a cell as ASE read it; where symmetry does not give that cell back, all atoms in P1."""
    cell = tuple(float(x) for x in atoms.cell.cellpar())
    group = atoms.info.get("spacegroup", Spacegroup(1))
    _, first = np.unique(atoms.arrays.get("spacegroup_kinds", np.arange(len(atoms))), return_index=True)
    symbols, scaled = atoms.get_chemical_symbols(), atoms.get_scaled_positions()
    everything = np.arange(len(atoms))
    for number, setting, kept in ((group.no, group.setting, first), (1, 1, everything)):
        candidate = Crystal(
            name=name,
            spacegroup=number,
            setting=setting,
            cell=cell,
            symbols=tuple(symbols[k] for k in kept),
            basis=tuple(tuple(float(x) for x in scaled[k]) for k in kept),
        )
        if _same_cell(unit_cell(candidate), atoms):
            break
    return candidate


def _same_cell(ours: Atoms, theirs: Atoms) -> bool:
    if len(ours) != len(theirs):
        return False
    offsets = ours.get_scaled_positions()[:, None] - theirs.get_scaled_positions()[None]
    close = (np.abs(offsets - np.rint(offsets)) < 1e-4).all(-1) & (ours.numbers[:, None] == theirs.numbers[None])
    return bool(close.any(1).all())

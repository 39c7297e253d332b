"""Crystals that are built in, each with the source of its structure.

Cells are in Å and degrees, in the setting of the source.
"""

from passband.recipe import PassbandError
from passband.specimen.crystal import Crystal, Vector, nearest_name


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


def _perovskite(
    name: str, cell: Vector, metals: tuple[str, str], metal: Vector, oxygen: tuple[Vector, Vector]
) -> Crystal:
    """Make an orthorhombic perovskite, Pbnm: small metal on 4b (½ 0 0), large metal and oxygen on 4c, oxygen on 8d."""
    return Crystal(
        name=name,
        spacegroup=62,
        setting="-P 2c 2ab",
        cell=(*cell, 90.0, 90.0, 90.0),
        symbols=(*metals, "O", "O"),
        basis=(metal, (0.5, 0.0, 0.0), *oxygen),
    )


def _tungsten_oxide() -> Crystal:
    """Make the monoclinic room temperature form, P2₁/n; Loopstra & Rietveld, Acta Cryst. B 25 (1969) 1420."""
    oxygen = (
        (0.0003, 0.0337, 0.2122),
        (0.9989, 0.4639, 0.2161),
        (0.2824, 0.2638, 0.2715),
        (0.2101, 0.2577, 0.7268),
        (0.2827, 0.0366, 0.0046),
        (0.2856, 0.4842, 0.9944),
    )
    return Crystal(
        name="WO3",
        spacegroup=14,
        setting="-P 2yn",
        cell=(7.306, 7.540, 7.692, 90.0, 90.88, 90.0),
        symbols=("W", "W") + ("O",) * 6,
        basis=((0.2528, 0.0260, 0.2855), (0.2497, 0.0344, 0.7812), *oxygen),
    )


def _molybdenum_oxide() -> Crystal:
    """Make α-MoO3, Pbnm, layers across b; Kihlborg, Ark. Kemi 21 (1963) 357."""
    return Crystal(
        name="MoO3",
        spacegroup=62,
        setting="-P 2c 2ab",
        cell=(3.9628, 13.855, 3.6964, 90.0, 90.0, 90.0),
        symbols=("Mo", "O", "O", "O"),
        basis=((0.08669, 0.10164, 0.25), (0.4994, 0.4351, 0.25), (0.5212, 0.0866, 0.25), (0.0373, 0.2214, 0.25)),
    )


CRYSTALS: dict[str, Crystal] = {
    "CdSe": _wurtzite("CdSe", "Cd", "Se", 4.2985, 7.0152, 0.376),  # cell of the data recipe; u near the ideal 3/8
    "ZnS": _wurtzite("ZnS", "Zn", "S", 3.8227, 6.2607, 0.3748),  # Kisi & Elcombe, Acta Cryst. C 45 (1989) 1867
    "Au": _cubic("Au", 225, 4.07825, Au=(0.0, 0.0, 0.0)),  # this and the next six: Wyckoff (1963) by way of COD
    "Cu": _cubic("Cu", 225, 3.61496, Cu=(0.0, 0.0, 0.0)),
    "Ag": _cubic("Ag", 225, 4.0862, Ag=(0.0, 0.0, 0.0)),
    "C": _cubic("C", 227, 3.56679, C=(0.0, 0.0, 0.0)),  # diamond
    "Si": _cubic("Si", 227, 5.4307, Si=(0.0, 0.0, 0.0)),
    "Ge": _cubic("Ge", 227, 5.65735, Ge=(0.0, 0.0, 0.0)),
    "Pt": _cubic("Pt", 225, 3.9231, Pt=(0.0, 0.0, 0.0)),
    "Fe": _cubic("Fe", 229, 2.8665, Fe=(0.0, 0.0, 0.0)),
    "Fe3O4": _spinel("Fe3O4", "Fe", 8.3941, 0.2549),  # Fleet, Acta Cryst. B 37 (1981) 917
    "Co3O4": _spinel("Co3O4", "Co", 8.084, 0.263),  # ICDD 42-1467; u: Roth, J. Phys. Chem. Solids 25 (1964) 1
    "SrTiO3": _cubic("SrTiO3", 221, 3.905, Sr=(0.0, 0.0, 0.0), Ti=(0.5, 0.5, 0.5), O=(0.5, 0.5, 0.0)),  # ICDD 35-0734
    "LaFeO3": _perovskite(  # Marezio & Dernier, Mater. Res. Bull. 6 (1971) 23, to three decimals
        "LaFeO3",
        (5.557, 5.565, 7.854),
        ("La", "Fe"),
        (0.993, 0.030, 0.25),
        ((0.074, 0.487, 0.25), (0.719, 0.281, 0.039)),
    ),
    "LaMnO3": _perovskite(  # Rodríguez-Carvajal et al., Phys. Rev. B 57 (1998) R3189
        "LaMnO3",
        (5.5367, 5.7473, 7.6929),
        ("La", "Mn"),
        (0.9922, 0.0490, 0.25),
        ((0.0745, 0.4874, 0.25), (0.7256, 0.3066, 0.0384)),
    ),
    "WO3": _tungsten_oxide(),
    "MoO3": _molybdenum_oxide(),
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

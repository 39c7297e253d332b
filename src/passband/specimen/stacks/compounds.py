"""What the layers of a film stack are made of: crystals with their sublattices and dopants, and disordered solids.

A sublattice is a set of crystal sites that atoms of one kind share: "A", "B" and "O" of a perovskite. Dopants and solid
solutions occupy the sites of a sublattice at random, and species are exchanged across an interface within a sublattice.
"""

from typing import Literal, NamedTuple, Self

from pydantic import Field, model_validator

from passband.recipe import PassbandError, Recipe
from passband.specimen.crystal import Crystal, check_symbol, nearest_name
from passband.specimen.materials import crystal
from passband.specimen.particle import Miller
from passband.specimen.support import CARBON_DENSITY

Framework = Literal["perovskite", "diamond", "layered", "metal"]


class Zone(NamedTuple):
    """Lattice directions along the beam and along the growth of a film, at right angles (to 3°)."""

    beam: Miller
    growth: Miller


class Compound(Recipe):
    """A crystal as the material of a layer.

    Attributes
    ----------
    name
        What layers call it.
    crystal
        Its structure, with the most frequent element on each sublattice.
    sublattices
        Pairs of an element of the crystal and the sublattice that its sites are.
    dopants
        Triples of a sublattice, an element, and the fraction of the sites that it occupies at random.
    framework
        Compounds of one framework have the same sublattices: between them species are exchanged, and their lattices
        are in registry. Tungsten oxide is a perovskite without "A".
    zones
        The usual orientations, in the axes of the crystal; the first is taken where nothing is said.
    """

    name: str
    crystal: Crystal
    sublattices: tuple[tuple[str, str], ...]
    dopants: tuple[tuple[str, str, float], ...] = ()
    framework: Framework
    zones: tuple[Zone, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        named = [element for element, _ in self.sublattices]
        if sorted(named) != sorted(set(self.crystal.symbols)):
            raise PassbandError(f"{self.name}: sublattices name {named}; name each element of the crystal once")
        for sublattice, element, fraction in self.dopants:
            check_symbol(element)
            if sublattice not in self.names or not 0.0 <= fraction <= 1.0:
                raise PassbandError(
                    f"{self.name}: {fraction:g} of {element} on '{sublattice}' is no dopant; sublattices are "
                    f"{', '.join(self.names)}, fractions from 0 to 1"
                )
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Sublattices, in alphabetical order."""
        return tuple(sorted({sublattice for _, sublattice in self.sublattices}))

    def composition(self, sublattice: str) -> dict[str, float]:
        """Elements on a sublattice and the fraction of its sites that each occupies; empty where it has none."""
        hosts = [element for element, name in self.sublattices if name == sublattice]
        if not hosts:
            return {}
        shares = {element: fraction for name, element, fraction in self.dopants if name == sublattice}
        return {hosts[0]: 1.0 - sum(shares.values())} | shares


class Disordered(Recipe):
    """A solid without a lattice as the material of a layer.

    Attributes
    ----------
    name
        What layers call it.
    symbol
        Element or formula; empty for vacuum.
    density
        g/cm³.
    structure
        "network", amorphous carbon with its bonds, or "spheres", as of support films.
    grains
        Crystal of the grains that it holds, in random orientations; empty for none.
    grain_diameter
        Of the largest grains, Å; the smallest have 0.7 of it.
    grain_fraction
        Of the volume, taken by grains of the smallest diameter; balls put down one by one fill up to a third.
    """

    name: str
    symbol: str = ""
    density: float = Field(default=0.0, ge=0)
    structure: Literal["spheres", "network"] = "spheres"
    grains: str = ""
    grain_diameter: float = Field(default=30.0, gt=0)
    grain_fraction: float = Field(default=0.3, ge=0, le=0.33)


Material = Compound | Disordered

_CUBIC = (Zone((0, 0, 1), (0, 1, 0)), Zone((1, -1, 0), (0, 0, 1)), Zone((1, -1, 0), (1, 1, 0)))
#: Of Pbnm, whose cell is √2 × √2 × 2 cubes: beams along [001], [100] and [110] of the cubes, growth along [001].
_ORTHORHOMBIC = (
    Zone((0, 0, 1), (1, 1, 0)),
    Zone((1, 1, 0), (0, 0, 1)),
    Zone((1, 0, 0), (0, 0, 1)),
    Zone((0, 1, 0), (0, 0, 1)),
)
_DIAMOND = (Zone((1, -1, 0), (0, 0, 1)), Zone((1, -1, 0), (1, 1, 1)), Zone((0, 0, 1), (0, 1, 0)))


def _perovskite(
    name: str, structure: Crystal, dopants: tuple[tuple[str, str, float], ...] = (), zones: tuple[Zone, ...] = _CUBIC
) -> Compound:
    """Make a compound whose metals are, in the order of the crystal's sites, "A" and "B"."""
    metals = [symbol for symbol in dict.fromkeys(structure.symbols) if symbol != "O"]
    sublattices = (*zip(metals, "AB" if len(metals) > 1 else "B", strict=True), ("O", "O"))
    return Compound(
        name=name, crystal=structure, sublattices=sublattices, dopants=dopants, framework="perovskite", zones=zones
    )


def _elemental(symbol: str, framework: Framework, zones: tuple[Zone, ...]) -> Compound:
    return Compound(
        name=symbol, crystal=crystal(symbol), sublattices=((symbol, "M"),), framework=framework, zones=zones
    )


def _lanthanum_strontium_ferrite() -> Compound:
    """LaFeO3 with strontium on a fifth of "A", its cell shrunk with the volume between LaFeO3 and cubic SrFeO3.

    Volumes per formula unit: 60.73 Å³ (Marezio & Dernier 1971) and 57.11 Å³ (a = 3.851 Å; Hodges et al., J. Solid
    State Chem. 151 (2000) 190), mixed linearly; the coordinates are those of LaFeO3.
    """
    parent = crystal("LaFeO3")
    a, b, c = (length * ((0.8 * 60.73 + 0.2 * 57.11) / 60.73) ** (1 / 3) for length in parent.cell[:3])
    shrunk = parent.model_copy(update={"name": "La0.8Sr0.2FeO3", "cell": (a, b, c, 90.0, 90.0, 90.0)})
    return _perovskite("La0.8Sr0.2FeO3", shrunk, (("A", "Sr", 0.2),), _ORTHORHOMBIC)


def _all_materials() -> dict[str, Material]:
    titanate = crystal("SrTiO3")
    found: list[Material] = [
        _perovskite("SrTiO3", titanate),
        _perovskite("La:SrTiO3", titanate, (("A", "La", 0.05),)),
        _perovskite("Nb:SrTiO3", titanate, (("B", "Nb", 0.01),)),
        _perovskite("LaFeO3", crystal("LaFeO3"), zones=_ORTHORHOMBIC),
        _perovskite("LaMnO3", crystal("LaMnO3"), zones=_ORTHORHOMBIC),
        _lanthanum_strontium_ferrite(),
        _perovskite("WO3", crystal("WO3"), zones=_CUBIC[:2]),
        Compound(
            name="MoO3",
            crystal=crystal("MoO3"),
            sublattices=(("Mo", "Mo"), ("O", "O")),
            framework="layered",
            zones=(Zone((0, 0, 1), (0, 1, 0)), Zone((1, 0, 0), (0, 1, 0))),
        ),
        _elemental("Si", "diamond", _DIAMOND),
        _elemental("Ge", "diamond", _DIAMOND),
        _elemental("Pt", "metal", _CUBIC),
        Disordered(name="a-C", symbol="C", density=CARBON_DENSITY, structure="network"),
        Disordered(name="a-Si", symbol="Si", density=2.285),  # Custer et al., Appl. Phys. Lett. 64 (1994) 437
        Disordered(name="a-SiO2", symbol="SiO2", density=2.20),  # fused silica, CRC Handbook
        # What an ion beam deposits from its gas: grains of Pt of some nm in carbon; density of the carbon: a judgement.
        Disordered(name="Pt/C", symbol="C", density=1.8, structure="network", grains="Pt"),
        Disordered(name="vacuum"),
    ]
    return {one.name: one for one in found}


#: Materials of layers by name.
MATERIALS = _all_materials()


def material(name: str) -> Material:
    """Return the built-in material of that name.

    Raises
    ------
    PassbandError
        There is none; the message suggests the nearest one.

    Examples
    --------
    >>> material("Nb:SrTiO3").composition("B")
    {'Ti': 0.99, 'Nb': 0.01}
    """
    if name not in MATERIALS:
        raise PassbandError(f"unknown material of a layer '{name}'; {nearest_name(name, list(MATERIALS))}")
    return MATERIALS[name]

"""One layer of a 2H dichalcogenide (MoS2, WSe2 …) with vacancies, substitutions and alloying, every column labelled.

Seen along the beam, metal and chalcogen columns alternate on a honeycomb; a chalcogen column holds two atoms, one above
the other. Atoms stay on their lattice sites: around a defect, real ones move by some 0.1 Å, which is not modelled. The
defects are those of Khan et al., npj Comput. Mater. 9 (2023) 85, who scanned WSe2−2xTe2x.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray
from pydantic import Field, model_validator

from passband.distribution import Scalar, drawn, limits
from passband.recipe import PassbandError, Recipe
from passband.specimen.crystal import FloatArray, check_symbol, nearest_name
from passband.specimen.sheets.sheet import Sheet
from passband.specimen.sheets.springs import IntArray, inside
from passband.specimen.sheets.triangular import commensurate, periodic_points, points_within, turned


class Monolayer(NamedTuple):
    """A dichalcogenide: metal, chalcogen, lattice constant a and distance of the two planes of chalcogen, Å."""

    metal: str
    chalcogen: str
    lattice: float
    thickness: float


#: Of bulk 2H crystals at room temperature, thickness from the height z of the chalcogen: MoS2 and MoSe2, Bronsema, de
#: Boer & Jellinek, Z. anorg. allg. Chem. 540 (1986) 15; WS2 and WSe2, Schutte, de Boer & Jellinek, J. Solid State Chem.
#: 70 (1987) 207; MoTe2, Puotinen & Newnham, Acta Cryst. 14 (1961) 691. WTe2 does not crystallise so: calculated for one
#: layer, Rasmussen & Thygesen, J. Phys. Chem. C 119 (2015) 13169. As others quote them; the papers were not read.
MONOLAYERS = {
    "MoS2": Monolayer("Mo", "S", 3.160, 3.17),
    "MoSe2": Monolayer("Mo", "Se", 3.289, 3.34),
    "MoTe2": Monolayer("Mo", "Te", 3.519, 3.60),
    "WS2": Monolayer("W", "S", 3.153, 3.14),
    "WSe2": Monolayer("W", "Se", 3.282, 3.34),
    "WTe2": Monolayer("W", "Te", 3.55, 3.61),
}
#: What a column is, and with it the label of its atoms.
COLUMN_LABELS = (
    "pristine",
    "single_vacancy",
    "double_vacancy",
    "single_substitution",
    "double_substitution",
    "metal_vacancy",
    "metal_substitution",
)


class Dichalcogenide(Recipe):
    """Which layers of a dichalcogenide may occur; by default a perfect periodic one of WSe2.

    Attributes
    ----------
    material
        MoS2, MoSe2, MoTe2, WS2, WSe2 or WTe2, all 2H.
    field
        Side of the field, Å. The cell of a periodic layer has the sides nearest to it that the lattice repeats in.
    periodic
        Whether the layer goes on across the borders of the cell; an open one ends there.
    orientation
        Rad, from x to a row of metal; 0 in a periodic layer.
    substituent
        Element that takes the place of chalcogen; none for Te, and Se in a telluride.
    metal_substituent
        Element that takes the place of metal; none for the other one of Mo and W.
    single_vacancies, double_vacancies
        Probability of each chalcogen column to lack one of its atoms, or both.
    single_substitutions, double_substitutions
        Probability of each chalcogen column to have one substituent, or two.
    metal_vacancies, metal_substitutions
        Probability of each metal column to be empty, or a substituent.
    alloy
        x of MX2−2xY2x: probability of each chalcogen atom in the other columns to be a substituent; these columns have
        the label of what they then are. The lattice constant is interpolated (Vegard's law) where that of MY2 is known.
    margin
        Vacuum above and below, Å.
    """

    material: str = "WSe2"
    field: float = Field(default=160.0, ge=10.0, le=2000.0)
    periodic: bool = True
    orientation: Scalar = 0.0
    substituent: str | None = None
    metal_substituent: str | None = None
    single_vacancies: Scalar = 0.0
    double_vacancies: Scalar = 0.0
    single_substitutions: Scalar = 0.0
    double_substitutions: Scalar = 0.0
    metal_vacancies: Scalar = 0.0
    metal_substitutions: Scalar = 0.0
    alloy: Scalar = 0.0
    margin: float = Field(default=3.0, ge=1.0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.material not in MONOLAYERS:
            raise PassbandError(
                f"material={self.material!r:.60} is no dichalcogenide; {nearest_name(self.material, list(MONOLAYERS))}"
            )
        host = MONOLAYERS[self.material]
        for name, symbol in (("substituent", self.foreign_chalcogen), ("metal_substituent", self.foreign_metal)):
            if check_symbol(symbol) in host[:2]:
                raise PassbandError(f"{name}={symbol!r} is in {self.material} already; name another element")
        probabilities = {"alloy": (self.alloy,), "metal defects": self.metal_defects}
        for what, values in (probabilities | {"chalcogen defects": self.chalcogen_defects}).items():
            ranges = [limits(value) for value in values]
            if min(low for low, _ in ranges) < 0 or sum(high for _, high in ranges) > 1:
                text = ", ".join(f"{low:g} to {high:g}" for low, high in ranges)
                raise PassbandError(f"{what} of probability {text}: each must be 0 or more, and all together at most 1")
        if self.periodic and self.orientation != 0.0:
            raise PassbandError(f"orientation={self.orientation} does not fit a periodic layer; write periodic=false")
        return self

    @property
    def chalcogen_defects(self) -> tuple[Scalar, ...]:
        """Probabilities, in the order of `COLUMN_LABELS`."""
        return self.single_vacancies, self.double_vacancies, self.single_substitutions, self.double_substitutions

    @property
    def metal_defects(self) -> tuple[Scalar, ...]:
        """Probabilities, in the order of `COLUMN_LABELS`."""
        return self.metal_vacancies, self.metal_substitutions

    @property
    def foreign_chalcogen(self) -> str:
        """Element that takes the place of chalcogen."""
        return self.substituent or ("Se" if MONOLAYERS[self.material].chalcogen == "Te" else "Te")

    @property
    def foreign_metal(self) -> str:
        """Element that takes the place of metal."""
        return self.metal_substituent or {"Mo": "W", "W": "Mo"}[MONOLAYERS[self.material].metal]


@dataclass(frozen=True)
class ColumnSheet(Sheet):
    """A layer of columns; `identity` of an atom is the number of its site: metal, then chalcogen below and above.

    Attributes
    ----------
    columns
        float64 (c, 2): Å, of every column, those without atoms too; metal columns first.
    column_label
        uint8 (c,): what a column is, an index into `labels`.
    column_of
        int64 (n,): column of each atom.
    metal_columns
        Their number.
    """

    columns: FloatArray
    column_label: NDArray[np.uint8]
    column_of: NDArray[np.int64]
    metal_columns: int


def dichalcogenide(recipe: Dichalcogenide, *, rng: np.random.Generator) -> ColumnSheet:
    """One layer; the same one for the same recipe and generator."""
    host, alloy = MONOLAYERS[recipe.material], drawn(recipe.alloy, rng)
    foreign = MONOLAYERS.get(f"{host.metal}{recipe.foreign_chalcogen}2", host)
    metals, chalcogens, field = _columns(recipe, host.lattice + alloy * (foreign.lattice - host.lattice), rng)
    metal_class = _drawn_class(recipe.metal_defects, len(metals), rng)
    chalcogen_class, held = _held(recipe, alloy, len(chalcogens), rng)

    symbols = np.array([0, *(atomic_numbers[one] for one in (host.chalcogen, recipe.foreign_chalcogen))])
    metal = np.array([atomic_numbers[one] for one in (host.metal, "X", recipe.foreign_metal)])[metal_class]
    numbers = np.concatenate([metal, symbols[held].ravel()])
    reach = np.array([0.0, host.thickness, foreign.thickness])[held] / 2.0
    heights = np.concatenate([np.zeros(len(metals)), (reach * [-1.0, 1.0]).ravel()])
    columns = np.concatenate([metals, chalcogens])
    column_label = np.concatenate([np.array([0, 5, 6])[metal_class], chalcogen_class]).astype(np.uint8)
    column_of = np.concatenate([np.arange(len(metals)), len(metals) + np.repeat(np.arange(len(chalcogens)), 2)])

    sites = np.flatnonzero(numbers)
    middle = recipe.margin + max(host.thickness, foreign.thickness) / 2.0
    positions = np.column_stack([columns[column_of[sites]], middle + heights[sites]])
    counts = np.bincount(column_label, minlength=len(COLUMN_LABELS))
    return ColumnSheet(
        atoms=Atoms(numbers=numbers[sites], positions=positions, cell=[*field, 2.0 * middle], pbc=(True, True, False)),
        identity=sites,
        label=column_label[column_of[sites]],
        labels=COLUMN_LABELS,
        parameters={
            "recipe": recipe.model_dump(mode="json"),
            "alloy": alloy,
            "atoms": len(sites),
            "columns": {name: int(count) for name, count in zip(COLUMN_LABELS, counts, strict=True)},
        },
        columns=columns,
        column_label=column_label,
        column_of=column_of[sites],
        metal_columns=len(metals),
    )


def _columns(
    recipe: Dichalcogenide, lattice: float, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Places of metal and chalcogen columns (n, 2), and the sides of the field; Å."""
    offset = lattice * np.array([0.5, np.sqrt(1.0 / 12.0)])
    if recipe.periodic:
        field = commensurate(recipe.field, lattice)
        metals = periodic_points(field, lattice) + rng.random(2) * field
        return inside(metals, field), inside(metals + offset, field), field
    field = np.full(2, recipe.field)
    angle = drawn(recipe.orientation, rng)
    metals = points_within(recipe.field + 2.0 * lattice, lattice, angle) + field / 2.0
    metals += turned(lattice * rng.random(2), angle)
    both = [metals, metals + turned(offset, angle)]
    metals, chalcogens = (points[((points >= 0.0) & (points < field)).all(axis=1)] for points in both)
    return metals, chalcogens, field


def _drawn_class(probabilities: tuple[Scalar, ...], count: int, rng: np.random.Generator) -> IntArray:
    """Draw for each column which defect it has: 0 for none, else its place among the probabilities, from 1 (count,)."""
    edges = np.cumsum([drawn(probability, rng) for probability in probabilities])
    found: IntArray = (np.searchsorted(edges, rng.random(count), side="right") + 1) % (len(edges) + 1)
    return found


def _held(recipe: Dichalcogenide, alloy: float, count: int, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Labels (count,) of chalcogen columns, and what they hold below and above (count, 2): none, host, foreign."""
    label = _drawn_class(recipe.chalcogen_defects, count, rng)
    held = np.ones((count, 2), np.int64)
    rows, side = np.arange(count), rng.integers(2, size=count)
    held[rows, side] = np.array([1, 0, 0, 2, 2])[label]
    held[rows, 1 - side] = np.array([1, 1, 0, 1, 2])[label]
    replaced = (rng.random((count, 2)) < alloy) & (label == 0)[:, None]
    held[replaced] = 2
    label = np.where(replaced.any(axis=1), 2 + replaced.sum(axis=1), label)
    return label, held

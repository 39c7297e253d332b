"""Specimens of a scanning microscope as a plan names them: what each is made of, and the truth about its image."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Self

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, SerializeAsAny, model_validator

from passband.distribution import check_sum
from passband.kinds import Kinds
from passband.recipe import PassbandError, Recipe
from passband.specimen.crystal import FloatArray
from passband.specimen.planes.lattice import PlaneLattices, plane_lattice
from passband.specimen.sheets.dichalcogenide import COLUMN_LABELS, Dichalcogenide, dichalcogenide
from passband.specimen.sheets.graphene import Graphene, graphene
from passband.specimen.stacks.interface import Interface
from passband.specimen.stacks.interface_distribution import InterfaceDistribution, sample_interface

IntArray = NDArray[np.int64]
Places = Callable[[FloatArray, FloatArray], IntArray]


@dataclass(frozen=True)
class LoneColumns:
    """Columns that were made without their atoms.

    `positions` (n, 2) x, y in Å; atomic `numbers` (n,); `atoms` (n,), how many each has.
    """

    positions: FloatArray
    numbers: IntArray
    atoms: FloatArray


@dataclass(frozen=True)
class Regions:
    """Areas of an image: at places y, x in Å the material, an index into `region_names`, and the layer."""

    material: Places
    layer: Places


@dataclass(frozen=True)
class ScanSpecimen:
    """One specimen.

    Attributes
    ----------
    content
        Atoms in a box (x, y, z), the beam along z; or columns.
    sides
        Of the field (y, x), Å.
    points
        (m, 2): y, x in Å of the atoms or columns that the truth speaks of.
    kind
        (m,) of each, an index into the `kinds` of the recipe.
    regions
        None where there are none.
    parameters
        Plain JSON values.
    defect
        (m,) of each, 1 more than an index into the `defect_kinds` of the recipe; 0 of what is none. None: nothing is.
    """

    content: Atoms | LoneColumns
    sides: tuple[float, float]
    points: FloatArray
    kind: IntArray
    regions: Regions | None
    parameters: dict[str, Any]
    defect: IntArray | None = None


class ScannedSpecimens(Recipe, ABC):
    """A distribution of specimens for a scanning microscope; its subclasses say of what.

    Attributes
    ----------
    kind
        Of specimen.
    """

    kind: str

    @property
    @abstractmethod
    def kinds(self) -> tuple[str, ...]:
        """What its points may be."""

    @property
    def defect_kinds(self) -> tuple[str, ...]:
        """Kinds of point defects that its points may be; none where they are not told."""
        return ()

    @property
    def region_names(self) -> tuple[str, ...]:
        """Materials of its regions; none where it has no regions."""
        return ()

    @property
    def specimens(self) -> tuple[str, ...]:
        """Kinds of specimens that it draws."""
        return (self.kind,)

    @property
    @abstractmethod
    def extent(self) -> float:
        """Side of the field, Å; about the shorter one."""

    @abstractmethod
    def draw(self, *, seed: int, index: int) -> ScanSpecimen:
        """Specimen `index`: the same wherever and in whatever order it is made."""


#: Every kind of specimen of a scan.
SCANNED: Kinds[ScannedSpecimens] = Kinds("specimen of a scan")
AnySpecimens = Annotated[SerializeAsAny[ScannedSpecimens], BeforeValidator(SCANNED.validate)]


def generator(seed: int, index: int) -> np.random.Generator:
    """Return the generator of specimen `index`."""
    return np.random.default_rng(np.random.SeedSequence([seed, index]))


@SCANNED.register
class Interfaces(InterfaceDistribution, ScannedSpecimens):
    """Film stacks seen edge-on; points are columns, by the sublattices of their sites."""

    kind: Literal["interfaces"] = "interfaces"

    @property
    def kinds(self) -> tuple[str, ...]:
        """One: sublattices differ from stack to stack."""
        return ("column",)

    @property
    def region_names(self) -> tuple[str, ...]:
        """Vacuum first, then all that may occur."""
        return ("vacuum", *sorted({*self.substrates, *self.films, *self.caps} - {"vacuum"}))

    @property
    def extent(self) -> float:
        """Shorter side of the field, Å."""
        return min(self.field)

    def draw(self, *, seed: int, index: int) -> ScanSpecimen:
        """Film stack `index`."""
        made = sample_interface(self, seed=seed, index=index)
        columns, (high, wide, _) = made.columns, made.box
        return ScanSpecimen(
            made.atoms,
            (high, wide),
            np.column_stack([columns.y, columns.x]),
            np.zeros(len(columns), dtype=np.int64),
            _regions(made, self.region_names),
            made.parameters,
        )


def _regions(made: Interface, materials: tuple[str, ...]) -> Regions:
    own = np.array([materials.index(name) for name in made.parameters["materials"]], dtype=np.int64)
    return Regions(lambda y, x: own[made.material_at(y, x)], made.layer_at)


@SCANNED.register
class GrapheneSheets(Graphene, ScannedSpecimens):
    """Sheets of graphene; points are atoms, carbon or silicon."""

    kind: Literal["graphene"] = "graphene"

    @property
    def kinds(self) -> tuple[str, ...]:
        """Carbon and silicon."""
        return ("C", "Si")

    @property
    def extent(self) -> float:
        """Side of the field, Å."""
        return self.field

    def draw(self, *, seed: int, index: int) -> ScanSpecimen:
        """Sheet `index`."""
        made = graphene(self, rng=generator(seed, index))
        kind = (made.atoms.get_atomic_numbers() == 14).astype(np.int64)
        return _of_sheet(made.atoms, made.atoms.get_positions()[:, :2], kind, made.parameters)


@SCANNED.register
class DichalcogenideSheets(Dichalcogenide, ScannedSpecimens):
    """Layers of a dichalcogenide; points are columns, those without atoms too, by what they are."""

    kind: Literal["dichalcogenides"] = "dichalcogenides"

    @property
    def kinds(self) -> tuple[str, ...]:
        """Labels of columns: lattice, vacancies, substitutions."""
        return COLUMN_LABELS

    @property
    def defect_kinds(self) -> tuple[str, ...]:
        """Vacancies and substitutions."""
        return COLUMN_LABELS[1:]

    @property
    def extent(self) -> float:
        """Side of the field, Å."""
        return self.field

    def draw(self, *, seed: int, index: int) -> ScanSpecimen:
        """Layer `index`."""
        made = dichalcogenide(self, rng=generator(seed, index))
        label = made.column_label.astype(np.int64)
        return replace(_of_sheet(made.atoms, made.columns, label, made.parameters), defect=label)


def _of_sheet(atoms: Atoms, places: FloatArray, kind: IntArray, parameters: dict[str, Any]) -> ScanSpecimen:
    """Sheet with points at places (x, y)."""
    x, y, _ = (float(one) for one in atoms.cell.lengths())
    return ScanSpecimen(atoms, (y, x), np.ascontiguousarray(places[:, ::-1]), kind, None, parameters)


@SCANNED.register
class Lattices(PlaneLattices, ScannedSpecimens):
    """Lattices of columns of any kind; points are their columns."""

    kind: Literal["lattices"] = "lattices"

    @property
    def kinds(self) -> tuple[str, ...]:
        """One."""
        return ("column",)

    @property
    def extent(self) -> float:
        """Side of the field, Å."""
        return self.field

    def draw(self, *, seed: int, index: int) -> ScanSpecimen:
        """Lattice `index`."""
        made = plane_lattice(self, rng=generator(seed, index))
        columns = LoneColumns(made.positions, made.numbers, made.atoms)
        points = np.ascontiguousarray(made.positions[made.ordered, ::-1])
        return ScanSpecimen(columns, made.sides, points, np.zeros(len(points), np.int64), None, made.parameters)


@SCANNED.register
class MixedSpecimens(ScannedSpecimens):
    """Several kinds of specimens; each structure is of one of them.

    Attributes
    ----------
    among
        The kinds.
    weights
        How likely each is, as positive numbers in any unit; None is equally likely.
    """

    kind: Literal["mixture"] = "mixture"
    among: tuple[AnySpecimens, ...] = Field(min_length=1)
    weights: tuple[Annotated[float, Field(gt=0.0)], ...] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.weights is not None and len(self.weights) != len(self.among):
            raise PassbandError(
                f"{len(self.weights)} weights for {len(self.among)} kinds of specimens; write one each, or none at all"
            )
        check_sum("weights", self.weights or ())
        return self

    @property
    def kinds(self) -> tuple[str, ...]:
        """One: what points are differs from kind to kind."""
        return ("column",)

    @property
    def defect_kinds(self) -> tuple[str, ...]:
        """Those that its members have in common; members that tell of none do not count."""
        told = {one.defect_kinds for one in self.among if one.defect_kinds}
        return told.pop() if len(told) == 1 else ()

    @property
    def specimens(self) -> tuple[str, ...]:
        """Those of its members, each once."""
        return tuple(dict.fromkeys(one.kind for one in self.among))

    @property
    def extent(self) -> float:
        """Of the smallest, Å."""
        return min(one.extent for one in self.among)

    def draw(self, *, seed: int, index: int) -> ScanSpecimen:
        """Specimen `index` of the kind that is drawn for it."""
        weights = np.array(self.weights or (1.0,) * len(self.among))
        rng = np.random.default_rng(np.random.SeedSequence([seed, index, 3]))
        chosen = int(rng.choice(len(weights), p=weights / weights.sum()))
        made = self.among[chosen].draw(seed=seed, index=index)
        return ScanSpecimen(
            made.content,
            made.sides,
            made.points,
            np.zeros(len(made.points), np.int64),
            made.regions,
            {"kind": self.among[chosen].kind, **made.parameters},
            made.defect,
        )

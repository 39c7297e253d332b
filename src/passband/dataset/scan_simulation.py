"""What is simulated for a scanning microscope, as one value: specimens as the columns that a probe passes over.

The incoherent model (`passband.microscope.scanning.columns`) needs of a specimen where its columns are, of what
element, and how much of each counts. That is stored once, and serves for every probe, detector and scan.
"""

from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from passband.dataset.beam_path import SIMULATIONS, ArrayLayout, Layout, SimulationRecipe
from passband.dataset.physics import COLUMNS, ColumnsVersion
from passband.distribution import Scalar, limits
from passband.recipe import PassbandError, Recipe
from passband.specimen.scanned import AnySpecimens

#: What the pixels of the masks tell apart.
Truth = Literal["column", "kind", "material", "defect"]

PER_COLUMN = 13  # bytes of the table of columns
DENSEST_COLUMNS = 2.0  # for each Å² of a thick specimen, those of amorphous layers included
IDEAL = 0.1  # Å: about the pixel that the image of a probe needs
FINEST = 0.02  # Å: finer pixels than that are of no use to anyone
ROW = {
    "structure": "int64",
    "columns": "int64",
    "points": "int64",
    "thickness": "float64",
    "side_y": "float64",
    "side_x": "float64",
    "parameters": "string",
}
POINTS = {
    "x": "float32",
    "y": "float32",
    "number": "uint8",
    "atoms": "float32",
    "point_x": "float32",
    "point_y": "float32",
    "point_kind": "uint8",
}


class Channelling(Recipe):
    """How much an atom counts in a thick specimen: c·exp(−μz) at the depth z, c and μ drawn for each element.

    What channelling does to columns differs with material, zone axis, tilt, energy and probe (docs/scanning.md). One
    law per element and specimen, drawn from what multislice gave, trains a network on all of it; it predicts none.

    Attributes
    ----------
    enhancement
        c.
    absorption
        μ, Å⁻¹.
    """

    enhancement: Scalar = 1.0
    absorption: Scalar = 0.0

    @model_validator(mode="after")
    def _check(self) -> Self:
        bounds = {"enhancement": (0.1, 10.0), "absorption": (-0.1, 0.1)}
        for name, (least, most) in bounds.items():
            low, high = limits(getattr(self, name))
            if low < least or high > most:
                raise PassbandError(f"{name} runs from {low:g} to {high:g}; it must stay within {least:g} and {most:g}")
        return self


@SIMULATIONS.register
class ScanSimulation(SimulationRecipe):
    """A set of specimens under a probe; everything that their columns and their truth depend on.

    Attributes
    ----------
    specimens
        Distribution of structures.
    structures
        How many; structure i of any recipe that differs in this number only is the same.
    seed
        Every structure draws from its own generators, seeded by this number and its own.
    truth
        What masks tell apart: "column" from background, where the image resolves it (`dataset.resolved_columns`);
        the "kind" of atoms or columns; the "material" of regions; or each kind of "defect", all else being background.
    channelling
        How much the atoms of a specimen count that is thicker than the linear model holds for (10 Å).
    displacement
        Root mean square of each atom's displacement along each axis, Å; a number, or one per element.
    visible
        Of "column": a column is one where its atoms × Z^1.7 are at least this share of the brightest within 15 Å; see
        `passband.specimen.visible_columns`.
    merge
        Of "column": columns whose projections are nearer than that are one, Å.
    map_pixel
        Å of the stored maps of regions.
    physics
        Version of what is computed, see `passband.dataset.physics`; never written by hand.
    """

    FORMAT: ClassVar[str] = "passband-column-store"
    WHAT: ClassVar[str] = "columns"
    PHYSICS: ClassVar[int] = COLUMNS

    kind: Literal["scan"] = "scan"
    specimens: AnySpecimens
    structures: int = Field(ge=1, le=10_000_000)
    seed: int = Field(default=0, ge=0, lt=2**63)
    truth: Truth = "column"
    channelling: Channelling | None = None
    displacement: float | dict[str, float] = 0.08
    visible: float = Field(default=0.12, gt=0.0, le=1.0)
    merge: float = Field(default=0.6, ge=0.0, le=5.0)
    map_pixel: float = Field(default=0.25, ge=0.05, le=5.0)
    physics: ColumnsVersion = COLUMNS

    @model_serializer(mode="wrap")
    def _serialise(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return SIMULATIONS.without_default(handler(self))

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.truth == "material" and not self.specimens.region_names:
            raise PassbandError(
                f"truth='material' of {self.specimens.kind} has no regions to tell apart; write 'column' or 'kind'"
            )
        if self.truth == "defect" and not self.specimens.defect_kinds:
            raise PassbandError(
                f"truth='defect' of {self.specimens.kind} has no defects to tell apart; use dichalcogenides, or a "
                "mixture whose members have the same defects"
            )
        return self

    @property
    def classes(self) -> tuple[str, ...]:
        """What the pixels of the masks mean, by their number."""
        if self.truth == "material":
            return self.specimens.region_names
        if self.truth == "defect":
            return ("background", *self.specimens.defect_kinds)
        return ("background", *(("column",) if self.truth == "column" else self.specimens.kinds))

    @property
    def map_shape(self) -> tuple[int, int]:
        """Pixels (y, x) of the stored maps, over the whole field of each structure."""
        side = max(8, round(self.extent / self.map_pixel))
        return side, side

    @property
    def layout(self) -> Layout:
        """Columns, and points of the truth; material and layer of each pixel where there are regions."""
        shape, plane = self.map_shape, ("y", "x")
        arrays = {
            "masks": ArrayLayout(shape, plane, "uint8", 0, packed=True),
            "labels": ArrayLayout(shape, plane, "uint16", 0, packed=True),
        }
        has = bool(self.specimens.region_names)
        maps = 0.1 * float(np.prod(shape)) if has else 0.0
        return Layout(arrays if has else {}, ROW, POINTS, disk=PER_COLUMN * DENSEST_COLUMNS * self.extent**2 + maps)

    @property
    def energies(self) -> tuple[float, ...]:
        """None: columns serve any beam."""
        return ()

    @property
    def extent(self) -> float:
        """Side of the field, Å."""
        return self.specimens.extent

    @property
    def finest_pixel(self) -> float:
        """Å, that micrographs can have."""
        return FINEST

    @property
    def imaged_pixels(self) -> int:
        """Pixels along the side of the field, of the planes that an image is made in; the probe decides, some 0.1 Å."""
        return round(self.extent / IDEAL)

    @property
    def memory(self) -> float:
        """Bytes that a process needs to make one structure: its atoms, several times."""
        return 2e8 + 1e3 * DENSEST_COLUMNS * self.extent**2

    @property
    def recorded_memory(self) -> int:
        """Bytes of one structure that is scanned: its columns in double precision, and its maps."""
        return int(32 * DENSEST_COLUMNS * self.extent**2) + 9 * int(np.prod(self.map_shape))

    @property
    def materials(self) -> tuple[str, ...]:
        """Materials of the regions, or the kinds of specimens."""
        return self.specimens.region_names or self.specimens.specimens

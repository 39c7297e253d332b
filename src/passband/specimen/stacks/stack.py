"""What a stack of films is: its layers from the substrate on, the faces between them, and how it lies in the beam.

The beam runs along z. The stack grows along y, which is down the image; the films lie along x, the rows of the image.
"""

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from passband.recipe import PassbandError, Recipe
from passband.specimen.stacks.compounds import Compound, Disordered, Zone, material
from passband.specimen.stacks.oriented import OrientedCell, matching, oriented_cell

MISFIT = 0.08  # of a film that still grows with the lattice of its substrate
LARGEST = 5e6  # atoms of a box, at 0.1 per Å³
THINNEST = 5.0  # Å, of a wedge
NARROWEST = 30.0  # Å, of a field
STEEPEST = 100.0  # mrad, of a tilt


class Roughness(Recipe):
    """How the face between two layers departs from a plane, along x and along the beam; by default not at all.

    Attributes
    ----------
    rms
        Root mean square of a Gaussian random height, Å. On a crystal it is rounded to whole steps of its lattice.
    correlation_length
        Å, where the autocorrelation of the height has fallen to 1/e.
    steps
        Number of straight steps along the beam, each one lattice step high, up and down in turns.
    """

    rms: float = Field(default=0.0, ge=0, le=100)
    correlation_length: float = Field(default=50.0, gt=0)
    steps: int = Field(default=0, ge=0, le=100)


class Layer(Recipe):
    """One layer, and the face that it shares with the next.

    Attributes
    ----------
    material
        Name of one of `passband.specimen.stacks.compounds.MATERIALS`.
    thickness
        Å, rounded to whole lattice steps; of the first layer what of it lies in the field, and it is not rounded. The
        last one fills the field whatever its thickness.
    zone
        Lattice directions (beam, growth); without one, that of the material's zones that fits the substrate best.
    relaxation
        From 0, strained to the lattice of the substrate, to 1, with its own. Without a misfit below 8 % along both axes
        of the film it must be 1.
    rotation
        About the beam, rad; positive from x to y.
    lean
        Of its columns against the beam, beyond the sample's tilt, mrad along (y, x): how far it is off its zone axis.
    face
        Its roughness towards the next layer.
    interdiffusion
        Width of the exchange of species with the next layer, Å: the standard deviation w of the profile
        ½ erfc(d/(√2 w)), d from the face.
    antiphase
        Number of antiphase boundaries, across which the lattice is shifted by half a step along the growth, as
        over half a step of the substrate.
    grain_boundaries
        Number of tilt boundaries, across which the lattice is turned about the beam.
    misorientation
        Standard deviation of the turn, rad.
    """

    material: str
    thickness: float = Field(default=100.0, gt=0)
    zone: Zone | None = None
    relaxation: float = Field(default=0.0, ge=0, le=1)
    rotation: float = Field(default=0.0, ge=-np.pi, le=np.pi)
    lean: tuple[float, float] = (0.0, 0.0)
    face: Roughness = Roughness()
    interdiffusion: float = Field(default=0.0, ge=0, le=100)
    antiphase: int = Field(default=0, ge=0, le=20)
    grain_boundaries: int = Field(default=0, ge=0, le=20)
    misorientation: float = Field(default=0.05, ge=0, le=np.pi)

    @model_validator(mode="after")
    def _check(self) -> Self:
        made_of = material(self.material)
        if isinstance(made_of, Compound):
            for zone in [self.zone] if self.zone else []:
                oriented_cell(made_of, zone)
        elif self.zone or self.rotation or any(self.lean) or self.antiphase or self.grain_boundaries:
            raise PassbandError(
                f"{self.material} has no lattice; leave out zone, rotation, lean, antiphase and grain_boundaries"
            )
        if max(abs(angle) for angle in self.lean) > STEEPEST:
            raise PassbandError(f"lean={list(self.lean)} mrad exceeds {STEEPEST:g} mrad; it is in mrad along (y, x)")
        if self.antiphase and self.grain_boundaries:
            raise PassbandError(
                f"antiphase={self.antiphase} and grain_boundaries={self.grain_boundaries} in one layer; set one to 0"
            )
        return self

    @property
    def made_of(self) -> Compound | Disordered:
        """Its material."""
        return material(self.material)


class Contamination(Recipe):
    """Drops of amorphous carbon on the two faces that the beam passes through.

    Attributes
    ----------
    spots
        Their number, on both faces together.
    diameter
        Of the largest, Å; the smallest have half of it.
    height
        In the middle, Å.
    """

    spots: int = Field(default=0, ge=0, le=1000)
    diameter: float = Field(default=20.0, ge=10, le=500)
    height: float = Field(default=10.0, ge=3, le=100)


class Stack(Recipe):
    """Film stack seen edge-on.

    Attributes
    ----------
    field
        Å along (y, x). The length along x is rounded to whole cells of the strained lattices, so that these are
        periodic.
    thickness
        Along the beam in the middle of the field, Å.
    layers
        In the order of increasing y; the first crystal is the substrate.
    tilt
        Of the whole sample, mrad along (y, x): by how much columns lean.
    wedge
        Change of the thickness, Å per Å along (y, x). The face that the beam enters through is plane.
    contamination
        On both faces of the sample.
    """

    field: tuple[float, float] = (200.0, 200.0)
    thickness: float = Field(default=200.0, ge=10)
    layers: tuple[Layer, ...] = Field(min_length=1, max_length=12)
    tilt: tuple[float, float] = (0.0, 0.0)
    wedge: tuple[float, float] = (0.0, 0.0)
    contamination: Contamination = Contamination()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if min(self.field) < NARROWEST:
            raise PassbandError(
                f"field={list(self.field)} is too small; fields are (y, x) in Å, {NARROWEST:g} at least"
            )
        inner = sum(layer.thickness for layer in self.layers[:-1])
        if inner >= self.field[0]:
            raise PassbandError(
                f"layers before the last are {inner:g} Å high in a field of {self.field[0]:g} Å; make them thinner or "
                f"the field higher"
            )
        if max(abs(angle) for angle in self.tilt) > STEEPEST:
            raise PassbandError(
                f"tilt={list(self.tilt)} mrad exceeds {STEEPEST:g} mrad; tilts are in mrad along (y, x)"
            )
        if self.thinnest < THINNEST:
            raise PassbandError(
                f"wedge={list(self.wedge)} leaves {self.thinnest:.3g} Å at the thin end; wedges are Å per Å, 0.1 is 6°"
            )
        atoms = 0.1 * self.field[0] * self.field[1] * self.thickest
        if atoms > LARGEST:
            raise PassbandError(f"the box holds {atoms:.2g} atoms, more than {LARGEST:.0e}; shrink field or thickness")
        for k in range(len(self.layers)):
            _check_misfit(self, k)
        return self

    @property
    def _slope(self) -> float:
        return 0.5 * (abs(self.wedge[0]) * self.field[0] + abs(self.wedge[1]) * self.field[1])

    @property
    def thinnest(self) -> float:
        """Least thickness in the field, Å."""
        return self.thickness - self._slope

    @property
    def thickest(self) -> float:
        """Largest thickness in the field, Å."""
        return self.thickness + self._slope

    @property
    def substrate(self) -> int:
        """Number of the first layer with a lattice, -1 for none."""
        return next((k for k, layer in enumerate(self.layers) if isinstance(layer.made_of, Compound)), -1)

    def cell(self, number: int) -> OrientedCell | None:
        """Unstrained cell of a layer, None where it has no lattice."""
        layer = self.layers[number]
        if not isinstance(layer.made_of, Compound):
            return None
        if layer.zone is not None:
            return oriented_cell(layer.made_of, layer.zone)
        cells = [oriented_cell(layer.made_of, zone) for zone in layer.made_of.zones]
        if number == self.substrate:
            return cells[0]
        below = self.cell(self.substrate)
        assert below is not None  # number is past the substrate
        return min(cells, key=lambda cell: max(abs(one - 1.0) for one in stretches(cell, below)))


def stretches(cell: OrientedCell, below: OrientedCell) -> tuple[float, float]:
    """Factors by which a film's periods along x and z become multiples of those below; 0 where none is near enough."""
    found = []
    for axis in (0, 2):
        numbers = matching(float(cell.periods[axis]), float(below.periods[axis]), misfit=MISFIT)
        m, n = numbers or (1, 0)
        found.append(n * float(below.periods[axis]) / (m * float(cell.periods[axis])))
    return found[0], found[1]


def _check_misfit(stack: Stack, number: int) -> None:
    layer, cell = stack.layers[number], stack.cell(number)
    if cell is None or number == stack.substrate or layer.relaxation == 1.0:
        return
    below = stack.cell(stack.substrate)
    assert below is not None  # the layer has a lattice and is not the first that has
    if not all(stretches(cell, below)):
        raise PassbandError(
            f"{layer.material} does not fit on {stack.layers[stack.substrate].material} to {MISFIT:.0%}; write "
            f"relaxation=1, or choose another zone"
        )

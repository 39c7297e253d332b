"""Where the layers of a stack lie, and the lattice of each: strained to its substrate, and in registry with it."""

from dataclasses import dataclass, replace
from math import lcm

import numpy as np

from passband.specimen.crystal import FloatArray, nearest_distance
from passband.specimen.stacks.compounds import Compound
from passband.specimen.stacks.contact import least_distance
from passband.specimen.stacks.face import Grid
from passband.specimen.stacks.oriented import OrientedCell, matching
from passband.specimen.stacks.stack import MISFIT, Layer, Stack, stretches
from passband.specimen.support import default_minimum_distance

POISSON = 0.25  # of films; SrTiO3 has 0.23 to 0.25, other perovskites up to 0.3


@dataclass(frozen=True)
class Lattice:
    """A lattice in the box: its cell, its strained periods (x, y, z) in Å, and where the corner of one cell lies."""

    cell: OrientedCell
    periods: FloatArray
    origin: FloatArray

    @property
    def step(self) -> float:
        """Height of a step, Å."""
        return float(self.periods[1] / self.cell.cells[1])

    @property
    def grid(self) -> Grid:
        """Rectangles that steps on it consist of."""
        sides = self.periods / self.cell.cells
        return Grid((float(sides[0]), float(sides[2])), (float(self.origin[0]), float(self.origin[2])), self.step)

    def anchor(self, level: float) -> FloatArray:
        """Place (x, y, z) of an anchor atom in the first part of a cell above a level, Å."""
        part = round((level - self.origin[1]) / self.step)
        whole, part = divmod(part, int(self.cell.cells[1]))
        place: FloatArray = self.origin + self.cell.anchors[part] * self.periods
        place[1] += whole * self.periods[1]
        return place


@dataclass(frozen=True)
class PlacedLayer:
    """A layer from `base` to `top` on average (Å along y), its lattice, and whether that is periodic along x."""

    layer: Layer
    base: float
    top: float
    lattice: Lattice | None
    periodic: bool

    @property
    def bond(self) -> float:
        """Shortest bond of its material, Å; 0 for vacuum."""
        made_of = self.layer.made_of
        if isinstance(made_of, Compound):
            return nearest_distance(made_of.crystal)
        return default_minimum_distance(made_of.symbol) if made_of.symbol else 0.0


def width(stack: Stack) -> float:
    """Length of the field along x in Å: whole cells of the films that have the substrate's lattice."""
    below = stack.cell(stack.substrate) if stack.substrate >= 0 else None
    if below is None:
        return stack.field[1]
    numbers = [1]
    for k, layer in enumerate(stack.layers):
        cell = stack.cell(k)
        if cell is not None and k != stack.substrate and layer.relaxation == 0.0:
            numbers.append((matching(float(cell.periods[0]), float(below.periods[0]), misfit=MISFIT) or (1, 1))[1])
    unit = float(below.periods[0]) * lcm(*numbers)
    return unit * max(1, round(stack.field[1] / unit))


def place_layers(stack: Stack, rng: np.random.Generator) -> list[PlacedLayer]:
    """Layers from the substrate on, on top of one another."""
    room = width(stack)
    placed: list[PlacedLayer] = []
    substrate: Lattice | None = None
    for k, layer in enumerate(stack.layers):
        base = placed[-1].top if placed else 0.0
        cell = stack.cell(k)
        if cell is None:
            placed.append(PlacedLayer(layer, base, base + layer.thickness, None, True))
            continue
        periods = _strained(cell, layer, substrate)
        origin = np.array([rng.uniform(0.0, periods[0]), base, rng.uniform(0.0, periods[2])])
        lattice = Lattice(cell, periods, origin)
        if placed:
            lattice = _on(lattice, placed, layer)
            top = float(lattice.origin[1]) + lattice.step * max(1, round(layer.thickness / lattice.step))
        else:
            top = layer.thickness
            origin[1] = top - periods[1] * np.ceil(top / periods[1])
            lattice = replace(lattice, origin=origin)
        cells = room / periods[0]
        periodic = bool(abs(cells - round(cells)) < 1e-6) and layer.rotation == 0.0
        placed.append(PlacedLayer(layer, base, top, lattice, periodic))
        substrate = substrate or lattice
    placed[-1] = replace(placed[-1], top=stack.field[0])
    return placed


def _strained(cell: OrientedCell, layer: Layer, substrate: Lattice | None) -> FloatArray:
    """Periods of a film; along the growth they shrink by 2ν/(1 − ν) of the mean strain (isotropic, plane stress)."""
    if substrate is None:
        return cell.periods.copy()
    along = (np.array(stretches(cell, substrate.cell)) - 1.0) * (1.0 - layer.relaxation)
    if layer.relaxation == 1.0:
        along = np.zeros(2)
    growth = -2.0 * POISSON / (1.0 - POISSON) * along.mean()
    found: FloatArray = cell.periods * (1.0 + np.array([along[0], growth, along[1]]))
    return found


def _on(lattice: Lattice, placed: list[PlacedLayer], layer: Layer) -> Lattice:
    """Lattice on the layer below: in registry with the next lattice of its own framework, else just clear of it."""
    last = placed[-1]
    origin = lattice.origin.copy()
    made_of, below = layer.made_of, last.layer.made_of
    if last.lattice is None:
        return lattice
    related = isinstance(made_of, Compound) and isinstance(below, Compound) and made_of.framework == below.framework
    if not related:
        bond = min(nearest_distance(one.crystal) for one in (made_of, below) if isinstance(one, Compound))
        origin[1] += _lift(lattice, last.lattice, last.top, bond)
        return replace(lattice, origin=origin)
    there = last.lattice.anchor(last.top)
    there[1] += 0.5 * (lattice.step - last.lattice.step)  # bonds across the face are means of those on both sides
    origin += there - lattice.anchor(last.top)
    return replace(lattice, origin=origin)


def _lift(lattice: Lattice, below: Lattice, level: float, bond: float) -> float:
    """Å by which a crystal is lifted off another, so that no two atoms could be too near, one above the other."""
    depths = (level - below.origin[1] - below.cell.places[:, 1] * below.periods[1]) % below.periods[1]
    heights = lattice.cell.places[:, 1] * lattice.periods[1]
    one, other = np.meshgrid(below.cell.elements, lattice.cell.elements, indexing="ij")
    return max(0.0, float((least_distance(one, other, bond) - depths[:, None] - heights[None]).max()))

"""All atoms of a film stack: each layer filled between its faces, species drawn, and what is too near taken out."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from passband.specimen.atomic_columns import Members
from passband.specimen.crystal import FloatArray
from passband.specimen.stacks.compounds import Compound, Disordered
from passband.specimen.stacks.contact import FARTHEST, crowded
from passband.specimen.stacks.disordered import fill_disordered
from passband.specimen.stacks.face import Face
from passband.specimen.stacks.lattice_filling import Boundary, Room, Sites, fill_lattice
from passband.specimen.stacks.placement import PlacedLayer
from passband.specimen.stacks.species import VACANT, draw_species, exchange
from passband.specimen.stacks.stack import Stack

IntArray = NDArray[np.int64]
EDGE = 2.0  # Å around the field that are filled too, for atoms that lie beside their column


class AtomBlock(NamedTuple):
    """Atoms: places (n, 3) in Å, atomic number, layer, grain within it, and column (n,), -1 for none."""

    positions: FloatArray
    numbers: IntArray
    layers: IntArray
    grains: IntArray
    columns: IntArray

    def kept(self, keep: NDArray[np.bool_]) -> "AtomBlock":
        """Return some of the atoms."""
        return AtomBlock(
            self.positions[keep], self.numbers[keep], self.layers[keep], self.grains[keep], self.columns[keep]
        )

    @property
    def members(self) -> Members:
        """Those that are of columns."""
        inside = self.kept(self.columns >= 0)
        return Members(inside.positions, inside.numbers, inside.layers, inside.columns)


class ColumnTally(NamedTuple):
    """Sublattices of each column, as "B+O", and the number of its sites within the sample."""

    names: list[str]
    sites: IntArray


@dataclass(frozen=True)
class PlacedStack:
    """A stack as it lies in the box: layers, faces between them, the boundaries in each, and the room to fill."""

    stack: Stack
    placed: list[PlacedLayer]
    faces: list[Face]
    boundaries: list[list[Boundary]]
    room: Room

    @property
    def periodic(self) -> bool:
        """Whether the box is periodic along x."""
        return self.room.low[0] == 0.0

    def depth(self, positions: FloatArray) -> FloatArray:
        """Thickness of the sample at places, Å."""
        wedge = self.stack.wedge
        x, y = positions[:, 0] - 0.5 * self.room.period, positions[:, 1] - 0.5 * self.stack.field[0]
        found: FloatArray = self.stack.thickness + wedge[1] * x + wedge[0] * y
        return found

    def leaning(self, positions: FloatArray) -> FloatArray:
        """Places in the tilted sample."""
        moved = positions.copy()
        tilt = np.tan(np.array(self.stack.tilt)[::-1] * 1e-3)
        moved[:, :2] += (positions[:, 2:] - 0.5 * self.stack.thickness) * tilt
        return moved

    def in_field(self, positions: FloatArray) -> NDArray[np.bool_]:
        """Which places are in the field once the sample is tilted."""
        return self.seen(self.leaning(positions)[:, :2])

    def seen(self, places: FloatArray) -> NDArray[np.bool_]:
        """Which places (n, 2 or 3) of the tilted sample are in the field."""
        inside: NDArray[np.bool_] = (places[:, 1] >= 0.0) & (places[:, 1] < self.stack.field[0])
        if not self.periodic:
            inside &= (places[:, 0] >= 0.0) & (places[:, 0] < self.room.period)
        return inside

    def within(self, number: int, positions: FloatArray) -> NDArray[np.bool_]:
        """Which places are in a layer and in the sample; where faces cross, the earlier layer has the place."""
        x, y, z = positions.T
        inside: NDArray[np.bool_] = (z >= 0.0) & (z < self.depth(positions))
        for k in range(number):
            inside &= y >= self.faces[k].at(x, z)
        if number < len(self.faces):
            inside &= y < self.faces[number].at(x, z)
        return inside


def room(stack: Stack, period: float, periodic: bool) -> Room:
    """Return what is filled: the field, and as much around it as a tilt brings in."""
    leans = np.abs(stack.tilt) + np.max([np.abs(layer.lean) for layer in stack.layers], axis=0)
    lean = (stack.thickest - 0.5 * stack.thickness) * np.tan(leans * 1e-3) + EDGE
    along = 0.0 if periodic else float(lean[1])
    return Room((-along, -float(lean[0])), (period + along, stack.field[0] + float(lean[0])), stack.thickest, period)


def fill_stack(layout: PlacedStack, seed: np.random.SeedSequence) -> tuple[AtomBlock, ColumnTally]:
    """Atoms of all layers before the sample is tilted, and their columns."""
    blocks: list[AtomBlock] = []
    names: list[str] = []
    counts = [np.empty(0, np.int64)]
    for number, child in enumerate(seed.spawn(len(layout.placed))):
        rng = np.random.default_rng(child)
        made_of = layout.placed[number].layer.made_of
        if isinstance(made_of, Disordered):
            positions, elements = fill_disordered(made_of, _part(layout, number, 0.0), rng)
            none = np.zeros(len(elements), np.int64)
            blocks.append(AtomBlock(positions, elements, none + number, none, none - 1))
        else:
            sites = fill_lattice(
                layout.placed[number], layout.boundaries[number], _part(layout, number, _edge(layout, number))
            )
            blocks.append(_crystal(layout, number, made_of, sites, rng)._replace(columns=sites.columns + len(names)))
            inside = layout.in_field(sites.positions) & (sites.positions[:, 2] < layout.depth(sites.positions))
            more = _tally(made_of, sites, inside)
            names += more.names
            counts.append(more.sites)
        block = blocks[-1]
        blocks[-1] = block.kept((block.numbers != VACANT) & layout.within(number, block.positions))
    block = AtomBlock(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))
    return _apart(block, layout), ColumnTally(names, np.concatenate(counts))


def _edge(layout: PlacedStack, number: int) -> float:
    """Å beyond its faces in which the middles of columns lie that may have atoms in a layer."""
    lean = abs(layout.placed[number].layer.lean[0]) * 1e-3
    return float(EDGE + 0.5 * layout.room.depth * np.tan(lean))


def _part(layout: PlacedStack, number: int, edge: float) -> Room:
    """Part of the room between the faces of a layer."""
    low = layout.faces[number - 1].heights.min() - edge if number else layout.room.low[1]
    high = layout.faces[number].heights.max() + edge if number < len(layout.faces) else layout.room.high[1]
    filled = layout.room
    low, high = max(float(low), filled.low[1]), min(float(high), filled.high[1])
    return Room((filled.low[0], low), (filled.high[0], max(high, low)), filled.depth, filled.period)


def _crystal(layout: PlacedStack, number: int, made_of: Compound, sites: Sites, rng: np.random.Generator) -> AtomBlock:
    numbers = draw_species(made_of, sites.sublattices, rng)
    numbers = exchange(numbers, sites, layers=layout.stack.layers, faces=layout.faces, number=number, rng=rng)
    return AtomBlock(sites.positions, numbers, np.full(len(numbers), number), sites.grains, sites.columns)


def _tally(made_of: Compound, sites: Sites, inside: NDArray[np.bool_]) -> ColumnTally:
    count = int(sites.columns.max(initial=-1)) + 1
    there = np.stack(
        [np.bincount(sites.columns[sites.sublattices == k], minlength=count) > 0 for k in range(len(made_of.names))]
    )
    weights = 2 ** np.arange(len(made_of.names)) @ there
    names = {
        int(value): "+".join(name for k, name in enumerate(made_of.names) if int(value) >> k & 1)
        for value in np.unique(weights)
    }
    return ColumnTally([names[int(value)] for value in weights], np.bincount(sites.columns[inside], minlength=count))


def _apart(block: AtomBlock, layout: PlacedStack) -> AtomBlock:
    """Atoms without those that are too near to another layer or grain."""
    seam = np.zeros(len(block.numbers), bool)
    for face in layout.faces:
        seam |= face.near(block.positions, FARTHEST)
    for line in (line for lines in layout.boundaries for line in lines):
        x, y, _ = block.positions.T
        reach = FARTHEST * np.hypot(1.0, line.slope) + line.overlap
        seam |= (block.layers == line.layer) & (np.abs(x - line.at(y)) < reach)
    near = np.flatnonzero(seam)
    named, group = np.unique(block.layers[near] * 100 + block.grains[near], return_inverse=True)
    layers = [layout.placed[int(name) // 100] for name in named]
    out = crowded(
        block.positions[near],
        block.numbers[near],
        group,
        bonds=np.array([one.bond for one in layers]),
        loose=np.array([one.lattice is None for one in layers]),
        period=layout.room.period if layout.periodic else 0.0,
    )
    keep = np.ones(len(block.numbers), bool)
    keep[near[out]] = False
    return block.kept(keep & _standing(block.columns, keep))


def _standing(columns: IntArray, keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which atoms (n,) are of no column that lost more than half of its atoms: it goes as a whole."""
    shifted = columns + 1
    lost, there = np.bincount(shifted, ~keep, minlength=1), np.bincount(shifted, minlength=1)
    lost[0] = 0.0
    standing: NDArray[np.bool_] = (2.0 * lost <= there)[shifted]
    return standing

"""Film stacks seen edge-on, as a scanning beam looks along their interfaces: atoms, columns and the map of materials.

The beam runs along z, from the entrance face at small z. The stack grows along y, down the image; films lie along x.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, NDArray

from passband.recipe import PassbandError
from passband.specimen.atomic_columns import AtomicColumns, ColumnSites, gather_columns
from passband.specimen.stacks.contamination import Drop, draw_drops, fill_drop
from passband.specimen.stacks.face import SMOOTH, Face, Grid, rough_face
from passband.specimen.stacks.filling import AtomBlock, PlacedStack, fill_stack, room
from passband.specimen.stacks.lattice_filling import Boundary, draw_boundaries
from passband.specimen.stacks.placement import PlacedLayer, place_layers, width
from passband.specimen.stacks.stack import Stack

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Interface:
    """One film stack: its atoms in a box, their columns, and what is where.

    Attributes
    ----------
    atoms
        Å; the cell is (x, y, z), all atoms inside, z along the beam; `pbc` says whether the box is periodic along x.
    layer_of
        Number (n,) of the layer of each atom, -1 for contamination.
    column_of
        Column (n,) of each atom, -1 for none.
    columns
        The atomic columns.
    faces
        Between each layer and the next.
    boundaries
        Antiphase and grain boundaries.
    parameters
        Plain numbers, text and lists, ready for JSON.
    """

    atoms: Atoms
    layer_of: IntArray
    column_of: IntArray
    columns: AtomicColumns
    faces: tuple[Face, ...]
    boundaries: tuple[Boundary, ...]
    parameters: dict[str, Any]

    @property
    def box(self) -> tuple[float, float, float]:
        """Lengths (y, x, z), Å."""
        x, y, z = (float(one) for one in self.atoms.cell.lengths())
        return y, x, z

    def layer_at(self, y: ArrayLike, x: ArrayLike) -> IntArray:
        """Return the number of the layer at places in Å, of any shape: that which most of the thickness is of."""
        high, along = np.broadcast_arrays(np.asarray(y, float), np.asarray(x, float))
        found = np.full(high.shape, len(self.faces))
        for number in reversed(range(len(self.faces))):
            found[high < self.faces[number].profile(along)] = number
        return found

    def material_at(self, y: ArrayLike, x: ArrayLike) -> IntArray:
        """Material at places in Å, as an index into `parameters["materials"]`."""
        names = self.parameters["materials"]
        index = np.array([names.index(one["material"]) for one in self.parameters["layers"]])
        found: IntArray = index[self.layer_at(y, x)]
        return found


def build_interface(stack: Stack, *, seed: int) -> Interface:
    """Film stack with that seed: the same bytes wherever it is made.

    Raises
    ------
    PassbandError
        `seed` is negative.
    """
    if seed < 0:
        raise PassbandError(f"seed={seed} must not be negative; use 0, 1, 2, …")
    place, lines, fill, spread = np.random.SeedSequence(seed).spawn(4)
    rng = np.random.default_rng(place)
    placed, period = place_layers(stack, rng), width(stack)
    line_rng = np.random.default_rng(lines)
    boundaries = [draw_boundaries(k, one, period, line_rng) for k, one in enumerate(placed)]
    periodic = _periodic(stack, placed, boundaries)
    placed = placed if periodic else [replace(one, periodic=False) for one in placed]
    layout = PlacedStack(stack, placed, _faces(stack, placed, period, rng), boundaries, room(stack, period, periodic))
    drop_rng = np.random.default_rng(spread)
    drops = draw_drops(stack.contamination, (period, stack.field[0]), drop_rng)
    block, sites = fill_stack(layout, fill)
    kinds = tuple(sorted(set(sites.names)))
    bare = ColumnSites(np.array([kinds.index(name) for name in sites.names], dtype=np.int64), sites.sites)
    block = block._replace(positions=layout.leaning(block.positions))
    block = block.kept(layout.seen(block.positions))
    columnar = block.columns >= 0
    columns, numbers = gather_columns(block.members, bare, kinds=kinds, period=period if periodic else 0.0)
    column_of = np.full(len(block.numbers), -1)
    column_of[columnar] = numbers
    return _boxed(layout, block._replace(columns=column_of), columns, drops, seed=seed, rng=drop_rng)


def _periodic(stack: Stack, placed: Sequence[PlacedLayer], boundaries: Sequence[Sequence[Boundary]]) -> bool:
    """Whether the box goes on at its ends along x as it begins."""
    turned = any(len(lines) == 1 or sum(line.shift for line in lines) != 0.0 for lines in boundaries)
    stepped = any(layer.face.steps % 2 for layer in stack.layers[:-1])
    return all(one.periodic for one in placed) and not turned and not stepped and stack.wedge[1] == 0.0


def _faces(stack: Stack, placed: Sequence[PlacedLayer], period: float, rng: np.random.Generator) -> list[Face]:
    smooth = Grid((SMOOTH, SMOOTH), (0.0, 0.0), 0.0)
    return [
        rough_face(
            one.layer.face,
            one.top,
            grid=one.lattice.grid if one.lattice else smooth,
            room=(period, stack.thickest),
            rng=rng,
        )
        for one in placed[:-1]
    ]


def _boxed(
    layout: PlacedStack,
    block: AtomBlock,
    columns: AtomicColumns,
    drops: Sequence[Drop],
    *,
    seed: int,
    rng: np.random.Generator,
) -> Interface:
    """All in one box, with the drops on both faces."""
    stack, period = layout.stack, layout.room.period
    lift = max((drop.height for drop in drops if drop.entrance), default=0.0)
    over = max((drop.height for drop in drops if not drop.entrance), default=0.0)
    height = lift + stack.thickest + over
    parts = [block.positions]
    for drop in drops:
        depth = 0.0 if drop.entrance else float(layout.depth(np.array([[drop.x, drop.y, 0.0]]))[0])
        parts.append(fill_drop(drop, depth, rng))
    positions = np.concatenate(parts)
    positions[:, 2] += lift
    extra = len(positions) - len(block.numbers)
    kept = layout.seen(positions)
    wrapped = positions[:, 0] % period
    positions[:, 0] = np.where(wrapped >= period, 0.0, wrapped)
    numbers = np.append(block.numbers, np.full(extra, 6))[kept]
    atoms = Atoms(
        numbers=numbers,
        positions=positions[kept],
        cell=[period, stack.field[0], height],
        pbc=(layout.periodic, False, False),
    )
    return Interface(
        atoms=atoms,
        layer_of=np.append(block.layers, np.full(extra, -1))[kept],
        column_of=np.append(block.columns, np.full(extra, -1))[kept],
        columns=columns,
        faces=tuple(layout.faces),
        boundaries=tuple(line for lines in layout.boundaries for line in lines),
        parameters=_parameters(layout, drops, lift, seed) | {"atoms": len(atoms), "columns": len(columns)},
    )


def _parameters(layout: PlacedStack, drops: Sequence[Drop], lift: float, seed: int) -> dict[str, Any]:
    stack = layout.stack
    layers = [
        {
            "material": one.layer.material,
            "base": one.base,
            "top": one.top,
            "periods": [float(length) for length in one.lattice.periods] if one.lattice else [],
            "strain": [float(s) for s in one.lattice.periods / one.lattice.cell.periods - 1.0] if one.lattice else [],
            "rotation": one.layer.rotation,
            "lean": list(one.layer.lean),
            "interdiffusion": one.layer.interdiffusion,
        }
        for one in layout.placed
    ]
    return {
        "seed": seed,
        "field": [stack.field[0], layout.room.period],
        "thickness": stack.thickness,
        "tilt": list(stack.tilt),
        "wedge": list(stack.wedge),
        "entrance": lift,
        "periodic": layout.periodic,
        "materials": list(dict.fromkeys(layer.material for layer in stack.layers)),
        "layers": layers,
        "face_rms": [float(face.heights.std()) for face in layout.faces],
        "boundaries": [line.parameters() for lines in layout.boundaries for line in lines],
        "drops": [drop._asdict() for drop in drops],
    }

"""Which element is on each site of a film: dopants at random, and species exchanged across interfaces."""

from collections.abc import Sequence

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray
from scipy.special import erfc

from passband.specimen.stacks.compounds import Compound
from passband.specimen.stacks.face import Face
from passband.specimen.stacks.lattice_filling import Sites
from passband.specimen.stacks.stack import Layer

IntArray = NDArray[np.int64]
VACANT = 0  # atomic number of an empty site


def draw_species(made_of: Compound, sublattices: IntArray, rng: np.random.Generator) -> IntArray:
    """Atomic numbers (n,) on sites, from the indices (n,) of their sublattices, each site on its own."""
    numbers = np.zeros(len(sublattices), np.int64)
    for index, name in enumerate(made_of.names):
        here = np.flatnonzero(sublattices == index)
        numbers[here] = _from(made_of.composition(name), len(here), rng)
    return numbers


def _from(shares: dict[str, float], count: int, rng: np.random.Generator) -> IntArray:
    """Atomic numbers of sites with these elements; vacant where nothing is on the sublattice."""
    numbers = np.array([atomic_numbers[element] for element in shares] or [VACANT], dtype=np.int64)
    if len(numbers) == 1:
        return np.full(count, numbers[0])
    edges = np.cumsum(list(shares.values()))[:-1]
    return numbers[np.searchsorted(edges, rng.random(count), side="right")]


def exchange(
    numbers: IntArray,
    sites: Sites,
    *,
    layers: Sequence[Layer],
    faces: Sequence[Face],
    number: int,
    rng: np.random.Generator,
) -> IntArray:
    """Atomic numbers of the sites of one layer, after species were exchanged with the layers beside it.

    A site at distance d beyond a face has with probability ½ erfc(d/(√2 w)) what the sublattice of its name holds on
    the other side: the solution for a constant diffusivity w²/2t (Crank, The Mathematics of Diffusion, ch. 2).
    Sublattices that the other side lacks lose atoms; layers of another framework exchange nothing.
    """
    mixed = numbers.copy()
    here = layers[number].made_of
    for other, face, width in (
        *((number - 1, faces[number - 1], layers[number - 1].interdiffusion) for _ in range(number > 0)),
        *((number + 1, faces[number], layers[number].interdiffusion) for _ in range(number < len(faces))),
    ):
        there = layers[other].made_of
        related = isinstance(here, Compound) and isinstance(there, Compound) and here.framework == there.framework
        if not related or width == 0.0:
            continue
        assert isinstance(here, Compound)  # as `related` says
        assert isinstance(there, Compound)
        x, y, z = sites.positions.T
        distance = np.abs(y - face.at(x, z))
        moved = rng.random(len(y)) < 0.5 * erfc(distance / (np.sqrt(2.0) * width))
        for index, name in enumerate(here.names):
            chosen = np.flatnonzero(moved & (sites.sublattices == index))
            mixed[chosen] = _from(there.composition(name), len(chosen), rng)
    return mixed

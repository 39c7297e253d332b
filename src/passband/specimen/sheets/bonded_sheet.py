"""A graphene sheet while it changes: atoms on the sites of a bond graph, and what may happen to them.

Atoms leave, bonds turn, silicon changes places with carbon; small vacancies close by new bonds, and the neighbourhood
comes to rest (`springs`). An atom keeps its identity until it leaves, on whatever site it is.
"""

from itertools import combinations

import numpy as np

from passband.specimen.crystal import FloatArray
from passband.specimen.sheets.bond_graph import OPEN, BondGraph
from passband.specimen.sheets.springs import MOST, IntArray, rest, shortest, springs

CARBON, SILICON = 6, 14
ABSENT, LATTICE, DEFECT, EDGE = -1, 0, 1, 2  # no atom; rings of six alone; another ring, three bonds; two bonds
VALENCE = {CARBON: 3, SILICON: 4}
VACANCY = 14  # sites around a divacancy: faces up to this size are closed by bonds, larger ones are holes
REACH = 3.0  # Å between atoms that may bind; the second neighbours of graphene are 2.46 Å apart
SMALLEST = 5  # sites of a ring that a new bond makes
FRAGMENT = 60  # atoms of a piece at most that floats away when it is cut off
HOPS = 5  # bonds from a change, up to which atoms move


class BondedSheet:
    """A flat sheet of carbon and silicon, changed in place.

    Parameters
    ----------
    positions
        Å, (n, 2).
    neighbours
        Of each site, counter-clockwise.
    cell
        Sides in Å of the periodic cell, (2,); None for an open sheet.

    Attributes
    ----------
    positions, numbers, identity
        Of the atom on each site: Å, atomic number, and a number of its own. What stands on a site without bonds means
        nothing.
    graph
        Bonds and rings.
    kind
        `LATTICE`, `DEFECT` or `EDGE` for each site, `ABSENT` where there is no atom; as of the last `classify`.
    """

    def __init__(self, positions: FloatArray, neighbours: list[list[int]], cell: FloatArray | None) -> None:
        self.positions, self.cell = positions.copy(), cell
        self.graph = BondGraph(neighbours)
        self.numbers = np.full(len(positions), CARBON, np.int64)
        self.identity = np.arange(len(positions), dtype=np.int64)
        self._table = np.full((len(positions), MOST), -1, np.int64)
        self._stale: dict[int, None] = dict.fromkeys(range(len(positions)))
        self.kind = np.full(len(positions), ABSENT, np.int8)
        self.graph.changed.update(self._stale)
        self.classify()

    @property
    def present(self) -> IntArray:
        """Sites with an atom, as of the last `classify`."""
        return np.flatnonzero(self.kind != ABSENT)

    def classify(self) -> list[int]:
        """Bring `kind` up to date; return the sites whose bonds, rings or atoms changed since the last call."""
        sites = list(self.graph.changed)
        self.graph.changed.clear()
        for site in sites:
            around = self.graph.neighbours[site]
            if len(around) > 2:
                perfect = all(size == 6 for size in self.graph.ring_sizes(site))
                self.kind[site] = LATTICE if perfect else DEFECT
            else:
                self.kind[site] = EDGE if around else ABSENT
        return sites

    def bonds(self) -> IntArray:
        """Pairs (b, 2) of sites that are bonded, each once."""
        self._refresh()
        starts, slots = np.nonzero(self._table >= 0)
        pairs = np.column_stack([starts, self._table[starts, slots]])
        return pairs[pairs[:, 0] < pairs[:, 1]]

    def offset(self, a: int, b: int) -> FloatArray:
        """From a site to another (2,), Å, the short way."""
        return shortest(self.positions[b] - self.positions[a], self.cell)

    def leave(self, *sites: int) -> None:
        """Take the atoms on sites away, then what hangs loose, and close a small vacancy.

        Loose are atoms with one bond, those with two that are on no ring, and small pieces that are cut off. Silicon
        that hangs loose stays: it takes the place of a carbon atom next to it.
        """
        waiting = list(sites)
        around: dict[int, None] = {}
        while waiting:
            gone = waiting.pop()
            if not self.graph.neighbours[gone]:
                continue
            if gone not in sites and self.numbers[gone] == SILICON:
                self._retreat(gone)
            near = self._stalely(gone)
            around.update(dict.fromkeys(near))
            if self.graph.remove(gone):
                waiting += self._afloat(near)
            if not waiting:
                waiting = [site for site in self.graph.changed if self._loose(site)]
        self._close(list(around))
        self.settle([v for v in around if self.graph.neighbours[v]])

    def _stalely(self, *sites: int) -> list[int]:
        """Neighbours of sites; their rows of the table are out of date, as are those of the sites."""
        near = [v for site in sites for v in self.graph.neighbours[site]]
        self._stale.update(dict.fromkeys([*sites, *near]))
        return near

    def _loose(self, site: int) -> bool:
        bonds = len(self.graph.neighbours[site])
        return bonds == 1 or (bonds == 2 and min(self.graph.ring_sizes(site)) >= OPEN)

    def _retreat(self, site: int) -> None:
        carbon = [v for v in self.graph.neighbours[site] if self.numbers[v] == CARBON]
        if carbon:
            self._swap(site, carbon[0])

    def _afloat(self, sites: list[int]) -> list[int]:
        """Sites of small pieces that were cut off."""
        pieces = [self.graph.piece(site, FRAGMENT) for site in sites]
        if all(piece is not None for piece in pieces):
            return []  # all that is left is small
        return [site for piece in pieces if piece is not None for site in piece]

    def trim(self) -> None:
        """Take away what hangs loose anywhere."""
        self.leave(*[site for site, around in enumerate(self.graph.neighbours) if around and self._loose(site)])

    def rotate(self, a: int, b: int, *, clockwise: bool) -> None:
        """Turn the bond between two sites by 90°."""
        near = self._stalely(a, b)
        self.graph.rotate(a, b, clockwise=clockwise)
        half = self.offset(a, b) / 2.0
        centre = self.positions[a] + half
        turned = np.array([half[1], -half[0]]) if clockwise else np.array([-half[1], half[0]])
        self.positions[a], self.positions[b] = centre - turned, centre + turned
        self.settle([*near, a, b])

    def exchange(self, a: int, b: int) -> None:
        """Let the atoms on two neighbouring sites change places."""
        self._swap(a, b)
        self._close([a, b])
        self.settle([a, b])

    def place(self, site: int, number: int) -> None:
        """Put an atom of another element on a site; it has the identity of the one that was there."""
        self.numbers[site] = number
        self.graph.changed[site] = None

    def _swap(self, a: int, b: int) -> None:
        for values in (self.numbers, self.identity):
            values[[a, b]] = values[[b, a]]
        self.graph.changed.update(dict.fromkeys((a, b)))

    def _close(self, sites: list[int]) -> None:
        """Bind atoms that lack a bond across small vacancies at sites; silicon first, then the nearest."""
        while True:
            faces = dict.fromkeys(number for site in sites for number in self.graph.faces_at(site))
            found = [bond for number in faces for bond in self._closing(number)]
            if not found:
                return
            *_, a, b, number = min(found)
            self.graph.bind(a, b, number)
            self._stale.update(dict.fromkeys((a, b)))

    def _closing(self, number: int) -> list[tuple[int, float, int, int, int]]:
        """Bonds that may close a face: without silicon, Å, two sites, the face."""
        walk = self.graph.faces[number]
        if len(walk) > VACANCY:
            return []
        found = []
        for a, b in combinations([site for site in walk if self.free(site)], 2):
            apart = float(np.linalg.norm(self.offset(a, b)))
            if apart <= REACH and self._joins(a, b, number):
                found.append((int(SILICON not in (self.numbers[a], self.numbers[b])), apart, a, b, number))
        return found

    def free(self, site: int) -> int:
        """Bonds that the atom on a site lacks."""
        return VALENCE[int(self.numbers[site])] - len(self.graph.neighbours[site])

    def settle(self, sites: list[int] | None = None) -> None:
        """Let the atoms within a few bonds of sites come to rest; all atoms where no sites are given."""
        self._refresh()
        if sites is None:
            free = around = np.flatnonzero(self._table[:, 0] >= 0)
        else:
            free = np.array(list(dict.fromkeys(sites)), np.int64)
            for _ in range(HOPS):
                free = self._wider(free)
            around = self._wider(free)
        if len(free):
            spring = springs(self._table, self.positions, self.numbers, around=around, cell=self.cell)
            self.positions = rest(spring, self.positions, free)

    def _joins(self, a: int, b: int, number: int) -> bool:
        """Whether a bond across a face may be made: it leaves rings that are large enough on both sides."""
        walk = self.graph.faces[number]
        if b in self.graph.neighbours[a] or walk.count(a) != 1 or walk.count(b) != 1:
            return False
        between = abs(walk.index(a) - walk.index(b))
        return min(between, len(walk) - between) + 1 >= SMALLEST

    def _refresh(self) -> None:
        for site in self._stale:
            row = self.graph.neighbours[site]
            self._table[site] = row + [-1] * (MOST - len(row))
        self._stale.clear()

    def _wider(self, sites: IntArray) -> IntArray:
        found = np.unique(np.concatenate([sites, self._table[sites].ravel()]))
        return found[found >= 0]

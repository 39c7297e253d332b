"""Bonds of a flat sheet as a planar graph: neighbours in their order around each atom, and the rings they enclose.

The graph knows no positions, only the cyclic order of the bonds around each site (a rotation system: Mohar & Thomassen,
Graphs on Surfaces, 2001, chapter 3). Rings are its faces, holes and the outside of an open sheet among them: to the
left of the directed bond u → v runs one face, which goes on from v along the bond next clockwise from that to u. A
change of bonds retraces only the faces that it touches, so that a movie of a sheet costs what changes in it.

Counting ends of bonds gives Euler's relation for any such graph, Σ_rings (6 − n) + 2 Σ_sites (3 − d) = 6χ, with n the
size of a ring and d the number of bonds of a site; χ is 0 for a periodic sheet and 2 for each piece of an open one.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

OPEN = 10  # sites around a face from which on it is a hole and no ring: the largest vacancy that closes has nine
FEWEST = 4  # atoms of a ring


class BondGraph:
    """Sites 0 … n − 1 and the bonds between them; changed in place.

    Parameters
    ----------
    neighbours
        Neighbours of each site, counter-clockwise.

    Attributes
    ----------
    neighbours
        As given, kept up to date; empty for a site that was removed.
    faces
        Sites around each face, counter-clockwise as seen from inside, by a number that no other face will ever have.
        A site that a bond hangs into a face at stands in it more than once.
    changed
        Sites whose neighbours or rings changed since somebody last emptied this; those around a hole only where the
        hole changed. A dict without values, for its order.
    """

    def __init__(self, neighbours: Iterable[Sequence[int]]) -> None:
        self.neighbours: list[list[int]] = [list(row) for row in neighbours]
        self.faces: dict[int, list[int]] = {}
        self.changed: dict[int, None] = {}
        self._face: dict[tuple[int, int], int] = {}
        self._next = 0
        self._trace([(u, v) for u, row in enumerate(self.neighbours) for v in row])

    def face(self, u: int, v: int) -> int:
        """Return the number of the face to the left of the bond u → v."""
        return self._face[u, v]

    def faces_at(self, site: int) -> list[int]:
        """Numbers of the faces at a site, one for each of its bonds, counter-clockwise."""
        return [self._face[site, v] for v in self.neighbours[site]]

    def ring_sizes(self, site: int) -> list[int]:
        """Sizes of the faces at a site, counter-clockwise."""
        return [len(self.faces[number]) for number in self.faces_at(site)]

    def _following(self, u: int, v: int) -> int:
        around = self.neighbours[v]
        return around[around.index(u) - 1]

    def _trace(self, directed: Iterable[tuple[int, int]]) -> None:
        """Give numbers to the faces to the left of bonds that have none."""
        for start in directed:
            if start in self._face:
                continue
            walk, (u, v) = [], start
            while True:
                self._face[u, v] = self._next
                walk.append(u)
                u, v = v, self._following(u, v)
                if (u, v) == start:
                    break
            self.faces[self._next] = walk
            self._next += 1
            self._mark(walk)

    def _mark(self, walk: list[int]) -> None:
        if len(walk) < 2 * OPEN:
            self.changed.update(dict.fromkeys(walk))

    def _untrace(self, sites: Iterable[int]) -> list[tuple[int, int]]:
        """Forget the faces at sites; return the directed bonds along them."""
        numbers = dict.fromkeys(number for site in sites for number in self.faces_at(site))
        along = []
        for number in numbers:
            walk = self.faces.pop(number)
            self._mark(walk)
            along += list(pairwise([*walk, walk[0]]))
        for bond in along:
            del self._face[bond]
        self.changed.update(dict.fromkeys(sites))
        return along

    def remove(self, site: int) -> bool:
        """Take a site out with its bonds; its faces become one. Return whether that may have cut the sheet in two.

        It cannot have where all faces at the site were different ones.
        """
        numbers = self.faces_at(site)
        along = self._untrace([site])
        around, self.neighbours[site] = self.neighbours[site], []
        for v in around:
            self.neighbours[v].remove(site)
        self.changed.update(dict.fromkeys(around))
        self._trace((u, v) for u, v in along if site not in (u, v))
        return len(set(numbers)) < len(numbers)

    def bind(self, a: int, b: int, face: int) -> None:
        """Add a bond across a face that both sites are on, which becomes two."""
        walk = self.faces[face]
        after_a, after_b = (walk[(walk.index(site) + 1) % len(walk)] for site in (a, b))
        along = self._untrace([a, b])
        self.neighbours[a].insert(self.neighbours[a].index(after_a) + 1, b)
        self.neighbours[b].insert(self.neighbours[b].index(after_b) + 1, a)
        self._trace([*along, (a, b), (b, a)])

    def rotation(self, a: int, b: int, *, clockwise: bool) -> tuple[int, int] | None:
        """Neighbours that a and b swap where the bond between them turns by 90°; None where it cannot turn."""
        step = -1 if clockwise else 1
        ends = []
        for u, v in ((a, b), (b, a)):
            around = self.neighbours[u]
            ends.append(around[(around.index(v) + step) % len(around)])
        p, q = ends
        if p in (b, q) or q == a or q in self.neighbours[a] or p in self.neighbours[b]:
            return None
        return p, q

    def turning_cost(self, a: int, b: int, *, clockwise: bool) -> float:
        """Return what turning a bond adds to Σ (n − 6)² over the rings; a hole counts as the largest ring.

        Making a Stone–Wales defect of four hexagons costs 4, healing it −4, moving a pair of five and seven nothing.
        Infinite where the bond cannot turn, or a ring of less than `FEWEST` would come of it.
        """
        found = self.rotation(a, b, clockwise=clockwise)
        if found is None:
            return float("inf")
        (p, q), change = found, dict[int, int]()
        ends = ((p, a), (q, b)) if clockwise else ((a, p), (b, q))
        for bond, by in (((a, b), -1), ((b, a), -1), (ends[0], 1), (ends[1], 1)):
            number = self._face[bond]
            change[number] = change.get(number, 0) + by
        cost = 0.0
        for number, by in change.items():
            size = len(self.faces[number])
            if size + by < FEWEST:
                return float("inf")
            cost += (min(size + by, OPEN) - 6) ** 2 - (min(size, OPEN) - 6) ** 2
        return cost

    def rotate(self, a: int, b: int, *, clockwise: bool) -> None:
        """Turn the bond between two sites by 90°, as a Stone–Wales defect is made and healed.

        The same turn backwards undoes it.

        Raises
        ------
        ValueError
            The bond cannot turn, for a bond that it would make is there.
        """
        found = self.rotation(a, b, clockwise=clockwise)
        if found is None:
            raise ValueError(f"the bond {a}–{b} cannot turn; ask rotation first")
        p, q = found
        along = self._untrace([a, b])
        for site, lost, gained, other in ((a, p, q, b), (b, q, p, a)):
            around = self.neighbours[site]
            around.remove(lost)
            around.insert(around.index(other) + clockwise, gained)
            far = self.neighbours[lost]
            far[far.index(site)] = other
        new = {bond for site in (a, b, p, q) for v in self.neighbours[site] for bond in ((site, v), (v, site))}
        there = [(u, v) for u, v in along if v in self.neighbours[u]]
        self._trace([*there, *sorted(new)])
        self.changed.update(dict.fromkeys((p, q)))

    def piece(self, site: int, largest: int) -> list[int] | None:
        """Sites that hang together with one, itself included; None where they are more than `largest`."""
        found = {site: None}
        waiting = [site]
        while waiting:
            for v in self.neighbours[waiting.pop()]:
                if v not in found:
                    found[v] = None
                    waiting.append(v)
            if len(found) > largest:
                return None
        return list(found)

"""What the beam does to a sheet of graphene from frame to frame: a kinetic Monte Carlo of its bond graph.

Processes, each with a rate: carbon leaves (knock-on) from edges, from defects and from perfect lattice; bonds turn by
90°, which makes, moves and heals Stone–Wales defects and dislocations; silicon changes places with a carbon neighbour
(Susi et al., Phys. Rev. Lett. 113 (2014) 115501), by which it hops through the lattice and is drawn to edges and
defects. After each event small vacancies close and the neighbourhood comes to rest (`bonded_sheet`, `springs`).

Times between events are drawn as by Bortz, Kalos & Lebowitz, J. Comput. Phys. 17 (1975) 10, with rejection: an event is
proposed at the highest rate that its kind of site can have, and happens with the ratio of its own rate to that. Its
distribution is the same, and an event costs what changes, not the size of the sheet.

Rates are phenomenological: real ones depend on the energy and the dose rate of the beam (Meyer et al., Phys. Rev. Lett.
108 (2012) 196102), and edges are also etched chemically. The defaults are judgements that open holes by nanometres in
a hundred frames; none was fitted.
"""

from collections.abc import Callable, Iterator

import numpy as np
from pydantic import Field

from passband.recipe import Recipe
from passband.specimen.sheets.bonded_sheet import ABSENT, CARBON, DEFECT, EDGE, LATTICE, SILICON, BondedSheet
from passband.specimen.sheets.graphene import Graphene, bonded_graphene
from passband.specimen.sheets.sheet import BondedAtoms, bonded_atoms
from passband.specimen.sheets.springs import IntArray, shortest

HIGHEST = 10.0  # events of an atom in a frame; more than that and a frame shows nothing of them
SLOTS = 3  # bonds of a site that are proposed; those of four-fold silicon never turn
COSTLIEST = 4.0  # what a turning bond may add to Σ (n − 6)²: as much as a Stone–Wales defect


class BeamDamage(Recipe):
    """Rates of what a beam does to a sheet, per frame; and the pull on silicon.

    Attributes
    ----------
    frames
        Their number; the first is the sheet as it was.
    knock_on_edge
        Of a carbon atom with two bonds or fewer, to leave.
    knock_on_defect
        Of one with three bonds on a ring of other than six, or at a hole: next to a divacancy, say.
    knock_on_lattice
        Of one in perfect lattice.
    knock_on_silicon
        Of a silicon atom anywhere.
    rotation
        Of a bond between carbon atoms, to turn where that makes rings less alike, as a Stone–Wales defect; never where
        it would cost more than one in perfect lattice.
    migration
        Of a bond to turn where that leaves Σ (n − 6)² of the rings as it is, so that defects move.
    reversal
        Of a bond to turn where that brings rings nearer to six: the reverse of `rotation`.
    exchange
        Of a bond between silicon and carbon, for the two to change places, where that brings silicon no energy.
    attraction
        Depth of the energy of silicon at an edge, in units of the effective thermal energy kT. An exchange that costs
        ΔU of it happens exp(−ΔU/kT) times as often.
    defect_attraction
        At a ring of other than six, likewise.
    attraction_range
        Å, over which the pull falls to 1/e.
    """

    frames: int = Field(default=50, ge=1, le=100_000)
    knock_on_edge: float = Field(default=0.04, ge=0, le=HIGHEST)
    knock_on_defect: float = Field(default=5e-4, ge=0, le=HIGHEST)
    knock_on_lattice: float = Field(default=1e-6, ge=0, le=HIGHEST)
    knock_on_silicon: float = Field(default=0.0, ge=0, le=HIGHEST)
    rotation: float = Field(default=2e-5, ge=0, le=HIGHEST)
    migration: float = Field(default=0.01, ge=0, le=HIGHEST)
    reversal: float = Field(default=0.1, ge=0, le=HIGHEST)
    exchange: float = Field(default=0.3, ge=0, le=HIGHEST)
    attraction: float = Field(default=3.0, ge=0, le=50)
    defect_attraction: float = Field(default=1.5, ge=0, le=50)
    attraction_range: float = Field(default=5.0, gt=0, le=100)


class _SiteSet:
    """A set of sites that one can be drawn from, in the time that one takes."""

    def __init__(self, size: int) -> None:
        self._members = np.zeros(size, np.int64)
        self._place = np.full(size, -1, np.int64)
        self.count = 0

    def put(self, site: int, inside: bool) -> None:
        place = int(self._place[site])
        if inside == (place >= 0):
            return
        if inside:
            place = self.count
            self.count += 1
            self._members[place], self._place[site] = site, place
        else:
            self.count -= 1
            last = int(self._members[self.count])
            self._members[place], self._place[last], self._place[site] = last, place, -1

    def draw(self, rng: np.random.Generator) -> int:
        return int(self._members[int(rng.integers(self.count))])

    def all(self) -> IntArray:
        return self._members[: self.count]


class SheetKinetics:
    """A bonded sheet under the beam; `advance` changes it in place.

    Parameters
    ----------
    sheet
        As it is at the start.
    """

    def __init__(self, sheet: BondedSheet, damage: BeamDamage, *, rng: np.random.Generator) -> None:
        self.sheet, self._damage, self._rng = sheet, damage, rng
        self._sites = {kind: _SiteSet(len(sheet.kind)) for kind in (LATTICE, DEFECT, EDGE)}
        self._silicon = _SiteSet(len(sheet.kind))
        sheet.classify()
        self._update([*range(len(sheet.kind))])
        turning = max(damage.rotation, damage.migration, damage.reversal)
        #: Rate of each process for one site, the sites that it is proposed for, and what it does.
        self._processes: list[tuple[float, _SiteSet, Callable[[int], None]]] = [
            (damage.knock_on_edge, self._sites[EDGE], self._knock_on),
            (damage.knock_on_defect, self._sites[DEFECT], self._knock_on),
            (damage.knock_on_lattice, self._sites[LATTICE], self._knock_on),
            (damage.knock_on_silicon, self._silicon, self.sheet.leave),
            (SLOTS * turning, self._sites[EDGE], self._turn_defect),
            (SLOTS * turning, self._sites[DEFECT], self._turn_defect),
            (SLOTS * damage.rotation, self._sites[LATTICE], self._turn_lattice),
            (SLOTS * damage.exchange, self._silicon, self._exchange),
        ]
        self._turning = turning

    def advance(self) -> None:
        """Let the time of one frame pass."""
        time = 0.0
        while True:
            rates = np.cumsum([rate * sites.count for rate, sites, _ in self._processes])
            if rates[-1] == 0.0:
                return
            time += float(self._rng.exponential(1.0 / rates[-1]))
            if time >= 1.0:
                return
            chosen = int(np.searchsorted(rates, self._rng.random() * rates[-1], side="right"))
            _, sites, happen = self._processes[min(chosen, len(self._processes) - 1)]
            happen(sites.draw(self._rng))
            self._update(self.sheet.classify())

    def _update(self, sites: list[int]) -> None:
        for site in sites:
            kind = self.sheet.kind[site]
            for one, members in self._sites.items():
                members.put(site, kind == one)
            self._silicon.put(site, bool(kind != ABSENT and self.sheet.numbers[site] == SILICON))

    def _knock_on(self, site: int) -> None:
        if self.sheet.numbers[site] == CARBON:
            self.sheet.leave(site)

    def _neighbour(self, site: int) -> int | None:
        around = self.sheet.graph.neighbours[site]
        slot = int(self._rng.integers(SLOTS))
        return around[slot] if slot < len(around) <= SLOTS else None

    def _turn_lattice(self, site: int) -> None:
        """Turn a bond in perfect lattice; those to a defect are proposed from there."""
        other = self._neighbour(site)
        if other is not None and self.sheet.kind[other] == LATTICE:
            self._turn(site, other, 2.0 * self._damage.rotation)  # it is proposed from either end

    def _turn_defect(self, site: int) -> None:
        other = self._neighbour(site)
        if other is not None:
            ends = 1.0 if self.sheet.kind[other] == LATTICE else 2.0
            self._turn(site, other, ends * self._turning)

    def _turn(self, site: int, other: int, proposed: float) -> None:
        """Turn a bond proposed at a rate, either way with the same probability, as often as it should."""
        sheet, clockwise = self.sheet, bool(self._rng.integers(2))
        if sheet.numbers[site] != CARBON or sheet.numbers[other] != CARBON:
            return
        cost = sheet.graph.turning_cost(site, other, clockwise=clockwise)
        if cost > COSTLIEST:
            return
        rate = self._damage.migration if cost == 0 else self._damage.rotation if cost > 0 else self._damage.reversal
        if self._rng.random() * proposed < rate:
            sheet.rotate(site, other, clockwise=clockwise)

    def _exchange(self, site: int) -> None:
        other = self._neighbour(site)
        if other is None or self.sheet.numbers[other] != CARBON:
            return
        cost = self._energy(other) - self._energy(site)
        if self._rng.random() < np.exp(-max(0.0, cost)):
            self.sheet.exchange(site, other)

    def _energy(self, site: int) -> float:
        """Of silicon on a site, in kT: the deeper of what edges and defects give."""
        depth = 0.0
        for strength, kind in ((self._damage.attraction, EDGE), (self._damage.defect_attraction, DEFECT)):
            if strength > 0.0 and self._sites[kind].count:
                there = self.sheet.positions[self._sites[kind].all()]
                offset = shortest(there - self.sheet.positions[site], self.sheet.cell)
                nearest = float(np.sqrt((offset**2).sum(axis=1).min()))
                depth = max(depth, strength * float(np.exp(-nearest / self._damage.attraction_range)))
        return -depth


def damage_movie(graphene: Graphene, damage: BeamDamage, *, rng: np.random.Generator) -> Iterator[BondedAtoms]:
    """Frames of a sheet under the beam, one after another; the same ones for the same recipes and generator.

    `parameters` of each frame have its number, `frame`. An atom keeps its identity through all of them.

    Raises
    ------
    PassbandError
        As `graphene` does.
    """
    sheet, field = bonded_graphene(graphene, rng=rng)
    kinetics = SheetKinetics(sheet, damage, rng=rng)
    recipes = {"recipe": graphene.model_dump(mode="json"), "damage": damage.model_dump(mode="json")}
    for frame in range(damage.frames):
        if frame:
            kinetics.advance()
        yield bonded_atoms(sheet, field=field, margin=graphene.margin, parameters=recipes | {"frame": frame})

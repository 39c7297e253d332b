"""A sheet under the beam: what its rates say happens, and nothing else."""

from itertools import pairwise

import numpy as np
import pytest

from passband.specimen.sheets.bonded_sheet import CARBON, DEFECT, EDGE, LATTICE, SILICON
from passband.specimen.sheets.damage import BeamDamage, SheetKinetics, damage_movie
from passband.specimen.sheets.defects import PointDefects
from passband.specimen.sheets.graphene import Graphene, bonded_graphene

KNOCK_ON = ("knock_on_edge", "knock_on_defect", "knock_on_lattice")
STILL = dict.fromkeys((*KNOCK_ON, "rotation", "migration", "reversal", "exchange"), 0.0)
HOLE = {"holes": 1, "hole_diameter": 15.0, "hole_roughness": 0.1}


def movie(graphene, damage, seed=0):
    return list(
        damage_movie(
            Graphene(**{"field": 50.0} | graphene), BeamDamage(**STILL | damage), rng=np.random.default_rng(seed)
        )
    )


def test_nothing_happens_at_rates_of_zero():
    frames = movie(HOLE, {"frames": 3})
    assert len(frames) == 3
    assert [frame.parameters["frame"] for frame in frames] == [0, 1, 2]
    assert all(frame.atoms.positions.tobytes() == frames[0].atoms.positions.tobytes() for frame in frames)


def test_same_seed_same_bytes():
    damage = {"frames": 6, "knock_on_edge": 0.1, "rotation": 1e-3, "migration": 0.1, "reversal": 0.1, "exchange": 1.0}
    graphene = HOLE | {"defects": PointDefects(silicon_3=5)}
    once, again, other = (movie(graphene, damage, seed) for seed in (1, 1, 2))
    for a, b in zip(once, again, strict=True):
        assert a.atoms.positions.tobytes() == b.atoms.positions.tobytes()
        for name in ("identity", "label", "bonds", "ring_sizes", "ring_atoms", "edge_distance"):
            assert getattr(a, name).tobytes() == getattr(b, name).tobytes()
    assert once[-1].atoms.positions.tobytes() != other[-1].atoms.positions.tobytes()


def test_holes_grow_and_atoms_never_come_back():
    frames = movie(HOLE, {"frames": 20, "knock_on_edge": 0.05})
    area = [frame.parameters["open_area"] for frame in frames]
    atoms = [len(frame.atoms) for frame in frames]
    assert atoms[-1] < atoms[0] - 20
    for (before, after), lost in zip(pairwise(area), -np.diff(atoms), strict=True):
        assert after > before if lost else after == before
    taken = (area[-1] - area[0]) / ((atoms[0] - atoms[-1]) / 0.3818)  # of what an atom has in the lattice
    assert 1.0 < taken < 1.6  # with each goes a ring or more, and the edge atoms stay
    for before, after in pairwise(frames):
        assert set(after.identity.tolist()) <= set(before.identity.tolist())
    assert all(frame.parameters["holes"] == 1 for frame in frames)


def test_atoms_keep_their_identity_while_the_sheet_changes_around_them():
    frames = movie(
        HOLE | {"defects": PointDefects(silicon_3=6)}, {"frames": 15, "knock_on_edge": 0.05, "exchange": 1.0}
    )
    cell = frames[0].atoms.cell.lengths()[:2]
    silicon = set(frames[0].identity[frames[0].atoms.numbers == 14].tolist())
    moved = 0
    for before, after in pairwise(frames):
        assert set(after.identity[after.atoms.numbers == 14].tolist()) <= silicon
        _, here, there = np.intersect1d(before.identity, after.identity, return_indices=True)
        offset = (after.atoms.positions[there] - before.atoms.positions[here])[:, :2]
        distance = np.linalg.norm(offset - cell * np.round(offset / cell), axis=1)
        assert np.median(distance) < 0.05
        assert (distance > 1.0).mean() < 0.03  # silicon, and the carbon that it changed places with
        moved += int((distance > 1.0).sum())
    assert moved > 10


@pytest.mark.parametrize(("kind", "rate"), [(EDGE, "knock_on_edge"), (DEFECT, "knock_on_defect")])
def test_atoms_leave_at_their_rate(kind, rate):
    """Of a small rate, the number that leaves in one frame is Poisson; 40 sheets give its mean within 4 of its σ."""
    lost = expected = 0.0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        sheet, _ = bonded_graphene(Graphene(field=40.0, **HOLE), rng=rng)
        events = []
        sheet.leave = lambda *sites, kept=events: kept.append(sites[0])  # counted, not done
        SheetKinetics(sheet, BeamDamage(**STILL | {rate: 0.1}), rng=rng).advance()
        expected += 0.1 * (sheet.kind == kind).sum()
        assert all(sheet.kind[site] == kind for site in events)
        lost += len(events)
    assert abs(lost - expected) < 4.0 * np.sqrt(expected)


def test_bonds_turn_at_their_rate_wherever_they_are():
    """Perfect bonds from perfect sites, and those beside a defect from there: none is proposed twice."""
    made = expected = 0.0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        sheet, _ = bonded_graphene(Graphene(field=40.0, defects=PointDefects(stone_wales=3)), rng=rng)
        costs = [
            sheet.graph.turning_cost(int(a), int(b), clockwise=way) for a, b in sheet.bonds() for way in (False, True)
        ]
        turned = []
        sheet.rotate = lambda a, b, *, clockwise, kept=turned: kept.append((a, b))
        SheetKinetics(sheet, BeamDamage(**STILL | {"rotation": 0.02, "reversal": 0.5}), rng=rng).advance()
        expected += 0.02 * sum(0 < cost <= 4 for cost in costs) / 2 + 0.5 * sum(cost < 0 for cost in costs) / 2
        made += len(turned)
    assert abs(made - expected) < 4.0 * np.sqrt(expected)


def test_bonds_between_two_defect_atoms_heal_at_their_rate_too():
    """Both ends propose them, so that each proposal counts half: the bond between the fives of a Stone–Wales defect."""
    made = expected = 0.0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        sheet, _ = bonded_graphene(Graphene(field=40.0, defects=PointDefects(stone_wales=6)), rng=rng)
        turned = []
        sheet.rotate = lambda a, b, *, clockwise, kept=turned: kept.append((a, b))
        SheetKinetics(sheet, BeamDamage(**STILL | {"reversal": 0.5}), rng=rng).advance()
        bonds = [(int(a), int(b)) for a, b in sheet.bonds()]
        expected += 0.25 * sum(sheet.graph.turning_cost(*bond, clockwise=way) < 0 for bond in bonds for way in (0, 1))
        made += len(turned)
    assert abs(made - expected) < 4.0 * np.sqrt(expected)


def test_no_turn_costs_more_than_a_stone_wales_defect():
    rng = np.random.default_rng(0)
    sheet, _ = bonded_graphene(Graphene(field=40.0, defects=PointDefects(stone_wales=8)), rng=rng)
    costs = []
    sheet.rotate = lambda a, b, *, clockwise: costs.append(sheet.graph.turning_cost(a, b, clockwise=clockwise))
    SheetKinetics(sheet, BeamDamage(**STILL | {"rotation": 5.0}), rng=rng).advance()
    assert len(costs) > 1000
    assert 0 < min(costs) <= max(costs) == 4


def test_silicon_leaves_at_its_own_rate_only():
    sheet, _ = bonded_graphene(Graphene(field=40.0, **HOLE), rng=np.random.default_rng(0))
    edge = np.flatnonzero(sheet.kind == EDGE).tolist()
    for site in edge:
        sheet.place(site, SILICON)
    events = []
    sheet.leave = lambda site: events.append(site)
    SheetKinetics(sheet, BeamDamage(**STILL | {"knock_on_edge": 10.0}), rng=np.random.default_rng(0)).advance()
    assert events == []
    SheetKinetics(sheet, BeamDamage(**STILL | {"knock_on_silicon": 2.0}), rng=np.random.default_rng(0)).advance()
    assert len(events) == pytest.approx(2.0 * len(edge), abs=4.0 * np.sqrt(2.0 * len(edge)))
    assert set(events) <= set(edge)


def test_silicon_goes_back_with_the_edge():
    """Of two edge atoms side by side the carbon one leaves; the silicon beside it hangs loose, and moves on."""
    sheet, _ = bonded_graphene(Graphene(field=40.0, **HOLE), rng=np.random.default_rng(0))
    edge = [int(a) for a in np.flatnonzero(sheet.kind == EDGE)]
    a, b = next((a, b) for a in edge for b in sheet.graph.neighbours[a] if b in edge)
    sheet.place(a, SILICON)
    number = int(sheet.identity[a])
    sheet.leave(b)
    sheet.classify()
    (site,) = np.flatnonzero((sheet.numbers == SILICON) & (sheet.kind >= 0))
    assert sheet.identity[site] == number
    assert site != a


def test_pieces_that_are_cut_off_leave():
    """The atoms five bonds from a site are taken away, and with them goes the island of 31 within."""
    sheet, _ = bonded_graphene(Graphene(field=40.0), rng=np.random.default_rng(0))
    shells = [{0}]
    for _ in range(5):
        grown = {v for site in shells[-1] for v in sheet.graph.neighbours[site]}
        shells.append(shells[-1] | grown)
    ring = sorted(shells[5] - shells[4])
    start = len(sheet.present)
    sheet.leave(*ring)
    sheet.classify()
    assert len(shells[4]) == 31
    assert not any(sheet.graph.neighbours[site] for site in shells[5])
    assert 46 <= start - len(sheet.present) <= 60


def test_stone_wales_defects_heal_by_reversal():
    frames = movie({"defects": PointDefects(stone_wales=5)}, {"frames": 40, "reversal": 0.5})
    assert frames[0].parameters["rings"]["5"] == 10
    assert set(frames[-1].parameters["rings"]) == {"6"}


def test_rotation_makes_fives_and_sevens_and_no_atom_leaves():
    frames = movie({}, {"frames": 6, "rotation": 2e-3})
    assert len(frames[-1].atoms) == len(frames[0].atoms)
    assert frames[-1].parameters["rings"]["5"] >= 6
    assert frames[-1].parameters["rings"]["7"] >= 6
    assert sum((6 - int(n)) * count for n, count in frames[-1].parameters["rings"].items()) == 0  # Euler


def at_edges(attraction, seed, frames=40):
    """Silicon atoms at the edge of a hole that does not grow: at the start, later on average, and if evenly spread."""
    rng = np.random.default_rng(seed)
    graphene = Graphene(field=40.0, defects=PointDefects(silicon_3=12), **HOLE)
    sheet, _ = bonded_graphene(graphene, rng=rng)
    sheet.settle = lambda sites: None  # where atoms come to rest moves no silicon from site to site
    damage = STILL | {"exchange": 2.0, "attraction": attraction, "defect_attraction": 0.0}
    kinetics, counts = SheetKinetics(sheet, BeamDamage(**damage), rng=rng), []
    silicon = int((sheet.numbers[sheet.present] == SILICON).sum())
    for _ in range(frames):
        counts.append(int(((sheet.kind == EDGE) & (sheet.numbers == SILICON)).sum()))
        kinetics.advance()
    return counts[0], np.mean(counts[frames // 3 :]), silicon * (sheet.kind == EDGE).sum() / len(sheet.present)


def test_silicon_goes_to_edges_with_attraction_and_spreads_evenly_without():
    start, drawn, even = np.mean([at_edges(4.0, seed) for seed in range(3)], axis=0)
    assert drawn > start + 3.0
    assert drawn > 5.0 * even
    _, free, even = np.mean([at_edges(0.0, seed) for seed in range(8)], axis=0)
    assert free == pytest.approx(even, abs=0.4)  # sites alike: as many as there are edge sites among all


def test_long_damage_keeps_a_sheet_sound():
    """Bonds stay bonds, atoms stay apart and on rings until little of the sheet is left."""
    damage = BeamDamage(frames=60, knock_on_edge=0.15, knock_on_lattice=1e-4)
    graphene = Graphene(field=40.0, defects=PointDefects(silicon_3=4), **HOLE)
    frames = damage_movie(graphene, damage, rng=np.random.default_rng(4))
    frame = next(frames)
    start = len(frame.atoms)
    while len(frame.atoms) > 0.6 * start:
        degree = np.bincount(frame.bonds.ravel(), minlength=len(frame.atoms))
        assert degree.min() >= 2
        on_rings = frame.ring_atoms[np.repeat(frame.ring_sizes, frame.ring_sizes) < 10]
        assert len(np.unique(on_rings)) == len(frame.atoms)  # no chains
        assert (degree[frame.atoms.numbers == CARBON] <= 3).all()
        assert (degree <= 4).all()
        distances = frame.atoms.get_all_distances(mic=True)
        np.fill_diagonal(distances, np.inf)
        assert distances.min() > 0.9
        assert distances[tuple(frame.bonds.T)].max() < 2.2
        frame = next(frames)
    assert frame.parameters["frame"] > 10


def test_a_sheet_may_vanish():
    frames = movie({"field": 30.0} | HOLE, {"frames": 4, "knock_on_edge": 10.0, "knock_on_defect": 10.0})
    assert len(frames[-1].atoms) == 0
    assert frames[-1].parameters["rings"] == {}
    assert frames[-1].parameters["open_area"] == pytest.approx(np.prod(frames[0].atoms.cell.lengths()[:2]))


def test_kinds_are_those_of_a_divacancy():
    sheet, _ = bonded_graphene(Graphene(field=40.0, defects=PointDefects(divacancies=1)), rng=np.random.default_rng(0))
    sheet.classify()
    assert (sheet.kind == DEFECT).sum() == 14  # around one ring of eight and two of five, which share eight bonds' ends
    assert (sheet.kind == LATTICE).sum() == len(sheet.present) - 14

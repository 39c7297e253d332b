"""Rings of small graphs that are known by hand, and changes of bonds against the graph built anew."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passband.specimen.sheets.bond_graph import BondGraph
from passband.specimen.sheets.honeycomb import LATTICE, crystal_points, network
from passband.specimen.sheets.triangular import commensurate

# two hexagons that share the bond 0–5: naphthalene without hydrogen, counter-clockwise around each site
NAPHTHALENE = [[1, 5, 6], [2, 0], [3, 1], [4, 2], [5, 3], [0, 4, 9], [0, 7], [6, 8], [7, 9], [8, 5]]


def crystal():
    cell = commensurate(30.0, LATTICE)
    points = crystal_points(cell, np.random.default_rng(0))
    return network(points, cell, periodic=True, solid=lambda places: np.ones(len(places), bool)).graph


def sizes(graph):
    return sorted(len(walk) for walk in graph.faces.values())


def turning(walk):
    """A walk from its least rotation on, so that two can be compared."""
    return min(tuple(walk[k:] + walk[:k]) for k in range(len(walk)))


def euler(graph):
    """6χ of a graph, from its rings and bonds."""
    return sum(6 - len(walk) for walk in graph.faces.values()) + 2 * sum(
        3 - len(row) for row in graph.neighbours if row
    )


def test_faces_are_the_rings_and_the_outside():
    graph = BondGraph(NAPHTHALENE)
    assert sizes(graph) == [6, 6, 10]
    assert euler(graph) == 12  # a sphere: χ = 2
    assert graph.ring_sizes(2) == [10, 6] or graph.ring_sizes(2) == [6, 10]


def test_inner_faces_run_counter_clockwise():
    places = {0: (0, 0), 1: (-1, 1), 2: (-2, 1), 3: (-3, 0), 4: (-2, -1), 5: (-1, -1)}
    ring = [[1, 5], [2, 0], [3, 1], [4, 2], [5, 3], [0, 4]]
    graph = BondGraph(ring)
    inner = graph.faces[graph.face(0, 1)]  # from (0, 0) to (−1, 1) the ring lies to the left
    x, y = np.array([places[site] for site in inner]).T
    assert (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() > 0


def test_perfect_sheet_has_rings_of_six_only():
    graph = crystal()
    assert set(sizes(graph)) == {6}
    assert euler(graph) == 0  # a torus: χ = 0


@pytest.mark.parametrize("clockwise", [False, True])
def test_turned_bond_makes_two_fives_and_two_sevens_and_back(clockwise):
    graph = crystal()
    before = [list(row) for row in graph.neighbours]
    assert graph.turning_cost(0, graph.neighbours[0][1], clockwise=clockwise) == 4
    b = graph.neighbours[0][1]
    graph.rotate(0, b, clockwise=clockwise)
    assert [n for n in sizes(graph) if n != 6] == [5, 5, 7, 7]
    assert graph.turning_cost(0, b, clockwise=not clockwise) == -4
    graph.rotate(0, b, clockwise=not clockwise)
    assert [sorted(row) for row in graph.neighbours] == [sorted(row) for row in before]
    assert set(sizes(graph)) == {6}


def test_turns_that_would_double_a_bond_or_make_a_ring_of_three_are_refused():
    triangle = BondGraph([[1, 2], [2, 0], [0, 1]])
    assert triangle.rotation(0, 1, clockwise=False) is None
    assert triangle.turning_cost(0, 1, clockwise=False) == np.inf
    with pytest.raises(ValueError, match="0–1 cannot turn"):
        triangle.rotate(0, 1, clockwise=False)
    squares = BondGraph([[4, 1, 2], [5, 3, 0], [0, 3], [1, 2], [5, 0], [1, 4]])  # two, side by side on the bond 0–1
    assert sizes(squares) == [4, 4, 6]
    assert squares.rotation(0, 1, clockwise=False)
    assert squares.turning_cost(0, 1, clockwise=False) == np.inf


def test_removed_atom_leaves_a_ring_of_twelve():
    graph = crystal()
    assert not graph.remove(7)
    assert [n for n in sizes(graph) if n != 6] == [12]
    assert euler(graph) == 0


def test_bond_divides_a_face():
    graph = BondGraph(NAPHTHALENE)
    outer = graph.face(2, 1)
    assert len(graph.faces[outer]) == 10
    graph.bind(2, 7, outer)
    assert sizes(graph) == [5, 6, 6, 7]  # 2 and 7 are four bonds apart one way round, and six the other
    assert euler(graph) == 12


def test_removal_says_where_the_sheet_may_fall_apart():
    chain = BondGraph([[1], [0, 2], [1]])
    assert chain.remove(1)
    assert chain.piece(0, 5) == [0]
    ring = BondGraph(NAPHTHALENE)
    assert not ring.remove(2)
    assert sorted(ring.piece(0, 9)) == [0, 1, 3, 4, 5, 6, 7, 8, 9]
    assert ring.piece(0, 8) is None


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 2), st.integers(0, 2)), max_size=60))
def test_changes_give_the_faces_that_the_bonds_have(changes):
    graph = crystal()
    seen = set(graph.faces)
    for which, slot, what in changes:
        site = which % len(graph.neighbours)
        around = graph.neighbours[site]
        if what == 0 and around:
            graph.remove(site)
        elif slot < len(around) and graph.rotation(site, around[slot], clockwise=what == 1):
            expected = graph.turning_cost(site, around[slot], clockwise=what == 1)
            cost = sum((min(n, 10) - 6) ** 2 for n in sizes(graph))
            graph.rotate(site, around[slot], clockwise=what == 1)
            if expected < np.inf:
                assert sum((min(n, 10) - 6) ** 2 for n in sizes(graph)) - cost == expected
    anew = BondGraph(graph.neighbours)
    assert sorted(map(turning, graph.faces.values())) == sorted(map(turning, anew.faces.values()))
    assert all(a in graph.neighbours[b] for a, row in enumerate(graph.neighbours) for b in row)
    assert not any(number in seen and len(graph.faces[number]) != 6 for number in graph.faces)

"""Springs of a sheet: forces, elastic moduli of graphene, and what is at rest."""

import numpy as np
import pytest
from scipy.optimize import check_grad

from passband.specimen.sheets.bonded_sheet import SILICON
from passband.specimen.sheets.honeycomb import LATTICE, crystal_points, network
from passband.specimen.sheets.springs import ANGLE, BOND, CARBON_BOND, SILICON_BOND, inside, rest, shortest, springs
from passband.specimen.sheets.triangular import commensurate

EV_PER_SQUARE_ANGSTROM = 16.0218  # N/m


def sheet(field=30.0):
    cell = commensurate(field, LATTICE)
    points = crystal_points(cell, np.random.default_rng(0))
    return network(points, cell, periodic=True, solid=lambda places: np.ones(len(places), bool))


def all_springs(sheet, cell):
    table = np.array(sheet.graph.neighbours)
    table = np.pad(table, ((0, 0), (0, 1)), constant_values=-1)
    return springs(table, sheet.positions, sheet.numbers, around=np.arange(len(table)), cell=cell)


def stretched(strain):
    """Energy in eV/Å² of a perfect sheet after x → x + strain·x and its atoms came to rest."""
    one = sheet()
    cell = one.cell * (1.0 + np.diag(strain))
    one.positions = one.positions @ (np.eye(2) + strain)
    spring = all_springs(one, cell)
    settled = rest(spring, one.positions, np.arange(len(one.positions)))
    return spring.energy(settled @ [1.0, 1.0j])[0] / np.prod(one.cell)


def test_perfect_sheet_is_at_rest():
    one = sheet()
    energy, gradient = all_springs(one, one.cell).energy(one.positions @ [1.0, 1.0j])
    assert energy == pytest.approx(0.0, abs=1e-9)
    assert np.abs(gradient).max() < 1e-6


def test_forces_are_the_slope_of_the_energy():
    rng = np.random.default_rng(0)
    one = sheet()
    one.place(3, SILICON)
    one.leave(40)
    shaken = one.positions + 0.1 * rng.standard_normal(one.positions.shape)
    one.settle()
    table = np.full((len(shaken), 4), -1)
    for site, row in enumerate(one.graph.neighbours):
        table[site, : len(row)] = row
    spring = springs(table, shaken, one.numbers, around=np.flatnonzero(table[:, 0] >= 0), cell=one.cell)
    flat = (shaken @ [1.0, 1.0j]).view(float)
    wrong = check_grad(
        lambda x: spring.energy(x.view(complex))[0], lambda x: spring.energy(x.view(complex))[1].view(float), flat
    )
    assert wrong < 1e-3  # eV/Å, by finite differences of the size of the square root of the rounding error


def test_bulk_modulus_is_that_of_the_bond_springs():
    strain = 1e-3
    modulus = 2.0 * stretched(np.eye(2) * strain) / (2.0 * strain) ** 2
    assert modulus == pytest.approx(BOND / (2.0 * np.sqrt(3.0)), rel=0.01)  # angles do not change


def test_young_modulus_is_that_of_graphene():
    """340 ± 50 N/m, Lee et al., Science 321 (2008) 385."""
    strain, across = 2e-3, np.linspace(-0.4, 0.0, 9)
    energies = [stretched(np.diag([strain, poisson * strain])) for poisson in across]
    relaxed = np.polynomial.Polynomial.fit(across, energies, 2)
    least = relaxed(float(relaxed.deriv().roots()[0].real))
    assert 2.0 * least / strain**2 * EV_PER_SQUARE_ANGSTROM == pytest.approx(340.0, abs=50.0)


def test_silicon_pushes_its_neighbours_away_and_the_rest_stay():
    one = sheet(40.0)
    before = one.positions.copy()
    one.place(100, SILICON)
    one.settle([100])
    bonds = [np.linalg.norm(one.offset(100, v)) for v in one.graph.neighbours[100]]
    assert min(bonds) > CARBON_BOND + 0.2
    assert max(bonds) < SILICON_BOND
    moved = np.linalg.norm(one.positions - before, axis=1)
    far = np.linalg.norm(shortest(before - before[100], one.cell), axis=1) > 12.0
    assert (moved[far] == 0).all()
    assert moved.max() > 0.2


def test_atoms_that_are_not_bonded_are_kept_apart():
    table = np.array([[1, -1, -1, -1], [0, -1, -1, -1], [3, -1, -1, -1], [2, -1, -1, -1]])
    places = np.array([[0.0, 0.0], [1.42, 0.0], [0.0, 0.8], [1.42, 0.8]])
    spring = springs(table, places, np.full(4, 6), around=np.arange(4), cell=None)
    settled = rest(spring, places, np.arange(4))
    assert 2.09 < np.linalg.norm(settled[2] - settled[0]) < 2.2  # contacts push, and never pull back
    assert np.linalg.norm(settled[1] - settled[0]) == pytest.approx(CARBON_BOND, abs=0.01)


def test_angle_of_two_bonds_opens_to_120_degrees():
    table = np.array([[1, 2, -1, -1], [0, -1, -1, -1], [0, -1, -1, -1]])
    for angle in (0.6, 2.8, 4.0):  # rad; the last is more than half a turn
        places = 1.42 * np.array([[0.0, 0.0], [1.0, 0.0], [np.cos(angle), np.sin(angle)]])
        spring = springs(table, places, np.full(3, 6), around=np.arange(3), cell=None)
        settled = rest(spring, places, np.arange(3))
        a, b = settled[1] - settled[0], settled[2] - settled[0]
        assert np.degrees(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))) == pytest.approx(120.0, abs=0.5)
        assert np.linalg.norm(a) == pytest.approx(CARBON_BOND, abs=0.01)
        bend = min(angle, 2.0 * np.pi - angle) - 2.0 * np.pi / 3.0
        assert spring.energy(places @ [1.0, 1.0j])[0] == pytest.approx(0.5 * ANGLE * bend**2)  # and no contact


def test_positions_are_brought_into_the_cell():
    cell = np.array([10.0, 20.0])
    found = inside(np.array([[-1e-18, 20.0], [10.5, -1.0]]), cell)
    assert found.tolist() == [[0.0, 0.0], [0.5, 19.0]]

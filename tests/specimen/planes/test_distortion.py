"""Displacement fields: dislocations by their Burgers vectors, strain by its size and period, shifts by their limits."""

import numpy as np
import pytest

from passband.specimen.planes.cell import PlaneCells, plane_cell
from passband.specimen.planes.distortion import (
    PlaneDistortion,
    dislocation_pair,
    glide_pair,
    polar_shifts,
    random_shifts,
    smooth_strain,
)

BURGERS = np.array([1.5, -2.0])
CORES = np.array([[4.0, -3.0], [4.0 + 12.0, -3.0 - 16.0]])


def growth(loop, burgers=BURGERS):
    """By how much the displacement grows along a loop, without its jump by the Burgers vector where it is cut."""
    steps = np.diff(dislocation_pair(loop, CORES, burgers), axis=0)
    smooth = np.hypot(*steps.T) < 0.3 * np.hypot(*burgers)
    assert (~smooth).sum() <= 1
    return steps[smooth].sum(axis=0)


def circle(centre, radius):
    angle = np.linspace(0.1, 0.1 + 2.0 * np.pi, 2001)
    return centre + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


@pytest.mark.parametrize("radius", [1.0, 4.0, 9.0])
def test_the_burgers_vector_is_what_a_loop_gathers(radius):
    assert growth(circle(CORES[0], radius)) == pytest.approx(BURGERS, abs=1e-2)
    assert growth(circle(CORES[1], radius)) == pytest.approx(-BURGERS, abs=1e-2)


def test_a_loop_around_both_or_none_gathers_nothing():
    assert growth(circle(CORES.mean(axis=0), 40.0)) == pytest.approx(np.zeros(2), abs=1e-6)
    assert growth(circle(np.array([-30.0, 5.0]), 8.0)) == pytest.approx(np.zeros(2), abs=1e-6)


def test_far_from_its_core_an_edge_dislocation_is_in_equilibrium():
    """Navier's equation of isotropic elasticity, (1 − 2ν) ∇²u + ∇(∇·u) = 0, by differences."""
    step, middle, ratio = 0.05, np.array([30.0, 20.0]), 0.3
    grid = middle + step * np.stack(np.meshgrid(*[np.arange(-2, 3)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    far = np.array([[0.0, 0.0], [1e7, 0.0]])
    u = dislocation_pair(grid, far, np.array([0.5, 0.0])).reshape(5, 5, 2)
    dx, dy = (lambda f: np.gradient(f, step, axis=0)), (lambda f: np.gradient(f, step, axis=1))
    divergence = dx(u[..., 0]) + dy(u[..., 1])
    laplacian = np.stack([dx(dx(u[..., i])) + dy(dy(u[..., i])) for i in (0, 1)], axis=-1)
    force = (1.0 - 2.0 * ratio) * laplacian[2, 2] + np.array([dx(divergence)[2, 2], dy(divergence)[2, 2]])
    assert np.abs(force).max() < 1e-3 * np.abs(dx(divergence)[2, 2])


def test_pairs_lie_on_a_glide_plane_of_a_lattice_vector():
    recipe = PlaneCells(spacing=2.0, sites=1, dumbbell=0.0)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        cell = plane_cell(recipe, rng=rng)
        cores, burgers = glide_pair(cell, 0.3, 30.0, rng=rng)
        apart = cores[1] - cores[0]
        assert abs(apart[0] * burgers[1] - apart[1] * burgers[0]) < 1e-9
        assert apart @ burgers > 0
        assert np.hypot(*burgers) == pytest.approx(2.0)


def test_large_cells_have_no_dislocations():
    cell = plane_cell(PlaneCells(spacing=7.0, sites=1, dumbbell=0.0), rng=np.random.default_rng(0))
    assert glide_pair(cell, 0.0, 30.0, rng=np.random.default_rng(0)) is None


def test_strain_has_its_size_and_repeats_with_the_field():
    rows = np.linspace(0.0, 40.0, 101)
    points = np.stack(np.meshgrid(rows, rows, indexing="ij"), axis=-1).reshape(-1, 2)
    for seed in range(5):
        u = smooth_strain(points, 40.0, 0.02, rng=np.random.default_rng(seed)).reshape(101, 101, 2)
        assert u[0] == pytest.approx(u[-1], abs=1e-9)
        assert u[:, 0] == pytest.approx(u[:, -1], abs=1e-9)
        gradient = np.stack(np.gradient(u[:-1, :-1], rows[1], axis=(0, 1)))[:, 1:-1, 1:-1]
        assert np.sqrt((gradient**2).mean()) == pytest.approx(0.02, rel=0.05)


def test_single_columns_move_by_their_size_and_never_far_beside_a_near_neighbour():
    points, rng = np.zeros((20000, 2)), np.random.default_rng(0)
    recipe = PlaneDistortion(displacement=0.1)
    assert random_shifts(recipe, points, np.full(20000, 4.0), rng=rng).std() == pytest.approx(0.1, rel=0.02)
    assert random_shifts(recipe, points, np.full(20000, 1.0), rng=rng).std() == pytest.approx(0.08, rel=0.02)


def test_a_polar_shift_moves_one_sublattice_to_both_sides_of_a_wall():
    rng = np.random.default_rng(1)
    cell = plane_cell(PlaneCells(spacing=2.5, sites=3, dumbbell=0.0), rng=rng)
    points, site = cell.points(20.0, 0.0)
    recipe = PlaneDistortion(polar=1.0, polar_shift=0.2, domains=1.0)
    shift = polar_shifts(recipe, cell, points, site, rng=rng)
    moved = np.hypot(*shift.T) > 0
    assert len(set(site[moved])) == 1
    assert moved.sum() == (site == site[moved][0]).sum()
    assert np.hypot(*shift[moved].T) == pytest.approx(0.2)
    ways = np.unique(shift[moved].round(9), axis=0)
    assert len(ways) == 2
    assert ways[0] == pytest.approx(-ways[1])

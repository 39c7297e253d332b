"""Cells of films: their periods, columns and steps, and where an interface may cut them."""

import numpy as np
import pytest

from passband.recipe import PassbandError
from passband.specimen.crystal import unit_cell
from passband.specimen.stacks.compounds import MATERIALS, Compound, Zone, material
from passband.specimen.stacks.oriented import matching, oriented_cell

ALL = [(name, zone) for name, one in MATERIALS.items() if isinstance(one, Compound) for zone in one.zones]


def cell_of(name, *zone):
    made_of = material(name)
    return made_of, oriented_cell(made_of, Zone(*zone) if zone else made_of.zones[0])


def names(made_of, cell):
    return [
        "+".join(sorted({made_of.names[k] for k in cell.sublattices[cell.columns == one]}))
        for one in range(cell.columns.max() + 1)
    ]


@pytest.mark.parametrize(("name", "zone"), ALL, ids=lambda one: str(one))
def test_cells_have_the_density_and_the_formula_of_their_crystal(name, zone):
    # shearing monoclinic and orthorhombic cells to right angles changes the volume by 1 − cos 2.1° at most
    made_of, cell = cell_of(name, *zone)
    crystal = unit_cell(made_of.crystal)
    assert len(cell.places) / np.prod(cell.periods) == pytest.approx(len(crystal) / crystal.get_volume(), rel=1.5e-3)
    counts = np.bincount(cell.elements, minlength=100) / len(cell.elements)
    assert counts == pytest.approx(np.bincount(crystal.numbers, minlength=100) / len(crystal))


@pytest.mark.parametrize(("name", "zone"), ALL, ids=lambda one: str(one))
def test_faces_run_between_atoms(name, zone):
    # rejects an interface that cuts a lattice plane, on the edges of the cell and of its parts
    _, cell = cell_of(name, *zone)
    part = cell.places[:, 1] * cell.cells[1]
    away = np.abs(part - np.rint(part)) * cell.step
    assert away.min() > (0.3 if name != "Pt" else 0.6)


@pytest.mark.parametrize(
    ("name", "zone", "periods", "step"),
    [
        ("SrTiO3", ((0, 0, 1), (0, 1, 0)), (3.905, 3.905, 3.905), 3.905),
        ("SrTiO3", ((1, -1, 0), (0, 0, 1)), (5.5225, 3.905, 5.5225), 3.905),
        ("LaFeO3", ((0, 0, 1), (1, 1, 0)), (7.8645, 7.8645, 7.854), 3.932),  # two cubes each way
        ("LaFeO3", ((1, 0, 0), (0, 0, 1)), (5.565, 7.854, 5.557), 3.927),
        ("Si", ((1, -1, 0), (0, 0, 1)), (3.8401, 5.4307, 3.8401), 2.7154),
        ("Si", ((1, -1, 0), (1, 1, 1)), (6.6512, 9.4062, 3.8401), 3.1354),  # steps are double layers, a/√3
        ("MoO3", ((0, 0, 1), (0, 1, 0)), (3.9628, 13.855, 3.6964), 6.9275),
    ],
)
def test_periods_and_steps(name, zone, periods, step):
    _, cell = cell_of(name, *zone)
    np.testing.assert_allclose(cell.periods, periods, atol=1e-3)
    assert cell.step == pytest.approx(step, abs=1e-3)


def test_columns_of_perovskites():
    assert sorted(names(*cell_of("SrTiO3"))) == ["A", "B+O", "O", "O"]
    assert sorted(names(*cell_of("SrTiO3", (1, -1, 0), (0, 0, 1)))) == ["A+O", "A+O", "B", "B", "O", "O"]
    found = names(*cell_of("LaMnO3"))  # 2 × 2 cubes seen along c; rejects the two La of a column taken for two columns
    assert [found.count(kind) for kind in ("A", "B+O", "O")] == [4, 4, 8]
    found = names(*cell_of("WO3"))
    assert [found.count(kind) for kind in ("A", "B+O", "O")] == [0, 4, 8]


def test_dumbbells_are_two_columns_a_quarter_cell_apart():
    made_of, cell = cell_of("Si")
    assert names(made_of, cell) == ["M"] * 4
    seen = cell.places[:, :2] * cell.periods[:2]
    apart = seen[:, None] - seen[None]
    apart -= np.rint(apart / cell.periods[:2]) * cell.periods[:2]
    nearest = np.sort(np.linalg.norm(apart, axis=2), axis=1)[:, 1]
    np.testing.assert_allclose(nearest, 5.4307 / 4, atol=1e-3)


def test_perovskites_end_with_small_metal_and_begin_with_large():
    for name, first in (("SrTiO3", {38, 8}), ("LaFeO3", {57, 8}), ("WO3", {8})):
        _, cell = cell_of(name)
        part = cell.places[:, 1] * cell.cells[1] % 1.0
        assert set(cell.elements[part < 0.5]) == first, name  # of each cube


def test_layers_of_molybdenum_oxide_stay_whole():
    # rejects an edge between Mo and its own oxygen, that is the widest gap between planes of all atoms
    _, cell = cell_of("MoO3")
    heights = np.sort(cell.places[cell.elements == 42, 1] * cell.periods[1])
    np.testing.assert_allclose(np.diff(heights), [2.82, 4.11, 2.82], atol=0.02)  # two to a layer


def test_anchors_are_small_metal_in_the_middle_of_its_distortions():
    _, cell = cell_of("WO3")
    tungsten = cell.places[cell.elements == 74]
    for part, anchor in enumerate(cell.anchors):
        apart = (tungsten - anchor) * cell.cells
        apart = (apart - np.rint(apart)) * cell.periods / cell.cells
        assert np.abs(apart.mean(axis=0)).max() < 0.02, part
        assert np.abs(apart).max() > 0.15  # rejects the place of one tungsten atom


@pytest.mark.parametrize(
    ("film", "substrate", "numbers"),
    [
        (7.854, 3.905, (1, 2)),
        (4.0, 3.905, (1, 1)),
        (3.905, 7.854, (2, 1)),
        (3.4, 10.0, (3, 1)),
        (5.657, 3.905, None),
        (4.5, 4.0, None),
    ],
)
def test_matching_takes_the_fewest_periods(film, substrate, numbers):
    # rejects 2 cells of germanium on 3 of titanate: 3.5 %, and no film grows so
    assert matching(film, substrate, misfit=0.08) == numbers


@pytest.mark.parametrize(
    ("zone", "message"),
    [
        (((0, 0, 1), (0, 0, 1)), r"SrTiO3: beam \[0, 0, 1\] and growth \[0, 0, 1\] are not at right angles; usual is"),
        (((0, 0, 0), (0, 0, 1)), "are not at right angles"),
        (((1, 2, 3), (3, 0, -1)), "no short lattice direction"),
    ],
)
def test_directions_that_make_no_cell_are_refused(zone, message):
    with pytest.raises(PassbandError, match=message) as caught:
        cell_of("SrTiO3", *zone)
    assert "\n" not in str(caught.value)

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from scipy.stats import kstest

from passband.recipe import PassbandError
from passband.specimen.crystal import Crystal, equivalent_planes, nearest_distance, unit_cell
from passband.specimen.faults import stacking
from passband.specimen.materials import CRYSTALS, crystal
from passband.specimen.particle import (
    FCC_ENERGIES,
    build_body,
    fill_body,
    random_orientation,
    rod,
    sphere,
    wulff,
    zone_axis_orientation,
)


def cut(material, *, rng, orientation=None, faults=0, twins=0, shape="sphere", **solid):
    """One particle about the origin, turned at random where no orientation is given."""
    body = build_body(material, shape=shape, **solid)
    turn = random_orientation(rng) if orientation is None else np.asarray(orientation, float)
    return fill_body(material, body.turned(turn), orientation=turn, faults=faults, twins=twins, rng=rng)


def number_density(name):
    cell = unit_cell(crystal(name))
    return len(cell) / cell.get_volume()


@settings(max_examples=20, deadline=None)
@given(name=st.sampled_from(sorted(CRYSTALS)), diameter=st.floats(30, 55), seed=st.integers(0, 2**32))
def test_spheres_hold_volume_times_density_with_bonds_kept(name, diameter, seed):
    planes = stacking(crystal(name))
    atoms = cut(
        crystal(name),
        diameter=diameter,
        faults=2 if planes and planes.faults else 0,
        twins=1 if planes and planes.twins else 0,
        rng=np.random.default_rng(seed),
    )
    expected = np.pi / 6 * diameter**3 * number_density(name)
    # the count over a ball of random centre scatters by about the square root of its surface atoms
    assert abs(len(atoms) - expected) < 4 * expected ** (1 / 3) + 0.02 * expected
    radii = np.linalg.norm(atoms.positions, axis=1)
    assert radii.max() <= diameter / 2 + 1e-6
    assert np.linalg.norm(atoms.positions.mean(axis=0)) < 0.05 * diameter
    closest = cKDTree(atoms.positions).query(atoms.positions, k=2)[0][:, 1].min()
    assert closest == pytest.approx(nearest_distance(crystal(name)), rel=0.005)


@pytest.mark.parametrize("name", ["Fe3O4", "Co3O4", "CdSe"])
def test_particles_keep_stoichiometry(name):
    atoms = cut(crystal(name), diameter=60, rng=np.random.default_rng(1))
    metal = (atoms.numbers != 8).mean() if name != "CdSe" else (atoms.numbers == 48).mean()
    assert metal == pytest.approx(3 / 7 if name != "CdSe" else 0.5, abs=0.01)


def test_wulff_facets_stand_at_distances_in_the_ratio_of_energies():
    gold = crystal("Au")
    body = wulff(gold, 60.0)
    assert len(body.normals) == 8 + 6
    ratio = body.offsets[8:].mean() / body.offsets[:8].mean()
    assert ratio == pytest.approx(FCC_ENERGIES[1, 0, 0])
    atoms = cut(gold, shape="wulff", diameter=60, orientation=np.eye(3), rng=np.random.default_rng(0))
    spacing = {8: gold.cell[0] / np.sqrt(3), 6: gold.cell[0] / 2}
    for plane in ((1, 1, 1), (1, 0, 0)):
        normals = equivalent_planes(gold, plane)
        offset = body.offsets[0] if plane == (1, 1, 1) else body.offsets[8]
        reach = (atoms.positions @ normals.T).max(axis=0)
        assert (reach <= offset + 1e-9).all()
        assert (reach > offset - spacing[len(normals)] - 1e-6).all()  # a whole atomic layer lies under every facet


def test_a_turned_particle_keeps_its_facets():
    turn = random_orientation(np.random.default_rng(3))
    straight, turned = (
        cut(crystal("Au"), shape="wulff", diameter=40, orientation=matrix, rng=np.random.default_rng(0))
        for matrix in (np.eye(3), turn)
    )
    np.testing.assert_allclose(turned.positions @ turn, straight.positions, atol=1e-9)


@pytest.mark.parametrize("name", ["Au", "Fe", "Si", "CdSe", "Fe3O4"])
def test_wulff_diameter_is_that_of_the_sphere_of_equal_volume(name):
    body = wulff(crystal(name), 40.0)
    points = np.random.default_rng(0).uniform(-body.radius, body.radius, (200_000, 3))
    volume = body.contains(points).mean() * (2 * body.radius) ** 3
    assert volume == pytest.approx(np.pi / 6 * 40**3, rel=0.02)
    assert np.linalg.norm(points[body.contains(points)], axis=1).max() > 0.9 * body.radius


def test_rod_lies_along_its_axis():
    body = rod(crystal("CdSe"), 20.0, 3.0)
    atoms = cut(
        crystal("CdSe"), shape="rod", diameter=20, aspect=3, orientation=np.eye(3), rng=np.random.default_rng(0)
    )
    extent = np.ptp(atoms.positions, axis=0)
    assert 54 < extent[2] <= 60
    assert np.hypot(*atoms.positions[:, :2].T).max() <= 10 + 1e-9
    assert len(atoms) == pytest.approx(np.pi * 100 * 60 * number_density("CdSe"), rel=0.05)
    turned = body.turned(np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]))
    assert turned.contains(np.array([[29.0, 0, 0], [0, 0, 29.0], [0, 11.0, 0]])).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("name", "uvw"), [("Au", (1, 1, 0)), ("Au", (1, 1, 2)), ("CdSe", (1, 0, 0)), ("CdSe", (2, 1, 0))]
)
def test_zone_axis_runs_along_the_beam(name, uvw):
    material, rng = crystal(name), np.random.default_rng(4)
    vector = np.array(uvw) @ unit_cell(material).cell.array
    turns = [zone_axis_orientation(material, uvw, rng=rng) for _ in range(8)]
    for turn in turns:
        np.testing.assert_allclose(turn @ vector, [0, 0, np.linalg.norm(vector)], atol=1e-9)
        assert np.linalg.det(turn) == pytest.approx(1.0)
    assert len({tuple(np.round(turn[0], 6)) for turn in turns}) == 8  # the angle about the beam is random


def test_zone_axis_shows_columns():
    turn = zone_axis_orientation(crystal("Au"), (0, 0, 1), rng=np.random.default_rng(0))
    atoms = cut(crystal("Au"), diameter=40, orientation=turn, rng=np.random.default_rng(1))
    columns = np.unique(np.round(atoms.positions[:, :2], 3), axis=0)
    assert len(columns) < len(atoms) / 6  # in a general direction every atom projects to a place of its own


def test_random_orientations_are_uniform():
    rng = np.random.default_rng(7)
    turns = np.array([random_orientation(rng) for _ in range(2000)])
    # the image of any vector is uniform on the sphere, so each coordinate is uniform on [-1, 1] (Archimedes) …
    assert kstest(turns[:, 2, 0], "uniform", (-1, 2)).pvalue > 1e-3
    assert kstest(turns[:, 0, 2], "uniform", (-1, 2)).pvalue > 1e-3
    # … and the trace 1 + 2 cos θ has mean 0 in SO(3), which uniform Euler angles or rotation angles miss
    assert np.trace(turns, axis1=1, axis2=2).mean() == pytest.approx(0.0, abs=0.1)


def test_equivalent_planes_are_drawn_for_faults():
    kept = set()
    for seed in range(12):
        atoms = cut(crystal("Au"), diameter=30, twins=1, orientation=np.eye(3), rng=np.random.default_rng(seed))
        reach = [np.unique(np.round(atoms.positions @ n, 2)).size for n in equivalent_planes(crystal("Au"), (1, 1, 1))]
        kept.add(int(np.argmin(reach)))  # only along the twin's own normal do the layers stay sharp
    assert len(kept) >= 3


def test_same_seed_same_bytes():
    make = [cut(crystal("Cu"), diameter=40, faults=2, rng=np.random.default_rng(s)) for s in (5, 5, 6)]
    assert make[0].positions.tobytes() == make[1].positions.tobytes()
    assert make[0].positions.tobytes() != make[2].positions.tobytes()


GOOD = {"diameter": 40.0}
LEFT_HANDED = np.diag([1.0, 1.0, -1.0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"diameter": 0.0}, "diameter=0 Å must be positive; a 4 nm particle is diameter=40"),
        ({"diameter": float("nan")}, "diameter=nan Å must be positive"),
        ({"shape": "cube"}, "shape='cube' is unknown; write 'sphere', 'wulff' or 'rod'"),
        ({"shape": "rod", "aspect": 0.0}, "aspect=0 must be positive"),
        ({"shape": "rod", "axis": (0, 0, 0)}, "is no direction"),
        ({"orientation": LEFT_HANDED}, "must be a proper rotation matrix"),
        ({"orientation": np.ones(3)}, "must be a proper rotation matrix"),
        ({"shape": "wulff", "surface_energies": {(1, 1, 1): -1.0}}, "must be positive and of a plane"),
        ({"shape": "wulff", "surface_energies": {}}, "do not enclose a volume; add a family"),
        ({"faults": -1}, "must not be negative"),
    ],
)
def test_impossible_particles_are_refused(change, message):
    with pytest.raises(PassbandError, match=message):
        cut(crystal("Au"), **(GOOD | change), rng=np.random.default_rng(0))


def test_open_wulff_shapes_are_refused():
    with pytest.raises(PassbandError, match="do not enclose a volume"):
        wulff(crystal("CdSe"), 40.0, {(0, 0, 1): 1.0, (0, 0, -1): 1.0})


def test_no_default_energies_without_cubic_or_wurtzite():
    cell = (4.6, 4.6, 2.95, 90, 90, 90)
    rutile = Crystal(name="TiO2", spacegroup=136, cell=cell, symbols=("Ti", "O"), basis=((0, 0, 0), (0.3, 0.3, 0)))
    with pytest.raises(PassbandError, match="no default surface energies for TiO2"):
        build_body(rutile, shape="wulff", diameter=40)
    assert sphere(40.0).contains(np.array([[20.5, 0, 0]]), margin=1.0).all()

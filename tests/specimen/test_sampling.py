import hashlib
import json
import subprocess
import sys

import ase.io
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from passband.distribution import Choice, Normal, Uniform
from passband.recipe import PassbandError
from passband.specimen.crystal import Crystal, nearest_distance, unit_cell
from passband.specimen.materials import crystal
from passband.specimen.sampling import SceneDistribution, sample_scene, write_scene

SMALL = {
    "field": 80.0,
    "materials": ("Au",),
    "diameter": Uniform(uniform=(15.0, 30.0)),
    "film_thickness": Uniform(uniform=(10.0, 20.0)),
    "particles": Choice(choice=(2, 3, 4)),
}


def scenes(**change):
    return SceneDistribution(**(SMALL | change))


def images(positions, field):
    """Positions and their eight neighbours: a periodic search that does not trust a periodic tree."""
    return np.concatenate([positions + np.array([i * field, j * field, 0]) for i in (-1, 0, 1) for j in (-1, 0, 1)])


def nearest(points, others, field):
    return cKDTree(images(others, field)).query(points)[0]


@settings(max_examples=15, deadline=None)
@given(
    index=st.integers(0, 10_000),
    arrangement=st.sampled_from(["isolated", "aggregate", "polycrystal"]),
    shapes=st.sampled_from([("sphere",), ("wulff", "sphere"), ("rod",)]),
    border=st.sampled_from(["wrap", "inside"]),
    side=st.sampled_from(["top", "bottom"]),
)
def test_scenes_are_sound(index, arrangement, shapes, border, side):
    recipe = scenes(
        arrangement={arrangement: 1.0}, shapes=shapes, border=border, side=side, aspect=2.0, twins=1, clearance=2.5
    )
    scene = sample_scene(recipe, seed=3, index=index)
    positions, owner, told = scene.atoms.positions, scene.particle_of, scene.parameters
    height = scene.atoms.cell[2, 2]
    np.testing.assert_allclose(scene.atoms.cell.lengths(), [80, 80, told["height"]])
    assert scene.atoms.pbc.tolist() == [True, True, False]
    assert (positions >= 0).all()
    assert (positions < [80, 80, height]).all()
    assert positions[:, 2].min() >= recipe.margin - 1e-9
    assert positions[:, 2].max() <= height - recipe.margin + 1e-9
    film, particles = positions[owner < 0], positions[owner >= 0]
    assert nearest(film, particles, 80.0).min() >= 2.5
    # touching particles are nowhere nearer than 0.8 of a bond, nor are atoms within one
    closest = cKDTree(images(particles, 80.0)).query(particles, k=2)[0][:, 1].min()
    assert closest >= 0.8 * nearest_distance(crystal("Au")) - 1e-9
    assert sorted(set(owner.tolist())) == [-1, *range(told["particles"])]
    assert [int((owner == k).sum()) for k in range(told["particles"])] == told["particle_atoms"]
    assert told["particles"] <= told["requested"]


@pytest.mark.parametrize("border", ["wrap", "inside"])
def test_isolated_particles_keep_their_gap_in_projection(border):
    for index in range(6):
        scene = sample_scene(scenes(gap=6.0, border=border), seed=0, index=index)
        flat = scene.atoms.positions * [1, 1, 0]
        owner = scene.particle_of
        for k in range(1, scene.parameters["particles"]):
            earlier = (owner >= 0) & (owner < k)
            assert nearest(flat[owner == k], flat[earlier], 80.0 if border == "wrap" else 1e6).min() >= 6.0


def test_aggregates_touch_and_polycrystals_grow_together():
    bond = nearest_distance(crystal("Au"))
    contact = {}
    for name in ("aggregate", "polycrystal"):
        recipe = scenes(arrangement={name: 1.0}, particles=3, diameter=30.0)
        scene = sample_scene(recipe, seed=1, index=0)
        positions, owner = scene.atoms.positions, scene.particle_of
        assert set(range(3)) <= set(owner.tolist())
        near = [nearest(positions[owner == k], positions[(owner >= 0) & (owner != k)], 80.0) for k in range(3)]
        assert all(distances.min() < 1.6 * bond for distances in near)
        contact[name] = sum(int((distances < 1.3 * bond).sum()) for distances in near)
    assert contact["polycrystal"] > 5 * contact["aggregate"]  # a boundary, not a point of contact


def test_grains_have_orientations_of_their_own_and_do_not_interpenetrate():
    recipe = scenes(arrangement={"polycrystal": 1.0}, particles=4, diameter=40.0, border="wrap")
    scene = sample_scene(recipe, seed=2, index=0)
    turns = Rotation.from_quat(scene.parameters["orientations"])
    between = (turns[:-1] * turns[1:].inv()).magnitude()
    assert between.min() > 0.05
    centres = np.array(scene.parameters["centres"])
    positions, owner = scene.atoms.positions, scene.particle_of
    for k in range(len(centres)):
        distance = [nearest(positions[owner == k], centres[[j]], 80.0) for j in range(len(centres))]
        assert (np.argmin(distance, axis=0) == k).all()  # equal radii: the Voronoi cell of each centre


@pytest.mark.parametrize(("side", "sign"), [("top", -1), ("bottom", 1)])
def test_top_is_where_the_beam_comes_from(side, sign):
    scene = sample_scene(scenes(side=side, embedded=0.0), seed=0, index=4)
    told = scene.parameters
    particles = scene.atoms.positions[scene.particle_of >= 0, 2]
    face = told["film_entrance"] + (told["film_thickness"] if side == "bottom" else 0.0)
    assert (sign * (particles - face)).min() == pytest.approx(0.0, abs=1e-6)  # resting on it, not above or in it
    assert told["side"] == side


@pytest.mark.parametrize("side", ["top", "bottom"])
@pytest.mark.parametrize(("embedded", "thickness", "sunk"), [(1.0, 12.0, 12.0), (0.5, 40.0, 15.0), (1.0, 0.0, 0.0)])
def test_particles_sink_no_deeper_than_the_film(side, embedded, thickness, sunk):
    recipe = scenes(side=side, embedded=embedded, diameter=30.0, particles=1, film_thickness=thickness)
    scene = sample_scene(recipe, seed=0, index=1)
    told, z = scene.parameters, scene.atoms.positions[scene.particle_of >= 0, 2]
    top = told["film_entrance"]  # the beam runs along +z, and "top" is where it comes from
    below = z.max() - top if side == "top" else top + thickness - z.min()
    assert below == pytest.approx(sunk, abs=1e-6)


def test_half_embedded_particles_displace_the_film():
    recipe = scenes(
        materials=("CdSe",), side="top", embedded=0.5, diameter=30.0, particles=1, film_thickness=20.0, clearance=1.0
    )
    scene = sample_scene(recipe, seed=0, index=0)
    centre = np.array(scene.parameters["centres"][0])
    film = scene.atoms.positions[scene.particle_of < 0]
    assert nearest(film, centre[None], 80.0).min() >= 15.0  # also not in the wide channels between its atoms
    removed = round(80 * 80 * 20 * 0.10028) - len(film)
    assert removed == pytest.approx(0.10028 * 0.5 * np.pi / 6 * (30 + 1) ** 3, rel=0.1)


def test_wrapped_particles_are_whole_and_inside_ones_do_not_cross():
    crossing = 0
    for index in range(8):
        scene = sample_scene(scenes(diameter=30.0, particles=2, faults=0), seed=0, index=index)
        for k, centre in enumerate(scene.parameters["centres"]):
            offsets = scene.atoms.positions[scene.particle_of == k] - centre
            crossing += int(np.abs(offsets[:, :2]).max() > 15)
            offsets[:, :2] -= 80 * np.rint(offsets[:, :2] / 80)
            assert np.linalg.norm(offsets, axis=1).max() <= 15 + 1e-6
        cells = unit_cell(crystal("Au"))
        expected = np.pi / 6 * 30**3 * len(cells) / cells.get_volume()
        assert scene.parameters["particle_atoms"] == pytest.approx([expected] * 2, rel=0.06)
    assert crossing > 3
    inside = sample_scene(scenes(border="inside"), seed=0, index=0)
    for k, centre in enumerate(inside.parameters["centres"]):
        assert np.abs(inside.atoms.positions[inside.particle_of == k] - centre)[:, :2].max() <= 15 + 1e-6


def test_parameters_rebuild_each_lattice():
    scene = sample_scene(scenes(particles=2, faults=0), seed=5, index=1)
    cell = unit_cell(crystal("Au")).cell.array
    for k, quaternion in enumerate(scene.parameters["orientations"]):
        offsets = scene.atoms.positions[scene.particle_of == k] - scene.parameters["centres"][k]
        offsets[:, :2] -= 80 * np.rint(offsets[:, :2] / 80)
        lattice = Rotation.from_quat(quaternion).inv().apply(offsets - offsets[0]) @ np.linalg.inv(cell)
        np.testing.assert_allclose(2 * lattice, np.rint(2 * lattice), atol=1e-6)  # fcc sites are half integers


def test_zone_axis_of_a_scene():
    scene = sample_scene(scenes(materials=("CdSe",), orientation=(0, 0, 1), faults=0), seed=0, index=0)
    for quaternion in scene.parameters["orientations"]:
        np.testing.assert_allclose(Rotation.from_quat(quaternion).apply([0, 0, 1]), [0, 0, 1], atol=1e-9)


def test_every_index_and_seed_has_a_film_of_its_own():
    bare = scenes(particles=0, film_thickness=10.0)
    films = [sample_scene(bare, seed=s, index=i).atoms.positions for s, i in ((0, 0), (0, 1), (1, 0))]
    overlaps = [nearest(films[a], films[b], 80.0) for a, b in ((0, 1), (0, 2), (1, 2))]
    # of two independent films almost no atom lies within 0.05 Å of one of the other: 4/3 π 0.05³ × 0.1 = 5e-5
    assert all((distances < 0.05).mean() < 1e-3 for distances in overlaps)


def test_scenes_are_the_same_bytes_in_any_order_and_process():
    recipe = scenes(arrangement={"isolated": 1, "aggregate": 1, "polycrystal": 1})
    first = [sample_scene(recipe, seed=7, index=i) for i in (0, 1, 2)]
    again = [sample_scene(recipe, seed=7, index=i) for i in (2, 1, 0)][::-1]
    for one, two in zip(first, again, strict=True):
        assert one.atoms.positions.tobytes() == two.atoms.positions.tobytes()
        assert one.atoms.numbers.tobytes() == two.atoms.numbers.tobytes()
        assert one.particle_of.tobytes() == two.particle_of.tobytes()
        assert json.dumps(one.parameters) == json.dumps(two.parameters)
    code = (
        "import sys, hashlib; from passband.specimen.sampling import *;"
        "r = SceneDistribution.model_validate_json(sys.argv[1]);"
        "print(hashlib.sha256(sample_scene(r, seed=7, index=1).atoms.positions.tobytes()).hexdigest())"
    )
    run = subprocess.run([sys.executable, "-c", code, recipe.to_json()], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == hashlib.sha256(first[1].atoms.positions.tobytes()).hexdigest()


def test_default_distribution_is_the_cdse_recipe():
    recipe = SceneDistribution()
    scene = sample_scene(recipe, seed=0, index=0)
    told = scene.parameters
    assert told["field"] == 128.0
    assert set(told["materials"]) == {"CdSe"}
    assert 20 <= told["film_thickness"] <= 80
    assert all(30 <= diameter <= 50 for diameter in told["diameters"])
    assert max(told["faults"]) <= 2
    assert (recipe.gap, recipe.film_density, recipe.arrangement) == (10.0, 2.0, {"isolated": 1.0})
    carbon = np.count_nonzero(scene.atoms.numbers == 6)
    assert carbon == told["film_atoms"]


def test_every_count_of_faults_occurs():
    seen = {n for i in range(8) for n in sample_scene(scenes(film_thickness=0.0), seed=0, index=i).parameters["faults"]}
    assert seen == {0, 1, 2}


def test_empty_fields_and_no_film():
    recipe = scenes(empty=0.5, film_thickness=0.0)
    numbers = [sample_scene(recipe, seed=0, index=i).parameters["particles"] for i in range(40)]
    assert 10 <= numbers.count(0) <= 30
    nothing = sample_scene(scenes(empty=1.0, film_thickness=0.0), seed=0, index=0)
    assert len(nothing.atoms) == len(nothing.particle_of) == 0
    assert nothing.atoms.cell[2, 2] == pytest.approx(8.0)


def test_crowded_fields_say_how_many_were_asked_for():
    told = sample_scene(scenes(particles=30, diameter=30.0, gap=10.0), seed=0, index=0).parameters
    assert told["requested"] == 30
    assert 1 <= told["particles"] <= 4  # four discs of 40 Å fill 80 × 80 Å


def test_own_crystals_are_used_by_name():
    silver = Crystal(name="mine", spacegroup=225, cell=(4.1, 4.1, 4.1, 90, 90, 90), symbols=("Ag",), basis=((0, 0, 0),))
    scene = sample_scene(scenes(materials=("mine",), crystals=(silver,), film_thickness=0.0), seed=0, index=0)
    assert set(scene.atoms.numbers.tolist()) == {47}
    assert set(scene.parameters["materials"]) == {"mine"}


def test_materials_without_defects_have_none():
    scene = sample_scene(scenes(materials=("Fe3O4", "Fe"), faults=2, twins=2), seed=0, index=0)
    assert sum(scene.parameters["faults"]) + sum(scene.parameters["twins"]) == 0


def test_normal_diameters_never_leave_three_spreads():
    recipe = scenes(diameter=Normal(normal=(20.0, 2.0)), particles=4, film_thickness=0.0)
    values = [d for i in range(30) for d in sample_scene(recipe, seed=0, index=i).parameters["diameters"]]
    assert 14 <= min(values) < 18
    assert 22 < max(values) <= 26


def test_particles_of_one_field_are_of_one_kind():
    """Rejects sizes that know nothing of each other, one size for all fields, and a spread that is not relative."""
    recipe = scenes(
        diameter=Uniform(uniform=(8.0, 24.0)), diameter_spread=0.1, particles=12, film_thickness=0.0, gap=0.0
    )
    found = [np.array(sample_scene(recipe, seed=0, index=i).parameters["diameters"]) for i in range(24)]
    means = np.array([diameters.mean() for diameters in found])
    deviations = [diameters / diameters.mean() - 1.0 for diameters in found]
    assert means.min() < 12
    assert means.max() > 20
    assert 0.07 < np.concatenate(deviations).std() < 0.11  # 0.09 is a normal distribution cut at two
    assert abs(np.concatenate(deviations)).max() < 0.25
    assert abs(np.corrcoef(means, [one.std() for one in deviations])[0, 1]) < 0.5


@pytest.mark.parametrize("coverage", [0.05, 0.4])
def test_coverage_is_of_the_field(coverage):
    """Rejects radii for diameters, and a number that does not know how large the field's particles are."""
    recipe = scenes(diameter=Uniform(uniform=(8.0, 16.0)), diameter_spread=0.05, coverage=coverage, film_thickness=0.0)
    for index in range(8):
        told = sample_scene(recipe, seed=0, index=index).parameters
        mean = np.mean(told["diameters"])
        discs = told["requested"] * np.pi / 4 * mean**2 / 80.0**2
        one = np.pi / 4 * mean**2 / 80.0**2
        assert abs(discs - coverage) < 0.6 * one + 0.15 * coverage


def test_a_covered_field_has_a_particle_and_an_empty_one_none():
    one = scenes(diameter=60.0, diameter_spread=0.0, coverage=0.01, film_thickness=0.0)
    told = sample_scene(one, seed=0, index=0).parameters
    assert (told["requested"], told["diameters"]) == (1, [60.0])
    bare = one.model_copy(update={"empty": 1.0})
    assert sample_scene(bare, seed=0, index=0).parameters["requested"] == 0


def test_scenes_without_coverage_keep_their_identity():
    told = json.loads(scenes().to_json())
    assert not {"coverage", "diameter_spread"} & set(told)


def test_extxyz_comes_back(tmp_path):
    scene = sample_scene(scenes(), seed=0, index=0)
    atoms = ase.io.read(write_scene(scene, tmp_path / "new" / "scene.xyz"), format="extxyz")
    np.testing.assert_allclose(atoms.positions, scene.atoms.positions, atol=1e-7)
    assert (atoms.numbers == scene.atoms.numbers).all()
    assert (atoms.arrays["particle_of"] == scene.particle_of).all()
    np.testing.assert_allclose(atoms.cell.array, scene.atoms.cell.array, atol=1e-7)
    assert atoms.pbc.tolist() == [True, True, False]
    told = atoms.info["scene"]
    assert (told if isinstance(told, dict) else json.loads(told)) == scene.parameters
    assert "particle_of" not in scene.atoms.arrays  # the scene is as it was


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"diameter": 90.0}, "a particle of 90 Å is larger than the field of 80 Å; widen the field or shrink it"),
        ({"shapes": ("rod",), "diameter": 30.0, "aspect": 4.0}, "larger than the field"),
        ({"diameter": Normal(normal=(20.0, 8.0))}, "diameter reaches -4 Å; it must stay positive"),
        ({"materials": ()}, r"materials=\[\] is empty"),
        ({"materials": ("Gold",)}, "unknown material 'Gold'; .*known: CdSe"),
        ({"materials": ("cdse",)}, "did you mean 'CdSe'"),
        ({"shapes": ()}, r"shapes=\[\] is empty"),
        ({"shapes": ("cube",)}, "'sphere', 'wulff' or 'rod'"),
        ({"arrangement": {"isolate": 1.0}}, "unknown arrangement 'isolate'; did you mean 'isolated'"),
        ({"arrangement": {"isolated": -1.0}}, "isolated=-1 must not be negative"),
        ({"arrangement": {}}, "has no positive weight"),
        ({"arrangement": {"isolated": 1e308, "aggregate": 1e308}}, r"weights up to 1e\+308 cannot be added"),
        ({"film_density": -1.0}, "density=-1 g/cm³ must be positive"),
        ({"film_density": 9.0}, "does not fit with minimum_distance=1.4 Å"),
        ({"film_symbol": "Cx"}, "'Cx' is no element or formula"),
        ({"film_thickness": -5.0}, "film_thickness runs from -5 to -5; it must stay within 0 and"),
        ({"particles": -1}, "particles runs from -1"),
        ({"coverage": 0.3}, "coverage needs diameter_spread, as particles of many sizes cover by chance"),
        ({"coverage": 1.5, "diameter_spread": 0.1}, "coverage runs from 1.5 to 1.5; it must stay within 0 and 1"),
        ({"diameter_spread": 0.6}, "diameter_spread runs from 0.6 to 0.6; it must stay within 0 and 0.4"),
        ({"diameter": 70.0, "diameter_spread": 0.1}, "a particle of 84 Å is larger than the field of 80 Å"),
        (
            {"diameter": 0.5, "diameter_spread": 0.1, "coverage": 0.5},
            "coverage reaches 0.5: 16297 particles of 0.5 Å; 10000 are the most, so cover less, or raise the diameter",
        ),
        ({"embedded": 1.5}, "embedded runs from 1.5 to 1.5; it must stay within 0 and 1"),
        ({"orientation": (0, 0, 0)}, r"\[0, 0, 0\] is no direction"),
        ({"shapes": ("rod",), "aspect": -1.0, "diameter": 10.0}, "length over diameter must be positive"),
        ({"empty": 1.5}, "less than or equal to 1"),
        ({"field": 0.0}, "greater than 0"),
        ({"field": 2.0, "diameter": 1.0}, "field=2 Å is smaller than two atoms"),
        ({"densty": 2.0}, "Extra inputs are not permitted"),
    ],
)
def test_impossible_distributions_are_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        scenes(**change)


@pytest.mark.parametrize(("seed", "index"), [(-1, 0), (0, -1)])
def test_negative_seeds_are_refused(seed, index):
    with pytest.raises(PassbandError, match=r"must not be negative; use 0, 1, 2"):
        sample_scene(scenes(), seed=seed, index=index)


def test_distribution_survives_json():
    recipe = scenes(orientation=(1, 1, 0), surface_energies=(((1, 1, 1), 1.0), ((1, 0, 0), 1.2)))
    again = SceneDistribution.model_validate_json(recipe.to_json())
    assert again == recipe
    assert again.identity == recipe.identity

"""Scenes on films that vary: particles on either face, old recipes with their old identities and bytes."""

import hashlib
import json

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.spatial import cKDTree

from passband.dataset.simulation import Simulation, atoms_at_most, height
from passband.distribution import Uniform
from passband.specimen.film import FilmRelief, FilmResidue
from passband.specimen.sampling import SceneDistribution, sample_scene

GOLD = {
    "field": 120.0,
    "materials": ("Au",),
    "shapes": ("sphere", "wulff"),
    "particles": 3,
    "diameter": 30.0,
    "twins": 2,
    "empty": 0.1,
    "arrangement": {"isolated": 0.5, "aggregate": 0.25, "polycrystal": 0.25},
}
NITRIDE = {
    "field": 100.0,
    "materials": ("Au", "CdSe"),
    "shapes": ("sphere", "rod", "wulff"),
    "arrangement": {"isolated": 1, "aggregate": 1, "polycrystal": 1},
    "particles": 5,
    "diameter": 25.0,
    "aspect": 2.0,
    "film_symbol": "Si3N4",
    "film_density": 3.0,
}
VARIED = {
    "film_structure": "network",
    "relief": {"wedge": 0.1, "undulation": 4.0, "step": 10.0, "hole": 0.5},
    "residue": {"patches": 4.0},
    "side": "both",
}


def scene(recipe=GOLD, seed=0, index=0, **change):
    return sample_scene(SceneDistribution(**(recipe | change)), seed=seed, index=index)


@pytest.mark.parametrize(
    ("recipe", "identity", "scenes"),
    [
        ({}, "a906760dd6feb6d2", ("f44d2418f0e45c0f", "eba5d463b5cbe4ec")),
        (GOLD, "06d6afdfc3c04d54", ("491ff444088bb985", "4515982ca799d9ec")),
        (NITRIDE, "a32871f5b798c96c", ("b913eece3cf9091d", "4c793addb6478678")),
    ],
)
def test_recipes_of_before_keep_identity_and_scenes(recipe, identity, scenes):
    # made by passband at ed2ae2f, before films varied, with positions rounded to 1e-6 Å
    assert SceneDistribution(**recipe).identity == identity
    for index, expected in enumerate(scenes):
        made = scene(recipe, seed=11, index=index)
        text = (np.round(made.atoms.positions, 6) + 0.0).tobytes()
        text += made.atoms.numbers.astype("<i8").tobytes() + made.particle_of.astype("<i8").tobytes()
        assert hashlib.sha256(text).hexdigest()[:16] == expected
        assert not {"film_structure", "film_cover", "residue_cover"} & set(made.parameters)


def test_new_fields_are_in_the_json_where_they_are_used():
    told = json.loads(SceneDistribution(**(GOLD | VARIED)).to_json())
    assert told["film_structure"] == "network"
    assert told["relief"]["step"] == 10.0
    assert told["residue"]["patches"] == 4.0
    assert SceneDistribution.model_validate(told) == SceneDistribution(**(GOLD | VARIED))
    plain = json.loads(SceneDistribution(**GOLD).to_json())
    assert not {"film_structure", "relief", "residue"} & set(plain)
    assert SceneDistribution(**GOLD, relief=FilmRelief()).identity == SceneDistribution(**GOLD).identity


def test_varied_scenes_are_the_same_bytes_again_and_whole():
    for index in range(4):
        first, again = scene(GOLD | VARIED, index=index), scene(GOLD | VARIED, index=index)
        assert first.atoms.positions.tobytes() == again.atoms.positions.tobytes()
        assert json.dumps(first.parameters) == json.dumps(again.parameters)
        inside = (first.atoms.positions >= 0) & (first.atoms.positions <= first.atoms.cell.lengths())
        assert inside.all()
        film, gold = (first.atoms.positions[first.atoms.numbers == z] for z in (6, 79))
        if len(gold):  # residue leaves particles alone as the film does
            assert cKDTree(gold).query(film)[0].min() >= 2.0
        assert first.parameters["film_cover"] <= 1.0


def test_particles_lie_on_both_faces():
    made = scene(GOLD | {"side": "both", "particles": 4, "embedded": 0.0, "arrangement": {"isolated": 1.0}, "empty": 0})
    told = made.parameters
    middle = told["film_entrance"] + told["film_thickness"] / 2
    z = [made.atoms.positions[made.particle_of == k, 2] for k in range(told["particles"])]
    above, below = [heights.max() < middle for heights in z], [heights.min() > middle for heights in z]
    assert any(above)
    assert any(below)
    assert all(np.logical_or(above, below))
    seen = {scene(GOLD | {"side": "both", "particles": 1}, index=k).parameters["side"] for k in range(3)}
    assert seen == {"both"}


@pytest.mark.parametrize("arrangement", ["aggregate", "polycrystal"])
def test_clusters_on_both_faces_of_a_thin_film_do_not_meet(arrangement):
    made = scene(
        GOLD,
        side="both",
        particles=6,
        film_thickness=8.0,
        embedded=0.6,
        arrangement={arrangement: 1.0},
        empty=0.0,
    )
    gold = made.atoms.positions[made.atoms.numbers == 79]
    assert cKDTree(gold).query(gold, k=2)[0][:, 1].min() > 0.8 * 2.88 - 1e-6


def test_particles_rest_on_the_local_exit_face():
    # rejects particles that float above, or sink into, a film that is thinner or thicker there
    for index in range(6):
        made = scene(
            side="bottom",
            particles=1,
            shapes=("sphere",),
            embedded=0.0,
            film_thickness=40.0,
            relief={"wedge": 0.5},
            clearance=0.0,
            arrangement={"isolated": 1.0},
            empty=0.0,
            index=index,
        )
        (centre,) = made.parameters["centres"]
        film = made.atoms.positions[made.particle_of < 0]
        aside = film[:, :2] - centre[:2]
        aside -= 120 * np.rint(aside / 120)
        top = film[np.hypot(*aside.T) < 5.0, 2].max()
        lowest = made.atoms.positions[made.particle_of == 0, 2].min()
        assert lowest - top == pytest.approx(0.0, abs=4.0)  # the slope of 0.5 × 5 Å, and the gaps between atoms


def test_residue_and_relief_are_within_the_height_and_atoms_that_are_foreseen():
    varied = VARIED | {"relief": {"wedge": 0.2, "undulation": 6.0, "step": 20.0}, "residue": {"patches": 9.0}}
    recipe = SceneDistribution(**(GOLD | varied))
    plain = SceneDistribution(**GOLD)
    assert recipe.thickest == pytest.approx(80.0 + 0.2 * 30.0 + 18.0 + 20.0 + 60.0)
    assert plain.thickest == 80.0
    assert height(recipe) - height(plain) == pytest.approx(recipe.thickest - 80.0)
    for index in range(5):
        made = scene(GOLD | varied | {"particles": 0}, index=index)
        assert made.parameters["height"] <= recipe.thickest + 2 * recipe.margin
        assert len(made.atoms) <= atoms_at_most(recipe)


def test_a_simulation_takes_varied_scenes():
    simulation = Simulation(scene=SceneDistribution(**(GOLD | VARIED)), structures=2)
    assert Simulation.model_validate_json(simulation.to_json()) == simulation


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"film_structure": "network", "film_symbol": "SiO2"}, 'film_structure="network" is carbon and the film SiO2'),
        ({"residue": FilmResidue(patches=2), "film_symbol": "Si3N4", "film_density": 3.0}, "residue is carbon and the"),
        ({"film_structure": "network", "film_density": 1.2}, "film_density=1.2 g/cm³ would stretch the bonds"),
        ({"film_structure": "crystal"}, "'spheres' or 'network'"),
        ({"relief": {"wedge": Uniform(uniform=(0.0, 2.0))}}, "wedge runs from 0 to 2; it must stay within 0 and 1"),
    ],
)
def test_impossible_films_are_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        SceneDistribution(**(GOLD | change))

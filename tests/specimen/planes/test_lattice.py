"""Fields of atomic columns: the same bytes, apart, in grains, within their outline, and what each column is."""

import json

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.spatial import cKDTree

from passband.specimen.planes.cell import PlaneCells
from passband.specimen.planes.column_filling import ColumnFilling
from passband.specimen.planes.distortion import PlaneDistortion
from passband.specimen.planes.grains import CLOSEST, PlaneGrains, PlaneSites, columns_apart
from passband.specimen.planes.lattice import COLUMN_LABELS, PlaneLattices, plane_lattice
from passband.specimen.planes.outline import PlaneOutline
from passband.specimen.planes.stray_columns import StrayColumns

PLAIN = {
    "cells": PlaneCells(kinds={"square": 1.0}, sites=1, spacing=3.0, dumbbell=0.0, numbers=40, filling=1.0),
    "grains": PlaneGrains(count=1, faults=0),
    "distortion": PlaneDistortion(strain=0.0, displacement=0.0, polar=0.0, dislocations=0),
    "outline": PlaneOutline(kinds={"whole": 1.0}),
    "filling": ColumnFilling(
        atoms=20, ramp=0.0, steps=0, roughness=0.0, vacancies=0.0, missing=0.0, alloy=0.0, waves=1
    ),
    "strays": StrayColumns(overlay=0.0, border=0.0, adatoms=0.0),
    "empty": 0.0,
    "disordered": 0.0,
}


def changed(seed=0, **parts):
    """A field of a plain square lattice but for some fields of the parts of its recipe."""
    made = {
        name: PLAIN[name].model_copy(update=values) if isinstance(values, dict) else values
        for name, values in parts.items()
    }
    return plane_lattice(PlaneLattices(**PLAIN | made), rng=np.random.default_rng(seed))


def nearest(found):
    """Periodic distance of each column of the lattice to the next."""
    places = found.positions[found.ordered]
    return cKDTree(places, boxsize=found.sides[::-1]).query(places, 2)[0][:, 1]


def test_the_same_recipe_and_generator_give_the_same_bytes():
    for seed in range(20):
        one, same, other = (plane_lattice(PlaneLattices(), rng=np.random.default_rng(s)) for s in (seed, seed, 99))
        for name in ("positions", "numbers", "atoms", "label"):
            assert getattr(one, name).tobytes() == getattr(same, name).tobytes()
        assert json.dumps(one.parameters) == json.dumps(same.parameters)
        assert one.positions.tobytes() != other.positions.tobytes()


def test_fields_hold_what_they_say():
    for seed in range(60):
        found = plane_lattice(PlaneLattices(), rng=np.random.default_rng(seed))
        assert found.positions.dtype == np.float64
        assert found.numbers.dtype == np.int64
        assert found.label.dtype == np.uint8
        assert found.sides == (60.0, 60.0)
        assert ((found.positions >= 0.0) & (found.positions < 60.0)).all()
        assert ((found.numbers >= 6) & (found.numbers <= 83)).all()
        assert (found.atoms > 0).all()
        counts = np.bincount(found.label, minlength=3)
        assert dict(zip(COLUMN_LABELS, counts.tolist(), strict=True)) == found.parameters["columns"]
        assert PlaneLattices(**found.parameters["recipe"]) == PlaneLattices()
        if found.ordered.sum() > 1:
            least = min(grain["cell"]["nearest"] for grain in found.parameters["grains"])
            assert nearest(found).min() >= 0.6 * least


def test_a_plain_lattice_is_perfect_but_for_its_seam():
    found = changed(3)
    assert found.ordered.all()
    assert len(found.atoms) == pytest.approx(400, abs=25)
    inner = (np.abs(found.positions - 30.0) < 26.0).all(axis=1)
    assert nearest(found)[inner] == pytest.approx(3.0)
    assert nearest(found).min() >= 1.8
    assert set(found.numbers) == {40}
    assert set(found.atoms) == {20.0}
    assert found.signal == pytest.approx(20.0 * 40.0**1.7)


def test_grains_are_parts_of_the_field_with_their_own_rotation():
    found = changed(5, grains={"count": 2, "misorientation": 0.4})
    angles = [grain["rotation"] for grain in found.parameters["grains"]]
    assert abs(angles[1] - angles[0]) == pytest.approx(0.4)
    centres = np.array([grain["centre"] for grain in found.parameters["grains"]])
    distance, pair = cKDTree(found.positions, boxsize=60.0).query(found.positions, 5)
    whole = np.abs(distance[:, 1:] - 3.0).max(axis=1) < 1e-6  # four neighbours of one lattice
    apart = found.positions[pair[whole, 1]] - found.positions[whole]
    apart -= 60.0 * np.rint(apart / 60.0)
    angle = np.arctan2(apart[:, 1], apart[:, 0])
    own = cKDTree(centres, boxsize=[60.0, 60.0]).query(found.positions[whole])[1]
    for grain in (0, 1):
        turned = np.exp(4j * (angle[own == grain] - angles[grain]))  # a square lattice repeats after a quarter turn
        assert (own == grain).sum() > 30
        assert turned == pytest.approx(1.0)


def test_grains_may_have_lattices_of_their_own():
    recipe = PlaneLattices(grains=PlaneGrains(count=4, other=1.0), empty=0.0, disordered=0.0)
    grains = plane_lattice(recipe, rng=np.random.default_rng(0)).parameters["grains"]
    assert len({json.dumps(grain["cell"]) for grain in grains}) == 4


def test_an_antiphase_boundary_shifts_half_of_the_lattice_by_half_a_vector():
    found = changed(1, grains={"faults": 1, "shift": 0.5})
    grain = found.parameters["grains"][0]
    assert grain["faults"] == 1
    phase = np.exp(2j * np.pi * found.positions @ np.linalg.inv(_turned_vectors(grain)))
    ways = np.unique((phase / phase[0]).round(6), axis=0)
    assert len(ways) == 2
    assert sorted(np.abs(ways[1] - ways[0]).tolist()) == pytest.approx([0.0, 2.0], abs=1e-5)


def _turned_vectors(grain):
    cos, sin = np.cos(grain["rotation"]), np.sin(grain["rotation"])
    return np.array(grain["cell"]["vectors"]) @ np.array([[cos, sin], [-sin, cos]])


def test_a_circuit_from_column_to_column_does_not_close_around_a_dislocation():
    found, told = next(_with_dislocations())
    tree, steps = cKDTree(found.positions), _turned_vectors(found.parameters["grains"][0])
    for core, way in zip(np.array(told["cores"]), (1.0, -1.0), strict=True):
        assert _missing(tree, core - 3.5 * steps.sum(axis=0), steps, 7) == pytest.approx(
            way * np.array(told["burgers"]), abs=0.5
        )
    beside = np.array(told["cores"]).mean(axis=0) + 12.0 * np.array([-1.0, 1.0]) * np.array(told["burgers"])[::-1] / 3.0
    assert _missing(tree, beside - 2.5 * steps.sum(axis=0), steps, 5) == pytest.approx(np.zeros(2), abs=1e-9)


def _with_dislocations():
    """Fields with a pair of which both cores are far from one another and from the border."""
    for seed in range(200):
        found = changed(seed, distortion={"dislocations": 1})
        (told,) = found.parameters["grains"][0]["dislocations"]
        cores = np.array(told["cores"])
        if np.abs(cores - 30.0).max() < 15.0 and np.hypot(*(cores[1] - cores[0])) > 20.0:
            yield found, told


def _missing(tree, start, steps, count):
    """What a counter-clockwise circuit of `count` lattice steps along each side lacks to close (start to end)."""
    here = first = tree.data[tree.query(start)[1]]
    for step in (steps[0], steps[1], -steps[0], -steps[1]):
        for _ in range(count):
            distance, row = tree.query(here + step)
            assert distance < 1.3
            here = tree.data[row]
    return here - first


@pytest.mark.parametrize("corners", [0, 6])
def test_particles_and_holes_part_the_field(corners):
    shape = {"count": 1, "size": 0.3, "corners": corners, "taper": 0.0}
    particle = changed(2, outline=shape | {"kinds": {"particles": 1.0}})
    holed = changed(2, outline=shape | {"kinds": {"holes": 1.0}})
    whole = changed(2)
    inside, outside, all_ = ({tuple(row) for row in one.positions.round(6)} for one in (particle, holed, whole))
    assert inside | outside == all_
    assert not inside & outside
    if not corners:
        assert len(particle.atoms) == pytest.approx(np.pi * 18.0**2 / 9.0, rel=0.15)


def test_a_half_field_ends_at_a_straight_edge_and_thins_out_towards_it():
    found = changed(4, outline={"kinds": {"half": 1.0}, "size": 0.2, "taper": 20.0}, filling={"atoms": 100})
    assert 0.2 < len(found.atoms) / 400.0 < 0.8
    thin = found.positions[found.atoms < 30]
    width = np.linalg.svd(thin - thin.mean(axis=0), compute_uv=False)
    assert width[1] / np.sqrt(len(thin)) < 2.0  # thin columns lie along a line
    assert found.atoms.max() == 100


def test_thickness_has_its_ramp_and_steps():
    ramp = changed(0, filling={"atoms": 50, "ramp": 0.5})
    slope, *_ = np.linalg.lstsq(np.column_stack([ramp.positions, np.ones(len(ramp.atoms))]), ramp.atoms)
    assert np.hypot(*slope[:2]) * 60.0 == pytest.approx(25.0, rel=0.03)
    step = changed(0, filling={"atoms": 50, "steps": 1, "step": 0.2})
    assert sorted(set(step.atoms)) in ([40.0, 50.0], [50.0, 60.0])
    assert len(set(changed(0, filling={"atoms": 2, "steps": 1, "step": 0.05}).atoms)) == 2


def test_columns_lose_atoms_or_are_missing():
    whole = len(changed(0).atoms)
    assert len(changed(0, filling={"missing": 0.3}).atoms) == pytest.approx(0.7 * whole, rel=0.1)
    lossy = changed(0, filling={"vacancies": 0.1})
    assert lossy.atoms.mean() == pytest.approx(18.0, rel=0.03)
    assert lossy.atoms.std() == pytest.approx(np.sqrt(20 * 0.1 * 0.9), rel=0.15)
    assert changed(0, filling={"roughness": 0.1}).atoms.std() == pytest.approx(2.0, rel=0.15)
    single = changed(0, filling={"atoms": 1, "vacancies": 0.2})
    assert len(single.atoms) == pytest.approx(0.8 * whole, rel=0.1)


def test_an_alloy_has_its_fraction_and_its_wave():
    alloy = {"alloy": 1.0, "foreign": 0.3, "atoms": 50}
    told = [changed(seed, filling=alloy).parameters["alloy"]["foreign"] for seed in range(10)]
    seed = int(np.argmax(np.abs(np.array(told) - 40)))  # of an element that is far from the host
    flat, waved = (changed(seed, filling=alloy | {"modulation": depth}).numbers for depth in (0.0, 1.0))
    assert flat.mean() == pytest.approx(40 + 0.3 * (told[seed] - 40), abs=0.5)
    assert flat.std() == pytest.approx(np.sqrt(0.3 * 0.7 / 50) * abs(told[seed] - 40), rel=0.15)
    assert waved.std() > 2.0 * flat.std()


def test_strays_are_no_truth():
    found = changed(0, strays={"overlay": 1.0, "thickness": 20.0, "number": 6, "adatoms": 1.0, "adatom_signal": 0.3})
    amorphous, adatom = (found.label == COLUMN_LABELS.index(name) for name in ("amorphous", "adatom"))
    assert found.atoms[amorphous].sum() == pytest.approx(0.09 * 20.0 * 3600.0, rel=0.05)
    assert set(found.numbers[amorphous]) == {6}
    assert found.signal[adatom] == pytest.approx(0.3 * 20.0 * 40.0**1.7)
    assert adatom.sum() == pytest.approx(36, abs=18)
    assert (found.ordered == ~(amorphous | adatom)).all()
    assert found.positions[found.ordered] == pytest.approx(changed(0).positions)


def test_a_film_never_hides_its_lattice():
    film = {"overlay": 1.0, "thickness": 50.0, "number": 14, "speckle": 0.3}
    thin = changed(0, strays=film, filling={"atoms": 1})
    places = 60.0 * np.random.default_rng(0).random((400, 2))
    spots = [thin.signal[~thin.ordered & _within(thin, place, np.sqrt(1.5 / np.pi))].sum() for place in places]
    assert np.std(spots) == pytest.approx(0.3 * 40.0**1.7, rel=0.2)
    assert thin.parameters["overlay"]["thickness"] < 45.0
    single = changed(0, strays=film | {"number": 32}, filling={"atoms": 1})  # of which an atom shows as a column would
    assert single.ordered.all()


def _within(found, place, radius):
    return np.hypot(*(found.positions - place).T) < radius


def test_amorphous_matter_lies_around_the_outline_as_densely_as_the_lattice():
    outline = {"kinds": {"particles": 1.0}, "count": 1, "size": 0.3, "corners": 0, "taper": 0.0}
    found = changed(2, outline=outline, strays={"border": 1.0, "border_width": 6.0})
    around, inside = found.positions[~found.ordered], found.positions[found.ordered]
    gap = cKDTree(inside, boxsize=60.0).query(around)[0]
    assert 6.0 < gap.max() < 9.0  # the lattice ends up to a spacing inside its outline
    assert np.quantile(gap, 0.1) > 1.0  # a film over the lattice too would have half of its columns nearer
    area = np.pi * ((18.0 + 6.0) ** 2 - 18.0**2)
    assert found.atoms[~found.ordered].sum() / area == pytest.approx(20.0 / 9.0, rel=0.15)
    assert found.parameters["border_width"] == 6.0


def test_a_sublattice_may_hold_fewer_atoms():
    cells = PLAIN["cells"].model_copy(update={"sites": 2, "special": 1.0, "filling": 0.5, "elemental": 0.0})
    assert set(changed(0, cells=cells).atoms) == {10.0}


def test_the_lattice_starts_anywhere():
    grains = [changed(seed, grains={"rotation": 0.0}).positions % 3.0 for seed in (0, 1)]
    assert not np.allclose(np.median(grains[0], axis=0), np.median(grains[1], axis=0), atol=0.01)


def test_columns_give_way_only_to_those_that_stay():
    rng = np.random.default_rng(0)
    n = 400
    sites = PlaneSites(rng.random((n, 2)) * 30.0, np.full(n, 6), np.ones(n), rng.uniform(1.0, 4.0, n), np.zeros(n, int))
    kept = columns_apart(sites, 30.0)
    apart = sites.positions[:, None] - sites.positions
    apart -= 30.0 * np.rint(apart / 30.0)
    near = np.hypot(*apart.transpose(2, 0, 1)) < CLOSEST * np.maximum(sites.rooms[:, None], sites.rooms)
    np.fill_diagonal(near, False)
    assert not near[np.ix_(kept, kept)].any()
    gone = np.setdiff1d(np.arange(n), kept)
    assert near[np.ix_(gone, kept)].any(axis=1).all()


def test_some_fields_are_empty_and_some_amorphous():
    nothing = changed(0, empty=1.0)
    assert len(nothing.atoms) == 0
    assert nothing.positions.shape == (0, 2)
    assert nothing.parameters["content"] == "empty"
    glass = changed(0, disordered=1.0, strays={"thickness": 0.0})
    assert glass.label.tolist() == [2] * len(glass.atoms)
    assert glass.atoms.sum() > 0.9 * 0.044 * 10.0 * 3600.0


@pytest.mark.parametrize(
    ("recipe", "text"),
    [
        ({"empty": 0.6, "disordered": 0.6}, "empty=0.6 and disordered=0.6 exceed 1"),
        ({"field": 900.0}, "the field holds 5.6e.05 columns, more than 2e.05"),
        ({"field": 5.0}, "greater than or equal to 20"),
    ],
)
def test_what_cannot_be_used_is_said(recipe, text):
    with pytest.raises(ValidationError, match=text):
        PlaneLattices(**recipe)

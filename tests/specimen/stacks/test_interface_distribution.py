"""Random film stacks: what the distribution says, every one of them possible, the same for the same number."""

import json

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.spatial import cKDTree

from passband.distribution import Normal, Uniform
from passband.recipe import PassbandError
from passband.specimen.stacks.compounds import Compound, material
from passband.specimen.stacks.interface_distribution import InterfaceDistribution, draw_stack, sample_interface
from passband.validation import first_error

SMALL = InterfaceDistribution(field=(60.0, 60.0), thickness=12.0, drop_diameter=10.0)


def drawn_stacks(stacks, count):
    return [draw_stack(stacks, np.random.default_rng(seed)) for seed in range(count)]


def test_stacks_have_two_to_four_materials_and_a_share_for_each_layer():
    found = drawn_stacks(InterfaceDistribution(gap=0.0), 150)
    numbers = [len(stack.layers) for stack in found]
    assert {2, 3, 4} == set(numbers)
    for stack in found:
        names = [layer.material for layer in stack.layers]
        assert len(set(names)) == len(names)
        inner = [layer.thickness for layer in stack.layers[:-1]]
        assert sum(inner) <= 0.85 * stack.field[0] + 1e-9  # rejects a last layer without room
        assert 0.2 * 200.0 <= inner[0] <= 0.6 * 200.0
    used = {layer.material for stack in found for layer in stack.layers}
    assert used == set(InterfaceDistribution().films) | set(InterfaceDistribution().caps)  # substrates are among these


def test_what_may_happen_happens_as_often_as_it_is_said_to():
    stacks = InterfaceDistribution(
        materials=3, capped=1.0, mismatched=0.5, antiphase=0.3, grain_boundaries=0.2, gap=0.25
    )
    found = drawn_stacks(stacks, 300)
    films = [layer for stack in found for layer in stack.layers[1:-1] if layer.material != "vacuum"]
    assert len(films) == 300
    for fraction, expected in (
        (np.mean([layer.antiphase == 2 for layer in films]), 0.3),
        (np.mean([layer.grain_boundaries == 2 for layer in films]), 0.2),
        (np.mean([layer.zone is not None for layer in films]), 0.5),
        (np.mean([any(one.material == "vacuum" for one in stack.layers[:-1]) for stack in found]), 0.25),
    ):
        assert fraction == pytest.approx(expected, abs=4.0 * np.sqrt(0.25 / 300))
    assert all(layer.relaxation == 1.0 for layer in films if layer.zone is not None)
    assert all(any(layer.lean) == (layer.relaxation == 1.0) for layer in films)
    assert all((layer.rotation != 0.0) == (layer.zone is not None) for layer in films)


@pytest.mark.parametrize("index", range(12))
def test_every_stack_can_be_built_and_says_what_it_is(index):
    found = sample_interface(SMALL, seed=7, index=index)
    told = found.parameters
    assert (told["seed"], told["index"]) == (7, index)
    json.dumps(told)  # rejects NumPy numbers
    assert len(found.columns) > 100
    places = np.stack([found.columns.x, found.columns.y], axis=1)
    assert cKDTree(places).query(places, k=2)[0][:, 1].min() > 0.6  # rejects two columns at one place, of two grains
    assert found.columns.occupancy.max() <= 1.0
    atoms = found.atoms.positions[found.layer_of >= 0]
    assert cKDTree(atoms).query(atoms, k=2)[0][:, 1].min() > 1.1  # 0.8 of a bond of carbon and oxygen
    assert set(np.unique(found.layer_of)) <= set(range(-1, len(told["layers"])))
    for number, layer in enumerate(told["layers"]):
        if isinstance(material(layer["material"]), Compound):
            assert (found.columns.layer == number).any()


def test_a_stack_is_the_same_in_whatever_order_it_is_made():
    first = sample_interface(SMALL, seed=1, index=3)
    sample_interface(SMALL, seed=1, index=4)
    again = sample_interface(SMALL, seed=1, index=3)
    assert first.atoms.positions.tobytes() == again.atoms.positions.tobytes()
    assert first.parameters == again.parameters
    other = sample_interface(SMALL, seed=2, index=3)
    assert first.parameters["layers"] != other.parameters["layers"]
    with pytest.raises(PassbandError, match="seed=0, index=-1 must not be negative"):
        sample_interface(SMALL, seed=0, index=-1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"films": ()}, r"films=\[\] is empty; list at least one"),
        ({"films": ("SrTiO",)}, "unknown material of a layer 'SrTiO'; did you mean 'SrTiO3'"),
        ({"films": ("a-C",)}, "'a-C' is none of the films, which have a lattice; list it elsewhere"),
        ({"caps": {"Ge": 1.0}}, "'Ge' is none of the caps, which have no lattice"),
        ({"caps": {"a-C": 0.0}}, "has no or a negative weight"),
        ({"materials": 5, "films": ("SrTiO3", "Ge")}, r"materials reaches 5; films=\['SrTiO3', 'Ge'\] are too few"),
        ({"materials": 3, "films": ("Ge",), "capped": 0.5}, r"materials reaches 3; films=\['Ge'\] are too few"),
        ({"materials": 3, "films": ("Ge", "WO3"), "substrates": ("SrTiO3", "Ge")}, "materials reaches 3"),
        ({"materials": 1}, "materials runs from 1 to 1; it must stay within 2 and 6"),
        ({"field": (10.0, 200.0)}, r"field=\[10\.0, 200\.0\] is too small"),
        ({"tilt": Normal(normal=(0.0, 50.0))}, "tilt runs from -150 to 150; it must stay within -100 and 100"),
        ({"interdiffusion": Uniform(uniform=(-1.0, 3.0))}, "interdiffusion runs from -1 to 3"),
        ({"antiphase": 0.7, "grain_boundaries": 0.7}, r"antiphase=0\.7 and grain_boundaries=0\.7 exceed 1"),
        ({"wedge": 1.0}, r"wedge=1 leaves -50 Å of the thinnest sample"),
        ({"thickness": 4000.0}, "the box holds 1.6e.07 atoms, more than 5e.06"),
    ],
)
def test_distributions_that_cannot_be_are_refused(given, message):
    with pytest.raises(ValidationError, match=message) as caught:
        InterfaceDistribution(**given)
    assert "\n" not in first_error(caught.value)


def test_a_distribution_comes_back_from_its_json():
    again = InterfaceDistribution.model_validate_json(SMALL.to_json())
    assert again == SMALL
    assert again.identity == SMALL.identity

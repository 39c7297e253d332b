"""Film stacks that cannot be are refused in one line that says the cure."""

import pytest
from pydantic import ValidationError

from passband.specimen.stacks.compounds import Zone
from passband.specimen.stacks.stack import Layer, Stack
from passband.validation import first_error

SUBSTRATE = Layer(material="SrTiO3", thickness=60.0)
FILM = Layer(material="LaFeO3")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"layers": ()}, "layers"),
        ({"field": (20.0, 100.0)}, r"field=\[20\.0, 100\.0\] is too small; fields are \(y, x\) in Å, 30 at least"),
        ({"field": (50.0, 100.0)}, "layers before the last are 60 Å high in a field of 50 Å; make them thinner or"),
        ({"tilt": (0.0, 300.0)}, r"tilt=\[0\.0, 300\.0\] mrad exceeds 100 mrad; tilts are in mrad"),
        ({"wedge": (2.0, 0.0)}, r"wedge=\[2\.0, 0\.0\] leaves 0 Å at the thin end; wedges are Å per Å"),
        ({"field": (2000.0, 2000.0)}, r"the box holds 8e\+07 atoms, more than 5e\+06; shrink field or thickness"),
        ({"thickness": 3.0}, "thickness"),
        ({"layers": (SUBSTRATE, Layer(material="Ge", zone=Zone((0, 0, 1), (0, 1, 0))))}, "Ge does not fit on SrTiO3"),
    ],
)
def test_stacks_that_cannot_be_are_refused(given, message):
    with pytest.raises(ValidationError, match=message) as caught:
        Stack(**{"layers": (SUBSTRATE, FILM)} | given)
    assert "\n" not in first_error(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"material": "strontium"}, "unknown material of a layer 'strontium'"),
        ({"material": "a-C", "rotation": 0.1}, "a-C has no lattice; leave out zone, rotation, lean"),
        ({"material": "vacuum", "zone": Zone((0, 0, 1), (0, 1, 0))}, "vacuum has no lattice"),
        ({"material": "Ge", "lean": (0.0, 500.0)}, r"lean=\[0\.0, 500\.0\] mrad exceeds 100 mrad"),
        ({"material": "Ge", "antiphase": 1, "grain_boundaries": 1}, "in one layer; set one to 0"),
        ({"material": "Ge", "zone": Zone((0, 0, 1), (0, 1, 1))}, "are not at right angles"),
        ({"material": "Ge", "relaxation": 2.0}, "relaxation"),
        ({"material": "Ge", "thickness": float("nan")}, "thickness"),
    ],
)
def test_layers_that_cannot_be_are_refused(given, message):
    with pytest.raises(ValidationError, match=message) as caught:
        Layer(**given)
    assert "\n" not in first_error(caught.value)


def test_a_stack_comes_back_from_its_json_with_its_identity():
    # rejects zones that JSON makes lists of, which are then no zones
    stack = Stack(layers=(SUBSTRATE, Layer(material="Ge", zone=Zone((1, -1, 0), (0, 0, 1)), antiphase=2)))
    again = Stack.model_validate_json(stack.to_json())
    assert again == stack
    assert again.identity == stack.identity
    assert isinstance(again.layers[1].zone, Zone)


def test_without_a_zone_the_best_fitting_one_is_taken_and_the_substrate_has_its_first():
    stack = Stack(layers=(SUBSTRATE, Layer(material="Ge"), Layer(material="vacuum")), field=(200.0, 100.0))
    substrate, film = stack.cell(0), stack.cell(1)
    assert substrate is not None
    assert film is not None
    assert substrate.periods[0] == pytest.approx(3.905)
    assert film.periods[0] == pytest.approx(4.000, abs=1e-3)  # [110] along [100]
    assert stack.cell(2) is None
    assert stack.substrate == 0
    assert Stack(layers=(Layer(material="a-C", thickness=20.0), SUBSTRATE)).substrate == 1

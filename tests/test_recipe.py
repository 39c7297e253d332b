import subprocess
import sys

import pytest
from pydantic import ValidationError

from passband.recipe import Recipe


class Beam(Recipe):
    energy: float = 300e3
    name: str = "α"


class Lens(Recipe):
    energy: float = 300e3
    name: str = "α"


def test_equal_recipes_have_equal_identity_and_others_do_not() -> None:
    assert Beam().identity == Beam(energy=300000).identity
    assert Beam().identity != Beam(energy=300e3 + 1e-6).identity
    assert Beam().identity != Lens().identity  # the class is part of what a recipe means


def test_identity_is_the_same_in_another_process() -> None:
    code = (
        "from passband.recipe import Recipe\n"
        "class Beam(Recipe):\n    energy: float = 300e3\n    name: str = 'α'\n"
        "print(Beam().identity)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == Beam().identity


def test_json_round_trip_keeps_identity() -> None:
    beam = Beam(energy=0.1 + 0.2)
    assert Beam.model_validate_json(beam.to_json()).identity == beam.identity


@pytest.mark.parametrize("fields", [{"energie": 1.0}, {"energy": float("nan")}, {"energy": float("inf")}])
def test_unknown_names_and_non_finite_numbers_are_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Beam(**fields)


def test_recipes_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Beam().energy = 1.0  # type: ignore[misc]

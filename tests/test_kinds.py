"""Open unions: what a stranger's card or plan says of its kind."""

import subprocess
import sys
from typing import Any, Literal

import pytest

from passband.kinds import Kinds
from passband.recipe import PassbandError, Recipe


class Disc(Recipe):
    kind: Literal["disc"] = "disc"
    radius: float = 1.0


@pytest.fixture
def shapes() -> Kinds[Recipe]:
    made: Kinds[Recipe] = Kinds("shape", default="disc")
    made.register(Disc)
    return made


@pytest.mark.parametrize("kind", [[], {}, 3, None, ["disc"]])
def test_a_kind_that_is_no_text_is_refused_in_one_line(shapes: Kinds[Recipe], kind: Any) -> None:
    with pytest.raises(PassbandError, match="is no shape; write a table with kind = one of disc"):
        shapes.validate({"kind": kind})


def test_a_message_does_not_grow_with_the_value(shapes: Kinds[Recipe]) -> None:
    with pytest.raises(PassbandError, match="is no shape; known: disc") as refused:
        shapes.validate({"kind": "x" * 3_000_000})
    assert len(str(refused.value)) < 200


def test_two_classes_of_one_kind_are_refused(shapes: Kinds[Recipe]) -> None:
    class Other(Recipe):
        kind: Literal["disc"] = "disc"

    with pytest.raises(ValueError, match="kind='disc' is Disc already; choose another name"):
        shapes.register(Other)


def test_kinds_of_other_modules_are_listed_at_once_and_loaded_when_named() -> None:
    """In a process of its own: rejects loading what scans need, a tenth of a second, for an image of TEM."""
    code = """if True:
        import sys
        from passband.dataset.beam_path import IMAGINGS, SIMULATIONS
        print(*IMAGINGS, *SIMULATIONS, IMAGINGS['tem'].__name__, 'passband.specimen.scanned' in sys.modules)
        print(*(kinds[name].model_fields['kind'].default for kinds in (IMAGINGS, SIMULATIONS) for name in kinds))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["tem scan tem scan Imaging False", "tem scan tem scan"]


def test_the_default_kind_is_left_out_of_the_values(shapes: Kinds[Recipe]) -> None:
    assert shapes.without_default({"kind": "disc", "radius": 1.0}) == {"radius": 1.0}
    assert shapes.without_default({"kind": "ring"}) == {"kind": "ring"}

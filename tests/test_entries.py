"""Tables of entries keep their order, refuse doubles, and answer an unknown name with those that there are."""

from typing import NamedTuple

import pytest

from passband.entries import Entries, suggestion
from passband.recipe import PassbandError


class Shape(NamedTuple):
    """Something with a name."""

    name: str
    corners: int


@pytest.fixture
def shapes() -> Entries[Shape]:
    return Entries("shape", [Shape("triangle", 3), Shape("disc", 0)])


def test_entries_are_listed_in_the_order_in_which_they_came(shapes: Entries[Shape]) -> None:
    # rejects an alphabetical order: that of columns and choices is the author's
    added = shapes.add(Shape("square", 4))
    assert added == Shape("square", 4)
    assert list(shapes) == ["triangle", "disc", "square"]
    assert [one.corners for one in shapes.values()] == [3, 0, 4]
    assert len(shapes) == 3
    shapes.remove("triangle")
    assert "triangle" not in shapes
    assert shapes["disc"].corners == 0


def test_a_name_is_taken_once(shapes: Entries[Shape]) -> None:
    # rejects an entry that silently takes the place of another
    with pytest.raises(ValueError, match="'disc' is the name of another shape; choose another one"):
        shapes.add(Shape("disc", 1))
    assert shapes["disc"].corners == 0


def test_an_unknown_name_is_answered_with_a_near_one_or_with_all(shapes: Entries[Shape]) -> None:
    with pytest.raises(PassbandError, match="'triangel' is no shape; did you mean 'triangle'"):
        shapes.known("triangel")
    with pytest.raises(PassbandError, match=r"'x+ is no shape; known: triangle, disc"):
        shapes["x" * 500]  # rejects an error as long as what was typed
    assert shapes.known("disc") == "disc"
    assert suggestion("cube", ["disc"]) == "known: disc"

"""The page of every plan key: all of them, each with its meaning, and no other."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import Field
from tests.fixtures.scripts import load_script

from passband.recipe import Recipe

ROOT = Path(__file__).parents[2]
PLANS = [*sorted((ROOT / "plans").glob("*.toml")), *sorted((ROOT / "studies").glob("*/plan*.toml"))]


@pytest.fixture(scope="module")
def plan_keys() -> ModuleType:
    return load_script("docs/plan_keys.py")


def keys(value: Any) -> Iterator[str]:
    """Every key of the tables of a plan, but for those that are the user's own words."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield key
        own = isinstance(inner, dict) and key in ("families", "others", "mixtures", "displacement")  # by element
        yield from keys(list(inner.values()) if own else inner)
    for inner in value if isinstance(value, list) else ():
        yield from keys(inner)


@pytest.mark.parametrize("path", PLANS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_key_of_a_plan_is_on_the_page(plan_keys: ModuleType, path: Path) -> None:
    # rejects a walk that does not enter lists, unions or the kinds of an open union
    plan = tomllib.loads(path.read_text(encoding="utf-8"))
    page = "\n".join(plan_keys.page())
    shown = {word for words in re.findall(r'`(\w+)`|"(\w+)"|{ (\w+) = \[a, b', page) for word in words}
    assert [key for key in keys(plan) if key not in shown] == []


def test_what_is_said_of_a_key(plan_keys: ModuleType) -> None:
    # rejects bounds that are read from the type alone (energy has none there) and a default that is not TOML
    rows = {line.split(" | ")[0]: line for line in plan_keys.page() if line.startswith("| `")}
    assert rows["| `patches_per_structure`"].endswith("| whole number | `1` | from 1, up to 64 |")
    energies = [line for line in plan_keys.page() if line.startswith("| `energy`")]
    said = "| number or [distribution](#keys-distribution) | `3e5` | 500 eV to 2 MeV |"
    assert any(line.endswith(said) for line in energies)
    assert rows["| `structures`"].count("**needed**") + rows["| `patch`"].count("**needed**") >= 1
    assert "Width (number of channels)" in rows["| `stem`"]  # of a kind of network, which the type Architecture hides
    assert rows["| `defocus`"] == "| `defocus` | −C10 |"


def test_a_key_without_a_meaning_stops_the_build(plan_keys: ModuleType) -> None:
    class Silent(Recipe):
        """What says nothing of its key.

        Attributes
        ----------
        said
            Å.
        """

        said: float = Field(default=1.0, gt=0.0)
        unsaid: float = 2.0

    with pytest.raises(ValueError, match=r"Silent\.unsaid has no meaning"):
        list(plan_keys.section(Silent, "Silent", []))


def test_meanings_are_inherited_and_told_apart(plan_keys: ModuleType) -> None:
    # rejects a reader of docstrings that takes the next section, or the parent's word over the child's
    class Parent(Recipe):
        """Parent.

        Attributes
        ----------
        one, two
            Both.
        three
            Of the parent,
            on two lines.

        Examples
        --------
        four
            No attribute.
        """

    class Child(Parent):
        """Child.

        Attributes
        ----------
        two
            The child's.
        """

    assert plan_keys.meanings_of(Child) == {
        "one": "Both.",
        "two": "The child's.",
        "three": "Of the parent, on two lines.",
    }

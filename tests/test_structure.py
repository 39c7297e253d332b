"""The check of how the package is built finds what it is there to find."""

import ast
from types import ModuleType

import pytest
from tests.fixtures.scripts import load_script


@pytest.fixture(scope="module")
def structure() -> ModuleType:
    return load_script(".ci/structure.py")


ONE = """
def pair(size: float) -> tuple[float, float]:
    \"\"\"Two sides.\"\"\"
    sides = size if isinstance(size, tuple) else (size, size)
    if len(sides) != 2 or min(sides) <= 0:
        raise ValueError(f"{size} is not positive")
    return float(sides[0]), float(sides[1])
"""


def test_a_function_with_other_names_is_a_double(structure: ModuleType) -> None:
    other = ONE.replace("sides", "both").replace("pair", "_two").replace("size", "length").replace("Two", "Both")
    assert structure.doubles({"a": ast.parse(ONE), "b": ast.parse(other)}) == [["a.pair", "b._two"]]
    assert not structure.doubles({"a": ast.parse(ONE), "b": ast.parse(other.replace("<= 0", "< 0"))})


def test_two_classes_of_one_name_are_found(structure: ModuleType) -> None:
    trees = {"a": ast.parse("class Source: ..."), "b": ast.parse("class _Source: ...\nclass Sources: ...")}
    assert structure.namesakes(trees) == [["a.Source", "b._Source"]]


def test_a_ring_of_imports_is_found_also_where_it_is_for_types_only(structure: ModuleType) -> None:
    known = ["passband.a", "passband.b", "passband.c"]
    lazy = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from passband import a\n"
    sources = {"passband.a": "from passband.b import thing", "passband.b": lazy, "passband.c": "import passband.a"}
    graph = {name: set(structure.imports(ast.parse(text), known)) for name, text in sources.items()}
    assert graph == {"passband.a": {"passband.b"}, "passband.b": {"passband.a"}, "passband.c": {"passband.a"}}
    assert set(structure.cycle(graph)) == {"passband.a", "passband.b"}
    assert structure.cycle({**graph, "passband.b": set()}) == []


def test_the_way_is_of_modules_that_are_there_and_changes_folder_seldom(
    structure: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = {"passband.verdict.assessment": {"passband.files.reading"}}
    monkeypatch.setattr(structure, "PATH", ("files.reading", "verdict.assessment", "files.gone"))
    monkeypatch.setattr(structure, "CHANGES", 1)
    assert structure.way(graph) == (
        2,
        ["files.gone is named on the way and not imported there", "2 changes of folder on the way; at most 1"],
    )

"""The Python reference: every room and every module on one page, and what is not public on none."""

import ast
import pkgutil
import re
from pathlib import Path
from types import ModuleType

import pytest
from tests.fixtures.scripts import load_script

import passband

ROOT = Path(__file__).parents[2]
PACKAGE = Path(passband.__file__).parent


@pytest.fixture(scope="module")
def reference_pages() -> ModuleType:
    return load_script("docs/reference_pages.py")


@pytest.fixture(scope="module")
def pages(reference_pages: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    docs = tmp_path_factory.mktemp("docs") / "docs"
    (docs / "reference").mkdir(parents=True)
    (docs / "reference" / "gone.md").write_text("# A room that was renamed")
    (docs.parent / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    reference_pages.write_all(docs)
    return {path.stem: path.read_text(encoding="utf-8") for path in (docs / "reference").glob("*.md")}


def test_every_module_is_on_one_page(pages: dict[str, str]) -> None:
    # rejects a room or a single module that is in no layer of imports, and one that stands on two pages
    shown = sorted(name for page in pages.values() for name in re.findall(r"automodule:: passband\.([\w.]+)", page))
    files = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    hidden = {"commands", "reports", "readers"}
    there = sorted(".".join(path.with_suffix("").parts) for path in files if not hidden & set(path.parts))
    assert shown == [name for name in there if not re.search(r"(^|\.)_", name)]


def test_pages_of_rooms_that_are_gone_are_removed(pages: dict[str, str]) -> None:
    assert "gone" not in pages
    assert set(re.findall(r"^(\w+)$", pages["index"], re.MULTILINE)) == set(pages) - {"index"}


def test_every_public_name_is_on_the_first_page(pages: dict[str, str]) -> None:
    names = re.findall(r"auto\w+:: passband\.(\w+)", pages["public"])
    assert sorted(names) == sorted(passband.__all__)


def test_rooms_stand_in_the_order_of_imports(reference_pages: ModuleType) -> None:
    rooms, alone = reference_pages.layers(ROOT / "pyproject.toml")
    assert rooms.index("specimen") < rooms.index("dataset") < rooms.index("experiment") < rooms.index("verdict")
    assert alone[0] == "recipe"


def test_every_attribute_that_a_class_documents_is_one() -> None:
    # rejects the old name of an attribute left under "Attributes" when it is renamed
    listed = re.compile(r"Attributes\n-+\n(.*?)(?:\n\n|\Z)", re.DOTALL)
    checked = 0
    for path in PACKAGE.rglob("*.py"):
        for one in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found = listed.search(ast.get_docstring(one) or "") if isinstance(one, ast.ClassDef) else None
            if found is not None:
                named = [name for line in re.findall(r"^\S.*", found[1], re.MULTILINE) for name in line.split(", ")]
                there = {node.id for node in ast.walk(one) if isinstance(node, ast.Name)}
                there |= {node.attr for node in ast.walk(one) if isinstance(node, ast.Attribute)}
                assert set(named) <= there, (path.name, one.name)
                checked += 1
    assert checked > 10


def test_modules_that_the_texts_name_are_there() -> None:
    # rejects the path of a module that has moved to another room
    for page in (ROOT / "CHANGELOG.md", ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for name in re.findall(r"`(passband(?:\.\w+)+)`", page.read_text(encoding="utf-8")):
            assert pkgutil.resolve_name(name) is not None

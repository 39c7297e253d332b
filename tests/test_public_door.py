"""What `import passband` offers: complete, documented, typed, and loaded only when it is used."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import passband

FUNCTIONS = [name for name in passband.__all__ if inspect.isfunction(getattr(passband, name))]


def python(code: str) -> str:
    """Output of a fresh interpreter."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_import_loads_nothing_heavy() -> None:
    # rejects a door that imports its rooms: each of these would be loaded with the first of them
    heavy = "('torch', 'numpy', 'scipy', 'matplotlib', 'pydantic', 'ase', 'skimage', 'typer')"
    assert python(f"import sys, passband; print([name for name in {heavy} if name in sys.modules])") == "[]"


def test_a_name_loads_no_more_than_its_room() -> None:
    # rejects attach_stub under EAGER_IMPORT, and a light name that lives beside a heavy one
    code = "import sys, passband; passband.PassbandError; print([n for n in ('torch', 'numpy') if n in sys.modules])"
    assert python(code) == "[]"


def test_tab_completion_and_star_offer_every_name_and_no_other() -> None:
    assert dir(passband) == sorted(passband.__all__)
    assert 20 <= len(passband.__all__) <= 30


def test_type_checkers_see_the_names_that_python_sees() -> None:
    # rejects a name without its place in the stub's own __all__, which type checkers would call private
    stub = ast.parse(Path(passband.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    lists = [one.value for one in stub.body if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "__all__"]
    assert [ast.literal_eval(one) for one in lists] == [sorted(passband.__all__)]


def test_the_docstring_of_the_package_names_each_once() -> None:
    # rejects a name that was added to the stub and not to what help(passband) begins with, or left there when it went
    assert passband.__doc__ is not None
    shown = re.findall(r"`(\w+)`", passband.__doc__)
    assert sorted(shown) == sorted(passband.__all__)


@pytest.mark.parametrize("name", passband.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    # rejects a stub that names what its room does not have: type checkers see it, a notebook would not
    assert len((getattr(passband, name).__doc__ or "").split()) >= 5


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_parameter_is_described(name: str) -> None:
    # rejects an argument that was added without a word: help() in a notebook is all that its reader has
    function = getattr(passband, name)
    text = inspect.getdoc(function) or ""
    heads = {word for line in re.findall(r"^(\S.*)$", text, re.MULTILINE) for word in re.findall(r"\w+", line)}
    missing = [parameter for parameter in inspect.signature(function).parameters if parameter not in heads]
    assert missing == []


def test_a_wrong_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="segmnt"):
        passband.segmnt  # type: ignore[attr-defined]  # noqa: B018

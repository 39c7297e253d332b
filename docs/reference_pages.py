"""The Python reference: a page of the public names, and one for each room, made from the package itself.

The rooms are the layers of imports in pyproject.toml, from the beam upwards, so that a new module needs no entry here.
"""

import importlib
import inspect
import pkgutil
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import passband

#: Rooms that nobody imports from: commands are typed, and pages are written by them.
NOT_IMPORTED = ("commands", "reports")
INDEX = """\
# Python reference

**Public are the names of `import passband`**, on the [first page](public.md): no version changes them without a note in
the list of changes. The modules behind them, a page for each room in the order of imports, are documented for those who
build on passband, and may change from one version to the next. Not public at all are `passband.commands`,
`passband.reports` and names that begin with an underscore.

```{{toctree}}
:maxdepth: 1

public
{rooms}
```
"""
PUBLIC = """\
# Public names

Each is used as `passband.NAME`; *passband in a notebook*, among the examples, shows how. An argument that is
called `micrograph` may be the path of a file.

"""
FOUNDATIONS = """\
# Foundations

What every room stands on: recipes, distributions, documents.

"""


def write_all(docs: Path) -> None:
    """Write `reference/` into the folder of pages."""
    folder = docs / "reference"
    folder.mkdir(exist_ok=True)
    rooms, alone = layers(docs.parent / "pyproject.toml")
    pages = {"foundations": FOUNDATIONS + "\n".join(section(module) for module in alone)}
    pages |= {room: room_page(room) for room in rooms if room not in NOT_IMPORTED}
    pages["public"] = PUBLIC + "\n".join(public())
    pages["index"] = INDEX.format(rooms="\n".join(name for name in pages if name != "public"))
    for name, text in pages.items():
        path = folder / f"{name}.md"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:  # Sphinx reads again what is newer
            path.write_text(text, encoding="utf-8")
    for path in folder.glob("*.md"):
        if path.stem not in pages:
            path.unlink()


def layers(project: Path) -> tuple[list[str], list[str]]:
    """Rooms and single modules, the lowest first."""
    contracts = tomllib.loads(project.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    listed = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    names = [name for layer in reversed(listed) for name in re.findall(r"passband\.(\w+)", layer)]
    package = Path(passband.__file__).parent
    there = [name for name in names if (package / name).is_dir() or (package / f"{name}.py").is_file()]
    return [name for name in there if (package / name).is_dir()], [
        name for name in there if not (package / name).is_dir()
    ]


def room_page(room: str) -> str:
    """Page of a room: what it is for, and every module that it is made of."""
    package = importlib.import_module(f"passband.{room}")
    found = pkgutil.walk_packages(package.__path__, f"passband.{room}.")
    modules = [
        one.name.removeprefix("passband.")
        for one in found
        if not one.ispkg and "._" not in one.name and ".readers." not in one.name
    ]
    return f"# {room}\n\n{inspect.getdoc(package)}\n\n" + "\n".join(section(module) for module in modules)


def section(module: str) -> str:
    """One module with all of its members."""
    return f"## {module}\n```{{eval-rst}}\n.. automodule:: passband.{module}\n   :members:\n```\n"


def public() -> Iterator[str]:
    """Public names under the headings of the package's docstring."""
    for heading, names in re.findall(r"^(\w.*)\n((?:    .*\n)+)", inspect.getdoc(passband) or "", re.MULTILINE):
        yield f"## {heading}\n```{{eval-rst}}"
        for name in re.findall(r"`(\w+)`", names):
            kind = "autoclass" if inspect.isclass(getattr(passband, name)) else "autofunction"
            yield f".. {kind}:: passband.{name}" + ("\n   :members:" if kind == "autoclass" else "")
        yield "```\n"

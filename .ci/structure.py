"""Say how the package is built, and fail where it has grown out of its house.

Sizes of files, rings of imports, functions that are the same, classes of one name, and how often a reader changes the
folder who follows data from a plan to a verdict. Part of `make gates`: python .ci/structure.py
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path
from statistics import median

SOURCE = Path(__file__).parents[1] / "src"
LONGEST = 400  # lines of a file
TYPICAL = 150  # lines of the median file
CHANGES = 9  # of folder, from a plan to a verdict
SMALLEST_DOUBLE = 25  # nodes of a syntax tree: some four lines
#: What a reader opens who follows a structure from the plan to the verdict on a micrograph, in the order of the data.
PATH = (
    *("experiment.plan", "specimen.sampling", "specimen.scene"),
    *("microscope.potential", "microscope.multislice", "microscope.imaging", "microscope.detector"),
    *("dataset.structure", "dataset.simulate", "dataset.store_writing", "dataset.store", "dataset.acquisition"),
    *("patches.standardising", "segmentation.networks", "segmentation.stacked", "training.loop"),
    *("experiment.training", "experiment.evaluation", "experiment.study"),
    *("performance.measurement", "performance.signals", "performance.error_model"),
    *("verdict.assessment", "verdict.weighing", "verdict.verdict"),
)
#: Where the way begins and ends; all else on it is imported from here, directly or not.
ENDS = ("dataset.simulate", "experiment.study", "performance.measurement", "verdict.assessment")


Graph = Mapping[str, set[str]]


def modules() -> dict[str, Path]:
    """Files of the package by the names that they are imported by."""
    found = {}
    for path in sorted(SOURCE.glob("passband/**/*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(tree: ast.Module, known: Iterable[str]) -> Iterator[str]:
    """Modules of the package that a module imports anywhere, in functions and for types only too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield from (name for name in (whole if whole in known else node.module,) if name in known)


def cycle(graph: Graph) -> list[str]:
    """Modules that import one another in a ring, the first of them again at the end; nothing where there is no ring."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as found:
        ring: list[str] = found.args[1]
        return ring
    return []


def reached(graph: Graph, ends: Iterable[str]) -> set[str]:
    """Modules that are imported from `ends`, directly or not, and these themselves."""
    found, waiting = set(), list(ends)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += graph.get(name, ())
    return found


class _Nameless(ast.NodeTransformer):
    """Numbers in place of the names of variables, in the order of their use."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def _number(self, name: str) -> str:
        return f"_{self.numbers.setdefault(name, len(self.numbers))}"

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self._number(node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(self._number(node.arg))


def meaning(function: ast.FunctionDef) -> str:
    """Text of a function that does not depend on its name, its docstring, its types or the names of its variables."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    if not body or sum(1 for statement in body for _ in ast.walk(statement)) < SMALLEST_DOUBLE:
        return ""
    nameless = _Nameless()
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    first = [ast.dump(nameless.visit_arg(argument)) for argument in arguments]
    return "\n".join([*first, *(ast.dump(nameless.visit(statement)) for statement in body)])


def doubles(trees: Mapping[str, ast.Module]) -> list[list[str]]:
    """Functions of one meaning, by module and name."""
    found = defaultdict(list)
    for name, tree in trees.items():
        for node in list(ast.walk(tree)):
            if isinstance(node, ast.FunctionDef) and (text := meaning(node)):
                found[text].append(f"{name}.{node.name}")
    return [names for names in found.values() if len(names) > 1]


def namesakes(trees: Mapping[str, ast.Module]) -> list[list[str]]:
    """Classes of one name in several modules, a leading underscore left out."""
    found = defaultdict(list)
    for name, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found[node.name.lstrip("_")].append(f"{name}.{node.name}")
    return [names for names in found.values() if len(names) > 1]


def way(graph: Graph) -> tuple[int, list[str]]:
    """Changes of folder from a plan to a verdict, and what is wrong with the list of what lies between."""
    rooms = [name.split(".")[0] for name in PATH]
    changes = sum(one != other for one, other in pairwise(rooms))
    here = reached(graph, [f"passband.{name}" for name in ENDS])
    faults = [f"{name} is named on the way and not imported there" for name in PATH if f"passband.{name}" not in here]
    return changes, faults + [f"{changes} changes of folder on the way; at most {CHANGES}"] * (changes > CHANGES)


def main() -> int:
    files = modules()
    trees = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in files.items()}
    graph = {name: set(imports(tree, files)) - {name} for name, tree in trees.items()}
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in files.items()}
    written = {name: count for name, count in lines.items() if count > 1}
    longest, typical = max(written, key=lambda name: written[name]), median(written.values())
    changes, faults = way(graph)
    print(f"{len(written)} files; {typical:g} lines in the median, {written[longest]} in the longest, {longest}")
    print(f"{len(PATH)} files and {changes} changes of folder from a plan to a verdict")
    faults += [f"{name} has {count} lines; at most {LONGEST}" for name, count in written.items() if count > LONGEST]
    faults += [f"the median file has {typical:g} lines; at most {TYPICAL}"] * (typical > TYPICAL)
    faults += [f"these import one another: {' → '.join(ring)}" for ring in [cycle(graph)] if ring]
    faults += [f"these functions are the same but for names: {', '.join(names)}" for names in doubles(trees)]
    faults += [f"one name for several classes: {', '.join(names)}" for names in namesakes(trees)]
    for fault in faults:
        print(f"structure: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

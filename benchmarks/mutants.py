"""Small wrong versions of a Python module: a constant, an operator, a comparison or a term of a formula is changed.

Left alone: what is said to people (docstrings, messages, `raise`), types, decorators, axes and dtypes, and the defaults
of recipes, which are choices and not formulas.
"""

import ast
import copy
from collections.abc import Iterator
from typing import NamedTuple

ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
}
TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt,
    ast.Gt: ast.Lt,
    ast.LtE: ast.GtE,
    ast.GtE: ast.LtE,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
TWINS = [("sin", "cos"), ("min", "max"), ("floor", "ceil"), ("sum", "mean"), ("minimum", "maximum"), ("amin", "amax")]
NAMES = dict(TWINS) | {second: first for first, second in TWINS} | {"sqrt": "abs", "square": "abs", "abs": "square"}
SPOKEN = (ast.Raise, ast.JoinedStr, ast.Assert, ast.Import, ast.ImportFrom)
QUIET_CALLS = ("Field", "lru_cache", "round", "PassbandError", "TypeVar")
QUIET_FIELDS = ("annotation", "returns", "decorator_list", "type_params", "bases")
QUIET_KEYWORDS = ("dim", "axis", "dtype", "keepdim", "keepdims", "correction", "ndmin", "encoding", "maxsize", "digits")
FACTOR = 1.5


class Mutant(NamedTuple):
    """A wrong version: the line, what stood there and what stands there now, and the whole source."""

    line: int
    before: str
    after: str
    source: str


def mutants_of(source: str) -> list[Mutant]:
    """Every mutant of a module, in the order of its lines."""
    tree = ast.parse(source)
    found = []
    for parent, field, place, node in _sites(tree):
        for changed in _changes(node):
            _put(parent, field, place, changed)
            found.append(Mutant(node.lineno, ast.unparse(node), ast.unparse(changed), ast.unparse(tree)))
        _put(parent, field, place, node)
    return found


Site = tuple[ast.AST, str, int | None, ast.expr]


def _put(parent: ast.AST, field: str, place: int | None, node: ast.expr) -> None:
    if place is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[place] = node


def _sites(parent: ast.AST) -> Iterator[Site]:
    if isinstance(parent, SPOKEN) or _is_quiet(parent):
        return
    for field, value in ast.iter_fields(parent):
        if field in QUIET_FIELDS:
            continue
        for place, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(node, ast.expr):
                yield parent, field, place, node
            if isinstance(node, ast.AST) and not (isinstance(parent, ast.ClassDef) and isinstance(node, ast.AnnAssign)):
                yield from _sites(node)


def _is_quiet(node: ast.AST) -> bool:
    if isinstance(node, ast.keyword):
        return node.arg in QUIET_KEYWORDS
    return isinstance(node, ast.Call) and _name(node.func) in QUIET_CALLS


def _name(function: ast.expr) -> str:
    return getattr(function, "attr", "") or getattr(function, "id", "")


def _changes(node: ast.expr) -> Iterator[ast.expr]:
    """Wrong versions of one expression."""
    if isinstance(node, ast.Constant):
        yield from _other_number(node)
    elif isinstance(node, ast.BinOp):
        yield from _other_operation(node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not | ast.Invert):
        yield node.operand
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in TURNED:
        turned = TURNED[type(node.ops[0])]
        yield ast.copy_location(ast.Compare(node.left, [turned(), *node.ops[1:]], node.comparators), node)
    elif isinstance(node, ast.BoolOp):
        other = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
        yield ast.copy_location(ast.BoolOp(other, node.values), node)
    elif isinstance(node, ast.IfExp):
        yield ast.copy_location(ast.IfExp(node.test, node.orelse, node.body), node)
    elif isinstance(node, ast.Call) and _name(node.func) in NAMES:
        yield _other_function(node)


def _other_number(node: ast.Constant) -> Iterator[ast.expr]:
    value = node.value
    if isinstance(value, bool):
        yield ast.copy_location(ast.Constant(not value), node)
    elif isinstance(value, int):
        yield ast.copy_location(ast.Constant(value + 1), node)
    elif isinstance(value, float):
        yield ast.copy_location(ast.Constant(value * FACTOR if value else 1.0), node)


def _other_operation(node: ast.BinOp) -> Iterator[ast.expr]:
    if type(node.op) in ARITHMETIC:
        yield ast.copy_location(ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right), node)
    if isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.Div) and not isinstance(node.right, ast.Constant):
        yield node.left  # the second term is lost


def _other_function(node: ast.Call) -> ast.expr:
    changed = copy.deepcopy(node)
    if isinstance(changed.func, ast.Attribute):
        changed.func.attr = NAMES[changed.func.attr]
    elif isinstance(changed.func, ast.Name):
        changed.func.id = NAMES[changed.func.id]
    return changed

"""The page of every key that a plan or a campaign understands, made from the recipes that read them."""

import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from passband.campaign.grid import CampaignPlan
from passband.distribution import Scalar
from passband.experiment.plan import Plan
from passband.microscope.aberrations import ALIASES, COEFFICIENTS
from passband.recipe import PassbandError
from passband.segmentation.architecture import ARCHITECTURES
from passband.specimen.materials import CRYSTALS

DISTRIBUTIONS = tuple(one for one in get_args(Scalar) if one is not float)
HEAD = """\
# Every key of a plan

A plan (`passband train`, [quick start](quickstart.md)) and the plan of a campaign (`passband campaign`,
[campaigns](campaigns.md)) are TOML files. This page is made from the recipes that read them. Lengths are in Å, energies
in eV, angles in rad, doses in e⁻/Å² unless a key says otherwise. A key that is not on this page is refused, with the
nearest one suggested; `--set A.B=C` changes one of them for one run. Where the default is *none*, leave the key out.

"""
BOUNDS = {"gt": "above", "ge": "from", "lt": "below", "le": "up to", "min_length": "at least", "max_length": "at most"}
WORDS: dict[Any, str] = {float: "number", int: "whole number", str: "text", bool: "true or false"}


def write(docs: Path) -> None:
    """Write `plan_keys.md` into the folder of pages."""
    path, text = docs / "plan_keys.md", HEAD + "\n".join(page())
    if not path.is_file() or path.read_text(encoding="utf-8") != text:  # Sphinx reads again what is newer
        path.write_text(text, encoding="utf-8")


def page() -> Iterator[str]:
    """Paragraphs of the page: the tables of a plan, those that a campaign adds, and what may stand in them."""
    places: dict[type[BaseModel], list[str]] = {}
    for root in (Plan, CampaignPlan):
        walk(root, "", places)
    titles = {Plan: "A plan", CampaignPlan: "A campaign"}
    for recipe, paths in places.items():
        yield from section(recipe, titles.get(recipe) or f"`{paths[0]}` ({recipe.__name__})", paths)
    yield from distributions()
    yield from names()


def distributions() -> Iterator[str]:
    """Explain how a number may vary."""
    yield "(keys-distribution)=\n## Distributions\n"
    yield "Where a table says *number or distribution*, any of these may stand:\n"
    yield "| written | meaning |\n|---|---|\n| `5.0` | Always this. |"
    for recipe in DISTRIBUTIONS:
        (key,) = recipe.model_fields
        yield f"| `{{ {key} = [a, b{', …' if key == 'choice' else ''}] }}` | {first_line(recipe)} |"


def names() -> Iterator[str]:
    """List the names that stand for something: networks, crystals, aberrations."""
    yield "\n(keys-names)=\n## Names\n"
    presets = [name for kind in ARCHITECTURES for name in ARCHITECTURES[kind].PRESETS]
    yield f"`network` may be the name of a preset: {code(presets)}.\n"
    yield f"`simulation.scene.materials` knows {code(CRYSTALS)}.\n"
    yield f"Aberrations are {code(COEFFICIENTS)}, in Å and rad, with the signs of the [conventions](conventions.md).\n"
    yield "| alias | means |\n|---|---|"
    for alias, (symbol, sign) in ALIASES.items():
        yield f"| `{alias}` | {'−' if sign < 0 else ''}{symbol} |"


def code(words: Iterable[str]) -> str:
    """Words as code, in a row."""
    return ", ".join(f"`{word}`" for word in words)


def walk(recipe: type[BaseModel], path: str, places: dict[type[BaseModel], list[str]]) -> None:
    """Note under which dotted keys each recipe stands, in the order in which they are met."""
    new = recipe not in places
    if path not in places.setdefault(recipe, []) and path:
        places[recipe].append(path)
    if new:
        for name, field in recipe.model_fields.items():
            for inner in recipes_in(annotation(field)):
                walk(inner, f"{path}.{name}".lstrip("."), places)


def annotation(field: FieldInfo) -> Any:
    """Type of a field with its metadata."""
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def recipes_in(kind: Any) -> Iterator[type[BaseModel]]:
    """Recipes that a type is made of; an abstract one or the parent of others stands for its kinds."""
    if inspect.isclass(kind) and issubclass(kind, BaseModel):
        if kind not in DISTRIBUTIONS:
            yield from kinds_of(kind)
    elif get_origin(kind) is not Literal:
        for part in get_args(kind)[:1] if get_origin(kind) is Annotated else get_args(kind):
            yield from recipes_in(part)


def kinds_of(recipe: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield a recipe and those that are derived from it, but for the abstract ones."""
    if not inspect.isabstract(recipe):
        yield recipe
    for derived in recipe.__subclasses__():
        if derived.__module__.startswith("passband."):
            yield from kinds_of(derived)


def section(recipe: type[BaseModel], title: str, paths: list[str]) -> Iterator[str]:
    """One table: key, meaning, type, default and bounds."""
    yield f"({anchor(recipe)})=\n## {title}\n"
    yield f"{first_line(recipe)}\n"
    if len(paths) > 1:
        yield f"Also at {code(paths[1:])}.\n"
    yield "| key | what | type | default | allowed |\n|---|---|---|---|---|"
    meanings = meanings_of(recipe)
    for name, field in recipe.model_fields.items():
        if name not in meanings:
            raise ValueError(f"{recipe.__name__}.{name} has no meaning; describe it under Attributes of its docstring")
        cells = (f"`{name}`", meanings[name], in_words(annotation(field)), default(field), allowed(field))
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""


def anchor(recipe: type[BaseModel]) -> str:
    """Target of the section of a recipe."""
    return f"keys-{recipe.__name__.lower()}"


def first_line(recipe: type[BaseModel]) -> str:
    """Summary of a recipe."""
    return (inspect.getdoc(recipe) or "").split("\n\n")[0].replace("\n", " ")


def meanings_of(recipe: type[BaseModel]) -> dict[str, str]:
    """Meaning of each key, from the numpydoc attributes of a recipe and of those it is derived from."""
    found: dict[str, str] = {}
    for one in reversed(recipe.__mro__):
        text = inspect.cleandoc(one.__doc__ or "")
        _, _, listed = text.partition("Attributes\n----------\n")
        listed = re.split(r"\n\n\w+\n-+\n", listed)[0]
        for names, meaning in re.findall(r"^(\w[\w, ]*)\n((?:[ ]{4}.*\n?|\n)+)", listed + "\n", re.MULTILINE):
            found |= dict.fromkeys(names.split(", "), " ".join(meaning.split()))
    return found


def in_words(kind: Any) -> str:
    """Type as a person would say it."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return in_words(parts[0])
    if origin in (Union, UnionType):
        return either(parts)
    if origin is Literal:
        return ", ".join(f"`{toml(one)}`" for one in parts)
    if origin is tuple:
        count = "" if parts[-1] is Ellipsis else f"{len(parts)}: "
        return f"list of {count}{in_words(parts[0])}"
    if origin is dict:
        return f"table of {in_words(parts[1])} by name"
    if inspect.isclass(kind) and issubclass(kind, BaseModel):
        return " or ".join(f"[{one.__name__}](#{anchor(one)})" for one in kinds_of(kind))
    return WORDS.get(kind, "value")


def either(parts: tuple[Any, ...]) -> str:
    """Words for a union; the distributions of a number count as one."""
    named = [part for part in parts if part not in DISTRIBUTIONS and part is not type(None)]
    words = [in_words(part) for part in named]
    if len(named) < len([part for part in parts if part is not type(None)]):
        words.append("[distribution](#keys-distribution)")
    return " or ".join(words)


def default(field: FieldInfo) -> str:
    """Default value as TOML; what has none must be given."""
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "**needed**"
    if value is None:
        return "none"
    if isinstance(value, BaseModel) and not isinstance(value, DISTRIBUTIONS):
        return "its defaults" if not value.model_dump(exclude_defaults=True) else f"`{toml(value)}`"
    return f"`{toml(value)}`"


def toml(value: Any) -> str:
    """Value as TOML, in short."""
    if isinstance(value, BaseModel):
        return toml(value.model_dump(exclude_defaults=True))
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {toml(one)}' for key, one in value.items())} }}" if value else "{}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else number(value)


def number(value: float) -> str:
    """Write a number in short: `300e3` as 3e5, whole ones up to a thousand million in full."""
    if isinstance(value, int) and abs(value) <= 10**9:
        return str(value)
    return re.sub(r"e([+-])0*", lambda found: "e" + found.group(1).strip("+"), f"{value:.5g}")


def allowed(field: FieldInfo) -> str:
    """Bounds of a value, from its type or from what is said of an impossible number."""
    told = ((word, getattr(one, name, None)) for one in field.metadata for name, word in BOUNDS.items())
    return ", ".join(f"{word} {number(bound)}" for word, bound in told if bound is not None) or refusal(field)


def refusal(field: FieldInfo) -> str:
    """Bounds that the message about an impossible number tells, or nothing."""
    try:
        TypeAdapter(annotation(field)).validate_python(1e300)
    except (PassbandError, ValueError) as error:
        told = re.search(r"is outside (.*?);", str(error))
        return told.group(1) if told else ""
    return ""

"""What pydantic found wrong with a recipe, one line each: the dotted name, the value, the rule and the near name."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from inspect import isabstract
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from passband.distribution import Choice, LogUniform, Normal, Uniform
from passband.recipe import PassbandError

_KINDS = "|".join(kind.__name__ for kind in (Uniform, LogUniform, Normal, Choice))
_MEMBER = re.compile(
    rf"(?:.*, )?(?:{_KINDS})\]*"
)  # as pydantic names a member of a union, with its validators around it
_SCALAR_RULE = (
    "write a number, {uniform = [low, high]}, {log_uniform = [low, high]}, {normal = [mean, std]} or {choice = [...]}"
)


def error_lines(error: ValidationError, *, model: type[BaseModel] | None = None, data: Any = None) -> list[str]:
    """Return one line per wrong value, each once, in the order of the file.

    Parameters
    ----------
    error
        What validation raised.
    model, data
        The recipe's class and the raw values it was made from. They let a line name the value's place as the user wrote
        it and suggest the near name of a misspelt key; without them the line says only what is wrong.
    """
    grouped: dict[str, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        grouped.setdefault(".".join(_place(detail, data)), []).append(detail)
    lines = [line for path, details in _outermost(grouped).items() for line in _lines(path, details, model)]
    return list(dict.fromkeys(lines))


def first_error(error: ValidationError, *, whole: str = "") -> str:
    """Return the place and the text of the first wrong value; `whole` is what the place of the whole value is called.

    Examples
    --------
    >>> from passband.recipe import Recipe
    >>> class Beam(Recipe):
    ...     energy: float
    >>> try:
    ...     Beam.model_validate({"energy": "high"})
    ... except ValidationError as error:
    ...     first_error(error)
    'energy: Input should be a valid number, unable to parse string as a number'
    """
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or whole
    text = first["msg"].removeprefix("Value error, ")
    return f"{place}: {text}" if place else text


def _place(detail: ErrorDetails, data: Any) -> list[str]:
    """Follow the error's location through the raw values, so that names of union members drop out."""
    if data is None:
        return [str(part) for part in detail["loc"] if not _is_kind(part)]
    path: list[str] = []
    here = data
    for part in detail["loc"]:
        if _is_kind(part):  # every way of writing a scalar failed: speak of the scalar
            return path
        if _holds(here, part):
            here = here[part]
        elif not (part == detail["loc"][-1] and detail["type"] == "missing"):
            continue
        path.append(str(part))
    return path


def _is_kind(part: int | str) -> bool:
    return isinstance(part, str) and _MEMBER.fullmatch(part) is not None


def _holds(here: Any, part: int | str) -> bool:
    if isinstance(here, list | tuple):
        return isinstance(part, int) and part < len(here)
    return isinstance(here, Mapping) and part in here


def _outermost(grouped: dict[str, list[ErrorDetails]]) -> dict[str, list[ErrorDetails]]:
    """Drop the complaints that follow from another: a parent that could not be made because a child is wrong."""
    return {
        path: details
        for path, details in grouped.items()
        if not any(other.startswith(f"{path}.") for other in grouped) or not path or _own(details)
    }


def _own(details: list[ErrorDetails]) -> bool:
    return any(detail["type"] in ("value_error", "assertion_error") for detail in details)


def _lines(path: str, details: list[ErrorDetails], model: type[BaseModel] | None) -> list[str]:
    """Return the lines for everything that is wrong at one place: several where one check found several reasons."""
    raised = [detail.get("ctx", {}).get("error") for detail in details]
    several = [
        line for error in raised if isinstance(error, PassbandError) and len(error.args) > 1 for line in error.args
    ]
    return [f"{path}: {line}" if path else str(line) for line in several] or [_line(path, details, model)]


def _line(path: str, details: list[ErrorDetails], model: type[BaseModel] | None) -> str:
    """One line for everything that is wrong at one place."""
    said = [detail for detail in details if detail["type"] in ("value_error", "assertion_error")]
    detail = (said or details)[0]
    if not said and (len(details) > 1 or any(_is_kind(part) for part in detail["loc"])):
        return f"{path}={_shown(detail, details)} is not a value or a distribution; {_SCALAR_RULE}"
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = " ".join(message.split())
    match detail["type"]:
        case "extra_forbidden":
            return _unknown(path, model)
        case "missing":
            return f"{path} is missing; add it to the plan"
        case "value_error" | "assertion_error":
            return f"{path}: {message}" if path else message
    rule = message.removeprefix("Input should be ").removeprefix("Input ")
    return f"{path}={_shown(detail, details)} is not accepted: it should be {rule}; change {path.rsplit('.', 1)[-1]}"


def _shown(detail: ErrorDetails, details: list[ErrorDetails]) -> str:
    inputs = [d["input"] for d in details if isinstance(d["input"], Mapping)] or [detail["input"]]
    try:
        text = repr(inputs[0])
    except ValueError:  # Python does not print an integer of more than 4300 digits
        return "an integer of thousands of digits"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _unknown(path: str, model: type[BaseModel] | None) -> str:
    parent, _, key = path.rpartition(".")
    known = _names_at(model, parent.split(".") if parent else []) if model else []
    return unknown_key(path, key, known)


def unknown_key(path: str, key: str, known: Sequence[str]) -> str:
    """Return the line about a key nobody knows, with the nearest of the known ones.

    Examples
    --------
    >>> unknown_key("training.epoch", "epoch", ["epochs", "seed"])
    "training.epoch is not a known key; did you mean 'epochs'?"
    >>> unknown_key("conditions.defocus", "defocus", ["aberrations", "dose"])
    'conditions.defocus is not a known key; coefficients of the lens, such as defocus, are written in aberrations'
    """
    if "aberrations" in known and not get_close_matches(key, known, n=1, cutoff=0.75):
        return f"{path} is not a known key; coefficients of the lens, such as defocus, are written in aberrations"
    near = get_close_matches(key, known, n=1, cutoff=0.5) or [k for k in known if k.lower() == key.lower()]
    if near:
        return f"{path} is not a known key; did you mean {near[0]!r}?"
    return (
        f"{path} is not a known key; known here: {', '.join(known)}"
        if known
        else f"{path} is not a known key; remove it"
    )


def _names_at(annotation: Any, path: Sequence[str]) -> list[str]:
    """Field names that a place in the recipe may have."""
    models = _models(annotation)
    if models and not path:
        return list(dict.fromkeys(name for model in models for name in model.model_fields))
    fields = [model.model_fields[path[0]].annotation for model in models if path[0] in model.model_fields]
    if fields:
        return list(dict.fromkeys(name for field in fields for name in _names_at(field, path[1:])))
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _names_at(arguments[0], path)
    if path and origin in (tuple, list, dict, Mapping):
        return _names_at(arguments[-1] if origin in (dict, Mapping) else arguments[0], path[1:])
    if origin in (Union, UnionType):
        names = [name for argument in arguments for name in _names_at(argument, path)]
        return list(dict.fromkeys(names))
    return []


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Class of a recipe, and with the parent of an open union the classes of all its kinds."""
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return []
    return [annotation, *(annotation.__subclasses__() if isabstract(annotation) else [])]

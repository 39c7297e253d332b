"""Choices of an option that are the names of entries: read when the command is used, so that a new entry is one."""

import copy
import functools
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_type_hints

Names = Callable[[], Iterable[str]]


@dataclass(frozen=True)
class OneOf:
    """Stands beside `typer.Option` in an annotation: these names are accepted, and no others."""

    names: Names


@dataclass(frozen=True)
class Known:
    """Stands beside `typer.Option` in an annotation: the help ends with these names; others are accepted too."""

    names: Names


def with_choices(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose annotations hold the choices themselves, as Typer reads them."""
    hints = get_type_hints(function, include_extras=True)
    signature = inspect.signature(function)
    changed = {
        name: parameter.replace(annotation=_resolved(hints.get(name, Any)))
        for name, parameter in signature.parameters.items()
    }

    @functools.wraps(function)
    def called(*arguments: Any, **options: Any) -> Any:
        return function(*arguments, **options)

    called.__dict__["__signature__"] = signature.replace(parameters=list(changed.values()))
    called.__annotations__ = {name: one.annotation for name, one in changed.items()}
    return called


def _resolved(annotation: Any) -> Any:
    metadata = getattr(annotation, "__metadata__", ())
    if not any(isinstance(part, OneOf | Known) for part in metadata):
        return annotation
    kind, parts = annotation.__origin__, []
    for part in metadata:
        if not isinstance(part, OneOf | Known):
            parts.append(part)
    for part in metadata:
        if isinstance(part, OneOf):
            kind = Literal[tuple(part.names())]
        elif isinstance(part, Known):
            parts = [_with_names(one, ", ".join(part.names())) for one in parts]
    return Annotated[(kind, *parts)]


def _with_names(option: Any, names: str) -> Any:
    """Return a copy of an option whose help ends with names."""
    told = copy.copy(option)
    told.help = f"{option.help}: {names}."
    return told

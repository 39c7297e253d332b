"""Values of a plan that were changed on the command line, as `--set training.epochs=5`."""

import re
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any

from passband.documents import DocumentError, parse_toml
from passband.experiment.plan_files import PlanError, find_plan, read_toml


def read_plan(path: str | Path, overrides: Sequence[str] = ()) -> tuple[Path, dict[str, Any]]:
    """Return the file of a plan or a campaign and its raw values, changed as `overrides` say.

    Raises
    ------
    PlanError
        There is no such plan, it is not TOML, or an override cannot be applied.
    """
    file = find_plan(path)
    raw = read_toml(file)
    for override in overrides:
        apply_override(raw, override)
    return file, raw


def apply_override(raw: MutableMapping[str, Any], override: str) -> None:
    """Change one value of a raw plan in place: `a.b=c`, list items by number, c in TOML syntax (a bare word is text).

    Raises
    ------
    PlanError
        The form is not `a.b=c`, c is not TOML, or the way to b leads through something that is no table.
    """
    dotted, equals, text = override.partition("=")
    keys = [key.strip() for key in dotted.split(".")]
    if not equals or not all(keys):
        raise PlanError(f"--set {override[:60]!r} is not of the form a.b=c; write for example --set training.epochs=5")
    value = _toml_value(override, text.strip())
    here: Any = raw
    for key in keys[:-1]:
        here = _step(here, key, override)
    _assign(here, keys[-1], value, override)


def _toml_value(override: str, text: str) -> Any:
    try:
        document = parse_toml(f"value = {text}")
    except DocumentError as error:
        if re.fullmatch(r"[A-Za-z][\w./-]*", text):
            return text
        raise PlanError(f"--set {override[:60]!r}: {text[:60]!r} is not a TOML value; quote text as '\"…\"'") from error
    if set(document) != {"value"}:
        raise PlanError(f"--set {override[:60]!r} holds more than one value; give --set once per value")
    return document["value"]


def _step(here: Any, key: str, override: str) -> Any:
    if isinstance(here, list) and key in map(str, range(len(here))):
        return here[int(key)]
    if isinstance(here, dict):
        return here.setdefault(key, {})
    raise PlanError(f"--set {override[:60]!r}: there is no table to go through at {key!r}; check the dotted name")


def _assign(here: Any, key: str, value: Any, override: str) -> None:
    if isinstance(here, dict):
        here[key] = value
    elif isinstance(here, list) and key in map(str, range(len(here))):
        here[int(key)] = value
    else:
        raise PlanError(f"--set {override[:60]!r}: {key!r} cannot be set there; check the dotted name")

"""In which values two recipes differ, said in a few words for the message that refuses one of them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

_MISSING = object()
_LONGEST = 40


def differences(there: Mapping[str, Any], now: Mapping[str, Any], *, prefix: str = "", most: int = 3) -> str:
    """Return the dotted names of the values that differ, each with both values, in the order of `now`.

    Parameters
    ----------
    there, now
        JSON of the recipes: of what was found, and of what is asked for.
    prefix
        Stands before each name.
    most
        As many are named; of the others their number is.

    Examples
    --------
    >>> differences({"scene": {"field": 40.0}, "seed": 0}, {"scene": {"field": 60.0}, "seed": 0}, prefix="simulation.")
    'simulation.scene.field 40.0 → 60.0'
    >>> differences({"a": 1, "b": 2}, {"b": [3], "c": "d"}, most=2)
    'b 2 → [3], c (absent) → "d" and 1 more'
    """
    found = list(_differing(there, now, prefix))
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(f"{name} {_text(old)} → {_text(new)}" for name, old, new in found[:most]) + more


def _differing(there: Mapping[str, Any], now: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any, Any]]:
    for name in {**now, **there}:
        old, new = there.get(name, _MISSING), now.get(name, _MISSING)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _differing(old, new, f"{prefix}{name}.")
        elif old != new:
            yield f"{prefix}{name}", old, new


def _text(value: Any) -> str:
    text = "(absent)" if value is _MISSING else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

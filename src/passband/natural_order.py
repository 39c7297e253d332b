"""Names in the order in which a person counts: numbers in them ordered as numbers."""

import re
from collections.abc import Iterable


def natural(names: Iterable[str]) -> list[str]:
    """Names once each, numbers in them ordered as numbers: `set2` before `set10`, `defocus=-50` before `defocus=0`."""
    return sorted(set(names), key=natural_key)


def natural_key(name: str) -> list[tuple[float, str]]:
    """Return what names are sorted by for that order."""
    parts = re.split(r"((?<![A-Za-z\d])-?\d+(?:\.\d+)?|\d+)", name)
    return [(float(part), "") if k % 2 else (float("inf"), part) for k, part in enumerate(parts)]

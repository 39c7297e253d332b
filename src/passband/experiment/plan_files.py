"""Where plans are: a TOML file of the user's, or one that comes with passband."""

from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any

from passband.documents import naming, parse_toml, read_document
from passband.recipe import PassbandError


class PlanError(PassbandError):
    """A plan that cannot be used; the message holds one line per wrong value."""


def shipped_plans() -> dict[str, Path]:
    """Return the plans that come with passband, by name."""
    inside = Path(str(resources.files("passband"))) / "plans"
    folder = inside if inside.is_dir() else inside.parents[2] / "plans"  # an editable checkout keeps them at its top
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find_plan(name: str | Path) -> Path:
    """Return the file of a plan: a path, or the name of one that comes with passband.

    Raises
    ------
    PlanError
        It is neither; the nearest shipped name is suggested.
    """
    path = Path(name)
    if path.exists() and not path.is_dir():
        return path
    shipped = shipped_plans()
    if str(name) in shipped:
        return shipped[str(name)]
    if path.is_dir():
        raise PlanError(f"plan {name} is a folder; name the TOML file in it")
    near = get_close_matches(str(name), shipped, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"shipped plans: {', '.join(shipped) or 'none'}"
    raise PlanError(f"plan {str(name)!r} is neither a file nor a shipped plan; {hint}")


def read_toml(file: Path) -> dict[str, Any]:
    """Return the values of a TOML file.

    Raises
    ------
    PlanError
        It cannot be read, or is not TOML.
    """
    with naming(file, PlanError):
        return parse_toml(read_document(file))

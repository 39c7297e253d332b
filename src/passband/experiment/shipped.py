"""The plans that come with passband."""

from importlib import resources
from pathlib import Path


def shipped_plans() -> dict[str, Path]:
    """Return the plans that come with passband, by name."""
    inside = Path(str(resources.files("passband"))) / "plans"
    folder = inside if inside.is_dir() else inside.parents[2] / "plans"  # an editable checkout keeps them at its top
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}

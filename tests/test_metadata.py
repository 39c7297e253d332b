"""What the metadata declare is what continuous integration installs."""

import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from tests.fixtures.scripts import load_script

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def lowest() -> ModuleType:
    return load_script(".ci/lowest.py")


def pins(name: str) -> dict[str, Version]:
    """Versions of a file of constraints, by name."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert all([part.operator for part in one.specifier] == ["=="] for one in found)
    return {canonicalize_name(one.name): Version(next(iter(one.specifier)).version) for one in found}


def bounds(requirements: list[str]) -> dict[str, Version]:
    """Lower bounds, by name."""
    found = [Requirement(line) for line in requirements]
    return {canonicalize_name(one.name): Version(next(iter(one.specifier)).version) for one in found}


def test_the_lowest_versions_are_the_declared_bounds(lowest: ModuleType) -> None:
    # a bound that is changed without trying it fails here: python .ci/lowest.py > constraints-lowest.txt, then .ci/run
    assert (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8") == lowest.lowest(ROOT / "pyproject.toml")


def test_every_dependency_but_torch_has_a_lowest_version() -> None:
    declared = bounds(PROJECT["dependencies"]) | bounds(PROJECT["optional-dependencies"]["slurm"])
    installed = pins("constraints-lowest.txt")
    assert {name: installed[name] for name in declared if name != "torch"} == {
        name: bound for name, bound in declared.items() if name != "torch"
    }


@pytest.mark.parametrize("extra", ["dev", "docs"])
def test_tools_are_declared_as_they_are_installed(extra: str) -> None:
    declared, installed = bounds(PROJECT["optional-dependencies"][extra]), pins("constraints.txt")
    if extra == "dev":
        assert declared.pop("dask-jobqueue") <= installed["dask-jobqueue"]  # bound of the extra `slurm`
    assert {name: installed[name] for name in declared} == declared


def test_pinned_versions_are_allowed() -> None:
    installed = pins("constraints.txt")
    for name, bound in bounds(PROJECT["dependencies"]).items():
        assert installed[name] >= bound, name


@pytest.mark.parametrize("requirement", ["rich", "rich<14", "rich>=13,<14", "rich==13.0.0", "rich~=13.0"])
def test_a_dependency_needs_one_lower_bound(lowest: ModuleType, tmp_path: Path, requirement: str) -> None:
    project = tmp_path / "pyproject.toml"
    text = f'[build-system]\nrequires = []\n[project]\ndependencies = ["{requirement}"]\n'
    project.write_text(text + "optional-dependencies.slurm = []\n")
    with pytest.raises(ValueError, match=r"rich.*: give one lower bound, such as rich>=1\.2"):
        lowest.lowest(project)

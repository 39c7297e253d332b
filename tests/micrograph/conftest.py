"""A recipe small enough to simulate in half a second, and its store."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from passband.micrograph.acquisition import Simulation, simulate
from passband.micrograph.store import WaveStore
from passband.specimen.sampling import SceneDistribution


def tree_hash(directory: Path) -> dict[str, str]:
    """SHA-256 of every file under a directory, by relative path."""
    files = (path for path in sorted(directory.rglob("*")) if path.is_file())
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="session")
def hashes() -> Callable[[Path], dict[str, str]]:
    return tree_hash


@pytest.fixture(scope="session")
def tiny_recipe() -> Simulation:
    """Ten fields of 32 Å, one in four empty, one or two crystals of 12 Å: 30 ms each."""
    scene = SceneDistribution(
        field=32.0, film_thickness=8.0, diameter=12.0, particles={"choice": [1, 2]}, gap=2.0, empty=0.25
    )
    return Simulation(
        scene=scene, structures=10, seed=3, pixel_size=0.4, slice_thickness=4.0, phonons=2, focus_reference="centre"
    )


@pytest.fixture(scope="session")
def tiny_store(tiny_recipe: Simulation, tmp_path_factory: pytest.TempPathFactory) -> WaveStore:
    """Simulated once, never edited; a test that damages a store copies it."""
    return simulate(tiny_recipe, tmp_path_factory.mktemp("tiny") / "store")

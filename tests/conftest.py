"""Fixtures for every test: the real micrographs, and a steady number of threads."""

import os
from pathlib import Path

import pytest
import torch

pytest_plugins = [
    "tests.fixtures.stores",
    "tests.fixtures.tables",
    "tests.fixtures.command_line",
    "tests.fixtures.campaigns",
    "tests.fixtures.models",
    "tests.fixtures.column_networks",
    "tests.fixtures.defect_networks",
]
torch.set_num_threads(min(2, os.cpu_count() or 1, int(os.environ.get("OMP_NUM_THREADS", "2") or 2)))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of openly licensed real micrographs: $PASSBAND_TEST_DATA, or ../shared/data beside the repository."""
    named = os.environ.get("PASSBAND_TEST_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[1].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real micrographs are not at {folder}; set PASSBAND_TEST_DATA to their folder")
    return folder

"""A plan that runs in a second, a network that was never trained, and the command line as a function."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tifffile
import torch

from passband.desk.cli import app
from passband.segmentation.model import ModelCard, save_model
from passband.segmentation.unet import UNetRecipe, build_unet

MICRO = {
    "simulation.structures": "4",
    "simulation.pixel_size": "0.8",
    "simulation.slice_thickness": "10.0",
    "simulation.scene.field": "51.2",
    "simulation.scene.film_thickness": "10.0",
    "simulation.scene.particles": "1",
    "simulation.scene.diameter": "20.0",
    "imaging.patch": "64",
    "imaging.focal_nodes": "1",
    "training.epochs": "1",
    "training.steps_per_epoch": "2",
    "training.batch_size": "2",
    "network": '"tiny"',
}


class Outcome(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def error_lines(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("error: ")]


Run = Callable[..., Outcome]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process and return its exit code and what it printed."""
    monkeypatch.delenv("PASSBAND_DEBUG", raising=False)

    def call(*arguments: object) -> Outcome:
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            app([str(argument) for argument in arguments], prog_name="passband")
        captured = capfd.readouterr()
        code = left.value.code
        return Outcome(code if isinstance(code, int) else 0, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def micro() -> list[str]:
    """Overrides that make the demo plan a matter of seconds."""
    return [part for key, value in MICRO.items() for part in ("--set", f"{key}={value}")]


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete model that knows nothing, at 0.8 Å."""
    folder = tmp_path_factory.mktemp("untrained")
    recipe = UNetRecipe.preset("tiny")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_unet(recipe)
    save_model(folder, network, ModelCard(name="untrained", architecture=recipe, pixel_size=0.8))
    return folder


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A TIFF of 40 × 56 pixels that says its pixel size, 0.8 Å."""
    path = tmp_path / "picture.tif"
    values = np.random.default_rng(0).normal(size=(40, 56)).astype(np.float32)
    tifffile.imwrite(path, values, imagej=True, resolution=(10 / 0.8, 10 / 0.8), metadata={"unit": "nm", "axes": "YX"})
    return path

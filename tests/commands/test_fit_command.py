"""`passband fit`: numbers for a script, words for a person, a figure, and one line for what is missing."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import Conditions
from passband.microscope.frequencies import spatial_frequencies
from passband.microscope.transfer import contrast_transfer

Run = Callable[..., Any]  # the fixture `run`, see conftest
KEYS = {"c10_A", "c12_A", "phi12_rad", "c10_interval_A", "c12_interval_A", "phi12_interval_rad", "focal_spread_A"}


@pytest.fixture(scope="module")
def rings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise through a lens of C10 = −400 Å, 192 pixels of 0.5 Å."""
    rng = np.random.default_rng(0)
    q, azimuth = spatial_frequencies((192, 192), 0.5, dtype=torch.float64)
    conditions = Conditions(aberrations=Aberrations(C10=-400.0), focal_spread=10.0)
    transfer = contrast_transfer(q, azimuth, conditions).numpy() / (1.0 + 2.0 * q.numpy() ** 2)
    scattered = np.fft.ifft2(np.fft.fft2(rng.normal(size=(192, 192))) * transfer).real
    image = 1.0 + scattered + 0.3 * scattered.std() * rng.normal(size=(192, 192))
    path = tmp_path_factory.mktemp("rings") / "rings.tif"
    tifffile.imwrite(path, image.astype(np.float32))
    return path


def test_json_and_figure_of_rings(run: Run, rings: Path, tmp_path: Path) -> None:
    figure = tmp_path / "rings.png"
    arguments = ("--energy", "300kV", "--cs", "0", "--pixel-size", "0.5", "--largest-defocus", "70nm")
    outcome = run("fit", rings, *arguments, "--figure", figure, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    found = json.loads(outcome.out)
    assert found.keys() >= KEYS
    assert found["refused"] is None
    assert found["c10_A"] == pytest.approx(-400.0, abs=10.0)
    assert found["c10_interval_A"][0] < found["c10_A"] < found["c10_interval_A"][1]
    assert found["sign_ambiguous"] is True
    assert found["alternatives"][0]["c10_A"] == -found["c10_A"]
    assert (found["energy_eV"], found["cs_A"], found["pixel_size_A"]) == (300e3, 0.0, [0.5, 0.5])
    assert np.asarray(Image.open(figure).convert("L")).std() > 10


def test_a_person_is_told_of_the_sign(run: Run, rings: Path) -> None:
    arguments = ("--energy", "300e3", "--pixel-size", "0.5", "--focal-spread", "1nm", "--largest-defocus", "70nm")
    outcome = run("fit", rings, *arguments)
    assert outcome.code == 0
    assert "sign of C10 cannot be read" in outcome.out
    assert "1.00 nm" in outcome.out  # the focal spread that was given
    assert re.search(r"Cs +[-−]?0\.\d{3} mm", outcome.out)  # 10 µm are seen


def test_no_rings_is_an_answer(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "vacuum.tif"
    tifffile.imwrite(path, np.full((128, 128), 7, np.uint16))
    outcome = run("fit", path, "--energy", "300e3", "--cs", "0", "--pixel-size", "0.5", "--json")
    assert outcome.code == 0
    found = json.loads(outcome.out)
    assert "constant" in found["refused"]
    assert "c10_A" not in found
    assert "no fit: the image is constant" in run("fit", path, "--energy", "300e3", "--pixel-size", "0.5").out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--energy", "300e3"], "does not say its pixel size"),
        (["--pixel-size", "0.5"], "does not say its beam energy"),
        (["--energy", "300", "--pixel-size", "0.5"], "energies are in eV"),
        (["--energy", "300e3", "--pixel-size", "0.5", "--element", "Xx"], "no chemical element"),
        (["--energy", "300e3", "--pixel-size", "0.5", "--cs", "2 furlongs"], "furlongs"),
    ],
)
def test_what_is_missing_gets_one_line(run: Run, rings: Path, options: list[str], said: str) -> None:
    outcome = run("fit", rings, *options, "--json")
    assert (outcome.code, outcome.out) == (2, "")
    assert len(outcome.error_lines) == 1
    assert said in outcome.error_lines[0]

"""`passband translate fit-noise`: what scripts rely on, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.fixtures.command_line import Run

from passband.camera.fitted_noise import FittedNoise

KEYS = ("dose", "gain", "read_noise", "row_jitter_px", "source_size_A")


def scan(seed: int = 0, side: int = 192) -> np.ndarray:
    rng = np.random.default_rng(seed)
    place = np.arange(side) * 2.0 * np.pi / 16.0
    counts = rng.poisson(20.0 + 8.0 * (np.cos(place)[:, None] + np.cos(place)[None, :]))
    return np.asarray(12 * counts + 300, dtype=np.uint16)


@pytest.fixture
def session(tmp_path: Path) -> Path:
    folder = tmp_path / "session"
    folder.mkdir()
    for number in range(3):
        tifffile.imwrite(folder / f"{number}.tif", scan(number))
    return folder


def test_keys_of_the_json_and_the_file_that_is_written(run: Run, session: Path, tmp_path: Path) -> None:
    output = tmp_path / "noise.json"
    done = run("translate", "fit-noise", session, "-o", output, "--offset", "300", "--pixel-size", "0.2", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    for key in KEYS:
        assert set(found[key]) == {"value", "interval", "limits", "unit", "note"}
        assert (found[key]["value"] is None) == (found[key]["interval"] is None)
    assert found["gain"]["interval"][0] < 12.0 < found["gain"]["interval"][1]
    assert found["dose"]["interval"][0] < 20.0 / 0.04 < found["dose"]["interval"][1]
    written = FittedNoise.read(output)
    assert written.model_dump(mode="json") == {key: value for key, value in found.items() if key != "output"}


def test_what_is_not_told_says_why(run: Run, session: Path, tmp_path: Path) -> None:
    done = run("translate", "fit-noise", session, "-o", tmp_path / "noise.json")
    assert done.code == 0, done.err
    lines = {line.split()[0]: line for line in done.out.splitlines()}
    assert "not told: the level of no electrons is not known: give it (--offset)" in lines["read_noise"]
    assert "at most" in lines["read_noise"]
    assert "pixel size is not known" in lines["dose"]
    assert "levels/e- (" in lines["gain"]
    assert "wrote" in done.out


def test_one_image_is_enough(run: Run, session: Path, tmp_path: Path) -> None:
    done = run("translate", "fit-noise", session / "0.tif", "-o", tmp_path / "noise.json", "--json")
    assert json.loads(done.out)["gain"]["value"] == pytest.approx(12.0, rel=0.1)


def test_mixed_depths_and_constant_images_and_empty_folders_are_one_line(
    run: Run, session: Path, tmp_path: Path
) -> None:
    tifffile.imwrite(session / "3.tif", (scan() // 16).astype(np.uint8))
    tifffile.imwrite(tmp_path / "flat.tif", np.ones((128, 128), np.uint8))
    (tmp_path / "empty").mkdir()
    for images, said in (
        (session, "images of uint16, uint8"),
        (tmp_path / "flat.tif", "tells no noise"),
        (tmp_path / "empty", "holds no micrograph"),
    ):
        done = run("translate", "fit-noise", images, "-o", tmp_path / "noise.json")
        assert done.code == 2
        assert len(done.error_lines) == 1
        assert said in done.err
    assert not (tmp_path / "noise.json").exists()


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--lattice", "1", "no ratio and angle"),
        ("--lattice", "1,30deg", "no pair of shortest vectors"),
        ("--semi-angle", "30", "semi_angle"),
        ("--energy", "80", "energy"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    run: Run, session: Path, tmp_path: Path, option: str, value: str, said: str
) -> None:
    done = run("translate", "fit-noise", session, "-o", tmp_path / "noise.json", option, value)
    assert done.code == 2
    assert len(done.error_lines) == 1
    assert said in done.err

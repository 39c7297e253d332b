"""`passband explore`: from a table or a movie to a report, tables and a row for scripts."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile
from tests.description.sheets import flake
from tests.fixtures.command_line import Run

QUICK = ("--epochs", 1)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two frames of a flake; in the second one an atom is missing."""
    rows = ["frame,atom,x_px,y_px,x_A,y_A,class"]
    for frame in (0, 1):
        for atom, (x, y) in enumerate(flake(8, 9) + 2.0):
            if (frame, atom) != (1, 40):
                rows.append(f"{frame},{atom},{x / 0.2:.4f},{y / 0.2:.4f},{x:.5f},{y:.5f},C")
    path = tmp_path / "flake.csv"
    path.write_text("\n".join(rows))
    return path


def test_a_table_becomes_a_report(run: Run, table: Path, tmp_path: Path) -> None:
    outcome = run("explore", table, *QUICK, "--window", "4A", "--window", "0.6nm", "-o", tmp_path / "out", "--json")
    row = json.loads(outcome.out)
    assert outcome.code == 0
    assert row["symmetry"] == 3
    assert isinstance(row["collapsed"], bool)
    assert np.isfinite(row["elbo_nats"])
    assert [one["window_A"] for one in row["windows"]] == [4.0, 6.0]
    found = pq.read_table(tmp_path / "out" / "latents.parquet").to_pydict()
    assert len(found["z1"]) == row["patches"] == row["windows"][0]["patches"]
    assert set(found["frame"]) == {0, 1}
    wanted = {"frame", "y_px", "x_px", "class", "gmm_class", "angle_rad", "shift_y_px", "shift_x_px", "z1", "z2"}
    assert wanted <= set(found)
    page = Path(row["report"]).read_text()
    for text in ("Window of 4 Å", "Window of 6 Å", "Rings against time", "symmetry"):
        assert text in page
    assert page.count("data:image/png") >= 15
    assert not list((tmp_path / "out").glob("*.partial"))
    again = run("explore", table, *QUICK, "--window", "4A", "--window", "6A", "-o", tmp_path / "out", "--json")
    assert json.loads(again.out)["elbo_nats"] == row["elbo_nats"]


def test_a_movie_is_looked_at_frame_by_frame(run: Run, tmp_path: Path) -> None:
    y, x = np.mgrid[:100, :100] * 0.2
    clean = sum(np.exp(-((x - a) ** 2 + (y - b) ** 2) / 0.3) for a, b in flake(6, 6) + 3.0)
    frames = np.random.default_rng(0).poisson(50.0 * np.stack([clean, clean]) + 5.0).astype(np.uint16)
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, frames, imagej=True, metadata={"axes": "TYX"})
    options = ("--pixel-size", "0.2", "--model", "none", "--window", "5A")
    outcome = run("explore", path, *QUICK, *options, "-o", tmp_path / "out", "--json")
    row = json.loads(outcome.out)
    assert (outcome.code, row["frames"], row["shown"]) == (0, 2, "image")
    assert row["patches"] > 40


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--patches", "image"), "is a table and has no image"),
        (("--window", "90A"), "use a smaller --window"),
        (("--window", "4furlong"), "4furlong"),
        (("--epochs", 0), "epochs"),
        (("--symmetry", 0), "symmetry"),
    ],
)
def test_what_cannot_be_explored_is_told_in_a_line(
    run: Run, table: Path, tmp_path: Path, arguments: tuple[object, ...], said: str
) -> None:
    outcome = run("explore", table, *arguments, "-o", tmp_path / "out")
    assert outcome.code == 2
    assert said in outcome.err


def test_frames_without_atoms_are_told(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "empty.tif"
    tifffile.imwrite(path, np.zeros((2, 64, 64), np.uint16), imagej=True, metadata={"axes": "TYX"})
    outcome = run("explore", path, "--pixel-size", "0.2", "--model", "none", "-o", tmp_path / "out")
    assert outcome.code == 2
    assert "no frame shows an atom" in outcome.err

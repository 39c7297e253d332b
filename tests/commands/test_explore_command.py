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


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """Two frames of a flake of 0.2 Å a pixel."""
    y, x = np.mgrid[:100, :100] * 0.2
    clean = sum(np.exp(-((x - a) ** 2 + (y - b) ** 2) / 0.3) for a, b in flake(6, 6) + 3.0)
    frames = np.random.default_rng(0).poisson(50.0 * np.stack([clean, clean]) + 5.0).astype(np.uint16)
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, frames, imagej=True, metadata={"axes": "TYX"})
    return path


def atoms_of_the_movie(path: Path, frames: tuple[int, ...] = (0, 1), away: float = 3.0) -> Path:
    rows = ["frame,atom,x_px,y_px,class"]
    for frame in frames:
        for atom, (x, y) in enumerate(flake(6, 6) + away):
            rows.append(f"{frame},{atom},{x / 0.2:.4f},{y / 0.2:.4f},{'AB'[atom % 2]}")
    path.write_text("\n".join(rows))
    return path


def test_atoms_of_a_table_are_cut_out_of_the_movie(run: Run, movie: Path, tmp_path: Path) -> None:
    # rejects patches that are drawn, atoms that are looked for again, and classes that are not told
    table = atoms_of_the_movie(tmp_path / "atoms.csv")
    options = (*QUICK, "--pixel-size", "0.2", "--window", "5A", "--classes", "--ae", "-o", tmp_path / "out", "--json")
    row = json.loads(run("explore", movie, "--atoms", table, *options).out)
    found = pq.read_table(tmp_path / "out" / "latents.parquet").to_pydict()
    assert row["shown"] == "image"
    assert row["windows"][0]["told_classes"] == ["A", "B"]
    assert row["windows"][0]["patches"] + row["windows"][0]["left_out"] == 2 * len(flake(6, 6))
    places = (flake(6, 6)[np.array(found["atom"])] + 3.0) / 0.2
    np.testing.assert_allclose(np.stack([found["x_px"], found["y_px"]], axis=1), places, atol=1e-3)
    assert {"ae1", "ae2"} <= set(found)
    page = Path(row["report"]).read_text()
    assert "of an atom that it was told to be of class B" in page
    assert "knows nothing of turns" in page


@pytest.mark.parametrize(
    ("frames", "away", "options", "said"),
    [
        ((0, 5), 3.0, (), "has atoms of frame 5"),
        ((0,), 12.0, (), "are outside of the image of 100 × 100 pixels"),
        ((0,), 3.0, ("--atoms", "another.csv"), "1 movies have 2 tables"),
        ((0,), 3.0, ("--patches", "network", "--model", "none"), "no network looks at"),
    ],
)
def test_a_table_of_another_movie_is_refused(
    run: Run, movie: Path, tmp_path: Path, frames: tuple[int, ...], away: float, options: tuple[str, ...], said: str
) -> None:
    table = atoms_of_the_movie(tmp_path / "atoms.csv", frames, away)
    arguments = ("--atoms", table, *options, *QUICK, "--pixel-size", "0.2", "--window", "5A", "-o", tmp_path / "out")
    outcome = run("explore", movie, *arguments)
    assert outcome.code == 2
    assert said in " ".join(outcome.err.split())


def test_patches_show_what_the_network_sees(run: Run, movie: Path, tmp_path: Path) -> None:
    table = atoms_of_the_movie(tmp_path / "atoms.csv", (0,))
    options = (*QUICK, "--pixel-size", "0.2", "--window", "5A", "--model", "haadf_atoms", "-o", tmp_path / "out")
    outcome = run("explore", movie, "--atoms", table, "--patches", "network", *options, "--json")
    row = json.loads(outcome.out)
    assert (outcome.code, row["shown"], row["frames"]) == (0, "network", 1)
    card = json.loads((tmp_path / "out" / "window_5A" / "autoencoder" / "card.json").read_text())
    assert (card["offset"], card["gain"]) == (0.0, 1.0)  # probabilities, as they are
    page = Path(row["report"]).read_text()
    assert "what the network sees" in page
    assert "Median and quartiles" not in page  # of one frame


def test_distances_that_no_crystal_has_and_windows_of_one_atom_are_told(run: Run, table: Path, tmp_path: Path) -> None:
    arguments = ("explore", table, *QUICK, "--pixel-size", "2.0", "-o", tmp_path / "out", "--json")
    assert any("no crystal" in text for text in json.loads(run(*arguments).out)["remarks"])
    remarks = json.loads(run("explore", table, *QUICK, "--window", "2A", "-o", tmp_path / "o", "--json").out)["remarks"]
    assert any("one atom alone" in text for text in remarks)
    assert not any("no crystal" in text for text in remarks)


def test_a_movie_is_looked_at_frame_by_frame(run: Run, movie: Path, tmp_path: Path) -> None:
    options = ("--pixel-size", "0.2", "--model", "none", "--window", "5A")
    outcome = run("explore", movie, *QUICK, *options, "-o", tmp_path / "out", "--json")
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


def test_a_file_without_a_pixel_size_is_told_with_its_hint(run: Run, tmp_path: Path) -> None:
    # rejects "no frame shows an atom", which is not what is wrong
    path = tmp_path / "image.npy"
    np.save(path, np.zeros((64, 64)))
    path.with_suffix(".json").write_text('{"pixel_size": 0.2}')
    outcome = run("explore", path, "-o", tmp_path / "out")
    said = " ".join(outcome.err.split())
    assert outcome.code == 2
    assert said.partition("error: ")[2].count("image.npy") == 1
    assert "does not say its pixel size" in said
    assert "pixel_size=0.2 without a unit, not used" in said
    assert not list((tmp_path / "out").glob("*.partial"))


def test_frames_without_atoms_are_told(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "empty.tif"
    tifffile.imwrite(path, np.zeros((2, 64, 64), np.uint16), imagej=True, metadata={"axes": "TYX"})
    outcome = run("explore", path, "--pixel-size", "0.2", "--model", "none", "-o", tmp_path / "out")
    assert outcome.code == 2
    assert "no frame shows an atom" in outcome.err

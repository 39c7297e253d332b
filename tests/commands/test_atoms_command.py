"""`passband atoms`: tables, lattices and pictures of atomic columns, from the command line."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from tests.fixtures.command_line import Run

from passband.files.writing import write_image_tiff

PIXEL = 0.2  # Å
SPACING = 3.9  # Å


@pytest.fixture(scope="module")
def lattice() -> np.ndarray:
    """Counts of a square lattice, 130 pixels a side."""
    y, x = np.mgrid[:130, :130] * PIXEL
    bright = np.zeros((130, 130))
    for row in np.arange(1.5, 26.0, SPACING):
        for column in np.arange(2.1, 26.0, SPACING):
            bright += np.exp(-0.5 * ((y - row) ** 2 + (x - column) ** 2) / 0.45**2)
    return np.random.default_rng(0).poisson(20.0 + 100.0 * bright).astype(np.float32)


def test_columns_become_a_table_a_structure_a_lattice_and_a_picture(run: Run, lattice, tmp_path: Path) -> None:
    write_image_tiff(tmp_path / "one.tif", lattice, (PIXEL, PIXEL))
    arguments = ("atoms", tmp_path / "one.tif", "--model", "none", "-o", tmp_path / "out")
    told = json.loads(run(*arguments, "--json").out)
    one = told["images"][0]
    assert {"image", "columns", "spacing_A", "lattice", "verdict"} <= set(one)
    assert (one["columns"], one["verdict"], told["failed"]) == (49, "not calibrated", [])
    assert one["spacing_A"] == pytest.approx(SPACING, rel=0.005)
    assert one["lattice"]["lengths_A"] == pytest.approx([SPACING, SPACING], rel=0.002)
    assert one["lattice"]["angle_deg"] == pytest.approx(90.0, abs=0.2)
    assert all(Path(file).stat().st_size for file in one["outputs"].values())
    with (tmp_path / "out" / "one.atoms.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["x_px", "y_px", "x_A", "y_A", "class", "height", "sigma_A", "confidence"]
    assert (float(rows[0]["x_A"]), float(rows[0]["y_A"])) == pytest.approx((2.1, 1.5), abs=0.05)
    assert float(rows[0]["x_px"]) * PIXEL == pytest.approx(float(rows[0]["x_A"]), rel=1e-5)
    said = run(*arguments).out
    found = (
        "one.atoms.csv: 49 columns, nearest 3.89 Å apart; lattice 3.901 × 3.901 Å, 90.0°; found in the image alone\n"
    )
    assert said.endswith(found)


def test_columns_of_a_pixel_size_that_no_crystal_has_are_doubted(run: Run, lattice, tmp_path: Path) -> None:
    """Nanometres taken for Å and the other way round; and why no network was asked."""
    write_image_tiff(tmp_path / "one.tif", lattice, (PIXEL, PIXEL))
    arguments = ("atoms", tmp_path / "one.tif", "-o", tmp_path / "out")
    for factor, apart in ((10.0, "38.9"), (0.1, "0.389")):
        outcome = run(*arguments, "--pixel-size", f"{factor * PIXEL}")
        assert outcome.code == 0
        assert f"the nearest columns are {apart} Å apart; in crystals it is 0.45 to 20 Å" in outcome.err
        asked = "haadf_atoms is for pixels up to" in outcome.out
        assert asked == (factor > 1.0)
    assert "apart" not in run(*arguments, "--model", "none").err


def test_a_network_finds_the_columns_and_is_named(run: Run, lattice, column_network: Path, tmp_path: Path) -> None:
    write_image_tiff(tmp_path / "one.tif", lattice, (PIXEL, PIXEL))
    arguments = ("atoms", tmp_path / "one.tif", "-o", tmp_path / "out", "--model")
    one = json.loads(run(*arguments, column_network, "--json").out)["images"][0]
    assert (one["columns"], one["model"], one["verdict"], one["warning"]) == (49, "spots", "not calibrated", "")
    assert "49 columns" in (said := run(*arguments, column_network).out)
    assert said.endswith("; by spots: not calibrated\n")
    assert json.loads(run(*arguments, "none", "--json").out)["images"][0]["model"] is None
    outcome = run(*arguments, "gone")
    assert (outcome.code, len(outcome.error_lines)) == (2, 1)


def test_the_shipped_network_that_fits_is_asked(run: Run, lattice, shipped_columns: str, tmp_path: Path) -> None:
    write_image_tiff(tmp_path / "one.tif", lattice, (PIXEL, PIXEL))
    told = json.loads(run("atoms", tmp_path / "one.tif", "-o", tmp_path / "out", "--json").out)
    assert told["images"][0]["model"] == shipped_columns
    models = json.loads(run("models", "--json").out)
    assert [(one["task"], one["mode"], one["pixel_size_A"]) for one in models] == [("atoms", "STEM", [0.04, 0.4])]


def test_images_of_another_microscope_are_warned_of(run: Run, lattice, tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", lattice)
    (tmp_path / "one.json").write_text('{"pixel_size": "0.4 A", "experiment_type": "TEM", "voltage": "300 kV"}')
    outcome = run("atoms", tmp_path / "one.npy", "-o", tmp_path / "out", "-q")
    assert outcome.code == 0
    assert outcome.err.splitlines() == [
        f"warning: {tmp_path / 'one.npy'}: the file says TEM, and columns are looked for as in STEM images; "
        "au_hrtem is for such images: passband segment"
    ]


def test_dark_columns_are_found_where_they_are_asked_for(run: Run, lattice, tmp_path: Path) -> None:
    write_image_tiff(tmp_path / "one.tif", lattice.max() - lattice, (PIXEL, PIXEL))
    told = json.loads(run("atoms", tmp_path / "one.tif", "--dark", "-o", tmp_path / "out", "--json").out)
    assert told["images"][0]["columns"] == 49


def test_a_file_that_cannot_be_read_stops_no_other(run: Run, lattice, tmp_path: Path) -> None:
    write_image_tiff(tmp_path / "one.tif", lattice, (PIXEL, PIXEL))
    (tmp_path / "two.tif").write_bytes(b"no image")
    outcome = run("atoms", tmp_path / "two.tif", tmp_path / "one.tif", "-o", tmp_path / "out", "--json")
    told = json.loads(outcome.out)
    assert outcome.code == 2
    assert [Path(one["image"]).name for one in told["images"]] == ["one.tif"]
    assert "two.tif" in told["failed"][0]["error"]
    assert outcome.err.count("error: ") == 1


def test_an_even_image_has_no_columns_and_no_lattice(run: Run, tmp_path: Path) -> None:
    write_image_tiff(tmp_path / "even.tif", np.full((64, 64), 7.0, np.float32), (PIXEL, PIXEL))
    outcome = run("atoms", tmp_path / "even.tif", "-o", tmp_path / "out", "--json")
    one = json.loads(outcome.out)["images"][0]
    assert (outcome.code, one["columns"], one["spacing_A"], one["lattice"]) == (0, 0, None, None)
    assert one["warning"] == f"{tmp_path / 'even.tif'}: no columns: every pixel is the same"


def test_pictures_of_before_are_no_micrographs_and_foreign_ones_are_kept(run: Run, lattice, tmp_path: Path) -> None:
    write_image_tiff(tmp_path / "one.tif", lattice, (PIXEL, PIXEL))
    run("atoms", tmp_path / "one.tif", "-o", tmp_path)
    again = json.loads(run("atoms", tmp_path, "-o", tmp_path / "out", "--json").out)
    assert [Path(one["image"]).name for one in again["images"]] == ["one.tif"]
    (tmp_path / "one.atoms.png").write_bytes(b"mine")
    outcome = run("atoms", tmp_path / "one.tif", "-o", tmp_path)
    assert outcome.code == 2
    assert (tmp_path / "one.atoms.png").read_bytes() == b"mine"

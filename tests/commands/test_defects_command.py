"""`passband defects`: tables and pictures of point defects from the command line, and what is warned of."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.fixtures.command_line import Run
from tests.fixtures.defect_networks import BRIGHT, DARK, PIXEL, scene

from passband.files.writing import write_image_tiff


@pytest.fixture
def image(tmp_path: Path) -> Path:
    write_image_tiff(tmp_path / "one.tif", scene(), (PIXEL, PIXEL))
    return tmp_path / "one.tif"


def test_defects_become_tables_and_a_picture(run: Run, image: Path, defect_network: Path, tmp_path: Path) -> None:
    # rejects x for y, places at the network's pixels, the class of another place, and a table that lacks one
    told = json.loads(run("defects", image, "-M", defect_network, "-o", tmp_path / "out", "--json").out)
    one = told["images"][0]
    assert told["failed"] == []
    assert (one["model"], one["verdict"], one["warning"]) == ("two spots", "not calibrated", "")
    assert one["counts"] == {"substitution": 2, "vacancy": 1}
    places = {(round(row["y_px"]), round(row["x_px"])): row["class"] for row in one["defects"]}
    assert places == dict.fromkeys(BRIGHT, "substitution") | dict.fromkeys(DARK, "vacancy")
    assert all(set(row) == {"y_px", "x_px", "class", "confidence"} for row in one["defects"])
    assert all(0.9 < row["confidence"] <= 1.0 for row in one["defects"])
    assert one["per_nm2"] == pytest.approx(3 / (96 * PIXEL / 10.0) ** 2)
    with Path(one["outputs"]["table"]).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == ["substitution", "vacancy", "substitution"]  # in reading order
    assert float(rows[0]["x_A"]) == pytest.approx(float(rows[0]["x_px"]) * PIXEL, rel=1e-5)
    assert pq.read_table(one["outputs"]["parquet"]).num_rows == 3
    assert Path(one["outputs"]["picture"]).read_bytes().startswith(b"\x89PNG")


def test_summary_and_threshold(run: Run, image: Path, defect_network: Path, tmp_path: Path) -> None:
    arguments = ("defects", image, "-M", defect_network, "-o", tmp_path / "out")
    said = "one.defects.csv: 3 defects: 2 substitution, 1 vacancy; by two spots: not calibrated\n"
    assert run(*arguments).out.endswith(said)
    assert run(*arguments, "--tta").out.endswith(said)
    outcome = run(*arguments, "--threshold", "1.5")
    assert (outcome.code, len(outcome.error_lines)) == (2, 1)
    assert "threshold=1.5 is outside 0 to 1" in outcome.err


def test_no_detection_is_said(run: Run, defect_network: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(100.0, 1.0, (96, 96)).astype(np.float32)
    write_image_tiff(tmp_path / "noise.tif", noise, (PIXEL, PIXEL))
    outcome = run("defects", tmp_path / "noise.tif", "-M", defect_network, "-o", tmp_path / "out", "--json", "-q")
    one = json.loads(outcome.out)["images"][0]
    assert (outcome.code, one["defects"], one["per_nm2"]) == (0, [], 0.0)
    assert "no defect detected: that may be the network" in one["warning"]
    assert outcome.err == f"warning: {one['warning']}\n"
    assert pq.read_table(one["outputs"]["parquet"]).column_names[:2] == ["y_px", "x_px"]


def test_an_image_of_another_microscope_is_warned_of(run: Run, defect_network: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", scene())
    (tmp_path / "one.json").write_text('{"pixel_size": "0.2074 A", "experiment_type": "TEM", "voltage": "300 kV"}')
    told = json.loads(run("defects", tmp_path / "one.npy", "-M", defect_network, "-o", tmp_path / "o", "--json").out)
    assert "the file says TEM and the network knows STEM images only" in told["images"][0]["warning"]
    assert "taken at 300 kV and the network trained at 80 kV" in told["images"][0]["warning"]


def test_bad_input_is_one_line_and_stops_no_other(
    run: Run, image: Path, defect_network: Path, column_network: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    (tmp_path / "two.tif").write_bytes(b"no image")
    outcome = run("defects", tmp_path / "two.tif", image, "-M", defect_network, "-o", out, "--json")
    assert outcome.code == 2
    assert [Path(one["image"]).name for one in json.loads(outcome.out)["images"]] == ["one.tif"]
    assert outcome.err.count("error: ") == 1
    for model, said in ((column_network, "spots finds column and not defects"), ("gone", "neither a folder nor")):
        outcome = run("defects", image, "-M", model, "-o", out)
        assert (outcome.code, len(outcome.error_lines)) == (2, 1)
        assert said in outcome.err
    np.save(tmp_path / "bare.npy", scene())
    outcome = run("defects", tmp_path / "bare.npy", "-M", defect_network, "-o", out)
    assert (outcome.code, len(outcome.error_lines)) == (2, 1)
    assert "--pixel-size" in outcome.err

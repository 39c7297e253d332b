"""`passband zeroshot`: maps of materials and tables of regions, from the command line."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from tests.fixtures.command_line import Run

from passband.files.writing import write_image_tiff

PIXEL = 0.5  # Å


@pytest.fixture(scope="module")
def two() -> NDArray[np.float32]:
    """Two brightnesses side by side, 120 × 160 pixels."""
    image = np.random.default_rng(0).normal(100.0, 3.0, (120, 160))
    image[:, 60:] += 40.0
    return image.astype(np.float32)


def regions(folder: Path, stem: str) -> list[dict[str, str]]:
    with (folder / f"{stem}.regions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_map_a_table_and_pictures_are_written(run: Run, two, tmp_path: Path) -> None:
    write_image_tiff(tmp_path / "one.tif", two, (PIXEL, PIXEL))
    arguments = ("zeroshot", tmp_path / "one.tif", "-o", tmp_path / "out", "--materials", "2")
    told = json.loads(run(*arguments, "--json").out)
    one = told["images"][0]
    assert {"image", "labels", "materials", "proposals", "regions", "confidence"} <= set(one)
    assert (one["image"], one["materials"], one["regions"]) == (str(tmp_path / "one.tif"), 2, 2)
    assert one["labels"] == str(tmp_path / "out" / "one.labels.tif")
    assert told["failed"] == []
    labels = tifffile.imread(one["labels"])
    assert (labels.shape, labels.dtype) == (two.shape, np.uint8)
    assert len(set(labels[:, :50].ravel())) == len(set(labels[:, 70:].ravel())) == 1
    assert labels[0, 0] != labels[0, -1]
    described = json.loads(run("inspect", one["labels"], "--json").out)
    assert described["pixel_size_A"] == [PIXEL, PIXEL]
    rows = regions(tmp_path / "out", "one")
    assert float(rows[0]["area_nm2"]) == pytest.approx(np.count_nonzero(labels == 1) * 0.0025)
    assert all(Path(file).stat().st_size for file in one["outputs"].values())
    said = run(*arguments).out
    assert said.startswith(f"{one['labels']}: 2 materials in 2 regions, ")


def test_one_material_that_was_not_told_is_said_to_be_nothing_told_apart(run: Run, two, tmp_path: Path) -> None:
    """Rejects a confidence of 1.00, which every image has in which nothing is told apart."""
    write_image_tiff(tmp_path / "one.tif", two[:, 60:])
    arguments = ("zeroshot", tmp_path / "one.tif", "-o", tmp_path / "out")
    said = run(*arguments).out
    assert "1 material in 1 region" in said
    assert said.strip().endswith("nothing was told apart: say --materials if you see more")
    assert "confidence" in run(*arguments, "--materials", "1").out


def test_what_was_found_is_not_found_again(run: Run, two, tmp_path: Path) -> None:
    write_image_tiff(tmp_path / "one.tif", two, (PIXEL, PIXEL))
    arguments = ("zeroshot", tmp_path / "one.tif", "-o", tmp_path / "out", "-q")
    labels = tmp_path / "out" / "one.labels.tif"
    assert run(*arguments, "--materials", "2").code == 0
    first = labels.stat().st_mtime_ns
    told = json.loads(run(*arguments, "--materials", "2", "--json").out)
    assert labels.stat().st_mtime_ns == first
    assert told["images"][0]["materials"] == 2
    assert run(*arguments, "--materials", "1").code == 0  # another question
    assert set(np.unique(tifffile.imread(labels))) <= {0, 1}
    write_image_tiff(tmp_path / "one.tif", two + 0.1 * two[::-1], (PIXEL, PIXEL))  # another image of that name
    second = labels.stat().st_mtime_ns
    assert run(*arguments, "--materials", "1").code == 0
    assert labels.stat().st_mtime_ns > second


def test_a_pixel_size_need_not_be_known_and_may_be_given(run: Run, two, tmp_path: Path) -> None:
    write_image_tiff(tmp_path / "one.tif", two)
    arguments = ("zeroshot", tmp_path / "one.tif", "-o", tmp_path / "out", "--materials", "2", "-q")
    assert run(*arguments).code == 0
    rows = regions(tmp_path / "out", "one")
    assert "mean_thickness_px" in rows[0]
    assert "area_nm2" not in rows[0]
    assert run(*arguments, "--pixel-size", "0.1nm").code == 0
    rows = regions(tmp_path / "out", "one")
    assert float(rows[0]["area_nm2"]) == pytest.approx(float(rows[0]["area_px"]) * 0.01)


def test_points_are_materials(run: Run, two, tmp_path: Path) -> None:
    write_image_tiff(tmp_path / "one.tif", two)
    arguments = ("zeroshot", tmp_path / "one.tif", "-o", tmp_path / "out", "--point")
    assert json.loads(run(*arguments, "60,20", "--point", "60,120", "--json").out)["images"][0]["materials"] == 2
    labels = tifffile.imread(tmp_path / "out" / "one.labels.tif")
    assert (labels[60, 20], labels[60, 120]) == (1, 2)
    for text, said in (("60;20", "write y,x in pixels"), ("60,500", "outside the image of 120 × 160")):
        outcome = run(*arguments, text)
        assert (outcome.code, len(outcome.error_lines)) == (2, 1)
        assert said in outcome.error_lines[0]


def test_files_that_cannot_be_used_stop_no_other(run: Run, two, tmp_path: Path) -> None:
    write_image_tiff(tmp_path / "good.tif", two)
    write_image_tiff(tmp_path / "thin.tif", two[:5])
    (tmp_path / "bad.tif").write_bytes(b"II*\0 and no more")
    outcome = run("zeroshot", tmp_path, "-o", tmp_path / "out", "--json")
    assert outcome.code == 2
    told = json.loads(outcome.out)
    assert [Path(one["image"]).name for one in told["images"]] == ["good.tif"]
    assert sorted(Path(one["image"]).name for one in told["failed"]) == ["bad.tif", "thin.tif"]
    assert len(outcome.error_lines) == 2
    outcome = run("zeroshot", tmp_path / "good.tif", "-o", tmp_path / "out", "--materials", "99")
    assert outcome.code == 2
    assert "materials=99 but" in outcome.error_lines[0]
    assert run("zeroshot", tmp_path / "good.tif", "-o", tmp_path / "out", "--proposals", "nobody").code == 2


def test_nobodys_file_is_written_over(run: Run, two, tmp_path: Path) -> None:
    write_image_tiff(tmp_path / "one.tif", two)
    tifffile.imwrite(tmp_path / "one.labels.tif", np.ones((4, 4), dtype=np.uint8))
    outcome = run("zeroshot", tmp_path / "one.tif", "-o", tmp_path)
    assert outcome.code == 2
    assert "is not passband's" in outcome.error_lines[0]
    assert tifffile.imread(tmp_path / "one.labels.tif").shape == (4, 4)


def test_its_own_maps_are_no_micrographs(run: Run, two, tmp_path: Path) -> None:
    write_image_tiff(tmp_path / "one.tif", two)
    for _ in range(2):
        outcome = run("zeroshot", tmp_path, "-o", tmp_path, "--json", "-q")
        assert [Path(one["image"]).name for one in json.loads(outcome.out)["images"]] == ["one.tif"]
        assert outcome.code == 0

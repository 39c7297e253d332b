import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from passband.commands.inspect import inspect
from passband.commands.terminal.entry import COMMANDS
from passband.files.source_file import FormatError
from passband.files.writing import write_image_tiff
from passband.recipe import PassbandError

app = typer.Typer()
app.command("inspect")(inspect)
runner = CliRunner()


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for index in range(3):
        write_image_tiff(tmp_path / f"{index}.tif", np.arange(12.0).reshape(3, 4) + index, (0.5, 0.776))
    (tmp_path / "notes.txt").write_text("not an image")
    return tmp_path


def test_one_file_prints_one_object(images: Path) -> None:
    result = runner.invoke(app, [str(images / "1.tif"), "--json"])
    assert result.exit_code == 0
    described = json.loads(result.stdout)
    assert described["shape"] == [3, 4]
    assert described["dtype"] == "float32"
    assert described["pixel_size_A"] == [0.5, 0.776]
    assert (described["energy_eV"], described["instrument"]) == (None, None)
    assert described["statistics"]["min"] == 1.0
    assert described["statistics"]["mean"] == 6.5


def test_the_camera_is_estimated(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(30, 200, (128, 160)).astype(np.uint8)
    image[:, :5], image[110:114, 20:70] = 0, 250
    write_image_tiff(tmp_path / "image.tif", image, (0.5, 0.5))
    described = json.loads(runner.invoke(app, [str(tmp_path / "image.tif"), "--json"]).stdout)
    assert described["camera"]["border"] == {"top": 0, "bottom": 0, "left": 5, "right": 0}
    assert described["camera"]["scale_bar"] == {"top": 110, "bottom": 114, "left": 20, "right": 70}
    assert described["camera"]["grey_levels"] == 172
    shown = " ".join(runner.invoke(app, [str(tmp_path / "image.tif")], env={"COLUMNS": "300"}).stdout.split())
    for words in (
        "of the contrast, correlated over",
        "172 grey levels; border of one level (left 5 pixels); scale bar at rows 110–114, columns 20–70",
    ):
        assert words in shown


def test_a_data_bar_is_not_the_camera(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(30, 200, (128, 160)).astype(np.uint8)
    image[100:] = 255
    image[106:110, 10:60] = 0
    np.save(tmp_path / "image.npy", image)
    described = json.loads(runner.invoke(app, [str(tmp_path / "image.npy"), "--json"]).stdout)
    assert "data bar in the bottom 28 rows" in " ".join(described["notes"])
    assert (described["camera"]["grey_levels"], described["camera"]["scale_bar"]) == (170, None)


def test_the_camera_of_pixels_that_are_not_finite_is_not_estimated(tmp_path: Path) -> None:
    np.save(tmp_path / "nan.npy", np.full((20, 20), np.nan))
    assert json.loads(runner.invoke(app, [str(tmp_path / "nan.npy"), "--json"]).stdout)["camera"] is None


def test_several_files_and_folders_print_one_object_a_line(images: Path) -> None:
    result = runner.invoke(app, [str(images), str(images / "0.tif"), "--json"])
    assert result.exit_code == 0
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [Path(line["path"]).name for line in lines] == ["0.tif", "1.tif", "2.tif", "0.tif"]


def test_the_panel_says_what_matters(images: Path) -> None:
    result = runner.invoke(app, [str(images / "0.tif")])
    assert result.exit_code == 0
    for words in ("0.tif", "3 × 4", "float32", "50 pm (y) × 77.6 pm (x)", "pixel size from the ImageJ resolution tag"):
        assert words in result.stdout


def test_the_panel_says_when_the_pixel_size_is_unknown_and_why_a_stack_is_not_usable(tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", np.zeros((3, 8, 9), np.uint8))
    result = runner.invoke(app, [str(tmp_path / "s.npy")])
    assert "--pixel-size" in result.stdout
    assert "3 frames" in result.stdout
    assert "--frame N" in result.stdout
    assert "not usable" not in runner.invoke(app, [str(tmp_path / "s.npy"), "--frame", "1"]).stdout


def test_brackets_in_a_name_are_no_markup(tmp_path: Path) -> None:
    write_image_tiff(tmp_path / "[bold]a.tif", np.zeros((3, 4)))
    assert "[bold]a.tif" in runner.invoke(app, [str(tmp_path / "[bold]a.tif")]).stdout


def test_a_single_bad_file_is_one_error(images: Path) -> None:
    result = runner.invoke(app, [str(images / "notes.txt"), "--json"])
    assert isinstance(result.exception, FormatError)
    assert result.stdout == ""


def test_a_bad_file_does_not_hide_the_good_ones(images: Path) -> None:
    result = runner.invoke(app, [str(images / "notes.txt"), str(images / "0.tif"), "--json"])
    assert isinstance(result.exception, PassbandError)
    assert "1 of 2 files cannot be read" in str(result.exception)
    first, second = (json.loads(line) for line in result.stdout.splitlines())
    assert "kind that is not known" in first["error"]
    assert second["shape"] == [3, 4]


def test_a_folder_without_images_says_so(tmp_path: Path) -> None:
    result = runner.invoke(app, [str(tmp_path)])
    assert isinstance(result.exception, PassbandError)
    assert "holds no micrograph that can be read; name a file" in str(result.exception)


def test_help_has_an_example_of_every_option() -> None:
    assert "--json" in COMMANDS["inspect"].examples
    assert "--frame" in COMMANDS["inspect"].examples


def test_inspecting_loads_nothing_heavier_than_scipy(images: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from passband.commands.inspect import inspect; "
        f"inspect([Path({str(images / '0.tif')!r})], None, True); "
        "heavy = {'torch', 'dask', 'matplotlib', 'skimage', 'zarr'} & set(sys.modules); "
        "sys.exit(bool(heavy) and str(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

"""`passband realism`: a table or JSON of scores, a figure, and one line where there is nothing to compare."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.fixtures.command_line import Run


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSBAND_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Three real images of 16 bits and other sizes; generated ones as a stack of single precision."""
    rng = np.random.default_rng(0)
    real = tmp_path / "real"
    real.mkdir()
    for number, side in enumerate((96, 128, 70)):
        tifffile.imwrite(real / f"{number}.tif", rng.integers(0, 4096, size=(side, side)).astype(np.uint16))
    np.save(tmp_path / "generated.npy", rng.normal(size=(10, 64, 64)).astype(np.float32))
    return real, tmp_path / "generated.npy"


def test_json_holds_every_score_at_the_top(run: Run, folders: tuple[Path, Path]) -> None:
    outcome = run("realism", *folders, "--json", "-q", "--extractor", "random", "--extractor", "textures")
    assert outcome.code == 0
    values = json.loads(outcome.out)
    for name in ("kl_real_generated", "kl_generated_real", "frechet_random", "kid_random", "frechet_textures"):
        assert isinstance(values[name], float)
        assert len(values["intervals"][name]) == 2
    assert [name for name in values if "spectrum" in name] == ["spectrum", "spectrum_row", "spectrum_column"]
    assert values["images"] == {"real": 3, "generated": 10}
    assert values["crops"] == {"real": 6, "generated": 10}
    assert values["pixel_size_A"] is None
    assert "warning: frechet_random" in outcome.err


def test_a_table_and_a_figure_for_a_person(run: Run, folders: tuple[Path, Path], tmp_path: Path) -> None:
    output = tmp_path / "out"
    outcome = run("realism", *folders, "-o", output, "-e", "random", "-q")
    assert (outcome.code, outcome.out) == (0, "")
    assert (output / "realism.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((output / "realism.json").read_text())["js"] > 0
    outcome = run("realism", *folders, "-e", "random")
    assert "kid_random" in outcome.out
    assert "6 crops of 3 real images" in " ".join(outcome.out.split())
    again = run("realism", *folders, "-o", output, "-e", "random", "--json", "-q")
    assert json.loads(again.out)["outputs"]["figure"] == str(output / "realism.png")


def test_sources_tell_whether_labels_were_kept(run: Run, tmp_path: Path) -> None:
    y, x = np.mgrid[:64, :64]
    columns = np.exp(2.0 * (np.cos(2 * np.pi * y / 10) + np.cos(2 * np.pi * x / 10) - 2.0))[None].repeat(4, 0)
    noise = np.random.default_rng(0).normal(0.0, 0.1, size=columns.shape)
    for name, stack in (("source", columns), ("kept", columns + noise), ("inverted", 3.0 - columns + noise)):
        np.save(tmp_path / f"{name}.npy", stack)
    asked = ("-e", "random", "--source", tmp_path / "source.npy", "--json", "-q")
    kept, inverted = (
        json.loads(run("realism", tmp_path / "kept.npy", tmp_path / f"{name}.npy", *asked).out)
        for name in ("kept", "inverted")
    )
    assert kept["columns"] == 4 * 36  # of 49, whose first row and column are cut
    assert kept["contrast_inverted"] == 0.0
    assert kept["columns_displaced_beyond_noise"] == 0.0
    assert inverted["contrast_inverted"] == 1.0
    np.save(tmp_path / "source.npy", columns[:3])
    outcome = run("realism", tmp_path / "kept.npy", tmp_path / "kept.npy", *asked)
    assert outcome.error_lines == ["error: --source has 3 images and GENERATED 4; they are compared in pairs"]


def test_an_empty_folder_is_one_line(run: Run, folders: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for pair in ((tmp_path / "empty", folders[1]), (folders[0], tmp_path / "empty")):
        outcome = run("realism", *pair, "-q")
        assert (outcome.code, outcome.out) == (2, "")
        assert len(outcome.error_lines) == 1
        assert "holds no micrograph" in outcome.err


def test_a_damaged_file_is_told_and_the_others_are_compared(run: Run, folders: tuple[Path, Path]) -> None:
    (folders[0] / "bad.tif").write_bytes(b"II*\x00")
    outcome = run("realism", *folders, "--json", "-q", "-e", "random")
    assert outcome.code == 2
    assert json.loads(outcome.out)["images"]["real"] == 3
    (line,) = outcome.error_lines
    assert "bad.tif" in line
    outcome = run("realism", folders[0] / "bad.tif", folders[1], "-q")
    assert (outcome.code, outcome.out, len(outcome.error_lines)) == (2, "", 1)


@pytest.mark.parametrize(
    ("option", "said"),
    [(("-e", "inceptoin"), "no feature extractor"), (("--side", "8"), "greater than or equal to 16")],
)
def test_options_that_cannot_be_are_one_line(
    run: Run, folders: tuple[Path, Path], option: tuple[str, str], said: str
) -> None:
    outcome = run("realism", *folders, *option)
    assert (outcome.code, len(outcome.error_lines)) == (2, 1)
    assert said in outcome.err

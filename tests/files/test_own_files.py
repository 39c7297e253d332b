"""What passband wrote is never taken for a micrograph, and what it did not write is never overwritten."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from passband.files.listing import find_images
from passband.files.own_files import is_marked, is_result
from passband.files.writing import write_image_tiff, write_mask_tiff, write_overlay_png
from passband.recipe import PassbandError

Run = Callable[..., Any]  # the fixture `run`, see conftest
APPLE = b"\0\5\x16\7\0\2\0\0Mac OS X        "


@pytest.fixture
def session(picture: Path, tmp_path: Path) -> Path:
    """A folder with one micrograph, `a.tif`."""
    folder = tmp_path / "session"
    folder.mkdir()
    (folder / "a.tif").write_bytes(picture.read_bytes())
    return folder


def summary(folder: Path) -> list[str]:
    found = json.loads((folder / "summary.json").read_text())
    assert found["failed"] == []
    return [row["image"] for row in found["images"]]


def test_hidden_files_are_no_micrographs(run: Run, session: Path, untrained: Path) -> None:
    for name in ("._a.tif", ".a.tif", ".DS_Store", "Thumbs.db"):
        (session / name).write_bytes(APPLE)
    (session / ".thumbnails").mkdir()
    (session / ".thumbnails" / "a.png").write_bytes(APPLE)
    for argument in (session, session / "*.tif", session / "*", session / "**", session / "._*", session / ".*"):
        if argument.name in ("._*", ".*"):
            with pytest.raises(PassbandError, match="matches only hidden files"):
                find_images([str(argument)])
        else:
            assert find_images([str(argument)]) == [session / "a.tif"]
    assert run("segment", session, "-M", untrained, "-o", session / "out", "-q").code == 0
    assert len(run("inspect", session, "--json").out.splitlines()) == 1


@pytest.mark.parametrize("where", ["", "out", "deep/out"])
@pytest.mark.parametrize("pattern", ["", "*.tif", "*", "**"])
def test_a_second_run_finds_what_the_first_did(
    run: Run, session: Path, untrained: Path, where: str, pattern: str
) -> None:
    argument, out = session / pattern, session / where
    tables = []
    for _ in range(2):
        assert run("segment", argument, "-M", untrained, "-o", out, "-q").code == 0
        assert summary(out) == [str(session / "a.tif")]
        tables.append([(out / name).read_bytes() for name in ("summary.json", "summary.csv", "a.mask.tif")])
    assert tables[0] == tables[1]
    assert len(list(out.iterdir())) == 6 + (out == session)
    assert find_images([str(session / "**")]) == [session / "a.tif"]


def test_files_that_a_shell_names_are_left_out_with_a_warning(run: Run, session: Path, untrained: Path) -> None:
    first = run("segment", session, "-M", untrained, "-o", session, "-q")
    assert (first.code, first.err) == (0, "")
    again = run("segment", *sorted(session.glob("*.*i*f")), "-M", untrained, "-o", session, "-q")
    assert (again.code, summary(session)) == (0, [str(session / "a.tif")])
    assert [line.split(" is what ")[0] for line in again.err.splitlines()] == [
        f"warning: {session / name}" for name in ("a.mask.tif", "a.probability.tif")
    ]


@pytest.mark.parametrize("name", ["a.mask.tif", "a.probability.tif", "a.overlay.png"])
@pytest.mark.parametrize("command", ["segment", "trust", "fit"])
def test_a_result_alone_is_refused(run: Run, session: Path, untrained: Path, command: str, name: str) -> None:
    run("segment", session, "-M", untrained, "-o", session / "out", "-q")
    more = {"segment": ("-o", session / "m"), "trust": (), "fit": ("--energy", "300e3", "--cs", "0")}[command]
    outcome = run(command, session / "out" / name, *more)
    assert (outcome.code, len(outcome.error_lines)) == (2, 1)
    assert f"{name} is what passband made of a micrograph; give the micrograph itself" in outcome.err
    assert json.loads(run("inspect", session / "out" / name, "--json").out)["shape"][:2] != []


def test_a_folder_of_results_says_so(session: Path, run: Run, untrained: Path) -> None:
    run("segment", session, "-M", untrained, "-o", session / "out", "-q")
    with pytest.raises(PassbandError, match=r"holds no micrograph .*; what passband made is left out; name a file"):
        find_images([str(session / "out")])


def test_figures_of_passband_are_no_micrographs(run: Run, session: Path) -> None:
    run("trust", session / "a.tif", "--c10", "-80", "--figure", session / "a.png")
    assert is_result(session / "a.png")
    assert find_images([str(session)]) == [session / "a.tif"]


def test_an_image_of_the_users_own_with_the_name_of_a_result_is_an_image(tmp_path: Path) -> None:
    """Alone it may be a micrograph; beside `a.tif` it is more likely its mask, but who names it wants it."""
    own = tmp_path / "a.mask.tif"
    tifffile.imwrite(own, np.zeros((32, 32), np.uint8))
    Image.fromarray(np.zeros((32, 32), np.uint8)).save(tmp_path / "b.overlay.png")
    assert find_images([str(tmp_path)]) == [own, tmp_path / "b.overlay.png"]
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((32, 32), np.uint8))
    assert find_images([str(tmp_path)]) == [tmp_path / "a.tif", tmp_path / "b.overlay.png"]
    assert find_images([str(own)]) == [own]
    assert not is_result(own)


def test_a_simulated_micrograph_is_an_image(tmp_path: Path) -> None:
    write_image_tiff(tmp_path / "held_out.tif", np.eye(40), (0.8, 0.8))
    assert is_marked(tmp_path / "held_out.tif")
    assert find_images([str(tmp_path)]) == [tmp_path / "held_out.tif"]


def test_results_of_an_older_version_are_known_by_their_neighbours(tmp_path: Path) -> None:
    for name in ("a.mask.tif", "a.probability.tif", "b.overlay.png", "b.particles.csv"):
        (tmp_path / name).write_bytes(b"")
    assert all(is_result(path) for path in tmp_path.iterdir())


@pytest.mark.parametrize("pixel_size", [None, (0.8, 0.5)])
def test_every_file_carries_the_mark(tmp_path: Path, pixel_size: tuple[float, float] | None) -> None:
    image = np.random.default_rng(0).normal(size=(600, 600))
    write_mask_tiff(tmp_path / "a.tif", np.ones((600, 600), np.uint8), pixel_size)
    write_image_tiff(tmp_path / "b.tif", image, pixel_size)
    write_overlay_png(tmp_path / "c.png", image, image > 0, pixel_size)
    assert all(is_marked(path) for path in tmp_path.iterdir())
    tifffile.imwrite(tmp_path / "other.tif", image.astype(np.float32), imagej=True)
    Image.fromarray(np.ones((60, 60), np.uint8)).save(tmp_path / "other.png")
    assert not any(is_marked(tmp_path / name) for name in ("other.tif", "other.png", "gone.tif"))


@pytest.mark.parametrize("name", ["picture.mask.tif", "picture.probability.tif"])
def test_a_mask_drawn_by_hand_is_not_overwritten(
    run: Run, picture: Path, untrained: Path, tmp_path: Path, name: str
) -> None:
    own = tmp_path / "m" / name
    own.parent.mkdir()
    tifffile.imwrite(own, np.ones((40, 56), np.uint8))
    before = own.read_bytes()
    outcome = run("segment", picture, "-M", untrained, "-o", own.parent, "-q")
    assert (outcome.code, len(outcome.error_lines)) == (2, 1)
    assert f"{name} is there and is not passband's; choose another folder with -o" in outcome.err
    assert own.read_bytes() == before
    assert {path.name for path in own.parent.iterdir()} <= {name, "summary.json"}


def test_one_file_named_in_two_ways_is_one_image(session: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(session)
    assert find_images(["a.tif", "./a.tif", "../session/a.tif", str(session / "a.tif")]) == [Path("a.tif")]


def test_a_pattern_without_an_ending_leaves_tables_and_texts_alone(session: Path) -> None:
    for name in ("notes.txt", "summary.csv", "readme"):
        (session / name).write_text("text")
    assert find_images([str(session / "*")]) == [session / "a.tif"]
    assert find_images([str(session / "*.txt")]) == [session / "notes.txt"]

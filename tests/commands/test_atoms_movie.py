"""`passband atoms` on movies: frames one after the other, atoms that keep their numbers, and what a kill leaves."""

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tifffile
from ase.io import read
from tests.fixtures.command_line import Run

from passband.files.writing import write_image_tiff
from passband.reports.movie import frame_ranges
from passband.verdict import finding_pool

PIXEL = 0.2  # Å
SIDE, COUNT, SPACING = 60, 4, 14.0  # pixels, columns a row

ALONE = ("--model", "none")  # what is tested is the movie, and not a network that comes with the package


def image(number: int, *, without: tuple[int, ...] = ()) -> np.ndarray:
    """Frame of 16 columns that drift by half a pixel a frame."""
    grid = [(9.0 + SPACING * k, 8.0 + SPACING * m) for m in range(COUNT) for k in range(COUNT)]
    y, x = np.mgrid[:SIDE, :SIDE]
    bright = sum(
        np.exp(-0.5 * ((x - px - 0.5 * number) ** 2 + (y - py) ** 2) / 2.2**2)
        for atom, (px, py) in enumerate(grid)
        if atom not in without
    )
    return np.random.default_rng(number).poisson(20.0 + 100.0 * bright).astype(np.float32)


def write_stack(path: Path, frames: list[np.ndarray]) -> Path:
    resolution = (10.0 / PIXEL, 10.0 / PIXEL)
    tifffile.imwrite(path, np.stack(frames), imagej=True, resolution=resolution, metadata={"axes": "TYX", "unit": "nm"})
    return path


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """Five frames; atom 5 is gone from frame 3 on."""
    return write_stack(tmp_path / "movie.tif", [image(k, without=(5,) if k >= 3 else ()) for k in range(5)])


def table(folder: Path, name: str = "movie.atoms.csv") -> list[dict[str, str]]:
    with (folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_stack_is_a_movie_in_which_atoms_keep_their_numbers(run: Run, movie: Path, tmp_path: Path) -> None:
    outcome = run("atoms", movie, *ALONE, "-o", tmp_path / "out", "--json")
    told = json.loads(outcome.out)
    [row] = told["images"]
    assert (outcome.code, told["failed"]) == (0, [])
    assert (row["frames"], row["columns"], row["atoms"], row["counts"]) == (5, 78, 16, [16, 16, 16, 15, 15])
    assert (row["born"], row["gone"], row["gone_at_border"], row["verdict"]) == (0, 1, 0, "not calibrated")
    assert row["spacing_A"] == pytest.approx(SPACING * PIXEL, rel=0.01)
    rows = table(tmp_path / "out")
    assert list(rows[0])[:4] == ["frame", "atom", "x_px", "y_px"]
    assert Counter(one["atom"] for one in rows) == {str(k): 3 if k == 5 else 5 for k in range(16)}
    assert [float(one["x_px"]) for one in rows if one["atom"] == "0"] == pytest.approx([9, 9.5, 10, 10.5, 11], abs=0.2)
    frames = table(tmp_path / "out", "movie.atoms.frames.csv")
    assert [one["gone"] for one in frames] == ["0", "0", "0", "1", "0"]
    assert float(frames[4]["drift_x_A"]) == pytest.approx(2.0 * PIXEL, abs=0.02)
    structures = read(tmp_path / "out" / "movie.atoms.xyz", index=":", format="extxyz")
    assert [len(one) for one in structures] == [16, 16, 16, 15, 15]
    assert [one.info["frame"] for one in structures] == [0, 1, 2, 3, 4]
    assert all(Path(file).stat().st_size for file in row["outputs"].values())
    assert len(list((tmp_path / "out").iterdir())) == len(row["outputs"])  # the record is gone
    said = run("atoms", movie, *ALONE, "-o", tmp_path / "out").out
    assert "5 frames of 15 to 16 columns, 16 atoms, 0 born (0 at the border), 1 gone (0 at the border)" in said


def test_one_frame_of_a_stack(run: Run, movie: Path, tmp_path: Path) -> None:
    for asked, columns in ((0, 16), (4, 15)):
        row = json.loads(run("atoms", movie, *ALONE, "--frame", asked, "-o", tmp_path / "out", "--json").out)["images"][
            0
        ]
        assert (row["columns"], "frames" in row) == (columns, False)
    for wrong in ("5", "-1", "every", "1.5"):
        outcome = run("atoms", movie, *ALONE, "--frame", wrong, "-o", tmp_path / "out")
        assert (outcome.code, len(outcome.error_lines)) == (2, 1), wrong


def test_a_folder_of_frames_is_a_movie_where_all_are_asked_for(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for k in range(9, 12):
        write_image_tiff(folder / f"f{k}.tif", image(k - 9), (PIXEL, PIXEL))
    told = json.loads(run("atoms", folder, *ALONE, "--frame", "all", "-o", tmp_path / "out", "--json").out)
    [row] = told["images"]
    assert (row["image"], row["frames"], row["atoms"]) == (str(folder), 3, 16)
    assert [float(one["x_px"]) for one in table(tmp_path / "out", "frames.atoms.csv") if one["atom"] == "0"] == (
        pytest.approx([9.0, 9.5, 10.0], abs=0.2)
    )
    assert len(json.loads(run("atoms", folder, *ALONE, "-o", tmp_path / "each", "--json").out)["images"]) == 3
    outcome = run("atoms", folder / "f9.tif", "--frame", "all", "-o", tmp_path / "out")
    assert "is one image; leave --frame all out, or name the folder of a movie" in outcome.err


def test_frames_that_say_nothing_cost_no_others(run: Run, tmp_path: Path) -> None:
    """Rejects an atom that gets another number after a blanked frame, and a movie that ends at a bad one."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for k, values in enumerate((image(0), np.full((SIDE, SIDE), 3.0), image(1), image(2)[:50, :40], image(3))):
        write_image_tiff(folder / f"f{k}.tif", values, (PIXEL, PIXEL))
    (folder / "f5.tif").write_bytes(b"no image")
    outcome = run("atoms", folder, *ALONE, "--frame", "all", "-o", tmp_path / "out", "--json", "-q")
    told = json.loads(outcome.out)
    assert outcome.code == 2
    assert told["images"][0]["counts"][:3] + told["images"][0]["counts"][4:] == [16, 0, 16, 16, None]
    assert {one["atom"] for one in table(tmp_path / "out", "frames.atoms.csv")} == {str(k) for k in range(16)}
    lines = outcome.err.splitlines()
    assert [line.split(": ")[0] for line in lines] == ["warning", "warning", "error"]
    assert f"{folder / 'f1.tif'}: no columns: every pixel is the same" in lines[0]
    assert f"{folder / 'f3.tif'}: 50 × 40 pixels, those before 60 × 60" in lines[1]
    assert str(folder / "f5.tif") in lines[2]
    assert [one["image"] for one in told["failed"]] == [str(folder / "f5.tif")]


def test_what_is_said_of_many_frames_is_one_line(run: Run, tmp_path: Path) -> None:
    """Rejects a line for each empty frame, and frames that are forgotten or counted twice."""
    empty = np.full((SIDE, SIDE), 3, np.float32)
    write_stack(tmp_path / "movie.tif", [image(0), empty, empty, empty, image(1), empty])
    outcome = run("atoms", tmp_path / "movie.tif", *ALONE, "-o", tmp_path / "out", "-q")
    assert outcome.err.splitlines() == [
        f"warning: {tmp_path / 'movie.tif'}, 4 frames, 1 to 3, 5: no columns: every pixel is the same"
    ]
    folder = tmp_path / "frames"
    folder.mkdir()
    for k, values in enumerate((empty, image(0), empty)):
        write_image_tiff(folder / f"f{k}.tif", values, (PIXEL, PIXEL))
    outcome = run("atoms", folder, *ALONE, "--frame", "all", "-o", tmp_path / "all", "-q")
    assert f"{folder}, 2 frames, from f0.tif to f2.tif: no columns" in outcome.err
    assert frame_ranges([*range(0, 40, 2), 41]).endswith("12, 14, …")


def test_a_movie_of_nothing_readable_is_one_error(run: Run, tmp_path: Path) -> None:
    write_stack(tmp_path / "movie.tif", [np.full((SIDE, SIDE), np.nan, np.float32)] * 3)
    outcome = run("atoms", tmp_path / "movie.tif", *ALONE, "-o", tmp_path / "out", "--json")
    assert (outcome.code, len(outcome.error_lines)) == (2, 1)
    assert "none of 3 frames can be read: " in outcome.err
    assert list((tmp_path / "out").iterdir()) == []


def test_a_killed_movie_goes_on_and_ends_the_same(run: Run, movie: Path, tmp_path: Path, monkeypatch) -> None:
    """Rejects frames that are found again, and results that differ from those of one go."""
    arguments = ("atoms", movie, *ALONE, "-q", "--workers", "1", "-o")
    run(*arguments, tmp_path / "whole")
    seen: list[tuple[int, ...]] = []
    find_columns = finding_pool.find_columns

    def killed(image, *given, **options):
        if len(seen) == 3:
            raise KeyboardInterrupt
        seen.append(image.shape)
        return find_columns(image, *given, **options)

    monkeypatch.setattr(finding_pool, "find_columns", killed)
    assert run(*arguments, tmp_path / "out").code == 130
    assert not (tmp_path / "out" / "movie.atoms.csv").exists()
    partial = tmp_path / "out" / "movie.atoms.partial"
    partial.write_bytes(partial.read_bytes()[:-7])  # and the disk was full

    def going_on(image, *given, **options):
        seen.append(())
        return find_columns(image, *given, **options)

    monkeypatch.setattr(finding_pool, "find_columns", going_on)
    run(*arguments, tmp_path / "out")
    assert seen == [(SIDE, SIDE)] * 3 + [()] * 3
    same = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == same
    assert all((tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes() for name in same)


def test_other_pixels_begin_anew(run: Run, movie: Path, tmp_path: Path, monkeypatch) -> None:
    for size, x in (("0.2", 1.8), ("0.4", 3.6)):
        run("atoms", movie, *ALONE, "--pixel-size", size, "-o", tmp_path / "out", "-q")
        assert float(table(tmp_path / "out")[0]["x_A"]) == pytest.approx(x, abs=0.05)


def test_any_number_of_processes_writes_the_same(run: Run, tmp_path: Path) -> None:
    movie = write_stack(tmp_path / "movie.tif", [image(k) for k in range(8)])
    written = []
    for workers in (1, 2):
        assert run("atoms", movie, *ALONE, "-q", "--workers", workers, "-o", tmp_path / str(workers)).code == 0
        written.append({path.name: path.read_bytes() for path in (tmp_path / str(workers)).iterdir()})
    assert written[0] == written[1]


def test_a_second_run_takes_no_result_for_an_image(run: Run, movie: Path, tmp_path: Path) -> None:
    run("atoms", movie, *ALONE, "-o", tmp_path, "-q")
    again = run("atoms", tmp_path, *ALONE, "-o", tmp_path / "out", "--json", "-q")
    assert [Path(row["image"]).name for row in json.loads(again.out)["images"]] == ["movie.tif"]
    named = run("atoms", *sorted(tmp_path.glob("movie.*")), *ALONE, "-o", tmp_path / "out", "-q", "--json")
    assert (named.code, len(json.loads(named.out)["images"])) == (0, 1)
    assert named.err.count("is what passband made of a micrograph; left out") == 6


def test_a_network_sees_every_frame(run: Run, movie: Path, column_network: Path, tmp_path: Path) -> None:
    row = json.loads(run("atoms", movie, "-M", column_network, "-o", tmp_path / "out", "--json").out)["images"][0]
    assert (row["model"], row["counts"], row["verdict"]) == ("spots", [16, 16, 16, 15, 15], "not calibrated")

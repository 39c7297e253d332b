"""Movies: the images of stacks and folders in their order, read when they are asked for."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from passband.files.movie import open_movie
from passband.files.source_file import FormatError
from passband.files.writing import write_image_tiff
from passband.recipe import PassbandError


def write_stack(path: Path, stack: np.ndarray) -> Path:
    tifffile.imwrite(path, stack, imagej=True, resolution=(50.0, 50.0), metadata={"axes": "TYX", "unit": "nm"})
    return path


def stack(count: int, side: int = 20) -> np.ndarray:
    """Images of which number k holds 10 k and more."""
    noise = np.random.default_rng(0).uniform(size=(count, side, side))
    return (10.0 * np.arange(count)[:, None, None] + noise).astype(np.float32)


def read(movie) -> list[int]:
    return [int(frame.load().array.mean() // 10) for frame in movie.frames]


def test_frames_of_a_stack_come_in_order_with_their_pixel_size(tmp_path: Path) -> None:
    movie = open_movie(write_stack(tmp_path / "a.tif", stack(3)))
    assert read(movie) == [0, 1, 2]
    frame = movie.frames[2]
    assert frame.load().pixel_size == pytest.approx((0.2, 0.2))
    assert frame.load().provenance["frame"] == 2
    given = open_movie(tmp_path / "a.tif", pixel_size=0.3)
    assert given.frames[0].load().pixel_size == (0.3, 0.3)
    assert given.identity != movie.identity


def test_images_of_a_folder_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """Rejects f10 before f2, a stack of which one image counts, and results of passband taken for frames."""
    values = stack(6)
    for number, k in (("2", 0), ("10", 4), ("11", 5)):
        write_image_tiff(tmp_path / f"f{number}.tif", values[k], (0.2, 0.2))
    write_stack(tmp_path / "f9.tif", values[1:4])
    (tmp_path / "f2.atoms.csv").write_text("x_px\n")
    (tmp_path / "f2.mask.tif").write_bytes((tmp_path / "f2.tif").read_bytes())
    movie = open_movie(tmp_path)
    assert read(movie) == [0, 1, 2, 3, 4, 5]
    names = [(frame.path.name, frame.number) for frame in movie.frames]
    assert names[:3] == [("f2.tif", None), ("f9.tif", 0), ("f9.tif", 1)]


def test_a_file_that_cannot_be_read_is_a_frame_of_its_folder(tmp_path: Path) -> None:
    write_image_tiff(tmp_path / "f1.tif", stack(1)[0], (0.2, 0.2))
    (tmp_path / "f2.tif").write_bytes(b"no image")
    frames = open_movie(tmp_path).frames
    assert len(frames) == 2
    with pytest.raises(FormatError, match=r"f2\.tif: is not a \.tif file") as problem:
        frames[1].load()
    assert frames[1].told(str(problem.value)) == str(problem.value)
    with pytest.raises(FormatError, match=r"f2\.tif: is not a \.tif file"):
        open_movie(tmp_path / "f2.tif")


def test_a_line_about_a_frame_names_it_once(tmp_path: Path) -> None:
    path = write_stack(tmp_path / "a.tif", stack(2))
    frame = open_movie(path).frames[1]
    assert frame.told(f"{path}: is damaged") == f"{path}, frame 1: is damaged"
    assert frame.told("no columns") == f"{path}, frame 1: no columns"


def test_what_is_no_movie_is_one_frame(tmp_path: Path) -> None:
    """Rejects signals of several detectors that are taken for frames in time."""
    write_image_tiff(tmp_path / "a.tif", stack(1)[0], (0.2, 0.2))
    assert len(open_movie(tmp_path / "a.tif").frames) == 1
    with h5py.File(tmp_path / "two.h5", "w") as file:
        for name in ("HAADF", "BF"):
            file[name] = stack(1)[0]
    [frame] = open_movie(tmp_path / "two.h5").frames
    with pytest.raises(PassbandError, match=r"holds 2 frames \(0 .*choose one with --frame N"):
        frame.load()


def test_a_stack_of_unknown_pixel_size_is_told_before_it_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", stack(3))
    with pytest.raises(FormatError, match=r"a\.npy: does not say its pixel size; give it in Å"):
        open_movie(tmp_path / "a.npy")
    assert read(open_movie(tmp_path / "a.npy", pixel_size=0.2)) == [0, 1, 2]


def test_the_identity_changes_with_the_files(tmp_path: Path) -> None:
    path = write_stack(tmp_path / "a.tif", stack(2))
    before = open_movie(path).identity
    assert open_movie(path).identity == before
    os.utime(path, ns=(1, 1))
    assert open_movie(path).identity != before

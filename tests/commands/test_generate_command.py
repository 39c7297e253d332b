"""`passband generate`: from a folder of micrographs to samples, strips and films."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from tests.fixtures.command_line import Run

from passband.files.reading import read_micrograph
from passband.files.writing import write_image_tiff
from passband.generation.image_model import load_generator
from passband.training.history import read_history

QUICK = ("--size", 32, "--network", "dcgan", "--batch", 4, "--kimg", 0.032, "--every", 0.016, "-q")


def stripes(folder: Path, count: int = 6, *, shape: tuple[int, int] = (45, 70), pixel_size: float | None = 2.5) -> Path:
    """Micrographs with stripes of any phase, some hundred counts bright."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    for number in range(count):
        phase = rng.uniform(0, 6)
        image = 300.0 + 100.0 * np.sin(0.6 * np.arange(shape[1]) + phase) + rng.normal(0.0, 10.0, shape)
        write_image_tiff(folder / f"{number}.tif", image, None if pixel_size is None else (pixel_size, pixel_size))
    return folder


@pytest.fixture(scope="module")
def micrographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stripes(tmp_path_factory.mktemp("generate") / "micrographs")


@pytest.fixture
def generator(run: Run, micrographs: Path) -> Path:
    """A trained generator; trained once, for the same command finds it finished."""
    folder = micrographs.parent / "generator"
    outcome = run("generate", "train", micrographs, "-o", folder, *QUICK)
    assert outcome.code == 0, outcome.err
    return folder


def test_training_writes_what_scripts_rely_on(generator: Path) -> None:
    rows = read_history(generator / "history.parquet")
    assert [row["kimg"] for row in rows] == [0.016, 0.032]
    assert all(np.isfinite([row[name] for name in ("p", "r_t", "frechet", "recall")]).all() for row in rows)
    for name in ("weights.safetensors", "card.json", "curves.png", "near_copies.png"):
        assert (generator / name).is_file()
    assert len(list((generator / "samples").glob("kimg_*.png"))) == 2
    card = load_generator(generator).card
    assert (card.pixel_size, card.images) == (2.5, 36)
    assert "quantiles of 0.1 % and 99.9 %" in card.normalisation
    assert card.near_copies is not None


def test_the_default_is_stylegan2_with_augmentation(run: Run, micrographs: Path, tmp_path: Path) -> None:
    few = ("--size", 32, "--batch", 4, "--kimg", 0.004, "--every", 0.004, "--json")
    row = json.loads(run("generate", "train", micrographs, "-o", tmp_path / "a", *few).out)
    assert row["kimg"] == 0.004
    assert "36 crops are few" in row["warnings"][0]
    card = load_generator(tmp_path / "a").card
    assert card.network.kind == "stylegan2"
    assert card.training["augmentation"] is not None
    assert run("generate", "train", micrographs, "-o", tmp_path / "b", *few, "--no-ada").code == 0
    assert load_generator(tmp_path / "b").card.training["augmentation"] is None


def test_samples_are_tiff_of_the_pixel_size_and_the_same_bytes(run: Run, generator: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert run("generate", "sample", generator, "-n", 5, "-o", tmp_path / name, "--seed", seed).code == 0
    names = [f"seed1_00{number}.tif" for number in range(5)]
    assert sorted(path.name for path in (tmp_path / "a").glob("*.tif")) == names
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    first = read_micrograph(tmp_path / "a" / names[0])
    assert (first.array.shape, first.pixel_size) == ((32, 32), (2.5, 2.5))
    assert 100.0 < first.array.mean() < 500.0  # the units of the micrographs
    assert not np.array_equal(first.array, read_micrograph(tmp_path / "c" / "seed2_000.tif").array)
    assert (tmp_path / "a" / "samples.png").is_file()


def test_interpolation_is_a_film_or_a_strip(run: Run, generator: Path, tmp_path: Path) -> None:
    arguments = ("generate", "interpolate", generator, "--seeds", "1,4", "--frames", 5, "-o")
    assert run(*arguments, tmp_path / "a.gif").code == run(*arguments, tmp_path / "a.png").code == 0
    strip = Image.open(tmp_path / "a.png")
    with Image.open(tmp_path / "a.gif") as film:
        assert (film.n_frames, film.size) == (5, (128, 128))
    assert strip.size == (5 * 130 - 2, 128)
    picture = np.asarray(strip)
    assert not np.array_equal(picture[:, :128], picture[:, -128:])  # the ends are different images
    run(*arguments, tmp_path / "b.gif")
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()


def test_a_longer_training_goes_on_and_ends_as_one_of_a_piece(
    run: Run, micrographs: Path, generator: Path, tmp_path: Path
) -> None:
    arguments = ("generate", "train", micrographs, "-o", tmp_path, *QUICK)
    assert run(*arguments, "--kimg", 0.016).code == 0
    assert load_generator(tmp_path).card.kimg == 0.016
    assert run(*arguments).code == 0
    assert (tmp_path / "weights.safetensors").read_bytes() == (generator / "weights.safetensors").read_bytes()
    assert read_history(tmp_path / "history.parquet") == read_history(generator / "history.parquet")


@pytest.mark.slow
def test_a_killed_training_goes_on(run: Run, micrographs: Path, generator: Path, tmp_path: Path) -> None:
    arguments = list(map(str, ("generate", "train", micrographs, "-o", tmp_path, *QUICK)))
    code = "import torch; torch.set_num_threads(1); from passband.commands.cli import main; main()"
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], start_new_session=True)
    while not (tmp_path / "checkpoint.safetensors").exists() and process.poll() is None:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert run(*arguments).code == 0
    assert (tmp_path / "weights.safetensors").read_bytes() == (generator / "weights.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--size", 48), "size=48 is not one of 32, 64, 128, 256, 512 pixels; use 32"),
        (("--size", 64), "smaller than a crop of 64; use a smaller --size"),
        (("--pixel-size", "2furlong"), "2furlong"),
        (("--network", "vae"), "vae"),
        (("--kimg", 0), "kimg"),
    ],
)
def test_bad_arguments_are_told_in_a_line(
    run: Run, micrographs: Path, tmp_path: Path, arguments: tuple[object, ...], said: str
) -> None:
    outcome = run("generate", "train", micrographs, "-o", tmp_path / "out", *QUICK, *arguments)
    assert outcome.code == 2
    assert said in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_bad_micrographs_are_told_in_a_line(run: Run, tmp_path: Path) -> None:
    even = stripes(tmp_path / "even", 2)
    write_image_tiff(even / "0.tif", np.full((40, 40), 7.0), (2.5, 2.5))
    mixed = stripes(tmp_path / "mixed", 2)
    stripes(mixed / "more", 1, pixel_size=9.0)
    (mixed / "more" / "0.tif").rename(mixed / "9.tif")
    silent = stripes(tmp_path / "silent", 2)
    tifffile.imwrite(silent / "2.tif", np.arange(1600, dtype=np.uint16).reshape(40, 40))
    colour = stripes(tmp_path / "colour", 1)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)).save(colour / "a.png")
    one = stripes(tmp_path / "one", 1, shape=(32, 32))
    (tmp_path / "empty").mkdir()
    for folder, said in (
        (even, "has the value 7 everywhere; leave it out"),
        (mixed, "2-fold apart; train on each magnification alone"),
        (silent, "does not say its pixel size"),
        (colour, "is a colour picture"),
        (one, "gives one crop of 32 pixels, too few"),
        (tmp_path / "empty", "holds no micrograph"),
    ):
        outcome = run("generate", "train", folder, "-o", tmp_path / "out", *QUICK)
        assert (outcome.code, len(outcome.err.splitlines())) == (2, 1), outcome.err
        assert said in outcome.err


def test_two_images_are_enough_and_said_to_be_few(run: Run, tmp_path: Path) -> None:
    two = stripes(tmp_path / "two", 2, shape=(32, 32), pixel_size=None)
    outcome = run("generate", "train", two, "-o", tmp_path / "out", *QUICK, "--json")
    row = json.loads(outcome.out)
    assert (outcome.code, row["crops"], row["pixel_size_A"]) == (0, 2, None)
    assert "2 crops are few" in row["warnings"][0]
    assert np.isnan(read_history(tmp_path / "out" / "history.parquet")[0]["frechet"])
    assert run("generate", "sample", tmp_path / "out", "-n", 2, "-o", tmp_path / "samples").code == 0
    assert read_micrograph(tmp_path / "samples" / "seed0_000.tif").pixel_size is None


def test_a_checkpoint_of_another_size_is_refused(run: Run, micrographs: Path, generator: Path, tmp_path: Path) -> None:
    large = stripes(tmp_path / "large", 2, shape=(64, 64))
    outcome = run("generate", "train", large, "-o", generator, *QUICK, "--size", 64)
    assert outcome.code == 2
    assert "holds a training with other values" in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_what_cannot_be_drawn_is_told_in_a_line(run: Run, generator: Path, micrographs: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.gif").write_bytes(b"GIF89a, and mine")
    for arguments, said in (
        (("sample", micrographs, "-o", tmp_path), "a model is a directory with"),
        (("sample", generator, "-n", 0, "-o", tmp_path), "count"),
        (("sample", generator, "-o", tmp_path, "--truncation", 2), "truncation"),
        (("interpolate", generator, "-o", tmp_path / "a.mp4"), "write a film as .gif or a strip as .png"),
        (("interpolate", generator, "-o", tmp_path / "a.gif", "--seeds", "1"), "1 seeds and"),
        (("interpolate", generator, "-o", tmp_path / "a.gif", "--seeds", "1,x"), "must be whole numbers"),
        (("interpolate", generator, "-o", tmp_path / "mine.gif"), "is not passband's"),
    ):
        outcome = run("generate", *arguments)
        assert (outcome.code, len(outcome.err.splitlines())) == (2, 1), outcome.err
        assert said in outcome.err


def test_copies_are_warned_of(run: Run, generator: Path, tmp_path: Path) -> None:
    model = load_generator(generator)
    type(model)(model.network, model.card.model_copy(update={"near_copies": 0.4})).save(tmp_path / "copying")
    outcome = run("generate", "sample", tmp_path / "copying", "-n", 1, "-o", tmp_path / "out")
    assert "warning: 40% of this generator's samples were near copies of training images" in outcome.err

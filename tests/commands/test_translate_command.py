"""`passband translate train | apply`: pictures, curves and TIFFs with a pixel size, and one line for each mistake."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.generation.lattices import lattices, recorded

from passband.files.reading import read_micrograph
from passband.files.writing import write_image_tiff
from passband.recipe import PassbandError

Run = Callable[..., Any]  # the fixture `run`, see conftest


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    for name, images in (
        ("simulated", lattices(2, 48)),
        ("real", [recorded(image, seed) for seed, image in enumerate(lattices(2, 40, 1))]),
    ):
        (folder / name).mkdir()
        for number, image in enumerate(images):
            write_image_tiff(folder / name / f"{name[0]}{number}.tif", image, (0.2, 0.2))
    (folder / "empty").mkdir()
    return folder


SHORT = ("--steps", "2", "--epochs", "1", "--size", "32", "--batch", "1")


@pytest.mark.parametrize("kind", ["contrastive", "cyclegan"])
def test_a_translation_is_trained_and_applied(run: Run, sets: Path, tmp_path: Path, kind: str) -> None:
    model = tmp_path / "model"
    command = ("translate", "train", str(sets / "simulated"), str(sets / "real"), "-o", str(model), "--kind", kind)
    outcome = run(*command, *SHORT, "--json", "--quiet")
    assert outcome.code == 0, outcome.err
    told = json.loads(outcome.out)
    assert told["model"] == str(model)
    assert {"alarms", "remarks", "scores"} <= set(told)
    for name in ("weights.safetensors", "card.json", "history.parquet", "samples.png", "curves.png"):
        assert (model / name).is_file()

    outcome = run("translate", "apply", str(model), str(sets / "simulated"), "-o", str(tmp_path / "out"), "--json")
    assert outcome.code == 0, outcome.err
    rows = json.loads(outcome.out)["images"]
    assert [Path(row["translated"]).name for row in rows] == ["s0.translated.tif", "s1.translated.tif"]
    first = read_micrograph(rows[0]["translated"])
    assert first.array.shape == (48, 48)
    assert first.array.dtype == np.float32
    assert first.pixel_size == (0.2, 0.2)

    back = run("translate", "apply", str(model), str(sets / "real"), "-o", str(tmp_path / "back"), "--reverse", "-q")
    if kind == "cyclegan":
        assert back.code == 0, back.err
        assert read_micrograph(tmp_path / "back" / "r0.translated.tif").array.shape == (40, 40)
    else:
        assert (back.code, len(back.err.splitlines())) == (2, 2)  # one line for each image
        assert "no way back" in back.err


def test_noise_differs_from_image_to_image_and_comes_from_the_seed(run: Run, sets: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    run("translate", "train", str(sets / "simulated"), str(sets / "real"), "-o", str(model), *SHORT, "--quiet")
    flat = tmp_path / "flat"
    flat.mkdir()
    for name in ("a", "b"):
        write_image_tiff(flat / f"{name}.tif", lattices(1, 32)[0], (0.2, 0.2))

    def applied(seed: int, folder: str) -> list[np.ndarray]:
        out = tmp_path / folder
        assert run("translate", "apply", str(model), str(flat), "-o", str(out), "--seed", str(seed), "-q").code == 0
        return [read_micrograph(path, keep_outliers=True).array for path in sorted(out.iterdir())]

    first, again, other = applied(0, "x"), applied(0, "y"), applied(1, "z")
    assert (first[0] != first[1]).mean() > 0.9
    np.testing.assert_array_equal(first, again)
    assert (first[0] != other[0]).mean() > 0.9


@pytest.mark.parametrize(
    ("simulated", "real", "more", "said"),
    [
        ("simulated", "empty", (), "empty holds no micrograph"),
        ("simulated", "nothing", (), "nothing"),
        ("simulated", "simulated", (), "all 2 simulated images are among the real ones"),
        ("simulated", "real", ("--size", "48"), "fits in none of the 2 real images"),
        ("simulated", "real", ("--size", "33"), "size=33 is no multiple of 16; use 32"),
        ("simulated", "real", ("--steps", "2", "--epochs", "3"), "less than a step each"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    run: Run, sets: Path, tmp_path: Path, simulated: str, real: str, more: tuple[str, ...], said: str
) -> None:
    outcome = run(
        "translate", "train", str(sets / simulated), str(sets / real), "-o", str(tmp_path / "m"), *SHORT, *more, "-q"
    )
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert said in outcome.err


def test_swapped_sets_are_warned_of(run: Run, sets: Path, tmp_path: Path) -> None:
    outcome = run(
        "translate", "train", str(sets / "real"), str(sets / "simulated"), "-o", str(tmp_path / "m"), *SHORT, "-q"
    )
    assert outcome.code == 0
    assert "were they swapped?" in outcome.err


def test_a_folder_that_is_no_translation_is_one_line(run: Run, sets: Path, tmp_path: Path) -> None:
    outcome = run("translate", "apply", str(tmp_path), str(sets / "simulated"), "-o", str(tmp_path / "o"))
    assert (outcome.code, len(outcome.err.splitlines())) == (2, 1)
    assert "card.json" in outcome.err


@pytest.mark.parametrize(
    ("command", "called"),
    [
        ("translate train {0}/simulated {0}/real", "passband.generation.translation_training.train_translation"),
        ("generate train {0}/simulated --size 32", "passband.reports.generation.train_on_crops"),
        ("train demo", "passband.dataset.simulate.simulate"),
    ],
)
def test_a_training_is_told_to_give_the_same_bits(
    run: Run, sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, called: str
) -> None:
    # rejects a command that takes the option and does not hand it on
    seen: list[bool] = []

    def train(*_: object, **__: object) -> None:
        seen.append(torch.are_deterministic_algorithms_enabled())
        raise PassbandError("enough is seen")

    monkeypatch.setattr(called, train)
    given = (*command.format(sets).split(), "-o", str(tmp_path / "out"), "--quiet")
    for also in ((), ("--deterministic",)):
        assert "enough is seen" in run(*given, *also).err
    assert seen == [False, True]

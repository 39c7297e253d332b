"""Bad input: one line that names the value and the cure, exit code 2, and nothing lost."""

import errno
import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from passband.commands.terminal.errors import explain

Run = Callable[..., Any]  # the fixture `run`, see conftest


def one_line(outcome: Any, *said: str) -> None:
    """Exit code 2 and one error line that holds every phrase."""
    assert outcome.code == 2
    assert "Traceback" not in outcome.err
    assert len(outcome.error_lines) == 1, outcome.err
    for phrase in said:
        assert phrase in outcome.error_lines[0]


def test_unknown_plan(run: Run, tmp_path: Path) -> None:
    one_line(run("simulate", "cdsee", "-o", tmp_path / "s"), "neither a file nor a shipped plan", "did you mean 'cdse'")
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("command", ["simulate", "train"])
def test_misspelt_key(run: Run, tmp_path: Path, command: str) -> None:
    outcome = run(command, "demo", "-o", tmp_path / "s", "--set", "training.epoch=2")
    one_line(outcome, "training.epoch is not a known key", "'epochs'")
    assert not (tmp_path / "s").exists()


PHYSICS = {
    "energy in kV": ("simulation.energy=300", "300 kV as energy=300e3"),
    "negative dose": ("imaging.conditions.dose=-1", "dose=-1"),
    "particle larger than the field": ("simulation.scene.diameter=500.0", "larger than the field"),
    "negative spread": ("imaging.conditions.focal_spread=-10", "focal_spread=-10"),
    "angle in mrad": ("imaging.conditions.aperture=10", "10 mrad as aperture=10e-3"),
    "pixel of a micrometre": ("simulation.pixel_size=10000", "pixel_size"),
}


@pytest.mark.parametrize(("override", "said"), PHYSICS.values(), ids=PHYSICS.keys())
def test_impossible_physics(run: Run, tmp_path: Path, override: str, said: str) -> None:
    one_line(run("simulate", "demo", "-o", tmp_path / "s", "--set", override), said)


def test_bad_set(run: Run, tmp_path: Path) -> None:
    one_line(run("simulate", "demo", "-o", tmp_path, "--set", "training.epochs"), "not of the form a.b=c")


@pytest.mark.parametrize("device", ["tpu", "cuda:x", "cuda:99", "gpu"])
def test_unknown_device(run: Run, tmp_path: Path, device: str) -> None:
    one_line(run("simulate", "demo", "-o", tmp_path / "s", "--device", device), f"device={device!r}")


@pytest.mark.parametrize(
    "arguments", [["fly"], ["segment"], ["simulate", "demo"], ["simulate", "demo", "--workers", "0"]]
)
def test_usage(run: Run, arguments: list[str]) -> None:
    one_line(run(*arguments))


def test_store_of_another_recipe_is_left_alone(run: Run, tmp_path: Path, micro: list[str]) -> None:
    store = tmp_path / "store"
    assert run("simulate", "demo", "-o", store, "-q", *micro).code == 0
    before = {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    one_line(run("simulate", "demo", "-o", store, "-q", *micro, "--seed", "5"), "another directory")
    assert {path: path.read_bytes() for path in store.rglob("*") if path.is_file()} == before


def test_store_of_another_version(run: Run, tmp_path: Path, micro: list[str]) -> None:
    store = tmp_path / "store"
    assert run("simulate", "demo", "-o", store, "-q", *micro).code == 0
    head = json.loads((store / "zarr.json").read_text())
    head["attributes"]["version"] = 999
    (store / "zarr.json").write_text(json.dumps(head))
    one_line(run("simulate", "demo", "-o", store, "-q", *micro), "version")


def test_folder_of_something_else(run: Run, tmp_path: Path, micro: list[str]) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    one_line(run("simulate", "demo", "-o", tmp_path, "-q", *micro))
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_output_is_a_file(run: Run, picture: Path, untrained: Path) -> None:
    one_line(run("segment", picture, "--model", untrained, "-o", picture, "-q"))


# -- models ------------------------------------------------------------------------------------------------------------


def test_missing_model(run: Run, picture: Path, tmp_path: Path) -> None:
    outcome = run("segment", picture, "-o", tmp_path / "m", "--model", "nobody")
    one_line(outcome, "model 'nobody' is neither a folder nor a shipped model", "passband train")
    assert not (tmp_path / "m").exists()


def test_missing_default_model(run: Run, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("passband.segmentation.shipped._SHIPPED", tmp_path / "nowhere")
    one_line(run("segment", picture, "-o", tmp_path / "m"), "no --model given", "passband train")


def test_empty_model_folder(run: Run, picture: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    one_line(run("segment", picture, "-o", tmp_path / "m", "--model", tmp_path / "empty"), "holds no model")


@pytest.mark.parametrize("lost", ["card.json", "weights.safetensors"])
def test_half_a_model(run: Run, picture: Path, tmp_path: Path, untrained: Path, lost: str) -> None:
    model = copy_model(untrained, tmp_path / "model")
    (model / lost).unlink()
    one_line(run("segment", picture, "-o", tmp_path / "m", "--model", model), f"lacks {lost}")


def test_pickle_by_name(run: Run, picture: Path, tmp_path: Path) -> None:
    torch.save({}, tmp_path / "model.pt")
    one_line(run("segment", picture, "-o", tmp_path / "m", "--model", tmp_path / "model.pt"), "pickle")


def test_pickle_in_disguise(run: Run, picture: Path, tmp_path: Path, untrained: Path) -> None:
    model = copy_model(untrained, tmp_path / "model")
    buffer = io.BytesIO()
    torch.save({}, buffer)
    for content in (buffer.getvalue(), pickle.dumps({})):
        (model / "weights.safetensors").write_bytes(content)
        one_line(run("segment", picture, "-o", tmp_path / "m", "--model", model), "pickle", "safetensors")


def test_card_of_another_network(run: Run, picture: Path, tmp_path: Path, untrained: Path) -> None:
    model = copy_model(untrained, tmp_path / "model")
    card = json.loads((model / "card.json").read_text())
    card["architecture"]["stem"] += 1
    (model / "card.json").write_text(json.dumps(card))
    one_line(run("segment", picture, "-o", tmp_path / "m", "--model", model), "does not fit")


def test_card_that_is_no_card(run: Run, picture: Path, tmp_path: Path, untrained: Path) -> None:
    model = copy_model(untrained, tmp_path / "model")
    (model / "card.json").write_text("{}")
    one_line(run("segment", picture, "-o", tmp_path / "m", "--model", model), "no model card")


def copy_model(source: Path, target: Path) -> Path:
    target.mkdir()
    for file in source.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


# -- micrographs -------------------------------------------------------------------------------------------------------


def write_nan(path: Path) -> None:
    values = np.ones((40, 40), np.float32)
    values[3, 4] = np.nan
    tifffile.imwrite(path, values)


BAD_IMAGES = {
    "missing": (None, "nothing.tif"),
    "empty": (lambda path: path.write_bytes(b""), "empty.tif"),
    "text": (lambda path: path.write_text("not an image"), "text.dm4"),
    "nan": (write_nan, "nan.tif"),
    "small": (lambda path: tifffile.imwrite(path, np.eye(5, dtype=np.uint8)), "small.tif"),
    "pickled": (lambda path: path.write_bytes(pickle.dumps([1])), "pickled.npy"),
    "object array": (lambda path: np.save(path, np.array([{}], dtype=object), allow_pickle=True), "object.npy"),
    "stack without a frame": (lambda path: np.save(path, np.ones((9, 40, 40))), "stack.npy"),
}


@pytest.mark.parametrize(("write", "name"), BAD_IMAGES.values(), ids=BAD_IMAGES.keys())
def test_one_bad_image_does_not_stop_the_others(
    run: Run, tmp_path: Path, untrained: Path, picture: Path, write: Any, name: str
) -> None:
    bad = tmp_path / name
    if write is not None:
        write(bad)
    out = tmp_path / "masks"
    outcome = run("segment", bad, picture, "--model", untrained, "-o", out, "--pixel-size", "0.8", "-q")
    one_line(outcome, name)
    assert (out / "picture.mask.tif").is_file()
    assert not (out / f"{bad.stem}.mask.tif").exists()


def test_unknown_pixel_size(run: Run, tmp_path: Path, untrained: Path) -> None:
    Image.fromarray(np.arange(1600, dtype=np.uint8).reshape(40, 40)).save(tmp_path / "plain.png")
    one_line(run("segment", tmp_path / "plain.png", "--model", untrained, "-o", tmp_path / "m", "-q"), "--pixel-size")


@pytest.mark.parametrize("length", ["0.8furlong", "0", "-1", "nan", "", "pm"])
def test_wrong_pixel_size(run: Run, tmp_path: Path, untrained: Path, picture: Path, length: str) -> None:
    outcome = run("segment", picture, "--model", untrained, "-o", tmp_path / "m", f"--pixel-size={length}")
    one_line(outcome, "length")


def test_empty_folder(run: Run, tmp_path: Path, untrained: Path) -> None:
    (tmp_path / "empty").mkdir()
    one_line(run("segment", tmp_path / "empty", "--model", untrained, "-o", tmp_path / "m"), "holds no micrograph")


def test_pattern_without_a_match(run: Run, tmp_path: Path, untrained: Path) -> None:
    one_line(run("segment", tmp_path / "*.tif", "--model", untrained, "-o", tmp_path / "m"), "matches no file")


def test_two_images_of_one_stem(run: Run, tmp_path: Path, untrained: Path, picture: Path) -> None:
    twin = tmp_path / "other" / picture.name
    twin.parent.mkdir()
    twin.write_bytes(picture.read_bytes())
    outcome = run("segment", picture, twin, "--model", untrained, "-o", tmp_path / "m")
    one_line(outcome, "picture.mask.tif", "two folders")
    assert not (tmp_path / "m").exists()


def test_demo_reads_its_micrograph_before_it_works(run: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.tif").write_bytes(b"II*\x00")
    for name in ("broken.tif", "missing.tif"):
        one_line(run("demo", "--micrograph", tmp_path / name, "-o", tmp_path / "demo"), name)
    assert not (tmp_path / "demo").exists()


def test_cite_of_an_unknown_part(run: Run) -> None:
    one_line(run("cite", "luck"), "part 'luck' is unknown")


# -- the machine -------------------------------------------------------------------------------------------------------


def test_a_full_disk_is_one_line() -> None:
    lines, code = explain(OSError(errno.ENOSPC, "No space left on device", "store/x"))
    assert (lines, code) == (["error: the disk is full (store/x); free some space, then the same command continues"], 2)


def test_a_full_disk_while_segmenting_is_reported(
    run: Run, tmp_path: Path, untrained: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("passband.segmentation.results.write_mask_tiff", full)
    one_line(run("segment", picture, "--model", untrained, "-o", tmp_path / "m", "-q"), "the disk is full")


def test_interruption_is_130() -> None:
    assert explain(KeyboardInterrupt()) == (["interrupted; the same command continues"], 130)


def test_our_own_mistakes_keep_their_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert explain(ZeroDivisionError())[1] is None
    monkeypatch.setattr("passband.commands.cite.references", lambda _: 1 / 0)
    from passband.commands.cli import app

    with pytest.raises(ZeroDivisionError):
        app(["cite"])


def test_debugging_shows_the_traceback_as_well(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSBAND_DEBUG", "1")
    outcome = run("cite", "luck")
    assert outcome.code == 2
    assert "Traceback" in outcome.err
    assert len(outcome.error_lines) == 1


def test_a_plan_of_the_other_kind_is_told_its_command(run: Run, tmp_path: Path) -> None:
    # rejects the list of every key that the other kind of plan has
    plan = tmp_path / "grid.toml"
    plan.write_text('name = "grid"\n[[parts]]\nname = "all"\n')
    single = run("train", plan, "-o", tmp_path / "t")
    assert single.error_lines == ["error: grid.toml is the plan of a campaign; run it with passband campaign run"]
    several = run("campaign", "run", "demo", "-o", tmp_path / "c")
    assert (several.code, len(several.error_lines)) == (2, 1)
    assert "demo.toml is the plan of a single study; use it with passband simulate, train and" in several.err

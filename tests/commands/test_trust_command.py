"""calibrate, trust and advise: what scripts rely on, from a network that was trained for a second."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from passband.commands.cli import app
from passband.microscope.instruments.choice import instrument_named
from passband.performance.settings import setting_columns
from passband.performance.table import SCORE_COLUMNS, PerformanceError, PerformanceTable, measured_performance
from passband.segmentation.card import read_card

Run = Callable[..., Any]  # the fixture `run`, see conftest
KEYS = {
    "verdict",
    "predicted_error_area",
    "flags",
    "predicted_loss",
    "predicted_dice",
    "conditions",
    "sigma",
    "delta_epsilon",
    "reasons",
    "advice",
    "camera",
}


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        app([str(argument) for argument in arguments], prog_name="passband")
    return int(left.value.code or 0)


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory, micro: list[str]) -> Path:
    """Folder of a run and its store, and of the calibrated model."""
    folder = tmp_path_factory.mktemp("calibrated")
    assert call("train", "demo", "-o", folder / "run", "-q", *micro) == 0
    assert call("calibrate", *options(folder), "-q") == 0
    return folder


def options(folder: Path, *, sets: int = 20) -> tuple[object, ...]:
    store = ("--store", folder / "run" / "store", "-o", folder / "out")
    return (folder / "run", *store, "--data-sets", sets, "--images-per-set", 2)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Noise of 96 × 96 pixels of 0.8 Å."""
    path = tmp_path / "film.tif"
    values = np.random.default_rng(0).poisson(100.0, size=(96, 96)).astype(np.float32)
    tifffile.imwrite(path, values, imagej=True, resolution=(12.5, 12.5), metadata={"unit": "nm", "axes": "YX"})
    return path


def test_a_calibration_is_on_the_card_beside_the_same_weights(calibrated: Path) -> None:
    before, after = (folder / "model" for folder in (calibrated / "run", calibrated / "out"))
    assert (before / "weights.safetensors").read_bytes() == (after / "weights.safetensors").read_bytes()
    old, new = read_card(before), read_card(after)
    assert new.model_copy(update={"calibration": {}}) == old
    found = measured_performance(new)
    assert isinstance(found, PerformanceTable)
    assert set(found.sets) >= {*setting_columns(instrument_named("tem")), *SCORE_COLUMNS}
    assert len(found.sets["loss"]) == 20
    assert 0 < found.inside.sum() < 20
    assert all(value >= 0.0 for value in found.sets["loss"])
    assert measured_performance(old) is None
    with (calibrated / "out" / "calibration.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 20


def test_the_same_command_continues_and_measures_nothing_twice(run: Run, calibrated: Path) -> None:
    card = calibrated / "out" / "model" / "card.json"
    before, parts = card.read_bytes(), {path: path.stat().st_mtime_ns for path in calibrated.glob("out/parts/*/*")}
    first = min(parts)
    first.unlink()
    outcome = run("calibrate", *options(calibrated), "--json")
    assert json.loads(outcome.out)["data_sets"] == 20
    assert card.read_bytes() == before
    assert [path for path, time in parts.items() if path.stat().st_mtime_ns != time] == [first]


def test_the_card_of_an_older_version_is_fitted_again_without_a_measurement(
    run: Run, calibrated: Path, film: Path, tmp_path: Path
) -> None:
    now = calibrated / "out" / "model"
    older = tmp_path / "older"
    shutil.copytree(now, older)
    card = json.loads((now / "card.json").read_text())
    assert set(card["calibration"].pop("kernels")) == {"loss", "dice", "images"}
    (older / "card.json").write_text(json.dumps(card))
    said = [run("trust", film, "--model", model, "--c10", "-80", "--json").out for model in (older, now)]
    loss, other = (json.loads(one)["predicted_loss"]["value"] for one in said)
    assert "error_area" in card["calibration"]["images"]
    assert loss == pytest.approx(other, rel=1e-9)
    outcome = run("calibrate", older, "-o", tmp_path / "again")
    assert (outcome.code, "nothing is measured" in outcome.err) == (0, True)
    assert (tmp_path / "again" / "model" / "card.json").read_bytes() == (now / "card.json").read_bytes()
    assert not (tmp_path / "again" / "parts").exists()


def test_a_card_without_a_camera_gets_one_and_nothing_else_changes(
    run: Run, calibrated: Path, film: Path, tmp_path: Path
) -> None:
    now, older = calibrated / "out" / "model", tmp_path / "older"
    shutil.copytree(now, older)
    card = json.loads((now / "card.json").read_text())
    assert card["calibration"].pop("camera")["images"] == 40  # 20 data sets of 2
    (older / "card.json").write_text(json.dumps(card))
    assert "camera, beside" not in run("trust", film, "--model", older, "--no-fit").out
    told = run("calibrate", older, "--camera-only", "-o", tmp_path / "no")
    assert (told.code, len(told.error_lines), "--camera-only needs exit waves" in told.err) == (2, 1, True)
    store = ("--store", calibrated / "run" / "store")
    assert run("calibrate", older, *store, "--camera-only", "-o", tmp_path / "new").code == 0
    found = json.loads((tmp_path / "new" / "model" / "card.json").read_text())
    assert found["calibration"].pop("camera")["images"] == 300
    assert found == card
    page = tmp_path / "page.html"
    said = run("trust", film, "--model", tmp_path / "new", "--no-fit", "--report", page).out
    assert "noise over contrast, at most" in said.split("camera, beside")[1]
    assert "<h2>The camera</h2>" in page.read_text()
    seen = json.loads(run("trust", film, "--model", tmp_path / "new", "--no-fit", "--json").out)["camera"]
    assert set(seen["correlation"]) == {"value", "place", "trained"}


def test_own_images_correct_the_predictions_and_the_card_says_by_how_many(
    run: Run, calibrated: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    for number in range(5):
        for folder, values in (("mine", rng.poisson(100.0, (80, 80))), ("masks", rng.random((80, 80)) < 0.2)):
            (tmp_path / folder).mkdir(exist_ok=True)
            tifffile.imwrite(tmp_path / folder / f"i{number}.tif", values.astype(np.uint8))
    own = ("--images", tmp_path / "mine", "--labels", tmp_path / "masks", "--pixel-size", "0.8")
    outcome = run("calibrate", calibrated / "out", *own, "-o", tmp_path / "own", "--json")
    assert outcome.code == 0, outcome.err
    result = json.loads(outcome.out)
    assert (result["labelled_images"], len(result["left_out"]), result["warnings"]) == (5, 5, [])
    assert 0 <= result["left_out_inside"] <= 5
    found = measured_performance(read_card(tmp_path / "own" / "model"))
    assert len(found.laboratory.files) == 5
    told = run("trust", tmp_path / "mine" / "i0.tif", "--model", tmp_path / "own", "--no-fit", "--pixel-size", "0.8")
    assert "corrected by 5 images whose masks were corrected by hand" in told.out
    printed = run("calibrate", calibrated / "out", *own, "-o", tmp_path / "again")
    assert f"{tmp_path / 'mine' / 'i0.tif'}: " in printed.out
    for folder in ("mine", "masks"):
        shutil.copy(tmp_path / folder / "i0.tif", tmp_path / folder / "i5.tif")
    twice = run("calibrate", calibrated / "out", *own, "-o", tmp_path / "no", "-q")
    assert (twice.code, len(twice.error_lines)) == (2, 1)
    assert "i5.tif is the same image as i0.tif" in twice.err
    assert not (tmp_path / "no").exists()
    alone = run("calibrate", calibrated / "out", *own[:2], "-o", tmp_path / "no")
    assert (alone.code, len(alone.error_lines)) == (2, 1)
    assert "--images and --labels belong together" in alone.err


def test_a_model_that_was_never_calibrated_needs_a_store(run: Run, untrained: Path, tmp_path: Path) -> None:
    outcome = run("calibrate", untrained, "-o", tmp_path / "out")
    assert (outcome.code, len(outcome.error_lines)) == (2, 1)
    assert "was never calibrated; name exit waves to measure it on with --store DIR" in outcome.err
    assert not (tmp_path / "out").exists()


def test_trust_prints_what_scripts_rely_on(run: Run, calibrated: Path, film: Path, tmp_path: Path) -> None:
    model = ("--model", calibrated / "out")
    outcome = run("trust", film, *model, "--c10", "-8nm", "--dose", "400", "--figure", tmp_path / "f.png", "--json")
    assert outcome.code == 0, outcome.err
    result = json.loads(outcome.out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert set(result) >= {*KEYS, "signals"}
    assert result["verdict"] in ("no objection", "doubtful", "outside")
    for quantity in ("predicted_loss", "predicted_error_area"):
        low, high = result[quantity]["interval"]
        assert 0.0 <= low <= result[quantity]["value"] <= high <= 1.0
        assert result[quantity]["level"] == 0.8
    assert result["flags"] == ["no signal"]  # the film is noise
    assert result["conditions"]["values"] == {"C10": -80.0, "dose": 400.0}
    assert {"entropy", "feature_distance", "spectrum_distance"} <= set(result["signals"])
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")


def test_trust_writes_a_page(run: Run, calibrated: Path, film: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    outcome = run("trust", film, "--model", calibrated / "out", "--no-fit", "--report", page)
    assert outcome.code == 0, outcome.err
    assert outcome.out.splitlines()[0] in ("no objection", "doubtful", "outside")
    assert "rests on the image alone" in outcome.out
    assert page.read_text().count("data:image/png;base64,") == 2


def test_segment_gives_the_verdict_of_every_image(run: Run, calibrated: Path, film: Path, tmp_path: Path) -> None:
    out = tmp_path / "masks"
    outcome = run("segment", film, "--model", calibrated / "out", "-o", out)
    row = json.loads((out / "summary.json").read_text())["images"][0]
    assert row["verdict"] in ("no objection", "doubtful", "outside")
    assert f"  {row['trust']}" in outcome.out
    assert (set(row["predicted_error_area"]), row["flags"]) == ({"value", "interval", "level"}, ["no signal"])
    with (out / "summary.csv").open() as file:
        flat = next(csv.DictReader(file))
    assert flat["verdict"] == row["verdict"]
    low, value, high = (float(flat[f"predicted_error_area{end}"]) for end in ("_low", "", "_high"))
    assert low <= value <= high
    told = json.loads(run("trust", film, "--model", calibrated / "out", "--json").out)
    assert told["predicted_error_area"] == row["predicted_error_area"]  # the same of the same image


def test_a_folder_has_a_line_for_each_image_and_the_mean(run: Run, calibrated: Path, film: Path) -> None:
    other = film.with_name("other.tif")
    shutil.copyfile(film, other)
    model = ("--model", calibrated / "out", "--no-fit")
    printed = run("trust", film.parent, *model)
    assert printed.code == 0, printed.err
    assert [line.split(": ")[0] for line in printed.out.splitlines()] == [str(film), str(other), "mean of 2"]
    result = json.loads(run("trust", film.parent, *model, "--json").out)
    alone = json.loads(run("trust", film, *model, "--json").out)
    assert result["images"][0] == alone
    spans = [
        np.subtract(*reversed(one["interval"])) for one in (alone["predicted_error_area"], result["mean_error_area"])
    ]
    assert spans[0] > 0.0
    (film.parent / "broken.tif").write_bytes(b"not a picture")
    broken = run("trust", film.parent, *model)
    assert (broken.code, len(broken.error_lines)) == (2, 1)
    assert "mean of 2" in broken.out
    drawn = run("trust", film.parent, *model, "--figure", film.parent / "f.png")
    assert (drawn.code, len(drawn.error_lines)) == (2, 1)


def test_a_model_without_calibration_says_what_to_do(run: Run, untrained: Path, film: Path, tmp_path: Path) -> None:
    printed = run("trust", film, "--model", untrained, "--json")
    assert json.loads(printed.out)["verdict"] == "not calibrated"
    assert "run passband calibrate" in json.loads(printed.out)["advice"][0]
    assert "not calibrated: run passband calibrate" in run("segment", film, "-M", untrained, "-o", tmp_path).out
    drawn = run("trust", film, "--model", untrained, "--figure", tmp_path / "f.png")
    assert (drawn.code, len(drawn.error_lines)) == (2, 1)
    refused = run("advise", "--model", untrained, "-o", tmp_path / "advice")
    assert refused.code == 2
    assert "untrained is not calibrated; run passband calibrate" in refused.err


def test_advice_is_a_figure_tables_and_conditions(run: Run, calibrated: Path, tmp_path: Path) -> None:
    out = tmp_path / "advice"
    spans = ("--c10", "-30nm,30nm", "--cs", "-20um,20um", "--c12", "0,10nm", "--dose", "400")
    outcome = run("advise", "--model", calibrated / "out", *spans, "--budget", "2", "-o", out, "--json")
    assert outcome.code == 0, outcome.err
    result = json.loads(outcome.out)
    assert result == json.loads((out / "advice.json").read_text())
    assert all(Path(file).is_file() for file in result["files"])
    assert len(result["train_on"]) == 2
    with (out / "loss_C10_C30.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 31 * 13
    assert {row["C10_A"] for row in rows} >= {"-300", "300"}
    best = min(float(row["loss"]) for row in rows)
    assert result["best"][0]["predicted_loss"] == pytest.approx(best, rel=1e-4)


def test_a_level_is_told_as_it_was_asked_for(run: Run, calibrated: Path, film: Path) -> None:
    """Rejects whole percents, which tell 99.9 % as certain."""
    told = run("trust", film, "--model", calibrated / "out", "--c10", "-8nm", "--level", "0.999").out
    assert ", 99.9% interval" in told
    assert "100%" not in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--c10", "soon"), "c10='soon' is not a length"),
        (("--c10", "5", "--defocus", "3"), "gives C10 a second time"),
        (("--c10", "5", "--dose", "0"), "dose=0 e⁻/Å² leaves no electrons"),
        (("--c10", "5", "--level", "80"), "level=80 is not between 0 and 1"),
        (("-a", "C19=4"), "'C19' is not an aberration known here"),
    ],
)
def test_wrong_values_are_one_line(run: Run, calibrated: Path, film: Path, arguments, said: str) -> None:
    outcome = run("trust", film, "--model", calibrated / "out", *arguments)
    assert outcome.code == 2
    assert len(outcome.error_lines) == 1
    assert said in outcome.err


def test_a_training_store_needs_to_know_what_was_held_back(run: Run, calibrated: Path, tmp_path: Path) -> None:
    model = tmp_path / "alone"
    model.mkdir()
    for name in ("weights.safetensors", "card.json"):
        (model / name).write_bytes((calibrated / "run" / "model" / name).read_bytes())
    card = json.loads((model / "card.json").read_text())
    (model / "card.json").write_text(json.dumps({**card, "name": "nobody"}))
    outcome = run("calibrate", model, "--store", calibrated / "run" / "store", "-o", tmp_path / "out")
    assert outcome.code == 2
    assert "name the plan of the training with --plan" in outcome.err


def test_a_damaged_calibration_is_named(calibrated: Path) -> None:
    card = read_card(calibrated / "out" / "model")
    short = {**card.calibration, "sets": {**card.calibration["sets"], "loss": [0.1]}}
    with pytest.raises(PerformanceError, match="columns of different length"):
        measured_performance(card.model_copy(update={"calibration": short}))


@pytest.mark.parametrize("option", ["--figure", "--report"])
def test_no_file_of_the_user_is_written_over(run: Run, picture: Path, option: str) -> None:
    """Least of all the micrograph itself."""
    before = picture.read_bytes()
    said = run("trust", picture, option, picture)
    assert (said.code, said.error_lines) == (
        2,
        [f"error: {picture} is there and is not passband's; choose another name"],
    )
    assert picture.read_bytes() == before
    folder = picture.parent
    for name in ("own.png", "own.html"):
        chosen = "--figure" if name.endswith("png") else "--report"
        assert run("trust", picture, "--no-fit", chosen, folder / name).code == 0
        assert run("trust", picture, "--no-fit", chosen, folder / name).code == 0  # passband's own


@pytest.mark.parametrize(("value", "reason"), [(("--dose", "-3"), "dose=-3"), (("--level", "80"), "level=80")])
def test_what_cannot_be_is_refused_whatever_else_is_known(
    run: Run, picture: Path, value: tuple[str, str], reason: str
) -> None:
    said = run("trust", picture, "--no-fit", *value)
    assert (said.code, len(said.error_lines)) == (2, 1)
    assert reason in said.err

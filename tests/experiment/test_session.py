"""A plan as one session would record it: what is replaced, from which files, and what the network's card says."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.fixtures.command_line import Run

from passband.camera.fitted_noise import Estimate, FittedNoise
from passband.dataset.acquisition import Acquisition
from passband.dataset.beam_path import of_kind
from passband.dataset.scan_imaging import ScanImaging
from passband.dataset.simulate import simulate
from passband.dataset.store import WaveStore
from passband.experiment.plan import Plan, load_plan
from passband.experiment.session import session_imaging, session_noise
from passband.files.writing import write_image_tiff
from passband.scores.session_reference import SessionReference
from passband.segmentation.model import load_model

SMALL = ("simulation.structures=8", "simulation.specimens.field=30.0", "imaging.patch=64")
FITTED = FittedNoise(
    images=3,
    pixel_size=0.2,
    mean=0.0,
    contrast=1.0,
    noise=0.5,
    row_jitter_px=Estimate(value=0.3, interval=(0.25, 0.35)),
    source_size_A=Estimate(value=1.2, interval=(1.1, 1.3)),
    contrast_electrons=Estimate(value=20.0, interval=(18.0, 22.0)),
    noise_to_contrast=Estimate(value=0.5, interval=(0.45, 0.55)),
)


def plan() -> Plan:
    return load_plan("wse2_defects", SMALL)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> WaveStore:
    return simulate(plan(), tmp_path_factory.mktemp("session") / "store")


def test_a_fitted_source_size_is_all_that_widens_columns(store: WaveStore) -> None:
    # rejects columns that are widened by the aberrations of the plan and by what was fitted, which holds them
    imaging = of_kind(plan().imaging, ScanImaging)
    made = session_imaging(imaging, FITTED, store)
    assert (made.conditions.aberrations, made.conditions.focal_spread) == ({}, 0.0)
    assert made.conditions.model_dump(mode="json")["source_size"] == {"uniform": [1.1, 1.3]}
    assert made.model_dump(mode="json")["camera"]["jitter"] == {"uniform": [0.25, 0.35]}
    silent = FITTED.model_copy(update={"source_size_A": Estimate()})
    kept = session_imaging(imaging, silent, store).conditions
    assert (kept.aberrations, kept.source_size) == (imaging.conditions.aberrations, imaging.conditions.source_size)


def scans(store: WaveStore, folder: Path) -> Path:
    """Four scans of one setting, as files."""
    still = {"dwell_time": 2e-5, "beam_current": 3e-11}
    setting = {"energy": 80e3, "semi_angle": 25.2e-3, "inner": 63e-3, "outer": 0.2, "source_size": 1.3}
    values = {"pixel_size": 0.2, "patch": 128, "conditions": setting, "camera": still, "frame": 128}
    stream = Acquisition(store, ScanImaging.model_validate(values), seed=1)
    folder.mkdir()
    for number in range(4):
        image = stream.batch(number, 1).images[0, 0].numpy()
        write_image_tiff(folder / f"{number}.tif", np.round(400.0 + 100.0 * image), (0.2, 0.2))
    return folder


def test_noise_is_read_or_fitted_to_the_images(store: WaveStore, tmp_path: Path) -> None:
    # rejects an energy or a semi-angle that is not given, without which no source size is told
    imaging = of_kind(plan().imaging, ScanImaging)
    fitted = session_noise([scans(store, tmp_path / "scans")], imaging)
    assert fitted.images == 4
    assert fitted.source_size_A.value == pytest.approx(1.3, abs=0.15)
    (tmp_path / "noise.json").write_text(fitted.model_dump_json())
    assert session_noise([tmp_path / "noise.json"], imaging) == fitted


def test_one_command_trains_for_a_session(run: Run, store: WaveStore, tmp_path: Path) -> None:
    (tmp_path / "noise.json").write_text(FITTED.model_dump_json())
    steps = ("training.epochs=1", "training.steps_per_epoch=2", "training.batch_size=2", "training.warmup_steps=0")
    changes = [f"--set={one}" for one in (*SMALL, *steps, "split.test=0.25", "split.validation=0.25")]
    arguments = ("train", "wse2_defects", "--store", store.directory, "-o", tmp_path / "run", "-q", *changes)
    outcome = run(*arguments, "--like", tmp_path / "noise.json")
    assert outcome.code == 0, outcome.err
    card: Any = load_model(tmp_path / "run").card
    assert card.conditions["source_size"] == {"uniform": [1.1, 1.3]}
    assert json.loads((tmp_path / "run" / "config.json").read_text())["imaging"]["steps"] == 0.2
    reference = SessionReference.load(tmp_path / "run" / "model")
    assert reference is not None  # of the images of the training
    assert len(reference.features) == 216
    again = run(*arguments)  # without the session it is another training
    assert (again.code, "imaging" in again.err) == (2, True)


def test_what_is_no_session_is_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "noise.json").write_text("{}")
    small = [f"--set={one}" for one in SMALL]
    for plan_name, like in (("wse2_defects", tmp_path / "gone"), ("wse2_defects", tmp_path / "noise.json")):
        outcome = run("train", plan_name, "-o", tmp_path / "run", "-q", *small, "--like", like)
        assert (outcome.code, len(outcome.error_lines)) == (2, 1)
    outcome = run("train", "wse2_defects", "-o", tmp_path / "run", "--like", "a", "--images", ".", "--labels", ".")
    assert (outcome.code, len(outcome.error_lines)) == (2, 1)

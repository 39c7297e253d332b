"""The study of generated micrographs: its plans, its trainings, its tables."""

from pathlib import Path

import numpy as np
import pytest

from studies.generation import report as reporting
from studies.generation import run as running
from studies.generation.micrographs import Simulated
from studies.generation.run import Row, baselines, finished, folder, run
from studies.generation.study import DEFAULT, StudyPlan, Task, read_study, tasks
from studies.generation.tables import augmentation_table, course_table, group_table, growth_table, last_rows

STUDY = Path(running.__file__).parent


def tiny() -> StudyPlan:
    plan = read_study(STUDY / "study_quick.toml")
    training = plan.training.model_copy(update={"kimg": 0.016, "every_kimg": 0.008, "batch_size": 4, "scored": 8})
    return plan.model_copy(update={"training": training, "images": (8, 12), "seeds": (1, 2), "groups": ("blit",)})


def rows() -> list[Row]:
    """Two checkpoints each; augmentation halves the distance, more micrographs lower it."""
    found = []
    for groups in ("none", "blit+geometric", "blit", "noise"):
        for images, seed in ((200, 1), (200, 2), (1000, 1)):
            for kimg in (2.0, 4.0):
                frechet = {"none": 40.0, "blit+geometric": 20.0, "blit": 25.0, "noise": 50.0}[groups]
                frechet += seed - kimg - images / 100.0
                scores = {"frechet": frechet, "kid": 0.001, "precision": 0.5, "recall": 0.25}
                about = {"groups": groups, "images": images, "seed": seed, "kimg": kimg}
                found.append({**about, **scores, "p": 0.1 * kimg, "r_t": 0.6, "near_copies": 0.0, "seconds": 60.0})
    return found


PLAN = StudyPlan(images=(200, 1000), seeds=(1, 2), groups=("noise", "blit"))


@pytest.mark.parametrize("name", ["study.toml", "study_small.toml", "study_quick.toml"])
def test_plans_ask_what_the_study_is_about(name: str) -> None:
    plan = read_study(STUDY / name)
    made = list(tasks(plan))
    assert len(set(made)) == len(made)
    assert plan.images == (200, 1000, 3000)
    assert len(plan.seeds) >= 3
    for seed in plan.seeds:
        assert Task(DEFAULT, 200, seed) in made
        assert Task((), 200, seed) in made
    assert {Task((group,), 200, 1) for group in ("blit", "geometric", "colour", "noise", "cutout")} <= set(made)
    assert {Task(DEFAULT, 1000, 1), Task((), 3000, 1)} <= set(made)
    assert {Task((), 200, 3, "dcgan"), Task((), 3000, 1, "dcgan")} <= set(made)
    assert plan.micrographs.size == plan.training.network.size
    assert Task((), 200, 2).recipe(plan).augmentation is None
    one = Task(("noise",), 200, 2).recipe(plan)
    assert (one.augmentation.groups, one.augmentation.kimg, one.seed) == (
        ("noise",),
        plan.training.augmentation.kimg,
        2,
    )


def test_a_study_runs_is_kept_and_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = tiny()
    rng = np.random.default_rng(0)
    known = Simulated(
        rng.standard_normal((12, 32, 32)).astype(np.float32), rng.standard_normal((8, 32, 32)).astype(np.float32), 0.8
    )
    for module in (running, reporting):
        monkeypatch.setattr(module, "simulated", lambda *_: known)
    monkeypatch.setattr(reporting, "RESULTS", tmp_path / "results")
    some = [Task(DEFAULT, 8, 1), Task((), 8, 1)]
    monkeypatch.setattr(running, "tasks", lambda _: iter(some))
    run(plan, tmp_path / "work", processes=1)
    found = list(finished(plan, tmp_path / "work"))
    assert [row["kimg"] for row in found] == [0.008, 0.016] * 2
    assert {row["groups"] for row in found} == {"blit+geometric", "none"}
    weights = folder(plan, some[0], tmp_path / "work") / "weights.safetensors"
    before = weights.stat().st_mtime_ns
    monkeypatch.setattr(running, "train_generator", pytest.fail)
    run(plan, tmp_path / "work", processes=1)  # nothing is trained twice
    assert weights.stat().st_mtime_ns == before
    quick = tmp_path / "study_quick.toml"
    monkeypatch.setattr(reporting, "read_study", lambda _: plan)
    arguments = ["--plan", quick, "--work", tmp_path / "work", "--only-report", "-o", tmp_path / "report.md"]
    reporting.main(list(map(str, arguments)))
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "**2 of its 10 trainings were run**" in text
    assert "study_quick.toml" in text
    for name in ("checkpoints.csv", "baselines.csv", "training.png", "samples.png", "strip.png"):
        assert (tmp_path / "results" / name).is_file()
    bases = {row["what"]: row["frechet"] for row in baselines(plan, known)}
    assert list(bases) == [
        "8 of the 8 training micrographs",
        "8 of the 12 training micrographs",
        "8 images of white noise",
    ]


def test_tables_compare_the_last_checkpoints_of_the_same_seeds() -> None:
    ends = last_rows(rows())
    assert len(ends) == 12
    assert {row["kimg"] for row in ends} == {4.0}
    text = "\n".join(augmentation_table(rows(), PLAN))
    assert "| without, seed 1 | 35 |" in text
    assert "| **with, 2 seeds** | 15.5 ± 0.71 | 1 ± 0 | 0.5 ± 0 | 0.25 ± 0 | 0.4 ± 0 | 0.6 ± 0 | 0 ± 0 |" in text
    ranked = [line.split(" | ")[0].strip("| ") for line in group_table(rows(), PLAN)[2:-1]]
    assert ranked == ["blit+geometric", "blit", "none", "noise"]
    course = course_table(rows(), PLAN)[2:-1]
    assert course[0].startswith("| 2 | 37.5 | 0.25 | 0.6 | 17.5 | 0.25 | 0.6 | 0.2 |")
    growth = growth_table(rows(), PLAN)[2:-1]
    assert growth[0].startswith("| 200 | without | 35 |")
    assert growth[3].startswith("| 1,000 | with | 7 |")
    assert growth_table([], PLAN) == ["Not run.", ""]

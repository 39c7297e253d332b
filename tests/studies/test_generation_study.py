"""The study of generated micrographs: its plans, its trainings, its tables."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from passband.experiment.labelled_images import LabelledImages
from studies.generation import report as reporting
from studies.generation import run as running
from studies.generation import segmenting
from studies.generation.micrographs import Simulated
from studies.generation.run import Row, baselines, finished, folder, run
from studies.generation.segmenting import ARMS, dice, run_segmenters, segmented, segmenting_table
from studies.generation.study import DEFAULT, Segmenting, StudyPlan, Task, read_study, tasks
from studies.generation.tables import augmentation_table, course_table, group_table, growth_table, last_rows

STUDY = Path(running.__file__).parent


def tiny() -> StudyPlan:
    plan = read_study(STUDY / "study_quick.toml")
    training = plan.training.model_copy(update={"kimg": 0.016, "every_kimg": 0.008, "batch_size": 4, "scored": 8})
    few = {"images": (8, 12), "seeds": (1, 2), "groups": ("blit",), "segmenting": None}
    return plan.model_copy(update={"training": training, **few})


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


def some_micrographs(rng: np.random.Generator) -> Simulated:
    """Twelve to learn from and eight others, whose masks are where they are above 1."""
    training, held_out = (rng.standard_normal((count, 32, 32)).astype(np.float32) for count in (12, 8))
    return Simulated(training, held_out, 0.8, *((one > 1.0).astype(np.uint8) for one in (training, held_out)))


class Teacher:
    """A network that takes what is above 1 for a particle, and a generator of flat images."""

    card = type("Card", (), {"pixel_size": 0.8})

    def predict(self, image: np.ndarray, pixel_size: float) -> np.ndarray:
        return np.stack([image <= 1.0, image > 1.0]).astype(np.float32)

    def sample(self, count: int, seed: int) -> np.ndarray:
        return np.full((count, 32, 32), 2.0 if seed == 2 else 0.0, np.float32)


def test_segmenters_learn_from_few_masks_and_from_what_their_teacher_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # rejects samples of another seed, true masks for others than the few, too few of these, and a second training
    known = some_micrographs(np.random.default_rng(0))
    known.training_masks[:] = 0  # the truth is another than the word of the teacher
    asked = Segmenting(labelled=4, samples=6)
    plan = tiny().model_copy(update={"segmenting": asked})
    done = folder(plan, Task(DEFAULT, 8, 2), tmp_path)  # the generator of the second seed alone is there
    done.mkdir(parents=True)
    (done / "done.json").write_text("{}")
    seen: list[LabelledImages] = []

    def train(_plan: object, labelled: LabelledImages, place: Path) -> SimpleNamespace:
        seen.append(labelled)
        return SimpleNamespace(model=place)

    monkeypatch.setattr(segmenting, "train_labelled", train)
    for name in ("load_model", "load_generator"):
        monkeypatch.setattr(segmenting, name, lambda _: Teacher())
    assert list(segmented(plan, known, tmp_path)) == []  # rejects a report that trains
    monkeypatch.setattr(segmenting, "simulated", lambda *_: known)
    monkeypatch.setattr("torch.set_num_threads", lambda _: None)
    run_segmenters(plan, tmp_path, processes=1)
    found = list(segmented(plan, known, tmp_path))
    assert [(row["arm"], row["seed"], row["dice"]) for row in found] == [(arm, 2, 1.0) for arm in ARMS]
    few, teacher, samples, again, others, every = seen
    assert few.identity == teacher.identity == again.identity
    assert len(few.images) == 4
    assert np.array_equal(few.images, known.training[:4])
    assert not any(mask.any() for mask in few.masks)
    assert len(samples.images) == 6 + 6
    assert all(
        mask.all() and (image == 2.0).all() for image, mask in zip(samples.images[6:], samples.masks[6:], strict=True)
    )
    assert np.array_equal(others.images[4:], known.training[4:8])
    assert np.array_equal(others.masks[4:], known.training[4:8] > 1.0)
    assert np.array_equal(every.images, known.training[:8])
    assert not np.any(every.masks)
    seen.clear()
    run_segmenters(plan, tmp_path, processes=1)
    assert list(segmented(plan, known, tmp_path)) == found
    assert not seen
    (line, *_) = [line for line in segmenting_table(found) if ARMS[1] in line]
    assert line == f"| {ARMS[1]} | 1 | 1.000 |"
    assert dice(np.array([1, 1, 0, 0], np.uint8), np.array([1, 0, 1, 1], np.uint8)) == pytest.approx(0.4)


def test_a_study_runs_is_kept_and_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = tiny()
    rng = np.random.default_rng(0)
    known = some_micrographs(rng)
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

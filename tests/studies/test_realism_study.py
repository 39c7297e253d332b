"""The study of realism: what is done in which order, arms that keep masks on their defects, and the report."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import center_of_mass

from studies.realism import images as study_images
from studies.realism.arms import manual_noise
from studies.realism.detectors import f1
from studies.realism.images import Imaged, Makes, at_size, imaged
from studies.realism.report import report
from studies.realism.study import ARMS, CEILING, StudyPlan, read_study, tasks
from studies.realism.tables import f1_table, order_text, with_interval

HERE = Path(__file__).parents[2] / "studies" / "realism"


@pytest.fixture(scope="module")
def plan() -> StudyPlan:
    return read_study(HERE / "study_small.toml")


def test_both_plans_are_read_and_each_repetition_begins_with_what_others_need(plan: StudyPlan) -> None:
    # the detector of pristine images is shown translated ones, so that it must be there before the generators
    for file in ("study_small.toml", "study.toml"):
        every = list(tasks(read_study(HERE / file)))
        assert len({task.name for task in every}) == len(every)
        for seed in read_study(HERE / file).seeds:
            own = [task for task in every if task.seed == seed]
            assert (own[0].domain, own[0].arm) == ("day 1", "pristine")
    assert {task.arm for task in tasks(plan) if task.domain == "MoS2"} == set(ARMS) - {CEILING}


def spots() -> Imaged:
    """Images with one bright spot each, and a mask on it."""
    y, x = np.mgrid[:96, :96]
    places = [(30, 60), (66, 25), (48, 48)]
    heights = [np.exp(-0.5 * ((y - row) ** 2 + (x - column) ** 2) / 4.0**2) for row, column in places]
    images = np.stack(heights).astype(np.float32)
    return Imaged(images, (images > 0.5).astype(np.uint8), np.zeros_like(images, np.uint8))


def test_manual_noise_moves_masks_as_it_moves_images(monkeypatch: pytest.MonkeyPatch) -> None:
    # rejects a shear of the image alone, and one about the corner that takes the spot from its mask
    monkeypatch.setattr("studies.realism.arms.NOISE", 0.0)
    monkeypatch.setattr("studies.realism.arms.JITTER", 0.0)
    monkeypatch.setattr("studies.realism.arms.SHEAR", 0.08)
    pristine = spots()
    noisy, masks = manual_noise(pristine, np.random.default_rng(0).normal(size=(2, 96, 96)).astype(np.float32), seed=1)
    moved = 0.0
    for before, image, mask in zip(pristine.masks, noisy, masks, strict=True):
        spot = image - np.median(image)
        np.testing.assert_allclose(center_of_mass(spot > 0.5 * spot.max()), center_of_mass(mask), atol=0.7)
        moved = max(moved, float(np.hypot(*np.subtract(center_of_mass(mask), center_of_mass(before)))))
    assert moved > 0.8


def test_images_of_one_seed_show_the_same_defects_however_they_are_taken(plan: StudyPlan, tmp_path: Path) -> None:
    small = plan.model_copy(update={"side": 64})
    makes = Makes(plan.specimens, 2, 5)
    pristine = imaged(makes, at_size(small, plan.pristine), tmp_path)
    assert pristine.images.shape == pristine.masks.shape == pristine.columns.shape == (2, 64, 64)
    bright = pristine.images[pristine.columns > 0].mean() - pristine.images[pristine.columns == 0].mean()
    assert bright > 1.0  # rejects columns of other places than the image shows
    again = imaged(makes, at_size(small, plan.pristine), tmp_path)
    np.testing.assert_array_equal(again.images, pristine.images)
    assert len(list((tmp_path / "images").iterdir())) == 1


def test_crops_of_a_real_image_do_not_share_pixels_with_those_it_is_scored_against(
    plan: StudyPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.arange(200.0)[None, :] * np.ones((150, 1))
    monkeypatch.setattr(study_images, "read_micrograph", lambda _: _Read(image))
    crops = study_images.real_crops(plan.model_copy(update={"side": 64}), plan.real_files[0], tmp_path)
    assert crops.imitated.max() < 100 <= crops.held.min()
    assert crops.imitated.shape[1:] == (64, 64)
    assert crops.raw.shape == (1, 150, 100)


class _Read:
    known_pixel_size = (0.2074, 0.2074)

    def __init__(self, array: np.ndarray) -> None:
        self.array = array


def rows(plan: StudyPlan) -> list[dict[str, Any]]:
    """Detections of two arms, of which the second finds half, and scores that fall from arm to arm."""
    found: list[dict[str, Any]] = []
    for seed in plan.seeds:
        for arm, matched in (("pristine", 2), ("cyclegan", 4)):
            for tested in ("day 1", "day 2"):
                for image in range(3):
                    scores = {"true": 5, "found": 3, "matched": min(3, matched)}
                    told = {"part": "defects", "domain": "day 1", "arm": arm, "seed": seed, "trained_by": arm}
                    found.append(told | {"tested": tested, "image": image, "class": "metal_vacancy"} | scores)
        for arm, value in (("pristine", 3.0), ("manual noise", 2.0), ("cyclegan", 1.0)):
            scores = {"wasserstein": value, "recall_textures": value}
            realism = {"scores": scores, "baseline": {}, "part": "realism"}
            found.append({"domain": "day 1", "arm": arm, "seed": seed} | realism)
    return found


def test_the_report_says_what_is_in_the_rows(plan: StudyPlan) -> None:
    made = rows(plan)
    table = "\n".join(f1_table(plan, made, "day 1"))
    assert "| pristine | **0.50** (0.50 to 0.50; 0.50, 0.50) | 18 of 30 |" in table
    assert "| cyclegan | **0.75**" in table
    told = order_text(made, "day 1")
    assert told[0] == "* W₁: 3, 2, 1: the paper's order holds."
    assert told[1].endswith("recall: 3, 2, 1: the paper's order does not hold.")  # more is better there
    assert (
        "* Defects of day 1: F1 0.75 by the best arm made for it (cyclegan). Arms made for another day reach 0.00"
        in (report(plan, made, []))
    )
    text = report(plan, made, ["about"])
    assert "Not run." in text
    assert "## Made anew for day 2" in text
    assert "## What translations did to the labels" in text
    short = plan.model_copy(update={"arms": ("fitted physics",), "seeds": (0,), "real_files": ()})
    plain = report(short, made, [])
    assert "translat" not in plain
    assert "real MoS2" not in plain
    assert "With one seed they say nothing about seeds." in plain


def test_intervals_are_of_seeds_and_images() -> None:
    # rejects a bootstrap of classes, and of images across seeds
    each = [
        {"seed": seed, "image": image, "true": 1, "found": 1, "matched": seed} for seed in (0, 1) for image in range(4)
    ]
    value, low, high = with_interval(each, f1, draws=200)
    assert (value, low, high) == (0.5, 0.0, 1.0)

"""What the report on gold counts: areas of masks that are known, and differences of equal seeds."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from passband.experiment.plan import load_plan
from studies.real_gold import open_images, report, score
from studies.real_gold.open_images import SINGLE, OpenImage, count
from studies.real_gold.variants import StudyPlan

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "studies" / "real_gold"
RECIPE = STUDY / "recipe"
GOLD = np.zeros((10, 10), dtype=bool)
GOLD[:5] = True


def row(image: str, gold: int, found: int, right: int, *, seed: int = 0, variant: str = "all") -> dict[str, str]:
    told: dict[str, Any] = {
        **{"date": "2026-11-26", "variant": variant, "seed": seed, "weights": f"{variant}{seed}", "image": image},
        **{"symmetries": 8, "pixels": 100, "gold": gold, "found": found, "right": right},
    }
    return {name: str(value) for name, value in told.items()}


def test_areas_of_a_mask_are_counted() -> None:
    found = np.zeros((10, 10), dtype=bool)
    found[4:7] = True
    image = OpenImage("drawn", Path("drawn.png"), np.zeros((10, 10), np.uint8), GOLD, 0.8)
    assert count(found, image) == {"pixels": 100, "gold": 50, "found": 30, "right": 10}


def test_scores_pool_the_crops_and_leave_the_single_image_out() -> None:
    # rejects a mean of the crops' Dice, false areas as shares of the whole, and the seventh image among the crops
    rows = [row("patch_0", 1, 20, 0), row("patch_1", 50, 40, 30), row(SINGLE, 50, 50, 50)]
    found = open_images.summary(rows)
    assert found["patches"] == pytest.approx(2 * 30 / (51 + 60))
    assert found["bare"] == pytest.approx(20 / 99)
    assert found["film"] == pytest.approx((20 + 10) / (99 + 50))
    assert found["single"] == 1.0


def test_differences_are_those_of_equal_seeds() -> None:
    # rejects a difference of means where a seed of one variant is missing
    scores = {"all": {0: {"x": 0.9}, 1: {"x": 0.8}, 2: {"x": 0.1}}, "less": {0: {"x": 0.7}, 1: {"x": 0.5}}}
    assert report.brought(scores, "less", "x") == "+0.250 ± 0.071"
    assert report.brought(scores, "none", "x") == ""
    assert report.spread([0.5]) == "0.500"


def test_held_out_losses_are_told_over_that_of_the_own_camera() -> None:
    rows = [
        {"variant": "all", "seed": "0", "camera": camera, "dice": "0.5", "paper_loss": loss}
        for camera, loss in (("own", "0.1"), ("ccd", "0.12"), ("direct", "0.05"))
    ]
    scores = report.held_out(rows)["all"][0]
    assert scores["worst ratio"] == pytest.approx(1.2)
    assert scores["loss ccd"] == 0.12


@pytest.mark.parametrize(("folder", "small_network"), [(STUDY, "old_network"), (RECIPE, "without_full_resolution")])
def test_the_study_leaves_every_ingredient_out(folder: Path, small_network: str) -> None:
    variants = StudyPlan(folder / "plan_small.toml", folder / "variants.toml").variants.variants
    lacking = report.without(variants)
    alone = {name for name in lacking if name in variants["all"]}
    assert set(variants["all"]) - alone <= {"full_resolution"}  # without it there is no high-pass either
    assert lacking["full_resolution, high_pass"] == small_network
    assert lacking["all of them"] == "plan"
    assert not variants["plan"]


def test_with_all_ingredients_the_recipe_is_that_of_the_shipped_network() -> None:
    # rejects ingredients that are not what the network that comes with the package was trained with
    (run,) = StudyPlan(RECIPE / "plan_small.toml", RECIPE / "variants.toml").runs(["all"], [2027])
    shipped = load_plan(ROOT / "plans" / "au_hrtem.toml")
    same = ("simulation", "imaging", "network", "loss", "split")
    assert [getattr(run.plan, name) for name in same] == [getattr(shipped, name) for name in same]


def test_the_record_counts_every_score_and_a_network_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    images = [OpenImage(name, Path(name), rng.integers(255, size=(40, 40), dtype=np.uint8), np.eye(40) > 0, 0.8)
              for name in ("patch_0", SINGLE)]  # fmt: skip
    monkeypatch.setattr(score, "open_images", lambda: images)
    arguments = ["--also", "old=au_hrtem", "--results", str(tmp_path)]
    score.main(arguments)
    first = score.read_record(tmp_path)
    assert [(one["variant"], one["symmetries"]) for one in first] == [
        *[("threshold", "1")] * 2,
        *[("old", "1")] * 2,
        *[("old", "8")] * 2,
    ]
    score.main(arguments)
    assert score.read_record(tmp_path) == first
    assert "has 6 scores of one image: 1 networks" in report.looks(first)


def test_the_record_is_of_the_open_micrographs() -> None:
    if not (open_images.DATA / "hrtem").is_dir():
        pytest.skip(f"no real micrographs in {open_images.DATA}")
    recorded = [one for one in score.read_record(score.RESULTS) if one["variant"] == score.THRESHOLD]
    found = list(score.baseline(open_images.open_images()))
    names = ("image", "pixels", "gold", "found", "right")
    assert [[str(one[name]) for name in names] for one in found] == [[one[name] for name in names] for one in recorded]

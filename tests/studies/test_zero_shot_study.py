"""The study of segmentation without training: resumable, honest about what was not run, right about who won."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from passband.experiment.plan_files import PlanError
from passband.zero_shot.crops import Crops
from passband.zero_shot.prompts import Prompt
from passband.zero_shot.proposals import Proposals
from studies.zero_shot import knowing, measure, run
from studies.zero_shot.benchmark import ImageRecipe, LabelledImage, OneMaterialError
from studies.zero_shot.pixels import grouped_pixels
from studies.zero_shot.prompting import deepest, prompted
from studies.zero_shot.report import main, report
from studies.zero_shot.retrieval import nearest_of_own, retrieved
from studies.zero_shot.study import Ablations, Compared, StudyPlan, Variant, read_study, tasks
from studies.zero_shot.tables import ablation_table, gain_table, number_found

STUDY = Path(__file__).parents[2] / "studies" / "zero_shot"


def row(stage: str, miou: float, *, fpr: float = 0.0, **more: object) -> dict[str, object]:
    zero = dict.fromkeys(("recall", "precision", "boundary_miou", "boundary_recall", "boundary_precision"), 0.5)
    about = {"part": "benchmark", "image": "a", "group": "g", "side": 64, "materials": 2, "distance": 1.0}
    scores = {"miou": miou, **zero, "fpr": fpr, "superfluous": 1.0, "masks": 3, "rule": "a rule"}
    named = {"class": "hard", "proposer": "p", "condition": "", "variant": "v", "stage": stage, "found": 2}
    return {**about, **named, **scores, **more}


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_gains_are_paired_by_image_and_set_beside_the_paper() -> None:
    rows = [row("proposals", 0.5, fpr=0.2), row("merging", 0.6, fpr=0.1)]
    rows += [row("proposals", 0.1, fpr=0.0, image="b"), row("merging", 0.1, fpr=0.0, image="b")]
    rows += [row("merging", 0.9, image="c")]  # its proposals are not there: it has no gain
    (line,) = gain_table(rows, before="proposals", draws=100, seed=0)[2:-1]
    found = cells(line)
    assert found[:3] == ["p", "hard", "2"]
    assert found[3].startswith("+5.0")
    assert found[4:6] == ["+5.27", "too few"]
    assert found[6].startswith("-5.0")


@pytest.mark.parametrize(
    ("gains", "fpr", "said"),
    [
        ((0.2, 0.2), -0.2, ["beaten"] * 2),
        ((0.0, 0.0), 0.0, ["missed"] * 2),
        ((0.0, 0.12), -0.03, ["not told apart", "missed"]),
    ],
)
def test_the_mark_is_beaten_or_missed_by_the_interval(gains: tuple[float, float], fpr: float, said: list[str]) -> None:
    rows = []
    for k in range(12):
        rows += [
            row("flattened", 0.5, fpr=0.5, image=str(k)),
            row("merging", 0.5 + gains[k % 2], fpr=0.5 + fpr, image=str(k)),
        ]
    (line,) = gain_table(rows, before="flattened", draws=500, seed=0)[2:-1]
    assert [cells(line)[5], cells(line)[8]] == said


def test_refused_images_and_wrong_numbers_are_counted() -> None:
    rows = [row("removal", 0.2), row("merging", 0.4), {**row("merging", 0.0, image="b"), "problem": "too many"}]
    del rows[2]["miou"]
    (line,) = ablation_table(rows, draws=100, seed=0)[2:-1]
    assert line.split("|")[2].strip() == "1"
    assert "+20.0" in line
    assert line.strip("| ").endswith("1")
    three = [row("merging", 0.4, variant="estimated", image=str(k), found=k) for k in (1, 2, 3)]
    assert "right number in 1 of 3 images, too small in 1" in number_found(three)[0]


def test_a_report_of_nothing_says_so() -> None:
    text = report(StudyPlan(benchmark=(Compared(proposer="lattice"),)), [], ["about"])
    assert "Not run." in text


def test_plans_are_read_and_the_small_one_asks_for_all_82_images() -> None:
    small, whole = read_study(STUDY / "study_small.toml"), read_study(STUDY / "study.toml")
    lattice = [task for task in tasks(small) if task.part == "benchmark" and task.compared.proposer == "lattice"]
    assert len(lattice) == 82
    assert len({task.recipe.group for task in lattice[:9]}) == 9  # a part of a run has images of all groups
    assert len(list(tasks(whole))) > len(list(tasks(small)))
    identities = [task.identity for task in tasks(whole)]
    assert len(set(identities)) == len(identities)


def test_variants_change_the_rules_and_wrong_ones_are_refused() -> None:
    variant = Variant(name="few", changes=("merging.crops=3",))
    assert variant.rules(4).merging.crops == 3
    assert variant.rules(4).merging.materials == 4
    assert Variant(materials="estimated").rules(4).merging.materials is None
    with pytest.raises(PlanError, match=r"wrong: .*texture"):
        Variant(name="wrong", changes=("merging.texture=taste",)).rules(2)


def test_a_wrong_plan_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text("grid = 3\n", encoding="utf-8")
    with pytest.raises(PlanError, match=r"plan\.toml: grid"):
        read_study(file)


def test_deepest_is_the_middle_and_the_border_of_the_image_is_a_border() -> None:
    mask = np.zeros((21, 31), dtype=bool)
    mask[4:15, 8:29] = True
    assert deepest(mask)[0][0] == 9.0
    assert deepest(np.ones((9, 9), dtype=bool))[0] == (4.0, 4.0)


class Halves:
    """Answers with the halves of an image that hold a point, and not those with a point to avoid."""

    def everything(self) -> Proposals:
        return Proposals.of_masks(HALVES)

    def answer(self, prompt: Prompt) -> Proposals:
        wanted = [HALVES[int(y >= 32)] for y, _ in prompt.points]
        return Proposals.of_masks(np.any(wanted, axis=0)[None])


HALVES = np.repeat(np.eye(2, dtype=bool), 32, axis=1)[:, :, None].repeat(64, axis=2)


def test_points_go_where_the_mask_is_most_wrong() -> None:
    labels = np.zeros((64, 64), dtype=np.int64)
    labels[:16] = 1  # the other material is the lower half and a quarter above it
    shown = LabelledImage("a", "g", np.zeros((64, 64), np.float32), labels, ("low", "top"), 0.2)
    rows = prompted(Halves(), shown, most=2, grid=64)
    assert [(one["material"], one["points"]) for one in rows] == [("low", 1), ("low", 2), ("top", 1), ("top", 2)]
    low = [one["iou"] for one in rows if one["material"] == "low"]
    assert low[0] == pytest.approx(32 / 48)
    assert low[1] == pytest.approx(48 / 64)  # the second point is in the quarter that was missing
    assert [one["iou"] for one in rows if one["material"] == "top"] == pytest.approx([0.5, 0.5])


def test_the_nearest_crop_is_one_that_does_not_overlap_and_each_material_counts_the_same() -> None:
    corners = np.array([[0, 0], [0, 4], [0, 50], [50, 0], [50, 30]])
    places = Crops(corners, np.array([0, 0, 0, 1, 1]), np.ones(5), 10)
    features = np.array([[0.0], [0.1], [3.0], [2.0], [9.0]], np.float32)
    # 0 and 1 overlap: the nearest others are of the second material; 2 is nearest to the fourth; 3 to the third
    assert nearest_of_own(features, places) == pytest.approx((0 + 0 + 0) / 3 / 2 + (0 + 0) / 2 / 2)
    features[2] = 0.5
    assert nearest_of_own(features, places) == pytest.approx((1 + 1 + 1) / 3 / 2 + (0 + 1) / 2 / 2)
    assert np.isnan(nearest_of_own(features[:3], Crops(corners[:3], np.zeros(3, np.int64), np.ones(3), 10)))


def test_textures_are_asked_with_crops_of_the_true_materials() -> None:
    rng = np.random.default_rng(0)
    image = rng.standard_normal((160, 160)).astype(np.float32)
    image[80:] += 4.0
    labels = np.repeat([0, 1], 80)[:, None].repeat(160, axis=1)
    rows = retrieved(LabelledImage("a", "g", image, labels, ("a", "b"), 0.5), ("spectrum", "spectrum+intensity"))
    assert [one["texture"] for one in rows] == ["spectrum", "spectrum+intensity"]
    assert rows[0]["retrieval"] < 0.8 < 0.99 < rows[1]["retrieval"]


def test_what_is_finished_is_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def count(task: object, work: Path) -> list[dict[str, object]]:
        seen.append(task)
        return [row("proposals", 0.5), row("removal", 0.5), row("merging", 0.5)]

    monkeypatch.setattr(run, "measured", count)
    plan = tmp_path / "plan.toml"
    plan.write_text('[[benchmark]]\nproposer = "lattice"\nimages = 2\n', encoding="utf-8")
    command = ["--plan", str(plan), "--work", str(tmp_path), "--processes", "1", "--results", str(tmp_path / "results")]
    main([*command, "-o", str(tmp_path / "report.md")])
    main([*command, "-o", str(tmp_path / "report.md")])
    assert len(seen) == 2
    assert "all of it was run" in (tmp_path / "report.md").read_text(encoding="utf-8")
    assert (tmp_path / "results" / "benchmark.csv").read_text(encoding="utf-8").count("\n") == 7
    plan.write_text('[[benchmark]]\nproposer = "lattice"\nimages = 3\n', encoding="utf-8")
    main([*command, "--only-report", "-o", str(tmp_path / "report.md")])
    assert "**0 of its 3 tasks were run**" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_every_stage_of_every_variant_is_scored_on_one_grid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image = rng.standard_normal((128, 128)).astype(np.float32)
    image[64:] += 4.0
    labels = np.repeat([0, 1], 64)[:, None].repeat(128, axis=1)
    shown = LabelledImage("drawn", "g", image, labels, ("a", "b"), 0.5)

    class Proposer:
        def embed(self, image: np.ndarray) -> "Proposer":
            return self

        def everything(self) -> Proposals:
            masks = np.zeros((3, 128, 128), dtype=bool)
            masks[0, :64], masks[1, 64:, :64], masks[2, 64:, 64:] = True, True, True
            return Proposals.of_masks(masks)

    monkeypatch.setattr(measure, "labelled_image", lambda recipe, work: shown)
    monkeypatch.setattr(measure, "find_proposer", lambda name: Proposer())
    monkeypatch.setattr(measure, "grouped_pixels", lambda shown, texture: labels * 0 + 1)
    one = Ablations(
        proposer="x",
        images=1,
        variants=(Variant(), Variant(name="many", changes=("merging.materials=9",)), Variant(name="px", pixels=True)),
    )
    (task,) = tasks(StudyPlan(ablations=one, grid=64))
    rows = measure.measured(task, tmp_path)
    found = {entry["stage"]: entry for entry in rows if entry["variant"] == "default"}
    assert [found[stage]["masks"] for stage in measure.STAGES] == [3, 3, 3, 2]
    assert found["merging"]["miou"] > 0.9 > found["removal"]["miou"]
    assert found["merging"]["fpr"] == 0.0
    assert found["removal"]["fpr"] == pytest.approx(1 / 3 / 2)
    assert next(entry for entry in rows if entry["variant"] == "many")["problem"].startswith("materials=9")
    pixels = {entry["stage"]: entry for entry in rows if entry["variant"] == "px"}
    assert list(pixels) == ["merging"]  # rejects the stages, worth and number of masks in place of pixels
    assert (pixels["merging"]["masks"], pixels["merging"]["found"], pixels["merging"].get("worth")) == (1, 1, None)
    lines = ablation_table([one | {"class": "easy"} for one in rows], draws=100, seed=0)
    assert any("| px | 1 |" in line for line in lines)


def test_materials_are_learned_from_other_images_of_the_group_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # rejects training on the image itself or with its seeds, and numbers of one image taken for those of another
    (task,) = tasks(StudyPlan(ablations=Ablations(proposer="x", images=1, variants=(Variant(materials="known"),))))
    used: list[ImageRecipe] = []
    learned: list[Any] = []

    def shown(recipe: ImageRecipe, work: Path) -> LabelledImage:
        used.append(recipe)
        if recipe.index == 1:
            raise OneMaterialError("one material only")
        materials = ("Ge", "Si") if recipe.index % 2 else ("Si", "vacuum")
        labels = np.array([[0, 1]], dtype=np.int64)
        return LabelledImage(recipe.name, recipe.group, np.zeros((1, 2), np.float32), labels, materials, 0.2)

    def learn(images: Any, names: Any, **_: Any) -> None:
        learned.extend([names, *images])

    monkeypatch.setattr(knowing, "labelled_image", shown)
    monkeypatch.setattr(knowing, "learn_materials", learn)
    knowing.known_materials(task.recipe, tmp_path)
    names, *pairs = learned
    assert names == ("Ge", "Si", "vacuum")
    told = [[names[number] for number in labels.ravel()] for _, labels in pairs]
    assert told == [["Si", "vacuum"], ["Si", "vacuum"], ["Ge", "Si"], ["Si", "vacuum"], ["Ge", "Si"]]
    assert len({one.identity for one in used}) == knowing.LEARNED
    assert all(one.seed != task.recipe.seed for one in used)
    assert all(one.simulation.seed != task.recipe.simulation.seed for one in used)


def test_pixels_are_grouped_by_what_is_about_them() -> None:
    x = np.arange(128)
    row = np.where(x < 64, 3.0 * np.sin(2 * np.pi * x / 8), np.sin(2 * np.pi * x / 5) - 4.0)
    image = (row + np.random.default_rng(0).normal(0.0, 0.1, (128, 128))).astype(np.float32)
    labels = np.where(x < 64, 0, 1)[None].repeat(128, axis=0)
    found = grouped_pixels(LabelledImage("drawn", "g", image, labels, ("a", "b"), 0.5), "radial+intensity") - 1
    right = (found == labels).mean()
    assert max(right, 1.0 - right) > 0.9  # rejects groups that are noise, and a map that is turned

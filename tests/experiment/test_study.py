"""A single study: what is added to its named conditions is measured, and nothing is trained again for it."""

import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from passband.campaign.grid import CampaignPlan
from passband.dataset.simulate import simulate
from passband.dataset.store import WaveStore
from passband.experiment import training
from passband.experiment.plan import plan_from
from passband.experiment.study import TrainedStudy, evaluate
from passband.experiment.study import train as train_study
from passband.recipe import PassbandError
from passband.segmentation.card import ModelCard
from passband.segmentation.learner import SegmentationLearner
from passband.segmentation.model import Model, load_model
from passband.segmentation.unet import UNetRecipe
from passband.training import TrainingError, loop

Raw = dict[str, Any]


def named(name: str, defocus: float) -> Raw:
    return {"name": name, "conditions": {"dose": 400.0, "aberrations": {"defocus": defocus}}}


@pytest.fixture
def study(smallest: Raw) -> Raw:
    kept = {key: smallest[key] for key in ("name", "simulation", "imaging", "network", "split", "training")}
    return kept | {"validation": [named("near", 100.0)]}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> WaveStore:
    from tests.fixtures.campaigns import SMALLEST

    plan = plan_from(
        {"name": "s", **{k: SMALLEST[k] for k in ("simulation", "imaging")}, "validation": [named("n", 0)]}
    )
    return simulate(plan, tmp_path_factory.mktemp("store") / "store")


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Steps taken and sets gone through."""
    count: Counter[str] = Counter()
    step, validate = loop._TrainingLoop._step, loop._TrainingLoop.validate_epoch

    def counting_step(self: Any, *arguments: Any) -> Any:
        count["steps"] += 1
        return step(self, *arguments)

    def counting_validate(self: Any, *arguments: Any) -> Any:
        count["validations"] += 1
        return validate(self, *arguments)

    monkeypatch.setattr(loop._TrainingLoop, "_step", counting_step)
    monkeypatch.setattr(loop._TrainingLoop, "validate_epoch", counting_validate)
    return count


def train(raw: Raw, store: WaveStore, folder: Path) -> TrainedStudy:
    return train_study(plan_from(raw), store, folder)


def scores(folder: Path) -> Raw:
    card: Raw = json.loads((folder / "model" / "card.json").read_text())
    return card["scores"]


ADDED = {
    "a named condition": lambda raw: raw | {"validation": [named("far", -300.0), *raw["validation"]]},
    "images": lambda raw: raw | {"patches_per_structure": 3},
    "another view of the same training": lambda raw: raw | {"training": raw["training"] | {"validate_every": 2}},
    "another name": lambda raw: raw | {"name": "renamed"},
}


@pytest.mark.parametrize("change", ADDED.values(), ids=ADDED)
def test_what_is_added_is_measured_and_trains_nothing(
    study: Raw, store: WaveStore, tmp_path: Path, counted: Counter[str], change: Any
) -> None:
    train(study, store, tmp_path / "run")
    weights = tmp_path / "run" / "model" / "weights.safetensors"
    before = weights.read_bytes(), weights.stat().st_mtime_ns
    counted.clear()
    again = train(change(study), store, tmp_path / "run")
    assert counted == {}
    assert (weights.read_bytes(), weights.stat().st_mtime_ns) == before
    train(change(study), store, tmp_path / "afresh")
    assert scores(tmp_path / "run") == scores(tmp_path / "afresh")
    last = [row for row in again.history.rows if row["epoch"] == 2]
    assert {row["set"] for row in last} == {one["name"] for one in change(study)["validation"]}
    third = train(change(study), store, tmp_path / "run")  # what was added is kept
    assert third.history.rows == again.history.rows


def test_more_epochs_go_on_where_the_rate_does_not_depend_on_them(study: Raw, store: WaveStore, tmp_path: Path) -> None:
    longer = study | {"training": study["training"] | {"epochs": 3}}
    train(study, store, tmp_path / "run")
    train(longer, store, tmp_path / "run")
    train(longer, store, tmp_path / "afresh")
    weights = [tmp_path / folder / "model" / "weights.safetensors" for folder in ("run", "afresh")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    cosine = longer | {"training": longer["training"] | {"schedule": "cosine"}}
    with pytest.raises(TrainingError, match=r"other values: schedule \('step' there, 'cosine' now\)"):
        train(cosine, store, tmp_path / "run")


def test_waves_of_another_recipe_are_refused(study: Raw, store: WaveStore, tmp_path: Path) -> None:
    """Nothing would say which of them were held back: all would be trained on, and tested on."""
    other = plan_from(study | {"simulation": study["simulation"] | {"seed": 4}})
    for call in (lambda: train_study(other, store, tmp_path), lambda: evaluate("au_hrtem", other, store)):
        with pytest.raises(PassbandError, match=r"waves of another recipe \(simulation.seed 3 → 4\); simulate those"):
            call()
    assert not list(tmp_path.iterdir())


def test_a_plan_and_its_store_may_be_named(study: Raw, store: WaveStore, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json.toml"
    plan.write_text(plan_text(study))
    run = train_study(str(plan), store.directory, tmp_path / "run")
    assert [row["condition"] for row in evaluate(tmp_path / "run", plan, str(store.directory))] == ["near"]
    assert run.model == tmp_path / "run" / "model"
    with pytest.raises(
        PassbandError, match="WaveStore and Plan are no plan and its store; give a Plan and a WaveStore"
    ):
        train_study(store, plan_from(study), tmp_path / "other")  # type: ignore[arg-type]
    with pytest.raises(PassbandError, match="device='gpu' is unknown; write auto, cpu"):
        evaluate(tmp_path / "run", plan, store, device="gpu")


def plan_text(values: Raw) -> str:
    """Values as TOML: of JSON, what holds no null is TOML in the value of a key."""
    lines = [f"{key} = {inline(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


def inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}" = {inline(one)}' for key, one in value.items() if one is not None) + "}"
    return "[" + ", ".join(map(inline, value)) + "]" if isinstance(value, list | tuple) else json.dumps(value)


def test_what_sees_other_images_or_classes_is_not_measured(study: Raw, store: WaveStore, monkeypatch: Any) -> None:
    class Other:
        card = SimpleNamespace(name="three", classes=("background", "gold", "film"))

    with pytest.raises(
        PassbandError, match=r"three tells \['background', 'gold', 'film'\] apart, and the plan's truth"
    ):
        evaluate(Other(), plan_from(study), store)  # type: ignore[arg-type]
    recipe = UNetRecipe.preset("tiny", channels=2)
    colour = Model(recipe.build(), ModelCard(name="colour", architecture=recipe, pixel_size=1.0))
    with pytest.raises(PassbandError, match="colour takes images of 2 channels, and the plan's have 1; measure it on"):
        evaluate(colour, plan_from(study), store)


def test_a_campaign_keeps_the_identity_of_its_trainings(smallest: Raw) -> None:
    """Trainings that were interrupted before go on: what `fit` compares is that of the folder."""
    (experiment, *_) = CampaignPlan.model_validate(smallest).experiments()
    assert training._identity(experiment) == training.training_of(experiment).identity


def test_a_condition_more_changes_no_score_of_the_others(study: Raw, store: WaveStore, tmp_path: Path) -> None:
    run = train(study, store, tmp_path / "run")
    model = load_model(run.model)
    alone = evaluate(model, plan_from(study), store)
    with_more = evaluate(model, plan_from(ADDED["a named condition"](study)), store)
    assert [row["condition"] for row in with_more] == ["far", "near"]
    here, there = ({key: value for key, value in row.items() if key != "condition"} for row in (with_more[1], alone[0]))
    assert here == pytest.approx(there, rel=1e-9, nan_ok=True)


@pytest.mark.parametrize("monitor_set", [None, "near"])
def test_a_set_that_decides_when_to_stop_is_part_of_the_training(
    study: Raw, store: WaveStore, tmp_path: Path, monitor_set: str | None
) -> None:
    judged = study | {"training": study["training"] | {"patience": 5, "monitor_set": monitor_set}}
    train(judged, store, tmp_path)
    more = ADDED["a named condition"](judged)
    if monitor_set is None:  # the mean over all sets decides
        with pytest.raises(TrainingError, match="what decides when it stops"):
            train(more, store, tmp_path)
    else:
        train(more, store, tmp_path)
        assert set(scores(tmp_path)) == {"near", "far"}
    with pytest.raises(TrainingError, match="what decides when it stops"):
        train(ADDED["images"](judged), store, tmp_path)


def test_scores_on_the_card_are_of_the_weights_that_are_kept(
    study: Raw, store: WaveStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    validate, seen = SegmentationLearner.validate, []

    def worse_and_worse(self: Any, name: str, batches: Any) -> dict[str, float]:
        seen.append(name)
        return validate(self, name, batches) | {"training_loss": float(len(seen))}

    monkeypatch.setattr(SegmentationLearner, "validate", worse_and_worse)
    best = study | {"training": study["training"] | {"keep": "best", "learning_rate": 0.1}}
    run = train(best, store, tmp_path)
    (row, last) = run.history.rows
    assert (run.history.best_epoch, row["epoch"]) == (1, 1)
    assert row["paper_loss"] != last["paper_loss"]
    assert scores(tmp_path)["near"]["paper_loss"] == row["paper_loss"]

"""A single study: what is added to its named conditions is measured, and nothing is trained again for it."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from passband.dataset.simulate import simulate
from passband.dataset.store import WaveStore
from passband.experiment.plan import plan_from
from passband.experiment.study import TrainedStudy, evaluate
from passband.experiment.study import train as train_study
from passband.segmentation.learner import SegmentationLearner
from passband.segmentation.model import load_model
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
    with pytest.raises(TrainingError, match=r"another schedule \('step' there, 'cosine' now\)"):
        train(cosine, store, tmp_path / "run")


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

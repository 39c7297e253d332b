"""Networks are trained once: what they are measured on is none of their identity, and what decides about them is."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from passband.campaign import experiment_run as campaign_run
from passband.campaign import trainings
from passband.campaign.experiment_run import prepare_stores, run_experiment
from passband.campaign.folder import CAMPAIGN, RUNS, TRAININGS, CampaignError, read_campaign, write_campaign
from passband.campaign.grid import CampaignPlan
from passband.campaign.trainings import RECORD, training_folder
from passband.experiment.experiment import MONITORED, Experiment
from passband.experiment.training import training_of

Raw = dict[str, Any]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.fixtures.campaigns import SMALLEST

    folder = tmp_path_factory.mktemp("stores")
    prepare_stores(CampaignPlan.model_validate(SMALLEST), folder)
    prepare_stores(CampaignPlan.model_validate(SMALLEST | {"others": GOLD}), folder)
    return folder


GOLD = {"gold": {"scene": {"materials": ["Au"]}, "structures": 3}}


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often networks were trained, and sets of micrographs measured."""
    count: Counter[str] = Counter()
    train, measure = trainings.train_networks, campaign_run.measure_networks

    def counting_training(*arguments: Any, **options: Any) -> Any:
        count["trained"] += 1
        return train(*arguments, **options)

    def counting_measurement(*arguments: Any, **options: Any) -> Any:
        count["measured"] += 1
        return measure(*arguments, **options)

    monkeypatch.setattr(trainings, "train_networks", counting_training)
    monkeypatch.setattr(campaign_run, "measure_networks", counting_measurement)
    return count


def run(raw: Raw, directory: Path, stores: Path) -> list[list[Raw]]:
    return [
        run_experiment(one, directory / RUNS / one.identity, stores=stores, trainings=directory / TRAININGS)
        for one in CampaignPlan.model_validate(raw).experiments()
    ]


def weights(directory: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(directory)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in (directory / TRAININGS).rglob("*.safetensors")
    }


def changed(raw: Raw, **part: Any) -> Raw:
    return raw | {"parts": [raw["parts"][0] | part]}


def wider(raw: Raw) -> Raw:
    families = raw["families"] | {"wide": raw["families"]["two"] | {"grid": {"defocus": [100.0, -100.0, 300.0]}}}
    return changed(raw | {"families": families}, evaluate_on="wide")


ADDITIONS: dict[str, tuple[Callable[[Raw], Raw], int]] = {  # the change, and how many sets of micrographs are new
    "an evaluation": (wider, 1),
    "other structures": (lambda raw: changed(raw | {"others": GOLD}, structures=["", "gold"]), 2),
    "more images": (lambda raw: raw | {"images": 4}, 2),
    "another name of the part": (lambda raw: changed(raw, name="renamed"), 0),
    "a validation that decides nothing": (lambda raw: _trained_with(raw, monitor="dice"), 0),
}


def _trained_with(raw: Raw, **training: Any) -> Raw:
    return raw | {"training": raw["training"] | training}


@pytest.mark.parametrize("curves", [False, True])
@pytest.mark.parametrize(("change", "new"), ADDITIONS.values(), ids=ADDITIONS)
def test_what_is_added_trains_nothing_and_only_it_is_measured(
    smallest: Raw, stores: Path, tmp_path: Path, counted: Counter[str], change: Any, new: int, curves: bool
) -> None:
    plan = changed(smallest, curves=curves)
    first = run(plan, tmp_path, stores)
    epochs = 2 if curves else 1
    assert counted == {"trained": 2, "measured": 2 * 2 * epochs}
    before = weights(tmp_path)
    assert before
    counted.clear()
    second = run(change(plan), tmp_path, stores)
    assert counted["trained"] == 0
    assert counted["measured"] == 2 * new * epochs
    assert weights(tmp_path) == before  # bytes and times
    assert run(change(plan), tmp_path / "afresh", stores) == second
    if "images" not in plan or change(plan)["images"] == plan["images"]:
        known = [strip(row) for rows in first for row in rows]
        assert [row for row in known if row not in [strip(row) for rows in second for row in rows]] == []


def strip(row: Raw) -> Raw:
    return {name: value for name, value in row.items() if name != "run"}


DECISIVE: dict[str, Callable[[Raw], Raw]] = {
    "rate": lambda raw: _trained_with(raw, learning_rate=2e-2),
    "average": lambda raw: _trained_with(raw, average=0.5),
    "what the epoch is chosen by": lambda raw: _trained_with(raw, keep="best"),
    "split": lambda raw: raw | {"split": {"validation": 0.3, "test": 0.2}},
    "loss": lambda raw: raw | {"loss": {"terms": {"dice": 1.0}}},
    "seeds": lambda raw: changed(raw, seeds=[0, 2]),
    "patch": lambda raw: raw | {"imaging": raw["imaging"] | {"patch": 24}},
    "network": lambda raw: raw | {"network": raw["network"] | {"stem": 3}},
    "structures": lambda raw: raw | {"simulation": raw["simulation"] | {"seed": 4}},
}


@pytest.mark.parametrize("change", DECISIVE.values(), ids=DECISIVE)
def test_what_weights_depend_on_names_them(smallest: Raw, change: Callable[[Raw], Raw]) -> None:
    before, after = (_first(raw) for raw in (smallest, change(smallest)))
    assert training_of(before).identity != training_of(after).identity


@pytest.mark.parametrize("judge", [{"stop_below": 0.1}, {"patience": 2}, {"keep": "best"}])
@pytest.mark.parametrize(
    "how", [{"images": 4}, {"training": {"validate_every": 2}}, {"training": {"monitor": "paper_loss"}}]
)
def test_how_networks_are_judged_names_them_where_it_decides(smallest: Raw, judge: Raw, how: Raw) -> None:
    def identity(raw: Raw) -> str:
        return training_of(_first(raw)).identity

    def applied(raw: Raw) -> Raw:
        return _trained_with(raw, **how["training"]) if "training" in how else raw | how

    assert identity(smallest) == identity(applied(smallest))
    judged = _trained_with(smallest, **judge)
    assert identity(judged) != identity(applied(judged))


def _first(raw: Raw) -> Experiment:
    return CampaignPlan.model_validate(raw).experiments()[0]


def test_evaluations_do_not_judge(smallest: Raw, stores: Path, tmp_path: Path) -> None:
    """A threshold that any loss is below stops after the first epoch, whatever else is measured."""
    raw = _trained_with(smallest, stop_below=1e9)
    rows = run(raw, tmp_path, stores)[0]
    assert {(row["stopped"], row["epoch"]) for row in rows} == {("threshold", 1)}
    one = _first(raw)
    assert training_of(one).protocol["monitor_set"] == MONITORED


def test_curves_serve_who_wants_the_end(smallest: Raw, stores: Path, tmp_path: Path, counted: Counter[str]) -> None:
    curves = run(smallest, tmp_path, stores)[0]
    counted.clear()
    end = run(changed(smallest, curves=False), tmp_path, stores)[0]
    assert counted["trained"] == 0
    assert [strip(row) for row in end] == [strip(row) for row in curves if row["epoch"] == 2]


def test_weights_of_epochs_that_were_not_kept_are_missed_in_words(
    smallest: Raw, stores: Path, tmp_path: Path, counted: Counter[str]
) -> None:
    forgetful = changed(smallest, keep_epochs=False)
    rows = run(forgetful, tmp_path, stores)
    assert not list((tmp_path / TRAININGS).glob("*/epochs"))
    assert [[strip(row) for row in one] for one in run(smallest, tmp_path, stores)] == [
        [strip(row) for row in one] for one in rows
    ]
    counted.clear()
    with pytest.raises(
        CampaignError, match=r"weights after epoch 1 were not kept \(keep_epochs = false\); measure it in"
    ):
        run(wider(forgetful), tmp_path, stores)
    assert counted["trained"] == 0


def test_a_training_that_was_cut_short_goes_on(
    smallest: Raw, stores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(smallest, tmp_path / "whole", stores)
    with monkeypatch.context() as patch:
        patch.setattr(trainings, "save_networks", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(smallest, tmp_path / "cut", stores)
    assert not (training_folder(_first(smallest), tmp_path / "cut" / TRAININGS) / RECORD).exists()
    assert run(smallest, tmp_path / "cut", stores) == whole


def test_a_campaign_of_an_older_format_is_read_but_not_continued(tmp_path: Path) -> None:
    (tmp_path / CAMPAIGN).write_text('{"format": 1, "plan": {"name": "old"}, "runs": ["a"]}')
    assert read_campaign(tmp_path) == {"plan": {"name": "old"}, "runs": ["a"]}
    with pytest.raises(CampaignError, match=r"campaign of format 1, this passband writes 2; use another directory"):
        write_campaign(tmp_path, {}, [])

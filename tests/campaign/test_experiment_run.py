"""One experiment: its rows depend on the recipe alone, and a run that stopped anywhere goes on."""

from pathlib import Path
from typing import Any

import pytest

from passband.campaign import experiment_run as module
from passband.campaign import trainings
from passband.campaign.experiment_run import prepare_stores, run_experiment
from passband.campaign.folder import COST, METRICS, CampaignError, run_folder
from passband.campaign.grid import CampaignPlan
from passband.campaign.trainings import model_folder, training_folder
from passband.dataset.memory import Memory
from passband.experiment.experiment import Experiment
from passband.segmentation.model import load_model


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.fixtures.campaigns import SMALLEST

    folder = tmp_path_factory.mktemp("stores")
    prepare_stores(CampaignPlan.model_validate(_with_gold(SMALLEST)), folder)
    return folder


def run(one: Experiment, folder: Path, stores: Path) -> list[dict[str, Any]]:
    """Run an experiment whose trainings nobody shares."""
    return run_experiment(one, folder, stores=stores, trainings=folder.with_name(f"{folder.name} trainings"))


def _with_gold(raw: dict[str, Any]) -> dict[str, Any]:
    gold = {"gold": {"scene": {"materials": ["Au"]}, "structures": 3}}
    return raw | {"others": gold, "parts": [raw["parts"][0] | {"structures": ["", "gold"]}]}


def test_rows_are_one_per_network_evaluation_and_epoch(smallest, stores, tmp_path) -> None:
    one = CampaignPlan.model_validate(_with_gold(smallest)).experiments()[0]
    rows = run(one, tmp_path / "run", stores)
    assert len(rows) == 2 * 4 * 2  # seeds, evaluations, epochs
    keys = {(row["seed"], row["structures"], row["evaluation"], row["epoch"]) for row in rows}
    assert len(keys) == len(rows)
    assert {row["run"] for row in rows} == {one.identity}
    assert {row["structures"] for row in rows} == {"", "gold"}
    assert len({row["paper_loss"] for row in rows}) == len(rows)
    model = load_model(model_folder(training_folder(one, tmp_path / "run trainings"), 1))
    assert model.card.conditions["aberrations"]["C10"] == {"normal": [-100.0, 10.0]}


def test_rows_depend_on_the_recipe_alone(smallest, stores, tmp_path) -> None:
    ends = smallest | {"parts": [smallest["parts"][0] | {"curves": False}]}
    one = CampaignPlan.model_validate(ends).experiments()[1]
    here = run(one, tmp_path / "a", stores)
    assert run(one, tmp_path / "b", stores) == here
    assert {row["epoch"] for row in here} == {2}
    assert not any("second" in name for name in here[0])  # times belong to cost.json


def test_measuring_at_the_end_and_after_every_epoch_agree(smallest, stores, tmp_path) -> None:
    raw = [smallest | {"parts": [smallest["parts"][0] | {"curves": curves}]} for curves in (False, True)]
    end, curve = (
        run(CampaignPlan.model_validate(each).experiments()[0], tmp_path / str(k), stores) for k, each in enumerate(raw)
    )
    last = {(row["seed"], row["evaluation"]): row["paper_loss"] for row in curve if row["epoch"] == 2}
    assert last == {(row["seed"], row["evaluation"]): row["paper_loss"] for row in end}


def test_a_finished_run_is_read_and_a_half_one_continued(smallest, stores, tmp_path, monkeypatch) -> None:
    one = CampaignPlan.model_validate(smallest).experiments()[0]
    rows = run(one, tmp_path / "whole", stores)
    folder = tmp_path / "half"

    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trainings, "save_networks", broken)
        with pytest.raises(KeyboardInterrupt):
            run(one, folder, stores)
    assert not (folder / METRICS).exists()
    assert run(one, folder, stores) == rows

    with monkeypatch.context() as patch:
        patch.setattr(trainings, "train_networks", broken)  # a second training would be noticed
        assert run(one, folder, stores) == rows
    assert (folder / COST).exists()


def test_networks_that_share_a_run_have_the_rows_they_have_alone(smallest, stores, tmp_path) -> None:
    both = CampaignPlan.model_validate(smallest).experiments()[0]
    second = both.model_copy(update={"seeds": (1,)})
    together = [row for row in run(both, tmp_path / "both", stores) if row["seed"] == 1]
    alone = run(second, tmp_path / "one", stores)
    assert [row["paper_loss"] for row in alone] == [row["paper_loss"] for row in together]


def test_a_folder_of_another_experiment_is_refused(smallest, stores, tmp_path) -> None:
    first, second = CampaignPlan.model_validate(smallest).experiments()
    run(first, tmp_path, stores)
    with pytest.raises(CampaignError, match=rf"than {second.identity} \(.*trained_on.* → .*\); use another directory"):
        run(second, tmp_path, stores)


def test_a_run_folder_is_named_by_the_experiment(smallest, tmp_path) -> None:
    first, second = CampaignPlan.model_validate(smallest).experiments()
    assert run_folder(first, tmp_path).name == first.identity != second.identity


def test_what_is_kept_in_memory_changes_no_row(smallest, stores, tmp_path, monkeypatch) -> None:
    one = CampaignPlan.model_validate(_with_gold(smallest)).experiments()[0]
    used: list[Memory] = []

    def with_budget(budget: int) -> list[dict[str, Any]]:
        monkeypatch.setattr(module, "Memory", lambda: used.append(Memory(budget)) or used[-1])
        return run(one, tmp_path / str(budget), stores)

    assert with_budget(10**8) == with_budget(0)
    assert len(used) == 2  # one for both stores of a run
    assert used[0].nbytes > 0 == used[1].nbytes

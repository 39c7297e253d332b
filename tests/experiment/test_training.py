"""Training the networks of an experiment: what identifies a training, and what their cards say."""

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from passband.campaign.grid import CampaignPlan
from passband.dataset.simulate import simulate
from passband.dataset.store import WaveStore
from passband.devices import deterministic
from passband.experiment import training
from passband.experiment.experiment import MONITORED, Evaluation, Experiment
from passband.experiment.plan import plan_from
from passband.experiment.training import save_networks, train_networks, training_of
from passband.segmentation.model import load_model
from passband.training import FitOptions

Raw = dict[str, Any]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> WaveStore:
    from tests.fixtures.campaigns import SMALLEST

    plan = CampaignPlan.model_validate(SMALLEST)
    return simulate(plan, tmp_path_factory.mktemp("store") / "store")


def experiment_of(raw: Raw, **changes: Any) -> Experiment:
    return CampaignPlan.model_validate(raw).experiments()[0].model_copy(update=changes)


def test_each_card_has_the_scores_of_its_own_network(smallest: Raw, store: WaveStore, tmp_path: Path) -> None:
    """Rejects cards that all show the mean over the networks, or the scores of the first."""
    experiment = experiment_of(smallest)
    trained = train_networks(experiment, store, tmp_path)
    folders = [tmp_path / "one", tmp_path / "two"]
    save_networks(experiment, trained, folders)
    cards = [load_model(folder).card for folder in folders]
    last = trained.history.rows[-1]
    for number, card in enumerate(cards):
        assert card.scores[MONITORED]["paper_loss"] == last[f"paper_loss.{number}"]
        assert card.seed == experiment.seeds[number]
        assert card.name == f"{experiment.trained_on} seed {card.seed}"
    assert cards[0].scores != cards[1].scores
    assert "deterministic" not in cards[0].cost
    with deterministic():
        save_networks(experiment, trained, folders)
    assert load_model(folders[1]).card.cost["deterministic"] is True


@pytest.mark.parametrize(
    ("device", "workers", "made_on"), [("cpu", 0, "cpu"), ("cuda:1", 0, "cuda"), ("cuda", 2, "cpu")]
)
def test_a_training_tells_where_its_micrographs_are_made(
    device: str,
    workers: int,
    made_on: str,
    smallest: Raw,
    store: WaveStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rejects the device of the training, and that of the processes, in the place of that of the micrographs."""
    seen: dict[str, Any] = {}

    class Told(Exception):  # noqa: N818 - it ends the training before a GPU is asked for anything
        pass

    def fit(learner: Any, batch: Any, sets: Any, recipe: Any, folder: Path, options: FitOptions) -> None:
        seen["options"] = options
        raise Told

    def stream(*_: Any, device: str, **__: Any) -> Any:
        seen["stream"] = torch.device(device).type
        return SimpleNamespace(batch=None)

    monkeypatch.setattr(training, "fit", fit)
    monkeypatch.setattr(training, "Acquisition", stream)
    monkeypatch.setattr(training, "ImagingPool", lambda source, _: nullcontext(source))
    monkeypatch.setattr(training, "validation_sets", lambda *_, **__: {})
    monkeypatch.setattr(training, "stacked_learner", lambda *_: None)
    with pytest.raises(Told):
        train_networks(
            experiment_of(smallest), store, tmp_path, device=device, imaging=training.BesideTraining(workers=workers)
        )
    assert seen["options"].batches_on == seen["stream"] == made_on


def test_json_of_an_experiment_holds_validations_only_where_it_names_some(smallest: Raw) -> None:
    """Identities of the experiments and trainings of campaigns stay as they were."""
    plain = experiment_of(smallest)
    assert not {"validation", "validation_images"} & set(json.loads(plain.to_json()))
    assert "monitored" not in json.loads(training_of(plain).to_json())
    named = plain.model_copy(update={"validation": plain.evaluations, "validation_images": 3})
    assert Experiment.model_validate_json(named.to_json()) == named
    assert named.identity != plain.identity


def test_sets_that_decide_name_the_training_and_others_do_not(smallest: Raw) -> None:
    plain = experiment_of(smallest)
    more = (*plain.evaluations, Evaluation(name="more", conditions=plain.imaging.conditions))
    named, wider = (plain.model_copy(update={"validation": sets}) for sets in (plain.evaluations, more))
    assert training_of(named).identity == training_of(wider).identity == training_of(plain).identity
    judged = {"training": plain.training.model_copy(update={"patience": 3})}
    assert (
        training_of(named.model_copy(update=judged)).identity != training_of(wider.model_copy(update=judged)).identity
    )
    one = {"training": plain.training.model_copy(update={"patience": 3, "monitor_set": plain.evaluations[0].name})}
    assert training_of(named.model_copy(update=one)).identity == training_of(wider.model_copy(update=one)).identity


def test_a_plan_is_an_experiment_of_one_network(smallest: Raw) -> None:
    kept = {key: smallest[key] for key in ("name", "simulation", "imaging", "network", "split", "training")}
    named = [{"name": "near", "conditions": {}}, {"name": "far", "conditions": {"dose": 100.0}}]
    plan = plan_from(kept | {"validation": named, "patches_per_structure": 3})
    found = plan.experiment()
    assert found.seeds == (plan.training.seed,)
    assert [one.name for one in found.validation] == [one.name for one in found.evaluations] == ["near", "far"]
    assert (found.images, found.images_of_validation) == (6, 6)  # 0.3 of 6 structures are 2
    assert found.protocol == plan.training

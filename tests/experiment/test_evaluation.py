"""The one evaluation: everybody measures on the same micrographs, and means the same by a score."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from passband.campaign.grid import CampaignPlan
from passband.dataset.simulate import simulate
from passband.dataset.store import WaveStore
from passband.experiment.evaluation import (
    EvaluationSet,
    evaluation_set,
    measure_networks,
    measure_segmenter,
    validation_sets,
)
from passband.experiment.experiment import Experiment
from passband.experiment.plan import plan_from
from passband.experiment.study import evaluate, train
from passband.experiment.training import stacked_learner
from passband.scores.overlap import overlap_scores
from passband.segmentation.card import ModelCard
from passband.segmentation.model import Model, load_model
from passband.segmentation.networks import DEFAULT_ARCHITECTURE
from passband.segmentation.segmenter import Segmentation
from passband.segmentation.weights import ModelError

Raw = dict[str, Any]


def named(name: str, defocus: float) -> Raw:
    return {"name": name, "conditions": {"dose": 400.0, "aberrations": {"defocus": defocus}}}


@pytest.fixture(scope="module")
def study() -> Raw:
    from tests.fixtures.campaigns import SMALLEST

    kept = {key: SMALLEST[key] for key in ("name", "simulation", "imaging", "network", "split", "training")}
    return kept | {"validation": [named("near", 100.0), named("far", -300.0)], "patches_per_structure": 3}


@pytest.fixture(scope="module")
def store(study: Raw, tmp_path_factory: pytest.TempPathFactory) -> WaveStore:
    return simulate(plan_from(study), tmp_path_factory.mktemp("store") / "store")


def experiments(raw: Raw) -> tuple[Experiment, ...]:
    return CampaignPlan.model_validate(raw).experiments()


def test_every_experiment_is_measured_on_the_same_micrographs(smallest: Raw, store: WaveStore) -> None:
    first, second = experiments(smallest)
    sets = [
        [row for batch in evaluation_set(one, one.evaluations[0], store) for row in batch.rows]
        for one in (first, second)
    ]
    assert sets[0] == sets[1]
    held = set(store.splits(validation=0.3, test=0.3)["test"].tolist())
    assert {row["structure"] for row in sets[0]} <= held
    other = [row for batch in evaluation_set(first, first.evaluations[1], store) for row in batch.rows]
    assert {row["noise_seed"] for row in other}.isdisjoint(row["noise_seed"] for row in sets[0])


def test_networks_are_measured_on_the_same_micrographs_however_their_fields_were_shared(
    smallest: Raw, store: WaveStore
) -> None:
    one = experiments(smallest)[0]
    many = one.model_copy(update={"imaging": one.imaging.model_copy(update={"patches_per_field": 4})})
    first, second = (evaluation_set(each, each.evaluations[1], store) for each in (one, many))
    assert [batch.rows for batch in first] == [batch.rows for batch in second]


def test_an_evaluation_may_have_a_camera_of_its_own(study: Raw, store: WaveStore) -> None:
    held_out = {**named("near", 100.0), "name": "held out", "camera": {"correlation": 0.6}}
    trained = {**study["imaging"], "camera": {"drift": 1.0}}
    plan = plan_from({**study, "imaging": trained, "validation": [named("near", 100.0), held_out]})
    experiment = plan.experiment()
    cameras = [
        [row["camera"] for batch in evaluation_set(experiment, one, store) for row in batch.rows]
        for one in experiment.evaluations
    ]
    assert all(camera["drift"] == 1.0 and "correlation" not in camera for camera in cameras[0])
    assert all(camera["correlation"] == 0.6 and "drift" not in camera for camera in cameras[1])
    plain = plan_from(study).experiment()
    assert all("camera" not in one for one in plain.model_dump(mode="json")["evaluations"])


def test_a_study_is_measured_as_a_campaign_and_as_its_training_measures(
    study: Raw, store: WaveStore, tmp_path: Path
) -> None:
    """Rejects an evaluation with tiles, other micrographs or another mean than training and campaigns have."""
    plan = plan_from(study)
    experiment = plan.experiment()
    run = train(plan, store, tmp_path)
    model = load_model(run.model)
    last = {row["set"]: row for row in run.history.rows if row["epoch"] == run.epochs}
    for name, micrographs in validation_sets(experiment, store).items():
        again = measure_segmenter(model, micrographs)
        assert {score: again[score] for score in ("dice", "iou", "paper_loss")} == pytest.approx(
            {score: last[name][score] for score in ("dice", "iou", "paper_loss")}, rel=1e-6
        )
    rows = evaluate(model, plan, store)
    learner = stacked_learner([load_model(run.model).network], experiment, "cpu")
    for row, evaluation in zip(rows, experiment.evaluations, strict=True):
        (scores,) = measure_networks(learner, evaluation_set(experiment, evaluation, store), name=evaluation.name)
        assert {score: row[score] for score in ("dice", "iou", "paper_loss")} == {
            score: scores[score] for score in ("dice", "iou", "paper_loss")
        }
        assert row["images"] == 3 * len(store.splits(validation=0.3, test=0.3)["test"])


class Brightness(nn.Module):
    """Calls the bright pixels particles, and remembers what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(images)
        return torch.cat([-images, images], dim=1) * 50.0


def model_of(network: nn.Module, **card: Any) -> Model:
    return Model(network, ModelCard(architecture=DEFAULT_ARCHITECTURE, **card))


def batch_of(masks: np.ndarray[Any, Any], found: np.ndarray[Any, Any], pixel_size: float) -> Any:
    images = torch.as_tensor(np.where(found, 1.0, -1.0), dtype=torch.float32)[:, None]
    rows = [{"pixel_size": pixel_size}] * len(masks)
    return SimpleNamespace(images=images, masks=torch.as_tensor(masks, dtype=torch.int64), rows=rows)


def test_areas_are_summed_over_images_and_the_mean_per_image_stands_beside() -> None:
    """One small particle missed, one large found: Dice of all pixels is high, that per image is one half."""
    masks = np.zeros((2, 32, 32), bool)
    masks[0, :4, :4], masks[1, :24, :24] = True, True
    found = masks.copy()
    found[0] = np.roll(masks[0], 8, axis=1)
    scores = measure_segmenter(
        model_of(Brightness(), pixel_size=0.5),
        [batch_of(masks, found, 0.5)],
    )
    assert scores["dice"] == pytest.approx(2 * 24**2 / (2 * 24**2 + 2 * 4**2))
    assert scores["precision"] == scores["recall"] == pytest.approx(24**2 / (24**2 + 4**2))
    assert scores["dice_per_image"] == pytest.approx(0.5)
    assert scores["boundary_iou"] == overlap_scores(found, masks, average="images")["boundary_iou"][1]


@pytest.mark.parametrize(("pixel_size", "side"), [(0.5, 32), (0.503, 32), (0.6, 64), (0.4, 32)])
def test_patches_are_seen_whole_and_resampled_only_where_the_pixel_differs(pixel_size: float, side: int) -> None:
    """0.6 Å on 32 pixels is 38 of 0.5 Å, seen in one piece that is filled up to a multiple of 32."""
    network = Brightness()
    masks = np.zeros((1, 32, 32), bool)
    masks[0, 8:24, 8:24] = True
    batch = batch_of(masks, masks, pixel_size)
    scores = measure_segmenter(model_of(network, pixel_size=0.5), [batch])
    (seen,) = network.seen
    assert seen.shape[-2:] == (side, side)
    assert torch.equal(seen, batch.images) == (pixel_size in (0.5, 0.503))
    assert scores["dice"] > 0.9


def test_a_network_that_was_trained_on_many_pixel_sizes_sees_each_of_them_as_it_is() -> None:
    network = Brightness()
    imaging = {"pixel_size": {"uniform": [0.4, 0.6]}, "patch": 32}
    masks = np.zeros((1, 32, 32), bool)
    batch = batch_of(masks, ~masks, 0.41)
    measure_segmenter(model_of(network, pixel_size=0.49, imaging=imaging), [batch])
    assert torch.equal(network.seen[0], batch.images)


class Threshold:
    """A method without probabilities, for images of any pixel size."""

    card = SimpleNamespace(name="threshold", classes=("background", "particle"), pixel_size=None, mode=None)

    def segment(self, image: Any, pixel_size: Any, *, symmetries: int = 1) -> Segmentation:
        return Segmentation((image > 0).astype(np.uint8), self.card.classes, (pixel_size, pixel_size))


def test_any_segmenter_is_measured_alike() -> None:
    """Rejects an evaluation that only knows networks; a confident network and a threshold answer the same here."""
    masks = np.random.default_rng(0).random((3, 32, 32)) > 0.5
    batch = batch_of(masks, masks ^ (np.random.default_rng(1).random(masks.shape) > 0.9), 0.5)
    network = measure_segmenter(model_of(Brightness(), pixel_size=0.5), [batch])
    assert measure_segmenter(Threshold(), [batch]) == pytest.approx(network, rel=1e-6)


def test_a_set_is_the_same_at_every_pass(smallest: Raw, store: WaveStore) -> None:
    one = experiments(smallest)[0]
    micrographs: EvaluationSet = evaluation_set(one, one.evaluations[0], store, again=True)
    first, second = ([batch.images for batch in micrographs] for _ in range(2))
    assert all(torch.equal(*pair) for pair in zip(first, second, strict=True))


class Broken(nn.Module):
    """Gives NaN, as a network whose weights are too large does."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([images, images], dim=1) * float("nan")


def test_a_network_that_gives_nan_is_refused() -> None:
    masks = np.zeros((1, 32, 32), bool)
    with pytest.raises(ModelError, match="the network broken gives NaN on these micrographs; train anew"):
        measure_segmenter(model_of(Broken(), pixel_size=0.5, name="broken"), [batch_of(masks, masks, 0.5)])


def test_a_card_may_say_of_its_imaging_what_it_likes() -> None:
    masks = np.zeros((1, 32, 32), bool)
    model = model_of(Brightness(), pixel_size=0.5, imaging={"camera": "ours"})
    assert measure_segmenter(model, [batch_of(masks, masks, 0.5)])["paper_loss"] < 0.01

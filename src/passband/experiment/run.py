"""From a plan to its results: train and evaluate on its store. Each may be stopped; the same call continues."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import isnan, sqrt
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from passband.dataset.acquisition import Acquisition, Batch
from passband.dataset.imaging import Imaging
from passband.dataset.store import WaveStore
from passband.distribution import limits
from passband.documents import json_text
from passband.durable import write_atomically
from passband.experiment.plan import Plan
from passband.microscope.condition_set import ConditionSet
from passband.microscope.conditions import AnyConditions, validate_conditions
from passband.microscope.information import Metric, compare_information
from passband.progress import ProgressCallback
from passband.scores.overlap import overlap_scores
from passband.segmentation.card import ModelCard
from passband.segmentation.learner import SegmentationLearner
from passband.segmentation.losses import paper_loss
from passband.segmentation.model import Model, save_model
from passband.training import History, TrainingProgress, fit


class TrainedRun(NamedTuple):
    """Where a trained network is, and how it came about."""

    model: Path
    history: History
    epochs: int
    seconds: float


def splits(plan: Plan, store: WaveStore) -> dict[str, Sequence[int]]:
    """Structures to train, validate and test on."""
    parts = store.splits(validation=plan.split.validation, test=plan.split.test)
    return {name: [int(index) for index in indices] for name, indices in parts.items()}


class NamedSet:
    """Micrographs of some structures under one named condition: the same ones at every pass.

    Parameters
    ----------
    acquisition
        Makes them.
    count, at_most
        Micrographs in all, and in a batch at most.
    again
        Whether there will be another pass: batches are kept then, as far as the memory of the store allows.
    """

    def __init__(self, acquisition: Acquisition, count: int, *, at_most: int, again: bool = True) -> None:
        self.acquisition, self.count, self.again = acquisition, count, again
        self.size = max(size for size in range(1, min(at_most, count) + 1) if count % size == 0)
        self._kept: dict[int, Batch] = {}

    @property
    def identity(self) -> str:
        """Of the micrographs: everything that they depend on."""
        made = self.acquisition
        parts = (made.store.recipe.identity, made.imaging.identity, made.indices, made.seed, self.count)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches of equal size."""
        for step in range(self.count // self.size):
            kept = self._kept.get(step)
            yield self._made(step) if kept is None else replace(kept, masks=kept.masks.long())

    def _made(self, step: int) -> Batch:
        batch = self.acquisition.batch(step, self.size)
        if self.again:
            small = replace(batch, masks=batch.masks.to(torch.uint8))
            if self.acquisition.store.memory.reserve(self, small.images.nbytes + small.masks.nbytes):
                self._kept[step] = small
        return batch


def evaluation_seed(store: WaveStore, imaging: Imaging) -> int:
    """Seed of the micrographs of an evaluation: of its own, whatever else is evaluated and whoever was trained."""
    drawn = hashlib.sha256(f"{store.recipe.identity} {imaging.identity}".encode()).digest()
    return int.from_bytes(drawn[:6], "big")


def named_sets(
    plan: Plan, store: WaveStore, indices: Sequence[int], *, device: str = "cpu", again: bool = True
) -> dict[str, NamedSet]:
    """Return one set of micrographs per named condition of the plan, in its order.

    They depend on the condition and not on the other ones, so that one more changes no score of the others.
    """
    sets = {}
    for named in plan.validation:
        imaging = plan.imaging.model_copy(update={"conditions": named.conditions})
        seed = evaluation_seed(store, imaging)
        acquisition = Acquisition(store, imaging, indices=indices, seed=seed, in_turn=True, device=device)
        count = len(indices) * plan.patches_per_structure
        sets[named.name] = NamedSet(acquisition, count, at_most=plan.training.batch_size, again=again)
    return sets


def train_plan(
    plan: Plan, store: WaveStore, directory: Path, *, device: str = "cpu", progress: ProgressCallback | None = None
) -> TrainedRun:
    """Train the network of a plan on its store, and save it with its card in `directory/model`.

    Raises
    ------
    TrainingError
        The directory holds a run of another plan, or the training diverged.
    PassbandError
        The imaging does not fit the store.
    """
    parts = splits(plan, store)
    acquisition = Acquisition(store, plan.imaging, indices=parts["train"], seed=plan.training.seed, device=device)
    validation = named_sets(plan, store, parts["validation"], device=device)
    with torch.random.fork_rng():
        torch.manual_seed(plan.training.seed)
        learner = SegmentationLearner(plan.network.build(), plan.loss, seed=plan.training.seed)
    identities = [one.identity for one in (store.recipe, plan.imaging, plan.network, plan.loss, plan.split)]
    identities += _judges(plan, validation)
    history = fit(
        learner,
        acquisition.batch,
        validation,
        plan.training,
        directory,
        device=device,
        progress=_telling(progress),
        identity="-".join(identities),
        prefetch=True,
    )
    if progress is not None:
        progress(history.rows[-1]["step"], history.rows[-1]["step"], note=f"stopped by {history.stopped}")
    write_atomically(directory / "config.json", json_text(plan.model_dump(mode="json"), indent=1).encode())
    save_model(directory / "model", learner.network, _card(plan, history, device))
    return TrainedRun(directory / "model", history, int(history.rows[-1]["epoch"]), history.seconds)


def _judges(plan: Plan, sets: Mapping[str, NamedSet]) -> list[str]:
    """Identities of the sets that stop the training or choose its epoch; the others have no part in the weights."""
    if not plan.training.is_judged:
        return []
    return [one.identity for name, one in sets.items() if plan.training.monitor_set in (None, name)]


def _telling(progress: ProgressCallback | None) -> Callable[[TrainingProgress], None] | None:
    if progress is None:
        return None
    score = ""

    def tell(state: TrainingProgress) -> None:
        nonlocal score
        if state.scores:
            name, row = next(iter(state.scores.items()))
            score = f", Dice {row.get('dice', float('nan')):.3f} ({name})"
        progress(state.step, state.steps, note=f"epoch {state.epoch}/{state.epochs}, loss {state.loss:.3f}{score}")

    return tell


def _card(plan: Plan, history: History, device: str) -> ModelCard:
    last = history.best_epoch if plan.training.keep == "best" else history.rows[-1]["epoch"]
    low, high = limits(plan.imaging.pixel_size)
    scores = {
        str(row["set"]): {key: _known(row[key]) for key in ("dice", "iou", "paper_loss") if key in row}
        for row in history.rows
        if row["epoch"] == last
    }
    return ModelCard(
        name=plan.name,
        architecture=plan.network,
        pixel_size=sqrt(low * high),
        conditions=plan.imaging.conditions.model_dump(mode="json"),
        simulation=plan.simulation.model_dump(mode="json"),
        imaging=plan.imaging.model_dump(mode="json"),
        training={**plan.training.model_dump(mode="json"), "loss": plan.loss.model_dump(mode="json")},
        scores=scores,
        seed=plan.training.seed,
        cost={"seconds": round(history.seconds, 1), "device": device, "threads": torch.get_num_threads()},
        citation="arXiv:2512.09067",
        notes="Dice and IoU are of the validation structures, areas summed over all images of a named condition.",
    )


def _known(score: Any) -> float | None:
    """Return a score, or None where there is none, as the Dice of a set without particles in truth or prediction."""
    return None if score is None or isnan(score) else float(score)


def evaluate_model(
    model: Model, plan: Plan, store: WaveStore, *, device: str = "cpu", progress: ProgressCallback | None = None
) -> list[dict[str, Any]]:
    """Measure a network on the test structures of a plan; one row per named condition.

    Dice, IoU, boundary IoU, precision and recall are of the particles, per image and then averaged over images;
    `paper_loss` is the loss on the scale of arXiv 2512.09067. `sigma` and `delta_epsilon` compare the condition with
    the one on the model's card, up to the Nyquist frequency of the camera.
    """
    sets = named_sets(plan, store, splits(plan, store)["test"], device=device, again=False)
    rows = []
    for number, (name, micrographs) in enumerate(sets.items()):
        if progress is not None:
            progress(number, len(sets), note=name)
        rows.append({"condition": name, "images": micrographs.count, **_scores(model, micrographs)})
    if progress is not None:
        progress(len(sets), len(sets), note="")
    trained = trained_conditions(model, plan)
    information = information_rows(plan, trained)
    for named, row, columns in zip(plan.validation, rows, information, strict=True):
        row.update(columns, trained=named.conditions == trained)
    return rows


def trained_conditions(model: Model, plan: Plan) -> AnyConditions:
    """Conditions on the card of a model; those of the plan where the card has none."""
    given = model.card.conditions
    return validate_conditions(given) if given else plan.imaging.conditions


def _scores(model: Model, micrographs: NamedSet) -> dict[str, float]:
    predicted, truth, losses = [], [], []
    for batch in micrographs:
        for image, mask, row in zip(batch.images, batch.masks, batch.rows, strict=True):
            probabilities = torch.from_numpy(model.predict(image[0].cpu().numpy(), row["pixel_size"], overlap=64))
            losses.append(_paper_loss(probabilities, mask.cpu()))
            predicted.append(probabilities.argmax(0).numpy())
            truth.append(mask.cpu().numpy())
    scores = overlap_scores(np.stack(predicted), np.stack(truth), classes=2, average="images")
    return {**{name: float(scores[name][1]) for name in scores}, "paper_loss": float(np.mean(losses))}


def _paper_loss(probabilities: Tensor, mask: Tensor) -> float:
    return float(paper_loss(probabilities.clamp_min(1e-12).log()[None], mask[None]))


def information_rows(plan: Plan, trained: AnyConditions) -> list[dict[str, float]]:
    """ε of each named condition, and its σ and Δε to the trained one, up to the camera's Nyquist frequency."""
    metric = Metric(qmax=nyquist(plan))
    sets = [ConditionSet.drawn(named.conditions) for named in plan.validation]
    compared = compare_information([ConditionSet.drawn(trained)], sets, metric=metric)
    columns = zip(
        compared.epsilon_evaluation.tolist(),
        compared.sigma[0].tolist(),
        compared.delta_epsilon[0].tolist(),
        strict=True,
    )
    return [{"epsilon": e, "sigma": s, "delta_epsilon": d} for e, s, d in columns]


def nyquist(plan: Plan) -> float:
    """Largest spatial frequency in Å⁻¹ that the finest camera pixel of a plan records."""
    return 0.5 / limits(plan.imaging.pixel_size)[0]

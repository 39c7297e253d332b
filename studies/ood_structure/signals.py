"""What networks and micrographs say where structure or optics changed, beside the true loss, image by image.

For each network of a finished run: a reference from micrographs like its training (training structures), a temperature
and thresholds from validation structures, then loss, Dice and all signals of every micrograph that the run was
measured on. What is measured once is kept in the folder of the campaign, under the identities of run and settings.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn import functional as F

from passband.campaign.experiment_run import store_path
from passband.campaign.folder import STORES, TRAININGS
from passband.campaign.grid import CampaignPlan
from passband.campaign.trainings import model_folder, training_folder
from passband.dataset.acquisition import Acquisition
from passband.dataset.memory import Memory
from passband.dataset.store import WaveStore
from passband.durable import write_atomically
from passband.experiment.evaluation import EvaluationSet, evaluation_set
from passband.experiment.experiment import Experiment
from passband.forecast.observer import ObserverRecipe
from passband.forecast.pairs import ForecastRecipe, MicrographSet
from passband.forecast.tables import MEASURES, forecast_tables
from passband.performance.observation import (
    AugmentedPredictions,
    Observation,
    SignalReference,
    augmented_predictions,
    spectrum_profile,
    uncertainty_maps,
    uncertainty_signals,
)
from passband.performance.scoring import scores_of
from passband.performance.signals import signal_values
from passband.performance.subspace import Subspace
from passband.recipe import Recipe
from passband.segmentation.model import Model, load_model
from studies.ood_aberrations.pairs import untested

Array = NDArray[np.float64]
Rows = list[dict[str, Any]]

BINS = 15  # of the confidence
OWN = "own"  # the training's structures, in tables
FORECAST = ForecastRecipe(observer=ObserverRecipe(images=32))


class Measuring(Recipe):
    """How the signals are measured.

    Attributes
    ----------
    symmetries
        Of the square that a network looks at each micrograph under; 4 are the quarter turns, 2 the first of them.
    reference
        Micrographs of training structures that say what is usual.
    validation
        Micrographs of validation structures, for the temperature and the thresholds.
    features, rings
        Most directions of the two subspaces, as `passband calibrate` keeps.
    """

    symmetries: int = 2
    reference: int = 128
    validation: int = 80
    features: int = 24
    rings: int = 6


class LabelledMicrographs(NamedTuple):
    """Micrographs (n, y, x), their truth, and the spectrum profile of each (n, rings)."""

    images: NDArray[np.float32]
    masks: Tensor
    profiles: Array


def draw_micrographs(named: EvaluationSet) -> LabelledMicrographs:
    """Draw the micrographs of a set."""
    batches = list(named)
    images = torch.cat([batch.images for batch in batches])[:, 0].cpu().numpy()
    masks = torch.cat([batch.masks for batch in batches]).cpu()
    return LabelledMicrographs(images, masks, np.stack([spectrum_profile(image) for image in images]))


def defocus_nm(conditions: Any) -> float:
    """Nominal defocus of a condition that jitters about it, nm, underfocus positive."""
    return float(-conditions.aberrations["C10"].normal[0] / 10.0 + 0.0)


def fitted_temperature(logits: Tensor, masks: Tensor) -> float:
    """Divisor of logits (n, classes, y, x) that makes the truth (n, y, x) most likely (arXiv 1706.04599)."""

    def nats(log_temperature: float) -> float:
        return float(F.cross_entropy(logits / float(np.exp(log_temperature)), masks))

    return float(np.exp(minimize_scalar(nats, bounds=(-2.5, 2.5), method="bounded", options={"xatol": 1e-3}).x))


def confidence_counts(logits: Tensor, masks: Tensor, temperature: float = 1.0) -> Array:
    """Pixels, their summed confidence and how many are right (3, bins), by the probability of the class they are given.

    `logits` (n, classes, y, x), `masks` (n, y, x); the bins are even from 0 to 1.
    """
    confidence, predicted = (logits / temperature).softmax(dim=1).max(dim=1)
    place = (confidence * BINS).long().clamp(max=BINS - 1).flatten().numpy()
    right = (predicted == masks).flatten().numpy()
    sure = confidence.flatten().double().numpy()
    return np.stack(
        [np.bincount(place, weights=weights, minlength=BINS) for weights in (np.ones_like(sure), sure, right)]
    )


class ReferencedNetwork(NamedTuple):
    """A network, with what its signals are on micrographs like its training."""

    seed: int
    model: Model
    reference: SignalReference


def referenced_networks(
    experiment: Experiment, folder: Path, store: WaveStore, measuring: Measuring
) -> tuple[list[ReferencedNetwork], Rows]:
    """Networks of a training with their references, and the image rows of their validation micrographs."""
    splits = store.splits(validation=experiment.split.validation, test=experiment.split.test)
    seed = experiment.training.seed
    usual, held = (
        draw_micrographs(
            EvaluationSet(_drawn(experiment, store, splits[part], seed + offset, turn), count, again=False)
        )
        for part, offset, turn, count in (
            ("train", 3_000_017, False, measuring.reference),
            ("validation", 2_000_003, True, measuring.validation),
        )
    )
    found, predictions = [], []
    for number in experiment.seeds:
        model = load_model(model_folder(folder, number))
        seen = augmented_predictions(model, held.images, symmetries=measuring.symmetries)
        features = augmented_predictions(model, usual.images, symmetries=measuring.symmetries).features
        reference = SignalReference(
            temperature=fitted_temperature(seen.logits[0], held.masks),
            features=None if features is None else Subspace.fitted(features, most=measuring.features),
            spectrum=Subspace.fitted(usual.profiles, most=measuring.rings),
        )
        found.append(ReferencedNetwork(number, model, reference))
        predictions.append(seen)
    return found, image_rows(found, predictions, held)


def _drawn(
    experiment: Experiment, store: WaveStore, indices: NDArray[np.int64], seed: int, in_turn: bool
) -> Acquisition:
    return Acquisition(store, experiment.imaging, indices=indices.tolist(), seed=seed, in_turn=in_turn)


def image_rows(
    found: Sequence[ReferencedNetwork], predictions: Sequence[AugmentedPredictions], seen: LabelledMicrographs
) -> Rows:
    """Loss, Dice (NaN without particle in truth and prediction) and signals of every network on every micrograph."""
    scaled = [one.logits[0] / network.reference.temperature for network, one in zip(found, predictions, strict=True)]
    between = _uncertainty(torch.stack(scaled), 1.0)["disagreement"] if len(found) > 1 else None
    rows = []
    for network, one in zip(found, predictions, strict=True):
        uncertainty = _uncertainty(one.logits, network.reference.temperature)
        columns = signal_values(
            Observation(network.reference, uncertainty=uncertainty, features=one.features, profiles=seen.profiles)
        )
        if between is not None:
            columns["ensemble_disagreement"] = between
        for image, (logits, mask) in enumerate(zip(one.logits[0], seen.masks, strict=True)):
            scores = scores_of(logits, mask)
            dice = scores["both"] / scores["either"] if scores["either"] else float("nan")
            signals = {name: float(values[image]) for name, values in columns.items()}
            rows.append({"seed": network.seed, "image": image, "loss": scores["loss"], "dice": dice, **signals})
    return rows


def _uncertainty(logits: Tensor, temperature: float) -> dict[str, Array]:
    """Signals from logits (members, n, classes, y, x), each (n,)."""
    return uncertainty_signals(uncertainty_maps(logits, temperature), members=len(logits))


def reliability_rows(
    found: Sequence[ReferencedNetwork], predictions: Sequence[AugmentedPredictions], seen: LabelledMicrographs
) -> Rows:
    """Confidence histograms of every network on one set, before and after temperature scaling, as flat lists."""
    return [
        {
            "seed": network.seed,
            "temperature": network.reference.temperature,
            "plain": confidence_counts(one.logits[0], seen.masks).ravel().tolist(),
            "scaled": confidence_counts(one.logits[0], seen.masks, network.reference.temperature).ravel().tolist(),
        }
        for network, one in zip(found, predictions, strict=True)
    ]


def measure_run(experiment: Experiment, directory: Path, measuring: Measuring) -> tuple[Rows, Rows]:
    """Image rows and reliability rows of a finished run of the campaign in `directory`, measured or read.

    Rows hold `trained_nm`, `part` ("validation", or "test" for what the run was measured on), `structures`,
    `defocus_nm`, `seed`, and what `image_rows` and `reliability_rows` say.
    """
    kept = directory / "signals" / f"{experiment.identity}-{measuring.identity}"
    paths = kept / "images.parquet", kept / "reliability.parquet"
    if not all(path.exists() for path in paths):
        tables = _measured(experiment, directory, measuring)
        kept.mkdir(parents=True, exist_ok=True)
        for path, rows in zip(paths, tables, strict=True):
            write_atomically(path, _parquet(rows))
    images, reliability = (pq.read_table(path).to_pylist() for path in paths)
    return images, reliability


def _parquet(rows: Rows) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _measured(experiment: Experiment, directory: Path, measuring: Measuring) -> tuple[Rows, Rows]:
    stores = opened(experiment, directory)
    found, held = referenced_networks(
        experiment, training_folder(experiment, directory / TRAININGS), stores[""], measuring
    )
    trained = defocus_nm(experiment.imaging.conditions)
    about = {"trained_nm": trained, "part": "validation", "structures": OWN, "defocus_nm": trained}
    images, reliability = [about | row for row in held], []
    for evaluation in experiment.evaluations:
        seen = draw_micrographs(evaluation_set(experiment, evaluation, stores[evaluation.structures]))
        predictions = [augmented_predictions(one.model, seen.images, symmetries=measuring.symmetries) for one in found]
        about = {
            "trained_nm": trained,
            "part": "test",
            "structures": evaluation.structures or OWN,
            "defocus_nm": defocus_nm(evaluation.conditions),
        }
        images += [about | row for row in image_rows(found, predictions, seen)]
        reliability += [about | row for row in reliability_rows(found, predictions, seen)]
    return images, reliability


def opened(experiment: Experiment, directory: Path) -> dict[str, WaveStore]:
    """Exit waves of an experiment by name; "" is what its networks were trained on."""
    wanted = {"": experiment.simulation, **experiment.others}
    stores = stores_of(directory)
    memory = Memory()
    return {name: WaveStore.open(store_path(one, stores), memory=memory) for name, one in wanted.items()}


def stores_of(directory: Path) -> Path:
    """Folder of the exit waves: in that of the campaign, or beside it where several campaigns share them."""
    return directory / STORES if (directory / STORES).exists() else directory.parent / STORES


def forecasts(plan: CampaignPlan, directory: Path, recipe: ForecastRecipe = FORECAST) -> Rows:
    """Return what is known of every (training condition, data set) before any training (`forecast.tables`).

    Signed so that a larger value means more to doubt. Measures that look at micrographs are given training structures,
    and of the other stores those that no network is measured on, as far as there are enough.
    """
    key = hashlib.sha256(f"{plan.identity} {recipe.identity}".encode()).hexdigest()[:16]
    path = directory / "signals" / f"forecasts-{key}.parquet"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, _parquet(_forecast_rows(plan, directory, recipe)))
    # Rounded, for the same optics must be the same number whatever column of a table they stood in.
    rows = pq.read_table(path).to_pylist()
    return [{name: round(x, 8) if isinstance(x, float) else x for name, x in row.items()} for row in rows]


def _forecast_rows(plan: CampaignPlan, directory: Path, recipe: ForecastRecipe) -> Rows:
    experiments = plan.experiments()
    evaluations = {(one.structures, one.name): one for one in experiments[0].evaluations}
    stores = opened(experiments[0], directory)
    split = stores[""].splits(validation=plan.split.validation, test=plan.split.test)
    indices = {name: untested(len(store), plan.images) for name, store in stores.items()}
    indices[""] = tuple(int(index) for index in split["train"])
    trained = [MicrographSet(stores[""], one.imaging, indices[""]) for one in experiments]
    held = [
        MicrographSet(
            stores[one.structures],
            plan.imaging.model_copy(update={"conditions": one.conditions}),
            indices[one.structures],
        )
        for one in evaluations.values()
    ]
    tables = forecast_tables(trained, held, recipe)
    return [
        {
            "trained_nm": defocus_nm(experiment.imaging.conditions),
            "structures": one.structures or OWN,
            "defocus_nm": defocus_nm(one.conditions),
            **{name: float(MEASURES[name].direction * table[i, j]) for name, table in tables.items()},
        }
        for i, experiment in enumerate(experiments)
        for j, one in enumerate(evaluations.values())
    ]

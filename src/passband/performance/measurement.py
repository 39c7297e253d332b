"""Measuring a network under many conditions on structures that it never saw: how the table on its card is made.

It may be stopped: what is measured is kept in the folder by the identity of model, store and recipe, and the same call
goes on. The result does not depend on how often it was stopped.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from passband.dataset.acquisition import Acquisition, Imaging
from passband.dataset.physics import IMAGES
from passband.dataset.store import WaveStore
from passband.durable import remove_leftovers, write_atomically
from passband.microscope.conditions import ConditionDistribution, Conditions, validate_conditions
from passband.patches.resampling import resample, resample_to_pixel
from passband.patches.standardising import standardised
from passband.performance.distance import distance_rows, outside_of, setting_row
from passband.performance.error_model import with_kernels
from passband.performance.signals import (
    SignalReference,
    augmented_predictions,
    distances,
    spectrum_profile,
    uncertainty_signals,
    whole_side,
)
from passband.performance.subspace import Subspace
from passband.performance.table import MeasurementRecipe, PerformanceError, PerformanceTable, rounded
from passband.performance.widening import camera_pixels, draw_settings, widened
from passband.progress import ProgressCallback
from passband.segmentation.losses import paper_loss
from passband.segmentation.model import Model

Rows = list[dict[str, Any]]

PART = 10  # data sets that are measured and kept together
PILOT = (8, 6)  # data sets and images that the temperature is found on
FEATURES, RINGS = 24, 6  # directions of the two subspaces
KEPT_IMAGES = 3  # of each data set, whose signals go on the card
_SCHEMA = pa.schema(
    [("set", pa.int64()), *((name, pa.float64()) for name in ("loss", "both", "either", "entropy", "unsure_area"))]
    + [(name, pa.float64()) for name in ("expected_loss", "symmetry_disagreement")]
    + [(name, pa.list_(pa.float64())) for name in ("features", "profile")]
)


class ConditionSweep:
    """A network, unseen structures, and micrographs of them under any setting."""

    def __init__(self, model: Model, store: WaveStore, indices: Sequence[int], recipe: MeasurementRecipe) -> None:
        if not model.card.imaging or not model.card.conditions:
            raise PerformanceError(f"the card of {model.card.name} does not say how it was trained; train it again")
        self.model, self.store, self.indices, self.recipe = model, store, list(indices), recipe
        self.imaging = Imaging.model_validate({**model.card.imaging, "physics": IMAGES})  # measured as of now
        self.side = whole_side(self.imaging.patch, stride=model.card.architecture.stride)
        self.trained = validate_conditions(model.card.conditions)
        self._camera = Acquisition(store, self.imaging, indices=self.indices, seed=recipe.seed, device=model.device)
        self.wider = recipe.wider or widened(self.trained)

    @property
    def identity(self) -> str:
        """Of everything that a measurement depends on."""
        parts = (
            self.model.card.weights_sha256,
            self.store.recipe.identity,
            _identity_of(self.recipe.model_copy(update={"data_sets": 20})),  # more data sets only go on
            str(self.indices),
            str(IMAGES),
        )
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]

    def settings(self, count: int, *, seed: int | None = None) -> list[tuple[Conditions, float]]:
        """Draw settings and camera pixels in Å; the first of them do not depend on how many are asked for."""
        seed = self.recipe.seed if seed is None else seed
        drawn = draw_settings(self.trained, self.wider, count, seed=seed)
        finest = self.store.recipe.scene.field / self.store.recipe.stored_pixels
        coarsest = 1.25 * self.model.card.pixel_size
        pixels = [
            camera_pixels(
                self.imaging.pixel_size,
                np.random.default_rng(np.random.SeedSequence([seed, k, 1])),
                finest=finest,
                coarsest=coarsest,
            )
            for k in range(count)
        ]
        return list(zip(drawn, pixels, strict=True))

    def micrographs(
        self, conditions: Conditions, pixel_size: float, *, seed: int, count: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Images (n, y, x), standardised, and masks (n, y, x), both at the network's pixel size."""
        imaging = self.imaging.model_copy(
            update={
                "conditions": ConditionDistribution.exactly(conditions),
                "pixel_size": pixel_size,
                "patch": self._camera_side(pixel_size),
            }
        )
        drawing = Acquisition(self.store, imaging, indices=self.indices, seed=seed, device=self.model.device)
        images, masks = [], []
        for k in range(count):
            row = drawing.row(0, k, count)
            image, mask = self._camera.image_from_row(row)
            at_network = resample_to_pixel(image.cpu().numpy(), row["pixel_size"], self.model.card.pixel_size)
            truth = resample(mask.cpu().numpy(), (at_network.shape[0], at_network.shape[1])) > 0.5
            images.append(standardised(at_network[: self.side, : self.side]))
            masks.append(truth[: self.side, : self.side])
        return np.stack(images), np.stack(masks).astype(np.int64)

    def _camera_side(self, pixel_size: float) -> int:
        """Camera pixels that make a square of `side` network pixels, with some to spare."""
        field, stored = self.store.recipe.scene.field, self.store.recipe.stored_pixels
        pixels = min(round(field / pixel_size), stored)
        return min(int(np.ceil(1.01 * self.side * self.model.card.pixel_size * pixels / field)) + 1, pixels)

    def temperature(self) -> float:
        """Divisor of the logits that makes probabilities most likely on micrographs as trained (Guo et al. 2017)."""
        sets, images = PILOT
        settings = self.trained.sample(sets, np.random.default_rng(np.random.SeedSequence([self.recipe.seed, 2])))
        middle = float(np.sqrt(np.prod(_limits(self.imaging))))
        logits, masks = [], []
        for k, setting in enumerate(settings):
            seen, truth = self.micrographs(setting, middle, seed=self.recipe.seed + 7_000_003 + k, count=images)
            logits.append(augmented_predictions(self.model, seen, symmetries=1).logits[0])
            masks.append(torch.from_numpy(truth))
        together, truth_all = torch.cat(logits), torch.cat(masks)
        tried = np.geomspace(0.5, 4.0, 40)
        losses = [float(F.cross_entropy(together / float(t), truth_all)) for t in tried]
        return rounded(float(tried[int(np.argmin(losses))]))

    def measure(self, number: int, conditions: Conditions, pixel_size: float, temperature: float, seed: int) -> Rows:
        """Loss, overlap and what the network shows on every image of one data set."""
        images, masks = self.micrographs(conditions, pixel_size, seed=_seed_of(seed, number), count=self.recipe.images)
        logits = augmented_predictions(self.model, images, symmetries=1).logits[0]
        rows = [
            {"set": number, **scores_of(one, torch.from_numpy(mask))} for one, mask in zip(logits, masks, strict=True)
        ]
        for row, shown in zip(rows, self._shown(images[:KEPT_IMAGES], temperature), strict=False):
            row.update(shown)
        return rows

    def _shown(self, images: NDArray[np.float32], temperature: float) -> Rows:
        """Return what the network shows of itself on a few images, which takes eight looks at each."""
        seen = augmented_predictions(self.model, images)
        doubted = uncertainty_signals(seen.logits, temperature)
        features = seen.features if seen.features is not None else np.zeros((len(images), 0))
        return [
            {
                "entropy": doubted["entropy"][k],
                "unsure_area": doubted["unsure_area"][k],
                "expected_loss": doubted["expected_loss"][k],
                "symmetry_disagreement": doubted["disagreement"][k],
                "features": features[k].tolist(),
                "profile": spectrum_profile(image).tolist(),
            }
            for k, image in enumerate(images)
        ]


def _identity_of(recipe: MeasurementRecipe) -> str:
    """Identity under the name that the recipe had when the first parts were kept."""
    return hashlib.sha256(f"CalibrationRecipe:{recipe.to_json()}".encode()).hexdigest()[:16]


def _limits(imaging: Imaging) -> tuple[float, float]:
    from passband.distribution import limits

    return limits(imaging.pixel_size)


def _seed_of(seed: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, number, 3]).generate_state(1, np.uint64)[0] >> np.uint64(2))


def scores_of(logits: Tensor, mask: Tensor) -> dict[str, float]:
    """Loss on the scale of the paper, twice the shared area and the sum of both areas of one image."""
    found, truth = logits.argmax(dim=0) > 0, mask > 0
    return {
        "loss": float(paper_loss(logits[None], mask[None])),
        "both": 2.0 * float((found & truth).sum()),
        "either": float(found.sum() + truth.sum()),
    }


def measure_performance(
    model: Model,
    store: WaveStore,
    indices: Sequence[int],
    recipe: MeasurementRecipe,
    *,
    folder: Path,
    progress: ProgressCallback | None = None,
) -> PerformanceTable:
    """Measure a network under many conditions and return the table for its card.

    Parameters
    ----------
    model
        With a card that says how it was trained.
    store, indices
        Exit waves, and the structures of it that the network never saw.
    recipe
        How much, and of what.
    folder
        Where finished parts are kept, so that a stopped measurement goes on.
    progress
        Called with data sets done, data sets in all and a note.

    Raises
    ------
    PerformanceError
        The card says nothing about the training, or the folder cannot be written.
    PassbandError
        The store does not fit the card's imaging.
    """
    sweep = ConditionSweep(model, store, indices, recipe)
    settings = sweep.settings(recipe.data_sets)
    parts = folder / "parts" / sweep.identity
    remove_leftovers(parts)
    temperature = sweep.temperature()
    rows: Rows = []
    for first in range(0, len(settings), PART):
        numbers = range(first, min(first + PART, len(settings)))
        path = parts / f"{first:06d}-{len(numbers):02d}.parquet"
        if not path.exists():
            made: Rows = []
            for number in numbers:
                made += sweep.measure(number, *settings[number], temperature, recipe.seed)
            parts.mkdir(parents=True, exist_ok=True)
            write_atomically(path, _parquet(made), error=PerformanceError)
        rows += pq.read_table(path).to_pylist()
        if progress is not None:
            progress(numbers.stop, len(settings), note="")
    return with_kernels(table_of(sweep, settings, rows, temperature))


def _parquet(rows: Rows) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def table_of(
    sweep: ConditionSweep, settings: Sequence[tuple[Conditions, float]], rows: Rows, temperature: float
) -> PerformanceTable:
    """Table of the measured images."""
    sets = set_rows(sweep, settings, rows)
    kept = [row for row in rows if row["profile"] is not None]
    inside = [bool(sets[row["set"]]["inside"]) for row in kept]
    reference = _reference([row for row, one in zip(kept, inside, strict=True) if one], temperature)
    images = _image_rows(kept, reference)
    return PerformanceTable(
        recipe=sweep.recipe,
        store=sweep.store.recipe.identity,
        structures=len(sweep.indices),
        patch=sweep.side,
        sets=_columns(sets),
        images=_columns(images),
        reference=reference,
    )


def set_rows(sweep: ConditionSweep, settings: Sequence[tuple[Conditions, float]], rows: Rows) -> Rows:
    """One row per data set: its conditions, its distances to the training, and the scores there."""
    conditions = [one for one, _ in settings]
    distant = distance_rows(conditions, sweep.trained, pixel_size=sweep.model.card.pixel_size)
    by_set: dict[int, Rows] = {}
    for row in rows:
        by_set.setdefault(row["set"], []).append(row)
    sets = []
    for number, ((one, pixel_size), far) in enumerate(zip(settings, distant, strict=True)):
        plain = setting_row(one, pixel_size)
        inside = float(not outside_of(plain, sweep.trained))
        sets.append({**plain, **far, "inside": inside, **_set_scores(by_set[number])})
    return sets


def _set_scores(rows: Rows) -> dict[str, float]:
    losses = np.array([row["loss"] for row in rows])
    both, either = (np.array([row[name] for row in rows]) for name in ("both", "either"))
    seen = either > 0
    single = both[seen] / either[seen] if seen.any() else np.ones(1)
    return {
        "loss": float(losses.mean()),
        "loss_spread": float(losses.std()),
        "dice": float(both.sum() / either.sum()) if seen.any() else 1.0,
        "dice_spread": float(single.std()),
    }


def _reference(rows: Rows, temperature: float) -> SignalReference:
    if len(rows) < 3:
        raise PerformanceError("fewer than 3 images are inside the training's conditions; measure more data sets")
    features, profiles = (np.array([row[name] for row in rows]) for name in ("features", "profile"))
    return SignalReference(
        temperature=temperature,
        features=Subspace.fitted(features, most=FEATURES) if features.shape[1] else None,
        spectrum=Subspace.fitted(profiles, most=RINGS),
    )


def _image_rows(rows: Rows, reference: SignalReference) -> Rows:
    features = np.array([row["features"] for row in rows])
    far = distances(features if features.shape[1] else None, np.array([row["profile"] for row in rows]), reference)
    names = ("set", "loss", "entropy", "unsure_area", "expected_loss", "symmetry_disagreement")
    return [
        {name: row[name] for name in names}
        | {"dice": row["both"] / row["either"] if row["either"] else -1.0}
        | {name: float(values[k]) for name, values in far.items()}
        for k, row in enumerate(rows)
    ]


def _columns(rows: Rows) -> dict[str, tuple[float, ...]]:
    return {name: tuple(rounded(float(row[name])) for row in rows) for name in rows[0]}

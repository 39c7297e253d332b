"""From a folder of micrographs to a generator: trained, scored and pictured on the way, and asked whether it copies."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from passband.durable import write_atomically
from passband.figures.generation import generation_figure, grey_levels, picture_png, sheet
from passband.figures.style import to_png
from passband.generation.crops import NORMALISATION, Images, TrainingCrops
from passband.generation.image_model import ImageModel
from passband.generation.image_training import ImageTraining, train_generator
from passband.generation.near_copies import NearCopies, near_copies
from passband.locking import exclusive
from passband.recipe import PassbandError
from passband.scores.extractors import find_extractor
from passband.scores.image_stack import normalised
from passband.scores.realism_score import FEWEST, score_of
from passband.training import FitOptions, TrainingProgress
from passband.training.history import read_history

SHOWN = 16  # samples of a picture
FEW = 50  # crops: fewer are warned of
EXAMINED = 64  # samples that are compared with the training images
REFERENCE = 1000  # training images that as many samples are scored against, at most
ENDS = (-1.0, 1.0)  # of the scale of crops: black and white


@dataclass(frozen=True)
class TrainedGenerator:
    """A trained generator, what it copies, and what a person should know."""

    model: ImageModel
    copies: NearCopies
    warnings: tuple[str, ...]


def reference(crops: TrainingCrops) -> int:
    """Return how many training images are compared with as many samples: all of them, or 1,000."""
    return min(REFERENCE, len(crops.images))


class Watch:
    """Scores samples as a training runs, and draws them and the course of the training after each checkpoint.

    Parameters
    ----------
    crops
        What is trained on.
    directory
        Of the training: `samples/kimg_….png` and `curves.png` are written there.
    extractor
        Of the features that scores compare, by its name.
    told
        Called after steps.
    """

    def __init__(
        self,
        crops: TrainingCrops,
        directory: Path,
        extractor: str,
        told: Callable[[TrainingProgress], None] | None = None,
    ) -> None:
        self.crops, self.directory, self.extractor, self.told = crops, directory, extractor, told
        count = reference(crops)
        chosen = np.linspace(0, len(crops.images) - 1, count).round().astype(np.int64)
        self._score = score_of(crops.images[chosen], extractor) if count >= FEWEST else None
        self._drawn: Images = np.zeros((0, 1, 1), np.float32)

    def score(self, fakes: Tensor) -> dict[str, float]:
        """Return `frechet` and `recall` of images in the units of the crops; nothing where crops are too few."""
        images = self.crops.scaled(fakes[:, 0].cpu().numpy())
        self._drawn = images[:SHOWN]
        if self._score is None:
            return {}
        found = self._score(images)
        return {name: found[f"{name}_{self.extractor}"] for name in ("frechet", "recall")}

    def progress(self, done: TrainingProgress) -> None:
        """Draw what was scored, when it was."""
        if self.told is not None:
            self.told(done)
        if done.scores:
            (row,) = done.scores.values()
            grey = grey_levels(self._drawn, *ENDS)
            name = f"kimg_{row['kimg']:09.3f}.png"
            write_atomically(self.directory / "samples" / name, picture_png(sheet(grey, 4)))
            self._draw_curves([*self._earlier(row["kimg"]), row])

    def _earlier(self, kimg: float) -> list[dict[str, Any]]:
        history = self.directory / "history.parquet"
        return [row for row in read_history(history) if row["kimg"] < kimg] if history.exists() else []

    def _draw_curves(self, rows: list[Mapping[str, Any]]) -> None:
        write_atomically(self.directory / "curves.png", to_png(generation_figure(rows)))


def train_on_crops(
    crops: TrainingCrops,
    recipe: ImageTraining,
    directory: Path,
    *,
    extractor: str = "textures",
    device: str = "cpu",
    told: Callable[[TrainingProgress], None] | None = None,
) -> TrainedGenerator:
    """Train a generator, or continue a training that was interrupted: it is the same call.

    Beside what `train_generator` keeps, pictures of samples and of the course are drawn as it goes, and at the end
    `near_copies.png`: pairs of a sample and the training image that is nearest to it.

    Parameters
    ----------
    crops
        As `read_crops` returns them.
    recipe
        Of the training.
    directory
        Of the results.
    extractor
        Of the features that scores and copies are judged by.
    device
        Where to compute.
    told
        Called after steps.

    Raises
    ------
    PassbandError
        Another process trains in the directory, or as `train_generator`.
    """
    watch = Watch(crops, directory, extractor, told)
    options = FitOptions(device=device, progress=watch.progress)
    directory.mkdir(parents=True, exist_ok=True)
    with exclusive(directory) as ours:
        if not ours:
            raise PassbandError(f"another process trains in {directory}; wait for it, or use another folder")
        model = train_generator(
            crops.in_units(), recipe, directory, pixel_size=crops.pixel_size, score=watch.score, options=options
        )
        samples = crops.scaled(model.sample(EXAMINED, seed=recipe.seed))
        copies = near_copies(samples, crops, features=_features(extractor), device=device)
        write_atomically(directory / "near_copies.png", _pairs(samples, crops.images, copies))
        card = model.card.model_copy(update={"near_copies": copies.share, "normalisation": NORMALISATION})
        kept = ImageModel(model.network, card).save(directory)
    return TrainedGenerator(kept, copies, _warnings(copies, crops))


def _features(extractor: str) -> Callable[[Tensor], Tensor]:
    known = find_extractor(extractor)

    def features(images: Tensor) -> Tensor:
        array = images[:, 0].cpu().numpy()
        return torch.from_numpy(known.features(normalised(array, "each", array))).to(images.device)

    return features


def _pairs(samples: Images, training: Images, copies: NearCopies) -> bytes:
    """Draw the samples that are nearest to a training image, each beside it."""
    chosen = np.argsort(-copies.correlation, kind="stable")[:SHOWN]
    pairs = np.stack([samples[chosen], training[copies.nearest[chosen]]], axis=1)
    return picture_png(sheet(grey_levels(pairs.reshape(-1, *samples.shape[1:]), *ENDS), 8))


def _warnings(copies: NearCopies, crops: TrainingCrops) -> tuple[str, ...]:
    found = []
    if len(crops.images) < FEW:
        found.append(f"{len(crops.images)} crops are few; 200 or more make a generator that draws something new")
    if not isfinite(copies.most):
        found.append("no two training images show different places, so copies cannot be told from likeness")
    return (*found, copies.warning) if copies.warning else tuple(found)

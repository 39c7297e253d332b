"""Measuring networks on named conditions: the one evaluation of studies, campaigns and trainings.

Micrographs of an evaluation are patches as the network was trained on, seen whole. Their seed is that of the exit
waves and the conditions, so everybody who evaluates on a condition sees the same ones. `segmentation.tally` says what
the scores are; see `docs/decisions/0019-one-evaluation.md`.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn.functional import one_hot

from passband.dataset.acquisition import Acquisition, Batch
from passband.dataset.beam_path import ImagingRecipe
from passband.dataset.beam_paths import imaging_on_card
from passband.dataset.store import WaveStore
from passband.distribution import limits
from passband.experiment.experiment import MONITORED, Evaluation, Experiment
from passband.scores.overlap import overlap_scores
from passband.segmentation.learner import SegmentationLearner
from passband.segmentation.losses import LossRecipe
from passband.segmentation.model import Model
from passband.segmentation.segmenter import Segmenter
from passband.segmentation.tally import Tally, slices, tally_networks
from passband.segmentation.weights import ModelError

BATCH = 16  # micrographs that are made and seen together, at most
SMALLEST_PROBABILITY = 1e-12  # whose logarithm is taken for 0
SAME_PIXEL = 0.01  # of a pixel: a smaller difference is not resampled, here and in `patches.resampling`
OWN_SEED = 1_000_003  # added to the seed of a training for the micrographs of its own validation


class EvaluationSet:
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

    def __init__(self, acquisition: Acquisition, count: int, *, at_most: int = BATCH, again: bool = True) -> None:
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


def structures(experiment: Experiment, store: WaveStore, part: str) -> list[int]:
    """Structures of a part of the split; of a store that no network was trained on, all."""
    if store.recipe != experiment.simulation:
        return list(range(len(store)))
    parts = store.splits(validation=experiment.split.validation, test=experiment.split.test)
    return [int(index) for index in parts[part]]


def evaluation_imaging(experiment: Experiment, evaluation: Evaluation) -> ImagingRecipe:
    """How the micrographs of an evaluation are taken: as in training but for conditions and camera, a patch a field."""
    imaging = experiment.imaging.under(evaluation.conditions, evaluation.camera)
    return imaging.model_copy(update={"patches_per_field": 1})


def evaluation_seed(store: WaveStore, imaging: ImagingRecipe) -> int:
    """Seed of the micrographs of an evaluation; it follows from the exit waves and the imaging alone."""
    drawn = hashlib.sha256(f"{store.recipe.identity} {imaging.identity}".encode()).digest()
    return int.from_bytes(drawn[:6], "big")


def evaluation_set(
    experiment: Experiment, evaluation: Evaluation, store: WaveStore, *, device: str = "cpu", again: bool = False
) -> EvaluationSet:
    """Return the micrographs of an evaluation: the same ones for every experiment that measures on it.

    They are of the structures of the test split; `again` is that of `EvaluationSet`.
    """
    acquisition = _acquisition(experiment, evaluation, store, "test", device)
    return EvaluationSet(acquisition, experiment.images, again=again)


def validation_sets(experiment: Experiment, store: WaveStore, *, device: str = "cpu") -> dict[str, EvaluationSet]:
    """Return the micrographs that are measured while the networks learn, by name.

    A set depends on its condition and not on the others, so that one more changes no score of theirs. Where the
    experiment names none, it is the training's own condition, drawn with a seed of the training's own.
    """
    count = experiment.images_of_validation
    if experiment.validation:
        made = {one.name: _acquisition(experiment, one, store, "validation", device) for one in experiment.validation}
    else:
        indices, seed = structures(experiment, store, "validation"), experiment.training.seed + OWN_SEED
        own = Acquisition(store, experiment.imaging, indices=indices, seed=seed, in_turn=True, device=device)
        made = {MONITORED: own}
    return {name: EvaluationSet(acquisition, count) for name, acquisition in made.items()}


def _acquisition(
    experiment: Experiment, evaluation: Evaluation, store: WaveStore, part: str, device: str
) -> Acquisition:
    imaging = evaluation_imaging(experiment, evaluation)
    seed = evaluation_seed(store, imaging)
    indices = structures(experiment, store, part)
    return Acquisition(store, imaging, indices=indices, seed=seed, in_turn=True, device=device)


@torch.no_grad()
def measure_networks(learner: SegmentationLearner, micrographs: EvaluationSet, *, name: str) -> list[dict[str, float]]:
    """Return `Tally.scores` of each network of a learner on the same micrographs; `name` is that of the set."""
    learner.train(False)
    device = next(learner.parameters()).device
    tallies = tally_networks(learner.networks, micrographs, learner.recipe, device=device, name=name)
    return [tally.scores() for tally in tallies]


@torch.no_grad()
def measure_segmenter(segmenter: Segmenter, micrographs: Iterable[Batch]) -> dict[str, float]:
    """Measure a network of any origin, or anything else that labels the pixels of an image.

    Returns
    -------
    dict
        `dice`, `iou`, `precision`, `recall` and `paper_loss` as in `Tally`; `dice_per_image` and the other entries of
        `scores.overlap.SCORES`, such as `boundary_iou`, as means over images.

    Raises
    ------
    ModelError
        A network gives NaN.
    """
    tally, predicted, truth = Tally(LossRecipe()), list[Tensor](), list[Tensor]()
    for batch in micrographs:
        logits = _logits(segmenter, batch)
        masks = batch.masks.to(logits.device)
        tally.add(logits, masks)
        predicted.append(logits.argmax(1).to("cpu", torch.int16))
        truth.append(masks.to("cpu", torch.int16))
    pixels = [torch.cat(parts).numpy() for parts in (predicted, truth)]
    each = overlap_scores(*pixels, classes=logits.shape[1], average="images")
    per_image = {name: _foreground(each[name]) for name in each}
    losses = {"paper_loss": tally.scores()["paper_loss"], "dice_per_image": per_image["dice"]}
    return per_image | tally.overlaps() | losses


def _foreground(per_class: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> float:
    """Mean over the classes but the background that have a score."""
    known = per_class[1:][~np.isnan(per_class[1:])]
    return float(known.mean()) if known.size else float("nan")


def _logits(segmenter: Segmenter, batch: Batch) -> Tensor:
    """Logits (n, classes, y, x) of patches that a network sees as they are, else logarithms of probabilities."""
    sizes: Sequence[float] = [row["pixel_size"] for row in batch.rows]
    images = [image.squeeze(0) for image in batch.images]  # (y, x), or (channels, y, x) of several
    if not isinstance(segmenter, Model):
        seen = [_probabilities(segmenter, image, size) for image, size in zip(images, sizes, strict=True)]
        return torch.stack(seen).clamp_min(SMALLEST_PROBABILITY).log()
    finest, coarsest = _trained_pixels(segmenter)
    if min(sizes) >= finest * (1.0 - SAME_PIXEL) and max(sizes) <= coarsest * (1.0 + SAME_PIXEL):
        stack = batch.images.to(segmenter.device).contiguous(memory_format=torch.channels_last)
        logits = torch.cat([segmenter.network(stack[part]) for part in slices(stack)])
        if not torch.isfinite(logits).all():
            raise ModelError(f"the network {segmenter.card.name} gives NaN on these micrographs; train anew")
        return logits
    seen = [_resampled(segmenter, image, size) for image, size in zip(images, sizes, strict=True)]
    return torch.stack(seen).clamp_min(SMALLEST_PROBABILITY).log()


def _probabilities(segmenter: Segmenter, image: Tensor, pixel_size: float) -> Tensor:
    """Probabilities (classes, y, x) of one image; 0 and 1 where the method knows none."""
    found = segmenter.segment(image.cpu().numpy(), pixel_size)
    if found.probabilities is not None:
        return torch.from_numpy(found.probabilities)
    labels = torch.from_numpy(found.labels.astype(np.int64))
    return one_hot(labels, len(found.classes)).movedim(-1, 0).float()


def _trained_pixels(model: Model) -> tuple[float, float]:
    """Finest and coarsest pixel, in Å, that a network was trained on."""
    try:
        return limits(imaging_on_card(model.card.imaging).pixel_size)
    except ValidationError:  # a card says of its imaging what it likes, or nothing
        return model.card.pixel_size, model.card.pixel_size


def _resampled(model: Model, image: Tensor, pixel_size: float) -> Tensor:
    """Probabilities (classes, y, x) of one image that is resampled to the network's pixel and seen whole there."""
    side = max(image.shape) * pixel_size / model.card.pixel_size
    patch = model.tile_step * (int(side) // model.tile_step + 2)
    return torch.from_numpy(model.predict(image.cpu().numpy(), pixel_size, patch=patch, overlap=0))

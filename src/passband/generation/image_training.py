"""Training of any generator on crops of micrographs."""

from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path

import torch
from numpy.typing import ArrayLike
from pydantic import Field

from passband.generation.architecture import ImageGenerator
from passband.generation.image_batches import ImageBatches, checked_crops, fingerprint_of, value_range
from passband.generation.image_learner import ImageLearner, Score, Scoring
from passband.generation.image_model import ImageCard, ImageModel
from passband.recipe import Recipe
from passband.training import FitOptions, TrainingRecipe, fit

SCORED = "generated"  # name of the set in the history


class ImageTraining(Recipe, ABC):
    """A training of a generator of images: its network, and how long.

    Attributes
    ----------
    network
        Recipe of the networks, the size of images in it.
    kimg
        Length, thousands of real images shown, to the nearest checkpoint; more may be given later to go on.
    batch_size
        Images of a step.
    learning_rate
        Of Adam.
    every_kimg
        A checkpoint is kept, and the history has a row, after so many thousands of images, at the end of a training
        that is shorter.
    scored
        Generated images that are scored then.
    seed
        Of the random start, the order of the images, latents and augmentations.
    """

    network: ImageGenerator
    kimg: float = Field(default=100.0, gt=0.0)
    batch_size: int = Field(default=16, ge=2, le=4096)
    learning_rate: float = Field(default=0.0025, gt=0.0)
    every_kimg: float = Field(default=4.0, gt=0.0)
    scored: int = Field(default=1000, ge=4)
    seed: int = Field(default=0, ge=0, lt=2**31)

    @abstractmethod
    def learner(self) -> ImageLearner:
        """Build the players; their random start comes from torch's global generator."""

    def protocol(self) -> TrainingRecipe:
        """Return the protocol of the loop; an epoch is `every_kimg`."""
        steps = max(1, round(1000.0 * min(self.every_kimg, self.kimg) / self.batch_size))
        return TrainingRecipe(
            epochs=max(1, round(1000.0 * self.kimg / self.batch_size / steps)),
            steps_per_epoch=steps,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            schedule="constant",
            seed=self.seed,
        )


def train_generator(
    images: ArrayLike,
    recipe: ImageTraining,
    directory: str | Path,
    *,
    pixel_size: float | None = None,
    score: Score | None = None,
    options: FitOptions | None = None,
) -> ImageModel:
    """Train a generator on crops, or continue a training that was interrupted: it is the same call.

    On a CPU with the same number of threads, a killed and resumed training ends with the same bits; so does one that is
    given more `kimg` later. `history.parquet` has a row for every `every_kimg` with `kimg`, `p`, `r_t`, `frechet`,
    `recall` (NaN without a score), and a column `loss_…` for each turn of the players.

    Parameters
    ----------
    images
        (n, size, size), or with a channel of 1, of any units; two or more that are not all alike.
    recipe
        Networks and length, `StyleGAN2Training` or `DCGANTraining`.
    directory
        Checkpoints, history, and at the end weights and card are kept here.
    pixel_size
        Of the crops, Å; kept on the card.
    score
        `score(fakes)` is given generated images, (recipe.scored, 1, size, size) in the units of `images`, on the device
        of the training, and returns `frechet`, `recall` and whatever else the history is to tell.
    options
        Device (`device`) and progress (`progress`, called after steps). Their `identity` is added to that of the run:
        give it what the score depends on.

    Returns
    -------
    ImageModel
        The generator with its card, as `load_generator(directory)` reads it.

    Raises
    ------
    PassbandError
        Images are of another shape, fewer than two, all alike, or hold NaN.
    TrainingError
        The directory holds another training, or a loss is not finite: the checkpoint before it stays.
    """
    options = options or FitOptions()
    crops = checked_crops(images, recipe.network.size)
    offset, gain = value_range(crops)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        learner = recipe.learner()
    learner.scoring = Scoring(score, recipe.scored, offset, gain)
    # what may differ in a training that is taken up again: its length, and what is measured on the way
    identity = recipe.model_copy(update={"kimg": 1.0, "scored": 4}).identity
    history = fit(
        learner,
        ImageBatches((crops - offset) / gain, recipe.seed),
        {SCORED: ()},
        recipe.protocol(),
        directory,
        replace(options, identity=f"{identity}:{fingerprint_of(crops)}:{options.identity}"),
    )
    card = ImageCard(
        network=recipe.network,
        offset=offset,
        gain=gain,
        pixel_size=pixel_size,
        training=recipe.model_dump(mode="json"),
        images=len(crops),
        kimg=float(learner.seen) / 1000.0,
        p=learner.p,
        seconds=history.seconds,
    )
    generator = recipe.network.build()
    generator.load_state_dict(learner.kept())
    return ImageModel(generator.to(learner.seen.device), card).save(directory)

"""Training of StyleGAN2 on crops of micrographs."""

import hashlib
from dataclasses import replace
from math import ceil
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from torch import Tensor

from passband.generation.ada import AdaptiveAugmentation
from passband.generation.stylegan2 import StyleGAN2
from passband.generation.stylegan2_learner import Score, StyleGAN2Learner, StyleGAN2Losses
from passband.generation.stylegan2_model import StyleGAN2Card, StyleGAN2Model
from passband.recipe import PassbandError, Recipe
from passband.training import FitOptions, TrainingRecipe, fit

SCORED = "generated"  # name of the set in the history
PROBED = 2**24  # pixels that the range of values is read from


class StyleGAN2Training(Recipe):
    """A training of StyleGAN2: networks, losses, augmentation, and how long.

    Attributes
    ----------
    network
        Recipe of the networks, the size of images in it.
    losses
        Weights of the losses and their regularisation.
    augmentation
        None trains without, on thousands of images.
    kimg
        Length, thousands of real images shown; more may be given later to go on.
    batch_size
        Images of a step.
    learning_rate
        Of Adam, 0.0025 in the paper.
    every_kimg
        A checkpoint is kept, and the history has a row, after so many thousands of images.
    scored
        Generated images that are scored then.
    seed
        Of the random start, the order of the images, latents and augmentations.
    """

    network: StyleGAN2 = StyleGAN2()
    losses: StyleGAN2Losses = StyleGAN2Losses()
    augmentation: AdaptiveAugmentation | None = AdaptiveAugmentation()
    kimg: float = Field(default=100.0, gt=0.0)
    batch_size: int = Field(default=16, ge=2, le=4096)
    learning_rate: float = Field(default=0.0025, gt=0.0)
    every_kimg: float = Field(default=4.0, gt=0.0)
    scored: int = Field(default=1000, ge=2)
    seed: int = Field(default=0, ge=0, lt=2**31)

    def protocol(self) -> TrainingRecipe:
        """Return the protocol of the loop; an epoch is `every_kimg`."""
        steps = max(1, round(1000.0 * self.every_kimg / self.batch_size))
        return TrainingRecipe(
            epochs=ceil(1000.0 * self.kimg / self.batch_size / steps),
            steps_per_epoch=steps,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            schedule="constant",
            seed=self.seed,
        )


def train_stylegan2(
    images: ArrayLike,
    recipe: StyleGAN2Training,
    directory: str | Path,
    *,
    pixel_size: float | None = None,
    score: Score | None = None,
    options: FitOptions | None = None,
) -> StyleGAN2Model:
    """Train StyleGAN2 on crops, or continue a training that was interrupted: it is the same call.

    On a CPU with the same number of threads, a killed and resumed training ends with the same bits; so does one that is
    given more `kimg` later. `history.parquet` has a row for every `every_kimg` with `kimg`, `p`, `r_t`, `frechet`,
    `recall` (NaN without a score), `path_length` and the losses `loss_generator`, `loss_path_length`,
    `loss_discriminator`, `loss_r1`.

    Parameters
    ----------
    images
        (n, size, size), or with a channel of 1, of any units; two or more that are not all alike.
    recipe
        Networks, losses, augmentation and length.
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
    StyleGAN2Model
        The average generator with its card, as `load_stylegan2(directory)` reads it.

    Raises
    ------
    PassbandError
        Images are of another shape, fewer than two, all alike, or hold NaN.
    TrainingError
        The directory holds another training, or a loss is not finite: the checkpoint before it stays.
    """
    options = options or FitOptions()
    crops = _checked(images, recipe.network.size)
    offset, gain = _range(crops)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        learner = StyleGAN2Learner(
            recipe.network, recipe.losses, recipe.augmentation, batch=recipe.batch_size, seed=recipe.seed
        )
    learner.to_units = lambda fakes: fakes * gain + offset
    learner.scoring = None if score is None else (score, recipe.scored)
    # what may differ in a training that is taken up again: its length, and what is measured on the way
    identity = recipe.model_copy(update={"kimg": 1.0, "scored": 2}).identity
    history = fit(
        learner,
        _Crops((crops - offset) / gain, recipe.seed),
        {SCORED: ()},
        recipe.protocol(),
        directory,
        replace(options, identity=f"{identity}:{_fingerprint(crops)}:{options.identity}"),
    )
    card = StyleGAN2Card(
        network=recipe.network,
        offset=offset,
        gain=gain,
        pixel_size=pixel_size,
        training=recipe.model_dump(mode="json"),
        images=len(crops),
        kimg=float(learner.seen) / 1000.0,
        p=learner.control.p,
        seconds=history.seconds,
    )
    generator = recipe.network.build()
    generator.load_state_dict(learner.average.state_dict())
    return StyleGAN2Model(generator.to(learner.path_mean.device), card).save(directory)


class _Crops:
    """Batches of crops, each of which is shown as often as the others, in an order that the seed gives."""

    def __init__(self, images: NDArray[np.float32], seed: int) -> None:
        self.images, self.seed = images, seed

    def __call__(self, step: int, size: int) -> Tensor:
        """Return the batch of a step, (size, 1, side, side)."""
        rounds, places = np.divmod(np.arange(step * size, (step + 1) * size), len(self.images))
        numbers = np.empty(size, dtype=np.int64)
        for one in np.unique(rounds):
            here = rounds == one
            numbers[here] = np.random.default_rng([self.seed, one]).permutation(len(self.images))[places[here]]
        return torch.from_numpy(self.images[numbers][:, None])


def _checked(images: ArrayLike, size: int) -> NDArray[np.float32]:
    """Crops as (n, size, size), float32."""
    array = np.asarray(images)
    if array.ndim == 4 and 1 in (array.shape[1], array.shape[3]):
        array = array[:, 0] if array.shape[1] == 1 else array[..., 0]
    if array.ndim != 3 or array.shape[1:] != (size, size):
        raise PassbandError(
            f"crops of shape {np.shape(images)} must be (n, {size}, {size}) of one channel; cut them of that size"
        )
    if len(array) < 2:
        raise PassbandError(f"{len(array)} crops are too few to learn from; give 2, better 200 or more")
    array = array.astype(np.float32)
    if (bad := np.flatnonzero(~np.isfinite(array).all((1, 2)))).size:
        raise PassbandError(f"crop {bad[0]} holds NaN or infinity; mend the image, or leave it out")
    return array


def _range(crops: NDArray[np.float32]) -> tuple[float, float]:
    """Middle and half of the range of 99.8 % of the values, so that images are about −1 to 1 for the networks."""
    every = max(1, crops.size // PROBED)
    low, high = map(float, np.quantile(crops.reshape(-1)[::every].astype(np.float64), (0.001, 0.999)))
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        low, high = float(crops.min()), float(crops.max())
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        raise PassbandError(f"all crops have the value {low:g}; nothing varies that could be learnt")
    return 0.5 * (low + high), 0.5 * (high - low)


def _fingerprint(crops: NDArray[np.float32]) -> str:
    return hashlib.sha256(np.ascontiguousarray(crops).tobytes()).hexdigest()[:16]

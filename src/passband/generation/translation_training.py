"""Training of a translation between simulated and real micrographs, with pictures of it as it goes."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from passband.durable import write_atomically
from passband.generation.alarms import AlarmLimits
from passband.generation.contrastive import OneWayLearner
from passband.generation.cyclegan import CycleLearner
from passband.generation.paired_crops import PairedCrops
from passband.generation.patch_discriminator import PatchDiscriminator
from passband.generation.sample_grid import write_grid
from passband.generation.translation import DomainCard, Translation, TranslationCard, TranslationNetworks
from passband.generation.translation_domains import Given, ReadyDomains, ready_domains
from passband.generation.translation_recipe import Contrastive, CycleGAN, TranslationRecipe
from passband.generation.translation_validation import Score
from passband.generation.translator_unet import UNetTranslator
from passband.recipe import PassbandError
from passband.training import FitOptions, TrainingProgress, TrainingRecipe, fit

HELD, MEASURED = 16, 64  # crops of each domain that a validation, and that the statistics of spectra, are of
SAMPLES = "samples.png"

#: On two cores: 64² pixels, 600 steps.
TRAINING = TrainingRecipe(
    epochs=12, steps_per_epoch=50, batch_size=4, optimiser="adam", learning_rate=5e-4, schedule="linear_tail"
)
#: On a GPU: 256² pixels, 20,000 steps, the rate of the papers.
GPU_TRAINING = TRAINING.model_copy(
    update={"epochs": 40, "steps_per_epoch": 500, "batch_size": 16, "learning_rate": 2e-4}
)


@dataclass(frozen=True)
class TranslationOptions:
    """How a training of a translation runs; nothing that its weights depend on.

    Attributes
    ----------
    device
        Where to compute.
    progress
        Called after steps.
    remark
        Called with each line about what is odd in the sets, before the training.
    score
        Scores of generated and real images, beside the alarms: columns of the history.
    validated
        Called with the folder after each validation, when the picture of samples is written.
    """

    device: str = "cpu"
    progress: Callable[[TrainingProgress], None] | None = None
    remark: Callable[[str], None] | None = None
    score: Score | None = None
    validated: Callable[[Path], None] | None = None


def default_recipe(
    kind: Literal["contrastive", "cyclegan"],
    *,
    on_gpu: bool,
    size: int | None = None,
    spectrum: bool = True,
    on_alarm: Literal["flag", "stop"] = "flag",
) -> TranslationRecipe:
    """Return a recipe for two cores, 64² pixels and 16 channels, or for a GPU, 256² and 64.

    Raises
    ------
    PassbandError
        The generator cannot take crops of this size.
    """
    method = CycleGAN() if kind == "cyclegan" else Contrastive()
    default = TranslationRecipe(method=method, spectrum=spectrum, alarms=AlarmLimits(action=on_alarm))
    if on_gpu:
        networks = {"generator": UNetTranslator(depth=6), "discriminator": PatchDiscriminator(), "size": 256}
        default = default.model_copy(update=networks)
    if size is not None and size % default.generator.stride:
        near = max(1, round(size / default.generator.stride)) * default.generator.stride
        raise PassbandError(f"size={size} is no multiple of {default.generator.stride}; use {near}")
    return default if size is None else default.model_copy(update={"size": size})


def train_translation(
    simulated: Given,
    real: Given,
    recipe: TranslationRecipe,
    directory: str | Path,
    *,
    training: TrainingRecipe = TRAINING,
    options: TranslationOptions = TranslationOptions(),
) -> Translation:
    """Train a translation, or continue a training that was interrupted: it is the same call.

    Parameters
    ----------
    simulated, real
        Domains, or files and folders of micrographs.
    recipe
        Method, networks, crops and noise.
    directory
        Checkpoints, history and samples, and at the end weights and card.
    training
        Steps, batches and rates.
    options
        Device, progress, scores.

    Raises
    ------
    PassbandError
        A set cannot be used, see `ready_domains`.
    TrainingError
        The directory holds another training, or the losses are not finite.
    TranslationAlarmError
        Columns moved or contrast was inverted, and the recipe says to stop.
    """
    folder = Path(directory)
    domains = ready_domains(simulated, real, size=recipe.size, batch=training.batch_size)
    for line in domains.remarks:
        if options.remark is not None:
            options.remark(line)
    recipe = recipe.with_noise_of(domains.real.noise())
    crops = PairedCrops(
        domains.simulated, domains.real, size=recipe.size, seed=training.seed, symmetries=recipe.symmetries
    )
    both = isinstance(recipe.method, CycleGAN)
    architecture = TranslationNetworks(generator=recipe.generator, ways=("there", "back") if both else ("there",))
    learner = _learner(recipe, architecture, crops, training.seed, options.score)

    def validated(epoch: int) -> None:
        _write_samples(learner, folder, epoch)
        if options.validated is not None:
            options.validated(folder)

    held = list(crops.held(HELD, min(training.batch_size, HELD), 1))
    history = fit(
        learner,
        crops,
        {"crops": held},
        training,
        folder,
        FitOptions(options.device, options.progress, _identity(recipe, domains), prefetch=False, validated=validated),
    )
    card = TranslationCard(
        kind="translation",
        recipe=recipe,
        networks=architecture,
        pixel_size=domains.real.pixel_size,
        simulated=DomainCard.of(domains.simulated),
        real=DomainCard.of(domains.real),
        training=training.model_dump(mode="json"),
        scores=_last_scores(history.rows[-1]),
        alarms=tuple(learner.validation.found),
        remarks=domains.remarks,
        seconds=history.seconds,
    )
    return Translation(learner.networks, card).save(folder)


def _learner(
    recipe: TranslationRecipe, architecture: TranslationNetworks, crops: PairedCrops, seed: int, score: Score | None
) -> CycleLearner | OneWayLearner:
    """Return the learner with its random start and the statistics of spectra."""
    kind = CycleLearner if isinstance(recipe.method, CycleGAN) else OneWayLearner
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        learner = kind(recipe, architecture.build(), seed=seed, score=score)
    seen = list(crops.held(MEASURED, 8, 2))
    rng = np.random.default_rng(seed)
    learner.real.measure(torch.cat([batch.real for batch in seen]), rng)
    if isinstance(learner, CycleLearner):
        learner.simulated.measure(torch.cat([batch.simulated for batch in seen]), rng)
    return learner


def _write_samples(learner: CycleLearner | OneWayLearner, folder: Path, epoch: int) -> None:
    if learner.samples is None:
        return
    columns = {name: images.numpy() for name, images in learner.samples._asdict().items() if images is not None}
    path = folder / "samples" / f"epoch_{epoch:04d}.png"
    write_grid(path, columns)
    write_atomically(folder / SAMPLES, path.read_bytes())


def _identity(recipe: TranslationRecipe, domains: ReadyDomains) -> str:
    """Return what tells this training from one of another recipe or other images."""
    digest = hashlib.sha256(recipe.identity.encode())
    for domain in (domains.simulated, domains.real):
        digest.update(" ".join(domain.fingerprints()).encode())
        for mask in domain.masks or ():
            digest.update(mask.tobytes())
    return digest.hexdigest()[:16]


def _last_scores(row: dict[str, object]) -> dict[str, float | None]:
    """Return the numbers of the last row of a history, those that are not finite as None."""
    numbers = {name: float(value) for name, value in row.items() if isinstance(value, int | float)}
    return {name: value if abs(value) < float("inf") else None for name, value in numbers.items()}

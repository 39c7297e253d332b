"""Train the network of a plan on images and masks that are there: drawn by hand, or simulated and then translated.

Plans make micrographs anew for every step. Here the images are given, such as simulated ones that a generator has made
to look like those of a microscope, and what a step sees are crops of them.
"""

import hashlib
from pathlib import Path

import numpy as np

from passband.experiment.labelled_images import LabelledCrops, LabelledImages
from passband.experiment.plan import Plan
from passband.experiment.session import FRAMES, wants_session
from passband.experiment.study import TrainedStudy
from passband.experiment.training import TrainedNetworks, save_networks, shown, stacked_learner
from passband.progress import ProgressCallback
from passband.recipe import PassbandError
from passband.scores.session_reference import FEWEST, FEWEST_IMAGES, SessionReference, session_crops
from passband.segmentation.networks import seeded_networks
from passband.training import FitOptions, fit

HELD_OUT = "held-out images"  # what the training is validated on
CROPS = 4  # of each of them


def train_labelled(
    plan: Plan,
    labelled: LabelledImages,
    directory: str | Path,
    *,
    device: str = "cpu",
    progress: ProgressCallback | None = None,
) -> TrainedStudy:
    """Train the network of a plan on labelled images instead of simulated ones; stopped, the same call goes on.

    Parameters
    ----------
    plan
        Says network, loss, training, patch and classes; nothing is simulated.
    labelled
        Two or more. The share that the plan's split validates on is held back.
    directory
        Of the run: new, or one that holds an unfinished run of the same plan and images; the network is in
        `directory/model`.
    device
        "cpu" or "cuda".
    progress
        Called with steps done, steps in all and a note.

    Raises
    ------
    TrainingError
        The directory holds a run of something else, or the training diverged.
    PassbandError
        There are too few images, one is smaller than a patch, or a mask has a class that the plan has not.
    """
    experiment, folder = plan.experiment(), Path(directory)
    count, classes = len(labelled.images), len(plan.simulation.classes)
    highest = max(int(mask.max()) for mask in labelled.masks)
    if highest >= classes:
        raise PassbandError(f"a mask has class {highest}, and the plan {classes} classes, from 0; use a plan that has")
    if count < 2:
        raise PassbandError(f"{count} labelled image leaves none to validate on; give two or more, or cut it in two")
    held = max(1, round(plan.split.validation * count))
    order = np.random.default_rng(np.random.SeedSequence([plan.training.seed, count])).permutation(count).tolist()
    patch, seed = plan.imaging.patch, plan.training.seed
    crops = LabelledCrops(labelled.chosen(order[held:]), patch, seed=seed)
    validated = LabelledCrops(labelled.chosen(order[:held]), patch, seed=seed + 1)
    learner = stacked_learner(seeded_networks(experiment.network, experiment.seeds), experiment, device)
    identity = hashlib.sha256(f"{plan.network.identity} {plan.loss.identity} {patch} {labelled.identity}".encode())
    history = fit(
        learner,
        crops.batch,
        {HELD_OUT: [validated.batch(step, CROPS) for step in range(held)]},
        plan.training,
        folder,
        FitOptions(device=device, progress=shown(progress), identity=identity.hexdigest()[:16]),
    )
    trained = TrainedNetworks(
        learner.separate(), history, device, given=f"{count} labelled images, {labelled.identity}"
    )
    save_networks(experiment, trained, [folder / "model"])
    fits = [image for image in labelled.images if len(session_crops(image)) >= FEWEST]
    if wants_session(plan) and len(fits) >= FEWEST_IMAGES:
        SessionReference.of_images(fits[:FRAMES]).save(folder / "model")
    return TrainedStudy(folder / "model", history, int(history.rows[-1]["epoch"]), history.seconds)

"""What varies among patches of one window: symmetry, a rotation-invariant autoencoder, and kinds of surroundings."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from passband.latent.angle_prior import UniformAngle
from passband.latent.angles import angle_course
from passband.latent.autoencoder import ConvolutionalAE
from passband.latent.autoencoder_model import AutoencoderModel, train_autoencoder
from passband.latent.collecting import AtomPatches, Shown
from passband.latent.cutting import AtomWindow
from passband.latent.likelihood import BernoulliPixels, GaussianPixels
from passband.latent.mixture_model import Mixture, MixtureModel
from passband.latent.mixtures import fit_mixture
from passband.latent.patch_training import TRAINING
from passband.latent.rvae import RotationInvariantVAE
from passband.latent.rvae_model import Latents, RVAEModel
from passband.latent.rvae_training import train_rvae
from passband.latent.symmetry import rotational_symmetry
from passband.recipe import PassbandError, Recipe
from passband.training import TrainingProgress

WINDOW = 5.0  # distances to the nearest atom: 7 Å of graphene, that of Kalinin et al. (Sci. Adv. 2021)
NEAR = 2.5  # distances to the nearest atom within which a symmetry is that of the atom's own surroundings
_FEWEST, _MOST = 16, 32  # pixels a side
_STEPS = 6000  # of a training whose epochs are not told
_EPOCHS = (4, 60)
_FEWEST_STEPS = 1000  # in fewer the decoder draws nothing: a frame of a hundred atoms has a step in an epoch


class Exploration(Recipe):
    """How patches are explored.

    Attributes
    ----------
    shown
        What patches show: the pixels of the frame, a network's map of it, or what a perfect map of the atoms would.
    symmetry
        Of the angle; None: that of the patches.
    epochs
        Of the autoencoder; None: 6,000 steps, but 4 to 60 epochs, and never fewer than 1,000 steps.
    plain
        Whether a convolutional autoencoder describes the patches too, to be compared with.
    classes
        Whether the rotation-invariant autoencoder is told the class of each atom, so that its content need not be it.
    content
        Latents that say what a patch shows.
    components
        Numbers of kinds that are tried.
    seed
        Of all of it.
    """

    shown: Shown = "image"
    symmetry: int | None = Field(default=None, ge=1, le=24)
    epochs: int | None = Field(default=None, ge=1, le=100_000)
    plain: bool = False
    classes: bool = False
    content: int = Field(default=2, ge=2, le=16)
    components: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 12, 16)
    seed: int = 2026


class PlainLatents(NamedTuple):
    """A convolutional autoencoder and its latents (n, d) of the patches."""

    model: AutoencoderModel
    content: NDArray[np.float64]


class Explored(NamedTuple):
    """What was found of the patches of one window.

    `kinds` (n,) are those of the mixture, `plain` what an autoencoder says that does not know of turns, and `told` the
    classes that the rotation-invariant one knew.
    """

    patches: AtomPatches
    symmetry: int
    autoencoder: RVAEModel
    latents: Latents
    mixture: MixtureModel
    kinds: NDArray[np.int64]
    plain: PlainLatents | None = None
    told: tuple[str, ...] = ()

    @property
    def usual_angle(self) -> float:
        """Angle that most patches have, rad: the middle of the fullest of 36 bins."""
        course = angle_course(np.zeros(len(self.kinds)), self.latents.angle, symmetry=self.symmetry)
        fullest = int(course.counts[0].argmax())
        return float(course.edges[fullest : fullest + 2].mean())

    @property
    def collapsed(self) -> bool:
        """Whether the angle says nothing; content does where all patches are alike, and the shift of fitted atoms."""
        return "angle" in self.autoencoder.card.collapsed


def window_for(side: float | None, spacing: float, pixel_size: float) -> AtomWindow:
    """Return a window of `side` Å, by default five times the `spacing`, with about as many pixels as the image has."""
    wanted = WINDOW * spacing if side is None else side
    return AtomWindow(side=wanted, pixels=int(np.clip(round(wanted / pixel_size), _FEWEST, _MOST)))


def explore(
    patches: AtomPatches,
    recipe: Exploration,
    folder: Path,
    progress: Callable[[TrainingProgress], None] | None = None,
) -> Explored:
    """Explore the patches of one window; networks are kept in `folder`, and a killed run goes on.

    Raises
    ------
    PassbandError
        Patches are fewer than 2, or all alike; or classes are to be told, and there is one.
    """
    told, classes = _told(patches, recipe)
    symmetry = recipe.symmetry or rotational_symmetry(patches.images, reach=min(1.0, 2.0 * NEAR / patches.across))
    likelihood = GaussianPixels() if recipe.shown == "image" else BernoulliPixels()
    network = RotationInvariantVAE(
        content=recipe.content,
        angle=UniformAngle(symmetry=symmetry),
        classes=len(told),
        detail=max(8.0, 2.0 * patches.across),
        likelihood=likelihood,
    )
    epochs = recipe.epochs or _epochs(len(patches.images))
    training = TRAINING.model_copy(update={"epochs": epochs, "seed": recipe.seed})
    model = train_rvae(
        patches.images, network, folder / "autoencoder", classes=classes, training=training, progress=progress
    )
    plain = None
    if recipe.plain:
        also = ConvolutionalAE(content=recipe.content, likelihood=likelihood)
        other = train_autoencoder(patches.images, also, folder / "plain", training=training, progress=progress)
        plain = PlainLatents(other, other.encode(patches.images))
    few = tuple(number for number in recipe.components if number <= len(patches.images)) or (1,)
    kept = Mixture(components=few, seed=recipe.seed)
    mixture = fit_mixture(patches.images, kept, pixel_size=patches.window.pixel_size)
    mixture.save(folder / "mixture")
    latents, kinds = model.encode(patches.images, classes), mixture.kinds(patches.images).label
    return Explored(patches, symmetry, model, latents, mixture, kinds, plain, told)


def _told(patches: AtomPatches, recipe: Exploration) -> tuple[tuple[str, ...], NDArray[np.int64] | None]:
    """Names of the classes that an autoencoder is told, and which each patch has; none where it is not told."""
    if not recipe.classes:
        return (), None
    names, labels = np.unique(patches.kinds, return_inverse=True)
    if len(names) < 2:
        raise PassbandError(
            f"all {len(labels)} patches are of class {names[0]}, and classes are to be told; leave out --classes, or "
            "name the classes of atoms in a table, with --atoms"
        )
    return tuple(map(str, names)), labels.astype(np.int64)


def _epochs(patches: int) -> int:
    """Return the epochs of a training on so many patches."""
    steps = max(1, patches // TRAINING.batch_size)
    return max(int(np.clip(round(_STEPS / steps), *_EPOCHS)), -(-_FEWEST_STEPS // steps))


def latent_columns(found: Explored) -> dict[str, NDArray[Any]]:
    """Columns of a table of the patches (n,): the atom, its kind, how it is turned and moved, and its content."""
    patches, latents = found.patches, found.latents
    columns = {
        "frame": patches.frame,
        "atom": patches.atom,
        "y_px": patches.places[:, 0],
        "x_px": patches.places[:, 1],
        "class": patches.kinds,
        "gmm_class": found.kinds,
        "angle_rad": latents.angle,
    }
    for axis, name in enumerate("yx"):
        columns[f"shift_{name}_px"] = latents.shift[:, axis]
        columns[f"shift_{name}_A"] = latents.shift[:, axis] * patches.window.pixel_size
    columns |= {f"z{number}": values for number, values in enumerate(latents.content.T, start=1)}
    if found.plain is not None:
        columns |= {f"ae{number}": values for number, values in enumerate(found.plain.content.T, start=1)}
    return columns

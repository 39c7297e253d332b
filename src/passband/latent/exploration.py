"""What varies among patches of one window: symmetry, a rotation-invariant autoencoder, and kinds of surroundings."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from passband.latent.angle_prior import UniformAngle
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
from passband.recipe import Recipe
from passband.training import TrainingProgress

WINDOW = 5.0  # distances to the nearest atom: 7 Å of graphene, that of Kalinin et al. (Sci. Adv. 2021)
NEAR = 2.5  # distances to the nearest atom within which a symmetry is that of the atom's own surroundings
_FEWEST, _MOST = 16, 32  # pixels a side
_STEPS = 6000  # of a training whose epochs are not told
_EPOCHS = (4, 60)


class Exploration(Recipe):
    """How patches are explored.

    Attributes
    ----------
    shown
        What patches show: the pixels of the frame, or what a perfect map of the atoms would.
    symmetry
        Of the angle; None: that of the patches.
    epochs
        Of the autoencoder; None: 6,000 steps, but 4 to 60 epochs.
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
    content: int = Field(default=2, ge=2, le=16)
    components: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 12, 16)
    seed: int = 2026


class Explored(NamedTuple):
    """What was found of the patches of one window: `kinds` (n,) are those of the mixture."""

    patches: AtomPatches
    symmetry: int
    autoencoder: RVAEModel
    latents: Latents
    mixture: MixtureModel
    kinds: NDArray[np.int64]

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
        Patches are fewer than 2, or all alike.
    """
    symmetry = recipe.symmetry or rotational_symmetry(patches.images, reach=min(1.0, 2.0 * NEAR / patches.across))
    network = RotationInvariantVAE(
        content=recipe.content,
        angle=UniformAngle(symmetry=symmetry),
        detail=max(8.0, 2.0 * patches.across),
        likelihood=BernoulliPixels() if recipe.shown == "atoms" else GaussianPixels(),
    )
    steps = max(1, len(patches.images) // TRAINING.batch_size)
    epochs = recipe.epochs or int(np.clip(round(_STEPS / steps), *_EPOCHS))
    training = TRAINING.model_copy(update={"epochs": epochs, "seed": recipe.seed})
    model = train_rvae(patches.images, network, folder / "autoencoder", training=training, progress=progress)
    few = tuple(number for number in recipe.components if number <= len(patches.images)) or (1,)
    kept = Mixture(components=few, seed=recipe.seed)
    mixture = fit_mixture(patches.images, kept, pixel_size=patches.window.pixel_size)
    mixture.save(folder / "mixture")
    return Explored(
        patches, symmetry, model, model.encode(patches.images), mixture, mixture.kinds(patches.images).label
    )


def latent_rows(found: Explored) -> Iterator[dict[str, Any]]:
    """Rows of a table, one a patch: its atom, its kind, how it is turned and moved, and its content."""
    patches, latents = found.patches, found.latents
    shift = latents.shift * patches.window.pixel_size
    for number in range(len(patches.images)):
        content = {f"z{place + 1}": float(value) for place, value in enumerate(latents.content[number])}
        yield {
            "frame": int(patches.frame[number]),
            "atom": int(patches.atom[number]),
            "y_px": float(patches.places[number, 0]),
            "x_px": float(patches.places[number, 1]),
            "class": str(patches.kinds[number]),
            "gmm_class": int(found.kinds[number]),
            "angle_rad": float(latents.angle[number]),
            "shift_y_px": float(latents.shift[number, 0]),
            "shift_x_px": float(latents.shift[number, 1]),
            "shift_y_A": float(shift[number, 0]),
            "shift_x_A": float(shift[number, 1]),
            **content,
        }

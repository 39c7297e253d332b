"""How well the texture of particles is told from that of the support: the likelihood ratio of two power spectra.

For a wave 1 + a + ib at focus (|a|, |b| ≪ 1) the image has the power P = 4 [T² S_b + (E² − T²) S_a] + 1/dose, T being
the CTF, E its envelope, S_b and S_a the spectra of phase and amplitude (Å²): at focus, where T vanishes, the amplitude
is what is left. Two Gaussian textures of power P₁ (particle) and P₀ (support), seen over an area A, are told apart by
the logarithm of their likelihood ratio, λ = ½A∫d²q [|X|² (1/P₀ − 1/P₁) − ln(P₁/P₀)] (Whittle, Ark. Mat. 2 (1953) 423).
An observer that takes P₁, P₀ for those of its training and meets P₁′, P₀′ has, on particles,

    ⟨λ⟩ = ½A∫d²q [P₁′ (1/P₀ − 1/P₁) − ln(P₁/P₀)],   var λ = ½A∫d²q P₁′² (1/P₀ − 1/P₁)²,

likewise with P₀′ on the support, and errs where λ has the wrong sign.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import ndtr

from passband.forecast.spectra import SpecimenSpectra
from passband.microscope.information.condition_set import ConditionSet
from passband.microscope.information.polar import PolarLenses
from passband.recipe import PassbandError, Recipe

Array = NDArray[np.float64]


class TextureRecipe(Recipe):
    """The observer of textures.

    Attributes
    ----------
    window
        Standard deviation in Å of the Gaussian window in which it judges; A is 4π window².
    radial_points, azimuths
        Of the grid of frequencies.
    lowest
        Å⁻¹, below which it does not look.
    """

    window: float = Field(default=4.0, gt=0.0)
    radial_points: int = Field(default=400, ge=16)
    azimuths: int = Field(default=36, ge=1)
    lowest: float = Field(default=0.02, ge=0.0)


_TEXTURE = TextureRecipe()


@dataclass(frozen=True)
class ImagePower:
    """Power of images of particles and of support, each standardised image having unit variance, on the rings of q.

    `modes` is ½A·d²q, half the number of independent coefficients of each ring; all (r,).
    """

    particle: Array
    support: Array
    modes: Array


def image_power(
    data: ConditionSet, spectra: SpecimenSpectra, *, qmax: float, recipe: TextureRecipe = _TEXTURE
) -> ImagePower:
    """Forecast the power of a data set's images from its conditions, its dose, and the spectra of its specimen.

    Parameters
    ----------
    data
        Conditions; images without a dose have no noise but a millionth of the signal's.
    qmax
        Å⁻¹, Nyquist of the camera.

    Raises
    ------
    PassbandError
        `qmax` leaves nothing above `lowest`.
    """
    if qmax <= recipe.lowest:
        raise PassbandError(f"qmax={qmax:g} Å⁻¹ is not above lowest={recipe.lowest:g} Å⁻¹; give Nyquist of the camera")
    lens = PolarLenses([data], odd="exact")
    step = (qmax - recipe.lowest) / recipe.radial_points
    q: Array = recipe.lowest + (np.arange(recipe.radial_points, dtype=np.float64) + 0.5) * step
    radii = torch.from_numpy(q)
    steady = lens.steady_envelope(radii)
    turns = np.arange(recipe.azimuths) * 2.0 * pi / recipe.azimuths
    found = [lens.along(radii, float(turn), steady) for turn in turns]
    phase = np.mean([one.amplitude.square()[0].numpy() for one in found], axis=0)
    passed = np.mean([one.envelope.square()[0].numpy() for one in found], axis=0)
    transfer = 4.0 * np.stack((phase, np.maximum(passed - phase, 0.0)))
    inverse_doses = [0.0 if one.dose is None else 1.0 / one.dose for one in data.conditions]
    modes = 0.5 * (4.0 * pi * recipe.window**2) * 2.0 * pi * q * step
    powers = [(transfer * power).sum(0) for power in spectra.at(q)]
    noise = max(float(np.mean(inverse_doses)), 1e-6 * float(powers[0].max()))
    particle, support = (power + noise for power in powers)
    mixture = spectra.fraction * particle + (1.0 - spectra.fraction) * support
    variance = float((mixture * 2.0 * pi * q * step).sum())
    return ImagePower(particle / variance, support / variance, modes)


class TextureScores(NamedTuple):
    """What texture observers of n data sets do on m others, each (n, m).

    `error` is the mean of the chances to miss a particle and to see one in the support; `separation` the distance of
    the two means of λ in units of its rms spread, the detectability d′.
    """

    error: Array
    separation: Array


def texture_scores(training: Sequence[ImagePower], evaluation: Sequence[ImagePower]) -> TextureScores:
    """Return how often the likelihood ratio of each training errs on each evaluation, and how far it tells apart."""
    modes = evaluation[0].modes
    contrast = np.stack([1.0 / one.support - 1.0 / one.particle for one in training]) * modes
    spread = np.stack([(1.0 / one.support - 1.0 / one.particle) ** 2 for one in training]) * modes
    offset = np.array([(np.log(one.particle / one.support) * modes).sum() for one in training])[:, None]
    sides = [np.stack([getattr(one, side) for one in evaluation]) for side in ("particle", "support")]
    means = [contrast @ power.T - offset for power in sides]
    widths = [np.sqrt(spread @ (power**2).T) + 1e-12 for power in sides]
    error = 0.5 * (ndtr(-means[0] / widths[0]) + ndtr(means[1] / widths[1]))
    separation = (means[0] - means[1]) / np.sqrt(0.5 * (widths[0] ** 2 + widths[1] ** 2))
    return TextureScores(error, separation)

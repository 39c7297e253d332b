"""Every measure of how a network will generalise that can be had before it is trained, for many pairs at once.

From the plain |ΔC10| to the mismatched observer: a dictionary of tables, one row for each training, one column for each
evaluation. `docs/trust_metrics` says what each of them sees.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from passband.dataset.acquisition import Acquisition, Imaging
from passband.dataset.store import WaveStore
from passband.distribution import limits
from passband.forecast.observer import ObserverRecipe, PixelSample, observer_scores, sample_pixels
from passband.forecast.resemblance import frechet_distances, image_correlation
from passband.forecast.spectra import (
    ImagePower,
    SpecimenSpectra,
    TextureRecipe,
    image_power,
    radial_steps,
    specimen_spectra,
    texture_scores,
    weighted_information,
)
from passband.microscope.information import Metric, compare_information
from passband.microscope.polar import DataSet
from passband.recipe import PassbandError, Recipe

Array = NDArray[np.float64]

#: Whether a larger value forecasts a larger loss (+1) or a smaller one (−1).
DIRECTIONS = {
    "delta_c10_A": 1,
    "sigma": -1,
    "delta_epsilon": -1,
    "sigma_area": -1,
    "delta_epsilon_area": -1,
    "sigma_specimen": -1,
    "delta_epsilon_specimen": -1,
    "texture_error": 1,
    "texture_separation": -1,
    "texture_difficulty": -1,
    "image_correlation": -1,
    "energy_correlation": -1,
    "channel_distance": 1,
    "observer_loss": 1,
    "observer_auc": -1,
    "observer_induced": 1,
    "observer_difficulty": 1,
}


class Source(NamedTuple):
    """Micrographs that a network is trained on, or met with: exit waves, how they are imaged, and which structures."""

    store: WaveStore
    imaging: Imaging
    indices: tuple[int, ...]

    @property
    def key(self) -> tuple[str, str, tuple[int, ...]]:
        """Equal for equal sources."""
        return self.store.recipe.identity, self.imaging.identity, self.indices

    def acquisition(self, half: int) -> Acquisition:
        """Micrographs of every second structure: `half` 0 and 1 share none; places are those of any other source."""
        return Acquisition(self.store, self.imaging, indices=self.indices[half::2], seed=half + 1, in_turn=True)

    @property
    def qmax(self) -> float:
        """Nyquist of the camera, Å⁻¹."""
        return 0.5 / max(limits(self.imaging.pixel_size)[1], 1e-6)


class ForecastRecipe(Recipe):
    """What the measures are taken with.

    Attributes
    ----------
    observer, texture
        See there.
    correlated
        Micrographs whose noise-free images are correlated.
    """

    observer: ObserverRecipe = ObserverRecipe()
    texture: TextureRecipe = TextureRecipe()
    correlated: int = Field(default=16, ge=1)


def forecast_tables(
    training: Sequence[Source], evaluation: Sequence[Source], recipe: ForecastRecipe | None = None
) -> dict[str, Array]:
    """Return every measure of `DIRECTIONS`, each (n, m), for n trainings and m evaluations.

    Give the structures that are trained on, or others, but not those that networks are tested on, if what is forecast
    is to be compared with the test. Each structure is used once: what an observer learned on, it is not measured on.

    Raises
    ------
    PassbandError
        The sources differ in their camera pixels, or have fewer than two structures.
    """
    recipe = recipe or ForecastRecipe()
    everything = {one.key: one for one in (*training, *evaluation)}
    if len({one.qmax for one in everything.values()}) > 1:
        raise PassbandError("the sources have different camera pixels; give all of them one pixel_size")
    if min(len(one.indices) for one in everything.values()) < 2:
        raise PassbandError("a source of one structure cannot be halved; give each at least two structures")
    rows, columns = [one.key for one in training], [one.key for one in evaluation]
    tables = transfer_tables(training, evaluation)
    tables |= _texture_tables(training, evaluation, everything, recipe)
    tables |= _correlation_tables(training, evaluation, recipe)
    samples = {
        key: [sample_pixels(one.acquisition(half), recipe.observer) for half in (0, 1)]
        for key, one in everything.items()
    }
    return tables | _observer_tables(rows, columns, samples, recipe)


def transfer_tables(training: Sequence[Source], evaluation: Sequence[Source]) -> dict[str, Array]:
    """Return what is known of the optics alone: |ΔC10| in Å, σ and Δε, radial p = 1 and area p = 2; each (n, m)."""
    sets = [[DataSet.drawn(one.imaging.conditions) for one in side] for side in (training, evaluation)]
    first, second = (np.array([_mean_c10(one) for one in side]) for side in sets)
    tables = {"delta_c10_A": np.abs(second[None, :] - first[:, None])}
    qmax = training[0].qmax
    variants = {"": Metric(qmax=qmax), "_area": Metric(qmax=qmax, weight="area", power=2)}
    for suffix, metric in variants.items():
        compared = compare_information(*sets, metric=metric)
        tables["sigma" + suffix] = compared.sigma.numpy()
        tables["delta_epsilon" + suffix] = compared.delta_epsilon.numpy()
    return tables


def _mean_c10(data: DataSet) -> float:
    return float(np.mean([one.aberrations.C10 for one in data.conditions]))


def _texture_tables(
    training: Sequence[Source],
    evaluation: Sequence[Source],
    everything: dict[tuple[str, str, tuple[int, ...]], Source],
    recipe: ForecastRecipe,
) -> dict[str, Array]:
    spectra: dict[tuple[str, tuple[int, ...]], SpecimenSpectra] = {}
    powers: dict[tuple[str, str, tuple[int, ...]], ImagePower] = {}
    for key, one in everything.items():
        specimen = (key[0], key[2])
        if specimen not in spectra:
            spectra[specimen] = specimen_spectra(one.store, one.indices)
        data = DataSet.drawn(one.imaging.conditions)
        powers[key] = image_power(data, spectra[specimen], qmax=one.qmax, recipe=recipe.texture)
    met = [powers[one.key] for one in evaluation]
    scores = texture_scores([powers[one.key] for one in training], met)
    itself = np.array([texture_scores([one], [one]).separation[0, 0] for one in met])
    q = radial_steps(training[0].qmax)
    tables = {
        "texture_error": scores.error,
        "texture_separation": scores.separation,
        "texture_difficulty": np.repeat(itself[None, :], len(training), axis=0),
        "sigma_specimen": np.zeros(scores.error.shape),
        "delta_epsilon_specimen": np.zeros(scores.error.shape),
    }
    shown = [DataSet.drawn(one.imaging.conditions) for one in evaluation]
    for specimen in {(one.key[0], one.key[2]) for one in training}:
        chosen = [number for number, one in enumerate(training) if (one.key[0], one.key[2]) == specimen]
        learnt = [DataSet.drawn(training[number].imaging.conditions) for number in chosen]
        weighted = weighted_information(learnt, shown, q=q, weight=spectra[specimen].signal(q))
        tables["sigma_specimen"][chosen] = weighted.sigma
        tables["delta_epsilon_specimen"][chosen] = weighted.delta_epsilon
    return tables


def _correlation_tables(
    training: Sequence[Source], evaluation: Sequence[Source], recipe: ForecastRecipe
) -> dict[str, Array]:
    """Return the correlations where both sides are of one store and structures, NaN elsewhere."""
    tables = {name: np.full((len(training), len(evaluation)), np.nan) for name in ("image", "energy")}
    for specimen in {(one.key[0], one.key[2]) for one in training}:
        sides = [
            [number for number, one in enumerate(side) if (one.key[0], one.key[2]) == specimen]
            for side in (training, evaluation)
        ]
        if not all(sides):
            continue
        found = image_correlation(
            [training[number].acquisition(0) for number in sides[0]],
            [evaluation[number].acquisition(0) for number in sides[1]],
            images=recipe.correlated,
        )
        tables["image"][np.ix_(*sides)] = found.signed
        tables["energy"][np.ix_(*sides)] = found.energy
    return {f"{name}_correlation": table for name, table in tables.items()}


def _observer_tables(
    rows: Sequence[tuple[str, str, tuple[int, ...]]],
    columns: Sequence[tuple[str, str, tuple[int, ...]]],
    samples: dict[tuple[str, str, tuple[int, ...]], list[PixelSample]],
    recipe: ForecastRecipe,
) -> dict[str, Array]:
    """Observers of either half, measured on the other half; the mean of both."""
    keys = list(dict.fromkeys((*rows, *columns)))
    learnt = list(dict.fromkeys(rows))
    place = [learnt.index(key) for key in rows], [keys.index(key) for key in columns]
    loss, auc, distance = np.zeros((3, len(learnt), len(keys)))
    for half in (0, 1):
        first, second = [samples[key][half] for key in learnt], [samples[key][1 - half] for key in keys]
        scores = observer_scores(first, second, recipe.observer)
        loss, auc = loss + 0.5 * scores.loss, auc + 0.5 * scores.auc
        distance = distance + 0.5 * frechet_distances(first, second)
    own = np.array([loss[row, keys.index(key)] for row, key in enumerate(learnt)])[:, None]
    # How hard the evaluation is for an observer that learned there.
    itself = [
        np.mean(
            [float(observer_scores([one], [other], recipe.observer).loss[0, 0]) for one, other in (pair, pair[::-1])]
        )
        for pair in (samples[key] for key in keys)
    ]
    difficulty = np.repeat(np.array(itself)[None, :], len(learnt), axis=0)
    whole = {
        "observer_loss": loss,
        "observer_auc": auc,
        "observer_induced": loss - own,
        "observer_difficulty": difficulty,
        "channel_distance": distance,
    }
    return {name: table[np.ix_(*place)] for name, table in whole.items()}

"""Trainings and evaluations whose pairs are forecast, with what several measures need of them, each computed once."""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from passband.dataset.acquisition import Acquisition
from passband.dataset.beam_path import ImagingRecipe
from passband.dataset.store import WaveStore
from passband.distribution import limits
from passband.forecast.observer import ObserverRecipe, PixelSample, observer_scores, sample_pixels
from passband.forecast.resemblance import ImageCorrelation, frechet_distances, image_correlation
from passband.forecast.spectra import SpecimenSpectra, radial_steps, specimen_spectra, weighted_information
from passband.forecast.texture import ImagePower, TextureRecipe, TextureScores, image_power, texture_scores
from passband.microscope.information.condition_set import ConditionSet
from passband.microscope.information.information import Comparison, compare_information
from passband.microscope.information.metric import Metric
from passband.recipe import PassbandError, Recipe

Array = NDArray[np.float64]
SetKey = tuple[str, str, tuple[int, ...]]  # identities of the exit waves and of their imaging, and the structures


class MicrographSet(NamedTuple):
    """Micrographs that a network is trained on, or met with: exit waves, how they are imaged, and which structures."""

    store: WaveStore
    imaging: ImagingRecipe
    indices: tuple[int, ...]

    @property
    def key(self) -> SetKey:
        """Equal for equal sets."""
        return self.store.recipe.identity, self.imaging.identity, self.indices

    @property
    def specimen(self) -> tuple[str, tuple[int, ...]]:
        """Equal for sets of the same structures, however they are imaged."""
        return self.store.recipe.identity, self.indices

    def acquisition(self, half: int) -> Acquisition:
        """Micrographs of every second structure: `half` 0 and 1 share none; places are those of any other set."""
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


class SpecimenInformation(NamedTuple):
    """σ and Δε weighted by the specimen of each training, (n, m)."""

    sigma: Array
    delta_epsilon: Array


class ObserverTables(NamedTuple):
    """What observers do, mean over the two halves of the structures; each (n, m).

    `own` is the loss where the observer was trained, `difficulty` that of one trained on the evaluation, `distance` the
    Fréchet distance of the channels.
    """

    loss: Array
    auc: Array
    own: Array
    difficulty: Array
    distance: Array


class Pairs:
    """n trainings and m evaluations; what is computed of them is kept for the other measures.

    Raises
    ------
    PassbandError
        The sets differ in their camera pixels.
    """

    def __init__(
        self, training: Sequence[MicrographSet], evaluation: Sequence[MicrographSet], recipe: ForecastRecipe
    ) -> None:
        self.training, self.evaluation, self.recipe = training, evaluation, recipe
        self.sets = {one.key: one for one in (*training, *evaluation)}
        if len({one.qmax for one in self.sets.values()}) > 1:
            raise PassbandError("the sets have different camera pixels; give all of them one pixel_size")

    def check_halves(self) -> None:
        """Refuse sets of one structure, for images are taken of either half.

        Raises
        ------
        PassbandError
            There is one.
        """
        if min(len(one.indices) for one in self.sets.values()) < 2:
            raise PassbandError("a set of one structure cannot be halved; give each at least two structures")

    @property
    def shape(self) -> tuple[int, int]:
        """(n, m)."""
        return len(self.training), len(self.evaluation)

    @cached_property
    def conditions(self) -> dict[SetKey, ConditionSet]:
        """Conditions of every set."""
        return {key: ConditionSet.drawn(one.imaging.conditions) for key, one in self.sets.items()}

    def _drawn(self, side: Sequence[MicrographSet]) -> list[ConditionSet]:
        return [self.conditions[one.key] for one in side]

    @cached_property
    def c10(self) -> tuple[Array, Array]:
        """Mean C10 in Å of the trainings (n,) and of the evaluations (m,)."""
        first, second = (
            np.array([np.mean([one.aberrations.C10 for one in data.conditions]) for data in self._drawn(side)])
            for side in (self.training, self.evaluation)
        )
        return first, second

    @cached_property
    def radial(self) -> Comparison:
        """ε, σ and Δε, every |q| alike, p = 1."""
        return self._compared(Metric(qmax=self.training[0].qmax))

    @cached_property
    def area(self) -> Comparison:
        """ε, σ and Δε, every pixel of the spectrum alike, p = 2."""
        return self._compared(Metric(qmax=self.training[0].qmax, weight="area", power=2))

    def _compared(self, metric: Metric) -> Comparison:
        return compare_information(self._drawn(self.training), self._drawn(self.evaluation), metric=metric)

    @cached_property
    def spectra(self) -> dict[tuple[str, tuple[int, ...]], SpecimenSpectra]:
        """Power spectra of the exit waves of every specimen."""
        specimens = {one.specimen: one for one in self.sets.values()}
        return {key: specimen_spectra(one.store, one.indices) for key, one in specimens.items()}

    @cached_property
    def powers(self) -> dict[SetKey, ImagePower]:
        """Power of the images of every set."""
        return {
            key: image_power(
                self.conditions[key], self.spectra[one.specimen], qmax=one.qmax, recipe=self.recipe.texture
            )
            for key, one in self.sets.items()
        }

    @cached_property
    def texture(self) -> TextureScores:
        """What texture observers of the trainings do on the evaluations."""
        return texture_scores(*([self.powers[one.key] for one in side] for side in (self.training, self.evaluation)))

    @cached_property
    def weighted(self) -> SpecimenInformation:
        """σ and Δε, each frequency weighted by the specimen of the training."""
        q = radial_steps(self.training[0].qmax)
        found = SpecimenInformation(np.zeros(self.shape), np.zeros(self.shape))
        for specimen in {one.specimen for one in self.training}:
            chosen = [number for number, one in enumerate(self.training) if one.specimen == specimen]
            learnt = self._drawn([self.training[number] for number in chosen])
            weight = self.spectra[specimen].signal(q)
            compared = weighted_information(learnt, self._drawn(self.evaluation), q=q, weight=weight)
            found.sigma[chosen] = compared.sigma
            found.delta_epsilon[chosen] = compared.delta_epsilon
        return found

    @cached_property
    def correlation(self) -> ImageCorrelation:
        """Correlation of the images where both sides are of one specimen, NaN elsewhere."""
        found = ImageCorrelation(np.full(self.shape, np.nan), np.full(self.shape, np.nan))
        for specimen in {one.specimen for one in self.training}:
            sides = [
                [number for number, one in enumerate(side) if one.specimen == specimen]
                for side in (self.training, self.evaluation)
            ]
            if not all(sides):
                continue
            compared = image_correlation(
                [self.training[number].acquisition(0) for number in sides[0]],
                [self.evaluation[number].acquisition(0) for number in sides[1]],
                images=self.recipe.correlated,
            )
            found.signed[np.ix_(*sides)] = compared.signed
            found.energy[np.ix_(*sides)] = compared.energy
        return found

    @cached_property
    def samples(self) -> dict[SetKey, list[PixelSample]]:
        """Pixels of every set, of either half of its structures."""
        return {
            key: [sample_pixels(one.acquisition(half), self.recipe.observer) for half in (0, 1)]
            for key, one in self.sets.items()
        }

    @cached_property
    def observed(self) -> ObserverTables:
        """Observers of either half, measured on the other half; the mean of both."""
        rows, columns = [one.key for one in self.training], [one.key for one in self.evaluation]
        keys, learnt = list(dict.fromkeys((*rows, *columns))), list(dict.fromkeys(rows))
        samples, recipe = self.samples, self.recipe.observer
        loss, auc, distance = np.zeros((3, len(learnt), len(keys)))
        for half in (0, 1):
            first, second = [samples[key][half] for key in learnt], [samples[key][1 - half] for key in keys]
            scores = observer_scores(first, second, recipe)
            loss, auc = loss + 0.5 * scores.loss, auc + 0.5 * scores.auc
            distance = distance + 0.5 * frechet_distances(first, second)
        own = np.array([loss[row, keys.index(key)] for row, key in enumerate(learnt)])
        # How hard the evaluation is for an observer that learned there.
        itself = [
            np.mean([float(observer_scores([one], [other], recipe).loss[0, 0]) for one, other in (pair, pair[::-1])])
            for pair in (samples[key] for key in keys)
        ]
        difficulty = np.repeat(np.array(itself)[None, :], len(learnt), axis=0)
        place = np.ix_([learnt.index(key) for key in rows], [keys.index(key) for key in columns])
        spread = np.repeat(own[:, None], len(keys), axis=1)
        return ObserverTables(*(table[place] for table in (loss, auc, spread, difficulty, distance)))

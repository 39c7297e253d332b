"""Every measure of how a network will generalise that can be had before it is trained, for many pairs at once.

From the plain |ΔC10| to the mismatched observer: a dictionary of tables, one row for each training, one column for each
evaluation. A measure is one entry of `MEASURES`; `docs/trust_metrics` says what each of them sees.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from passband.entries import Entries
from passband.forecast.pairs import ForecastRecipe, MicrographSet, Pairs
from passband.forecast.texture import texture_scores

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PairMeasure:
    """One measure of a pair of a training and an evaluation.

    Attributes
    ----------
    name
        Name of its table, and of its column in the files of the studies.
    direction
        Whether a larger value forecasts a larger loss (+1) or a smaller one (−1).
    unit
        Of the values; "1" is none.
    needs
        "optics": the conditions alone; "waves": the exit waves too; "images": simulated micrographs.
    says
        What it is, on one line.
    table
        The values (n, m) of all pairs.
    """

    name: str
    direction: Literal[1, -1]
    unit: str = "1"
    needs: Literal["optics", "waves", "images"]
    says: str
    table: Callable[[Pairs], Array]


def _texture_difficulty(pairs: Pairs) -> Array:
    met = [pairs.powers[one.key] for one in pairs.evaluation]
    itself = np.array([texture_scores([one], [one]).separation[0, 0] for one in met])
    return np.repeat(itself[None, :], len(pairs.training), axis=0)


MEASURES: Entries[PairMeasure] = Entries(
    "pair measure",
    (
        PairMeasure(
            name="delta_c10_A",
            direction=1,
            unit="Å",
            needs="optics",
            says="the plain baseline |C10′ − C10|: defocus alone",
            table=lambda pairs: np.abs(pairs.c10[1][None, :] - pairs.c10[0][:, None]),
        ),
        PairMeasure(
            name="sigma",
            direction=-1,
            needs="optics",
            says="the paper's overlap of the transfer functions, inferred, every |q| alike",
            table=lambda pairs: pairs.radial.sigma.numpy(),
        ),
        PairMeasure(
            name="delta_epsilon",
            direction=-1,
            needs="optics",
            says="the paper's difference Δε of the information transfer, inferred, every |q| alike, p = 1",
            table=lambda pairs: pairs.radial.delta_epsilon.numpy(),
        ),
        PairMeasure(
            name="sigma_area",
            direction=-1,
            needs="optics",
            says="σ, every pixel of the spectrum alike",
            table=lambda pairs: pairs.area.sigma.numpy(),
        ),
        PairMeasure(
            name="delta_epsilon_area",
            direction=-1,
            needs="optics",
            says="Δε, every pixel of the spectrum alike, p = 2",
            table=lambda pairs: pairs.area.delta_epsilon.numpy(),
        ),
        PairMeasure(
            name="sigma_specimen",
            direction=-1,
            needs="waves",
            says="σ, each frequency weighted by the power by which particles exceed the support in their exit waves",
            table=lambda pairs: pairs.weighted.sigma,
        ),
        PairMeasure(
            name="delta_epsilon_specimen",
            direction=-1,
            needs="waves",
            says="Δε, weighted in the same way",
            table=lambda pairs: pairs.weighted.delta_epsilon,
        ),
        PairMeasure(
            name="texture_error",
            direction=1,
            needs="waves",
            says="how often the likelihood ratio of the textures of particles and support, learned at χ, errs at χ′",
            table=lambda pairs: pairs.texture.error,
        ),
        PairMeasure(
            name="texture_separation",
            direction=-1,
            needs="waves",
            says="how far that ratio tells the two apart, d′: feels dose, difficulty, structures; not the sign",
            table=lambda pairs: pairs.texture.separation,
        ),
        PairMeasure(
            name="texture_difficulty",
            direction=-1,
            needs="waves",
            says="its d′ at χ′ when learned there: the difficulty alone",
            table=_texture_difficulty,
        ),
        PairMeasure(
            name="image_correlation",
            direction=-1,
            needs="images",
            says="correlation of noise-free images of the same structures under χ and χ′, where particles are",
            table=lambda pairs: pairs.correlation.signed,
        ),
        PairMeasure(
            name="energy_correlation",
            direction=-1,
            needs="images",
            says="correlation of their maps of local energy",
            table=lambda pairs: pairs.correlation.energy,
        ),
        PairMeasure(
            name="channel_distance",
            direction=1,
            needs="images",
            says="Fréchet distance of the channels' statistics, particles and support apart; does not know the task",
            table=lambda pairs: pairs.observed.distance,
        ),
        PairMeasure(
            name="observer_loss",
            direction=1,
            needs="images",
            says="loss at χ′ of an observer trained at χ, on the scale of arXiv 2512.09067",
            table=lambda pairs: pairs.observed.loss,
        ),
        PairMeasure(
            name="observer_auc",
            direction=-1,
            needs="images",
            says="its area under the ROC curve",
            table=lambda pairs: pairs.observed.auc,
        ),
        PairMeasure(
            name="observer_induced",
            direction=1,
            needs="images",
            says="its loss at χ′ less that at χ",
            table=lambda pairs: pairs.observed.loss - pairs.observed.own,
        ),
        PairMeasure(
            name="observer_difficulty",
            direction=1,
            needs="images",
            says="loss of an observer trained at χ′ itself: the difficulty there",
            table=lambda pairs: pairs.observed.difficulty,
        ),
    ),
)


def forecast_tables(
    training: Sequence[MicrographSet],
    evaluation: Sequence[MicrographSet],
    recipe: ForecastRecipe | None = None,
    *,
    measures: Iterable[str] | None = None,
) -> dict[str, Array]:
    """Return measures of all pairs of n trainings and m evaluations, each (n, m).

    Give the structures that are trained on, or others, but not those that networks are tested on, if what is forecast
    is to be compared with the test. Each structure is used once: what an observer learned on, it is not measured on.

    Parameters
    ----------
    training, evaluation
        The sets of micrographs.
    recipe
        What the measures are taken with.
    measures
        Names of `MEASURES`, all by default. What several need is computed once, and nothing that none needs.

    Raises
    ------
    PassbandError
        The sets differ in their camera pixels, a measure is unknown, or one that needs images has a single structure.
    """
    chosen = [MEASURES[name] for name in (MEASURES if measures is None else measures)]
    pairs = Pairs(training, evaluation, recipe or ForecastRecipe())
    if any(one.needs == "images" for one in chosen):
        pairs.check_halves()
    return {one.name: one.table(pairs) for one in chosen}

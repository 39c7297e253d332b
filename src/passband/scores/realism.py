"""How alike two sets of micrographs are, real and generated: every score of realism, with intervals and warnings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from passband.files.micrograph import Micrograph
from passband.files.reading import as_micrograph
from passband.recipe import PassbandError, Recipe
from passband.scores.bootstrap import Interval, interval, resamplings
from passband.scores.cropping import FEWEST_PIXELS, CropSet, common_side, cut_crops, on_common_pixels, scaled
from passband.scores.extractor import Extractor
from passband.scores.extractors import DEFAULT, find_extractor
from passband.scores.image_stack import Normalisation
from passband.scores.realism_warnings import warnings_of
from passband.scores.score_groups import FeatureGroup, IntensityGroup, ScoreGroup, SpectrumGroup, bounds, halves

Images = Sequence[Micrograph | NDArray[Any]] | NDArray[Any]


class RealismRecipe(Recipe):
    """How two sets are compared.

    Attributes
    ----------
    side
        Pixels of a crop; None: 64, or fewer where a set has no image as large.
    most
        Crops of each set at most.
    normalisation
        Of intensities, see `passband.scores.image_stack`.
    replicates
        Resamplings for the intervals.
    seed
        Of the choice of crops, the dither of grey levels and the resamplings.
    """

    side: int | None = Field(default=None, ge=FEWEST_PIXELS, le=4096)
    most: int = Field(default=1000, ge=1)
    normalisation: Normalisation = "each"
    replicates: int = Field(default=100, ge=2, le=10_000)
    seed: int = Field(default=0, ge=0)


@dataclass(frozen=True)
class Score:
    """One score.

    Attributes
    ----------
    value
        None where the sets are too small for it.
    interval
        95 %, for other images of the same sources; None where a set has one image only.
    baseline
        The same score of one half of the real images against the other; None where there are too few.
    """

    value: float | None
    interval: Interval | None
    baseline: float | None


@dataclass(frozen=True, eq=False)
class Realism:
    """What `realism` found.

    Attributes
    ----------
    scores
        By their names: `kl_real_generated`, `kl_generated_real`, `js`, `wasserstein`, `spectrum`,
        `spectrum_row`, `spectrum_column`, and of each extractor `frechet_`, `kid_`, `precision_`, `recall_`,
        `density_`, `coverage_`.
    warnings
        What makes scores doubtful, in sentences.
    notes
        What was done to the images.
    pixel_size
        Å of the crops; None where it is not known.
    extractors
        Used ones, whose names the scores have.
    real, generated
        Crops that were compared.
    nearest
        (m,): for each generated crop the real one with the nearest features of the first extractor.
    recipe
        How.
    """

    scores: Mapping[str, Score]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    pixel_size: float | None
    extractors: tuple[Extractor, ...]
    real: CropSet
    generated: CropSet
    nearest: NDArray[np.int64]
    recipe: RealismRecipe


def realism(
    real: Images,
    generated: Images,
    *,
    extractors: Sequence[str | Extractor] = (DEFAULT,),
    recipe: RealismRecipe | None = None,
) -> Realism:
    """Compare a set of generated images with a set of real ones.

    Parameters
    ----------
    real, generated
        Stacks (n, y, x), or sequences of arrays (y, x) and micrographs of any sizes. Large images are cut into crops.
    extractors
        Feature extractors, or their names in `passband.scores.extractors.EXTRACTORS`.
    recipe
        How; `RealismRecipe()` by default.

    Raises
    ------
    PassbandError
        A set is empty, an image is no grey image of finite numbers or all are smaller than a crop, or there is no such
        extractor.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> found = realism(rng.normal(size=(20, 32, 32)), rng.normal(size=(20, 32, 32)), extractors=["random"])
    >>> found.scores["precision_random"].value > 0.5, found.scores["js"].interval[1] < 0.01
    (True, True)
    """
    how = recipe or RealismRecipe()
    known = tuple(find_extractor(one) if isinstance(one, str) else one for one in extractors)
    sets = [[as_micrograph(one, need_pixel_size=False) for one in some] for some in (real, generated)]
    for name, some in zip(("real", "generated"), sets, strict=True):
        if not some:
            raise PassbandError(f"no {name} image; give one at least")
    sampled, pixel_size, notes = on_common_pixels(sets)
    side = how.side or common_side(sampled)
    cropping, dithering, splitting, resampling = np.random.default_rng(how.seed).spawn(4)
    one, other = (
        cut_crops(some, side, most=how.most, each=how.normalisation == "each", rng=cropping) for some in sampled
    )
    one, other = scaled(one, how.normalisation, one), scaled(other, how.normalisation, one)
    groups: list[ScoreGroup] = [IntensityGroup.of(one, other, dithering), SpectrumGroup.of(one, other)]
    features = [FeatureGroup.of(extractor, one.crops, other.crops) for extractor in known]
    groups += features
    scores = _scored(groups, one, other, how.replicates, resampling)
    baseline = _baseline(groups, one, splitting)
    return Realism(
        scores={name: Score(value, within, baseline.get(name)) for name, (value, within) in scores.items()},
        warnings=tuple(warnings_of(one, other, features, centred=how.normalisation == "each")),
        notes=tuple(notes),
        pixel_size=pixel_size,
        extractors=known,
        real=one,
        generated=other,
        nearest=features[0].nearest() if features else np.zeros(0, dtype=np.int64),
        recipe=how,
    )


def _scored(
    groups: Sequence[ScoreGroup], real: CropSet, generated: CropSet, replicates: int, rng: np.random.Generator
) -> dict[str, tuple[float | None, Interval | None]]:
    """Value and interval of each score; the first row of weights is that of the sets themselves."""
    images = min(real.images, generated.images)
    rows = replicates if images > 1 else 0
    weights = [
        np.concatenate([np.ones((1, len(one.image))), resamplings(one.image, rows, rng)]) for one in (real, generated)
    ]
    found: dict[str, tuple[float | None, Interval | None]] = {}
    for group in groups:
        for name, values in group.values(*weights).items():
            value = float(values[0])
            least, most = bounds(name)
            known = rows > 0 and bool(np.isfinite(values).all())
            within = interval(value, values[1:], images, least=least, most=most) if known else None
            found[name] = (value if np.isfinite(value) else None, within)
    return found


def _baseline(groups: Sequence[ScoreGroup], real: CropSet, rng: np.random.Generator) -> dict[str, float]:
    """Each score of one half of the real images against the other, as far as it is finite; crops, of one image."""
    owner = real.image if real.images > 1 else np.arange(len(real.image))
    numbers = rng.permutation(np.unique(owner))
    if len(numbers) < 2:
        return {}
    first = np.isin(owner, numbers[: len(numbers) // 2])
    ones = np.ones((1, int(first.sum()))), np.ones((1, int((~first).sum())))
    values = {name: float(value[0]) for group in groups for name, value in halves(group, first).values(*ones).items()}
    return {name: value for name, value in values.items() if np.isfinite(value)}

"""A few scores of realism of one batch of generated images, for a training to ask again and again."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from passband.recipe import PassbandError
from passband.scores.extractor import Crops, Extractor
from passband.scores.extractors import DEFAULT, Features, extracted, find_extractor
from passband.scores.frechet import Moments, frechet_distance
from passband.scores.image_stack import Normalisation, as_crops, normalised
from passband.scores.kernel_distance import kernel_distance
from passband.scores.manifold import NEIGHBOURS, Manifold

if TYPE_CHECKING:
    from torch import Tensor

FEWEST = NEIGHBOURS + 1  # images: of fewer there is no third neighbour


@dataclass(frozen=True, eq=False)
class RealismScore:
    """Compares batches of generated images with a set of real ones, whose features are taken once.

    Attributes
    ----------
    extractor
        What makes features.
    real
        Real images (n, y, x), float32.
    normalisation
        Of intensities, see `passband.scores.image_stack`.
    """

    extractor: Extractor
    real: Crops
    normalisation: Normalisation = "each"

    @cached_property
    def _features(self) -> Features:
        return extracted(self.extractor, normalised(self.real, self.normalisation, self.real))

    @cached_property
    def _moments(self) -> Moments:
        return Moments.of(self._features)

    @cached_property
    def _manifold(self) -> Manifold:
        return Manifold(self._features)

    def __call__(self, generated: "NDArray[np.generic] | Sequence[NDArray[np.generic]] | Tensor") -> dict[str, float]:
        """Return `frechet_`, `kid_`, `precision_` and `recall_` with the name of the extractor behind.

        Parameters
        ----------
        generated
            (n, y, x) or (n, 1, y, x), four at least; NumPy, or a tensor on any device. The side need not be that of
            the real ones.

        Raises
        ------
        PassbandError
            Too few images, another shape, or pixels that are not finite: a generator that has diverged.
        """
        crops = _enough(as_crops(generated, "generated images"), "generated")
        features = self.extractor.features(normalised(crops, self.normalisation, self.real)).astype(np.float64)
        manifold = self._manifold.scores(Manifold(features))
        name = self.extractor.name
        return {
            f"frechet_{name}": frechet_distance(self._moments, Moments.of(features)),
            f"kid_{name}": kernel_distance(self._features, features),
            f"precision_{name}": float(manifold.precision.mean()),
            f"recall_{name}": float(manifold.recall.mean()),
        }


def score_of(
    real: "NDArray[np.generic] | Sequence[NDArray[np.generic]] | Tensor",
    extractor: str | Extractor = DEFAULT,
    *,
    normalisation: Normalisation = "each",
) -> RealismScore:
    """Return a function from generated images to their scores of realism.

    Parameters
    ----------
    real
        (n, y, x) or (n, 1, y, x), four at least.
    extractor
        An extractor, or its name in `passband.scores.extractors.EXTRACTORS`, with a path behind `=` where it needs one.
    normalisation
        "each": every image has mean 0 and standard deviation 1. "real": the real ones together have, and generated
        ones are on the same scale already.

    Raises
    ------
    PassbandError
        Too few images, another shape, pixels that are not finite, or no such extractor.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> score = score_of(rng.normal(size=(8, 32, 32)), "random")
    >>> sorted(score(rng.normal(size=(8, 32, 32))))
    ['frechet_random', 'kid_random', 'precision_random', 'recall_random']
    """
    known = find_extractor(extractor) if isinstance(extractor, str) else extractor
    return RealismScore(known, _enough(as_crops(real, "real images"), "real"), normalisation)


def _enough(crops: Crops, name: str) -> Crops:
    if len(crops) < FEWEST:
        raise PassbandError(f"{len(crops)} {name} images are too few for scores of realism; {FEWEST} at least")
    return crops

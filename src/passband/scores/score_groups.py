"""The groups of scores of realism, each of which can be asked about resampled sets as well."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from passband.scores.cropping import CropSet
from passband.scores.extractor import Crops, Extractor
from passband.scores.extractors import extracted
from passband.scores.frechet import Moments, frechet_distance
from passband.scores.intensity import common_range, histograms, intensity_scores
from passband.scores.kernel_distance import kernel_distances
from passband.scores.manifold import NEIGHBOURS, Manifold, ManifoldScores
from passband.scores.spectrum_distance import PowerSpectra, power_spectra, spectrum_distances

Array = NDArray[np.float64]

_MOST_FEATURES = 512  # for which a Fréchet distance is taken of a hundred resampled sets
#: What scores can be, by the beginnings of their names.
BOUNDS: Mapping[str, tuple[float, float]] = {
    "js": (0.0, float(np.log(2.0))),
    "kid": (-np.inf, np.inf),
    "precision": (0.0, 1.0),
    "recall": (0.0, 1.0),
    "coverage": (0.0, 1.0),
}


def bounds(name: str) -> tuple[float, float]:
    """Least and most that a score can be."""
    return BOUNDS.get(name.split("_")[0], (0.0, np.inf))


class ScoreGroup(Protocol):
    """A group of scores of two sets."""

    def values(self, real: Array, generated: Array) -> dict[str, Array]:
        """Return each score (r,) with its name, for weights (r, n) and (r, m) of the crops; NaN where there is none."""


@dataclass(frozen=True, eq=False)
class IntensityGroup:
    """Histograms (n, bins) and (m, bins) between the same limits."""

    real: NDArray[np.float32]
    generated: NDArray[np.float32]
    limits: tuple[float, float]

    @classmethod
    def of(cls, real: CropSet, generated: CropSet, rng: np.random.Generator) -> Self:
        """Count the pixels of crops."""
        limits = common_range(real.crops, generated.crops)
        counts = [histograms(one.crops, one.spacing, limits, rng=rng) for one in (real, generated)]
        return cls(counts[0], counts[1], limits)

    def values(self, real: Array, generated: Array) -> dict[str, Array]:
        """See `ScoreGroup`."""
        rows = [
            intensity_scores(one, other, self.limits)
            for one, other in zip(real @ self.real, generated @ self.generated, strict=True)
        ]
        return {
            "kl_real_generated": np.array([row.kl_real_generated for row in rows]),
            "kl_generated_real": np.array([row.kl_generated_real for row in rows]),
            "js": np.array([row.js for row in rows]),
            "wasserstein": np.array([row.wasserstein for row in rows]),
        }


@dataclass(frozen=True, eq=False)
class SpectrumGroup:
    """Spectra of each crop of two sets."""

    real: PowerSpectra
    generated: PowerSpectra

    @classmethod
    def of(cls, real: CropSet, generated: CropSet) -> Self:
        """Take the spectra of crops."""
        return cls(power_spectra(real.crops), power_spectra(generated.crops))

    def values(self, real: Array, generated: Array) -> dict[str, Array]:
        """See `ScoreGroup`."""
        rows = spectrum_distances(self.real.mean(real), self.generated.mean(generated))
        return {"spectrum": rows.radial, "spectrum_row": rows.row, "spectrum_column": rows.column}


@dataclass(frozen=True, eq=False)
class FeatureGroup:
    """Features (n, d) and (m, d) of one extractor."""

    extractor: Extractor
    real: Array
    generated: Array

    @classmethod
    def of(cls, extractor: Extractor, real: Crops, generated: Crops) -> Self:
        """Take the features of crops, or find them in the cache."""
        return cls(extractor, extracted(extractor, real), extracted(extractor, generated))

    @property
    def fewest(self) -> int:
        """Crops of the smaller set."""
        return min(len(self.real), len(self.generated))

    def nearest(self) -> NDArray[np.int64]:
        """For each generated crop (m,), the real one whose features are nearest."""
        nearest: NDArray[np.int64] = cdist(self.generated, self.real, "sqeuclidean").argmin(1).astype(np.int64)
        return nearest

    def values(self, real: Array, generated: Array) -> dict[str, Array]:
        """See `ScoreGroup`; the balls of the manifolds are those of the whole sets, whatever the weights."""
        none = np.full(len(real), np.nan)
        found = {"frechet": none, "kid": none} | dict.fromkeys(ManifoldScores._fields, none)
        if self.fewest > 1:
            found["frechet"] = self._frechet(real, generated)
            found["kid"] = kernel_distances(self.real, self.generated, real, generated)
        if self.fewest > NEIGHBOURS:
            found |= {
                name: (weights @ one) / weights.sum(1)
                for name, one, weights in zip(
                    ManifoldScores._fields, self._manifold, (generated, real, generated, real), strict=True
                )
            }
        return {f"{name}_{self.extractor.name}": one for name, one in found.items()}

    def _frechet(self, real: Array, generated: Array) -> Array:
        rows = len(real) if self.real.shape[1] <= _MOST_FEATURES else 1
        found = np.full(len(real), np.nan)
        for row in range(rows):
            moments = Moments.of(self.real, real[row]), Moments.of(self.generated, generated[row])
            found[row] = frechet_distance(*moments)
        return found

    @cached_property
    def _manifold(self) -> ManifoldScores:
        return Manifold(self.real).scores(Manifold(self.generated))


def halves(group: ScoreGroup, which: NDArray[np.bool_]) -> ScoreGroup:
    """Compare the real crops of which (n,) is true with the other real ones."""
    if isinstance(group, SpectrumGroup):
        return SpectrumGroup(group.real.part(which), group.real.part(~which))
    if isinstance(group, IntensityGroup):
        return IntensityGroup(group.real[which], group.real[~which], group.limits)
    assert isinstance(group, FeatureGroup)
    return FeatureGroup(group.extractor, group.real[which], group.real[~which])

"""What a training asks of any learner of images, and how it has its samples scored."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import nan
from typing import Protocol

from torch import Tensor

from passband.training import Players

Score = Callable[[Tensor], Mapping[str, float]]
"""Scores of generated images (n, 1, size, size) in the units of the training images: `frechet`, `recall`, …"""


@dataclass(frozen=True)
class Scoring:
    """Scores `count` generated images, value · gain + offset of what a network draws; none without a score."""

    score: Score | None = None
    count: int = 0
    offset: float = 0.0
    gain: float = 1.0

    def of(self, draw: Callable[[int], Tensor]) -> dict[str, float]:
        """Return the scores of images that `draw(count)` gives; `frechet` and `recall` are NaN without a score."""
        unknown = {"frechet": nan, "recall": nan}
        if self.score is None:
            return unknown
        return unknown | dict(self.score(draw(self.count) * self.gain + self.offset))


class ImageLearner(Players, Protocol):
    """A learner of several players, one of which draws images."""

    seen: Tensor
    """Real images that it was shown."""
    scoring: Scoring

    @property
    def p(self) -> float:
        """Probability of augmentation."""

    def kept(self) -> Mapping[str, Tensor]:
        """Return the tensors of the generator that is kept, under the names of its recipe's network."""

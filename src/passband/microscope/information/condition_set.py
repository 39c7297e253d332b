"""The conditions of images that are evaluated together, from which they have one contrast transfer."""

from collections import Counter
from collections.abc import Sequence
from math import gcd
from typing import Self

import numpy as np
from pydantic import Field

from passband.distribution import Normal
from passband.microscope.conditions import AnyConditions, ConditionDistribution, Conditions
from passband.recipe import Recipe


class ConditionSet(Recipe):
    """Images that are evaluated together: their conditions, and a Gaussian jitter of defocus about each.

    Its transfer is the root mean square T_rms(q) = √E[T²] over the images. The mean over the jitter is taken in closed
    form, E[sin²(χ + πλδq²)] = ½ [1 − cos 2χ · exp(−2 (πλ s q²)²)] for δ normal with standard deviation s, which also
    removes the singularity at C10 = C30 = 0. (Of an angular spread, the envelope at the mean defocus is taken.)

    Attributes
    ----------
    conditions
        At least one setting, equally weighted.
    defocus_jitter
        Standard deviation of the defocus from image to image, Å.
    """

    conditions: tuple[Conditions, ...] = Field(min_length=1)
    defocus_jitter: float = Field(default=0.0, ge=0.0)

    @classmethod
    def drawn(cls, distribution: AnyConditions, *, draws: int = 64, seed: int = 0) -> Self:
        """Return a condition set that stands for a distribution: `draws` settings of it, one where nothing else varies.

        A normal C10 becomes the mean and the jitter, so it costs no draws. A mixture is the union of its members, each
        as often as it is likely, to one in `draws`; where their jitters differ, every C10 is drawn.
        """
        centred = [_without_jitter(member) for member in distribution.members]
        jitters = {jitter for _, jitter in centred}
        common = jitters.pop() if len(jitters) == 1 else None
        members = [member for member, _ in centred] if common is not None else list(distribution.members)
        conditions: list[Conditions] = []
        for member, count in zip(members, _counts(distribution, draws), strict=True):
            conditions += member.sample(count, np.random.default_rng(seed))
        return cls(conditions=tuple(_simplest(conditions)), defocus_jitter=common or 0.0)


def _without_jitter(distribution: ConditionDistribution) -> tuple[ConditionDistribution, float]:
    """Return the distribution with the mean of a normal C10 in its place, and the standard deviation."""
    c10 = distribution.aberrations.get("C10", 0.0)
    if not isinstance(c10, Normal):
        return distribution, 0.0
    aberrations = {**distribution.aberrations, "C10": c10.normal[0]}
    return distribution.model_copy(update={"aberrations": aberrations}), c10.normal[1]


def _counts(distribution: AnyConditions, draws: int) -> list[int]:
    """How many settings stand for each member, at least one; `draws` for a member of mean share."""
    probabilities = (1.0,) if isinstance(distribution, ConditionDistribution) else distribution.probabilities
    return [max(1, round(draws * probability * len(probabilities))) for probability in probabilities]


def _simplest(conditions: Sequence[Conditions]) -> list[Conditions]:
    """Return the settings in as few copies of each as keep their proportions."""
    copies = Counter(conditions)
    common = gcd(*copies.values())
    return [one for one, count in copies.items() for _ in range(count // common)]

"""What is computed of one campaign of the registered comparison: its tests, and what is told without one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from passband.forecast.tables import MEASURES
from studies.preregistered.comparison import (
    BASE,
    DRAWS,
    DRAWS_OF_PARTS,
    TESTED,
    UNSIGNED,
    Campaign,
    Estimate,
    Interval,
    ceiling,
    compare,
    holm,
    parts,
    void,
    won,
)
from studies.ranking import within_groups

WITHOUT = "without the focus row"
EVERY, INDUCED = "all pairs", "induced loss"
WITHIN = {"within a network": "run", "within a data set": "dataset"}


@dataclass(frozen=True)
class Part:
    """Some of the pairs: how many, ρ between two seeds on them, and ρ of each measure with its interval."""

    pairs: int | None
    ceiling: float
    rhos: Mapping[str, Interval]


@dataclass(frozen=True)
class Result:
    """Of a campaign; `losses` are means on own conditions and on others, `away` differences without the focus row."""

    kind: str
    pixel_size: float
    planned: int
    networks: int
    not_learned: int
    losses: tuple[float, float]
    tests: Mapping[str, Estimate]
    away: Mapping[str, float]
    parts: Mapping[str, Part]
    corrected: Mapping[str, float] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Of the campaign, in tables."""
        return f"{self.kind}, {self.pixel_size:g} Å"

    @property
    def void(self) -> bool:
        """Whether too many networks have not learned, or are not there."""
        return void(self.planned, self.networks, self.not_learned)

    def outcome(self, measure: str) -> int:
        """Whether a measure wins (+1), loses (−1), or neither."""
        if self.void:
            return 0
        return won(self.tests[measure].difference[0], self.away[measure], self.corrected[measure])


def measure(campaign: Campaign, draws: int = DRAWS, draws_of_parts: int = DRAWS_OF_PARTS) -> Result:
    """Compute everything; `draws` of the tests, and of what is told without one."""
    pairs, masks = campaign.pairs, parts(campaign.pairs)
    every = masks[EVERY]
    without = compare(pairs, masks[WITHOUT], TESTED, draws=0)
    names = [*MEASURES, UNSIGNED]
    told = {}
    for name, (mask, target) in {
        **{one: (masks[one], "loss") for one in masks},
        INDUCED: (every, "induced_loss"),
    }.items():
        found = compare(pairs, mask, names, target=target, draws=draws_of_parts)
        rhos = {one: estimate.rho for one, estimate in found.items()}
        told[name] = Part(int(mask.sum()), ceiling(pairs, mask, target=target), rhos)
    for name, column in WITHIN.items():
        groups, losses = list(pairs[column][every]), pairs["loss"][every]
        values = {one: within_groups(pairs[one][every], losses, groups) for one in names}
        told[name] = Part(None, np.nan, {one: (value, np.nan, np.nan) for one, value in values.items()})
    own, other = (float(np.mean(pairs["loss"][pairs["own"] == own])) for own in (1, 0))
    return Result(
        campaign.kind,
        campaign.pixel_size,
        campaign.planned,
        campaign.networks,
        campaign.not_learned,
        (own, other),
        compare(pairs, every, TESTED, draws=draws),
        {name: one.difference[0] for name, one in without.items() if name != BASE},
        told,
    )


def correct(results: Sequence[Result]) -> list[Result]:
    """Correct the p-values of all campaigns together."""
    places = [(place, name) for place in range(len(results)) for name in TESTED]
    found = dict(zip(places, holm([results[place].tests[name].p for place, name in places]), strict=True))
    return [replace(one, corrected={name: found[place, name] for name in TESTED}) for place, one in enumerate(results)]

"""What a campaign expands to, counted before one experiment is made, and why it cannot be."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from passband.campaign.families import ConditionFamily
from passband.campaign.part import Part

MOST_RUNS, MOST_CONDITIONS = 10**6, 10**5
MOST_ROWS = 10**9  # networks times evaluations of a campaign


def expansion_problems(families: Mapping[str, ConditionFamily], parts: Sequence[Part]) -> Iterator[str]:
    """Say why a campaign cannot be expanded, from counts alone: one that is too large is never made."""
    counts = {name: family.count for name, family in families.items()}
    for name, count in counts.items():
        if count > MOST_CONDITIONS:
            yield f"families.{name} has {count:.3g} conditions; at most {MOST_CONDITIONS} are made, so thin its grid"
    runs = rows = 0
    for part in parts:
        trained = counts[part.train_on] * len(part.series)
        runs += trained * (1 if part.together else len(part.seeds))
        rows += trained * len(part.seeds) * counts[part.evaluate_on] * len(part.structures)
    if runs > MOST_RUNS:
        yield f"the parts have {runs:.3g} runs; at most {MOST_RUNS} are made, so thin grids, series or seeds"
    if rows > MOST_ROWS:
        yield f"the parts measure {rows:.3g} times; at most {MOST_ROWS:.0e} are made, so thin what is evaluated"


def family_problems(name: str, family: ConditionFamily) -> Iterator[str]:
    """Say why the conditions of a family cannot be told apart."""
    twice = [one for one, count in Counter(one.name for one in family.conditions()).items() if count > 1]
    if twice:
        cure = "drop it, or round grid values to six digits"
        yield f"families.{name} has two conditions named {twice[0]!r}; {cure}"

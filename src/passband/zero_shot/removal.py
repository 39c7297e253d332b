"""Which proposals say something that no other says: removal of doubles, compounds, tiny children and islands.

The rules are a reconstruction of the removal of "SAM-I-Am" (Abebe et al., Comput. Mater. Sci. 246, 113400); its own
thresholds were not published with the text that we have, so every number is a parameter here.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from passband.recipe import Recipe
from passband.zero_shot.proposals import Proposals

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
#: What may become of a proposal: it was kept, or why it went.
FATES = ("kept", "oversized", "redundant", "compound", "tiny child", "tiny island")


class Removal(Recipe):
    """When a mask is removed. Containment of m in p is |m ∩ p| / |m|; areas are fractions of the image.

    Attributes
    ----------
    oversized
        Larger masks go, unless nothing else is left: then the surest of them is the one material of the image.
    redundant
        Of two masks with a larger IoU the one of higher quality stays.
    contained
        A mask is the child of a larger one from this containment on.
    compound_child
        Children of at least this fraction of their parent count as its parts.
    compound_cover
        A parent goes if at least two parts together cover more than this fraction of it.
    tiny_child
        A child below this fraction of a parent that stays goes.
    tiny_island
        A mask without a parent and below this fraction of the image goes.
    grid
        Cells of the longest side on which overlaps are counted, one sample in each: what is narrower than a cell may
        be missed, and goes as tiny.
    """

    oversized: Fraction = 0.95
    redundant: Fraction = 0.85
    contained: Fraction = 0.9
    compound_child: Fraction = 0.1
    compound_cover: Fraction = 0.8
    tiny_child: Fraction = 0.1
    tiny_island: Fraction = 0.005
    grid: PositiveInt = 256


@dataclass(frozen=True, eq=False)
class Removed:
    """What removal left of some proposals.

    Attributes
    ----------
    kept
        Numbers of the proposals that stay, in the order in which they were given.
    fates
        (n,): what became of each, one of `FATES`.
    """

    kept: NDArray[np.int64]
    fates: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """How many proposals met each fate."""
        return {fate: self.fates.count(fate) for fate in FATES}


def remove(proposals: Proposals, rules: Removal | None = None) -> Removed:
    """Decide of every proposal whether it stays.

    Oversized ones go first, then redundant ones, best quality first; then compounds, the largest first, and last what
    is tiny. The answer does not depend on the order of the proposals but where they are alike in quality, stability
    and area.
    """
    rules = rules or Removal()
    sampled = sampled_masks(proposals, rules.grid)
    counted = sampled.astype(np.float32)
    common = counted @ counted.T  # cells of both: whole numbers, exact
    areas, cells = common.diagonal().copy(), sampled.shape[1]
    better = np.lexsort((-areas, -proposals.stability, -proposals.quality))
    fates = np.full(len(proposals), "kept", dtype="<U11")
    fates[areas > rules.oversized * cells] = "oversized"
    _mark_redundant(fates, common, better, rules)
    child = (common >= rules.contained * areas[:, None]) & (areas[:, None] < areas[None, :])
    _mark_compounds(fates, np.packbits(sampled, axis=1), child, rules)
    _mark_tiny(fates, areas / cells, child, rules)
    if not (fates == "kept").any():
        fates[better[fates[better] == "oversized"][:1]] = "kept"
    return Removed(np.flatnonzero(fates == "kept"), tuple(fates.tolist()))


def coarse_grid(grid: tuple[int, int], longest: int) -> tuple[int, int]:
    """Rows and columns in the proportion of a grid, none more than `longest`."""
    rows, columns = (max(1, side * min(longest, max(grid)) // max(grid)) for side in grid)
    return rows, columns


def sampled_masks(proposals: Proposals, grid: int) -> NDArray[np.bool_]:
    """Masks as rows (n, cells), the longest side of the image at most `grid` cells, each sampled in its middle."""
    rows, columns = coarse_grid(proposals.grid, grid)
    return proposals.on_grid((rows, columns)).masks.reshape(len(proposals), rows * columns)


def _mark_redundant(
    fates: NDArray[np.str_], common: NDArray[np.float32], better: NDArray[np.int64], rules: Removal
) -> None:
    areas = common.diagonal()
    alike = common > rules.redundant * (areas[:, None] + areas[None, :] - common)
    for place, number in enumerate(better):
        if fates[number] == "kept":
            worse = better[place + 1 :]
            fates[worse[alike[number, worse] & (fates[worse] == "kept")]] = "redundant"


def _mark_compounds(fates: NDArray[np.str_], bits: NDArray[np.uint8], child: NDArray[np.bool_], rules: Removal) -> None:
    areas = np.bitwise_count(bits).sum(1)
    for parent in np.argsort(-areas.astype(np.int64), kind="stable"):
        if fates[parent] == "kept":
            parts = child[:, parent] & (fates == "kept") & (areas >= rules.compound_child * areas[parent])
            covered = np.bitwise_count(np.bitwise_or.reduce(bits[parts], axis=0) & bits[parent]).sum()
            if parts.sum() >= 2 and covered > rules.compound_cover * areas[parent]:
                fates[parent] = "compound"


def _mark_tiny(fates: NDArray[np.str_], areas: NDArray[np.float32], child: NDArray[np.bool_], rules: Removal) -> None:
    stay = fates == "kept"
    family = child & stay[:, None] & stay[None, :]
    small = (family & (areas[:, None] < rules.tiny_child * areas[None, :])).any(1)
    alone = stay & ~family.any(1) & (areas < rules.tiny_island)
    fates[small] = "tiny child"
    fates[alone] = "tiny island"

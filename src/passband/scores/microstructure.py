"""How right masks of materials are: each true mask against the one that matches it best, and masks that nobody needs.

The scores of "SAM-I-Am" (Abebe et al., Comput. Mater. Sci. 246, 113400), for whole masks and for their boundaries. Its
rule of when a mask matches was not published with the text that we have; both of ours are named with the numbers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.entries import Entries
from passband.recipe import PassbandError
from passband.scores.overlap import boundary_width, mask_boundary
from passband.zero_shot.proposals import Proposals

Mask = NDArray[np.bool_]
Counts = NDArray[np.float64]

#: Weights of true masks by how hard they are to see, as the paper has them.
LABEL_WEIGHTS = {"easy": 10.0, "hard": 1.0}


@dataclass(frozen=True)
class MatchingRule:
    """When a predicted mask s matches a true mask g.

    Attributes
    ----------
    name
        What options call it.
    says
        What is printed with the numbers.
    ratio
        Cells of both, of s and of g → what must be above one half.
    """

    name: str
    says: str
    ratio: Callable[[Counts, Counts, Counts], Counts]


def _ratio(numerator: Counts, denominator: Counts) -> Counts:
    out: Counts = np.divide(numerator, denominator, out=np.zeros(np.shape(numerator)), where=denominator > 0)
    return out


RULES: Entries[MatchingRule] = Entries(
    "matching rule",
    (
        MatchingRule("inside", "|s∩g|/|s| > 0.5", lambda both, s, g: _ratio(both, np.broadcast_to(s, both.shape))),
        MatchingRule("iou", "|s∩g|/|s∪g| > 0.5", lambda both, s, g: _ratio(both, s + g - both)),
    ),
)


@dataclass(frozen=True)
class MicrostructureScores:
    """Scores of one image; means are over its true masks, weighted, and one that nothing matches counts 0.

    Attributes
    ----------
    miou, recall, precision
        |g∩s|/|g∪s|, |g∩s|/|g| and |g∩s|/|s| of each true mask g and the mask s that matches it best, by IoU.
    boundary_miou, boundary_recall, boundary_precision
        The same of the boundary stripes of both, inward and `width` pixels wide (Cheng et al. 2021, arXiv 2103.16562).
    fpr
        For each g the masks that match it without being its best, over all masks that were predicted; not weighted.
    superfluous
        How many predicted masks are the best of no true mask.
    masks
        How many were predicted.
    rule
        `MatchingRule.says`.
    """

    miou: float
    recall: float
    precision: float
    boundary_miou: float
    boundary_recall: float
    boundary_precision: float
    fpr: float
    superfluous: float
    masks: int
    rule: str


#: Scores that are averaged over images, in the order of tables.
AVERAGED = (
    *("miou", "recall", "precision", "boundary_miou", "boundary_recall", "boundary_precision", "fpr", "superfluous"),
)


def score_masks(
    masks: ArrayLike,
    truth: ArrayLike,
    *,
    rule: str = "inside",
    weights: Sequence[float] | None = None,
    boundary: float = 0.02,
) -> MicrostructureScores:
    """Score the masks that were predicted for an image.

    Parameters
    ----------
    masks
        (n, rows, columns) of booleans, on the grid of the truth or a coarser one of the same image; they may overlap.
    truth
        (m, y, x) of booleans.
    rule
        One of `RULES`.
    weights
        (m,): of the true masks in means, such as `LABEL_WEIGHTS`; default: all the same.
    boundary
        Width of the stripes as a fraction of the diagonal.

    Raises
    ------
    PassbandError
        There is no true mask, one is empty, or the shapes or weights do not fit.
    """
    true = np.asarray(truth, dtype=bool)
    weight = _checked_weights(true, weights)
    predicted = Proposals.of_masks(masks, shape=(true.shape[1], true.shape[2]))
    chosen, count = RULES[rule], len(predicted)
    both, areas = _common(predicted, true)
    sizes = true.sum((1, 2)).astype(np.float64)
    iou = _ratio(both, areas[:, None] + sizes - both)
    matching = chosen.ratio(both, areas[:, None], sizes[None, :]) > 0.5
    best = np.where(matching, iou, -1.0).argmax(0) if count else np.zeros(len(true), np.int64)
    found = matching.any(0)
    width = boundary_width(true.shape[1:], fraction=boundary)
    values = np.zeros((len(true), 6))
    for number in np.flatnonzero(found):
        mask = _full(predicted, best[number])
        stripes = mask_boundary(mask, width=width), mask_boundary(true[number], width=width)
        values[number] = [*_three_ratios(mask, true[number]), *_three_ratios(*stripes)]
    miou, recall, precision, of_boundary, found_of_it, right_of_it = map(
        float, np.average(values, axis=0, weights=weight)
    )
    false = np.maximum(matching.sum(0) - 1, 0) / max(count, 1)
    unused = count - len(np.unique(best[found]))
    return MicrostructureScores(
        miou=miou,
        recall=recall,
        precision=precision,
        boundary_miou=of_boundary,
        boundary_recall=found_of_it,
        boundary_precision=right_of_it,
        fpr=float(false.mean()),
        superfluous=float(unused),
        masks=count,
        rule=chosen.says,
    )


def _checked_weights(true: Mask, weights: Sequence[float] | None) -> Counts:
    if true.ndim != 3 or not len(true) or not true.any((1, 2)).all():
        raise PassbandError(
            f"the truth of shape {true.shape} must be (m, y, x) with no empty mask; leave out empty ones"
        )
    known = np.ones(len(true)) if weights is None else np.asarray(weights, dtype=np.float64)
    if known.shape != (len(true),) or not (known >= 0).all() or not known.sum() > 0:
        raise PassbandError(f"weights={weights} for {len(true)} true masks; give one of each, none below 0, not all 0")
    return known


def _full(predicted: Proposals, number: int) -> Mask:
    """One predicted mask at the size of the image."""
    full: Mask = predicted.chosen([number]).on_grid(predicted.shape).masks[0]
    return full


def _common(predicted: Proposals, true: Mask) -> tuple[Counts, Counts]:
    """Pixels (n, m) of both, and of each predicted mask (n,), on the grid of the truth; one mask at a time."""
    packed = np.packbits(true.reshape(len(true), -1), axis=1)
    both, areas = np.zeros((len(predicted), len(true))), np.zeros(len(predicted))
    for number in range(len(predicted)):
        bits = np.packbits(_full(predicted, number))
        areas[number] = np.bitwise_count(bits).sum()
        both[number] = np.bitwise_count(packed & bits).sum(1)
    return both, areas


def _three_ratios(mask: Mask, true: Mask) -> Iterator[float]:
    """IoU, recall and precision."""
    both = float((mask & true).sum())
    for size in ((mask | true).sum(), true.sum(), mask.sum()):
        yield both / float(size) if size else 0.0


@dataclass(frozen=True)
class Interval:
    """A mean over images, and where 95 % of the means of images drawn again lie."""

    mean: float
    low: float
    high: float


def means_over_images(
    scores: Sequence[MicrostructureScores],
    *,
    before: Sequence[MicrostructureScores] | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> Mapping[str, Interval]:
    """Average every score of `AVERAGED` over images, with bootstrap intervals (percentiles 2.5 and 97.5).

    Parameters
    ----------
    scores
        One for each image, all by one matching rule.
    before
        Of the same images at an earlier stage: then what is averaged is the gain, image by image.
    draws
        How often images are drawn again, with replacement.
    seed
        Of these draws.

    Raises
    ------
    PassbandError
        There is no image, the images are not as many, or the matching rules differ.
    """
    rules = {one.rule for one in (*scores, *(before or ()))}
    if len(rules) != 1 or (before is not None and len(before) != len(scores)):
        raise PassbandError(
            f"{len(scores)} images, {len(scores if before is None else before)} before, by the rules "
            f"{', '.join(sorted(rules)) or 'none'}; average the same images by one rule"
        )
    table = np.array([[getattr(one, name) for name in AVERAGED] for one in scores])
    if before is not None:
        table = table - np.array([[getattr(one, name) for name in AVERAGED] for one in before])
    again = np.random.default_rng(seed).integers(0, len(table), (draws, len(table)))
    low, high = np.percentile(table[again].mean(1), [2.5, 97.5], axis=0)
    return {name: Interval(*map(float, row)) for name, *row in zip(AVERAGED, table.mean(0), low, high, strict=True)}


def means_by_class(
    scores: Sequence[MicrostructureScores], classes: Sequence[str], *, draws: int = 2000, seed: int = 0
) -> Mapping[str, Mapping[str, Interval]]:
    """`means_over_images` of the images of each class of difficulty, in the order in which they first occur."""
    return {
        name: means_over_images(
            [one for one, of in zip(scores, classes, strict=True) if of == name], draws=draws, seed=seed
        )
        for name in dict.fromkeys(classes)
    }

"""How well two segmentations overlap: Dice, IoU, boundary IoU, precision, recall, and what each mean is over."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.entries import Entries
from passband.recipe import PassbandError

Mask = NDArray[np.bool_]
PerClass = NDArray[np.float64]
Average = Literal["images", "pixels"]


@dataclass(frozen=True)
class MaskPair:
    """One class in one image, predicted and true, both (y, x), with the counts that scores are ratios of.

    `width` is that of the boundaries in pixels.
    """

    prediction: Mask
    truth: Mask
    width: int

    @cached_property
    def both(self) -> int:
        """Pixels of the class in the prediction and in the truth."""
        return int(np.count_nonzero(self.prediction & self.truth))

    @cached_property
    def predicted(self) -> int:
        """Pixels of the class in the prediction."""
        return int(np.count_nonzero(self.prediction))

    @cached_property
    def true(self) -> int:
        """Pixels of the class in the truth."""
        return int(np.count_nonzero(self.truth))

    @property
    def boundaries(self) -> tuple[Mask, Mask]:
        """Boundary of the prediction and of the truth."""
        return mask_boundary(self.prediction, width=self.width), mask_boundary(self.truth, width=self.width)


@dataclass(frozen=True, kw_only=True)
class OverlapScore:
    """One score: a ratio of two counts.

    Attributes
    ----------
    name
        Name of its column.
    says
        What it is, in a few words.
    counts
        Numerator and denominator of one class in one image; without a denominator the score is not defined.
    """

    name: str
    says: str
    counts: Callable[[MaskPair], tuple[float, float]]


def _boundary_counts(pair: MaskPair) -> tuple[int, int]:
    predicted, true = pair.boundaries
    return int(np.count_nonzero(predicted & true)), int(np.count_nonzero(predicted | true))


#: The columns of `passband evaluate` are these, in this order.
SCORES: Entries[OverlapScore] = Entries(
    "score",
    (
        OverlapScore(
            name="dice",
            says="2|p∩t|/(|p|+|t|)",
            counts=lambda pair: (2 * pair.both, pair.predicted + pair.true),
        ),
        OverlapScore(
            name="iou",
            says="|p∩t|/|p∪t|",
            counts=lambda pair: (pair.both, pair.predicted + pair.true - pair.both),
        ),
        OverlapScore(
            name="boundary_iou",
            says="IoU of the boundary stripes (Cheng et al. 2021, arXiv 2103.16562)",
            counts=_boundary_counts,
        ),
        OverlapScore(
            name="precision",
            says="|p∩t|/|p|, not defined where nothing was predicted",
            counts=lambda pair: (pair.both, pair.predicted),
        ),
        OverlapScore(
            name="recall",
            says="|p∩t|/|t|, not defined where there is nothing to find",
            counts=lambda pair: (pair.both, pair.true),
        ),
    ),
)


@dataclass(frozen=True)
class OverlapScores:
    """Scores by name, each one number per class; NaN where it is not defined for the class."""

    values: Mapping[str, PerClass]

    def __getitem__(self, name: str) -> PerClass:
        return self.values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def mean(self) -> dict[str, float]:
        """Macro mean of every score: each class weighs the same whatever its area; NaN classes are left out."""
        return {name: _nanmean(values) for name, values in self.values.items()}

    def to_row(self, class_names: tuple[str, ...] | None = None) -> dict[str, float]:
        """Flat dictionary for a table: `iou` … are the macro means, `iou_<class>` … the single classes."""
        row = self.mean()
        for score, values in self.values.items():
            names = class_names or tuple(str(number) for number in range(len(values)))
            row |= {f"{score}_{name}": float(value) for name, value in zip(names, values, strict=True)}
        return row


def _nanmean(values: PerClass) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _ratio(numerator: PerClass, denominator: PerClass) -> PerClass:
    out = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=out, where=denominator > 0)
    return out


def overlap_scores(
    prediction: ArrayLike,
    truth: ArrayLike,
    *,
    classes: int | None = None,
    average: Average = "images",
    boundary: float = 0.02,
) -> OverlapScores:
    """Compare class numbers pixel by pixel.

    Parameters
    ----------
    prediction, truth
        (y, x) or (n, y, x): class numbers from 0, or booleans.
    classes
        How many there are; by default one more than the largest number in either.
    average
        "images": scores per image, then the mean over those images in which the class occurs at all. "pixels": areas
        are summed over all images first, so that large particles in rich fields weigh more. The same for a single
        image.
    boundary
        Width of the boundary for `boundary_iou`, as a fraction of the image diagonal.

    Returns
    -------
    OverlapScores
        Every one of `SCORES`. Where a class is in the truth but never predicted its precision is NaN and everything
        else 0; where it is predicted but not there its recall is NaN.

    Raises
    ------
    PassbandError
        Shapes differ, numbers are not whole or not below `classes`.
    """
    predicted, true, classes = _checked(prediction, truth, classes)
    width = boundary_width(predicted.shape[-2:], fraction=boundary)
    counts = np.zeros((len(SCORES), 2, len(predicted), classes))
    for image in range(len(predicted)):
        for number in range(classes):
            pair = MaskPair(predicted[image] == number, true[image] == number, width)
            counts[..., image, number] = [score.counts(pair) for score in SCORES.values()]
    if average == "pixels":
        counts = counts.sum(2, keepdims=True)
    ratios = {name: _ratio(*both) for name, both in zip(SCORES, counts, strict=True)}
    return OverlapScores({name: np.array([_nanmean(column) for column in one.T]) for name, one in ratios.items()})


def _checked(
    prediction: ArrayLike, truth: ArrayLike, classes: int | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    arrays = [np.asarray(prediction), np.asarray(truth)]
    shape = arrays[0].shape
    if shape != arrays[1].shape or len(shape) not in (2, 3) or 0 in shape:
        raise PassbandError(
            f"prediction {shape} and truth {arrays[1].shape} must have one shape, (y, x) or (n, y, x), not empty"
        )
    for name, array in zip(("prediction", "truth"), arrays, strict=True):
        if array.dtype.kind not in "bui":
            raise PassbandError(
                f"{name} of type {array.dtype} is not class numbers; threshold or argmax probabilities first"
            )
    predicted, true = (array.astype(np.int64).reshape(-1, *shape[-2:]) for array in arrays)
    largest = int(max(predicted.max(), true.max()))
    count = max(2, largest + 1) if classes is None else classes
    if largest >= count or min(predicted.min(), true.min()) < 0:
        lowest = int(min(predicted.min(), true.min()))
        raise PassbandError(
            f"class numbers run from {lowest} to {largest} but must be 0 to {count - 1}; relabel or raise classes"
        )
    return predicted, true, count


def boundary_width(shape: tuple[int, ...], *, fraction: float = 0.02) -> int:
    """Width of the boundary in pixels: max(1, round(fraction · diagonal)) (Cheng et al. 2021, arXiv 2103.16562)."""
    return max(1, round(fraction * float(np.hypot(shape[-2], shape[-1]))))


def mask_boundary(mask: ArrayLike, *, width: int) -> Mask:
    """Pixels of a mask (y, x) within `width` steps of its outside: the mask minus its `width`-fold 3×3 erosion.

    Beyond the image counts as outside, so a mask that runs off the image has a boundary there (Cheng et al. 2021).
    The erosions are one minimum filter of side 2·width + 1, taken along y and then x by running sums.
    """
    inside = np.asarray(mask, dtype=bool)
    eroded = inside
    for axis in (0, 1):
        eroded = _erode_along(eroded, width, axis)
    rim: Mask = inside & ~eroded
    return rim


def _erode_along(mask: Mask, width: int, axis: int) -> Mask:
    """Keep the pixels whose 2·width + 1 neighbours along one axis, centred on them, are all set."""
    padding = [(0, 0), (0, 0)]
    padding[axis] = (width + 1, width)  # one more before, for the leading zero of the running sum
    running = np.cumsum(np.pad(mask, padding), axis=axis, dtype=np.int32)
    span = 2 * width + 1
    length = mask.shape[axis]
    ends = np.take(running, np.arange(span, span + length), axis=axis)
    starts = np.take(running, np.arange(length), axis=axis)
    survives: Mask = ends - starts == span
    return survives


def boundary_iou(prediction: ArrayLike, truth: ArrayLike, *, fraction: float = 0.02) -> float:
    """IoU of the boundary stripes of two masks (y, x); NaN where both masks are empty."""
    p, t = np.asarray(prediction, dtype=bool), np.asarray(truth, dtype=bool)
    shared, either = _boundary_counts(MaskPair(p, t, boundary_width(p.shape, fraction=fraction)))
    return shared / either if either else float("nan")

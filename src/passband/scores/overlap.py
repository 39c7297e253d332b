"""How well two segmentations overlap: IoU, Dice, precision, recall, boundary IoU, and what each mean is over."""

from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.recipe import PassbandError

Mask = NDArray[np.bool_]
PerClass = NDArray[np.float64]
Average = Literal["images", "pixels"]


@dataclass(frozen=True)
class OverlapScores:
    """One number per class for each score; NaN where the class occurs neither in prediction nor truth."""

    iou: PerClass
    dice: PerClass
    precision: PerClass
    recall: PerClass
    boundary_iou: PerClass

    def mean(self) -> dict[str, float]:
        """Macro mean of every score: each class weighs the same whatever its area; NaN classes are left out."""
        return {field.name: _nanmean(getattr(self, field.name)) for field in fields(self)}

    def to_row(self, class_names: tuple[str, ...] | None = None) -> dict[str, float]:
        """Flat dictionary for a table: `iou` … are the macro means, `iou_<class>` … the single classes."""
        names = class_names or tuple(str(number) for number in range(len(self.iou)))
        row = self.mean()
        for field in fields(self):
            values = getattr(self, field.name)
            row |= {f"{field.name}_{name}": float(value) for name, value in zip(names, values, strict=True)}
        return row


def _nanmean(values: PerClass) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _ratio(numerator: PerClass, denominator: PerClass) -> PerClass:
    out = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
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
        IoU = |p∩t|/|p∪t|; Dice = 2|p∩t|/(|p|+|t|); precision = |p∩t|/|p|; recall = |p∩t|/|t|. Where a class is in the
        truth but never predicted its precision is NaN and everything else 0; where it is predicted but not there its
        recall is NaN.

    Raises
    ------
    PassbandError
        Shapes differ, numbers are not whole or not below `classes`.
    """
    predicted, true, classes = _checked(prediction, truth, classes)
    n = len(predicted)
    both, in_prediction, in_truth, boundary_both, boundary_any = (np.zeros((n, classes)) for _ in range(5))
    width = boundary_width(predicted.shape[-2:], fraction=boundary)
    for image in range(n):
        for number in range(classes):
            p, t = predicted[image] == number, true[image] == number
            both[image, number] = np.count_nonzero(p & t)
            in_prediction[image, number], in_truth[image, number] = np.count_nonzero(p), np.count_nonzero(t)
            p_rim, t_rim = mask_boundary(p, width=width), mask_boundary(t, width=width)
            boundary_both[image, number] = np.count_nonzero(p_rim & t_rim)
            boundary_any[image, number] = np.count_nonzero(p_rim | t_rim)
    if average == "pixels":
        counts = (both, in_prediction, in_truth, boundary_both, boundary_any)
        both, in_prediction, in_truth, boundary_both, boundary_any = (count.sum(0, keepdims=True) for count in counts)
    per_image = (
        _ratio(both, in_prediction + in_truth - both),
        _ratio(2.0 * both, in_prediction + in_truth),
        _ratio(both, in_prediction),
        _ratio(both, in_truth),
        _ratio(boundary_both, boundary_any),
    )
    return OverlapScores(*(np.array([_nanmean(column) for column in score.T]) for score in per_image))


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
    width = boundary_width(p.shape, fraction=fraction)
    p_rim, t_rim = mask_boundary(p, width=width), mask_boundary(t, width=width)
    either = np.count_nonzero(p_rim | t_rim)
    return np.count_nonzero(p_rim & t_rim) / either if either else float("nan")

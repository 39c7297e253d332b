"""What points bring: one in the middle of a material, then one more where the mask is most wrong."""

import time

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from passband.zero_shot.prompts import Embedding, Prompt
from studies.zero_shot.benchmark import LabelledImage

Mask = NDArray[np.bool_]
Point = tuple[float, float]


def deepest(mask: Mask) -> tuple[Point, float]:
    """Place (y, x) in a mask that is farthest from its border, the border of the image included, and how far it is."""
    depth = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), mask.shape)
    return (float(y), float(x)), float(depth[y, x])


def prompted(embedding: Embedding, shown: LabelledImage, *, most: int, grid: int) -> list[dict[str, str | float]]:
    """Return IoU of each material after 1 to `most` points, and the seconds that the answer took.

    The first point is in the middle of the material; each other one in the middle of what is missing of it, or of what
    is wrongly in it, whichever is wider; so would a person go on.
    """
    step = max(shown.image.shape) // grid
    rows: list[dict[str, str | float]] = []
    for name, full in zip(shown.materials, shown.masks, strict=True):
        truth = full[step // 2 :: step, step // 2 :: step]
        points: list[Point] = [_at(deepest(truth)[0], step)]
        avoid: list[Point] = []
        for count in range(1, most + 1):
            started = time.perf_counter()
            found = embedding.answer(Prompt(points=tuple(points), avoid=tuple(avoid)))
            seconds = time.perf_counter() - started
            best = found.on_grid(truth.shape).masks[0] if len(found) else np.zeros_like(truth)
            union = np.count_nonzero(best | truth)
            iou = np.count_nonzero(best & truth) / union if union else 0.0
            rows.append({"material": name, "points": count, "iou": float(iou), "seconds": seconds})
            missing, wrong = deepest(truth & ~best), deepest(best & ~truth)
            (points if missing[1] >= wrong[1] else avoid).append(
                _at(max(missing, wrong, key=lambda one: one[1])[0], step)
            )
    return rows


def _at(cell: Point, step: int) -> Point:
    return cell[0] * step + step // 2, cell[1] * step + step // 2

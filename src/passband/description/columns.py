"""Atom columns as found in one image: where, of which class, how high and wide, and how sure."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SEVERAL = 10  # columns: fewer may be single atoms
NEAREST, FARTHEST = 0.45, 20.0  # Å, of the nearest columns of crystals: dumbbells of Ge [114], and open frameworks


@dataclass(frozen=True, eq=False)
class AtomColumns:
    """Atom columns of one image, n of them, in reading order; each array has one value a column.

    Attributes
    ----------
    x, y
        Place in pixels; a whole number is the centre of a pixel, the first of which has 0.
    label
        Class as a number, an index into `classes`.
    height
        Of the Gaussian above the background, in units of the image. Dark columns have a positive height too.
    sigma
        Standard deviation of the Gaussian, Å.
    confidence
        From 0 to 1: with a network the share of right ones among columns for which as much speaks
        (`confidence.column_confidence`); without one, one less the expected share of noise among the columns that
        stand out as much, or more.
    x_error, y_error
        Estimated standard errors of the place, in pixels.
    classes
        Names of the classes.
    pixel_size
        (y, x) in Å.
    shape
        Of the image, (y, x).
    """

    x: Array
    y: Array
    label: NDArray[np.intp]
    height: Array
    sigma: Array
    confidence: Array
    x_error: Array
    y_error: Array
    classes: tuple[str, ...]
    pixel_size: tuple[float, float]
    shape: tuple[int, int]

    def __len__(self) -> int:
        return len(self.x)

    @property
    def positions(self) -> Array:
        """(n, 2): x, y in Å from the centre of the first pixel."""
        return in_angstrom(self.x, self.y, self.pixel_size)

    @property
    def border(self) -> Array:
        """Distance to the nearest edge of the image, Å; the edge is half a pixel beyond the outer pixels' centres."""
        sides = [
            (np.minimum(place, length - 1 - place) + 0.5) * step
            for place, length, step in zip((self.y, self.x), self.shape, self.pixel_size, strict=True)
        ]
        return np.asarray(np.minimum(*sides))

    @property
    def names(self) -> list[str]:
        """Class of each column by its name."""
        return [self.classes[number] for number in self.label]

    def chosen(self, which: NDArray[Any]) -> "AtomColumns":
        """Return some of the columns: a mask or indices."""
        names = ("x", "y", "label", "height", "sigma", "confidence", "x_error", "y_error")
        return replace(self, **{name: getattr(self, name)[which] for name in names})


def no_columns_remark(image: NDArray[Any]) -> str:
    """Say why an image (y, x) shows no columns."""
    return "no columns: every pixel is the same" if np.ptp(image) == 0 else "no columns stand out of the noise"


def spacing_remark(spacing: float | None, *, columns: int) -> str:
    """Say that columns this far (Å) from their nearest ones are none of a crystal; nothing of others, or of few."""
    if spacing is None or columns < SEVERAL or NEAREST <= spacing <= FARTHEST:
        return ""
    return (
        f"the nearest columns are {spacing:.3g} Å apart; in crystals it is {NEAREST:g} to {FARTHEST:g} Å. Check the "
        "pixel size (--pixel-size)"
    )


def in_angstrom(x: Array, y: Array, pixel_size: tuple[float, float]) -> Array:
    """Return places (n, 2), x, y in Å, of those in pixels of a size (y, x) in Å."""
    return np.stack([x * pixel_size[1], y * pixel_size[0]], axis=1)

"""Point defects as found in one image: where, of which kind, how sure; from the probabilities of a network."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.description.columns import in_angstrom
from passband.description.probabilities import checked_maps, find_candidates
from passband.pixels import pixel_pair
from passband.recipe import PassbandError

Array = NDArray[np.float64]

#: Å: a defect that is found farther from a true one is another. 7.5 pixels of 0.2074 Å in Khan et al., npj Comput.
#: Mater. 9 (2023) 85; the columns of WSe2 are 1.89 Å apart.
MATCHED = 1.56
#: Probability of anything but the background, from which on a maximum is a defect. Of those that the network of the
#: package is less sure of one in four is right at most (benchmarks/RESULTS.md, "Defects").
THRESHOLD = 0.9
COLUMNS = ("y_px", "x_px", "y_A", "x_A", "class", "confidence")


@dataclass(frozen=True, eq=False)
class Defects:
    """Point defects of one image, n of them, in reading order; each array has one value a defect.

    Attributes
    ----------
    y, x
        Place in pixels; a whole number is the centre of a pixel, the first of which has 0.
    label
        Kind as a number, an index into `classes`.
    confidence
        Probability of that kind, by the network's word; not calibrated.
    classes
        Names of the kinds.
    pixel_size
        (y, x) in Å.
    shape
        Of the image, (y, x).
    """

    y: Array
    x: Array
    label: NDArray[np.intp]
    confidence: Array
    classes: tuple[str, ...]
    pixel_size: tuple[float, float]
    shape: tuple[int, int]

    def __len__(self) -> int:
        return len(self.y)

    @property
    def positions(self) -> Array:
        """(n, 2): x, y in Å from the centre of the first pixel."""
        return in_angstrom(self.x, self.y, self.pixel_size)

    @property
    def names(self) -> list[str]:
        """Kind of each defect by its name."""
        return [self.classes[number] for number in self.label]

    @property
    def per_nm2(self) -> float:
        """How many there are for each nm² of the image."""
        return 100.0 * len(self) / float(np.prod(self.shape) * np.prod(self.pixel_size))

    def clear_of_border(self, border: float = MATCHED) -> "Defects":
        """Return those that are farther than `border`, Å, from the border of the image, which may cut others."""
        sides = zip((self.y, self.x), self.shape, self.pixel_size, strict=True)
        nearest = [(np.minimum(place + 0.5, side - 0.5 - place) * pixel) for place, side, pixel in sides]
        kept = np.minimum(*nearest) > border
        arrays = {name: getattr(self, name)[kept] for name in ("y", "x", "label", "confidence")}
        return replace(self, **arrays)

    def on_pixels(self, shape: tuple[int, int], pixel_size: tuple[float, float]) -> "Defects":
        """Return them on other pixels, `shape` of them (y, x) over the same field, of a size in Å."""
        y, x = (
            (place + 0.5) * new / old - 0.5 for place, new, old in zip((self.y, self.x), shape, self.shape, strict=True)
        )
        return replace(self, y=y, x=x, pixel_size=pixel_size, shape=shape)

    def counts(self) -> dict[str, int]:
        """How many there are of each kind."""
        found = np.bincount(self.label, minlength=len(self.classes))
        return dict(zip(self.classes, map(int, found), strict=True))

    def rows(self) -> list[dict[str, Any]]:
        """Rows of a table, one a defect, with the names in `COLUMNS`."""
        places = np.column_stack([self.y, self.x, self.positions[:, ::-1]]).tolist()
        told = zip(places, self.names, self.confidence.tolist(), strict=True)
        return [dict(zip(COLUMNS, (*place, name, sure), strict=True)) for place, name, sure in told]


def find_defects(
    probabilities: ArrayLike,
    classes: tuple[str, ...],
    pixel_size: float | tuple[float, float],
    *,
    threshold: float = THRESHOLD,
) -> Defects:
    """Return the point defects in probability maps (classes, y, x), the background first, as in a `Segmentation`.

    Maxima of 1 − P(background) are defects (`description.probabilities`), each of the kind that is most probable there.

    Parameters
    ----------
    probabilities, classes
        Maps and their names.
    pixel_size
        Å, one number or (y, x).
    threshold
        Of 1 − P(background).

    Raises
    ------
    PassbandError
        The maps do not fit the names, the pixel size is not positive, or the threshold is no probability.
    """
    if not 0.0 < threshold < 1.0:
        raise PassbandError(f"threshold={threshold:g} is outside 0 to 1; it is a probability, such as {THRESHOLD:g}")
    pair, maps = pixel_pair(pixel_size), np.asarray(probabilities, dtype=np.float64)
    if maps.ndim != 3:
        raise PassbandError(f"probabilities of shape {maps.shape} must be (classes, y, x)")
    checked = checked_maps(maps, np.zeros(maps.shape[1:]), classes)
    found = find_candidates(checked, threshold=threshold)
    x, y = found.places.T
    order = np.lexsort((x, np.rint(y)))
    row, column = np.rint(y).astype(int), np.rint(x).astype(int)
    confidence = checked[1 + found.label, row, column]
    return Defects(
        y=y[order],
        x=x[order],
        label=found.label[order],
        confidence=confidence[order],
        classes=classes[1:],
        pixel_size=pair,
        shape=(maps.shape[1], maps.shape[2]),
    )


def defects_of_mask(mask: ArrayLike, classes: tuple[str, ...], pixel_size: float | tuple[float, float]) -> Defects:
    """Return the defects that a mask (y, x) of class numbers shows as discs, each with confidence 1.

    `classes` are the names of the numbers, the background first; `pixel_size` is in Å, one number or (y, x).

    Raises
    ------
    PassbandError
        As `find_defects`; or the mask has a number without a name.
    """
    numbers = np.asarray(mask)
    if numbers.size and not 0 <= numbers.min() <= numbers.max() < len(classes):
        raise PassbandError(f"the mask has classes {numbers.min()} to {numbers.max()}, and {len(classes)} have names")
    one_hot = numbers == np.arange(len(classes))[:, None, None]
    return find_defects(one_hot.astype(np.float64), classes, pixel_size)

"""Does a translation keep what the labels say: columns where they were, and bright where they were bright.

No distance between two sets of images sees this, for it compares each image with the one that it was made of.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from passband.description.atoms import find_columns
from passband.description.refinement import refine
from passband.patches.standardising import check_image
from passband.recipe import PassbandError
from passband.scores.image_stack import as_crops

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

MOST_PIXELS = 0.3  # of a column, before its label is wrong
_SURE = 3.0  # standard errors, of what counts beyond the noise
_BORDER = 1.5  # σ: a column that is nearer to the border is cut, and not counted
_BAND = (1.0, 8.0)  # pixels: σ of a blur that leaves columns, and of one that leaves what is slower
_FIELD = 4.0 * np.pi * _BAND[0] ** 2  # pixels that such a blur makes one


@dataclass(frozen=True, eq=False)
class LabelPreservation:
    """What became of columns and of the contrast.

    Attributes
    ----------
    contrast
        (n,): correlation of each translated image with its source, both without what is slower than columns.
    chance
        (n,): three standard deviations of that correlation where there is none.
    displacement
        (columns, 2): y, x of each column in the translated image less those in the source, pixels, as far as it is
        found in both.
    error
        (columns,): standard error of a displacement in one direction, pixels.
    columns
        How many columns the sources show, those aside that the border cuts.
    """

    contrast: Array
    chance: Array
    displacement: Array
    error: Array
    columns: int

    @property
    def inverted(self) -> float:
        """Share of the images whose contrast is inverted."""
        return float((self.contrast < -self.chance).mean())

    @property
    def unrelated(self) -> float:
        """Share of the images that show nothing of their source."""
        return float((np.abs(self.contrast) <= self.chance).mean())

    @property
    def lost(self) -> float | None:
        """Share of the columns that are not found again, as of an inverted contrast; None where there are none."""
        return 1.0 - len(self.error) / self.columns if self.columns else None

    @property
    def displacement_px(self) -> float | None:
        """Median displacement in pixels, noise included; None where no column was found."""
        return float(np.median(self._away)) if len(self._away) else None

    @property
    def displaced(self) -> float | None:
        """Share of the columns that are more than 0.3 pixels away, noise included."""
        return float((self._away > MOST_PIXELS).mean()) if len(self._away) else None

    @property
    def displaced_beyond_noise(self) -> float | None:
        """The same of those alone whose displacement exceeds three standard errors as well."""
        return float((self._away > np.maximum(MOST_PIXELS, _SURE * self.error)).mean()) if len(self._away) else None

    @property
    def _away(self) -> Array:
        away: Array = np.hypot(self.displacement[:, 0], self.displacement[:, 1])
        return away


def label_preservation(
    source: "NDArray[np.generic] | Sequence[NDArray[np.generic]] | Tensor",
    translated: "NDArray[np.generic] | Sequence[NDArray[np.generic]] | Tensor",
) -> LabelPreservation:
    """Compare translated images with those that they were made of.

    Columns are found in the source, which has little noise, and fitted in both images from the same start: their
    Gaussians and a smooth background, all together.

    Parameters
    ----------
    source, translated
        (n, y, x) or (n, 1, y, x), or sequences of images (y, x) of any shapes; one to one, with bright columns.

    Raises
    ------
    PassbandError
        There are none, they are not one to one, or have pixels that are not finite.
    """
    one, other = _images(source), _images(translated)
    shapes = [[image.shape for image in images] for images in (one, other)]
    if shapes[0] != shapes[1] or not one:
        raise PassbandError(
            f"{len(one)} sources and {len(other)} translated images must be one to one, of equal shapes"
        )
    pairs = list(zip(one, other, strict=True))
    moved = [_moved(before.astype(np.float64), after.astype(np.float64)) for before, after in pairs]
    return LabelPreservation(
        contrast=np.array([_correlation(before, after) for before, after in pairs]),
        chance=np.array([_SURE * np.sqrt(_FIELD / before.size) for before in one]),
        displacement=np.concatenate([displacement for displacement, _, _ in moved]),
        error=np.concatenate([error for _, error, _ in moved]),
        columns=sum(count for _, _, count in moved),
    )


def _images(images: "NDArray[np.generic] | Sequence[NDArray[np.generic]] | Tensor") -> list[NDArray[np.float32]]:
    if isinstance(images, Sequence):
        return [check_image(image).astype(np.float32) for image in images]
    return list(as_crops(images))


def _correlation(source: NDArray[np.float32], translated: NDArray[np.float32]) -> float:
    """Pearson's correlation of two images; 0 of a constant one."""
    fine, slow = _BAND
    bands = [gaussian_filter(image, fine) - gaussian_filter(image, slow) for image in (source, translated)]
    one, other = (band.astype(np.float64) - band.mean(dtype=np.float64) for band in bands)
    spread = float(np.sqrt(np.square(one).sum() * np.square(other).sum()))
    return float((one * other).sum()) / spread if spread > 0 else 0.0


def _moved(source: Array, translated: Array) -> tuple[Array, Array, int]:
    """Displacements (columns, 2) and their errors (columns,) of one image, and how many columns its source has."""
    columns = find_columns(source, 1.0)
    if not len(columns):
        return np.empty((0, 2)), np.empty(0), 0
    sigma = float(np.median(columns.sigma))
    start = np.column_stack([columns.x, columns.y, np.full(len(columns), sigma)])
    before, after = refine(source, start), refine(translated, start)
    ends = np.array([source.shape[1], source.shape[0]]) - 1.0
    whole = (np.minimum(start[:, :2], ends - start[:, :2]) > _BORDER * sigma).all(1)
    found = whole & (before.score > _SURE) & (after.score > _SURE)
    away = (after.parameters[:, [1, 0]] - before.parameters[:, [1, 0]])[found]
    errors = np.square(before.errors[found, :2]) + np.square(after.errors[found, :2])
    return away, np.sqrt(errors.mean(1)), int(whole.sum())

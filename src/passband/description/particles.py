"""Sizes, places and shapes of the particles in a mask, in nanometres, as a table."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import binary_dilation
from skimage.measure import label, regionprops

from passband.camera.image_area import ImageArea
from passband.pixels import pixel_pair
from passband.recipe import PassbandError

COLUMNS = (
    "label",
    "area_nm2",
    "equivalent_diameter_nm",
    "centroid_x_nm",
    "centroid_y_nm",
    "centroid_x_px",
    "centroid_y_px",
    "eccentricity",
    "touches_border",
    "mean_probability",
)

WHOLE = ImageArea()
Row = dict[str, Any]


def measure_particles(
    mask: ArrayLike,
    pixel_size: float | tuple[float, float],
    *,
    probability: ArrayLike | None = None,
    minimum_area_nm2: float = 0.0,
    classes: Sequence[str] = (),
    image_area: ImageArea = WHOLE,
) -> list[Row]:
    """Measure every connected particle of a mask (pixels that touch at a corner are connected).

    Parameters
    ----------
    mask
        (y, x); every pixel that is not zero belongs to a particle.
    pixel_size
        Å, one number or (y, x).
    probability
        (y, x): the network's, averaged over each particle.
    minimum_area_nm2
        Smaller particles are left out.
    classes
        Names of the classes that the numbers of the mask stand for. Where there are more than two, particles of
        different classes are different particles, and each row has a `class`.
    image_area
        What of the image is image, see `camera.image_area`: what touches the rest is cut.

    Returns
    -------
    list of dict
        One row per particle, numbered from 1 in reading order, with the names in `particle_columns(classes)`; see
        `measure_labels`.

    Raises
    ------
    PassbandError
        `mask` is not 2-D or not of whole numbers, or holds a number without a class; the pixel size is not positive, or
        `probability` has another shape.
    """
    array = np.asarray(mask)
    if array.ndim != 2:
        raise PassbandError(f"mask of shape {array.shape} is not 2-D (y, x); measure one image at a time")
    if array.dtype.kind not in "biu":
        cure = "pass the labels, such as those of a Segmentation, or compare a probability with a threshold"
        raise PassbandError(f"mask of type {array.dtype} is not whole numbers; {cure}")
    several = len(classes) > 2
    if several and array.size and int(array.max()) >= len(classes):
        raise PassbandError(f"mask holds class {array.max()} and classes={list(classes)} do not name it; name each")
    labels = label(array if several else array != 0, connectivity=2)  # type: ignore[no-untyped-call]
    rows = measure_labels(
        labels, pixel_size, probability=probability, minimum_area_nm2=minimum_area_nm2, image_area=image_area
    )
    if not several:
        return rows
    numbers, first = np.unique(labels, return_index=True)  # every label's first pixel tells its class
    names = {int(number): classes[int(array.flat[place])] for number, place in zip(numbers, first, strict=True)}
    return [{"label": row["label"], "class": names[row["label"]], **row} for row in rows]


def particle_columns(classes: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the columns of the table: `COLUMNS`, and a `class` where there are several beside the background."""
    return (COLUMNS[0], "class", *COLUMNS[1:]) if len(classes) > 2 else COLUMNS


def measure_labels(
    labels: NDArray[np.integer],
    pixel_size: float | tuple[float, float],
    *,
    probability: ArrayLike | None = None,
    minimum_area_nm2: float = 0.0,
    image_area: ImageArea = WHOLE,
) -> list[Row]:
    """Measure particles that are told apart already: `labels` (y, x) holds 0 for background and a number for each.

    Centroids count from the centre of pixel (0, 0). The equivalent diameter is that of the disc of the same area,
    √(4A/π); the eccentricity that of the ellipse of the same second moments, 0 for a disc. `touches_border`: cut by the
    image's edge, its border or an empty corner, so that its size is a lower bound. Arguments as in
    `measure_particles`.
    """
    step_y, step_x = (side / 10.0 for side in pixel_pair(pixel_size))  # Å → nm
    chances = None if probability is None else np.asarray(probability, dtype=np.float64)
    if chances is not None and chances.shape != labels.shape:
        raise PassbandError(
            f"probability {chances.shape} and mask {labels.shape} must have the same shape; pass one class"
        )
    rim = _rim(image_area, labels.shape)
    rows = []
    regions = regionprops(labels, intensity_image=chances, spacing=(step_y, step_x))  # type: ignore[no-untyped-call]
    for region in regions:
        area = float(region.area)
        if area < minimum_area_nm2:
            continue
        y, x = (float(coordinate) for coordinate in region.centroid)
        rows.append(
            {
                "label": int(region.label),
                "area_nm2": area,
                "equivalent_diameter_nm": float(np.sqrt(4.0 * area / np.pi)),
                "centroid_x_nm": x,
                "centroid_y_nm": y,
                "centroid_x_px": x / step_x,
                "centroid_y_px": y / step_y,
                "eccentricity": float(region.eccentricity),
                "touches_border": bool((rim[region.slice] & region.image).any()),
                "mean_probability": None if chances is None else float(region.intensity_mean),
            }
        )
    return rows


def _rim(area: ImageArea, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which pixels of an array of this shape (y, x) are at the edge of what is image, or outside of it."""
    rim, border = np.ones(shape, dtype=np.bool_), area.border
    beside = None if area.empty is None else binary_dilation(area.empty, np.ones((3, 3), dtype=np.bool_))[1:-1, 1:-1]
    inner = (slice(border.top + 1, -border.bottom - 1), slice(border.left + 1, -border.right - 1))
    rim[inner] = False if beside is None else beside
    return rim

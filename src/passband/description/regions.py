"""Regions of a map of materials as a table: area, thickness, roughness of their interfaces, and their lattice."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects, label
from skimage.measure import find_contours

from passband.pixels import pixel_pair
from passband.recipe import PassbandError
from passband.zero_shot.fringes import region_fringes

Array = NDArray[np.float64]
Row = dict[str, Any]
Window = tuple[slice, ...]

SMALLEST = 1e-4  # of the image: smaller regions are in the map, not in the table
LONGEST = 1024  # samples of the longer side that outlines are measured on
STRAIGHT = 0.3  # of its length: an outline that goes farther to the side is no interface
FINEST = 0.05  # nm: no lattice planes that a microscope resolves are nearer
SHORT = 0.25  # of a region's length: shorter pieces of its outline are no interface
LATTICE = 0.002  # of the image: in smaller regions no lattice is looked for


def region_columns(pixel_size: object) -> tuple[str, ...]:
    """Return the columns of the table: lengths in nm where the pixel size is known, otherwise in pixels."""
    unit = "px" if pixel_size is None else "nm"
    area = () if pixel_size is None else ("area_nm2",)
    return (
        *("region", "material", *area, "area_px", "centroid_x_px", "centroid_y_px", f"mean_thickness_{unit}"),
        *(f"interface_roughness_{unit}", f"spacing_1_{unit}", f"spacing_2_{unit}", "orientation_deg", "angle_deg"),
        *("touches_border", "confidence"),
    )


def measure_regions(
    labels: NDArray[np.integer],
    *,
    image: NDArray[Any] | None = None,
    confidence: NDArray[np.float64] | None = None,
    pixel_size: float | tuple[float, float] | None = None,
) -> list[Row]:
    """Measure every connected part of every material that covers at least a ten-thousandth of the image.

    Parameters
    ----------
    labels
        (y, x): the material of each pixel, from 1; 0 is none.
    image
        (y, x): for the lattice of each region.
    confidence
        (rows, columns), on a grid of the image: averaged over each region.
    pixel_size
        Å, one number or (y, x). Without it lengths are in pixels.

    Returns
    -------
    list of dict
        One row for each region, by material and then in reading order, with the names of `region_columns`.
        `mean_thickness`: the area over the length along the longer axis of the second moments. `interface_roughness`:
        rms distance of the outline from straight lines, one for each piece that runs from one edge of the image to
        another; nothing for what lies inside. `spacing_1`, `spacing_2`: of the two strongest sets of lattice fringes,
        the wider first; `orientation_deg`: direction across the first ones, from +x anticlockwise as it is looked
        at, 0 to 180; `angle_deg`: between both. Nothing where there are no fringes.

    Raises
    ------
    PassbandError
        The map is not (y, x) of whole numbers, or the image has another shape.
    """
    array = np.asarray(labels)
    if array.ndim != 2 or array.dtype.kind not in "iu":
        raise PassbandError(f"labels of shape {array.shape} and type {array.dtype} must be (y, x) of whole numbers")
    if image is not None and image.shape != array.shape:
        raise PassbandError(f"image {image.shape} and labels {array.shape} must have one shape; give the same image")
    step = (1.0, 1.0) if pixel_size is None else pixel_pair(pixel_size)
    scale = 1.0 if pixel_size is None else 0.1  # Å → nm
    lengths = (step[0] * scale, step[1] * scale)
    rows: list[Row] = []
    for material in np.unique(array[array > 0]):
        parts, _ = label(array == material, structure=np.ones((3, 3)))
        areas = np.bincount(parts.ravel())
        for number, window in enumerate(find_objects(parts), start=1):
            if areas[number] < max(1.0, SMALLEST * array.size):
                continue
            mask = parts[window] == number
            row = {"region": len(rows) + 1, "material": int(material), "area_px": int(areas[number])}
            rows.append({**row, **_measured(mask, window, array.shape, lengths, known=pixel_size is not None)})
            rows[-1] |= _lattice(mask, image, window, lengths, known=pixel_size is not None)
            rows[-1]["confidence"] = _mean(confidence, mask, window, array.shape)
    return rows


def _measured(
    mask: NDArray[np.bool_],
    window: Window,
    shape: tuple[int, ...],
    step: tuple[float, float],
    *,
    known: bool,
) -> Row:
    """Area, place, thickness and roughness of the region that a mask shows in its window of the image."""
    unit = "nm" if known else "px"
    area = np.count_nonzero(mask) * step[0] * step[1]
    every = max(1, -(-max(mask.shape) // LONGEST))
    places = np.argwhere(mask[::every, ::every]).astype(np.float64) * every
    length = _extent(places * np.array(step)) + every * float(np.mean(step))
    y, x = places.mean(0)
    edges = [part.start == 0 or part.stop == side for part, side in zip(window, shape, strict=True)]
    row: Row = {"area_nm2": area} if known else {}
    return row | {
        "centroid_x_px": float(x + window[1].start),
        "centroid_y_px": float(y + window[0].start),
        f"mean_thickness_{unit}": area / length,
        f"interface_roughness_{unit}": _roughness(mask[::every, ::every], window, shape, step, every),
        "touches_border": any(edges),
    }


def _extent(places: Array) -> float:
    """Extent of places (n, 2) along the longer axis of their second moments."""
    return float(np.ptp(_turned(places)[:, 1]))


def _turned(places: Array) -> Array:
    """Places (n, 2) across and along the longer axis of their second moments, from their mean."""
    away = places - places.mean(0)
    _, axes = np.linalg.eigh(away.T @ away)
    return np.asarray(away @ axes)


def _roughness(
    mask: NDArray[np.bool_],
    window: Window,
    shape: tuple[int, ...],
    step: tuple[float, float],
    every: int,
) -> float | None:
    """Rms distance of the open pieces of an outline from straight lines, along which it is averaged."""
    pad = [
        (int(part.start > 0), int(part.stop < side)) for part, side in zip(window, shape, strict=True)
    ]  # what the image's edge cuts is no outline
    pieces = find_contours(np.pad(mask, pad).astype(np.float64), 0.5)  # type: ignore[no-untyped-call]
    lines = [np.asarray(piece) * every * np.array(step) for piece in pieces if not (piece[0] == piece[-1]).all()]
    turned = [_turned(line) for line in lines]
    longest = max((float(np.ptp(line[:, 1])) for line in turned), default=0.0)
    squares = span = 0.0
    for line in turned:
        side, length = np.ptp(line, axis=0)
        if length >= SHORT * longest and side <= STRAIGHT * length:
            weight = np.abs(np.gradient(line[:, 1]))  # what each sample spans of the straight line
            across = line[:, 0] - np.average(line[:, 0], weights=weight)
            squares += float((weight * across**2).sum())
            span += float(weight.sum())
    return float(np.sqrt(squares / span)) if span else None


def _lattice(
    mask: NDArray[np.bool_],
    image: NDArray[Any] | None,
    window: Window,
    step: tuple[float, float],
    *,
    known: bool,
) -> Row:
    """Spacings and directions of the fringes of a region; nothing where there are none."""
    unit = "nm" if known else "px"
    names = (f"spacing_1_{unit}", f"spacing_2_{unit}", "orientation_deg", "angle_deg")
    nothing: Row = dict.fromkeys(names)
    if image is None or np.count_nonzero(mask) < LATTICE * image.size:
        return nothing
    found = [one / step for one in region_fringes(image[window], mask)]  # cycles per length, (y, x)
    found = sorted(found, key=lambda one: float(np.hypot(*one)))
    if known:
        found = [one for one in found if np.hypot(*one) < 1.0 / FINEST]
    if not found:
        return nothing
    spacings = [1.0 / float(np.hypot(*one)) for one in found]
    turns = [float(np.degrees(np.arctan2(-one[0], one[1]))) % 180.0 for one in found]
    nothing |= {names[0]: spacings[0], "orientation_deg": turns[0]}
    if len(found) > 1:
        between = abs(turns[1] - turns[0])
        nothing |= {names[1]: spacings[1], "angle_deg": min(between, 180.0 - between)}
    return nothing


def _mean(
    grid: NDArray[np.float64] | None, mask: NDArray[np.bool_], window: Window, shape: Sequence[int]
) -> float | None:
    """Mean over a region of what is known on a coarser grid of the whole image."""
    if grid is None:
        return None
    rows, columns = (
        ((np.arange(part.start, part.stop) + 0.5) * count / side).astype(np.int64)
        for part, count, side in zip(window, grid.shape, shape, strict=True)
    )
    return float(grid[rows[:, None], columns][mask].mean())

"""Which columns an image resolves: what masks ask a network for follows from the image without noise, not from a guess.

A column is asked for where the noise-free image has a maximum at it. Columns that share one maximum are one, at the
maximum; a column on the shoulder of a brighter one, without a maximum of its own, is not asked for.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter
from scipy.spatial import cKDTree

AT = 0.4  # Å between a maximum and the column that it is of: tails of neighbours move it by less
BLOB = 0.9  # Å between the maximum of a blob of unresolved columns and the nearest of them

Array = NDArray[np.float64]


def resolved_columns(places: Array, image: NDArray[np.floating], *, sides: tuple[float, float]) -> Array:
    """Places (m, 2) y, x in Å that an image shows of columns.

    Parameters
    ----------
    places
        Of the columns, (n, 2) y, x in Å.
    image
        Without noise, (y, x) over the whole periodic field, fine enough for its maxima.
    sides
        Of the field (y, x), Å.
    """
    peaks = _maxima(image, sides)
    if not len(places) or not len(peaks):
        return np.empty((0, 2))
    box = np.array(sides)
    columns, tops = (cKDTree(np.mod(one, box), boxsize=box) for one in (places, peaks))
    distance, peak = (np.asarray(one) for one in tops.query(np.mod(places, box)))
    at = distance <= AT
    shared = np.bincount(peak[at], minlength=len(peaks))
    alone = at & (shared[peak] == 1)
    several = np.flatnonzero(shared > 1)
    near = columns.query_ball_point(np.mod(peaks, box), BLOB)
    blobs = [k for k in np.flatnonzero(shared == 0) if near[k] and not at[near[k]].any()]
    return np.concatenate([places[alone], peaks[several], peaks[blobs]])


def _maxima(image: NDArray[np.floating], sides: tuple[float, float]) -> Array:
    """Places (n, 2) y, x in Å of the maxima of a periodic image, to a part of a pixel by parabolas."""
    top = (image == maximum_filter(image, size=3, mode="wrap")) & (image > image.mean() * 1e-6)
    rows, columns = np.nonzero(top)
    middle = image[rows, columns].astype(np.float64)
    found = []
    for axis, place in ((0, rows), (1, columns)):
        before, after = (np.roll(image, shift, axis)[rows, columns].astype(np.float64) for shift in (1, -1))
        bend = before - 2.0 * middle + after
        part = np.divide(0.5 * (before - after), bend, out=np.zeros_like(bend), where=bend < 0.0)
        found.append((place + np.clip(part, -0.5, 0.5)) * sides[axis] / image.shape[axis])
    return np.stack(found, axis=1)

"""Patches around atoms: cut from an image or a map of probability at any window in Å, or drawn from the atoms alone."""

from math import hypot, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial import cKDTree

from passband.recipe import PassbandError, Recipe

Array = NDArray[np.float64]


class AtomWindow(Recipe):
    """The square about an atom that a patch shows.

    Attributes
    ----------
    side
        Å, between the outer edges of its pixels.
    pixels
        A side.
    """

    side: float = Field(gt=0.0)
    pixels: int = Field(default=24, ge=4, le=256)

    @property
    def pixel_size(self) -> float:
        """Of a patch, Å."""
        return self.side / self.pixels

    def offsets(self) -> Array:
        """Return the distances (pixels,) of the middles of pixels from the middle of the patch, Å."""
        return self.pixel_size * np.asarray(np.arange(self.pixels) - 0.5 * (self.pixels - 1), dtype=np.float64)

    def inside(self, places: ArrayLike, shape: tuple[int, int], pixel_size: tuple[float, float]) -> NDArray[np.bool_]:
        """Whether the window about each of `places` (n, 2), y and x in pixels, is whole in an image of `shape`."""
        half = 0.5 * self.side / np.asarray(pixel_size)
        where = np.asarray(places, dtype=np.float64).reshape(-1, 2)
        return np.asarray(((where >= half - 0.5) & (where <= np.asarray(shape) - 0.5 - half)).all(axis=1))


def cut_patches(
    image: ArrayLike, places: ArrayLike, window: AtomWindow, pixel_size: tuple[float, float]
) -> NDArray[np.float32]:
    """Cut patches out of an image or a map, with their middles on the places, also between pixels.

    Values between pixels are interpolated linearly; an image that is finer than the patches is smoothed first, by a
    Gaussian of half a pixel of the patch.

    Parameters
    ----------
    image
        (y, x).
    places
        (n, 2): y, x in pixels of the image.
    window
        Of the patches; it must be whole in the image, see `AtomWindow.inside`.
    pixel_size
        (y, x) of the image, Å.

    Returns
    -------
    NDArray
        (n, pixels, pixels).

    Raises
    ------
    PassbandError
        The image is no image, or a window leaves it.
    """
    array = np.asarray(image, dtype=np.float64)
    where = np.asarray(places, dtype=np.float64).reshape(-1, 2)
    if array.ndim != 2:
        raise PassbandError(f"an image of shape {array.shape} must be (y, x); cut the frames of a movie one by one")
    leaving = int(np.count_nonzero(~window.inside(where, (array.shape[0], array.shape[1]), pixel_size)))
    if leaving:
        raise PassbandError(
            f"the window of {window.side:g} Å leaves the image about {leaving} of {len(where)} atoms; leave these "
            "out, or use a smaller window"
        )
    smoothing = [0.5 * sqrt(max(0.0, (window.pixel_size / step) ** 2 - 1.0)) for step in pixel_size]
    if max(smoothing) > 0.0:
        array = gaussian_filter(array, smoothing, mode="nearest")
    y, x = (
        centre[:, None] + window.offsets()[None] / step for centre, step in zip(where.T, pixel_size, strict=True)
    )  # (n, pixels)
    sides = (len(where), window.pixels, window.pixels)
    rows = np.broadcast_to(y[:, :, None], sides).ravel()
    columns = np.broadcast_to(x[:, None, :], sides).ravel()
    found = map_coordinates(array, (rows, columns), order=1, mode="nearest", output=np.float32)
    return np.asarray(found.reshape(sides))


def drawn_patches(positions: ArrayLike, chosen: ArrayLike, window: AtomWindow, *, sigma: float) -> NDArray[np.float32]:
    """Draw what a perfect map of atoms would show about some of them: a Gaussian of height 1 for each, 0 to 1.

    Parameters
    ----------
    positions
        (n, 2): x, y in Å of all atoms.
    chosen
        (m,): numbers of those in the middle of patches.
    window
        Of the patches.
    sigma
        Of a Gaussian, Å.

    Returns
    -------
    NDArray
        (m, pixels, pixels); where atoms overlap, no more than 1.
    """
    places = np.asarray(positions, dtype=np.float64).reshape(-1, 2)
    index = np.asarray(chosen, dtype=np.intp).ravel()
    offsets = window.offsets()
    out = np.empty((len(index), window.pixels, window.pixels), dtype=np.float32)
    near = cKDTree(places).query_ball_point(places[index], hypot(1.0, 1.0) * 0.5 * window.side + 3.0 * sigma)
    for number, (middle, neighbours) in enumerate(zip(index, near, strict=True)):
        away = places[neighbours] - places[middle]  # (k, 2), x and y
        across, down = (np.exp(-0.5 * ((offsets - away[:, axis, None]) / sigma) ** 2) for axis in (0, 1))
        out[number] = np.minimum(down.T @ across, 1.0)
    return out

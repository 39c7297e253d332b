"""A sum of Gaussian columns over a smooth background: the model of an atomic image, and its derivatives, in windows."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

REACH = 3.6  # σ: half of a column's window; the Gaussian there is 0.15 % of its height
PARAMETERS = 4  # of a column: x, y, height, ln σ
_BLOCK = 4_000_000  # pixels of windows that are held at once
_Window = tuple[slice, NDArray[np.intp], tuple[Array, Array], tuple[Array, Array]]
# h, hs and the like: powers (y, x) of the moments of g² that are summed for a pair of derivatives, lower triangle
_PAIRS: dict[tuple[int, int], tuple[tuple[int, int, int], ...]] = {
    (0, 0): ((1, 0, 2),),
    (1, 0): ((1, 1, 1),),
    (1, 1): ((1, 2, 0),),
    (2, 0): ((1, 0, 1),),
    (2, 1): ((1, 1, 0),),
    (2, 2): ((1, 0, 0),),
    (3, 0): ((1, 0, 3), (1, 2, 1)),
    (3, 1): ((1, 3, 0), (1, 1, 2)),
    (3, 2): ((1, 0, 2), (1, 2, 0)),
    (3, 3): ((1, 0, 4), (2, 2, 2), (1, 4, 0)),
}


@dataclass(frozen=True, eq=False)
class GaussianSum:
    """Columns h·exp(−((x − x₀)² + ρ²(y − y₀)²)/2σ²) on a padded image, with x, y and σ in pixels along x.

    Derivatives are taken by (x, ρy, h, ln σ), in this order. Each column is a product of a function of x and one of
    y, so that all sums over its window are small matrix products.

    Attributes
    ----------
    parameters
        (n, 4): x, ρ·y, height, ln σ; x and y count from the centre of the padded image's pixel (0, 0).
    shape
        Of the padded image, (y, x).
    reach
        Half widths (y, x) of the windows in pixels; the padding is as wide.
    aspect
        ρ: pixel size along y over that along x.
    """

    parameters: Array
    shape: tuple[int, int]
    reach: tuple[int, int]
    aspect: float = 1.0

    def part(self, chosen: NDArray[np.bool_]) -> "GaussianSum":
        """Return the sum of some of the columns alone."""
        return self if chosen.all() else replace(self, parameters=self.parameters[chosen])

    def moved(self, step: Array) -> "GaussianSum":
        """Return the sum with its parameters changed by `step` (n, 4)."""
        return replace(self, parameters=self.parameters + step)

    def image(self) -> Array:
        """Sum of the columns, (y, x)."""
        none = np.zeros_like(self._height)
        return self._scatter(np.stack([none, none, self._height, none], 1))

    def tangent(self, step: Array) -> Array:
        """Change of the image, (y, x), for a small `step` (n, 4) of the parameters."""
        scale = self._height / self._variance
        x, y, height, sigma = step.T
        factors = np.stack([x * scale, y * scale, height, sigma * scale], 1)
        return self._scatter(factors)

    def gradient(self, image: Array) -> Array:
        """Sum over each window of `image` (y, x) times the derivatives, (n, 4)."""
        found = np.empty((len(self.parameters), PARAMETERS))
        for part, flat, (gy, dy), (gx, dx) in self._windows():
            along = image.ravel()[flat] @ np.stack([gx, gx * dx, gx * dx * dx], 2)
            moment = np.stack([gy, gy * dy, gy * dy * dy], 1) @ along  # (n, powers of y, powers of x)
            scale = self._height[part] / self._variance[part]
            found[part, 0], found[part, 1] = scale * moment[:, 0, 1], scale * moment[:, 1, 0]
            found[part, 2], found[part, 3] = moment[:, 0, 0], scale * (moment[:, 0, 2] + moment[:, 2, 0])
        return found

    def curvature(self, weight: Array) -> Array:
        """Sum over each window of `weight` (y, x) times products of derivatives of its own column, (n, 4, 4)."""
        found = np.empty((len(self.parameters), PARAMETERS, PARAMETERS))
        for part, flat, (gy, dy), (gx, dx) in self._windows():
            along = weight.ravel()[flat] @ _powers(gx * gx, dx)
            moment = _powers(gy * gy, dy).transpose(0, 2, 1) @ along
            scale = self._height[part] / self._variance[part]
            factors = np.stack([scale, scale, np.ones_like(scale), scale], 1)
            for (one, other), terms in _PAIRS.items():
                total = sum(count * moment[:, y, x] for count, y, x in terms)
                found[part, one, other] = found[part, other, one] = factors[:, one] * factors[:, other] * total
        return found

    def window_sums(self, image: Array) -> Array:
        """Sum of `image` (y, x) over each window, (n,)."""
        found = np.empty(len(self.parameters))
        for part, flat, _, _ in self._windows():
            found[part] = image.ravel()[flat].sum(axis=(1, 2))
        return found

    def covered(self) -> NDArray[np.bool_]:
        """Pixels (y, x) that lie in a window."""
        seen = np.zeros(self.shape[0] * self.shape[1], dtype=bool)
        for _, flat, _, _ in self._windows():
            seen[flat] = True
        return seen.reshape(self.shape)

    @property
    def _height(self) -> Array:
        return self.parameters[:, 2]

    @property
    def _variance(self) -> Array:
        return np.asarray(np.exp(2.0 * self.parameters[:, 3]))

    def _scatter(self, factors: Array) -> Array:
        """Sum of g·(f₀·dx + f₁·dy + f₂ + f₃·(dx² + dy²)), (y, x), of factors (n, 4)."""
        total = np.zeros(self.shape[0] * self.shape[1])
        for part, flat, (gy, dy), (gx, dx) in self._windows():
            first, second, third, fourth = factors[part].T[..., None]
            left = np.stack([gy, gy * dy * (second + fourth * dy)], 2)
            right = np.stack([gx * (third + dx * (first + fourth * dx)), gx], 1)
            total += np.bincount(flat.ravel(), (left @ right).ravel(), minlength=total.size)
        return total.reshape(self.shape)

    @cached_property
    def _only(self) -> list[_Window]:
        return [self._window(slice(None))]

    def _windows(self) -> Iterator[_Window]:
        """Columns in parts: flat indices (n, y, x) of their windows, and (Gaussian, distance) along y and x."""
        pixels = (2 * self.reach[0] + 1) * (2 * self.reach[1] + 1)
        size = max(1, _BLOCK // pixels)
        if len(self.parameters) <= size:  # as usual: kept, for they are passed through some ten times
            yield from self._only
        else:
            yield from (self._window(slice(start, start + size)) for start in range(0, len(self.parameters), size))

    def _window(self, part: slice) -> _Window:
        x, y, _, log_sigma = self.parameters[part].T
        spread = np.exp(-2.0 * log_sigma)[:, None]
        rows, columns = self._indices(y / self.aspect, 0), self._indices(x, 1)
        dy, dx = rows * self.aspect - y[:, None], columns - x[:, None]
        flat = rows[:, :, None] * self.shape[1] + columns[:, None, :]
        return part, flat, (np.exp(-0.5 * spread * dy * dy), dy), (np.exp(-0.5 * spread * dx * dx), dx)

    def _indices(self, centre: Array, axis: int) -> NDArray[np.intp]:
        half = self.reach[axis]
        middle = np.clip(np.rint(centre), half, self.shape[axis] - 1 - half).astype(np.intp)
        return middle[:, None] + np.arange(-half, half + 1)


def _powers(weight: Array, distance: Array) -> Array:
    """Weights (n, pixels) times the distance to the powers 0 to 4, (n, pixels, 5)."""
    terms = [weight]
    for _ in range(4):
        terms.append(terms[-1] * distance)
    return np.stack(terms, 2)

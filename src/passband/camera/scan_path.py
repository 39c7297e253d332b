"""Where the beam is on the specimen at each pixel of a frame, and where a point of the specimen lies in the frame.

Pixel (i, j) of a frame of (n, m) is recorded at the time t = (i − (n − 1)/2)·T + (j − (m − 1)/2)·τ, with the dwell time
τ and the row time T = mτ + flyback time, and t = 0 in its middle. In Å on the axes of the frame the beam is then at

    b = p·(i − (n − 1)/2, j − (m − 1)/2) + p·s(i, j) − v·t,    s = jitter(i) + hum(t) + flyback(j),

for pixels of p Å and a specimen that drifts with v, and at **r** = c + R(rotation)·b on the specimen, c the middle of
the frame. The drift is a shear (along the row) and a stretch (across). The shift of each row is a stationary
autoregressive process of first order. The hum is A·sin(2πft + phase) in one direction; from row to row its phase is
known up to whole turns only, so that between rows it is the slowest wave, the beat of rows and mains. A point of the
specimen is found in the frame by solving that for (i, j), with the shifts interpolated between rows.
"""

from dataclasses import dataclass, replace
from itertools import product
from math import cos, exp, pi, sin
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from passband.camera.autoregression import stationary
from passband.camera.scanner import Scanner
from passband.recipe import PassbandError

FloatArray = NDArray[np.float64]
CLOSE = 1e-4  # pixels, to which a place in the frame is found
DAMPING = 0.5  # converges where neighbouring rows are less than 3 pixels further apart than they should be
STEPS = 200
WIDEST_JITTER = 0.1  # of the shorter side of a frame, rms
_TRUNCATED = 4.0  # standard deviations of a Gaussian average over rows


class FramePart(NamedTuple):
    """Pixels of a frame: so many rows and columns from `top` and `left` on."""

    top: int
    left: int
    rows: int
    columns: int


@dataclass(frozen=True, eq=False)
class ScanPath:
    """The way of the beam over one frame; `scan_path` draws it.

    Attributes
    ----------
    scanner
        What it was drawn for.
    shape
        Pixels (y, x) of the frame.
    pixel_size
        Å.
    origin
        Place (y, x) of pixel (0, 0) on the specimen without any distortion, Å.
    shifts
        Of each row in pixels, `(2, y)`: across (y) and along (x).
    hum
        Amplitude in pixels, phase in the middle of the frame and direction in rad.
    """

    scanner: Scanner
    shape: tuple[int, int]
    pixel_size: float
    origin: tuple[float, float]
    shifts: FloatArray
    hum: tuple[float, float, float]

    @property
    def middle(self) -> tuple[float, float]:
        """Of the frame in pixels (y, x)."""
        return (self.shape[0] - 1) / 2.0, (self.shape[1] - 1) / 2.0

    def averaged(self, spread: float) -> "ScanPath":
        """Path whose shifts and hum are averaged over rows by a Gaussian of standard deviation `spread`, pixels."""
        if not spread > 0.0:
            return self
        shifts = gaussian_filter1d(self.shifts, spread, axis=1, mode="nearest", truncate=_TRUNCATED)
        one = np.zeros(2 * int(_TRUNCATED * spread + 0.5) + 1)
        one[len(one) // 2] = 1.0
        weights = gaussian_filter1d(one, spread, mode="constant", truncate=_TRUNCATED)
        apart = np.arange(len(one)) - len(one) // 2
        left = float(np.sum(weights * np.cos(2.0 * pi * self._turns_per_row * apart)))
        return replace(self, shifts=shifts, hum=(left * self.hum[0], *self.hum[1:]))

    @property
    def _turns_per_row(self) -> float:
        """Turns of the hum from row to row beside whole ones, −½ to ½."""
        turns = self.scanner.hum_frequency * self.scanner.row_time(self.shape[1])
        return (turns + 0.5) % 1.0 - 0.5

    def irregular(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Shift s (y, x) in pixels by jitter, hum and flyback at pixels, double precision, that broadcast."""
        last = self.shape[0] - 1
        below = rows.floor().clamp(0, max(last - 1, 0))
        part = (rows - below).clamp(0.0, 1.0)
        index = below.long()
        shifts = torch.as_tensor(self.shifts, dtype=rows.dtype, device=rows.device)
        y, x = (torch.lerp(one[index], one[(index + 1).clamp(max=last)], part) for one in shifts)
        if self.scanner.flyback:
            columns_to_settle = self.scanner.settling_time / self.scanner.dwell_time
            x = x + self.scanner.flyback * torch.exp(-columns.clamp(min=0.0) / columns_to_settle)
        if self.hum[0]:
            amplitude, phase, direction = self.hum
            along = 2.0 * pi * self.scanner.hum_frequency * self.scanner.dwell_time
            turned = (rows - self.middle[0]) * (2.0 * pi * self._turns_per_row) + phase
            wave = torch.sin(turned + (columns - self.middle[1]) * along)
            y, x = y + wave * (amplitude * sin(direction)), x + wave * (amplitude * cos(direction))
        return y, x

    def linear(self) -> FloatArray:
        """Matrix (2, 2) from pixels (y, x) about the middle to Å on the axes of the frame: the grid and the drift."""
        drift = self.scanner.drift * np.array([sin(self.scanner.drift_direction), cos(self.scanner.drift_direction)])
        times = np.array([self.scanner.row_time(self.shape[1]), self.scanner.dwell_time])
        return np.asarray(self.pixel_size * np.eye(2) - np.outer(drift, times))

    def specimen(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Place (y, x) of the beam on the specimen in Å at pixels, double precision, that broadcast."""
        matrix = _turn(self.scanner.rotation) @ np.column_stack((self.linear(), self.pixel_size * np.eye(2)))
        origin = np.array(self.origin) + self.pixel_size * np.array(self.middle)
        down, across = rows - self.middle[0], columns - self.middle[1]
        y, x = self.irregular(rows, columns)
        places = [
            down * float(a) + (across * float(b) + float(o)) + (y * float(c) + x * float(d))
            for (a, b, c, d), o in zip(matrix, origin, strict=True)
        ]
        return places[0], places[1]

    def reach(self) -> float:
        """Pixels that jitter, hum and flyback move the beam by at most."""
        return float(np.abs(self.shifts).max(initial=0.0)) + abs(self.hum[0]) + self.scanner.flyback


def scan_path(
    scanner: Scanner,
    shape: tuple[int, int],
    *,
    pixel_size: float,
    rng: np.random.Generator,
    origin: tuple[float, float] = (0.0, 0.0),
) -> ScanPath:
    """Draw the way of the beam over one frame; the same generator state gives the same one on any device.

    Parameters
    ----------
    scanner
        Of the frame. As many numbers are drawn whatever it is, so that a stronger jitter is the same one, larger.
    shape
        Pixels (y, x).
    pixel_size
        Å.
    rng
        Jitter, phase and direction of the hum are drawn with it.
    origin
        Place (y, x) of pixel (0, 0) on the specimen without any distortion, Å.

    Raises
    ------
    PassbandError
        The frame has no pixels, drift moves the specimen out of it, or jitter is as wide as a tenth of it.
    """
    check_frame(scanner, shape, pixel_size=pixel_size)
    white = rng.standard_normal((2, shape[0]))
    phase, direction = rng.uniform(0.0, 2.0 * pi), rng.uniform(0.0, pi)
    kept = exp(-1.0 / scanner.jitter_correlation) if scanner.jitter_correlation else 0.0
    shifts = stationary(torch.from_numpy(white), kept).numpy() * np.array([[scanner.jitter_across], [scanner.jitter]])
    return ScanPath(scanner, shape, pixel_size, origin, shifts, (scanner.hum, phase, direction))


def check_frame(scanner: Scanner, shape: tuple[int, int], *, pixel_size: float) -> None:
    """Raise `PassbandError` if a frame of `shape` (y, x) pixels of `pixel_size` Å cannot be scanned that way."""
    if min(shape) < 1 or not pixel_size > 0.0:
        cure = "give at least one pixel along each side, and their size in Å"
        raise PassbandError(f"a frame of {shape[0]} × {shape[1]} pixels of {pixel_size:g} Å is empty; {cure}")
    time = shape[0] * scanner.row_time(shape[1])
    side, moved = min(shape) * pixel_size, scanner.drift * time
    if moved >= side:
        cure = f"keep it below {side / time:.3g} Å/s, or scan faster"
        raise PassbandError(
            f"drift={scanner.drift:g} Å/s moves the specimen by {moved:.4g} Å in the {time:.3g} s of a frame of "
            f"{side:.4g} Å, out of the field; {cure}"
        )
    for name in ("jitter", "jitter_across", "hum", "flyback"):
        value, most = getattr(scanner, name), WIDEST_JITTER * min(shape)
        if value > most:
            cure = f"it may be {most:g}, a tenth of it: make it smaller, or the frame larger"
            raise PassbandError(f"{name}={value:g} pixels does not fit a frame of {shape[0]} × {shape[1]}; {cure}")


def recorded_positions(path: ScanPath, positions: ArrayLike, *, spread: float = 0.0) -> FloatArray:
    """Pixels (row, column) at which points of the specimen lie in a frame, to 10⁻⁴ pixel.

    Parameters
    ----------
    path
        Of the beam over the frame.
    positions
        `(n, 2)`, (y, x) in Å on the specimen.
    spread
        Standard deviation in pixels of a Gaussian of rows over which jitter and hum are averaged. 0 is the place at
        which the point itself was read. What a fit to an atomic column finds is an average over its rows: of about
        its standard deviation for a fit that weighs by counts, and 0.7 of it for least squares.

    Returns
    -------
    ndarray
        `(n, 2)`, in pixels; some may lie outside the frame, where the shifts of its border hold.

    Raises
    ------
    PassbandError
        Positions are not (n, 2), or rows are so far out of order that a point has no place.
    """
    points = _points(positions)
    used = path.averaged(spread)
    middle = np.array(path.middle)
    origin = np.array(path.origin) + path.pixel_size * middle
    inverse = np.linalg.inv(path.linear())
    regular = middle + (points - origin) @ (inverse @ _turn(-path.scanner.rotation)).T
    share = path.pixel_size * inverse.T
    found = regular
    for _ in range(STEPS):
        rows, columns = torch.from_numpy(found.T.copy())
        shift = torch.stack(used.irregular(rows, columns), dim=1).numpy()
        off = regular - shift @ share - found
        if not np.any(np.abs(off) > CLOSE):
            return np.asarray(found + off)
        found = found + DAMPING * off
    raise PassbandError(
        f"{int(np.any(np.abs(off) > CLOSE, axis=1).sum())} of {len(points)} points have no place in a frame with "
        f"jitter_across={path.scanner.jitter_across:g} pixels; use less, or average over rows with `spread`"
    )


def seen_positions(
    path: ScanPath,
    positions: ArrayLike,
    *,
    field: tuple[float, float],
    spread: float = 0.0,
    part: FramePart | None = None,
) -> tuple[NDArray[np.int64], FloatArray]:
    """Which points of a periodic specimen lie in a frame, or a part of it, and where.

    Parameters
    ----------
    path, positions, spread
        As for `recorded_positions`.
    field
        Sides (y, x) in Å after which the specimen repeats.
    part
        Of the frame; all of it by default.

    Returns
    -------
    index, places
        `(m,)` of the point, which may come several times, and `(m, 2)` pixels (row, column) of the frame, all within it
        or its part.
    """
    points = _points(positions)
    if not len(points):
        return np.zeros(0, dtype=np.int64), points
    spare, wanted = path.reach() + 1.0, part or FramePart(0, 0, *path.shape)
    begin, size = np.array(wanted[:2], dtype=float), np.array(wanted[2:], dtype=float)
    edges = [
        torch.tensor([a - spare, a + n - 1.0 + spare], dtype=torch.float64) for a, n in zip(begin, size, strict=True)
    ]
    corners = [one.numpy() for one in path.specimen(edges[0][:, None], edges[1][None, :])]
    low = np.array([one.min() for one in corners]) - path.pixel_size * spare
    high = np.array([one.max() for one in corners]) + path.pixel_size * spare
    first = np.ceil((low - points.max(axis=0)) / field).astype(int)
    last = np.floor((high - points.min(axis=0)) / field).astype(int)
    indices, copies = [np.zeros(0, dtype=np.int64)], [np.zeros((0, 2))]
    for repeat in product(*(range(a, b + 1) for a, b in zip(first, last, strict=True))):
        moved = points + np.array(repeat) * field
        near = np.flatnonzero(np.all((moved >= low) & (moved <= high), axis=1))
        indices.append(near)
        copies.append(moved[near])
    index, places = np.concatenate(indices), recorded_positions(path, np.concatenate(copies), spread=spread)
    inside = np.all((places >= begin - 0.5) & (places < begin + size - 0.5), axis=1)
    return index[inside], places[inside]


def _points(positions: ArrayLike) -> FloatArray:
    points = np.asarray(positions, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise PassbandError(f"positions of shape {points.shape} are not (n, 2); give (y, x) in Å for each point")
    return points


def _turn(angle: float) -> FloatArray:
    """Matrix that turns (y, x) by an angle from x towards y."""
    return np.array([[cos(angle), sin(angle)], [-sin(angle), cos(angle)]])

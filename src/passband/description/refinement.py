"""Sub-pixel positions of atom columns: all columns of an image and its background are fitted together.

The image is a sum of Gaussians over a smooth background. Gauss–Newton steps, damped for each column on its own
(Levenberg–Marquardt), are solved by conjugate gradients over all parameters at once, so that neighbours that overlap
are fitted together, however many hang together. Fitting each column in a box of its own, as is common, takes the
flanks of its neighbours for its own: the positions of pairs are drawn towards each other.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.spatial import cKDTree

from passband.description.background import Background, make_background
from passband.description.fit_errors import standard_errors
from passband.description.gaussian_sum import PARAMETERS, REACH, Array, GaussianSum
from passband.description.noise_of_fit import NoiseModel, estimate_variance, inflation, score_spread
from passband.description.normal_equations import NormalEquations
from passband.recipe import Recipe

_NODES = 10.0  # σ between nodes of the background
_NEIGHBOURS = 6  # of a column, which wake it when they move
_FEW = 0.1  # of the columns
_RESTLESS = 0.005  # of the columns: a fit is done though they are not at rest, which are doubtful ones
_LONGEST = 0.5  # σ, of one step
_FACTOR = 0.3  # ln σ, of one step
_WORSE = -0.1  # χ² of a column's window: less is of no account
_STILL = 0.03  # of its error: a column that moves less rests
HEIGHTS_ALONE = 2  # first steps, of heights and background
_DAMPED, _LEAST_DAMPED, _MOST_DAMPED = 1e-3, 1e-6, 1e6
_EVEN = 1e-130  # least variance of a pixel, where all that a column reaches are the same: its square can be divided by


class Refinement(Recipe):
    """How columns are fitted.

    Attributes
    ----------
    noise
        "estimated": the variance of a pixel is a + b·model, with a and b from the residuals, as of electrons with
        read-out noise, whatever the gain and offset. "gaussian": the same in all pixels. "poisson": pixels are
        counted electrons, and their likelihood is maximised (Fisher scoring). Weights follow the model in each step,
        so where the image is one of electrons, all but "gaussian" come to the maximum of the likelihood.
    steps
        Gauss–Newton steps at most.
    tolerance
        Pixels: a column that moves less, or less than 3 % of its error, rests.
    sigma_spread
        Standard deviation of ln σ about its usual value, the median by what is known of each, that is expected
        beforehand: keeps the widths of columns that drown in noise or lie on one another within reason, and does not
        show at a good dose.
    """

    noise: NoiseModel = "estimated"
    steps: int = Field(default=12, ge=3, le=1000)
    tolerance: float = Field(default=2e-3, gt=0)
    sigma_spread: float = Field(default=0.3, gt=0)


@dataclass(frozen=True, eq=False)
class RefinedColumns:
    """Columns of an image, fitted; arrays of a column hold x, y (pixels), height, ln σ (pixels along x).

    Attributes
    ----------
    parameters
        (n, 4).
    errors
        (n, 4): estimated standard errors, from the residuals and their correlation, with what overlapping neighbours
        add.
    score
        (n,): height over its error in the noise that is there, for the question whether there is a column at all. The
        error is the larger one of two, from the residual around it and from the pixels' variance, times `score_spread`.
    residual
        Image less model, (y, x); less a smooth background where there is no column within reach.
    variance
        Estimated variance of the pixels, (y, x); infinite where they are not finite.
    """

    parameters: Array
    errors: Array
    score: Array
    residual: Array
    variance: Array

    def chosen(self, which: NDArray[np.bool_]) -> "RefinedColumns":
        """Return the fit with some of the columns only."""
        return replace(self, parameters=self.parameters[which], errors=self.errors[which], score=self.score[which])


def refine(
    image: Array,
    start: Array,
    *,
    aspect: float = 1.0,
    refinement: Refinement | None = None,
    steps: int | None = None,
) -> RefinedColumns:
    """Fit the columns of an image, all together.

    Parameters
    ----------
    image
        (y, x); pixels that are not finite are left out.
    start
        (n, 3): x, y and σ of each column in pixels (σ along x), to about σ.
    aspect
        Pixel size along y over that along x.
    refinement
        How; `Refinement()` by default.
    steps
        Other than those of `refinement`; `HEIGHTS_ALONE` fit neither places nor widths.

    Returns
    -------
    RefinedColumns
        In the order of `start`. A column may come out with a height of 0 or below: there was none.
    """
    if not len(start):
        none = np.empty((0, PARAMETERS))
        return RefinedColumns(none, none, np.empty(0), np.zeros(image.shape), np.full(image.shape, np.inf))
    return ColumnFit(image, start, aspect, refinement or Refinement()).run(steps)


class ColumnFit:
    """A fit that goes on when some of its columns are left out; arguments as of `refine`, and at least one column.

    It holds the parameters, the background, the damping of each column and the variance of the pixels.
    """

    def __init__(self, image: Array, start: Array, aspect: float, refinement: Refinement) -> None:
        self.refinement, self.aspect, self.prior = refinement, aspect, refinement.sigma_spread**-2
        width = float(np.median(start[:, 2]))
        widest = width * REACH
        self.reach = (max(2, int(np.ceil(widest / aspect))), max(2, int(np.ceil(widest))))
        finite = np.isfinite(image)
        frame = [(half, half) for half in self.reach]
        self.image = np.pad(np.where(finite, image, 0.0), frame)
        place = start[:, :2] + np.array([self.reach[1], self.reach[0]])
        scaled = np.stack([place[:, 0], place[:, 1] * aspect, np.zeros(len(start)), np.log(start[:, 2])], 1)
        self.columns = GaussianSum(scaled, self.image.shape, self.reach, aspect)
        self.finite = np.pad(finite, frame)
        self.spacing = _NODES * width
        self.block = max(1, round(width * min(1.0, 1.0 / aspect)))
        self.background: Background = make_background(self.image.shape, (self.spacing / aspect, self.spacing))
        shown = self.image[self.finite & self.columns.covered()]
        self.nodes = np.full(self.background.nodes, float(np.median(shown)))
        scale = float(np.var(shown))
        self.floor = max(scale * 1e-12, _EVEN)
        self.variance = np.full(self.image.shape, max(scale, self.floor))
        self.damping, self.usual = np.full(len(start), _DAMPED), float(np.log(width))
        self.active = np.ones(len(start), dtype=bool)
        self.heights_known = False
        self._look_around()

    def _look_around(self) -> None:
        """Note what follows from the columns: their neighbours, the pixels that they reach, the residual."""
        places = self.columns.parameters[:, :2]
        count = min(_NEIGHBOURS + 1, len(places))
        self.nearby = cKDTree(places).query(places, k=count)[1].reshape(len(places), count)
        self.seen = self.finite & self.columns.covered()
        self.residual = np.where(self.seen, self.image - self.columns.image() - self.background.image(self.nodes), 0.0)

    def run(self, steps: int | None = None) -> RefinedColumns:
        """Take steps until nearly all columns rest, those of the refinement at most; the first ones of heights."""
        for step in range(steps or self.refinement.steps):
            if np.count_nonzero(self.active) <= _RESTLESS * len(self.active):
                break
            self.step(heights_only=not self.heights_known and step < HEIGHTS_ALONE)
        self.heights_known = True
        return self.result()

    def keep(self, which: NDArray[np.bool_]) -> None:
        """Leave columns out; the neighbours of those that go are at rest no more."""
        woken = ~which[self.nearby].all(axis=1)
        self.damping = np.where(woken, _DAMPED, self.damping)[which]
        self.active = (self.active | woken)[which]
        self.columns = self.columns.part(which)
        self._look_around()

    def step(self, *, heights_only: bool) -> None:
        """Take one step of the columns that are not at rest yet, and of the background."""
        columns = self.columns.part(self.active)
        weight = np.where(self.seen, 1.0 / self.variance, 0.0)
        blocks, force = columns.curvature(weight), columns.gradient(weight * self.residual)
        log_sigma = columns.parameters[:, 3]
        if self.active.all():
            self.usual = typical(log_sigma, blocks[:, 3, 3])
        force[:, 3] += self.prior * (self.usual - log_sigma)
        if heights_only:
            force[:, [0, 1, 3]] = 0.0
        normal = NormalEquations(
            columns, self.background, weight, blocks, self.damping[self.active], self.prior, heights_only
        )
        change, nodes = normal.solve(force, self._node_force(weight, normal.stiff))
        wanted = _limited(columns, change)
        gain = self._accept(columns, wanted, nodes, weight)
        error = 1.0 / np.sqrt(np.maximum(0.5 * (blocks[:, 0, 0] + blocks[:, 1, 1]), 1e-300))
        self._rest(wanted, gain, np.maximum(self.refinement.tolerance, _STILL * error), heights_only=heights_only)

    def result(self) -> RefinedColumns:
        """Return what the fit has come to."""
        weight = np.where(self.seen, 1.0 / self.variance, 0.0)
        errors, noise_errors = standard_errors(self.columns, weight, self.residual, background=self.spacing)
        down, right = self.reach
        inner = (slice(down, -down), slice(right, -right))
        found = self.columns.parameters.copy()
        found[:, 1] /= self.aspect
        scale = np.array([1.0, 1.0 / self.aspect, 1.0, 1.0])
        found[:, :2] -= (right, down)
        variance = np.where(self.seen, self.variance, np.inf)
        width = float(np.exp(self.usual))
        sigma = (width / self.aspect, width)
        white = np.maximum(errors[:, 2], noise_errors[:, 2]) * score_spread(self.residual, variance, sigma)
        scale *= inflation(self.residual, variance, sigma)
        residual, variance = self._with_the_rest(variance)
        return RefinedColumns(
            found, errors * scale, found[:, 2] / np.maximum(white, 1e-300), residual[inner], variance[inner]
        )

    def _with_the_rest(self, variance: Array) -> tuple[Array, Array]:
        """Residual and variance also of what no column reaches, above the means about the nodes of a background."""
        rest = self.finite & ~self.seen
        count = np.maximum(self.background.gradient(rest.astype(np.float64)), 1e-300)
        level = self.background.image(self.background.gradient(np.where(rest, self.image, 0.0)) / count)
        residual = np.where(rest, self.image - level, self.residual)
        apart = estimate_variance(level, residual, rest, ("gaussian", self.block), self.floor)
        return residual, np.where(rest, apart, variance)

    def _node_force(self, weight: Array, stiff: float) -> Array:
        return self.background.gradient(weight * self.residual) - self.background.stiffness(self.nodes, stiff)

    def _accept(self, columns: GaussianSum, change: Array, nodes: Array, weight: Array) -> Array:
        """Take the steps if χ² falls, or else those of the columns whose own windows fit no worse, or else none.

        Return by how much χ² fell in the window of each column.
        """
        now = self.residual + np.where(self.seen, columns.image() - self.background.image(nodes), 0.0)
        before = float(np.vdot(weight, self.residual**2)) + self._penalty(self.columns.parameters)
        gain = np.full(len(change), -np.inf)
        for attempt in range(2):
            moved = columns.moved(change)
            residual = now - np.where(self.seen, moved.image(), 0.0)
            parameters = self.columns.parameters.copy()
            parameters[self.active] = moved.parameters
            if not attempt:
                gain = columns.window_sums(weight * (self.residual**2 - residual**2))
            if float(np.vdot(weight, residual**2)) + self._penalty(parameters) <= before:
                self.residual, self.nodes = residual, self.nodes + nodes
                self.columns = replace(self.columns, parameters=parameters)
                return gain
            change = np.where(gain[:, None] > _WORSE, change, 0.0)
        return np.asarray(np.minimum(gain, _WORSE))

    def _penalty(self, parameters: Array) -> float:
        return self.prior * float(np.sum((parameters[:, 3] - self.usual) ** 2))

    def _rest(self, change: Array, gain: Array, resting: Array, *, heights_only: bool) -> None:
        """Damp the columns that fit worse after their steps; let those rest that moved little, and their neighbours."""
        damping = self.damping[self.active] * np.where(gain > _WORSE, 0.2, 10.0)
        self.damping[self.active] = np.clip(damping, _LEAST_DAMPED, _MOST_DAMPED)
        if np.count_nonzero(self.active) > _FEW * len(self.active):  # the weights stay once few columns move
            model = np.where(self.seen, self.image - self.residual, 0.0)
            self.variance = estimate_variance(
                model, self.residual, self.seen, (self.refinement.noise, self.block), self.floor
            )
        if not heights_only:
            restless = np.zeros(len(self.active), dtype=bool)
            restless[self.active] = (np.hypot(change[:, 0], change[:, 1]) > resting) & (damping < _MOST_DAMPED)
            self.active = np.asarray(restless[self.nearby].any(axis=1))


def typical(values: Array, weight: Array) -> float:
    """Return the median of values (n,) by weight (n,): many that are hardly known do not outvote the few that are."""
    order = np.argsort(values)
    total = np.cumsum(np.maximum(weight[order], 0.0))
    return float(values[order][np.searchsorted(total, 0.5 * total[-1])])


def _limited(columns: GaussianSum, change: Array) -> Array:
    """Return steps no longer than the Gaussians can be trusted to be straight."""
    length = np.hypot(change[:, 0], change[:, 1])
    longest = _LONGEST * np.exp(columns.parameters[:, 3])
    limited = change.copy()
    limited[:, :2] *= np.minimum(1.0, longest / np.maximum(length, 1e-300))[:, None]
    limited[:, 3] = np.clip(limited[:, 3], -_FACTOR, _FACTOR)
    return limited

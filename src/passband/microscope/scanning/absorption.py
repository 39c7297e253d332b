"""How the signal of an atom falls with its depth in the incoherent model, and how thick a specimen may then be.

An atom at depth z counts c·w·exp(−μz), so a column of thickness t has the signal of a linear one times

    c·A(μ, t),  A = (1 − exp(−μt)) / (μt).

The enhancement c is what channelling brings within the first nanometre or two of a column along a zone axis, 1.2 to 1.7
there; μ what is scattered out of the column and beyond the detector later. Both are fitted to multislice of one
material, zone axis, energy, probe and detector (`fit_absorption`); they are no property of an element alone, and
outside the fitted thickness they say nothing.
"""

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import AfterValidator, Field
from scipy.optimize import minimize_scalar

from passband.recipe import PassbandError, Recipe

LARGEST = 0.1  # Å⁻¹: half the signal within 7 Å
#: One number for all elements, or {symbol: value}.
PerElement = float | dict[str, float]


def _check_enhancement(value: PerElement) -> PerElement:
    for one in value.values() if isinstance(value, dict) else (value,):
        if not 0.1 <= one <= 10.0:
            raise PassbandError(f"an enhancement of {one:g} is outside 0.1 to 10; 1 is a column that does not channel")
    return value


def _check_coefficients(value: PerElement) -> PerElement:
    for one in value.values() if isinstance(value, dict) else (value,):
        if not -LARGEST <= one <= LARGEST:
            raise PassbandError(f"an absorption of {one:g} Å⁻¹ is beyond ±{LARGEST:g}; 0.001 is 10 % on 20 nm")
    return value


class Absorption(Recipe):
    """Law c·w·exp(−μz) of each element, and the thickness that it holds for, from the first atom to the last.

    Attributes
    ----------
    coefficients
        μ in Å⁻¹, one number or {symbol: value}; negative where channelling makes deeper atoms brighter.
    enhancement
        c, one number or {symbol: value}.
    thinnest, thickest
        Å: of the multislice that the law was fitted to. Other specimens are refused.
    """

    coefficients: Annotated[PerElement, AfterValidator(_check_coefficients)]
    enhancement: Annotated[PerElement, AfterValidator(_check_enhancement)] = 1.0
    thinnest: float = Field(default=0.0, ge=0.0)
    thickest: float = Field(gt=0.0, le=1e5)

    def weights(self, symbol: str, depth: NDArray[np.float64]) -> NDArray[np.float64]:
        """c·exp(−μz) (n,) of atoms of one element at `depth` (n,) Å.

        Raises
        ------
        PassbandError
            The law has no value for the element.
        """
        weights: NDArray[np.float64] = _of(self.enhancement, symbol) * np.exp(-_of(self.coefficients, symbol) * depth)
        return weights


def _of(values: PerElement, symbol: str) -> float:
    if not isinstance(values, dict):
        return values
    if symbol not in values:
        raise PassbandError(f"absorption has no value for {symbol}; name every element or give one number for all")
    return values[symbol]


def absorbed_signal(absorption: ArrayLike, thickness: ArrayLike) -> NDArray[np.float64]:
    """Signal A(μ, t) of a column over that without absorption, μ in Å⁻¹ and t in Å.

    Examples
    --------
    >>> absorbed_signal([0.0, 1e-3], 200.0).round(3).tolist()
    [1.0, 0.906]
    """
    product = np.multiply(absorption, thickness, dtype=np.float64)
    safe = np.where(product == 0.0, 1.0, product)
    return np.where(product == 0.0, 1.0, -np.expm1(-safe) / safe)


class AbsorptionFit(NamedTuple):
    """c, μ in Å⁻¹, the largest relative error of the law at the fitted thicknesses, and the ends of these in Å."""

    enhancement: float
    coefficient: float
    largest_error: float
    thinnest: float
    thickest: float


def fit_absorption(thickness: ArrayLike, ratio: ArrayLike) -> AbsorptionFit:
    """Fit c and μ to column signals of multislice over those of the linear model.

    Parameters
    ----------
    thickness
        (n,) Å, positive.
    ratio
        (n,) signal of multislice over the linear one at each.

    Returns
    -------
    AbsorptionFit
        The law with the smallest largest relative error: what the model may claim at these thicknesses. One thickness
        gives c alone.

    Raises
    ------
    PassbandError
        They are empty, of different lengths, or not positive.
    """
    t, wanted = np.atleast_1d(np.asarray(thickness, np.float64)), np.atleast_1d(np.asarray(ratio, np.float64))
    if t.shape != wanted.shape or not t.size or not ((t > 0.0) & (wanted > 0.0)).all():
        raise PassbandError(f"{t.size} thicknesses and {wanted.size} ratios; give one positive ratio for each")

    def spread(coefficient: float) -> tuple[float, float]:
        """Smallest and largest A over the ratio; c between their inverses errs by the same at both."""
        over = absorbed_signal(coefficient, t) / wanted
        return float(over.min()), float(over.max())

    def error(coefficient: float) -> float:
        low, high = spread(coefficient)
        return (high - low) / (high + low)

    best = 0.0
    if np.ptp(t) > 0.0:
        grid = np.linspace(-LARGEST, LARGEST, 2001)
        near, step = grid[int(np.argmin([error(one) for one in grid]))], grid[1] - grid[0]
        bounds = (near - step, near + step)
        best = float(minimize_scalar(error, bounds=bounds, method="bounded", options={"xatol": 1e-8}).x)
    return AbsorptionFit(2.0 / sum(spread(best)), best, error(best), float(t.min()), float(t.max()))

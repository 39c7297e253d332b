"""How the signal of an atom falls with its depth in the incoherent model, and how thick a specimen may then be.

An atom at depth z counts w·exp(−μz), so a column of thickness t has the signal of an unabsorbed one times

    A(μ, t) = (1 − exp(−μt)) / (μt).

μ is fitted to multislice of one material, zone axis, energy, probe and detector (`fit_absorption`); it describes all
that makes a column nonlinear: channelling along it first, scattering out of it and beyond the detector later. It is no
property of an element alone, and outside the fitted thickness it says nothing.
"""

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import AfterValidator, Field
from scipy.optimize import minimize_scalar

from passband.recipe import PassbandError, Recipe

LARGEST = 0.1  # Å⁻¹: half the signal within 7 Å


def _check_coefficients(value: float | dict[str, float]) -> float | dict[str, float]:
    for one in value.values() if isinstance(value, dict) else (value,):
        if not -LARGEST <= one <= LARGEST:
            raise PassbandError(f"an absorption of {one:g} Å⁻¹ is beyond ±{LARGEST:g}; 0.001 is 10 % on 20 nm")
    return value


class Absorption(Recipe):
    """Absorption law w·exp(−μz) of each element, and the thickness that it holds for.

    Attributes
    ----------
    coefficients
        μ in Å⁻¹, one number or {symbol: value}; negative where channelling makes deeper atoms brighter.
    thickest
        Å: of the multislice that μ was fitted to. Thicker specimens are refused.
    """

    coefficients: Annotated[float | dict[str, float], AfterValidator(_check_coefficients)]
    thickest: float = Field(gt=0.0, le=1e5)

    def of(self, symbol: str) -> float:
        """μ in Å⁻¹ of one element.

        Raises
        ------
        PassbandError
            It has none.
        """
        if not isinstance(self.coefficients, dict):
            return self.coefficients
        if symbol not in self.coefficients:
            raise PassbandError(f"absorption has no value for {symbol}; name every element or give one number for all")
        return self.coefficients[symbol]


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
    """μ in Å⁻¹, the largest relative error of the law at the fitted thicknesses, and the thickest of them in Å."""

    coefficient: float
    largest_error: float
    thickest: float


def fit_absorption(thickness: ArrayLike, ratio: ArrayLike) -> AbsorptionFit:
    """Fit μ to column signals of multislice over those of the model without absorption.

    Parameters
    ----------
    thickness
        (n,) Å, positive.
    ratio
        (n,) signal of multislice over the linear one at each.

    Returns
    -------
    AbsorptionFit
        The μ with the smallest largest relative error: what the model may claim up to that thickness.

    Raises
    ------
    PassbandError
        They are empty, of different lengths, or not positive.
    """
    t, wanted = np.atleast_1d(np.asarray(thickness, np.float64)), np.atleast_1d(np.asarray(ratio, np.float64))
    if t.shape != wanted.shape or not t.size or not ((t > 0.0) & (wanted > 0.0)).all():
        raise PassbandError(f"{t.size} thicknesses and {wanted.size} ratios; give one positive ratio for each")

    def error(coefficient: float) -> float:
        return float(np.abs(absorbed_signal(coefficient, t) / wanted - 1.0).max())

    grid = np.linspace(-LARGEST, LARGEST, 2001)
    best = grid[int(np.argmin([error(one) for one in grid]))]
    step = grid[1] - grid[0]
    found = minimize_scalar(error, bounds=(best - step, best + step), method="bounded", options={"xatol": 1e-8})
    return AbsorptionFit(float(found.x), float(found.fun), float(t.max()))

"""Numbers that vary between scenes or images: `5.0`, `{uniform = [a, b]}`, `{normal = [mean, std]}` and so on."""

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Self, TypeVar

import numpy as np
from pydantic import model_validator

from passband.recipe import PassbandError, Recipe

Name = TypeVar("Name", bound=str)


def _ordered(name: str, low: float, high: float) -> None:
    if low > high:
        raise ValueError(f"{name}=[{low}, {high}] runs backwards; write the smaller value first")


class Uniform(Recipe):
    """Every value from low to high equally likely."""

    uniform: tuple[float, float]

    @model_validator(mode="after")
    def _check(self) -> Self:
        _ordered("uniform", *self.uniform)
        return self


class LogUniform(Recipe):
    """Every ratio equally likely, for quantities such as dose that span decades."""

    log_uniform: tuple[float, float]

    @model_validator(mode="after")
    def _check(self) -> Self:
        _ordered("log_uniform", *self.log_uniform)
        if self.log_uniform[0] <= 0:
            raise ValueError(f"log_uniform={list(self.log_uniform)} must be positive; use uniform to include 0")
        return self


class Normal(Recipe):
    """Gaussian: mean and standard deviation."""

    normal: tuple[float, float]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.normal[1] < 0:
            raise ValueError(f"normal={list(self.normal)} has a negative standard deviation; write [mean, std ≥ 0]")
        return self


class Choice(Recipe):
    """One of the listed values, equally likely."""

    choice: tuple[float, ...]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.choice:
            raise ValueError("choice=[] is empty; list at least one value")
        return self


Scalar = float | Uniform | LogUniform | Normal | Choice


def sample(scalar: Scalar, rng: np.random.Generator) -> float:
    """One value drawn from a scalar distribution; a plain number is returned without using `rng`.

    Examples
    --------
    >>> sample(2.5, np.random.default_rng(0))
    2.5
    >>> 1.0 <= sample(Uniform(uniform=(1.0, 2.0)), np.random.default_rng(0)) <= 2.0
    True
    """
    match scalar:
        case Uniform(uniform=(low, high)):
            return float(rng.uniform(low, high))
        case LogUniform(log_uniform=(low, high)):
            return float(np.exp(rng.uniform(np.log(low), np.log(high))))
        case Normal(normal=(mean, std)):
            return float(rng.normal(mean, std))
        case Choice(choice=values):
            return float(values[int(rng.integers(len(values)))])
        case _:
            return float(scalar)


def limits(scalar: Scalar, *, spreads: float = 3.0) -> tuple[float, float]:
    """Return the smallest and largest value a scalar takes; for a normal one, mean ± `spreads` standard deviations."""
    match scalar:
        case Uniform(uniform=pair) | LogUniform(log_uniform=pair):
            return pair
        case Normal(normal=(mean, std)):
            return mean - spreads * std, mean + spreads * std
        case Choice(choice=values):
            return min(values), max(values)
        case _:
            return float(scalar), float(scalar)


def drawn(scalar: Scalar, rng: np.random.Generator) -> float:
    """One value within `limits`: as `sample`, with the tails of a normal distribution clipped."""
    return float(np.clip(sample(scalar, rng), *limits(scalar)))


def check_limits(values: Recipe, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Refuse a recipe of which a field can leave its range (least, most).

    Raises
    ------
    PassbandError
        Naming the first such field.
    """
    for name, (least, most) in ranges.items():
        low, high = limits(getattr(values, name))
        if low < least or high > most:
            raise PassbandError(f"{name} runs from {low:g} to {high:g}; it must stay within {least:g} and {most:g}")


def check_weights(name: str, weights: Mapping[Name, float]) -> None:
    """Refuse relative weights that are negative, all 0, or too large to be added.

    Raises
    ------
    PassbandError
        They are, or there are none.
    """
    if min(weights.values(), default=0.0) < 0 or not sum(weights.values()) > 0:
        raise PassbandError(f"{name}={weights} has no or a negative weight; weights are relative, 0 is never")
    check_sum(name, weights.values())


def check_sum(name: str, weights: Iterable[float]) -> None:
    """Refuse relative weights whose sum is beyond all numbers.

    Raises
    ------
    PassbandError
        It is.
    """
    among = list(weights)
    if not isfinite(sum(among)):
        raise PassbandError(
            f"{name}: weights up to {max(among):g} cannot be added; they are relative, so write 1 and 3"
        )


def chosen(weights: Mapping[Name, float], rng: np.random.Generator) -> Name:
    """One of the names, as often as its relative weight says."""
    shares = np.array(list(weights.values()))
    return list(weights)[int(rng.choice(len(shares), p=shares / shares.sum()))]

"""Numbers of a camera or a scan: what a recipe of one leaves out, and how a distribution checks and draws them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import SerializerFunctionWrapHandler, model_serializer

from passband.distribution import limits, sample
from passband.recipe import PassbandError, Recipe

#: Smallest and largest value of each quantity, by its name.
Bounds = Mapping[str, tuple[float, float]]


class Sparse(Recipe):
    """A recipe whose JSON leaves out what has its default: a field that is added later changes no identity."""

    @model_serializer(mode="wrap")
    def _serialise(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        values: dict[str, Any] = handler(self)
        return {name: value for name, value in values.items() if getattr(self, name) != fields[name].default}


def check_quantity(name: str, value: float, bounds: Bounds, *, cure: str = "stay within these bounds") -> None:
    """Raise `PassbandError` for a value outside its bounds."""
    low, high = bounds[name]
    if not low <= value <= high:
        raise PassbandError(f"{name}={value:g} is outside {low:g} to {high:g}; {cure}")


def check_quantities(distribution: Recipe, bounds: Bounds, probability: Mapping[str, float]) -> None:
    """Raise `PassbandError` for a quantity that may leave its bounds, or a probability of none or outside 0 to 1."""
    for name in bounds:
        for value in limits(getattr(distribution, name), spreads=0.0):
            check_quantity(name, value, bounds)
    for name, chance in probability.items():
        if name not in bounds:
            raise PassbandError(f"probability has no {name!r}; choose one of {', '.join(bounds)}")
        if not 0.0 <= chance <= 1.0:
            raise PassbandError(f"probability.{name}={chance:g} is outside 0 to 1; write a fraction of the images")


def draw_quantities(
    distribution: Recipe, bounds: Bounds, probability: Mapping[str, float], rng: np.random.Generator
) -> dict[str, float]:
    """Draw each quantity, clipped to its bounds, but those that are not there by their `probability`."""
    values = {}
    for name, (low, high) in bounds.items():
        value = min(max(sample(getattr(distribution, name), rng), low), high)
        if name not in probability or rng.random() < probability[name]:
            values[name] = value
    return values

"""Conditions with a name, of any beam path: what networks are trained on and measured on."""

from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from passband.camera.cameras import AnyCamera
from passband.microscope.instruments.choice import AnyDistribution
from passband.recipe import Recipe


class NamedConditions(Recipe):
    """Conditions that networks are trained or measured under, and the name that they have in tables and figures.

    Attributes
    ----------
    name
        In tables and figures.
    conditions
        A distribution, or a mixture of several.
    camera
        Distribution of cameras, or scanners, in place of `imaging.camera`, such as one that is held out; that one by
        default. An empty table is a camera that only counts electrons.
    """

    name: str = Field(min_length=1)
    conditions: AnyDistribution
    camera: AnyCamera | None = None

    @model_serializer(mode="wrap")
    def _serialise(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_own_camera(handler(self))


def without_own_camera(values: dict[str, Any]) -> dict[str, Any]:
    """JSON values of a recipe whose `camera` is left out where there is none: so it keeps its identity of before."""
    return {name: value for name, value in values.items() if name != "camera" or value is not None}

"""What is known of a trained network: its card, a JSON file beside the weights."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, JsonValue, model_validator

from passband.recipe import Recipe
from passband.segmentation.networks import AnyArchitecture
from passband.segmentation.saving import read_card_as


class ModelCard(Recipe):
    """What a user must know of a network before trusting it; `weights_sha256` is filled in by `save_model`.

    Attributes
    ----------
    name
        Of the model.
    architecture
        Recipe of the network.
    classes
        Their names in order, "background" first.
    pixel_size
        Å, at which the network sees; images are resampled to it.
    mode
        Of the microscope whose images it was trained on: "TEM", "STEM" or "SEM".
    conditions
        Distribution of imaging conditions that it was trained through, as plain values.
    simulation, imaging, training
        The other recipes of the run, as plain values.
    scores
        On named held-out sets.
    calibration
        What relates distance from the training conditions to loss; filled in by later evaluations.
    seed, cost
        Random seed; cost such as `{"seconds": 1200, "device": "2 CPU cores"}`.
    licence, citation, notes
        Text.
    weights_sha256
        Of the weights file.
    """

    name: str = "unnamed"
    architecture: AnyArchitecture
    classes: tuple[str, ...] = ("background", "particle")
    pixel_size: float = Field(gt=0.0)
    mode: Literal["TEM", "STEM", "SEM"] = "TEM"
    conditions: dict[str, JsonValue] = Field(default={})
    simulation: dict[str, JsonValue] = Field(default={})
    imaging: dict[str, JsonValue] = Field(default={})
    training: dict[str, JsonValue] = Field(default={})
    scores: dict[str, JsonValue] = Field(default={})
    calibration: dict[str, JsonValue] = Field(default={})
    seed: int = 0
    cost: dict[str, JsonValue] = Field(default={})
    licence: str = "BSD-3-Clause"
    citation: str = ""
    notes: str = ""
    weights_sha256: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.classes) != self.architecture.classes:
            raise ValueError(
                f"classes={list(self.classes)} names {len(self.classes)} classes but the network has "
                f"{self.architecture.classes}; name each one"
            )
        return self


def read_card(directory: str | Path) -> ModelCard:
    """Read the card of a model without its weights.

    Raises
    ------
    ModelError
        It is missing or not a card.
    """
    return read_card_as(ModelCard, directory)

"""A part of a campaign: which networks are trained, and what they are measured on."""

from pydantic import Field, JsonValue

from passband.experiment.plan import FolderName
from passband.recipe import Recipe


class Part(Recipe):
    """Some training conditions × some series, measured on some conditions.

    Attributes
    ----------
    name
        In tables and figures.
    train_on
        Name of the family of conditions that networks are trained on, one after the other.
    evaluate_on
        Name of the family that they are measured on; the training's own condition is measured in any case.
    series
        Changes to the campaign's `training`, such as `{ learning_rate = 1e-2 }`; one experiment for each.
    structures
        Names of the campaign's other structures that are evaluated too; "" is its own.
    seeds
        Of the networks.
    together
        Train all seeds of an experiment on one stream of micrographs; else each seed is an experiment of its own, with
        its own stream.
    curves
        Measure after every epoch, or every `training.validate_every` of them.
    keep_epochs
        Keep the weights of the measured epochs, so that an evaluation that is added later needs no training; where they
        are too many for the disk, false.
    """

    name: FolderName
    train_on: str
    evaluate_on: str
    series: tuple[dict[str, JsonValue], ...] = Field(default=({},), min_length=1)
    structures: tuple[str, ...] = ("",)
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    together: bool = True
    curves: bool = False
    keep_epochs: bool = True

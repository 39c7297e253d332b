"""An experiment: networks that are trained on one stream of micrographs, and what they are measured on.

A single study is one of them (`Plan.experiment`); a campaign is many. It is one value, which says everything that its
results depend on.
"""

from typing import Any, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from passband.camera.cameras import AnyCamera
from passband.dataset.beam_paths import AnyImaging, AnySimulation
from passband.dataset.named_conditions import without_own_camera
from passband.microscope.instruments.choice import AnyDistribution
from passband.recipe import Recipe
from passband.segmentation.losses import LossRecipe
from passband.segmentation.networks import AnyArchitecture
from passband.training import TrainingRecipe

#: Name of the set that is validated on where an experiment names none: the training's own condition.
MONITORED = "trained"


class Split(Recipe):
    """Fractions of the structures held back; all conditions of one structure are on one side.

    Attributes
    ----------
    validation
        Seen during training, but never trained on.
    test
        For the final test alone.
    """

    validation: float = Field(default=0.1, gt=0.0, lt=1.0)
    test: float = Field(default=0.1, gt=0.0, lt=1.0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.validation + self.test >= 1.0:
            held = f"validation={self.validation:g} and test={self.test:g}"
            raise ValueError(f"{held} leave nothing to train on; their sum must be below 1")
        return self


class Evaluation(Recipe):
    """Micrographs that a network is measured on.

    Attributes
    ----------
    name
        In tables.
    conditions
        That the micrographs are taken under.
    structures
        "" for held-out structures of the store that the network was trained on, else a name in `Experiment.others`.
    camera
        Distribution of cameras, or scanners, in place of that of `Experiment.imaging`.
    """

    name: str = Field(min_length=1)
    conditions: AnyDistribution
    structures: str = ""
    camera: AnyCamera | None = None

    @model_serializer(mode="wrap")
    def _serialise(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_own_camera(handler(self))


class Experiment(Recipe):
    """Networks that differ by their initial weights, trained on one stream of micrographs, and measured.

    Attributes
    ----------
    trained_on
        Name of the training condition, in tables.
    simulation, imaging
        What they are trained on.
    network, loss, training, split
        As in a plan. The seed of `training` is that of the stream of micrographs.
    seeds
        Of the initial weights, one network each.
    evaluations
        What they are measured on, on the structures of the test split.
    others
        Simulations of other structures, for the evaluations that name them.
    images
        Micrographs of each evaluation.
    curves
        Measure after every validated epoch; else at the end alone.
    keep_epochs
        Keep the weights of those epochs, so that an evaluation that is added later needs no training.
    validation
        What is measured on the structures of the validation split while the networks learn, and may stop them; by
        default the training's own condition, called `MONITORED`.
    validation_images
        Micrographs of each validation; as many as of an evaluation by default.
    """

    trained_on: str
    simulation: AnySimulation
    imaging: AnyImaging
    network: AnyArchitecture
    loss: LossRecipe
    training: TrainingRecipe
    split: Split
    seeds: tuple[int, ...] = Field(min_length=1, max_length=256)
    evaluations: tuple[Evaluation, ...] = Field(min_length=1)
    others: dict[str, AnySimulation] = Field(default={})
    images: int = Field(ge=1)
    curves: bool = False
    keep_epochs: bool = True
    validation: tuple[Evaluation, ...] = ()
    validation_images: int | None = Field(default=None, ge=1)

    @model_serializer(mode="wrap")
    def _serialise(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        if not self.validation:  # experiments of campaigns keep their identity
            values.pop("validation", None)
        if self.validation_images is None:
            values.pop("validation_images", None)
        return values

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds={list(self.seeds)} has one twice; it would train the same network again")
        if self.training.clip_norm is not None and len(self.seeds) > 1:
            raise ValueError("clip_norm couples the networks of one run; leave it out, or give each seed its own run")
        names = [(one.structures, one.name) for one in self.evaluations]
        if len(set(names)) < len(names):
            raise ValueError("two evaluations have one name; give each its own")
        unknown = sorted({one.structures for one in self.evaluations} - {"", *self.others})
        if unknown:
            raise ValueError(f"structures={unknown[0]!r} is not among {sorted(self.others)}; add its simulation")
        return self

    @property
    def protocol(self) -> TrainingRecipe:
        """The training, with the set that it monitors where there is only one."""
        return self.training if self.validation else self.training.model_copy(update={"monitor_set": MONITORED})

    @property
    def images_of_validation(self) -> int:
        """Micrographs of each validation."""
        return self.validation_images or self.images

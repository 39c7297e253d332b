"""What is known of a trained network after it was measured under many conditions: the table that a verdict rests on.

The table is part of the model's card, in its field `calibration`: one row per data set with its conditions, its
distances to the training and the loss and Dice of the network there; signals of some single images; and statistics of
in-distribution micrographs. Numbers only.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, SerializerFunctionWrapHandler, ValidationError, model_serializer, model_validator

from passband.camera.cameras import AnyCamera
from passband.durable import write_atomically
from passband.microscope.instruments.choice import AnyDistribution, instrument_named
from passband.microscope.instruments.instrument import INSTRUMENTS
from passband.performance.camera_reference import CameraReference
from passband.performance.gaussian_process import Kernel
from passband.performance.observation import SignalReference
from passband.performance.settings import setting_columns
from passband.recipe import PassbandError, Recipe
from passband.segmentation.card import ModelCard
from passband.segmentation.shipped import CARD, WEIGHTS
from passband.segmentation.weights import ModelError
from passband.validation import first_error

Columns = dict[str, tuple[float, ...]]
Array = NDArray[np.float64]

REMEDY = "run passband calibrate"
#: How right the mask of a single image is; `f1` only of networks that find columns or defects.
QUALITIES = ("error_area", "loss", "dice", "f1")
#: Columns of every table, beside those of the instrument's settings.
SCORE_COLUMNS = ("inside", "loss", "loss_spread", "dice", "dice_spread")
FEWEST = 20  # data sets


class PerformanceError(PassbandError):
    """A table of performance that is missing, damaged or cannot be made."""


class MeasurementRecipe(Recipe):
    """How much is measured, and from which conditions.

    Attributes
    ----------
    data_sets
        Settings of the microscope; half of them as the training, the others partly or mostly beyond it.
    images
        Micrographs of each, of structures drawn at random from those the network never saw.
    seed
        Of settings, structures and noise.
    wider
        Conditions beyond the training; by default `widening.widened` of it.
    cameras
        That some of the data sets are recorded with, beyond the training's; by default `widening.WIDE_CAMERA`.
    """

    data_sets: int = Field(default=400, ge=FEWEST, le=100_000)
    images: int = Field(default=10, ge=2, le=1000)
    seed: int = Field(default=0, ge=0)
    wider: AnyDistribution | None = None
    cameras: AnyCamera | None = None


class Kernels(Recipe):
    """Covariances of what is predicted from a table, see `performance.error_model`.

    Attributes
    ----------
    loss, dice
        Of the means of data sets over the conditions.
    images
        Of what a line leaves of the error area of single images, see `performance.image_regression`.
    """

    loss: Kernel
    dice: Kernel
    images: Kernel | None = None


class Laboratory(Recipe):
    """Images of a laboratory whose masks were corrected by hand; the images themselves are not kept.

    Attributes
    ----------
    files
        SHA-256 of each image's file.
    images
        Columns over them: the signals, `error_area`, `loss` and `dice` (−1 where it is not defined).
    """

    files: tuple[str, ...]
    images: Columns


class PerformanceTable(Recipe):
    """Performance of a network, measured under many conditions.

    Attributes
    ----------
    instrument
        Kind of the settings, left out of the JSON of the oldest.
    recipe
        What was measured.
    store, structures
        Identity of the exit waves, and how many structures of them were used.
    patch
        Least side in pixels, at the network's pixel size, of the images that signals were measured on.
    sets
        Columns over data sets: the quantities of the setting in the units of the instrument (a dose of 0: no noise),
        the camera's pixel size in Å, the distances to the training, and `SCORE_COLUMNS`. `loss` is the mean over images
        on the scale of arXiv 2512.09067, `dice` from the areas of all images together, the spreads are standard
        deviations over images, `inside` is 1 where every quantity is one that the training covered, and the camera is
        one of its own; `other_camera`, which older tables lack, is 1 where it is not.
    images
        Columns over some single images: the signals, the calibrated checks (`passband.checks`; cards of before
        2026-11-26 have none), `error_area` (share of wrong pixels; cards of before 2026-11-26
        have none), `loss`, `dice` (−1 where neither truth nor prediction has a particle), `f1` of networks that find
        columns or defects (−1 likewise; `scoring`) and `set`, the row in `sets`.
    reference
        Statistics of the images inside, for the signals.
    kernels
        Of the Gaussian processes that predict from the table; an older card has none, and they are then
        searched for each time that it is read. `passband calibrate MODEL -o DIR` adds them.
    laboratory
        Images of the user, where there are any; left out of the JSON where there are none.
    camera
        What the estimators of a camera say of images of the training; left out of the JSON where it was not measured,
        as on cards of before 2026-11-27 and of scans.
    """

    version: int = Field(default=1, ge=1, le=1)
    instrument: str = "tem"
    recipe: MeasurementRecipe
    store: str
    structures: int = Field(ge=1)
    patch: int = Field(ge=8)
    sets: Columns
    images: Columns
    reference: SignalReference
    kernels: Kernels | None = None
    laboratory: Laboratory | None = None
    camera: CameraReference | None = None

    @model_serializer(mode="wrap")
    def _serialise(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        defaults = {"instrument": INSTRUMENTS.default, "laboratory": None, "camera": None}
        return {name: one for name, one in values.items() if name not in defaults or one != defaults[name]}

    @model_validator(mode="after")
    def _check(self) -> Self:
        needed = (*setting_columns(instrument_named(self.instrument)), *SCORE_COLUMNS)
        missing = [name for name in needed if name not in self.sets]
        if missing:
            raise ValueError(f"the table lacks {', '.join(missing)}; {REMEDY} again")
        for columns in (self.sets, self.images):
            lengths = {name: len(values) for name, values in columns.items()}
            if len(set(lengths.values())) > 1:
                raise ValueError(f"columns of different length {lengths}; {REMEDY} again")
        return self

    @property
    def own_camera(self) -> NDArray[np.bool_]:
        """Which data sets were recorded with a camera of the training."""
        return np.asarray(self.sets.get("other_camera", np.zeros(len(self.sets["loss"])))) < 0.5

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Which data sets the training covered."""
        return self.column("inside") > 0.5

    def column(self, name: str) -> Array:
        """One column over data sets."""
        return np.asarray(self.sets[name], dtype=np.float64)

    def in_distribution_signals(self) -> dict[str, Array]:
        """Signals of the single images inside, ascending, by name."""
        row = np.asarray(self.images.get("set", ()), dtype=int)
        inside = self.inside[row] if len(row) else np.zeros(0, dtype=bool)
        skipped = ("set", *QUALITIES)
        return {
            name: np.sort(np.asarray(values)[inside]) for name, values in self.images.items() if name not in skipped
        }


def measured_performance(card: ModelCard) -> PerformanceTable | None:
    """Table on a card; None where the network was never measured.

    Raises
    ------
    PerformanceError
        There is one, but it is damaged or of another version.
    """
    if not card.calibration:
        return None
    try:
        return PerformanceTable.model_validate(card.calibration)
    except ValidationError as error:
        reason = first_error(error, whole="the table")
        raise PerformanceError(f"the calibration of {card.name} is damaged: {reason}; {REMEDY}") from error


def write_measured_card(folder: Path, card: ModelCard, table: PerformanceTable) -> ModelCard:
    """Write the card of a model with its table; the weights beside it stay as they are.

    Each column of the table is one line, so that the card can be read and compared.
    """
    values = table.model_dump(mode="json", exclude_defaults=False)
    complete = card.model_copy(update={"calibration": values})
    fields = json.loads(complete.model_dump_json())
    text = json.dumps(fields | {"calibration": None}, indent=1, ensure_ascii=False, allow_nan=False)
    text = text.replace(' "calibration": null', f' "calibration": {_lines(values, 1)}')
    write_atomically(folder / CARD, (text + "\n").encode(), error=ModelError)
    return complete


def write_measured_model(target: Path, folder: Path, card: ModelCard, table: PerformanceTable) -> None:
    """Write the weights of the model in `folder` into `target`, and its card with a table."""
    target.mkdir(parents=True, exist_ok=True)
    if target.resolve() != folder.resolve():
        shutil.copyfile(folder / WEIGHTS, target / WEIGHTS)
    write_measured_card(target, card, table)


def _lines(values: Mapping[str, object], depth: int) -> str:
    """JSON of nested mappings, one line for each list or value."""
    parts = [
        f"{' ' * (depth + 1)}{json.dumps(name)}: "
        + (_lines(value, depth + 1) if isinstance(value, dict) and value else json.dumps(value, separators=(",", ":")))
        for name, value in values.items()
    ]
    return "{\n" + ",\n".join(parts) + "\n" + " " * depth + "}"


def rounded(value: float, digits: int = 4) -> float:
    """Round a number to as many digits as the table keeps."""
    return float(f"{value:.{digits}g}")

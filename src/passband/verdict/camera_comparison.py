"""The camera of a micrograph beside that of the training: told, not weighed.

A quantity is *within* where it lies between the quantiles of 5 and 95 % of the images of the training, *rare* where
some image of the training has less and some has more, and *beyond* else. No word of a verdict follows from that: its
power and false alarms were not measured, and every tenth image of the training itself has a given quantity not within.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from passband.camera.estimates import MOST_LEVELS
from passband.performance.camera_reference import CAMERA_QUANTITIES, CameraReference, TrainedSpread

Place = Literal["within", "rare", "beyond"]
LEVELS = "grey_levels"


class ComparedQuantity(NamedTuple):
    """A quantity of the camera of one image, and its spread over the images of the training.

    `grey_levels` above 1024 are not counted: 1025 is any more.
    """

    value: float
    trained: TrainedSpread

    @property
    def place(self) -> Place:
        """In one word, where the value lies among those of the training."""
        if self.trained.low <= self.value <= self.trained.high:
            return "within"
        return "rare" if self.trained.least <= self.value <= self.trained.largest else "beyond"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        least, low, median, high, largest = self.trained
        return {
            "value": self.value,
            "place": self.place,
            "trained": {"median": median, "usual": [low, high], "all": [least, largest]},
        }


def compared(reference: CameraReference | None, values: Mapping[str, float]) -> dict[str, ComparedQuantity]:
    """Compare the quantities that an image tells with those that the training knows, in the order of the table."""
    known = {} if reference is None else reference.quantities
    names = [one.name for one in CAMERA_QUANTITIES if one.name in known and one.name in values]
    return {name: ComparedQuantity(values[name], known[name]) for name in names}


def camera_rows(camera: Mapping[str, ComparedQuantity]) -> list[dict[str, str]]:
    """Rows for a person: `quantity`, `value`, `trained` (5 to 95 %), `all` (least to largest) and `place`."""
    words = {one.name: one.words for one in CAMERA_QUANTITIES}
    return [
        {
            "quantity": words[name],
            "value": _text(name, one.value),
            "trained": f"{_text(name, one.trained.low)} to {_text(name, one.trained.high)}",
            "all": f"{_text(name, one.trained.least)} to {_text(name, one.trained.largest)}",
            "place": one.place,
        }
        for name, one in camera.items()
    ]


def _text(name: str, value: float) -> str:
    if name == LEVELS:
        return f"{value:.0f}" if value <= MOST_LEVELS else f"more than {MOST_LEVELS}"
    return f"{value:.2g}"

"""Anything that labels every pixel of a micrograph: what it takes, what it gives, and what is known of it."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.camera.image_area import ImageArea
from passband.recipe import PassbandError

MOST_CLASSES = 256  # labels are bytes, in masks and in memory


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What a segmenter says of one image.

    Attributes
    ----------
    labels
        Class of every pixel, (y, x), uint8; 0 is the background.
    classes
        Their names, "background" first.
    pixel_size
        (y, x) in Å.
    probabilities
        Of every class at every pixel, (classes, y, x), float32; None where the method knows none.
    """

    labels: NDArray[np.uint8]
    classes: tuple[str, ...]
    pixel_size: tuple[float, float]
    probabilities: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.labels.ndim != 2 or self.labels.dtype != np.uint8:
            raise PassbandError(
                f"labels of shape {self.labels.shape} and type {self.labels.dtype} must be (y, x) of uint8; "
                "write labels.astype(np.uint8)"
            )
        if not 2 <= len(self.classes) <= MOST_CLASSES:
            raise PassbandError(
                f"{len(self.classes)} classes are not 2 to {MOST_CLASSES}; name each, the background first"
            )
        highest = int(self.labels.max(initial=0))
        if highest >= len(self.classes):
            raise PassbandError(f"label {highest} has no name in classes={list(self.classes)}; name every class")
        expected = (len(self.classes), *self.labels.shape)
        if self.probabilities is not None and self.probabilities.shape != expected:
            raise PassbandError(f"probabilities {self.probabilities.shape} must be (classes, y, x), here {expected}")

    @property
    def foreground(self) -> NDArray[np.float32] | None:
        """Probability of anything but the background, (y, x); None where the method knows none."""
        return None if self.probabilities is None else np.asarray(1.0 - self.probabilities[0], dtype=np.float32)


def most_probable(probabilities: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Most probable class at every pixel, (y, x), of probabilities (classes, y, x); of equal ones the first.

    As `argmax(axis=0)`, which reads memory in the wrong order and takes ten times as long.
    """
    labels = np.zeros(probabilities.shape[1:], dtype=np.uint8)
    highest = probabilities[0]
    for number in range(1, len(probabilities)):
        if number > 1:
            highest = np.maximum(highest, probabilities[number - 1])
        np.maximum(labels, (probabilities[number] > highest) * np.uint8(number), out=labels)
    return labels


def in_whole_image(found: Segmentation, area: ImageArea) -> Segmentation:
    """Return what was found inside an image area as the segmentation of the whole image; the rest is background."""
    if found.probabilities is None:
        return replace(found, labels=area.around(found.labels))
    background = area.around(found.probabilities[:1], 1.0)
    others = area.around(found.probabilities[1:])
    return replace(found, labels=area.around(found.labels), probabilities=np.concatenate([background, others]))


class Card(Protocol):
    """What must be known of a segmenter before it is used."""

    @property
    def name(self) -> str:
        """Of the segmenter, for messages and tables."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, "background" first."""

    @property
    def pixel_size(self) -> float | None:
        """Å at which it sees; None: it takes images as they are."""

    @property
    def mode(self) -> str | None:
        """Of the microscope whose images it is for: "TEM", "STEM" or "SEM"; None: any."""


class Segmenter(Protocol):
    """A network or a method that labels the pixels of an image; `passband.segmentation.model.Model` is one."""

    @property
    def card(self) -> Card:
        """What is known of it."""

    def segment(
        self, image: ArrayLike, pixel_size: float | tuple[float, float], *, symmetries: int = 1
    ) -> Segmentation:
        """Label every pixel of an image (y, x) of `pixel_size` Å, one number or (y, x).

        `symmetries` is how many of the square's eight are averaged over (test-time augmentation); a method whose
        answer turns with the image may ignore it.
        """

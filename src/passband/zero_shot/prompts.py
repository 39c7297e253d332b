"""What a person points at: places in a material, places that are not of it, and boxes about it."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from passband.recipe import PassbandError
from passband.zero_shot.proposals import Proposals


@dataclass(frozen=True)
class Prompt:
    """One thing that is wanted.

    Attributes
    ----------
    points
        (y, x) each, in pixels of the image, inside of it.
    avoid
        Places that are not of it.
    box
        (y0, x0, y1, x1), pixels; the end is not of it. None: anywhere.
    """

    points: tuple[tuple[float, float], ...] = ()
    avoid: tuple[tuple[float, float], ...] = ()
    box: tuple[float, float, float, float] | None = None

    def __post_init__(self) -> None:
        if not self.points and self.box is None:
            raise PassbandError("a prompt without a point and without a box asks for nothing; give one of them")
        if self.box is not None and not (self.box[0] < self.box[2] and self.box[1] < self.box[3]):
            raise PassbandError(f"the box {self.box} is empty; write it as y0, x0, y1, x1 with y0 < y1 and x0 < x1")

    def check(self, shape: tuple[int, int]) -> None:
        """Raise PassbandError where a point or the box leaves an image of (y, x) pixels."""
        for y, x in (*self.points, *self.avoid):
            if not (0 <= y < shape[0] and 0 <= x < shape[1]):
                raise PassbandError(
                    f"the point {y:g},{x:g} (y, x) is outside the image of {shape[0]} × {shape[1]} pixels; "
                    "counts begin with 0 at the upper left"
                )
        if self.box is not None:
            y0, x0, y1, x1 = self.box
            if y0 < 0 or x0 < 0 or y1 > shape[0] or x1 > shape[1]:
                raise PassbandError(
                    f"the box {self.box} (y0, x0, y1, x1) leaves the image of {shape[0]} × {shape[1]} pixels; cut it"
                )


class Proposer(Protocol):
    """A method that proposes masks for an image without a label; each looks at the image once, then answers prompts."""

    @property
    def name(self) -> str:
        """What --proposals calls it."""

    def embed(self, image: NDArray[np.float32]) -> "Embedding":
        """Look at an image (y, x): the costly part, done once for all prompts."""


class Embedding(Protocol):
    """What a proposer has seen of one image."""

    def everything(self) -> Proposals:
        """Masks of whatever there is."""

    def answer(self, prompt: Prompt) -> Proposals:
        """Masks for one prompt, the best first; raises PassbandError where it leaves the image."""

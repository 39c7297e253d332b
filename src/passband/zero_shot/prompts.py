"""What a person points at: places in a material, places that are not of it, and boxes about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from passband.recipe import PassbandError
from passband.zero_shot.proposals import Proposals

Point = tuple[float, float]
Box = tuple[float, float, float, float]


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

    points: tuple[Point, ...] = ()
    avoid: tuple[Point, ...] = ()
    box: Box | None = None

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


def one_for_each(
    *, points: Sequence[Point] = (), boxes: Sequence[Box] = (), avoid: Sequence[Point] = ()
) -> tuple[Prompt, ...]:
    """Return a prompt for each point and each box, one in or about each material that is wanted.

    Points in other materials are places to avoid, and so are those of `avoid`, which are in none.

    Raises
    ------
    PassbandError
        A box is empty, or places are to be avoided by nothing.

    Examples
    --------
    >>> first, second = one_for_each(points=[(20, 30)], boxes=[(0, 0, 40, 20)], avoid=[(90, 90)])
    >>> first.avoid, second.avoid
    (((90, 90),), ((20, 30), (90, 90)))
    """
    if avoid and not points and not boxes:
        raise PassbandError(f"avoid={avoid[0]} without a point or a box: say what is wanted, too")
    pointed = [Prompt(points=(one,), avoid=(*(other for other in points if other != one), *avoid)) for one in points]
    return (*pointed, *(Prompt(box=box, avoid=(*points, *avoid)) for box in boxes))


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

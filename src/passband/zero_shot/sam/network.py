"""What a network of Segment Anything's kind can do, whatever runs it: look at an image once, then answer prompts."""

from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


class Label(IntEnum):
    """What a place of a prompt says, as the networks were trained to read it."""

    NONE = -1
    AVOID = 0
    POINT = 1
    UPPER_LEFT = 2
    LOWER_RIGHT = 3


class MaskNetwork(Protocol):
    """An encoder of images and a decoder of prompts.

    Attributes
    ----------
    name
        What `--proposals` calls it.
    identity
        Tells these weights, and how they are computed with, from others: part of the key of kept embeddings.
    side
        Pixels of the square that it looks at.
    stretches
        Whether images that are no squares are stretched to one, or fill a part of it.
    """

    name: str
    identity: str
    side: int
    stretches: bool

    def encode(self, pixels: Tensor) -> Tensor:
        """Return the embedding (1, channels, rows, columns) of an image (1, 3, side, side), float32."""

    def decode(
        self, embedding: Tensor, places: NDArray[np.float32], labels: NDArray[np.int64], *, several: bool
    ) -> tuple[Tensor, Tensor]:
        """Answer n prompts of equally many places each.

        Parameters
        ----------
        embedding
            Of the image.
        places
            (n, places, 2): (x, y) in the square.
        labels
            (n, places), see `Label`.
        several
            Whether three masks are wanted for each prompt, for what a part and what the whole is remains open; or the
            one that is best where a prompt leaves little open.

        Returns
        -------
        logits, quality
            (n, masks, h, w) of the square, a mask where above 0; (n, masks), the predicted IoU of each.
        """

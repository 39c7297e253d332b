"""Images that the generator drew before, shown to the discriminator again (Shrivastava et al., arXiv 1612.07828)."""

import numpy as np
import torch
from torch import Tensor, nn


class ReplayBuffer(nn.Module):
    """Keeps some generated images; it is a buffer of the learner, so that a resumed training has the same ones.

    Parameters
    ----------
    capacity
        Images that are kept; 0: none, and every image is returned as it is.
    side
        Pixels.
    """

    images: Tensor

    def __init__(self, capacity: int, side: int) -> None:
        super().__init__()
        self.register_buffer("images", torch.zeros(capacity, 1, side, side))

    @torch.no_grad()
    def exchanged(self, images: Tensor, *, seen: int, rng: np.random.Generator) -> Tensor:
        """Return images for the discriminator: half of them new, half stored ones whose places the new ones take.

        Until the buffer is full, all are new and are stored.

        Parameters
        ----------
        images
            (n, 1, side, side), in single precision.
        seen
            Images that were given before.
        rng
            Chooses.
        """
        shown = images.clone()
        capacity = len(self.images)
        for number in range(len(images)):
            stored = min(seen + number, capacity)
            if stored < capacity:
                self.images[stored] = images[number]
            elif capacity and rng.random() < 0.5:
                place = int(rng.integers(capacity))
                shown[number] = self.images[place]
                self.images[place] = images[number]
        return shown

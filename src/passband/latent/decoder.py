"""The network that draws an object: a value at every place, for a content that is told (Bepler et al. 2019)."""

from itertools import pairwise

import torch
from torch import Tensor, nn


class SpatialDecoder(nn.Module):
    """h = tanh(W_x r + W_z z + b), then dense layers with tanh, then one number for each place.

    Parameters
    ----------
    content
        Numbers that are told: content, known class and discrete state.
    hidden
        Widths of the layers.
    detail
        By how much the weights of places begin wider than torch's: of 1, the first drawings are as smooth as the
        window, and several atoms take thousands of steps, before which the angle may have fallen asleep.
    """

    def __init__(self, content: int, hidden: tuple[int, ...], *, detail: float = 1.0) -> None:
        super().__init__()
        self.place = nn.Linear(2, hidden[0])
        with torch.no_grad():
            self.place.weight.mul_(detail)
            self.place.bias.mul_(detail)
        self.content = nn.Linear(content, hidden[0], bias=False) if content else None
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(hidden))
        self.value = nn.Linear(hidden[-1], 1)

    def forward(self, places: Tensor, content: Tensor) -> Tensor:
        """Return the value at places (n, p, 2) of objects of content (n, c): (n, p)."""
        found = self.place(places)  # (n, p, hidden)
        if self.content is not None:
            found = found + self.content(content)[:, None]
        found = torch.tanh(found)
        for layer in self.layers:
            found = torch.tanh(layer(found))
        value: Tensor = self.value(found)[..., 0]
        return value

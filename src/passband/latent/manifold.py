"""The grid of latents that a manifold is drawn on."""

from collections.abc import Sequence

import torch
from torch import Tensor


def content_grid(low: Sequence[float], high: Sequence[float], side: int) -> Tensor:
    """Return latents (side · side, d): the first from `low` to `high` along a row, the second along a column.

    Further latents are in the middle of theirs; where there is one alone, all rows are the same, and of none (d = 0)
    the grid is empty.
    """
    ends = [torch.linspace(start, end, side) for start, end in zip(low, high, strict=True)]
    grid = torch.tensor([0.5 * (start + end) for start, end in zip(low, high, strict=True)]).repeat(side * side, 1)
    if ends:
        grid[:, 0] = ends[0].repeat(side)
    if len(ends) > 1:
        grid[:, 1] = ends[1].repeat_interleave(side)
    return grid

"""Changes that move whole pixels: flips, turns by 90° and shifts, at the same values (arXiv 2006.06676, appendix B)."""

import torch
from torch import Tensor

FARTHEST = 0.125  # of a side


def chosen(count: int, p: float, generator: torch.Generator) -> Tensor:
    """Return which of some images are changed, each with probability p: (count,), bool."""
    return torch.rand(count, generator=generator, device=generator.device) < p


def blit(images: Tensor, p: float, generator: torch.Generator, *, quarters: bool = True) -> Tensor:
    """Flip, turn and shift images (n, 1, side, side), each with probability p.

    A chosen image is flipped with probability ½, is turned by one of four multiples of 90° (of 180° without
    `quarters`), and shifted by up to an eighth of its side along each axis, its borders mirrored. As these choices hold
    the identity, and as often as each other one, they can be told from p = 1 alone (section 2.2 of the paper).
    """
    count, side = len(images), images.shape[-1]
    device = generator.device

    def whole(low: int, high: int) -> Tensor:
        number = torch.randint(low, high + 1, (count,), generator=generator, device=device)
        return torch.where(chosen(count, p, generator), number, 0)

    flip, turn = whole(0, 1), whole(0, 3) if quarters else 2 * whole(0, 1)
    farthest = round(FARTHEST * side)
    down, right = whole(-farthest, farthest), whole(-farthest, farthest)
    rows, columns = _mirrored(side, down), _mirrored(side, right)  # (n, side): where output pixels come from
    swapped = (turn % 2 == 1)[:, None, None]
    upside = (turn == 2) | (turn == 3)
    mirrored = (turn == 1) | (turn == 2)
    y, x = rows[:, :, None].expand(-1, -1, side), columns[:, None, :].expand(-1, side, -1)
    y, x = torch.where(swapped, x, y), torch.where(swapped, y, x)
    y = torch.where(upside[:, None, None], side - 1 - y, y)
    x = torch.where((mirrored ^ (flip == 1))[:, None, None], side - 1 - x, x)
    return images[torch.arange(count, device=device)[:, None, None], 0, y, x][:, None]


def _mirrored(side: int, shift: Tensor) -> Tensor:
    """Return indices of pixels after a shift, borders mirrored without doubling them: (n, side)."""
    places = torch.arange(side, device=shift.device) - shift[:, None]
    places = places.abs()
    return torch.where(places > side - 1, 2 * (side - 1) - places, places)

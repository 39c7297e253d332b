"""Where the pixels of a patch lie in an object that was turned, scaled and moved.

A patch is an object o(r) that was scaled by s, turned by θ and moved by Δ: the pixel at r shows o(R(−θ)(r − Δ) / s).
r = (x, y), x to the right and y down, in half windows: the middles of the outermost pixels of the longer side are at
−1 and 1. θ in rad turns x towards y, on a screen clockwise (Bepler et al., Explicitly disentangling image content
from translation and rotation with spatial-VAE, NeurIPS 2019).
"""

import torch
from torch import Tensor


def pixel_grid(shape: tuple[int, int], *, device: torch.device | str | None = None) -> Tensor:
    """Return the places x, y of the pixels of a patch (h, w) in half windows, (h·w, 2), rows first."""
    half = max(1.0, 0.5 * (max(shape) - 1))
    y, x = ((torch.arange(side, device=device, dtype=torch.float32) - 0.5 * (side - 1)) / half for side in shape)
    return torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1).reshape(-1, 2)


def turned(vectors: Tensor, angle: Tensor) -> Tensor:
    """Turn vectors (..., 2), x and y, by angles (...) in rad, x towards y."""
    x, y = vectors.unbind(-1)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    return torch.stack((cosine * x - sine * y, sine * x + cosine * y), dim=-1)


def places_in_object(places: Tensor, angle: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Return where in the object pixels lie: R(−θ)(r − Δ) / s.

    `places` (p, 2) or (n, p, 2); `angle` (n,) in rad, `shift` (n, 2) in half windows, `scale` (n,): (n, p, 2).
    """
    return turned(places - shift[:, None], -angle[:, None]) / scale[:, None, None]

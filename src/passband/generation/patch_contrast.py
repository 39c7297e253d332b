"""PatchNCE: the patch of a translation must be told to come from its own place (Park et al., arXiv 2007.15651).

Which patches are compared matters where most of an image is empty. They come half from atoms and half from what is
beside them where a mask says where atoms are, as CryoGEM does for particles (arXiv 2312.02235), and otherwise half from
where the image varies.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from passband.generation.translator import initialised


def place_weights(images: Tensor, masks: Tensor | None) -> Tensor:
    """Return how likely each pixel is chosen, (n, 1, y, x), of sum 1 in each image.

    Parameters
    ----------
    images
        (n, 1, y, x).
    masks
        The same, above 0 where atoms are; None: the variance within 5 × 5 pixels takes their place.
    """
    if masks is not None:
        chosen = (masks > 0.0).float()
        parts = [chosen, 1.0 - chosen]
    else:
        exact = images.detach().float()
        mean = F.avg_pool2d(exact, 5, stride=1, padding=2, count_include_pad=False)
        square = F.avg_pool2d(exact.square(), 5, stride=1, padding=2, count_include_pad=False)
        parts = [(square - mean.square()).clamp_min(0.0), torch.ones_like(exact)]
    total = sum(part / part.sum(dim=(-2, -1), keepdim=True).clamp_min(1e-12) for part in parts)
    assert isinstance(total, Tensor)
    return total / total.sum(dim=(-2, -1), keepdim=True)


def drawn_places(weights: Tensor, shape: Sequence[int], count: int, generator: torch.Generator) -> Tensor:
    """Return numbers (n, count) of pixels of maps of `shape`, each once, drawn by weights (n, 1, y, x).

    Fewer where the maps have fewer pixels.
    """
    chances = F.adaptive_avg_pool2d(weights, (shape[0], shape[1])).flatten(1)
    floor = 1e-6 / chances.shape[1]  # torch refuses to draw more places than have a chance
    return torch.multinomial(chances + floor, min(count, chances.shape[1]), generator=generator)


def info_nce(queries: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """Return the mean cross-entropy of finding, for each query, the key of its own place among those of its image.

    Both are (n, p, c) of length 1. Where queries equal keys and all are orthogonal it is log(1 + (p − 1) e^(−1/τ));
    where all are the same, log p.
    """
    logits = queries.float() @ keys.float().transpose(-2, -1) / temperature  # (n, p, p)
    own = torch.arange(logits.shape[-1], device=logits.device).expand(logits.shape[:2])
    return F.cross_entropy(logits.flatten(0, 1), own.flatten())


class PatchContrast(nn.Module):
    """Heads that make patches of each depth comparable, and the loss."""

    def __init__(self, widths: Sequence[int], *, projection: int, patches: int, temperature: float) -> None:
        super().__init__()
        self.patches, self.temperature = patches, temperature
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(width, projection), nn.ReLU(), nn.Linear(projection, projection))
            for width in widths
        )
        initialised(self)

    def forward(
        self, before: Sequence[Tensor], after: Sequence[Tensor], weights: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Return the mean loss over depths of maps (n, c, y, x): constants of before, and those after a translation."""
        losses = []
        for head, known, drawn in zip(self.heads, before, after, strict=True):
            places = drawn_places(weights, known.shape[-2:], self.patches, generator)
            keys, queries = (F.normalize(head(_at(maps, places)), dim=-1) for maps in (known, drawn))
            losses.append(info_nce(queries, keys.detach(), self.temperature))
        return torch.stack(losses).mean()


def _at(maps: Tensor, places: Tensor) -> Tensor:
    """Return what maps (n, c, y, x) hold at places (n, p): (n, p, c)."""
    flat = maps.flatten(2).transpose(1, 2)  # (n, y·x, c)
    return flat.gather(1, places[..., None].expand(-1, -1, flat.shape[-1]))

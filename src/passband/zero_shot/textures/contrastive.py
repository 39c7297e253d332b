"""What an encoder of textures learns: crops of one material near one another, those of another one far from them.

Only crops of one image are compared with one another: what tells two images apart, their noise and their blur, is
nothing to learn. The loss is the supervised contrastive one of Khosla et al., NeurIPS 33 (2020) 18661, eq. 2.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from passband.zero_shot.textures.encoder import TextureEncoder

TEMPERATURE = 0.1


class CropBatch(NamedTuple):
    """Crops (n, 1, side, side) of several images; of each, image and material."""

    crops: Tensor
    image: Tensor
    material: Tensor


class ContrastiveLearner(nn.Module):
    """An encoder with its objective, as `passband.training.fit` asks for it."""

    def __init__(self, encoder: TextureEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def loss(self, batch: CropBatch, *, step: int) -> Tensor:
        """Contrastive loss of a batch; nothing in it is random."""
        return contrastive_loss(*self._encoded(batch))

    def validate(self, name: str, batches: Iterable[CropBatch]) -> Mapping[str, float]:
        """Mean loss, and retrieval: the share of crops whose nearest other crop of their image is of their material."""
        encoded = [self._encoded(batch) for batch in batches]
        losses = [float(contrastive_loss(*one)) for one in encoded]
        found = torch.cat([nearest_is_alike(*one) for one in encoded])
        return {"training_loss": sum(losses) / len(losses), "retrieval": float(found.double().mean())}

    def _encoded(self, batch: CropBatch) -> tuple[Tensor, Tensor, Tensor]:
        device = next(self.parameters()).device
        return self.encoder(batch.crops.to(device)), batch.image.to(device), batch.material.to(device)


def contrastive_loss(features: Tensor, image: Tensor, material: Tensor) -> Tensor:
    """Mean over crops of −log of the share of their own material in what is near them, among crops of their image."""
    near = features.float() @ features.float().T / TEMPERATURE
    others = _others(image)
    alike = others & (material[:, None] == material[None])
    share = near - torch.logsumexp(near.masked_fill(~others, -torch.inf), dim=1, keepdim=True)
    partners = alike.sum(1)
    paired = partners > 0
    summed = -share.masked_fill(~alike, 0.0).sum(1)[paired]
    return (summed / partners[paired]).mean()


def nearest_is_alike(features: Tensor, image: Tensor, material: Tensor) -> Tensor:
    """Whether the nearest other crop (n,) of the same image is of the same material."""
    near = (features.float() @ features.float().T).masked_fill(~_others(image), -torch.inf)
    return material[near.argmax(1)] == material


def _others(image: Tensor) -> Tensor:
    """Whether crop j is another one of the image of crop i."""
    same = image[:, None] == image[None]
    return same & ~torch.eye(len(image), dtype=torch.bool, device=image.device)

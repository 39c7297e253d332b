"""A small network that turns crops of an image into vectors: near for one material, far for another.

It is fully learned on simulated lattices (`zero_shot.contrastive`), and holds no size of a pixel: a crop is resized to
the network's side, so that its scale follows the size of the crops, which should follow the lattice.
"""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, JsonValue
from torch import Tensor, nn
from torch.nn import functional as F

from passband.recipe import PassbandError, Recipe
from passband.segmentation.saving import load_network, read_card_as, save_network
from passband.segmentation.shipped import shipped_folder

SHIPPED = "textures/encoder"
AT_ONCE = 256  # crops
MOST = 8.0  # standard deviations from the mean of the image, beyond which a pixel says nothing more
RINGS = 24  # of the spectrum


class EncoderRecipe(Recipe):
    """Sizes of the network.

    Attributes
    ----------
    side
        Pixels that every crop is resized to.
    width
        Channels of the first layer; the others have two and four times as many.
    features
        Of a crop.
    """

    side: int = Field(default=64, ge=16, le=512, multiple_of=8)
    width: int = Field(default=24, ge=4, le=256)
    features: int = Field(default=64, ge=2, le=1024)

    def build(self) -> "TextureEncoder":
        """Build the network; its random start comes from torch's global generator."""
        return TextureEncoder(self)

    def build_meta(self) -> nn.Module:
        """Build it on the meta device: the shapes of its tensors without their numbers."""
        with torch.device("meta"):
            return self.build()

    def may_have(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Whether tensors of these shapes can be its own: its sizes are bounded, so `build_meta` may say."""
        return True


class TextureEncoder(nn.Module):
    """Means and deviations of three levels of filters, and rings of the spectrum, joined to features of length 1."""

    rings: Tensor

    def __init__(self, recipe: EncoderRecipe) -> None:
        super().__init__()
        one, two, four = recipe.width, 2 * recipe.width, 4 * recipe.width
        self.fine = nn.Sequential(nn.Conv2d(1, one, 5, stride=2, padding=2), nn.BatchNorm2d(one), nn.ReLU())
        self.middle = nn.Sequential(_layer(one, two, stride=2), _layer(two, two))
        self.coarse = nn.Sequential(_layer(two, four, stride=2), _layer(four, four))
        pooled = 2 * (1 + one + two + four) + RINGS
        self.head = nn.Sequential(
            nn.LayerNorm(pooled), nn.Linear(pooled, 128), nn.ReLU(), nn.Linear(128, recipe.features)
        )
        self.register_buffer("rings", _rings(recipe.side), persistent=False)

    def forward(self, crops: Tensor) -> Tensor:
        """Features (n, features), of length 1, of crops (n, 1, side, side), see `prepared`."""
        fine = self.fine(crops)  # (n, w, side/2, side/2)
        middle = self.middle(fine)  # (n, 2w, side/4, side/4)
        coarse = self.coarse(middle)  # (n, 4w, side/8, side/8)
        pooled = [part for level in (crops, fine, middle, coarse) for part in _moments(level)]
        return F.normalize(self.head(torch.cat([*pooled, self._spectrum(crops)], dim=1)), dim=1)

    def _spectrum(self, crops: Tensor) -> Tensor:
        """Logarithm of the mean power (n, rings) in each ring of frequencies, whatever the direction."""
        plane = crops[:, 0].float()
        window = torch.hann_window(plane.shape[-1], device=plane.device)
        power = torch.fft.rfft2((plane - plane.mean((1, 2), keepdim=True)) * window[:, None] * window).abs().square()
        return torch.log(power.flatten(1) @ self.rings + 1e-3)


def _layer(before: int, after: int, *, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU())


def _moments(level: Tensor) -> tuple[Tensor, Tensor]:
    flat = level.flatten(2)
    return flat.mean(2), (flat.var(2, correction=0) + 1e-4).sqrt()


def _rings(side: int) -> Tensor:
    """Weights (side·(side/2 + 1), RINGS) that average a half plane of frequencies over rings up to Nyquist's."""
    y, x = torch.fft.fftfreq(side)[:, None], torch.fft.rfftfreq(side)[None]
    ring = (torch.hypot(y, x) * 2.0 * RINGS).long().flatten()
    weights = F.one_hot(ring.clamp(max=RINGS), RINGS + 1)[:, :RINGS].float()
    return weights / weights.sum(0).clamp(min=1.0)


class EncoderCard(Recipe):
    """What must be known of a trained encoder; `weights_sha256` is filled in by `save_encoder`.

    Attributes
    ----------
    name
        Of the encoder.
    architecture
        Recipe of the network.
    data, training
        What it was trained on and how, as plain values.
    scores
        On crops of held-out images.
    seed, cost
        Random seed; cost such as `{"seconds": 1200, "device": "cpu"}`.
    licence, citation, notes
        Text.
    weights_sha256
        Of the weights file.
    """

    name: str = "encoder"
    architecture: EncoderRecipe = EncoderRecipe()
    data: dict[str, JsonValue] = Field(default={})
    training: dict[str, JsonValue] = Field(default={})
    scores: dict[str, JsonValue] = Field(default={})
    seed: int = 0
    cost: dict[str, JsonValue] = Field(default={})
    licence: str = "BSD-3-Clause"
    citation: str = ""
    notes: str = ""
    weights_sha256: str = ""


class Encoder:
    """A trained encoder, ready for crops."""

    name = "encoder"

    def __init__(self, network: TextureEncoder, card: EncoderCard, *, device: torch.device | str | None = None) -> None:
        self.device = torch.device(device or "cpu")
        self.network = network.to(self.device).eval()
        self.card = card

    @torch.inference_mode()
    def embed(self, crops: NDArray[np.float32], pixel_size: float | None = None) -> NDArray[np.float32]:
        """Features (n, features), of length 1, of crops (n, y, x) of an image of mean 0 and standard deviation 1.

        The cosine of two says how alike they are; each crop is looked at for itself. `pixel_size` is not used.

        Raises
        ------
        PassbandError
            The crops are not (n, y, x), or not finite.
        """
        if crops.ndim != 3 or not np.isfinite(crops).all():
            raise PassbandError(
                f"crops of shape {crops.shape} must be (n, y, x) of finite numbers; stack and mend them"
            )
        if not len(crops):
            return np.zeros((0, self.card.architecture.features), dtype=np.float32)
        side = self.card.architecture.side
        whole = torch.from_numpy(np.ascontiguousarray(crops, dtype=np.float32))
        parts = [self.network(prepared(part.to(self.device), side)).cpu() for part in torch.split(whole, AT_ONCE)]
        return np.asarray(torch.cat(parts).numpy())


def prepared(crops: Tensor, side: int) -> Tensor:
    """Crops (n, y, x) of an image of mean 0 and standard deviation 1 as (n, 1, side, side), within ±8."""
    return F.interpolate(crops[:, None].clamp(-MOST, MOST), size=(side, side), mode="bilinear", antialias=True)


def load_encoder(folder: str | PathLike[str] | None = None, *, device: torch.device | str | None = None) -> Encoder:
    """Read an encoder from its folder, or the one that comes with passband.

    Raises
    ------
    ModelError
        The folder holds none, or its weights do not fit its card.
    """
    place = Path(folder) if folder is not None else shipped_folder(SHIPPED)
    card = read_card_as(EncoderCard, place)
    network = load_network(place, card.architecture, card.weights_sha256)
    assert isinstance(network, TextureEncoder)  # its recipe builds no other
    return Encoder(network, card, device=device)


def save_encoder(folder: Path, network: TextureEncoder, card: EncoderCard) -> EncoderCard:
    """Write an encoder and its card; returns the card with the hash of the weights.

    Raises
    ------
    ModelError
        The weights do not fit the card or are not finite, or the folder cannot be written.
    """
    return save_network(folder, network, card.architecture, card)

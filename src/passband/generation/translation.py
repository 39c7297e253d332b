"""A trained translation: networks and a card in a folder, applied to images of any size."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, JsonValue
from torch import nn

from passband.generation.alarms import preservation
from passband.generation.domain import Domain, Levels
from passband.generation.translation_recipe import AnyTranslator, TranslationRecipe
from passband.patches.resampling import resample_to_pixel
from passband.patches.standardising import check_image
from passband.patches.tiling import predict_tiled
from passband.pixels import pixel_pair
from passband.recipe import PassbandError, Recipe
from passband.segmentation.saving import load_network, read_card_as, save_network
from passband.segmentation.weights import ModelError

TILE, OVERLAP = 512, 128  # pixels
Way = Literal["there", "back"]


class TranslationNetworks(Recipe):
    """The generators of a translation, as weights are compared with them."""

    generator: AnyTranslator
    ways: tuple[Way, ...] = ("there",)

    def may_have(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Whether tensors of these shapes can be its own."""
        return self.generator.may_have(shapes)

    def build(self) -> nn.ModuleDict:
        """Build the networks; their random start comes from torch's global generator."""
        return nn.ModuleDict({way: self.generator.build() for way in self.ways})

    def build_meta(self) -> nn.ModuleDict:
        """Build them without the numbers of their tensors."""
        with torch.device("meta"):
            return self.build()


class DomainCard(Recipe):
    """What is known of one domain that a translation learned from.

    Attributes
    ----------
    levels
        Scaling of its median image: translations into the domain are in these units.
    images
        How many.
    smallest, largest
        Sides (y, x) of the smallest and the largest image, pixels.
    noise
        Median noise, as `passband.generation.domain.Domain.noise`.
    """

    levels: Levels
    images: int
    smallest: tuple[int, int]
    largest: tuple[int, int]
    noise: float

    @classmethod
    def of(cls, domain: Domain) -> Self:
        """Return what is known of a domain."""
        levels = [Levels.of(image) for image in domain.images]
        shapes = sorted((image.shape for image in domain.images), key=lambda shape: shape[0] * shape[1])
        middle = Levels(
            offset=float(np.median([one.offset for one in levels])), gain=float(np.median([one.gain for one in levels]))
        )
        return cls(
            levels=middle, images=len(levels), smallest=shapes[0], largest=shapes[-1], noise=round(domain.noise(), 6)
        )


class TranslationCard(Recipe):
    """What must be known of a translation.

    Attributes
    ----------
    recipe
        Method, networks, crops and noise.
    networks
        The generators that are kept.
    pixel_size
        Å, at which they see.
    simulated, real
        The domains.
    training
        Recipe of the training, as plain values.
    scores
        Of the last validation.
    alarms, remarks
        What was wrong with that, and what was told before the training; lines.
    seconds
        That the training took.
    """

    kind: Literal["translation"]
    recipe: TranslationRecipe
    networks: TranslationNetworks
    pixel_size: float = Field(gt=0.0)
    simulated: DomainCard
    real: DomainCard
    training: dict[str, JsonValue] = Field(default={})
    scores: dict[str, float | None] = Field(default={})
    alarms: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    seconds: float = 0.0
    weights_sha256: str = ""


class Translation:
    """A trained translation, ready to be applied.

    Parameters
    ----------
    networks
        Generators by their way, "there" and maybe "back".
    card
        What is known of them.
    """

    def __init__(self, networks: nn.ModuleDict, card: TranslationCard) -> None:
        self.networks, self.card = networks.eval(), card

    def to(self, device: str | torch.device) -> Self:
        """Move the networks to a device."""
        self.networks.to(device)
        return self

    def save(self, directory: str | Path) -> Self:
        """Write weights and card into a folder."""
        return type(self)(self.networks, save_network(directory, self.networks, self.card.networks, self.card))

    def apply(
        self,
        image: ArrayLike,
        pixel_size: float | tuple[float, float],
        *,
        reverse: bool = False,
        seed: int = 0,
        tile: int = TILE,
    ) -> NDArray[np.float32]:
        """Translate a simulated image to the real domain, or back.

        Parameters
        ----------
        image
            (y, x), of any size: large ones are translated in overlapping tiles that are blended.
        pixel_size
            Å, one number or (y, x); an image of another than the card's is sampled anew.
        reverse
            From real to simulated; of a CycleGAN only.
        seed
            Of the noise that a simulated image gets first: another one gives another micrograph of the same object.
        tile
            Side of a tile, pixels: memory grows with its square.

        Returns
        -------
        NDArray
            (y, x) at the card's pixel size, in the units of the other domain.

        Raises
        ------
        PassbandError
            The image is no image, or there is no way back.
        """
        way: Way = "back" if reverse else "there"
        if way not in self.networks:
            raise PassbandError(
                f"this translation ({self.card.recipe.method.kind}) has no way back; train one with --kind cyclegan"
            )
        array = resample_to_pixel(check_image(image), pixel_pair(pixel_size), self.card.pixel_size)
        scaled = Levels.of(array).scaled(array)
        if not reverse:
            rng = np.random.default_rng(seed)
            noise = rng.standard_normal(scaled.shape, dtype=np.float32)
            scaled = scaled + np.float32(self.card.recipe.noise or 0.0) * noise
        target = self.card.simulated if reverse else self.card.real
        return target.levels.restored(self.translated(scaled, way, tile=tile))

    def alarms(self, image: ArrayLike, pixel_size: float | tuple[float, float], *, seed: int = 0) -> list[str]:
        """Translate a simulated image twice, and say whether columns moved or contrast was inverted, a line each."""
        pristine = resample_to_pixel(check_image(image), pixel_pair(pixel_size), self.card.pixel_size)
        both = [self.apply(pristine, self.card.pixel_size, seed=one) for one in (seed, seed + 2**32)]
        return preservation(pristine[None], np.stack(both)[:, None]).alarms(self.card.recipe.alarms)

    def translated(self, scaled: NDArray[np.float32], way: Way, *, tile: int = TILE) -> NDArray[np.float32]:
        """Give an image (y, x) on the scale −1 to 1 to a generator, in tiles, and return what it makes of it."""
        network, stride = self.networks[way], self.card.recipe.generator.stride
        device = next(network.parameters()).device
        overlap = -(-OVERLAP // stride) * stride
        side = max(2 * overlap, tile // stride * stride)

        def function(tiles: NDArray[np.float32]) -> NDArray[np.float32]:
            with torch.inference_mode():
                out: NDArray[np.float32] = network(torch.from_numpy(tiles).to(device)).float().cpu().numpy()
                return out

        out = predict_tiled(function, scaled, patch=side, overlap=overlap, batch=1, step=stride)
        return np.asarray(out[0])


def load_translation(directory: str | Path, *, device: str = "cpu") -> Translation:
    """Read a translation from its folder.

    Raises
    ------
    ModelError
        A file is missing, altered or of another kind of model, or the weights are of another architecture.
    """
    card = read_card_as(TranslationCard, directory)
    networks = load_network(directory, card.networks, card.weights_sha256)
    if not isinstance(networks, nn.ModuleDict):
        raise ModelError(f"{directory} holds no translation; give the folder that passband translate train wrote")
    return Translation(networks, card).to(device)
